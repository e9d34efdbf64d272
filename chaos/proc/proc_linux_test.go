package proc

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func sleeper(t *testing.T) (*exec.Cmd, ID) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may be gone already
		_ = cmd.Wait()
	})
	id, err := Of(cmd.Process.Pid)
	require.NoError(t, err)
	return cmd, id
}

func TestSignalReachesOnlyTheProcessThatWasNamed(t *testing.T) {
	_, id := sleeper(t)
	other := id
	other.StartTicks++
	require.ErrorIs(t, other.Signal(syscall.SIGKILL), ErrGone, "another start time is another process")
	other = id
	other.Boot = "an-earlier-boot"
	require.ErrorIs(t, other.Signal(syscall.SIGKILL), ErrGone)
	require.True(t, id.Alive())

	require.NoError(t, id.Signal(syscall.SIGSTOP))
	require.Eventually(t, func() bool { st, err := id.Status(); return err == nil && st.Stopped() }, 10*time.Second, time.Millisecond)
	require.True(t, id.Alive(), "a stopped process is alive")
	require.NoError(t, id.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { st, err := id.Status(); return err == nil && !st.Stopped() }, 10*time.Second, time.Millisecond)
}

func TestDeadIsGoneReapedOrNot(t *testing.T) {
	cmd, id := sleeper(t)
	require.NoError(t, id.Signal(syscall.SIGKILL))
	require.Eventually(t, func() bool { return !id.Alive() }, 10*time.Second, time.Millisecond, "a zombie counts as gone")
	_ = cmd.Wait() // killed
	require.ErrorIs(t, id.Signal(syscall.SIGCONT), ErrGone)
}

func TestProcessOneAndBelowAreNeverSignalled(t *testing.T) {
	for _, pid := range []int{1, 0, -1} {
		require.Error(t, ID{PID: pid}.Signal(syscall.SIGCONT))
	}
}

func TestStatWithHostileCommandNames(t *testing.T) {
	tail := " T 7 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0"
	st, err := parseStat(9, []byte("9 (a) R 1 ) (x)"+tail))
	require.NoError(t, err)
	require.Equal(t, Status{State: 'T', PPID: 7, StartTicks: 4242}, st)
	for _, bad := range []string{"", "9", "9 (x)", "9 (x) S", "9 (x)" + " TT 7" + tail} {
		_, err := parseStat(9, []byte(bad))
		require.Error(t, err, bad)
	}
}

func TestAncestorsReachFromHereToTheRoot(t *testing.T) {
	pids := Ancestors()
	require.Equal(t, os.Getpid(), pids[0])
	require.Contains(t, pids, os.Getppid())
	require.True(t, Self().Alive())
}
