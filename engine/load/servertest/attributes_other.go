//go:build !linux

package servertest

import (
	"os"
	"os/exec"
	"os/user"
	"testing"
)

var quit = os.Interrupt

// attributes cannot change the user here.
func attributes(t testing.TB, _ *exec.Cmd, who *user.User) {
	t.Helper()
	if who != nil {
		t.Skipf("running a server as %s is only known on Linux", who.Username)
	}
}
