package k6

import (
	"os/exec"
	"syscall"
)

// attributes makes k6 end with gameday however that ends, and keeps the terminal's Ctrl-C for gameday to pass on.
func attributes(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
