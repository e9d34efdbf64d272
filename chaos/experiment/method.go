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
	program *program
	planned []*chaos.Planned
	steps   sync.WaitGroup
	ends    chan *ending // steps that could not be done; the first counts
}

func (r *Runner) newMethod() *method {
	return &method{r: r, program: r.program, ends: make(chan *ending, 2*maxSteps)}
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

// run starts the steps and waits for the end of the method. It does not wait for steps that are on their way: rollback
// does, after it has begun to undo.
func (m *method) run(ctx context.Context) *ending {
	m.r.enter(signal.PhaseDuring)
	start := time.Now()
	taken := make(chan struct{})
	m.steps.Go(func() {
		defer close(taken)
		m.guarded(func() bool { return m.take(ctx, m.program.root, start) })
	})
	timer := time.NewTimer(m.r.exp.During())
	defer timer.Stop()
	// Faults at their times end with the time, and what lasts to the end is undone together, in the rollback. Anything
	// else ends with its last step.
	done, over := taken, timer.C
	if m.program.timed {
		done = nil
	} else {
		over = nil
	}
	select {
	case end := <-m.ends:
		return end
	case <-ctx.Done():
		return m.r.interrupted(ctx)
	case <-over:
		return nil
	case <-done:
	}
	select {
	case end := <-m.ends:
		return end
	default:
	}
	if ctx.Err() != nil {
		return m.r.interrupted(ctx)
	}
	return m.r.wait(ctx, time.Until(start.Add(m.r.exp.Durations.During)))
}

// guarded makes a panic the end of the method.
func (m *method) guarded(f func() bool) (ok bool) {
	if end := m.r.guarded(func() *ending { ok = f(); return nil }); end != nil {
		return m.fail(end)
	}
	return ok
}

func (m *method) fail(end *ending) bool {
	select {
	case m.ends <- end:
	default: // the first one counts
	}
	return false
}

// take does a step and returns when it is over. start is when its group began, or the step before it ended. false ends
// the steps after it: it failed, which the method was told, or ctx ended.
func (m *method) take(ctx context.Context, n *node, start time.Time) bool {
	begin := start.Add(n.at)
	if m.r.wait(ctx, time.Until(begin)) != nil {
		return false // the method says why
	}
	if n.step != nil && n.step.When != nil {
		met, ok := m.met(ctx, n)
		if !ok || !met {
			return ok
		}
		begin = time.Now()
	}
	switch n.kind {
	case faultNode:
		return m.inject(ctx, n, begin)
	case waitNode:
		return m.r.wait(ctx, time.Until(begin.Add(n.pause))) == nil
	case suspendNode:
		return m.suspend(ctx, n.step.Suspend)
	case parallelNode:
		return m.together(ctx, n.kids, begin)
	}
	for _, k := range n.kids {
		if !m.take(ctx, k, time.Now()) {
			return false
		}
	}
	return true
}

// together takes steps at the same time and waits for all of them.
func (m *method) together(ctx context.Context, kids []*node, start time.Time) bool {
	var work sync.WaitGroup
	results := make([]bool, len(kids))
	for i, k := range kids {
		work.Go(func() { results[i] = m.guarded(func() bool { return m.take(ctx, k, start) }) })
	}
	work.Wait()
	for _, ok := range results {
		if !ok {
			return false
		}
	}
	return true
}

// inject injects a fault and undoes it at its time. When the method is nothing but faults at their times, those that last
// to its end are left to the rollback.
func (m *method) inject(ctx context.Context, n *node, begin time.Time) bool {
	f := m.program.faults[n.fault]
	id, err := m.r.cfg.Controller.Inject(ctx, m.planned[n.fault])
	if err != nil {
		return m.notInjected(ctx, n.fault, err)
	}
	m.r.armed(n.fault, id)
	if f.UntilEnd || m.program.timed && f.End >= m.r.exp.During() {
		return true
	}
	if m.r.wait(ctx, time.Until(begin.Add(f.For))) != nil {
		return false
	}
	undoCtx, cancel := m.r.undoContext(ctx)
	defer cancel()
	if err := m.r.cfg.Controller.Undo(undoCtx, id); err != nil {
		return m.fail(&ending{signal.VerdictRollbackFailed, err.Error()})
	}
	m.r.disarmed()
	return true
}

func (m *method) notInjected(ctx context.Context, i int, err error) bool {
	switch {
	case ctx.Err() != nil:
		return false
	case errors.Is(err, chaos.ErrAborted):
		return m.fail(&ending{signal.VerdictAborted, err.Error()})
	}
	return m.fail(couldNotRun("step %d could not be done: %v", i+1, err))
}

// armed notes that a fault is in force. The first one begins the time that is judged.
func (r *Runner) armed(i int, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.faults[i].id, r.faults[i].armed = id, now
	r.inForce++
	if !r.during.begun() {
		r.during.from = now
	}
}

// disarmed notes that a fault was undone within the method.
func (r *Runner) disarmed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inForce--
}

// undoContext goes on when ctx ends, for as long as an undo may take.
func (r *Runner) undoContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), r.cfg.UndoTimeout)
}
