//go:build !linux

package k6

import "os/exec"

// attributes does nothing: no other system ends a process with its parent.
func attributes(*exec.Cmd) {}
