package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/keeper"
	"gameday/chaos/proc"
	"gameday/sources/scrape"
	"gameday/sources/signal"
)

// The test binary is its own keeper, as gameday is.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "keeper" {
		if err := keeper.Main(context.Background(), keeper.Pipe(), os.Args[2], Catalog()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// one is a system of one process.
type one struct {
	cmd     *exec.Cmd
	id      proc.ID
	stopped chan struct{}
}

func startOne(t *testing.T) *one {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	require.NoError(t, cmd.Start())
	id, err := proc.Of(cmd.Process.Pid)
	require.NoError(t, err)
	o := &one{cmd: cmd, id: id, stopped: make(chan struct{})}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have been stopped by the session
		_ = cmd.Wait()
	})
	return o
}

func (o *one) Targets(context.Context) ([]chaos.Target, error) {
	return []chaos.Target{{Kind: chaos.TargetProcess, Name: "sleeper", PID: o.id.PID, StartTicks: o.id.StartTicks, Labels: map[string]string{"service": "sleeper"}}}, nil
}
func (o *one) ScrapeTargets() []scrape.Target { return nil }
func (o *one) Vars() map[string]string        { return map[string]string{"gateway": "http://127.0.0.1:1"} }
func (o *one) Processes() []signal.Process {
	return []signal.Process{{Name: "sleeper", PID: o.id.PID, State: "up"}}
}
func (o *one) Switches() []signal.Switch { return []signal.Switch{{Name: "patterns"}} }
func (o *one) Set(_ context.Context, name string, _ bool) error {
	if name != "patterns" {
		return errors.New("no such switch")
	}
	return nil
}
func (o *one) Stop(context.Context) error { close(o.stopped); return nil }

const pauseSleeper = `apiVersion: gameday/v1
kind: Experiment
metadata: {name: pause, title: the sleeper is stopped}
hypothesis: Nobody notices.
steadyState:
  probes: [{name: sleeper is there, process: sleeper, expect: "= up", interval: 100ms}]
method: [{for: %s, fault: process.pause, target: {service: sleeper}}]
durations: {before: 300ms, after: 300ms}
`

func config(t *testing.T, sys System, length string) Config {
	t.Helper()
	return Config{
		Name: "test", Environment: "demo", StateDir: t.TempDir(), Exe: os.Args[0], KeeperArgs: []string{"keeper"},
		StartSystem: func(context.Context, Wiring) (System, error) { return sys, nil },
		Experiments: []Document{
			{ID: "pause", File: "pause.yaml", Data: fmt.Appendf(nil, pauseSleeper, length)},
			{ID: "broken", File: "broken.yaml", Data: []byte("kind: Experiment\n")},
		},
	}
}

func session(t *testing.T, cfg Config) *Session {
	t.Helper()
	s, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// paused reports whether the process is stopped by a signal.
func (o *one) paused(t *testing.T) bool {
	t.Helper()
	st, err := o.id.Status()
	require.NoError(t, err)
	return st.Stopped()
}

func startPause(t *testing.T, s *Session, o *one) {
	t.Helper()
	plan, err := s.PlanExperiment(t.Context(), "pause")
	require.NoError(t, err)
	require.False(t, o.paused(t), "planning touches nothing")
	require.NoError(t, s.StartExperiment(plan))
	require.Eventually(t, func() bool { return o.paused(t) }, 20*time.Second, 10*time.Millisecond)
}

func TestAbortTakesEverythingBack(t *testing.T) {
	o := startOne(t)
	s := session(t, config(t, o, "60s"))
	s.Start()
	again, err := s.PlanExperiment(t.Context(), "pause")
	require.NoError(t, err)
	startPause(t, s, o)
	require.ErrorContains(t, s.StartExperiment(again), "is running")

	did, err := s.Abort(t.Context(), "test")
	require.NoError(t, err)
	require.Equal(t, Aborted{Faults: 1, Experiment: true}, did)
	require.False(t, o.paused(t))
	result, ok := s.Wait(t.Context())
	require.True(t, ok)
	require.Equal(t, signal.VerdictAborted, result.State.Verdict)

	now := time.Now()
	f := s.Frame(signal.View{Window: signal.Window{From: now.Add(-time.Minute), To: now.Add(time.Second)}, Live: true})
	require.Equal(t, signal.FaultUndone, f.Faults[0].Phase)
	kinds := map[signal.EventKind]bool{}
	for _, e := range f.Events {
		kinds[e.Kind] = true
	}
	require.True(t, kinds[signal.EventFault] && kinds[signal.EventAbort] && kinds[signal.EventExperiment], "the timeline tells it: %v", f.Events)
	require.Equal(t, "sleeper", f.Processes[0].Name)
}

func TestCloseUndoesWhatIsInForceAndStopsTheSystem(t *testing.T) {
	o := startOne(t)
	cfg := config(t, o, "60s")
	s := session(t, cfg)
	s.Start()
	startPause(t, s, o)
	require.NoError(t, s.Close(t.Context()))
	require.False(t, o.paused(t))
	select {
	case <-o.stopped:
	default:
		t.Fatal("the system was not stopped")
	}
	left, err := filepath.Glob(filepath.Join(JournalDir(cfg.StateDir), "*"))
	require.NoError(t, err)
	require.Empty(t, left, "a clean end leaves no journal")
	require.Error(t, s.StartExperiment(&Plan{}), "nothing starts after the end")
}

func TestExperimentHoldsAndTheNextOneMayRun(t *testing.T) {
	o := startOne(t)
	s := session(t, config(t, o, "500ms"))
	s.Start()
	for range 2 {
		plan, err := s.PlanExperiment(t.Context(), "pause")
		require.NoError(t, err)
		require.NoError(t, s.StartExperiment(plan))
		result, ok := s.Wait(t.Context())
		require.True(t, ok)
		require.Equal(t, signal.VerdictHeld, result.State.Verdict, result.State.Reason)
	}
}

func TestWhatCannotBePlanned(t *testing.T) {
	s := session(t, config(t, startOne(t), "1s"))
	s.Start()
	_, err := s.PlanExperiment(t.Context(), "puase")
	require.ErrorContains(t, err, `did you mean "pause"?`)
	_, err = s.PlanExperiment(t.Context(), "broken")
	require.ErrorContains(t, err, "broken.yaml:1")
	choices := s.Experiments()
	require.Len(t, choices, 2)
	require.Equal(t, "the sleeper is stopped", choices[0].Title)
	require.Error(t, choices[1].Err, "a broken file is listed, with what is wrong")
}

func TestSystemThatDoesNotStart(t *testing.T) {
	cfg := config(t, nil, "1s")
	cfg.StartSystem = func(context.Context, Wiring) (System, error) { return nil, errors.New("no room") }
	s := session(t, cfg)
	s.Start()
	_, err := s.PlanExperiment(t.Context(), "pause")
	require.ErrorContains(t, err, "test did not start: no room")
	require.ErrorContains(t, s.Set(t.Context(), "patterns", true), "before the system is up")
}

func TestCloseWhileTheSystemStarts(t *testing.T) {
	cfg := config(t, nil, "1s")
	cfg.StartSystem = func(ctx context.Context, _ Wiring) (System, error) {
		<-ctx.Done() // it takes for ever
		return nil, ctx.Err()
	}
	s := session(t, cfg)
	s.Start()
	require.NoError(t, s.Close(t.Context()))
}

func TestRulesAreASourceOfTheSession(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.yml")
	require.NoError(t, os.WriteFile(file, []byte("groups: [{name: g, interval: 100ms, rules: [{alert: Always, expr: vector(1), annotations: {summary: 'it is {{ $value }}'}}]}]\n"), 0o600))
	cfg := config(t, startOne(t), "1s")
	cfg.Rules = []string{file}
	s := session(t, cfg)
	s.Start()
	require.Eventually(t, func() bool {
		for _, e := range s.Frame(signal.View{Window: signal.Window{From: time.Now().Add(-time.Hour), To: time.Now()}}).Events {
			if e.Kind == signal.EventAlert && e.Title == "Always" && e.Outcome == signal.Bad && e.Detail == "it is 1" {
				return true
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond, "the alert stands on the timeline")
	cfg = config(t, startOne(t), "1s")
	cfg.Rules = []string{filepath.Join(t.TempDir(), "none.yml")}
	_, err := New(cfg)
	require.ErrorContains(t, err, "none.yml: there is no such file")
}

func TestTakenPortIsAClearErrorAndLeavesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	cfg := config(t, startOne(t), "1s")
	cfg.OTLPGRPC = l.Addr().String()
	_, err = New(cfg)
	require.ErrorContains(t, err, "already in use")
	left, err := filepath.Glob(filepath.Join(JournalDir(cfg.StateDir), "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestConfigSaysAllThatIsMissing(t *testing.T) {
	_, err := New(Config{Ambient: "nothing"})
	require.ErrorContains(t, err, "no name")
	require.ErrorContains(t, err, "environment")
	require.ErrorContains(t, err, "journals")
	require.ErrorContains(t, err, `"nothing"`)
}
