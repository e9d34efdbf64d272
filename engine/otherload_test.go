package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load"
	"gameday/sources/signal"
)

// elsewhere is a load that something else makes.
type elsewhere struct {
	ctx  context.Context
	once sync.Once
	done chan struct{}
	err  error
}

func (e *elsewhere) State() signal.LoadState {
	return signal.LoadState{Name: "script", Running: true, Done: 7}
}
func (e *elsewhere) Stop()                 { e.once.Do(func() { close(e.done) }) }
func (e *elsewhere) Done() <-chan struct{} { return e.done }
func (e *elsewhere) Err() error            { return e.err }

// TestALoadThatSomethingElseMakes is picked, shown and stopped like a plan, gives way to one, and says why it failed.
func TestALoadThatSomethingElseMakes(t *testing.T) {
	var runs []*elsewhere
	var fault error
	cfg := config(t, startOne(t), "1s")
	cfg.LoadPlans = []Document{{ID: "steady", File: "steady.yaml", Data: []byte(steadyLoad)},
		{ID: "half", File: "half.yaml", Data: []byte(steadyLoad), Err: errors.New("half of it is not understood")}}
	cfg.OtherLoads = []OtherLoad{{ID: "script.js", Title: "script.js", Detail: "a script", Start: func(ctx context.Context, _ func([]signal.MetricPoint)) (OtherRun, error) {
		if fault != nil {
			return nil, fault
		}
		runs = append(runs, &elsewhere{ctx: ctx, done: make(chan struct{})})
		return runs[len(runs)-1], nil
	}}}
	s := session(t, cfg)
	s.Start()
	list := s.LoadPlans()
	require.Len(t, list, 3)
	require.ErrorContains(t, list[1].Err, "not understood")
	require.ErrorContains(t, s.StartLoad(t.Context(), "half"), "not understood")
	require.Equal(t, Choice{ID: "script.js", Title: "script.js", Detail: "a script"}, list[2])
	_, what, _, ok, err := s.DescribeLoad("script.js")
	require.True(t, ok)
	require.NoError(t, err)
	require.Equal(t, "a script", what)

	frame := func() *signal.Frame {
		now := time.Now()
		return s.Frame(signal.View{Window: signal.Window{From: now.Add(-time.Minute), To: now.Add(time.Second)}, Live: true})
	}
	require.NoError(t, s.StartLoad(t.Context(), "script.js"))
	require.Equal(t, "script", frame().Load.Name)
	require.EqualValues(t, 7, frame().Load.Done)
	_, err = s.AdjustLoad(load.Adjustment{Factor: 2})
	require.ErrorContains(t, err, "cannot be changed from here")
	_, known, _ := observer{s}.LoadStat("p95", "", time.Second)
	require.False(t, known, "a probe on a load that is not ours is unknown, never passed")
	require.NoError(t, s.StartLoad(t.Context(), "steady"))
	<-runs[0].done
	require.Equal(t, "steady", frame().Load.Name)

	require.NoError(t, s.StartLoad(t.Context(), "script.js"))
	require.Equal(t, "script", frame().Load.Name, "the plan has given way")
	runs[1].err = errors.New("it could not be read: line 7")
	require.True(t, s.StopLoad())
	var last signal.Event
	for _, e := range frame().Events {
		if e.Kind == signal.EventLoad && e.Title == "script.js" {
			last = e
		}
	}
	require.Equal(t, signal.Bad, last.Outcome)
	require.Contains(t, last.Detail, "line 7")
	fault = errors.New("nothing to run it with")
	require.ErrorContains(t, s.StartLoad(t.Context(), "script.js"), "nothing to run it with")
	require.NoError(t, s.Close(t.Context()))
	require.Error(t, runs[1].ctx.Err(), "what still looks at something ends with the session")
}

// TestAPlansFilesAreFoundBesideIt wherever gameday was started.
func TestAPlansFilesAreFoundBesideIt(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users.csv"), []byte("name\nann\n"), 0o600))
	cfg := config(t, startOne(t), "1s")
	cfg.LoadPlans = []Document{{ID: "fed", File: filepath.Join(dir, "fed.yaml"), Data: []byte(steadyLoad + "feeds: [{file: users.csv}]\n")}}
	s := session(t, cfg)
	s.Start()
	require.NoError(t, s.StartLoad(t.Context(), "fed"))
	require.True(t, s.StopLoad())
}
