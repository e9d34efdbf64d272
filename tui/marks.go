package tui

import (
	"time"

	"gameday/sources/signal"
)

// Marks are told of what happened lately: what was long ago when the screen came to it, as after a leap through a replay,
// has no place of its own in a cast.
const (
	markWithin = 5 * time.Second
	maxMarked  = 2048
)

// marked is one thing that was told: an event, and whether it was over.
type marked struct {
	id   uint64
	over bool
}

// mark tells Config.Mark what happened to experiments since the frame before.
func (m *Model) mark(f *signal.Frame) {
	if m.onMark == nil {
		return
	}
	for _, e := range f.Events {
		label, at := markLabel(e)
		if label == "" || f.Now.Sub(at) > markWithin || at.After(f.Now) {
			continue
		}
		key := marked{e.ID, !e.Open && !e.End.IsZero()}
		if m.marked[key] {
			continue
		}
		if len(m.marked) >= maxMarked {
			clear(m.marked)
		}
		m.marked[key] = true
		m.onMark(label)
	}
}

// markLabel is what a marker says of an event, and when it happened; "" for one that has none.
func markLabel(e signal.Event) (string, time.Time) {
	title := oneLine(e.Title)
	over := !e.Open && !e.End.IsZero()
	at := e.Start
	if over {
		at = e.End
	}
	switch e.Kind {
	case signal.EventExperiment:
		return "experiment: " + title, at
	case signal.EventFault:
		if over {
			return title + " undone", at
		}
		return title + " injected", at
	case signal.EventProbe:
		if e.Outcome == signal.Bad {
			return "probe " + title, at
		}
	case signal.EventAbort:
		return "abort", at
	case signal.EventNote:
		return "note: " + title, at
	}
	return "", at
}
