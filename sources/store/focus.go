package store

import (
	"cmp"
	"slices"

	"gameday/sources/signal"
)

// Bounds on what one correlation ID may bring, so that a value shared by everything ("-") does not cost the frame.
const (
	maxFocusTraces  = 32
	maxFocusLogs    = 10_000
	maxTraceSpans   = 10_000
	maxTraceLogs    = 5_000
	maxFieldMatches = 10_000

	frameFocusLogs  = 2_000 // what a frame takes instead: it is made ten times a second
	frameTraceSpans = 1_000
	frameTraceLogs  = 1_000
)

// focus is what a correlation ID stands for: the traces, and the records that carry it or one of the traces.
type focus struct {
	traces []signal.TraceID // newest first
	logs   []hit
}

// resolve finds what a correlation ID stands for, with at most so many records. An ID may be a trace ID and a field's
// value at once.
func (s *Store) resolve(id signal.CorrelationID, most int) focus {
	logs, spans := s.logs.snapshot(true), s.spans.snapshot(true)
	var f focus
	trace, isTrace := id.TraceID()
	if isTrace {
		f.traces = append(f.traces, trace)
	}
	seen := make(map[hit]bool)
	take := func(h hit) bool {
		if !seen[h] && len(f.logs) < most {
			seen[h] = true
			f.logs = append(f.logs, h)
		}
		return len(f.logs) < most
	}
	if id != "" && len(s.fields) > 0 {
		s.withField(logs, spans, string(id), &f, take)
	}
	for _, trace := range f.traces {
		logsOfTrace(logs, s.hashTrace(trace), trace, take)
	}
	slices.SortFunc(f.logs, compareHits)
	return f
}

// withField takes the records that have the value in a correlation field, and the traces of these records and spans.
func (s *Store) withField(logs []*logChunk, spans []*spanChunk, value string, f *focus, take func(hit) bool) {
	hash := s.hashText(value)
	join := func(id signal.TraceID) {
		if !id.IsZero() && len(f.traces) < maxFocusTraces && !slices.Contains(f.traces, id) {
			f.traces = append(f.traces, id)
		}
	}
	looked := 0
	for i := len(logs) - 1; i >= 0; i-- {
		c := logs[i]
		c.index.each(hash, func(rec int) bool {
			if !s.hasField(c.syms, logAttrs(c, rec), value) {
				return true
			}
			join(c.traces[c.recs[rec].trace])
			return take(hit{t: c.times[rec], c: c, i: rec})
		})
	}
	for i := len(spans) - 1; i >= 0 && looked < maxFieldMatches && len(f.traces) < maxFocusTraces; i-- {
		c := spans[i]
		c.index.each(hash, func(rec int) bool {
			looked++
			if s.spanHasField(c, rec, value) {
				join(c.traces[c.recs[rec].trace])
			}
			return looked < maxFieldMatches
		})
	}
}

// hasField reports whether attributes have the value in a correlation field.
func (s *Store) hasField(syms []string, attrs, value string) bool {
	for a := (attrReader{rest: attrs, syms: syms}); a.next(); {
		if a.val == value && s.isField(syms[a.key]) {
			return true
		}
	}
	return false
}

func (s *Store) spanHasField(c *spanChunk, i int, value string) bool {
	sp := spanAt(c, i)
	for _, a := range sp.Attrs {
		if a.Value == value && s.isField(a.Key) {
			return true
		}
	}
	for _, e := range sp.Events {
		for _, a := range e.Attrs {
			if a.Value == value && s.isField(a.Key) {
				return true
			}
		}
	}
	return false
}

// logsOfTrace gives the records of a trace, newest arrivals first, until take returns false.
func logsOfTrace(chunks []*logChunk, hash uint64, id signal.TraceID, take func(hit) bool) {
	more := true
	for i := len(chunks) - 1; i >= 0 && more; i-- {
		c := chunks[i]
		c.index.each(hash, func(rec int) bool {
			if c.traces[c.recs[rec].trace] == id {
				more = take(hit{t: c.times[rec], c: c, i: rec})
			}
			return more
		})
	}
}

// spansOfTrace makes the spans of a trace: the first limit to arrive, sorted for reading.
func (s *Store) spansOfTrace(chunks []*spanChunk, id signal.TraceID, limit int) []signal.Span {
	hash := s.hashTrace(id)
	var out []signal.Span
	var recs []int
	for _, c := range chunks {
		if len(out) >= limit {
			break
		}
		recs = recs[:0]
		c.index.each(hash, func(rec int) bool {
			if c.traces[c.recs[rec].trace] == id {
				recs = append(recs, rec)
			}
			return true
		})
		for i := len(recs) - 1; i >= 0 && len(out) < limit; i-- {
			out = append(out, spanAt(c, recs[i]))
		}
	}
	return sortSpans(once(out))
}

// once leaves out spans that came twice, so far apart that both are held.
func once(spans []signal.Span) []signal.Span {
	first := make(map[signal.SpanID]int, len(spans))
	out := spans[:0]
	for _, s := range spans {
		i, twice := first[s.SpanID]
		if twice && twins(out[i].Kind, s.Kind, out[i].Service, s.Service) {
			continue
		}
		if !twice {
			first[s.SpanID] = len(out)
		}
		out = append(out, s)
	}
	return out
}

// Trace is everything held of one trace: its spans, by start but never before their parents, and its log records by
// time. A trace known only from log records has no spans. It is nil when nothing is held. Of a trace with more than
// 10,000 spans or 5,000 records the rest is left out; Spans of the summary says how many are held.
func (s *Store) Trace(id signal.TraceID) *signal.Trace {
	return s.trace(id, maxTraceSpans, maxTraceLogs)
}

func (s *Store) trace(id signal.TraceID, spans, logs int) *signal.Trace {
	if id.IsZero() {
		return nil
	}
	t := &signal.Trace{Spans: s.spansOfTrace(s.spans.snapshot(true), id, spans)}
	var hits []hit
	logsOfTrace(s.logs.snapshot(true), s.hashTrace(id), id, func(h hit) bool {
		hits = append(hits, h)
		return len(hits) < logs
	})
	slices.SortFunc(hits, compareHits)
	t.Logs = records(hits)
	if len(t.Spans) == 0 && len(t.Logs) == 0 {
		return nil
	}
	t.TraceSummary = signal.TraceSummary{ID: id}
	s.spans.mu.RLock()
	if b, _, e := s.traces.find(id); e != nil {
		t.TraceSummary = b.summary(e)
	}
	s.spans.mu.RUnlock()
	if len(t.Spans) == 0 {
		first, last := t.Logs[0], t.Logs[len(t.Logs)-1]
		t.Service, t.Start, t.Duration = first.Service, first.Time, last.Time.Sub(first.Time)
	}
	return t
}

// Find is everything held of one correlation ID: the records that carry it or share a trace with one that does, the
// spans of those traces, and the events that point at them. At most 10,000 records and 32 traces of 10,000 spans.
func (s *Store) Find(id signal.CorrelationID) signal.Batch {
	f := s.resolve(id, maxFocusLogs)
	b := signal.Batch{Logs: records(f.logs)}
	chunks := s.spans.snapshot(true)
	for _, trace := range f.traces {
		b.Spans = append(b.Spans, s.spansOfTrace(chunks, trace, maxTraceSpans)...)
	}
	b.Events = s.events.pick(func(e *signal.Event) bool {
		return !e.TraceID.IsZero() && slices.Contains(f.traces, e.TraceID)
	})
	return b
}

// sortSpans orders spans by start, a parent always before its children even when their clocks disagree. Spans whose
// parent is not there come at their own time; those whose parents form a circle come last.
func sortSpans(spans []signal.Span) []signal.Span {
	slices.SortStableFunc(spans, func(a, b signal.Span) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(b.Duration, a.Duration))
	})
	here := make(map[signal.SpanID]bool, len(spans))
	for i := range spans {
		here[spans[i].SpanID] = true
	}
	waiting := make(map[signal.SpanID][]int)
	ready := top[int]{k: len(spans), compare: cmp.Compare[int]} // the least position, which is the earliest start, on top
	for i := range spans {
		if p := spans[i].ParentID; !p.IsZero() && p != spans[i].SpanID && here[p] {
			waiting[p] = append(waiting[p], i)
		} else {
			ready.add(i)
		}
	}
	out := make([]signal.Span, 0, len(spans))
	done := make([]bool, len(spans))
	for len(ready.items) > 0 {
		i := ready.pop()
		out, done[i] = append(out, spans[i]), true
		for _, child := range waiting[spans[i].SpanID] {
			ready.add(child)
		}
		delete(waiting, spans[i].SpanID)
	}
	for i := range spans {
		if !done[i] {
			out = append(out, spans[i])
		}
	}
	return out
}
