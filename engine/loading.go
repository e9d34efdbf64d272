package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gameday/engine/load"
	"gameday/sources/signal"
)

// loadRun is one run of a load, and how it is stopped.
type loadRun struct {
	OtherRun
	run  *load.Run // the same when it is our own, or nil
	stop func()    // ends it and waits
	by   string    // who started it, in a session that several people share
}

// StartLoad starts one of the session's load plans in place of the one that runs. It returns once it runs.
func (s *Session) StartLoad(ctx context.Context, id string) error {
	return s.startLoad(ctx, id, "")
}

func (s *Session) startLoad(ctx context.Context, id, by string) error {
	if other := s.otherLoad(id); other != nil {
		return s.replaceByOther(other, by)
	}
	plan, ok := s.docs.plans[id]
	if !ok {
		return fmt.Errorf("there is no load plan %q", id)
	}
	if plan.err != nil {
		return plan.err
	}
	if _, err := s.await(ctx); err != nil {
		return err
	}
	return s.replaceLoad(plan.plan, by)
}

// await waits for the system, so that nothing is fired at something that is not up yet.
func (s *Session) await(ctx context.Context) (System, error) {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if err := s.SystemErr(); err != nil {
		return nil, fmt.Errorf("%s did not start: %w", s.cfg.Name, err)
	}
	return s.System(), nil
}

// replaceLoad stops the load that runs and starts another.
func (s *Session) replaceLoad(plan *load.Plan, by string) error {
	title := plan.Metadata.Title
	if title == "" {
		title = plan.Metadata.Name
	}
	return s.replace(title, by, func() (OtherRun, *load.Run, error) {
		run, err := load.Start(s.ctx, plan, load.Options{Vars: s.vars(), Seed: s.cfg.Seed, Emit: s.emitLoad})
		return ownRun{run}, run, err
	})
}

// replace stops the load that runs and begins another, with the session's lock held. An aborted session starts none until
// it is asked to.
func (s *Session) replace(title, by string, begin func() (OtherRun, *load.Run, error)) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.stopLoad()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return errors.New("gameday is being quit")
	}
	run, own, err := begin()
	if err != nil {
		return err
	}
	event := signal.Event{Kind: signal.EventLoad, Title: title, Start: time.Now(), Open: true, Detail: "load started", By: by}
	event.ID = s.tell(event)
	ended := make(chan struct{})
	s.work.Go(func() {
		defer close(ended)
		<-run.Done()
		event.Open, event.End = false, time.Now()
		if err := run.Err(); err != nil {
			event.Outcome, event.Detail = signal.Bad, err.Error()
		}
		s.tell(event)
		if own != nil {
			s.exportExemplars(title, own.State().Exemplars)
		}
	})
	s.load = &loadRun{OtherRun: run, run: own, by: by, stop: func() { run.Stop(); <-ended }}
	return nil
}

// vars are the values of ${name} in plans and experiments. The caller may hold the lock.
func (s *Session) vars() map[string]string {
	if s.system == nil {
		return nil
	}
	return s.system.Vars()
}

func (s *Session) emitLoad(points []signal.MetricPoint) { s.sink(signal.Batch{Metrics: points}) }

// stopLoad ends the load that runs, if one does, and says so. Its last state stays visible.
func (s *Session) stopLoad() bool {
	s.mu.Lock()
	l := s.load
	s.mu.Unlock()
	if l == nil {
		return false
	}
	select {
	case <-l.Done():
		return false
	default:
	}
	l.stop()
	return true
}

// StopLoad ends the load that runs and leaves everything else alone.
func (s *Session) StopLoad() bool {
	s.loading.Lock()
	defer s.loading.Unlock()
	return s.stopLoad()
}

// startAmbient starts the load that runs while nothing else is asked for. An error is on the timeline: the cockpit is
// of use without it.
func (s *Session) startAmbient() {
	if s.cfg.Ambient == "" {
		return
	}
	if err := s.StartLoad(s.ctx, s.cfg.Ambient); err != nil && s.ctx.Err() == nil {
		s.Event(signal.Event{Kind: signal.EventLoad, Outcome: signal.Bad, Title: "load did not start", Detail: err.Error()})
	}
}
