package experiment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gameday/chaos"
	"gameday/sources/signal"
)

// method is the part of a run that touches something.
type method struct {
	r       *Runner
	planned []*chaos.Planned
	steps   sync.WaitGroup
	ends    chan *ending // the first step that could not be done
}

func (r *Runner) newMethod() *method {
	return &method{r: r, ends: make(chan *ending, len(r.exp.Method))}
}

// plan resolves the targets of all steps, so that what cannot be done is known before anything is touched.
func (m *method) plan(ctx context.Context) error {
	m.planned = m.r.cfg.Planned
	if m.planned == nil {
		for i, q := range m.r.exp.Requests() {
			p, err := m.r.cfg.Controller.Plan(ctx, q)
			if err != nil {
				return fmt.Errorf("step %d: %w", i+1, err)
			}
			m.planned = append(m.planned, p)
		}
	}
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	for i, p := range m.planned {
		if p != nil && p.Title != "" {
			m.r.faults[i].title = p.Title
		}
	}
	return nil
}

// run starts the steps and waits for the end of the method. It does not wait for the steps: rollback does, after it has
// begun to undo.
func (m *method) run(ctx context.Context) *ending {
	m.r.enter(signal.PhaseDuring)
	start := time.Now()
	for i := range m.r.exp.Method {
		m.steps.Go(func() {
			if end := m.r.guarded(func() *ending { return m.step(ctx, start, i) }); end != nil {
				m.ends <- end
			}
		})
	}
	timer := time.NewTimer(m.r.exp.During())
	defer timer.Stop()
	select {
	case end := <-m.ends:
		return end
	case <-ctx.Done():
		return m.r.interrupted(ctx)
	case <-timer.C:
		return nil
	}
}

// step injects at its time and, when the method goes on after it, undoes at its time. Faults that last to the end of the
// method are undone together, in the rollback.
func (m *method) step(ctx context.Context, start time.Time, i int) *ending {
	s := m.r.exp.Method[i]
	if m.r.wait(ctx, time.Until(start.Add(s.At))) != nil {
		return nil // the method says why
	}
	id, err := m.r.cfg.Controller.Inject(ctx, m.planned[i])
	if err != nil {
		return m.notInjected(ctx, i, err)
	}
	m.r.armed(i, id)
	if s.At+s.For >= m.r.exp.During() {
		return nil
	}
	if m.r.wait(ctx, time.Until(start.Add(s.At+s.For))) != nil {
		return nil
	}
	undoCtx, cancel := m.r.undoContext(ctx)
	defer cancel()
	if err := m.r.cfg.Controller.Undo(undoCtx, id); err != nil {
		return &ending{signal.VerdictRollbackFailed, err.Error()}
	}
	return nil
}

func (m *method) notInjected(ctx context.Context, i int, err error) *ending {
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, chaos.ErrAborted):
		return &ending{signal.VerdictAborted, err.Error()}
	}
	return couldNotRun("step %d could not be done: %v", i+1, err)
}

// armed notes that a fault is in force. The first one begins the time that is judged.
func (r *Runner) armed(i int, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.faults[i].id, r.faults[i].armed = id, now
	if !r.during.begun() {
		r.during.from = now
	}
}

// undoContext goes on when ctx ends, for as long as an undo may take.
func (r *Runner) undoContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), r.cfg.UndoTimeout)
}
