package compute

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/cgroup"
	"gameday/chaos/fault/process"
	"gameday/chaos/size"
)

func host(t *testing.T) chaos.Target {
	t.Helper()
	ts, err := Host().Targets(t.Context())
	require.NoError(t, err)
	require.Len(t, ts, 1)
	return ts[0]
}

func tagOf(t *testing.T, undo json.RawMessage) string {
	t.Helper()
	u, err := readHog("test", undo)
	require.NoError(t, err)
	return u.Tag
}

func alive(t *testing.T, undo json.RawMessage) int {
	t.Helper()
	ids, err := tagged(tagOf(t, undo))
	require.NoError(t, err)
	return len(ids)
}

func TestABurnerBurnsItsShareAndIsGone(t *testing.T) {
	f := NewBurn(os.Args[0], BurnCommand)
	require.NoError(t, f.Available())
	c := plan(t, f, chaos.Args{"cores": 1, "load": "40%"}, host(t))
	require.Zero(t, alive(t, c.Undo()), "planning touches nothing")
	require.Contains(t, c.Describe().Title, "40% busy")
	require.NoError(t, c.Apply(t.Context()))
	require.Equal(t, 1, alive(t, c.Undo()))
	require.ErrorContains(t, c.Verify(t.Context()), "still there")
	ids, err := tagged(tagOf(t, c.Undo()))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return cpuTicks(t, ids[0].PID) > 10 }, patience, 10*time.Millisecond)
	n, unit := c.Touched()
	require.NotZero(t, n)
	require.Equal(t, "CPU seconds", unit)
	require.NoError(t, f.Restore(t.Context(), c.Undo()))
	require.Zero(t, alive(t, c.Undo()))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.ErrorContains(t, c.Apply(t.Context()), "taken back")
	require.Zero(t, alive(t, c.Undo()))
}

func TestBallastHoldsWhatWasAskedAndRefusesWhatIsNotThere(t *testing.T) {
	f := NewBallast(os.Args[0], BallastCommand)
	need(t, f)
	c := plan(t, f, chaos.Args{"size": "96MiB"}, host(t))
	require.NoError(t, c.Apply(t.Context()))
	n, unit := c.Touched()
	require.EqualValues(t, 96, n)
	require.Equal(t, "MiB", unit)
	ids, err := tagged(tagOf(t, c.Undo()))
	require.NoError(t, err)
	require.Len(t, ids, 1)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", ids[0].PID))
	require.NoError(t, err)
	require.Equal(t, "1000\n", string(status), "the kernel ends it before anything else")
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	n, _ = c.Touched()
	require.EqualValues(t, 96, n, "what it held is remembered")

	free, err := MemAvailable()
	require.NoError(t, err)
	for _, bad := range []chaos.Args{{"size": size.String(2 * free)}, {"leave": "1MiB"}, {"leave": size.String(2 * free)}, {"size": "lots"}, {"size": "0"}} {
		args, errs := chaos.CheckArgs(f.Params(), bad)
		require.Empty(t, errs)
		_, err := f.Plan(t.Context(), []chaos.Target{host(t)}, args)
		require.Error(t, err, "%v", bad)
	}
}

func TestBallastLeavesTheMarginWhenOthersWereFaster(t *testing.T) {
	free, err := MemAvailable()
	if err != nil {
		t.Skip(err)
	}
	var out strings.Builder
	stop := make(chan struct{})
	close(stop)
	require.NoError(t, hold(stop, &out, 1<<40, free+1<<30))
	require.Equal(t, "ready 0\n", out.String())
	require.ErrorContains(t, hold(make(chan struct{}), io.Discard, 1<<40, 4*free), "others need the memory")
}

// A burner whose session is killed ends by itself, before any keeper comes.
func TestAHogEndsWithWhoStartedIt(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperSession$", "-test.v")
	cmd.Env = append(os.Environ(), "GAMEDAY_TEST_SESSION=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var undo string
	for s := bufio.NewScanner(out); s.Scan(); {
		if u, ok := strings.CutPrefix(s.Text(), "undo "); ok {
			undo = u
			break
		}
	}
	require.NotEmpty(t, undo)
	require.Equal(t, 1, alive(t, json.RawMessage(undo)))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	require.Eventually(t, func() bool { return alive(t, json.RawMessage(undo)) == 0 }, patience, 5*time.Millisecond)
}

func TestHelperSession(t *testing.T) {
	if os.Getenv("GAMEDAY_TEST_SESSION") == "" {
		t.Skip("it is the session that another test kills")
	}
	c := plan(t, NewBurn(os.Args[0], BurnCommand), chaos.Args{"cores": 1, "load": "1%"}, host(t))
	require.NoError(t, c.Apply(t.Context()))
	fmt.Printf("\nundo %s\n", c.Undo())
	time.Sleep(patience)
}

func TestAHogHasADeadlineOfItsOwn(t *testing.T) {
	var out, errs strings.Builder
	never, end := io.Pipe()
	defer end.Close()
	require.Zero(t, Main(BurnCommand, []string{tagPrefix + "x", "-cores", "1", "-load", "1", "-for", "10ms"}, never, &out, &errs))
	require.Equal(t, "ready 1\n", out.String())
	require.Equal(t, 2, Main(BurnCommand, []string{"-cores", "1"}, never, &out, &errs))
	require.Contains(t, errs.String(), "started by gameday itself")
	require.Equal(t, 2, Main(BurnCommand, []string{tagPrefix + "x", "-nonsense"}, never, &out, &errs))
}

func TestAProgramThatIsNoHogIsReported(t *testing.T) {
	c := plan(t, NewBurn("/bin/echo", "no burner"), nil, host(t))
	require.ErrorContains(t, c.Apply(t.Context()), "did not begin: no burner")
	require.NoError(t, c.Revert(t.Context()))
	c = plan(t, NewBurn("/no/such/program"), nil, host(t))
	require.Error(t, c.Apply(t.Context()))
	require.NoError(t, c.Revert(t.Context()))
	require.Error(t, NewBurn().Available())
	hung := plan(t, NewBurn("/bin/sh", "-c", "exec sleep 300 #"), nil, host(t))
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, hung.Apply(short), context.DeadlineExceeded)
	require.NoError(t, hung.Revert(t.Context()))
	require.NoError(t, hung.Verify(t.Context()))
	for _, bad := range []string{`{}`, `{"tag":"gameday-hog-"}`, `{"tag":"sh"}`, `7`} {
		require.Error(t, NewBurn().Restore(t.Context(), json.RawMessage(bad)), bad)
		require.Empty(t, NewBurn().Remedy([]byte(bad)))
	}
}

func TestProcessesThatALabelFindsHaveAQuotaEach(t *testing.T) {
	need(t, NewCPU())
	a, _ := target(t, "spin")
	b, _ := target(t, "spin")
	ts, err := process.NewFinder().Find(t.Context(), chaos.TargetProcess, chaos.Selector{Labels: map[string]string{"process": "compute.test"}})
	if err != nil { // only this test itself goes by the name
		require.ErrorContains(t, err, "refused")
		return
	}
	var hit []chaos.Target
	for _, f := range ts {
		if f.PID == a.PID || f.PID == b.PID {
			hit = append(hit, f)
		}
	}
	require.Len(t, hit, 2)
	c := plan(t, NewCPU(), chaos.Args{"scope": "process"}, hit...)
	require.NoError(t, c.Apply(t.Context()))
	require.NotEqual(t, home(t, a, cgroup.CPU), home(t, b, cgroup.CPU), "each has a quota of its own")
	require.NoError(t, c.Revert(t.Context()))
	require.Equal(t, home(t, a, cgroup.CPU), home(t, b, cgroup.CPU))
}
