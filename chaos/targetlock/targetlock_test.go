//go:build unix

package targetlock_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/targetlock"
)

// TestMain is also the other process of the test below: it takes the locks and waits to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("GAMEDAY_LOCK_HELPER"); dir != "" {
		held, err := targetlock.Dir(dir).Acquire(targetlock.Holder{Experiment: "theirs", Session: "s2", PID: os.Getpid()}, []string{"payment"})
		if err != nil {
			os.Exit(3)
		}
		os.Stdout.WriteString("held\n")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		_ = held.Release()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestOneAtATime(t *testing.T) {
	dir := targetlock.Dir(filepath.Join(t.TempDir(), "locks"))
	mine := targetlock.Holder{Experiment: "payment-slow", Session: "s1", PID: 7, Since: time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)}
	held, err := dir.Acquire(mine, []string{"payment", "checkout→payment", "payment"})
	require.NoError(t, err, "a name that comes twice is one lock")

	_, err = dir.Acquire(targetlock.Holder{Experiment: "other"}, []string{"cart", "payment"})
	var busy *targetlock.BusyError
	require.ErrorAs(t, err, &busy)
	require.Equal(t, mine, busy.Holder)
	require.EqualError(t, err, "payment is under the experiment payment-slow of session s1 (process 7) since 09:30:00; wait for its end, or abort it there")

	other, err := dir.Acquire(targetlock.Holder{Experiment: "other"}, []string{"cart"})
	require.NoError(t, err, "what was taken beside the busy one was given back")
	require.NoError(t, other.Release())
	require.NoError(t, held.Release())
	require.NoError(t, held.Release())
	again, err := dir.Acquire(mine, []string{"payment"})
	require.NoError(t, err)
	require.NoError(t, again.Release())
}

func TestTheKernelGivesItBack(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GAMEDAY_LOCK_HELPER="+dir)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)
	_, err = targetlock.Dir(dir).Acquire(targetlock.Holder{Experiment: "mine"}, []string{"payment"})
	var busy *targetlock.BusyError
	require.ErrorAs(t, err, &busy)
	require.Equal(t, "theirs", busy.Holder.Experiment)
	require.Equal(t, cmd.Process.Pid, busy.Holder.PID)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	held, err := targetlock.Dir(dir).Acquire(targetlock.Holder{Experiment: "mine"}, []string{"payment"})
	require.NoError(t, err)
	require.NoError(t, held.Release())
}
