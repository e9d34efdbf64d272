package store

import (
	"slices"

	"gameday/sources/signal"
)

// List are the summaries of the newest traces that overlap the window, newest first, at most limit (10,000), and how many
// there are.
func (s *Store) List(w signal.Window, limit int) ([]signal.TraceSummary, int) {
	return s.bestTraces(newTraceQuery(TraceFilter{}, signal.TraceFilter{Limit: limit}, w, clock{}))
}

// Reader reads many traces out of the memory as it was at one instant.
type Reader struct {
	s     *Store
	spans []*spanChunk
	logs  []*logChunk
}

// Reader is a reader as of now. It keeps what it reads from being given back: let go of it soon.
func (s *Store) Reader() *Reader {
	return &Reader{s, s.spans.snapshot(true), s.logs.snapshot(true)}
}

// Trace is one trace with at most so many spans and records; its summary is the one given. No spans: it is not held any more.
func (r *Reader) Trace(t signal.TraceSummary, spans, logs int) signal.Trace {
	out := signal.Trace{TraceSummary: t, Spans: r.s.spansOfTrace(r.spans, t.ID, spans)}
	var hits []hit
	logsOfTrace(r.logs, r.s.hashTrace(t.ID), t.ID, func(h hit) bool {
		hits = append(hits, h)
		return len(hits) < logs
	})
	slices.SortFunc(hits, compareHits)
	out.Logs = records(hits)
	return out
}
