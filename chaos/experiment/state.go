package experiment

import (
	"time"

	"gameday/chaos/probe"
	"gameday/sources/signal"
)

// State is the run as it stands now. It may be asked for at any time, before, while and after Run runs.
func (r *Runner) State() signal.ExperimentState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stateLocked()
}

func (r *Runner) stateLocked() signal.ExperimentState {
	e := r.exp
	s := signal.ExperimentState{Name: e.Metadata.Name, Title: e.Title(), Hypothesis: e.Hypothesis, Phase: r.phase, Verdict: r.verdict,
		Reason: r.reason, Started: r.started, Ended: r.ended, Total: e.Total()}
	switch {
	case !r.ended.IsZero():
		s.Elapsed = r.ended.Sub(r.started)
	case !r.started.IsZero():
		s.Elapsed = time.Since(r.started)
	}
	for _, g := range r.rungs {
		s.Probes = append(s.Probes, g.state(r.before, r.during, r.after))
	}
	s.Steps = r.steps()
	if r.suspended != nil {
		asked := *r.suspended
		s.Suspended = &asked
	}
	s.Skipped = append([]string(nil), r.skipped...)
	return s
}

// steps is the method line.
func (r *Runner) steps() []signal.Step {
	d := r.exp.Durations
	begin := d.Warmup + d.Before
	end := begin + r.exp.During()
	out := []signal.Step{{Title: "baseline", End: begin}}
	for i, s := range r.program.faults {
		step := signal.Step{Title: r.faults[i].title, Start: begin + s.Start, End: begin + s.End, Fault: true}
		if s.For == 0 {
			step.End = end
		}
		out = append(out, step)
	}
	return append(out, signal.Step{Title: "recover", Start: end, End: end + d.After})
}

// enter begins a phase.
func (r *Runner) enter(p signal.Phase) {
	r.mu.Lock()
	r.phase = p
	now := time.Now()
	switch p {
	case signal.PhaseBefore:
		r.before.from = now
	case signal.PhaseDuring:
		r.method.from = now
	}
	r.mu.Unlock()
	if p == signal.PhaseLoading {
		id := r.tell(signal.Event{Kind: signal.EventExperiment, Open: true, Title: r.exp.Title(), Detail: r.exp.Hypothesis})
		r.mu.Lock()
		r.event = id
		r.mu.Unlock()
		return
	}
	r.tell(signal.Event{Kind: signal.EventExperiment, Title: p.String(), Detail: r.exp.Title() + ": " + phaseDetail[p]})
}

var phaseDetail = map[signal.Phase]string{
	signal.PhaseBefore:   "the steady state must hold before anything is touched",
	signal.PhaseDuring:   "the method begins",
	signal.PhaseRollback: "the faults are being undone",
	signal.PhaseAfter:    "the steady state must return",
}

// tell puts an event on the timeline. The timeline is not ours: it is never called with the lock held.
func (r *Runner) tell(e signal.Event) (id uint64) {
	if r.cfg.Event == nil {
		return 0
	}
	if e.Start.IsZero() {
		e.Start = time.Now()
	}
	// A timeline that panics must not keep a fault in force.
	_ = r.guarded(func() *ending { id = r.cfg.Event(e); return nil })
	return id
}

// observe takes in a reading of a probe.
func (r *Runner) observe(g *rung, reading probe.Reading) {
	c, changed, reason := r.judgeReading(g, reading)
	if r.cfg.Reading != nil {
		r.cfg.Reading(g.probe.Name(), reading, c)
	}
	if changed {
		r.tell(transitionEvent(g, c, reading))
	}
	if reason != "" {
		r.Abort(reason)
	}
}

func (r *Runner) judgeReading(g *rung, reading probe.Reading) (c signal.Check, changed bool, abort string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c = g.observe(reading, r.before, r.during, r.after)
	changed = r.phase >= signal.PhaseBefore && g.transition(c, reading.At)
	if r.before.begun() && !r.before.ended() && (g.before.failed || g.before.broken) {
		select {
		case r.unsure <- struct{}{}:
		default: // it knows already
		}
	}
	for _, w := range r.guards {
		if w.rung == g && r.watching() && w.observe(reading) {
			abort = w.reason(reading)
		}
	}
	return c, changed, abort
}

// observeGuard takes in a reading of an abort condition that measures for itself.
func (r *Runner) observeGuard(g *guard, reading probe.Reading) {
	r.mu.Lock()
	fires := r.watching() && g.observe(reading)
	r.mu.Unlock()
	if fires {
		r.Abort(g.reason(reading))
	}
}

// watching reports whether abort conditions count: while the method runs.
func (r *Runner) watching() bool { return r.method.begun() && !r.method.ended() }

func transitionEvent(g *rung, c signal.Check, reading probe.Reading) signal.Event {
	e := signal.Event{Start: reading.At, Kind: signal.EventProbe, Title: g.probe.Name(), Target: g.probe.Name()}
	switch c {
	case signal.CheckFailed:
		e.Outcome, e.Detail, e.TraceID = signal.Bad, reading.Text+", expected "+g.expect.String(), reading.TraceID
	case signal.CheckUnknown:
		e.Outcome, e.Detail = signal.Warning, "unknown: "+orElse(reading.Err, "no data")
	case signal.CheckError:
		e.Outcome, e.Detail = signal.Warning, "cannot be measured: "+reading.Err
	default:
		e.Outcome, e.Detail = signal.Good, reading.Text+", as expected: "+g.expect.String()
	}
	return e
}
