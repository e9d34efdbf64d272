package tracing

import (
	"context"
	"time"

	"gameday/sources/signal"
)

// Page is what a system answered for one window.
type Page struct {
	Spans  []signal.Span
	Traces int  // how many there were
	Full   bool // as many as were asked for, so that there may be more
}

// leastWindow is when a window is no longer divided: more traces than a page holds began within it.
const leastWindow = 10 * time.Millisecond

// Bounds on one answer: how often a system is asked for it, and how many spans it has.
const (
	maxQuestions = 64
	maxSpans     = 100_000
)

// Pages reads a window of a system that says no more than limit traces at once, in no particular order: a window whose
// page is full is asked again in two halves, the newer one first. It ends when it has total traces, and reports whether
// there may be more than it returns. What was read before an error is returned with it. A trace may be in several pages; each span is
// returned once.
func Pages(ctx context.Context, w signal.Window, total int, ask func(ctx context.Context, w signal.Window) (Page, error)) (spans []signal.Span, more bool, err error) {
	seen := seen{max: 1 << 30}
	traces := make(map[signal.TraceID]bool)
	windows := []signal.Window{w}
	for asked := 0; len(windows) > 0; asked++ {
		if len(traces) >= total || len(spans) >= maxSpans || asked == maxQuestions {
			return spans, true, nil
		}
		next := windows[len(windows)-1]
		windows = windows[:len(windows)-1]
		page, err := ask(ctx, next)
		divide := page.Full && next.Length() > leastWindow && err == nil && page.Traces < total
		if divide {
			middle := next.From.Add(next.Length() / 2)
			windows = append(windows, signal.Window{From: next.From, To: middle}, signal.Window{From: middle, To: next.To})
		} else {
			more = more || page.Full
		}
		for _, s := range page.Spans {
			if !traces[s.TraceID] && len(traces) >= total {
				more = true
				continue
			}
			traces[s.TraceID] = true
			if seen.add(s) {
				spans = append(spans, s)
			}
		}
		if err != nil {
			return spans, true, err
		}
	}
	return spans, more, nil
}
