package engine

import (
	"gameday/sources/signal"
)

// Frame makes the picture that a view asks for. It is called off the UI goroutine, at most ten times a second.
func (s *Session) Frame(v signal.View) *signal.Frame {
	s.seek(v.Focus)
	s.seek(signal.CorrelationID(v.Trace.String()))
	f := s.store.Frame(v)
	f.Lookup = s.lookup()
	f.Host = s.host()
	f.SLOs, f.Scorecard = s.reliability.get()
	f.System, f.Environment = s.cfg.Name, s.cfg.Environment
	f.Metrics, f.Headline = s.panels.get(s.ctx, v)
	f.Store.MetricSeries = s.db.SeriesCount()
	f.Faults = s.chaos.States()
	s.mu.Lock()
	sys, run, load, sups := s.system, s.run, s.load, s.supervisors
	s.mu.Unlock()
	if sys != nil {
		f.Processes, f.Switches = sys.Processes(), sys.Switches()
	}
	if run != nil {
		state := run.runner.State()
		state.By = run.recording.plan.By
		f.Experiment = &state
	}
	if load != nil {
		state := load.State()
		state.By = load.by
		f.Load = &state
	}
	f.Health = make([]signal.SourceHealth, 0, len(sups))
	for _, sup := range sups {
		f.Health = append(f.Health, sup.Health())
	}
	return f
}
