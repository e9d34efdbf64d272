//go:build !linux

package fleet

import "os/exec"

// tie does nothing here: the lifeline alone ends the child.
func tie(*exec.Cmd) {}

func startTicks(int) uint64 { return 0 }

func halted(int) bool { return false }
