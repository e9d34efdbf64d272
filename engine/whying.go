package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"gameday/engine/report"
	"gameday/engine/why"
	"gameday/sources/metrics"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// What is read of the metrics for an answer.
const (
	// No histograms: the comparison leaves native ones out. process_network_* are the whole machine's, whoever tells them.
	whySeries  = `{__name__=~".+",__name__!~".+_bucket|scrape_.+|go_.+|promhttp_.+|otel_.+|process_network_.+"} >= -Inf`
	whyPoints  = 60 // of one series in one window
	whyTimeout = 4 * time.Second
)

// Why says what changed between a baseline and the window of interest, which it chooses from the timeline and from where the
// operator stands. It takes seconds at most, and is to be called beside the screen.
func (s *Session) Why(ctx context.Context, ask signal.WhyAsk) (*signal.Why, error) {
	return s.why(ctx, why.Choose(s.store.Events(why.Reach(ask)), ask, time.Now()), ask.Window.From)
}

// why answers; faults are named from the instant shown on, or from the baseline on when that is zero.
func (s *Session) why(ctx context.Context, q why.Question, shown time.Time) (*signal.Why, error) {
	out, err := answerWhy(ctx, s.store, s.db, q)
	if err == nil {
		all := namedIn(q, shown)
		out.Active = active(s.chaos.States(), s.store.Events(all), q, all)
	}
	return out, err
}

// namedIn is the stretch of time of which an answer names the faults: both windows, and what is on the screen besides.
func namedIn(q why.Question, shown time.Time) signal.Window {
	from := []time.Time{q.Baseline.From, q.Interest.From}
	if !shown.IsZero() {
		from = append(from, shown)
	}
	return signal.Window{From: slices.MinFunc(from, time.Time.Compare), To: q.Interest.To}
}

// answerWhy answers from what is held.
func answerWhy(ctx context.Context, st *store.Store, db *metrics.DB, q why.Question) (*signal.Why, error) {
	out, err := why.Answer(ctx, st, q)
	if err != nil {
		return nil, fmt.Errorf("look for what changed: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, whyTimeout)
	defer cancel()
	if out.Metrics, err = whyMetrics(ctx, db, q); err != nil {
		out.Notes = append(out.Notes, "metrics were not compared: "+err.Error())
	}
	return out, nil
}

// whyMetrics compares the series of both windows.
func whyMetrics(ctx context.Context, db *metrics.DB, q why.Question) ([]signal.WhyMetric, error) {
	if db.SeriesCount() == 0 {
		return nil, nil
	}
	read := func(w signal.Window) ([]signal.Series, error) {
		return db.Range(ctx, whySeries, w, max(time.Second, (w.Length()/whyPoints).Truncate(time.Second)))
	}
	before, err := read(q.Baseline)
	if err != nil {
		return nil, err
	}
	now, err := read(q.Interest)
	if err != nil {
		return nil, err
	}
	return why.Moved(ctx, before, now), ctx.Err()
}

// active names what was in force in a stretch of time: faults, from those that are known and from the timeline, which also
// has what others injected, and the switches that were turned.
func active(faults []signal.FaultState, events []signal.Event, q why.Question, all signal.Window) (out []string) {
	known := func(e *signal.Event) bool { // the timeline notes a fault within a moment
		return slices.ContainsFunc(faults, func(f signal.FaultState) bool {
			return f.Title == e.Title && f.Injected.Sub(e.Start).Abs() < 2*time.Second
		})
	}
	for _, f := range faults {
		if f.Phase == signal.FaultPlanned || f.Injected.IsZero() {
			continue
		}
		if f.Injected.Before(all.To) && (f.Undone.IsZero() || f.Undone.After(all.From)) {
			out = append(out, faultText(f.Title, f.Injected, f.Undone, q))
			if f.Phase == signal.FaultNeedsHuman || f.Phase == signal.FaultIrreversible {
				out[len(out)-1] += ", " + f.Phase.String()
			}
		}
	}
	for i := range events {
		e := &events[i]
		end := e.End
		if e.Open {
			end = time.Time{}
		}
		switch {
		case e.Kind == signal.EventFault && !known(e) && e.Start.Before(all.To) && (end.IsZero() || end.After(all.From)):
			out = append(out, faultText(e.Title, e.Start, end, q))
		case e.Kind == signal.EventSwitch && all.Contains(e.Start):
			out = append(out, "switch "+e.Title+" at "+e.Start.Local().Format(time.TimeOnly))
		}
	}
	const most = 8
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	return out
}

// faultText says since when, or from when to when, and whether all that was before the window of interest.
func faultText(title string, from, to time.Time, q why.Question) string {
	clock := func(t time.Time) string { return t.Local().Format(time.TimeOnly) }
	if to.IsZero() || to.After(q.Interest.To) {
		return "fault " + title + " since " + clock(from)
	}
	text := "fault " + title + " " + clock(from) + " to " + clock(to)
	switch {
	case !to.After(q.Baseline.From) && !to.After(q.Interest.From):
		text += ", before both windows"
	case !to.After(q.Interest.From):
		text += ", in the baseline"
	}
	return text
}

// reportWhy adds what the requests under the first fault, and all until the last was undone, had in common.
func (s *Session) reportWhy(ctx context.Context, d *report.Document, before time.Time, faults []signal.FaultState) {
	var from, to time.Time
	for _, f := range faults {
		if !f.Injected.IsZero() && (from.IsZero() || f.Injected.Before(from)) {
			from = f.Injected
		}
		if f.Undone.After(to) {
			to = f.Undone
		}
	}
	if from.IsZero() {
		return
	}
	if to.Before(from) {
		to = d.Summary.Ended
	}
	w, err := s.why(ctx, why.Question{Baseline: signal.Window{From: before, To: from}, Interest: signal.Window{From: from, To: to}, Since: "since the first fault"}, time.Time{})
	if err != nil {
		d.Omitted = append(d.Omitted, "what changed: "+err.Error())
		return
	}
	d.Why = reportedWhy(w)
}

func reportedWhy(w *signal.Why) *report.Why {
	out := &report.Why{BaselineFrom: w.Baseline.From, From: w.Interest.From, To: w.Interest.To, Requests: w.Requests, Bad: w.Bad, Failed: w.Failed,
		Before: w.Before, Notes: slices.Clone(w.Notes)}
	for i := range w.Rows {
		r := &w.Rows[i]
		lift := r.Lift
		if math.IsInf(lift, 0) {
			lift = math.NaN()
		}
		out.Rows = append(out.Rows, report.WhyRow{Kind: r.Kind.String(), Service: r.Service, Peer: r.Peer, Operation: r.Operation, What: r.What,
			Bad: r.Bad, Good: r.Good, Lift: report.Number(lift), P: r.P, Score: r.Score, TraceID: r.Example.String(), Also: r.Also})
	}
	for _, m := range w.Metrics {
		out.Metrics = append(out.Metrics, report.WhyMetric{Name: m.Name, Before: report.Number(m.Before), After: report.Number(m.After), P: m.P})
	}
	return out
}
