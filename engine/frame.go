package engine

import (
	"time"

	"gameday/engine/record"
	"gameday/sources/signal"
)

// Frame makes the picture that a view asks for. It is called off the UI goroutine, at most ten times a second.
func (s *Session) Frame(v signal.View) *signal.Frame {
	s.seek(v.Focus)
	s.seek(signal.CorrelationID(v.Trace.String()))
	v.Focus, v.Trace = s.halves.keptAs(v.Focus), s.halves.kept(v.Trace)
	f := s.store.Frame(v)
	f.Lookup = s.lookup()
	f.System, f.Environment = s.cfg.Name, s.cfg.Environment
	f.Metrics, f.Headline = s.panels.get(s.ctx, v)
	f.Board = s.boards.get(v)
	now := s.state()
	f.Store.MetricSeries = now.Store.MetricSeries
	f.Faults, f.Processes, f.Switches = now.Faults, now.Processes, now.Switches
	f.Experiment, f.Load, f.Health = now.Experiment, now.Load, now.Health
	f.SLOs, f.Scorecard, f.Host, f.Incidents = now.SLOs, now.Scorecard, now.Host, now.Incidents
	s.patterns.fill(f, v)
	s.maps.fill(f, v)
	s.compare.fill(f, v, s.store, s.store.Events, time.Now())
	s.fillChaos(f, v)
	return f
}

// state is what a frame shows besides signals, now.
func (s *Session) state() record.State {
	st := record.State{Faults: s.chaos.States(), Store: s.store.Stats(), Host: s.host(), Incidents: s.incidents.get()}
	st.SLOs, st.Scorecard = s.reliability.get()
	st.Store.MetricSeries = s.db.SeriesCount()
	s.mu.Lock()
	sys, run, load, sups := s.system, s.run, s.load, s.supervisors
	s.mu.Unlock()
	if sys != nil {
		st.Processes, st.Switches = sys.Processes(), sys.Switches()
	}
	if run != nil {
		e := run.runner.State()
		e.By = run.recording.plan.By
		st.Experiment = &e
	}
	if load != nil {
		l := load.State()
		l.By = load.by
		st.Load = &l
	}
	st.Health = make([]signal.SourceHealth, 0, len(sups))
	for _, sup := range sups {
		st.Health = append(st.Health, sup.Health())
	}
	st.Health = append(st.Health, s.exportHealth()...)
	return st
}
