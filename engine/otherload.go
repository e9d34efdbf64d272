package engine

import (
	"context"
	"time"

	"gameday/engine/load"
	"gameday/sources/signal"
)

// OtherLoad is a load that something else makes and the session starts, shows and ends as it does its own: a script that
// another tool runs, or the parts of a plan that run on other machines.
type OtherLoad struct {
	ID     string // what the operator picks it by; no load plan has the same
	Title  string
	Detail string        // one line: how much of what, or where it comes from
	Takes  time.Duration // 0 when that is not known
	// Start begins it and returns once it runs. When ctx ends it is to be stopped. emit gets metrics, until Done is closed.
	Start func(ctx context.Context, emit func([]signal.MetricPoint)) (OtherRun, error)
}

// OtherRun is one run of an OtherLoad. Its methods are safe for concurrent use.
type OtherRun interface {
	// State is how it stands. It is asked several times a second and must answer from memory.
	State() signal.LoadState
	// Stop ends it, or only the looking at it, and need not wait for that.
	Stop()
	// Done is closed when it has ended.
	Done() <-chan struct{}
	// Err is why it came to nothing, or nil. It is asked when it has ended.
	Err() error
}

// ownRun is a run of ours as one among others. What it comes to is in its result.
type ownRun struct{ *load.Run }

func (ownRun) Err() error { return nil }

func (s *Session) otherLoad(id string) *OtherLoad {
	for i := range s.cfg.OtherLoads {
		if s.cfg.OtherLoads[i].ID == id {
			return &s.cfg.OtherLoads[i]
		}
	}
	return nil
}

// replaceByOther stops the load that runs and starts one that is made elsewhere.
func (s *Session) replaceByOther(o *OtherLoad, by string) error {
	return s.replace(o.Title, by, func() (OtherRun, *load.Run, error) {
		run, err := o.Start(s.ctx, s.emitLoad)
		return run, nil, err
	})
}
