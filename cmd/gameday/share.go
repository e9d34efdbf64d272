package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gameday/cmd/gameday/remote"
	"gameday/engine"
	"gameday/sources/signal"
	"gameday/tui"
)

// share is one session in the hands of several people.
type share struct {
	session *engine.Session
	frames  *engine.Frames
	cockpit tui.Config                    // of everybody, but for what is his own
	people  atomic.Pointer[remote.Server] // nil until the server runs
	state   string                        // where people's layouts are kept
	log     func(format string, args ...any)

	mu    sync.Mutex
	files map[string]*layoutFile // by key
	notes map[string][]time.Time // of viewers, by name: when the last ones were written
}

func newShare(s *engine.Session, cockpit tui.Config, state string, log func(string, ...any)) *share {
	out := &share{session: s, cockpit: cockpit, state: state, log: log, files: map[string]*layoutFile{}, notes: map[string][]time.Time{}}
	out.frames = engine.NewFrames(func(v signal.View) *signal.Frame {
		f := s.Frame(v)
		f.People = out.here()
		return f
	})
	return out
}

func (s *share) here() []signal.Person {
	if server := s.people.Load(); server != nil {
		return server.People()
	}
	return nil
}

// open is a cockpit for a person, with panes of its own.
func (s *share) open(who remote.Key) tui.Config {
	cfg := s.layouts(who).remembering(s.cockpit)
	cfg.Panes = panes()
	op := &operator{Session: s.session, plans: map[string]*engine.Plan{}, by: who.Name, frames: s.frames}
	if who.Role == remote.Operator {
		cfg.Session = op
		return cfg
	}
	cfg.Session = &viewer{frame: op.Frame, experiments: op.Experiments, loads: op.LoadPlans, note: func(text string) { s.note(who.Name, text) }, why: s.session.Why}
	return cfg
}

// layouts is the file of whoever has the key; his cockpits share it.
func (s *share) layouts(who remote.Key) *layoutFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[who.ID()]
	if f == nil {
		f = layoutsOf(s.state, who, s.log)
		s.files[who.ID()] = f
	}
	return f
}

// look is what the greeting tells of.
func (s *share) look() *signal.Frame {
	f := &signal.Frame{Faults: s.session.Faults()}
	if e, ok := s.session.State(); ok {
		f.Experiment = &e
	}
	return f
}

// danger says what runs that an operator must look after. Load that was started together with the system is none.
func (s *share) danger() string {
	active := 0
	for _, f := range s.session.Faults() {
		if f.Phase.Active() {
			active++
		}
	}
	e, ran := s.session.State()
	switch runs := ran && e.Verdict == signal.VerdictNone; {
	case active == 1:
		return "1 fault in force"
	case active > 1:
		return fmt.Sprintf("%d faults in force", active)
	case runs:
		return "an experiment runs"
	}
	if load, by := s.session.LoadBy(); load && by != "" {
		return "load runs that " + by + " started"
	}
	return ""
}

func (s *share) abort(ctx context.Context, reason string) error {
	_, err := s.session.Abort(ctx, reason)
	return err
}

// A viewer's notes are bounded, for they push older entries off the timeline.
const (
	notesAtATime = 10
	notesWithin  = time.Minute
)

// note puts a viewer's remark onto the timeline, unless there were too many: then it says so in its place, once.
func (s *share) note(name, text string) {
	now := time.Now()
	s.mu.Lock()
	recent := s.notes[name]
	for len(recent) > 0 && now.Sub(recent[0]) > notesWithin {
		recent = recent[1:]
	}
	n := len(recent)
	if n <= notesAtATime {
		s.notes[name] = append(recent, now)
	}
	s.mu.Unlock()
	switch {
	case n < notesAtATime:
		s.session.As(name).Note(text)
	case n == notesAtATime:
		s.session.As(name).Event(signal.Event{Kind: signal.EventNote, Outcome: signal.Warning, Title: "notes left out",
			Detail: fmt.Sprintf("more than %d within %s", notesAtATime, notesWithin)})
	}
}

// errViewer is the answer to everything that a viewer may not do.
var errViewer = errors.New("you are a viewer here: an operator has to do it")

// viewer is the session of somebody who looks. It holds what looking takes and nothing else: there is no way from it to the
// session behind.
type viewer struct {
	frame       func(signal.View) *signal.Frame
	experiments func() []tui.Choice
	loads       func() []tui.Choice
	note        func(string)
	why         func(context.Context, signal.WhyAsk) (*signal.Why, error)
}

// Why says what changed.
func (v *viewer) Why(ctx context.Context, ask signal.WhyAsk) (*signal.Why, error) {
	return v.why(ctx, ask)
}

// Frame is the picture.
func (v *viewer) Frame(view signal.View) *signal.Frame { return v.frame(view) }

// Experiments lists what there is.
func (v *viewer) Experiments() []tui.Choice { return v.experiments() }

// LoadPlans lists what there is.
func (v *viewer) LoadPlans() []tui.Choice { return v.loads() }

// Plan is refused: resolving targets takes the session's dice, from which an operator's next draw comes.
func (v *viewer) Plan(context.Context, string) (tui.Plan, error) { return tui.Plan{}, errViewer }

// StartExperiment is refused.
func (v *viewer) StartExperiment(context.Context, string) error { return errViewer }

// StartLoad is refused.
func (v *viewer) StartLoad(context.Context, string) error { return errViewer }

// StopLoad is refused.
func (v *viewer) StopLoad(context.Context) error { return errViewer }

// AdjustLoad is refused.
func (v *viewer) AdjustLoad(context.Context, tui.LoadChange) (string, error) { return "", errViewer }

// Abort is refused: to undo is to end an operator's experiment.
func (v *viewer) Abort(context.Context, string) (tui.Aborted, error) {
	return tui.Aborted{}, errViewer
}

// Proceed is refused.
func (v *viewer) Proceed() error { return errViewer }

// Note leaves a remark, some of them a minute.
func (v *viewer) Note(text string) { v.note(text) }

// Incident is refused.
func (v *viewer) Incident(context.Context, tui.IncidentAct) (string, error) { return "", errViewer }

// Silences is refused: only who may silence needs them.
func (v *viewer) Silences(context.Context) ([]tui.Silence, error) { return nil, errViewer }

// Silence is refused.
func (v *viewer) Silence(context.Context, tui.SilenceAct) (string, error) { return "", errViewer }

// Set is refused.
func (v *viewer) Set(context.Context, string, bool) error { return errViewer }

// Done never ends.
func (v *viewer) Done() <-chan error { return nil }
