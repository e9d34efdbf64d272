package process

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/proc"
)

const patience = 20 * time.Second

func sleeper(t *testing.T, name string) (*exec.Cmd, chaos.Target) {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // may have ended
		_ = cmd.Wait()
	})
	id, err := proc.Of(cmd.Process.Pid)
	require.NoError(t, err)
	return cmd, chaos.Target{Kind: chaos.TargetProcess, Name: name, PID: id.PID, StartTicks: id.StartTicks}
}

func stopped(t chaos.Target) bool {
	st, err := proc.ID{PID: t.PID, StartTicks: t.StartTicks}.Status()
	return err == nil && st.Stopped()
}

func TestPauseStopsAndLetsGoOn(t *testing.T) {
	_, a := sleeper(t, "a")
	cmd, b := sleeper(t, "b")
	f := NewPause()
	c, err := f.Plan(t.Context(), []chaos.Target{a, b}, nil)
	require.NoError(t, err)
	require.False(t, stopped(a), "planning touches nothing")
	require.Equal(t, "a, b paused", c.Describe().Title)
	require.NoError(t, c.Apply(t.Context()))
	require.True(t, stopped(a) && stopped(b))
	n, unit := c.Touched()
	require.EqualValues(t, 2, n)
	require.Equal(t, "processes", unit)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	require.ErrorContains(t, c.Verify(short), "in state T")
	cancel()
	require.Contains(t, f.Remedy(c.Undo()), "kill -CONT")
	require.NoError(t, cmd.Process.Kill()) // one that died meanwhile is no obstacle
	_ = cmd.Wait()
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.False(t, stopped(a))
	require.Empty(t, f.Remedy(c.Undo()))
}

func TestPauseLeavesAloneWhatSomeoneElseStopped(t *testing.T) {
	_, a := sleeper(t, "a")
	f := NewPause()
	c, err := f.Plan(t.Context(), []chaos.Target{a}, nil)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(a.PID, syscall.SIGSTOP))
	require.Eventually(t, func() bool { return stopped(a) }, patience, time.Millisecond)
	require.ErrorContains(t, c.Apply(t.Context()), "stopped already, by someone else")
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.True(t, stopped(a))
	_, err = f.Plan(t.Context(), []chaos.Target{a}, nil)
	require.ErrorContains(t, err, "kill -CONT")
}

func TestRestoreFromTheJournalTouchesOnlyWhatIsOurs(t *testing.T) {
	_, a := sleeper(t, "a")
	f := NewPause()
	c, err := f.Plan(t.Context(), []chaos.Target{a}, nil)
	require.NoError(t, err)
	require.NoError(t, c.Apply(t.Context()))
	other := a
	other.StartTicks++
	undo, err := json.Marshal([]Victim{{"a", proc.ID{PID: other.PID, StartTicks: other.StartTicks}}})
	require.NoError(t, err)
	require.NoError(t, f.Restore(t.Context(), undo))
	require.True(t, stopped(a), "the PID is another process by its start time")
	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.False(t, stopped(a))
	for _, bad := range []string{`{}`, `[{"pid":1,"start_ticks":5}]`, `[{"pid":-1,"start_ticks":5}]`, `[{"pid":77}]`} {
		require.Error(t, f.Restore(t.Context(), json.RawMessage(bad)), bad)
	}
}

func TestOneselfAndOnesParentsAreRefused(t *testing.T) {
	_, a := sleeper(t, "a")
	wrong := a
	wrong.StartTicks++
	for _, f := range []chaos.Fault{NewPause(), NewKill(nil)} {
		for _, target := range []chaos.Target{
			{Kind: chaos.TargetProcess, PID: 1}, {Kind: chaos.TargetProcess, PID: 0}, {Kind: chaos.TargetProcess, PID: os.Getpid()},
			{Kind: chaos.TargetProcess, PID: os.Getppid()}, {Kind: chaos.TargetLink, Name: "x"}, wrong,
		} {
			_, err := f.Plan(t.Context(), []chaos.Target{target}, nil)
			require.Error(t, err, "%s %+v", f.Kind(), target)
		}
		_, err := f.Plan(t.Context(), nil, nil)
		require.ErrorContains(t, err, "no process was selected")
	}
}

func TestKillIsOverWhenTheNameIsBackWithAnotherProcess(t *testing.T) {
	cmd, a := sleeper(t, "payment")
	now := []chaos.Target{a}
	f := NewKill(chaos.InventoryFunc(func(context.Context) ([]chaos.Target, error) { return now, nil }))
	c, err := f.Plan(t.Context(), now, chaos.Args{"signal": "TERM"})
	require.NoError(t, err)
	require.Contains(t, c.Describe().Actions[0], "kill -TERM")
	require.NoError(t, c.Apply(t.Context()))
	err = cmd.Wait()
	require.ErrorContains(t, err, "terminated")
	require.ErrorContains(t, c.Verify(t.Context()), "payment has not come back yet")
	_, again := sleeper(t, "payment")
	now = []chaos.Target{again}
	require.NoError(t, c.Verify(t.Context()))
	require.NoError(t, c.Revert(t.Context()))
	require.ErrorIs(t, c.Apply(t.Context()), proc.ErrGone, "the new process is not hit by the old plan")
	n, _ := c.Touched()
	require.EqualValues(t, 1, n)
	_, err = f.Plan(t.Context(), now, chaos.Args{"signal": "NONSENSE"})
	require.ErrorContains(t, err, "unknown signal")
}

// A busy machine stops a process a moment after SIGSTOP was sent. Who undoes in that moment finds a process that runs, and must
// take the signal away all the same.
func TestAStopThatHasNotTakenEffectYetIsTakenAway(t *testing.T) {
	_, a := sleeper(t, "a")
	group := filepath.Join("/sys/fs/cgroup/freezer", fmt.Sprint("gdpause-", a.PID))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip("skipped: it takes a freezer (cgroup version 1) to hold a process in that moment: ", err)
	}
	write := func(dir, file, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0))
	}
	t.Cleanup(func() {
		write(group, "freezer.state", "THAWED")
		write(filepath.Dir(group), "cgroup.procs", fmt.Sprint(a.PID))
		require.NoError(t, os.Remove(group))
	})
	write(group, "cgroup.procs", fmt.Sprint(a.PID))
	undo, err := json.Marshal([]Victim{{Name: "a", ID: proc.ID{PID: a.PID, StartTicks: a.StartTicks, Boot: proc.BootID()}}})
	require.NoError(t, err)
	write(group, "freezer.state", "FROZEN")
	require.NoError(t, syscall.Kill(a.PID, syscall.SIGSTOP))
	require.NoError(t, NewPause().Restore(t.Context(), undo))
	write(group, "freezer.state", "THAWED")
	require.Never(t, func() bool { return stopped(a) }, 300*time.Millisecond, 10*time.Millisecond)
}
