package compute

import "syscall"

// attributes let the kernel end the process when the thread that started it ends. Signals to our terminal do not reach it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
