package store

import (
	"slices"
	"time"

	"gameday/sources/signal"
)

// focusedFrame fills a frame with what belongs to the focus.
func (s *Store) focusedFrame(f *signal.Frame, v signal.View, run *filterRun, filter TraceFilter) signal.TraceID {
	found := s.resolve(v.Focus, frameFocusLogs)
	from, to := bounds(v.Window)
	k := limit(v.Logs.Limit, defaultLogs)
	var hits, near []hit
	if len(found.traces) == 1 {
		near = s.near(s.spansOfTrace(s.spans.snapshot(true), found.traces[0], frameTraceSpans))
	}
	bound := map[*logChunk]*matcher{}
	for _, h := range append(found.logs, near...) {
		if h.t < from || h.t >= to {
			continue
		}
		if h.near {
			f.LogsNear++
		} else {
			f.LogsTotal++
		}
		m := bound[h.c]
		if m == nil {
			fresh := run.filter.bind(h.c)
			m, bound[h.c] = &fresh, &fresh
		}
		if m.match(h.i) {
			hits = append(hits, h)
		}
	}
	own := len(hits)
	for own > 0 && hits[own-1].near {
		own--
	}
	hits = hits[max(0, own-k):] // those that may not belong to it push none out that do
	slices.SortStableFunc(hits, compareHits)
	f.Logs = records(hits)
	q := newTraceQuery(filter, v.Traces, v.Window, clock{})
	f.Traces, f.TracesTotal = s.someTraces(q, found.traces)
	if len(found.traces) == 1 {
		return found.traces[0]
	}
	return signal.TraceID{}
}

// Frame is the picture of a window: its Window, Now, Focus, Logs, Traces, Detail, Events, Around, LogPage, More, Meanwhile, Fields and Store are filled. Without
// a window it shows the last five minutes. Lists are bounded by the view's limits; a filter that needs to look at more
// than one frame's time allows marks the frame partial, and the next frame with the same filter goes on from there.
// A focus shows at most the 2,000 records of it that arrived last. Detail is the trace the view asks for, or the only one
// its focus stands for, whatever the window: up to 1,000 spans and 1,000 records (Store.Trace has more).
func (s *Store) Frame(v signal.View) *signal.Frame {
	now := time.Now()
	if v.Window.To.IsZero() {
		v.Window = signal.Window{From: now.Add(-5 * time.Minute), To: now}
	}
	run := s.runs.get(v.Logs)
	filter, wrong := s.runs.trace(v.Traces.Text)
	f := &signal.Frame{Window: v.Window, Now: now, Focus: v.Focus, LogsErr: run.err, LogsWords: run.filter.words,
		TracesErr: wrong}
	trace := v.Trace
	if v.Focus == "" {
		f.Logs, f.LogsTotal, f.LogsPartial = s.newestLogs(run, v.Window, limit(v.Logs.Limit, defaultLogs), s.deadline())
		q := newTraceQuery(filter, v.Traces, v.Window, s.deadline())
		f.Traces, f.TracesTotal = s.bestTraces(q)
		f.TracesPartial = q.partial
	} else if only := s.focusedFrame(f, v, run, filter); trace.IsZero() {
		trace = only
	}
	f.Detail = s.trace(trace, frameTraceSpans, frameTraceLogs)
	f.Around = s.around(v.Around)
	f.Such = s.such(v)
	f.LogPage = s.logPage(v)
	f.More = s.moreTraces(v, filter)
	f.Events = s.events.in(v.Window)
	f.Meanwhile = s.meanwhile(f.Detail)
	f.Fields = s.names
	f.Store = s.Stats()
	return f
}

// such is the newest record in the window that matches what the view asks for; nil when it asks for none.
func (s *Store) such(v signal.View) *signal.SuchAs {
	if v.Such == "" {
		return nil
	}
	out := &signal.SuchAs{Filter: v.Such}
	run := s.runs.get(signal.LogFilter{Text: v.Such})
	if run.err != "" {
		return out
	}
	if found, _, _ := s.newestLogs(run, v.Window, 1, s.deadline()); len(found) > 0 {
		out.Record, out.Found = found[0], true
	}
	return out
}

// meanwhile are the faults and experiments that were going on while a trace ran; nil without a trace.
func (s *Store) meanwhile(t *signal.Trace) []signal.Event {
	if t == nil {
		return nil
	}
	w := signal.Window{From: t.Start, To: t.Start.Add(max(t.Duration, 0) + 1)}
	return slices.DeleteFunc(s.events.in(w), func(e signal.Event) bool {
		lasts := e.Open || e.End.After(e.Start)
		return !lasts || e.Kind != signal.EventFault && e.Kind != signal.EventExperiment
	})
}
