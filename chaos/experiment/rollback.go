package experiment

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gameday/sources/signal"
)

// rollback undoes every fault of the run; everything there is, when the run was aborted. It returns one error for each
// fault that is left to a person.
func (r *Runner) rollback(ctx context.Context, end *ending, m *method) []error {
	r.mu.Lock()
	now := time.Now()
	begun := r.method.begun()
	r.cut = end != nil && end.verdict == signal.VerdictAborted
	r.method.to = now
	if r.during.begun() {
		r.during.to = now
	}
	r.mu.Unlock()
	if begun {
		r.enter(signal.PhaseRollback)
	}
	undoCtx, cancel := r.undoContext(ctx)
	defer cancel()
	var failures []error
	if end != nil {
		r.Abort(end.reason) // ends the steps that wait
	}
	aborted := end != nil && end.verdict == signal.VerdictAborted
	tried := r.ids()
	if aborted {
		r.tell(signal.Event{Kind: signal.EventAbort, Outcome: signal.Warning, Title: "abort", Detail: end.reason})
		failures = r.undoing(func() []error { return r.cfg.Controller.UndoAll(undoCtx, end.reason) })
	} else {
		failures = r.undo(undoCtx, tried)
	}
	// An injection that was on its way ends within the controller's bounds. What it armed after we looked is undone too.
	m.steps.Wait()
	late := r.ids()
	for id := range tried {
		delete(late, id)
	}
	failures = append(failures, r.undo(undoCtx, late)...)
	left := r.remaining(failures, aborted)
	if begun && len(left) == 0 {
		r.mu.Lock()
		r.after.from = time.Now()
		r.mu.Unlock()
	}
	return left
}

// ids are the faults of this run that were injected.
func (r *Runner) ids() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := map[string]bool{}
	for _, f := range r.faults {
		if f.id != "" {
			ids[f.id] = true
		}
	}
	return ids
}

// undo takes faults back, all at the same time. Undoing what is undone already does nothing.
func (r *Runner) undo(ctx context.Context, ids map[string]bool) (failures []error) {
	results := make(chan []error, len(ids))
	var work sync.WaitGroup
	for id := range ids {
		work.Go(func() {
			results <- r.undoing(func() []error {
				if err := r.cfg.Controller.Undo(ctx, id); err != nil {
					return []error{err}
				}
				return nil
			})
		})
	}
	work.Wait()
	close(results)
	for errs := range results {
		failures = append(failures, errs...)
	}
	return failures
}

// undoing makes a panic in an undo an error: the other undos go on.
func (r *Runner) undoing(f func() []error) (errs []error) {
	if end := r.guarded(func() *ending { errs = f(); return nil }); end != nil {
		errs = append(errs, end)
	}
	return errs
}

// remaining is what is left to a person after the rollback. The controller's own account decides: an undo that failed
// and that a later try mended is no failure, and a fault whose injection failed half-way counts although it has no ID
// here. Without an account, every failure counts.
func (r *Runner) remaining(failures []error, aborted bool) []error {
	var all []signal.FaultState
	if end := r.guarded(func() *ending { all = r.cfg.Controller.States(); return nil }); end != nil {
		return append(failures, end)
	}
	own, known := r.ids(), 0
	var left []error
	for _, s := range all {
		if own[s.ID] {
			known++
		}
		// Faults of others are our business when they came with this run and cannot be undone, or when all was aborted.
		mine := own[s.ID] || !r.others[s.ID] && s.Phase == signal.FaultNeedsHuman || aborted
		if mine && s.Phase.Active() {
			left = append(left, fmt.Errorf("%s is still in force: %s; what remains: %s", s.Title,
				orElse(s.Err, "its undo did not end in time"), orElse(s.Remedy, "gameday recover")))
		}
	}
	if len(left) == 0 && known < len(own) {
		return failures
	}
	return left
}

// states are the faults of this run, in the order of the steps. Those that were not injected are left out.
func (r *Runner) states() []signal.FaultState {
	r.mu.Lock()
	faults := append([]fault(nil), r.faults...)
	r.mu.Unlock()
	var all, out []signal.FaultState
	// A controller that cannot say how its faults are has been reported by the rollback.
	_ = r.guarded(func() *ending { all = r.cfg.Controller.States(); return nil })
	for _, f := range faults {
		for _, s := range all {
			if f.id != "" && s.ID == f.id {
				out = append(out, s)
			}
		}
	}
	return out
}
