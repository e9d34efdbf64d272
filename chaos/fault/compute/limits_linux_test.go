package compute

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/cgroup"
)

func plan(t *testing.T, f chaos.Fault, args chaos.Args, targets ...chaos.Target) chaos.Change {
	t.Helper()
	args, errs := chaos.CheckArgs(f.Params(), args)
	require.Empty(t, errs)
	c, err := f.Plan(t.Context(), targets, args)
	require.NoError(t, err)
	return c
}

func TestAQuotaThrottlesTheTargetAndIsTakenOff(t *testing.T) {
	f := NewCPU()
	need(t, f)
	spin, _ := target(t, "spin")
	before := home(t, spin, cgroup.CPU)
	c := plan(t, f, chaos.Args{"millicores": 50}, spin)
	require.Equal(t, before, home(t, spin, cgroup.CPU), "planning touches nothing")
	require.Equal(t, "spin at 0.05 cores", c.Describe().Title)
	require.Contains(t, strings.Join(c.Describe().Actions, "\n"), "mkdir ")
	require.NoError(t, c.Apply(t.Context()))
	in := home(t, spin, cgroup.CPU)
	require.Contains(t, filepath.Base(in.Dir), "gameday-")
	require.Eventually(t, func() bool {
		for l := range strings.Lines(in.Read("cpu.stat")) {
			if n, ok := strings.CutPrefix(l, "nr_throttled "); ok {
				throttled, err := strconv.Atoi(strings.TrimSpace(n))
				return err == nil && throttled >= 5
			}
		}
		return false
	}, patience, 10*time.Millisecond, "the kernel counts periods in which it was held back")
	began, ticks := time.Now(), cpuTicks(t, spin.PID)
	time.Sleep(time.Second)
	used := float64(cpuTicks(t, spin.PID)-ticks) / 100 / time.Since(began).Seconds()
	require.Less(t, used, 0.15, "a twentieth of a core was granted")
	t.Logf("%.3f cores of 0.05 granted", used)
	require.Error(t, c.Verify(t.Context()))
	require.Contains(t, f.Remedy(c.Undo()), "rmdir")
	n, unit := c.Touched()
	require.EqualValues(t, 1, n)
	require.Equal(t, "limits", unit)

	require.NoError(t, f.Restore(t.Context(), c.Undo()), "from the journal alone, as in another process")
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.Equal(t, before, home(t, spin, cgroup.CPU))
	require.NoDirExists(t, in.Dir)
	require.Empty(t, f.Remedy(c.Undo()))
	require.ErrorContains(t, c.Apply(t.Context()), "taken back")
	require.NoDirExists(t, in.Dir)
}

func TestAGroupOfTheTargetsOwnIsLimitedInPlace(t *testing.T) {
	f := NewCPU()
	need(t, f)
	spin, _ := target(t, "spin")
	g := home(t, spin, cgroup.CPU)
	dir := filepath.Join(g.Dir, "unit-"+strconv.Itoa(os.Getpid()))
	if g.V2 {
		t.Skip("a group below one with processes cannot be made in version 2")
	}
	require.NoError(t, os.Mkdir(dir, 0o755))
	t.Cleanup(func() {
		_ = os.WriteFile(filepath.Join(g.Dir, "cgroup.procs"), []byte(strconv.Itoa(spin.PID)), 0) // may have ended
		require.Eventually(t, func() bool { return os.Remove(dir) == nil }, patience, 5*time.Millisecond)
	})
	quotaFile := filepath.Join(dir, "cpu.cfs_quota_us")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(spin.PID)), 0))
	read := func() string { return cgroup.Group{Dir: dir}.Read("cpu.cfs_quota_us") }

	c := plan(t, f, chaos.Args{"millicores": 200}, spin)
	require.NoError(t, c.Apply(t.Context()))
	require.Equal(t, "20000", read())
	require.Equal(t, dir, home(t, spin, cgroup.CPU).Dir, "it was not moved")
	require.Contains(t, f.Remedy(c.Undo()), "echo '-1'")
	_, err := f.Plan(t.Context(), []chaos.Target{spin}, chaos.Args{"millicores": 300})
	require.ErrorContains(t, err, "no wider", "a fault never loosens")
	require.NoError(t, c.Revert(t.Context()))
	require.Equal(t, "-1", read())

	c = plan(t, f, nil, spin)
	require.NoError(t, c.Apply(t.Context()))
	require.NoError(t, os.WriteFile(quotaFile, []byte("77000"), 0))
	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.Equal(t, "77000", read(), "what someone else set meanwhile stays")
}

func TestMemoryBeyondTheLimitEndsTheTarget(t *testing.T) {
	f := NewMemory()
	need(t, f)
	hungry, say := target(t, "allocate")
	before := home(t, hungry, cgroup.Memory)
	c := plan(t, f, chaos.Args{"limit": "24MiB", "scope": "process"}, hungry)
	require.NoError(t, c.Apply(t.Context()))
	require.Equal(t, "1", say("more"))
	got := 1
	for got < 200 && say("more") != "" {
		got++
	}
	require.Less(t, got, 30, "the kernel ended it at the limit")
	t.Logf("ended after %d MiB of 24", got)
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))

	hungry, say = target(t, "allocate")
	c = plan(t, f, chaos.Args{"limit": "24MiB", "scope": "process"}, hungry)
	require.NoError(t, c.Apply(t.Context()))
	require.Equal(t, "1", say("more"))
	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.Equal(t, before, home(t, hungry, cgroup.Memory))
	for i := 2; i < 60; i++ {
		require.Equal(t, strconv.Itoa(i), say("more"), "it has what it had")
	}
	_, err := f.Plan(t.Context(), []chaos.Target{hungry}, chaos.Args{"limit": "10"})
	require.ErrorContains(t, err, "less than the 1MiB")
	_, err = f.Plan(t.Context(), []chaos.Target{hungry}, chaos.Args{"limit": "lots"})
	require.ErrorContains(t, err, "is not a size")
}

func TestATargetThatMayStartNothingStartsNothing(t *testing.T) {
	f := NewPIDs()
	need(t, f)
	forks, say := target(t, "fork")
	require.Equal(t, "true", say("go"))
	c := plan(t, f, nil, forks)
	require.NoError(t, c.Apply(t.Context()))
	require.Equal(t, "false", say("go"))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.Equal(t, "true", say("go"))
}

func TestUndosThatAreNotOursAreRefused(t *testing.T) {
	for _, bad := range []string{`{}`, `[]`, `{"moves":[{"group":"/sys/fs/cgroup/cpu/x","home":"/sys/fs/cgroup/cpu","top":"/"}]}`,
		`{"sets":[{"group":"/etc","file":"../passwd","ours":"x","before":"y"}]}`, `{"sets":[{"group":"etc","file":"passwd","ours":"x"}]}`} {
		require.Error(t, NewCPU().Restore(t.Context(), json.RawMessage(bad)), bad)
		require.Empty(t, NewCPU().Remedy([]byte(bad)))
	}
	gone := `{"moves":[{"group":"/sys/fs/cgroup/cpu/gameday-0000","home":"/sys/fs/cgroup/cpu","top":"/sys/fs/cgroup/cpu","process":{"pid":77,"start_ticks":1}}]}`
	require.NoError(t, NewCPU().Restore(t.Context(), json.RawMessage(gone)))
	require.NoError(t, NewCPU().Restore(t.Context(), json.RawMessage(`{"boot":"earlier","sets":[{"group":"/x","file":"y","ours":"1","before":"2"}]}`)))
}

func TestTheMachineAndGamedayAreNeverLimited(t *testing.T) {
	need(t, NewCPU())
	for _, pid := range []int{1, os.Getpid(), os.Getppid()} {
		_, err := NewCPU().Plan(t.Context(), []chaos.Target{{Kind: chaos.TargetProcess, Name: "x", PID: pid}}, chaos.Args{"millicores": 100})
		require.ErrorContains(t, err, "refused")
	}
	spin, _ := target(t, "spin") // in the group of this test: limiting that would limit the test
	_, err := NewMemory().Plan(t.Context(), []chaos.Target{spin}, chaos.Args{"limit": "1GiB", "scope": "group"})
	require.Error(t, err)
}
