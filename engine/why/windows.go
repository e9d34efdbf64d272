package why

import (
	"time"

	"gameday/sources/signal"
)

// How the windows are chosen.
const (
	aroundMoment = 15 * time.Second // on both sides of the instant that is looked at
	latest       = 30 * time.Second // looked at when nothing on the timeline says where to begin
	minBaseline  = 20 * time.Second
	maxBaselineT = 10 * time.Minute
	probeLooks   = 5 * time.Second // how far back the first bad reading of a probe may have looked
	settling     = 5 * time.Second // after a fault was undone, before it counts as normal again
	maxBack      = time.Hour       // how long ago a fault may have begun
)

// Reach is the stretch of the timeline that Choose wants to see.
func Reach(ask signal.WhyAsk) signal.Window {
	from := ask.Window.From.Add(-2 * maxBaselineT)
	return signal.Window{From: from, To: ask.Window.To.Add(aroundMoment)}
}

// Choose finds the windows: what there was before the last fault, or before a probe turned red, is compared with what came
// since. now is the end of what is known; ask.At the instant the operator stands at, zero for now.
func Choose(events []signal.Event, ask signal.WhyAsk, now time.Time) Question {
	at, paused := ask.At, !ask.At.IsZero() && now.Sub(ask.At) > latest
	if !paused {
		at = now
	}
	e := episodeAt(events, at)
	q := Question{Interest: signal.Window{From: at.Add(-latest), To: at}, Since: "lately"}
	switch {
	case e != nil:
		q.Interest = signal.Window{From: e.from, To: earlier(e.to, now)}
		q.Since = e.since
	case paused:
		q.Since = "around " + at.Format("15:04:05")
	}
	if paused {
		q.Interest = signal.Window{From: at.Add(-aroundMoment), To: earlier(at.Add(aroundMoment), now)}
		if e != nil && q.Interest.From.Before(e.from) {
			q.Interest.From = e.from
		}
	}
	start := q.Interest.From
	if e != nil {
		start = e.from
	}
	q.Baseline = signal.Window{From: start.Add(-min(max(q.Interest.Length(), minBaseline), maxBaselineT)), To: start}
	if b := calmSince(events, start); b.After(q.Baseline.From) && b.Before(start) {
		q.Baseline.From = b
	}
	return q
}

// episode is a stretch of time in which something was wrong.
type episode struct {
	from, to time.Time
	since    string
}

// episodeAt is what was going on at an instant: the faults in force and those that overlap them, or, without a fault, the
// last probe or alert that turned red. What ended is looked back on until it is older than the window of interest.
func episodeAt(events []signal.Event, at time.Time) *episode {
	var found *episode
	for i := len(events) - 1; i >= 0; i-- { // by start: the latest first
		e := &events[i]
		if e.Kind != signal.EventFault || e.Start.After(at) || at.Sub(e.Start) > maxBack {
			continue
		}
		end := at
		if !e.Open {
			end = later(e.End, e.Start).Add(settling)
		}
		switch {
		case found == nil && at.Sub(end) <= 4*latest:
			found = &episode{e.Start, earlier(end, at), "since " + e.Title}
		case found != nil && !end.Before(found.from):
			found.from, found.since = e.Start, "since "+e.Title
		}
	}
	if found != nil {
		return found
	}
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		red := e.Outcome == signal.Bad && (e.Kind == signal.EventProbe || e.Kind == signal.EventAlert)
		if red && !e.Start.After(at) && at.Sub(e.Start) <= 4*latest {
			return &episode{e.Start.Add(-probeLooks), at, "since " + e.Title + " turned red"}
		}
	}
	return nil
}

// calmSince is when the last fault before an instant had ended and its effects were over; zero when there was none.
func calmSince(events []signal.Event, before time.Time) (since time.Time) {
	for i := range events {
		e := &events[i]
		if e.Kind == signal.EventFault && e.Start.Before(before) && !e.Open {
			since = later(since, later(e.End, e.Start).Add(settling))
		}
	}
	return since
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
