package store

import (
	"cmp"
	"slices"
	"time"

	"gameday/sources/signal"
)

const (
	defaultLogs   = 500
	defaultTraces = 200
	maxLimit      = 10_000 // the longest list a view gets
)

// hit is a log record that was found.
type hit struct {
	t    int64
	c    *logChunk
	i    int
	near bool // by service, host and time only
}

// compareHits orders by time, then by arrival.
func compareHits(a, b hit) int {
	return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(a.c.id, b.c.id), cmp.Compare(a.i, b.i))
}

// top keeps the k greatest of what it is given: a heap with the least on top.
type top[T any] struct {
	k       int
	compare func(a, b T) int
	items   []T
}

// full reports whether k items are kept; then items[0] is the least of them.
func (h *top[T]) full() bool { return len(h.items) >= h.k }

func (h *top[T]) add(x T) {
	if !h.full() {
		h.items = append(h.items, x)
		for i := len(h.items) - 1; i > 0; {
			up := (i - 1) / 2
			if h.compare(h.items[i], h.items[up]) >= 0 {
				return
			}
			h.items[i], h.items[up] = h.items[up], h.items[i]
			i = up
		}
		return
	}
	if h.k == 0 || h.compare(x, h.items[0]) <= 0 {
		return
	}
	h.items[0] = x
	h.sink()
}

// sink moves the item on top down to its place.
func (h *top[T]) sink() {
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < len(h.items) && h.compare(h.items[down], h.items[least]) < 0 {
				least = down
			}
		}
		if least == i {
			return
		}
		h.items[i], h.items[least] = h.items[least], h.items[i]
		i = least
	}
}

// pop takes the least item out; there must be one.
func (h *top[T]) pop() T {
	x, last := h.items[0], len(h.items)-1
	h.items[0] = h.items[last]
	h.items = h.items[:last]
	h.sink()
	return x
}

// sorted gives the items up, least first.
func (h *top[T]) sorted() []T {
	slices.SortFunc(h.items, h.compare)
	return h.items
}

// limit is how long a list may be.
func limit(asked, otherwise int) int {
	if asked <= 0 {
		return otherwise
	}
	return min(asked, maxLimit)
}

// newestLogs finds the newest records in the window that match, oldest first. total is how many records lie in the
// window; partial says that time ran out before every record that counts had been looked at.
func (s *Store) newestLogs(run *filterRun, w signal.Window, k int, stop clock) (out []signal.Record, total int, partial bool) {
	from, to := bounds(w)
	chunks := s.logs.snapshot(false)
	found := top[hit]{k: k, compare: compareHits}
	for _, c := range byNewest(chunks, from, to) {
		total += c.count(from, to)
		if found.full() && c.maxT < found.items[0].t {
			continue
		}
		if run.filter.admitsAll() {
			collectAll(&found, c, from, to)
			continue
		}
		matches, done := run.look(c, stop, partial) // once time has run out, only what is known already
		collectMatches(&found, matches, c, from, to)
		partial = partial || !done
	}
	if len(chunks) > 0 {
		run.prune(chunks[0].id, len(chunks))
	}
	return records(found.sorted()), total, partial
}

// byNewest are the chunks that may hold records of [from, to), the one with the newest record first.
func byNewest(chunks []*logChunk, from, to int64) []*logChunk {
	out := make([]*logChunk, 0, len(chunks))
	for i := len(chunks) - 1; i >= 0; i-- { // nearly sorted already
		if chunks[i].overlaps(from, to) {
			out = append(out, chunks[i])
		}
	}
	slices.SortStableFunc(out, func(a, b *logChunk) int { return cmp.Compare(b.maxT, a.maxT) })
	return out
}

// collectAll adds the records of one chunk that lie in [from, to).
func collectAll(found *top[hit], c *logChunk, from, to int64) {
	for i := len(c.times) - 1; i >= 0; i-- {
		t := c.times[i]
		if c.sorted && (t < from || found.full() && t < found.items[0].t) {
			return
		}
		if t >= from && t < to {
			found.add(hit{t: t, c: c, i: i})
		}
	}
}

// collectMatches adds those of them that a scan found.
func collectMatches(found *top[hit], matches *scan, c *logChunk, from, to int64) {
	for i := matches.before(len(c.times)); i >= 0; i = matches.before(i) {
		if t := c.times[i]; t >= from && t < to {
			found.add(hit{t: t, c: c, i: i})
		}
	}
}

func records(hits []hit) []signal.Record {
	out := make([]signal.Record, len(hits))
	for i, h := range hits {
		out[i] = logAt(h.c, h.i)
		out[i].Near = h.near
	}
	return out
}

// CountLogs is the exact number of records in the window that match, and the trace of the newest of them that has one.
// The filter's limit does not matter. A text that ParseLogFilter refuses matches nothing: parse it first, to tell that
// from a count of zero.
func (s *Store) CountLogs(f signal.LogFilter, w signal.Window) (n int, example signal.TraceID) {
	run := s.runs.get(f)
	if run.err != "" {
		return 0, signal.TraceID{}
	}
	from, to := bounds(w)
	var newest hit
	for _, c := range s.logs.snapshot(false) {
		if !c.overlaps(from, to) {
			continue
		}
		var matches *scan
		if !run.filter.admitsAll() {
			matches, _ = run.look(c, clock{}, false)
		}
		for i, t := range c.times {
			if t < from || t >= to || matches != nil && !matches.has(i) {
				continue
			}
			n++
			h := hit{t: t, c: c, i: i}
			if c.recs[i].trace != 0 && (newest.c == nil || compareHits(h, newest) > 0) {
				newest = h
			}
		}
	}
	if newest.c != nil {
		example = newest.c.traces[newest.c.recs[newest.i].trace]
	}
	return n, example
}

// deadline is the clock of one frame.
func (s *Store) deadline() clock {
	if s.budget <= 0 {
		return clock{}
	}
	return clock{until: time.Now().Add(s.budget)}
}
