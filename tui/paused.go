package tui

import (
	"slices"
	"time"

	"gameday/sources/signal"
	"gameday/tui/widget"
)

// How often the figures of what goes on beside a paused picture move. That something begins, ends or fails shows at once.
const (
	pausedFigures = 10 * time.Second
	pausedDanger  = 2 * time.Second // while a fault is in force or an experiment runs
)

// calmed is a frame to be shown: while the operator looks at an instant, the figures of the load, of processes, sources and
// the machine stay as they were shown last for some seconds, for nobody asked for them, and a picture that stands still
// shall send nothing.
func (m *Model) calmed(f *signal.Frame, view uint64) *signal.Frame {
	every := pausedFigures
	if restless(f) {
		every = pausedDanger
	}
	if now := m.now(); !m.paused || m.play != nil || view != m.figuresOf || now.Sub(m.figuresAt) >= every || stirred(m.frame, f) {
		m.figuresAt, m.figuresOf = now, view
		return f
	}
	out, old := *f, m.frame
	out.Load, out.Experiment, out.Faults = old.Load, old.Experiment, old.Faults
	out.Processes, out.Health, out.Host, out.Store = old.Processes, old.Health, old.Host, old.Store
	out.SLOs, out.Scorecard = old.SLOs, old.Scorecard
	if !widget.Live(old) { // what counts the seconds waits too
		out.Now = old.Now
	}
	return &out
}

// restless reports whether something is under way that may have to be stopped.
func restless(f *signal.Frame) bool {
	e := f.Experiment
	return activeFaults(f) > 0 || e != nil && e.Phase != signal.PhaseDone && e.Phase != signal.PhaseIdle
}

// stirred reports whether something has begun, ended, failed or recovered between two frames.
func stirred(a, b *signal.Frame) bool {
	return !slices.EqualFunc(a.Faults, b.Faults, func(x, y signal.FaultState) bool {
		return x.ID == y.ID && x.Phase == y.Phase && x.Err == y.Err
	}) || !slices.EqualFunc(a.Health, b.Health, func(x, y signal.SourceHealth) bool {
		return x.Name == y.Name && x.State == y.State
	}) || !slices.EqualFunc(a.Processes, b.Processes, func(x, y signal.Process) bool {
		return x == y
	}) || loadStirred(a.Load, b.Load) || experimentStirred(a.Experiment, b.Experiment)
}

func loadStirred(a, b *signal.LoadState) bool {
	if a == nil || b == nil {
		return a != b
	}
	return a.Name != b.Name || a.Running != b.Running || a.Paused != b.Paused || !a.Started.Equal(b.Started) ||
		!slices.EqualFunc(a.Thresholds, b.Thresholds, func(x, y signal.LoadThreshold) bool { return x.Check == y.Check })
}

func experimentStirred(a, b *signal.ExperimentState) bool {
	if a == nil || b == nil {
		return a != b
	}
	return a.Name != b.Name || !a.Started.Equal(b.Started) || a.Phase != b.Phase || a.Verdict != b.Verdict ||
		(a.Suspended == nil) != (b.Suspended == nil) ||
		!slices.EqualFunc(a.Probes, b.Probes, func(x, y signal.ProbeState) bool { return x.Name == y.Name && x.Now == y.Now })
}
