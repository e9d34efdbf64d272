package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gameday/chaos/probe"
	"gameday/sources/signal"
)

// toSteadyState plans everything, starts load and probes, and checks the steady state. Nothing is touched.
func (r *Runner) toSteadyState(ctx, lasting context.Context, work *sync.WaitGroup, load *loadHandle, m *method) *ending {
	r.enter(signal.PhaseLoading)
	if ctx.Err() != nil {
		return r.interrupted(ctx)
	}
	if allowed := r.exp.BlastRadius.Environments; len(allowed) > 0 && !slices.Contains(allowed, r.cfg.Environment) {
		return couldNotRun("the experiment may run in %s, and this is %q", strings.Join(allowed, ", "), r.cfg.Environment)
	}
	if end := r.withinHours(); end != nil {
		return end
	}
	if err := m.plan(ctx); err != nil {
		return r.stopOr(ctx, couldNotRun("%v", err))
	}
	if err := r.lock(m.planned); err != nil {
		return couldNotRun("%v", err)
	}
	if r.exp.Load != nil {
		stop, err := r.cfg.Load.StartLoad(ctx, *r.exp.Load)
		if err != nil {
			return r.stopOr(ctx, couldNotRun("the load did not start: %v", err))
		}
		load.stop = stop
	}
	r.measure(lasting, work)
	if end := r.wait(ctx, r.exp.Durations.Warmup); end != nil {
		return end
	}
	r.enter(signal.PhaseBefore)
	return r.checkBefore(ctx)
}

// withinHours refuses a run that does not lie within the hours of its blast radius as a whole.
func (r *Runner) withinHours() *ending {
	now := time.Now()
	for _, at := range []struct {
		when string
		t    time.Time
	}{{"begin", now}, {"end", now.Add(r.exp.Total())}} {
		if open, why := r.exp.BlastRadius.Hours.Open(at.t); !open {
			return couldNotRun("it would %s outside its hours: %s", at.when, why)
		}
	}
	return nil
}

const (
	lateReading    = 10 * time.Second // how much longer the phase before lasts at most for a probe that has not been read in it
	lookForReading = 50 * time.Millisecond
)

// unread reports whether a probe that the phase before is judged by has not been read in it, be it with or without success.
func (r *Runner) unread() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.rungs, func(g *rung) bool {
		return g.mode.JudgedBefore() && g.before.samples()+g.before.unknown+g.before.errors == 0
	})
}

// checkBefore watches the steady state and gives up as soon as it has failed.
func (r *Runner) checkBefore(ctx context.Context) *ending {
	timer := time.NewTimer(r.exp.Durations.Before)
	defer timer.Stop()
	last := time.Now().Add(r.exp.Durations.Before + lateReading)
	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			return r.interrupted(ctx)
		case <-timer.C:
			// On a busy machine a short phase can be over before a probe has had its turn: that is no reason to give up.
			waiting = r.unread() && time.Now().Before(last)
			timer.Reset(lookForReading)
		case <-r.unsure:
			waiting = r.mayHold()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before.to = time.Now()
	var faults []string
	var unknown []string
	for _, g := range r.rungs {
		if !g.mode.JudgedBefore() {
			continue
		}
		name, why := g.probe.Name(), g.before.why(g.limits, g.err)
		switch g.before.throughout(true, g.limits) {
		case signal.CheckFailed:
			faults = append(faults, fmt.Sprintf("%s is %s, expected %s", name, g.before.failedText, g.expect))
		case signal.CheckError:
			faults = append(faults, fmt.Sprintf("%s cannot be measured: %s", name, why))
		case signal.CheckUnknown:
			if g.before.failed { // too few readings, and one of them bad: no need to say it both ways
				why = fmt.Sprintf("it was %s, and %s", g.before.failedText, why)
			}
			unknown = append(unknown, fmt.Sprintf("%s is unknown: %s", name, why))
		default:
			if !g.settle() {
				unknown = append(unknown, fmt.Sprintf("%s has no baseline: %s", name, plural(g.base.n, "reading")))
			}
		}
	}
	if len(faults) == 0 { // with a failure the phase was cut short, and those that lack readings say nothing
		faults = unknown
	}
	if len(faults) > 0 {
		return couldNotRun("the steady state does not hold, so nothing was touched: %s", strings.Join(faults, "; "))
	}
	return nil
}

// mayHold reports whether no probe has failed yet, or gone wrong for good, in the phase before.
func (r *Runner) mayHold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !slices.ContainsFunc(r.rungs, func(g *rung) bool { return g.before.failed || g.before.broken })
}

// watchRecovery lets the steady state return.
func (r *Runner) watchRecovery(ctx context.Context) *ending {
	r.enter(signal.PhaseAfter)
	end := r.wait(ctx, r.exp.Durations.After)
	r.mu.Lock()
	r.after.to = time.Now()
	r.mu.Unlock()
	return end
}

// wait sleeps, or says why it was woken.
func (r *Runner) wait(ctx context.Context, d time.Duration) *ending {
	timer := time.NewTimer(max(0, d))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return r.interrupted(ctx)
	case <-timer.C:
		return nil
	}
}

// interrupted is the ending of a run whose context ended, by Abort or from outside.
func (r *Runner) interrupted(ctx context.Context) *ending {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.abort == "" {
		r.abort = "it was interrupted"
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			r.abort += ": " + cause.Error()
		}
	}
	return &ending{signal.VerdictAborted, r.abort}
}

// stopOr prefers that the run was stopped over what failed because of it.
func (r *Runner) stopOr(ctx context.Context, end *ending) *ending {
	if ctx.Err() != nil {
		return r.interrupted(ctx)
	}
	return end
}

// measure starts one goroutine for each probe and for each condition that measures for itself.
func (r *Runner) measure(ctx context.Context, work *sync.WaitGroup) {
	start := func(p *probe.Probe, wanted func() bool, take func(probe.Reading)) {
		work.Go(func() {
			// A mistake of ours in here must not leave faults in force without anybody who watches.
			if end := r.guarded(func() *ending { repeat(ctx, p, wanted, take); return nil }); end != nil {
				r.Abort(end.reason)
			}
		})
	}
	for _, g := range r.rungs {
		start(g.probe, func() bool { return r.wanted(g.mode) }, func(reading probe.Reading) { r.observe(g, reading) })
	}
	for _, g := range r.guards {
		if g.probe != nil {
			start(g.probe, func() bool { return true }, func(reading probe.Reading) { r.observeGuard(g, reading) })
		}
	}
}

// wanted reports whether a probe of that mode is to be measured now.
func (r *Runner) wanted(m probe.Mode) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, after := r.phase <= signal.PhaseBefore, r.phase >= signal.PhaseAfter
	switch m {
	case probe.Before:
		return before
	case probe.After:
		return after
	case probe.Edge:
		return before || after
	case probe.OnFault:
		return r.during.begun() && !r.during.ended() && r.inForce > 0
	}
	return true
}

// repeat measures at every interval until ctx ends, whenever it is wanted. A reading that ctx cut off is dropped.
func repeat(ctx context.Context, p *probe.Probe, wanted func() bool, take func(probe.Reading)) {
	c := p.Config()
	tick := time.NewTicker(c.IntervalOrDefault())
	defer tick.Stop()
	for {
		if wanted() {
			reading := p.Measure(ctx)
			if ctx.Err() != nil {
				return
			}
			take(reading)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
