package engine

import (
	"context"

	"gameday/engine/load"
	"gameday/sources/signal"
)

// Actor is a person at a session that several people share: what is done through it stands on the timeline with the name.
// Its methods are those of Session, and as safe for concurrent use.
type Actor struct {
	s    *Session
	name string
}

// As is the session in the hands of a person. The name must be fit for a screen.
func (s *Session) As(name string) Actor { return Actor{s, name} }

// Event puts an entry onto the timeline and returns its ID.
func (a Actor) Event(e signal.Event) uint64 {
	e.By = a.name
	return a.s.Event(e)
}

// StartExperiment runs a plan that the person has agreed to and returns once it runs.
func (a Actor) StartExperiment(p *Plan) error {
	p.By = a.name
	return a.s.StartExperiment(p)
}

// StartLoad starts a load plan in place of the one that runs, and returns once it runs.
func (a Actor) StartLoad(ctx context.Context, id string) error { return a.s.startLoad(ctx, id, a.name) }

// StopLoad ends the load that runs, and reports whether one did.
func (a Actor) StopLoad() bool {
	stopped := a.s.StopLoad()
	if stopped && a.name != "" {
		a.Event(signal.Event{Kind: signal.EventLoad, Title: "load stopped"})
	}
	return stopped
}

// AdjustLoad changes the load that runs, and says what was done.
func (a Actor) AdjustLoad(how load.Adjustment) (string, error) { return a.s.adjustLoad(how, a.name) }

// Abort undoes everything.
func (a Actor) Abort(ctx context.Context, reason string) (Aborted, error) {
	return a.s.abort(ctx, reason, a.name)
}

// Proceed gives the go-ahead that the experiment waits for.
func (a Actor) Proceed() error {
	err := a.s.Proceed()
	if err == nil && a.name != "" {
		a.Event(signal.Event{Kind: signal.EventExperiment, Title: "go-ahead given"})
	}
	return err
}

// Note puts a remark onto the timeline.
func (a Actor) Note(text string) { a.s.note(text, a.name) }

// Set turns one of the system's switches.
func (a Actor) Set(ctx context.Context, name string, on bool) error {
	return a.s.set(ctx, name, on, a.name)
}

// LoadBy reports whether load runs, and who started it; "" when nobody did.
func (s *Session) LoadBy() (runs bool, by string) {
	s.mu.Lock()
	l := s.load
	s.mu.Unlock()
	if l == nil {
		return false, ""
	}
	select {
	case <-l.Done():
		return false, ""
	default:
		return true, l.by
	}
}

// faultEvent is an entry of the chaos controller. Faults are injected by the experiment that runs, and by nothing else: its
// starter is theirs. One that outlives its experiment keeps the name until another one is started.
func (s *Session) faultEvent(e signal.Event) uint64 {
	s.mu.Lock()
	run := s.run
	s.mu.Unlock()
	if run != nil {
		e.By = run.recording.plan.By
	}
	return s.Event(e)
}
