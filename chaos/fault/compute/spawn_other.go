//go:build !linux

package compute

import "syscall"

// attributes: signals to our terminal do not reach the process. That we died it learns from its standard input alone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
