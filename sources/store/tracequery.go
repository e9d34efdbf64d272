package store

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
	"time"

	"gameday/sources/signal"
)

// blocksPerLock is how many blocks of traces are looked at before writers get their turn.
const blocksPerLock = 8

// found is a trace that matched, as it was then.
type foundTrace struct {
	e traceEntry
	b *traceBlock
}

// compareRecent orders by start; compareSlowest by duration, then by start. Ties go by ID, so that rows do not jump.
func compareRecent(a, b foundTrace) int {
	return cmp.Or(cmp.Compare(a.e.start, b.e.start), bytes.Compare(a.e.id[:], b.e.id[:]))
}

func compareSlowest(a, b foundTrace) int {
	return cmp.Or(cmp.Compare(a.e.took(), b.e.took()), compareRecent(a, b))
}

// traceQuery is one question to the table of traces.
type traceQuery struct {
	filter   TraceFilter
	failed   bool
	slowest  bool
	from, to int64
	stop     clock
	found    top[foundTrace]
	total    int
	partial  bool        // time ran out before every trace that counts had been looked at
	after    *foundTrace // only what comes after it in the list; nil for all
}

func newTraceQuery(filter TraceFilter, f signal.TraceFilter, w signal.Window, stop clock) *traceQuery {
	q := &traceQuery{filter: filter, failed: f.Failed, slowest: f.Order == signal.TracesSlowest, stop: stop}
	q.from, q.to = bounds(w)
	q.found = top[foundTrace]{k: limit(f.Limit, defaultTraces), compare: compareRecent}
	if q.slowest {
		q.found.compare = compareSlowest
	}
	return q
}

// bestTraces is the list the query asks for, best first, and how many traces overlap the window.
func (s *Store) bestTraces(q *traceQuery) ([]signal.TraceSummary, int) {
	blocks := s.traceBlocks(q)
	filtered := len(q.filter.terms) > 0
	for first := true; len(blocks) > 0; first = false {
		n := min(blocksPerLock, len(blocks))
		over := filtered && !first && q.stop.over()
		s.spans.mu.RLock()
		for _, b := range blocks[:n] {
			look := !q.found.full() || b.bound >= q.worst()
			q.partial = q.partial || look && over
			q.block(b.block, look && !over)
		}
		s.spans.mu.RUnlock()
		blocks = blocks[n:]
	}
	return s.summaries(q.found.sorted()), q.total
}

// moreTraces is the part of the list that the view asks for. It is nil when it asks for none, for a focus, whose traces are few. It is
// asked for by a key, not ten times a second, and takes the time that it needs.
func (s *Store) moreTraces(v signal.View, filter TraceFilter) *signal.TracePage {
	ask := v.More
	if ask.ID.IsZero() || v.Focus != "" {
		return nil
	}
	v.Traces.Limit = signal.PageSide
	q := newTraceQuery(filter, v.Traces, v.Window, clock{})
	start := ask.Start.UnixNano()
	q.after = &foundTrace{e: traceEntry{id: ask.ID, start: start, end: start + int64(ask.Duration)}}
	list, _ := s.bestTraces(q)
	return &signal.TracePage{Ask: ask, Traces: list}
}

// boundBlock is a block and the best that one of its traces can be.
type boundBlock struct {
	block *traceBlock
	bound int64
}

// traceBlocks are the blocks that may hold a trace of the window, the most promising first.
func (s *Store) traceBlocks(q *traceQuery) []boundBlock {
	s.spans.mu.RLock()
	order := s.traces.order
	out := make([]boundBlock, 0, len(order))
	for i := len(order) - 1; i >= 0; i-- {
		b := order[i]
		if b.live == 0 || b.minStart >= q.to || b.maxEnd < q.from {
			continue
		}
		bound := b.maxStart
		if q.slowest {
			bound = b.maxTook
		}
		out = append(out, boundBlock{b, bound})
	}
	s.spans.mu.RUnlock()
	slices.SortStableFunc(out, func(a, b boundBlock) int { return cmp.Compare(b.bound, a.bound) })
	return out
}

// worst is the least of what is kept, in the unit of a block's bound.
func (q *traceQuery) worst() int64 {
	if q.slowest {
		return q.found.items[0].e.took()
	}
	return q.found.items[0].e.start
}

// block counts one block's traces and, when look is set, takes the good ones. Called with the spans' lock held.
func (q *traceQuery) block(b *traceBlock, look bool) {
	inside := b.inside(q.from, q.to)
	if inside {
		q.total += b.live
	}
	var m traceMatcher
	if look {
		m = q.filter.bind(b)
		look = m.possible()
	}
	if inside && look && (q.failed || q.filter.onlyFailed()) {
		for word, set := range b.failed {
			for ; set != 0; set &= set - 1 {
				q.take(b, &b.entries[word*64+bits.TrailingZeros64(set)], &m)
			}
		}
		return
	}
	if inside && !look {
		return
	}
	for i := range b.entries {
		e := &b.entries[i]
		if e.spans == 0 || !e.overlaps(q.from, q.to) {
			continue
		}
		if !inside {
			q.total++
		}
		if look {
			q.take(b, e, &m)
		}
	}
}

// take keeps a trace if it matches and is good enough.
func (q *traceQuery) take(b *traceBlock, e *traceEntry, m *traceMatcher) {
	switch {
	case e.spans == 0 || !e.overlaps(q.from, q.to) || q.failed && e.errors == 0:
		return
	case q.found.full() && q.slowest && e.took() < q.worst(), q.found.full() && !q.slowest && e.start < q.worst():
		return
	case q.after != nil && q.found.compare(foundTrace{e: *e}, *q.after) >= 0:
		return
	case !m.match(e):
		return
	}
	q.found.add(foundTrace{e: *e, b: b})
}

// summaries turns what was found, worst first, into rows, best first.
func (s *Store) summaries(found []foundTrace) []signal.TraceSummary {
	out := make([]signal.TraceSummary, len(found))
	s.spans.mu.RLock()
	defer s.spans.mu.RUnlock()
	for i := range found {
		f := &found[len(found)-1-i]
		out[i] = f.b.summary(&f.e)
	}
	return out
}

// someTraces is bestTraces among the given IDs only.
func (s *Store) someTraces(q *traceQuery, ids []signal.TraceID) ([]signal.TraceSummary, int) {
	s.spans.mu.RLock()
	for _, id := range ids {
		b, _, e := s.traces.find(id)
		if e == nil || !e.overlaps(q.from, q.to) {
			continue
		}
		q.total++
		m := q.filter.bind(b)
		q.take(b, e, &m)
	}
	s.spans.mu.RUnlock()
	return s.summaries(q.found.sorted()), q.total
}

// TraceStats are figures over the traces of a window. Durations are zero and IDs absent when Count is 0.
type TraceStats struct {
	Count   int
	Errors  int // traces with a failed span
	P50     time.Duration
	P95     time.Duration
	P99     time.Duration
	Max     time.Duration
	Slowest signal.TraceID // the trace that took Max
	Failed  signal.TraceID // the newest with an error
}

// TraceStats measures all traces that overlap the window and match, whether their root has arrived or not. Percentiles
// are exact (nearest rank). Order and limit of the filter do not matter. A text that ParseTraceFilter refuses matches
// nothing: parse it first.
func (s *Store) TraceStats(f signal.TraceFilter, w signal.Window) TraceStats {
	filter, wrong := s.runs.trace(f.Text)
	if wrong != "" {
		return TraceStats{}
	}
	q := newTraceQuery(filter, f, w, clock{})
	var st TraceStats
	var took []int64
	var slowest, failed foundTrace
	see := func(x foundTrace) {
		took = append(took, x.e.took())
		if len(took) == 1 || compareSlowest(x, slowest) > 0 {
			slowest = x
		}
		if x.e.errors > 0 {
			if st.Errors++; st.Errors == 1 || compareRecent(x, failed) > 0 {
				failed = x
			}
		}
	}
	for blocks := s.traceBlocks(q); len(blocks) > 0; {
		n := min(blocksPerLock, len(blocks))
		s.spans.mu.RLock()
		for _, b := range blocks[:n] {
			m := filter.bind(b.block)
			for i := range b.block.entries {
				e := &b.block.entries[i]
				if e.spans > 0 && e.overlaps(q.from, q.to) && (!f.Failed || e.errors > 0) && m.match(e) {
					see(foundTrace{e: *e})
				}
			}
		}
		s.spans.mu.RUnlock()
		blocks = blocks[n:]
	}
	if st.Count = len(took); st.Count == 0 {
		return st
	}
	slices.Sort(took)
	at := func(percent int) time.Duration { return time.Duration(took[(len(took)*percent+99)/100-1]) }
	st.P50, st.P95, st.P99, st.Max = at(50), at(95), at(99), at(100)
	st.Slowest, st.Failed = slowest.e.id, failed.e.id
	return st
}
