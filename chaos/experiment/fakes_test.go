package experiment_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/chaos"
	"gameday/chaos/experiment"
	"gameday/sources/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fault is an entry of the catalog.
type fault struct {
	kind   string
	hits   chaos.TargetKind
	params []chaos.Param
	kill   bool
}

func (f fault) Kind() string           { return f.kind }
func (f fault) Hits() chaos.TargetKind { return f.hits }
func (f fault) Help() string           { return "help of " + f.kind }
func (f fault) Params() []chaos.Param  { return f.params }
func (f fault) Reversible() bool       { return !f.kill }
func (f fault) Plan(context.Context, []chaos.Target, chaos.Args) (chaos.Change, error) {
	return nil, errors.New("not in this test")
}
func (f fault) Restore(context.Context, json.RawMessage) error { return nil }

var catalog = []chaos.Fault{
	fault{kind: "network.latency", hits: chaos.TargetLink, params: []chaos.Param{
		{Name: "latency", Type: "duration", Required: true, Help: "how much later"}, {Name: "jitter", Type: "duration"}}},
	fault{kind: "network.partition", hits: chaos.TargetLink},
	fault{kind: "process.kill", hits: chaos.TargetProcess, kill: true, params: []chaos.Param{{Name: "signal", Type: "string", OneOf: []string{"KILL", "TERM"}}}},
}

// world is the system, its faults and its load at once. While a fault hurts, what is measured is bad.
type world struct {
	t     *testing.T
	start time.Time

	mu     sync.Mutex
	log    []string // what happened, with the second of the run
	faults []signal.FaultState
	events []signal.Event
	bad    []time.Time // since when and until when something hurts: pairs
	load   bool

	harmless  bool                                    // faults do not hurt
	idle      string                                  // title of a fault that touches nothing
	planErr   error                                   //
	injectErr func(title string) error                //
	injecting func(ctx context.Context, title string) // called while a fault is on its way
	undoErr   func(title string, try int) error
	tries     map[string]int
	loadErr   error
	lasting   time.Duration // how long it hurts after the undo
	blind     func(at time.Duration) bool
	base      func(at time.Duration) float64       // p95 without fault; nil: 50 ms
	late      func(at time.Duration) time.Duration // how long an answer takes
	boom      bool                                 // the load's stop panics
	promErr   func(at time.Duration) bool          // PromQL goes wrong; otherwise it is 1 when this is set
	targets   []string                             // of every planned fault
}

func newWorld(t *testing.T) *world {
	return &world{t: t, start: time.Now(), tries: map[string]int{}}
}

func (w *world) at() time.Duration { return time.Since(w.start) }

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf("%gs ", w.at().Seconds())+fmt.Sprintf(format, args...))
}

func (w *world) Plan(_ context.Context, r chaos.Request) (*chaos.Planned, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.planErr != nil {
		return nil, w.planErr
	}
	p := &chaos.Planned{Kind: r.Kind, Title: r.Title, For: r.For}
	for _, name := range w.targets {
		p.Targets = append(p.Targets, chaos.Target{Name: name})
	}
	return p, nil
}

func (w *world) Inject(ctx context.Context, p *chaos.Planned) (string, error) {
	if w.injecting != nil {
		w.injecting(ctx, p.Title)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.injectErr != nil {
		if err := w.injectErr(p.Title); err != nil {
			return "", err
		}
	}
	s := signal.FaultState{ID: fmt.Sprintf("f%d", len(w.faults)+1), Title: p.Title, Phase: signal.FaultArmed, Touched: 7, Unit: "requests"}
	if p.Title == w.idle {
		s.Touched = 0
	}
	if p.Kind == "process.kill" {
		s.Phase = signal.FaultIrreversible
	}
	w.faults = append(w.faults, s)
	w.note("inject %s", p.Title)
	if !w.harmless && s.Touched > 0 {
		w.bad = append(w.bad, time.Now())
	}
	return s.ID, nil
}

func (w *world) Undo(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.faults {
		if s := &w.faults[i]; s.ID == id && s.Phase.Active() {
			w.tries[s.Title]++
			if w.undoErr != nil {
				if err := w.undoErr(s.Title, w.tries[s.Title]); err != nil {
					s.Phase, s.Err, s.Remedy = signal.FaultNeedsHuman, err.Error(), "gameday recover"
					return err
				}
			}
			s.Phase = signal.FaultUndone
			w.note("undo %s", s.Title)
			if len(w.bad)%2 == 1 {
				w.bad = append(w.bad, time.Now().Add(w.lasting))
			}
		}
	}
	return nil
}

func (w *world) UndoAll(ctx context.Context, reason string) (errs []error) {
	w.mu.Lock()
	w.note("undo all: %s", reason)
	faults := append([]signal.FaultState(nil), w.faults...)
	w.mu.Unlock()
	require.NoError(w.t, ctx.Err(), "an undo gets a context that lives")
	for _, s := range faults {
		if err := w.Undo(ctx, s.ID); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func (w *world) ResumeAfterAbort() {}

func (w *world) States() []signal.FaultState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]signal.FaultState(nil), w.faults...)
}

func (w *world) StartLoad(_ context.Context, ref experiment.LoadRef) (func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.loadErr != nil {
		return nil, w.loadErr
	}
	w.load = true
	w.note("load %s", ref.File)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.load = false
		w.note("load stopped")
		if w.boom {
			panic("boom")
		}
	}, nil
}

func (w *world) event(e signal.Event) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.ID == 0 {
		e.ID = uint64(len(w.events) + 1)
	}
	w.events = append(w.events, e)
	return e.ID
}

var badTrace = signal.TraceID{0xba}

// LoadStat is bad when anything hurt within the look-back window.
func (w *world) LoadStat(stat, _ string, over time.Duration) (float64, bool, signal.TraceID) {
	if w.late != nil {
		time.Sleep(w.late(w.at()))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.load || w.blind != nil && w.blind(w.at()) {
		return 0, false, signal.TraceID{}
	}
	hurt := false
	now := time.Now()
	for i := 0; i < len(w.bad); i += 2 {
		ended := now
		if i+1 < len(w.bad) {
			ended = w.bad[i+1]
		}
		hurt = hurt || w.bad[i].Before(now) && !ended.Before(now.Add(-over))
	}
	if stat == "success" {
		return 1, true, signal.TraceID{}
	}
	if hurt {
		return 0.812, true, badTrace
	}
	if w.base != nil {
		return w.base(w.at()), true, signal.TraceID{}
	}
	return 0.05, true, signal.TraceID{}
}

func (w *world) PromQL(context.Context, string, time.Time) (float64, bool, signal.TraceID, error) {
	switch {
	case w.promErr == nil:
		return 0, false, signal.TraceID{}, nil
	case w.promErr(w.at()):
		return 0, false, signal.TraceID{}, errors.New("the query is wrong")
	}
	return 1, true, signal.TraceID{}, nil
}

func (w *world) CountLogs(context.Context, string, time.Duration) (int, signal.TraceID, error) {
	return 0, signal.TraceID{}, nil
}

func (w *world) TraceStat(context.Context, string, string, time.Duration) (float64, bool, signal.TraceID, error) {
	return 0, false, signal.TraceID{}, nil
}

func (w *world) ProcessState(string) (string, bool) { return "up", true }

func (w *world) config(e *experiment.Experiment) experiment.RunConfig {
	return experiment.RunConfig{Experiment: e, Controller: w, Observer: w, Load: w, Event: w.event, Environment: "demo"}
}
