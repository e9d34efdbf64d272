package engine

import (
	"fmt"
	"sync"
	"time"

	"gameday/engine/report"
	"gameday/engine/slo"
	"gameday/sources/alert"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

const (
	judgeEvery = 5 * time.Second
	scoreEvery = time.Minute // kept runs are read from disk
)

// reliability judges the objectives and grades, beside the screen and whether or not anybody looks: alerts belong to the
// timeline.
type reliability struct {
	objectives []*slo.Objective
	broken     []signal.SLO // documents that could not be read, shown as such
	tracker    *alert.Tracker

	mu    sync.Mutex
	slos  []signal.SLO
	card  signal.Scorecard
	known bool
}

func newReliability(docs []Document) *reliability {
	r := &reliability{tracker: alert.NewTracker("slo")}
	for _, d := range docs {
		o, err := slo.Parse(d.File, d.Data)
		if err != nil {
			r.broken = append(r.broken, signal.SLO{Name: d.ID, Title: d.File, Err: err.Error()})
			continue
		}
		r.objectives = append(r.objectives, o)
	}
	return r
}

// get is what was judged last.
func (r *reliability) get() ([]signal.SLO, *signal.Scorecard) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.known {
		return r.slos, nil
	}
	card := r.card
	return r.slos, &card
}

// keepPromises judges every few seconds until the session ends.
func (s *Session) keepPromises() {
	tick := time.NewTicker(judgeEvery)
	defer tick.Stop()
	var runs []slo.Run
	var read time.Time
	for {
		if now := time.Now(); now.Sub(read) >= scoreEvery {
			runs, read = s.pastRuns(), now
		}
		s.judge(runs)
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Session) judge(runs []slo.Run) {
	r := s.reliability
	now := time.Now()
	out := append([]signal.SLO(nil), r.broken...)
	var active []alert.Alert
	for _, o := range r.objectives {
		m, err := s.metrics("")
		if err != nil {
			out = append(out, signal.SLO{Name: o.Metadata.Name, Title: o.Metadata.Title, Err: err.Error()})
			continue
		}
		one := slo.Judge(s.ctx, m, o, s.measuredSince(o, now), now)
		out = append(out, one)
		active = append(active, burning(&one)...)
	}
	if s.ctx.Err() != nil {
		return // what was cut short says nothing
	}
	for _, e := range r.tracker.Changes(active, now) {
		s.Event(e)
	}
	card := slo.Score(out, runs, now)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slos, r.card, r.known = out, card, true
}

// measuredSince is how far back the metrics reach that an objective is judged by. The embedded memory has nothing from
// before the session; a server is taken to have all of the window.
func (s *Session) measuredSince(o *slo.Objective, now time.Time) time.Time {
	if s.cfg.Metrics != "" {
		return now.Add(-o.Window)
	}
	since := now.Add(-s.db.Retention())
	if since.Before(s.started) {
		since = s.started
	}
	return since
}

// burning are the alerts of an objective.
func burning(o *signal.SLO) []alert.Alert {
	var out []alert.Alert
	for _, b := range o.Burns {
		if !b.Firing {
			continue
		}
		severity := "ticket"
		if b.Page {
			severity = "page"
		}
		out = append(out, alert.Alert{State: alert.Firing, Labels: map[string]string{"alertname": "budget " + o.Name, "slo": o.Name, "severity": severity,
			"window": b.Long.String()}, Annotations: map[string]string{
			"summary": fmt.Sprintf("the error budget of %s burns %.1f times too fast (over %s; %.1f over %s), more than %g", spec.Line(o.Title, 80), b.NowLong, b.Long, b.NowShort, b.Short, b.Rate)}})
	}
	return out
}

// pastRuns are the runs of this system that were kept.
func (s *Session) pastRuns() []slo.Run {
	all, err := report.List(report.Dir(s.cfg.StateDir))
	if err != nil {
		s.cfg.Log("scorecard: %v", err)
		return nil
	}
	var out []slo.Run
	for _, k := range all {
		if k.Err != nil || k.System != s.cfg.Name {
			continue
		}
		run := slo.Run{Experiment: k.Name, At: k.Started, Verdict: verdictOf(k.Verdict)}
		if k.Recovered != nil {
			run.Recovered, run.Recovery = true, k.Recovered.Duration()
		}
		out = append(out, run)
	}
	return out
}

// verdictOf is the verdict that a kept run has in words.
func verdictOf(words string) signal.Verdict {
	for v := signal.VerdictNone; v <= signal.VerdictInconclusive; v++ {
		if v.String() == words {
			return v
		}
	}
	return signal.VerdictNone
}
