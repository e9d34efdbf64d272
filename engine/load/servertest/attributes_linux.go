package servertest

import (
	"os/exec"
	"os/user"
	"syscall"
	"testing"
)

// quit ends PostgreSQL without waiting for who is connected. Unlike being killed it ends its children, too.
const quit = syscall.SIGQUIT

// attributes have the server run as who, and killed when the test dies without a chance to clean up.
func attributes(t testing.TB, cmd *exec.Cmd, who *user.User) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if who != nil {
		uid, gid := ids(t, who)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
}
