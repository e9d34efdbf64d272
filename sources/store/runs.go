package store

import (
	"fmt"
	"math/bits"
	"sync"
	"time"

	"gameday/sources/signal"
)

// maxRuns is how many filters are remembered. One run holds about 200 bytes per chunk.
const maxRuns = 8

// filterRuns remembers the latest log filters and which records of which chunk they matched, so that a frame goes on
// where the one before ran out of its budget. Chunks never change, so nothing in here grows stale.
type filterRuns struct {
	mu     sync.Mutex
	runs   map[string]*filterRun
	tick   uint64
	traces map[string]*parsedTraceFilter
}

type parsedTraceFilter struct {
	filter TraceFilter
	err    string
	used   uint64
}

// filterRun is one filter and its progress.
type filterRun struct {
	filter LogFilter
	err    string // what of the text was not understood
	used   uint64

	mu    sync.Mutex
	scans map[uint64]*scan // by chunk
}

// scan says which of the first n records of a chunk match.
type scan struct {
	n    int
	bits [maxChunkRecords / 64]uint64
}

func (s *scan) has(i int) bool { return s != nil && s.bits[i/64]&(1<<(i%64)) != 0 }

// before is the greatest matching record below i, -1 when there is none.
func (s *scan) before(i int) int {
	for i--; s != nil && i >= 0; i = i/64*64 - 1 {
		if word := s.bits[i/64] << (63 - i%64); word != 0 {
			return i - bits.LeadingZeros64(word)
		}
	}
	return -1
}

// get is the run for a filter.
func (f *filterRuns) get(v signal.LogFilter) *filterRun {
	key := fmt.Sprintf("%d %s", v.MinLevel, v.Text)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tick++
	if r := f.runs[key]; r != nil {
		r.used = f.tick
		return r
	}
	r := &filterRun{used: f.tick, scans: make(map[uint64]*scan)}
	filter, err := ParseLogFilter(v.Text)
	if err != nil {
		r.err = err.Error()
	}
	r.filter = filter.withLevel(v.MinLevel)
	if f.runs == nil {
		f.runs = make(map[string]*filterRun)
	}
	f.runs[key] = r
	evictOldest(f.runs, func(r *filterRun) uint64 { return r.used })
	return r
}

// trace is the filter for a trace filter's text, and what of it was not understood.
func (f *filterRuns) trace(text string) (TraceFilter, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tick++
	p := f.traces[text]
	if p == nil {
		filter, err := ParseTraceFilter(text)
		p = &parsedTraceFilter{filter: filter}
		if err != nil {
			p.err = err.Error()
		}
		if f.traces == nil {
			f.traces = make(map[string]*parsedTraceFilter)
		}
		f.traces[text] = p
	}
	p.used = f.tick
	evictOldest(f.traces, func(p *parsedTraceFilter) uint64 { return p.used })
	return p.filter, p.err
}

// evictOldest drops the least recently used while there are more than maxRuns.
func evictOldest[V any](m map[string]V, used func(V) uint64) {
	for len(m) > maxRuns {
		var oldest string
		least := ^uint64(0)
		for k, v := range m {
			if u := used(v); u < least {
				oldest, least = k, u
			}
		}
		delete(m, oldest)
	}
}

// clock says when a query has to stop looking. A query always looks at a little, so that every frame makes progress.
type clock struct{ until time.Time }

func (c clock) over() bool { return !c.until.IsZero() && time.Now().After(c.until) }

// look brings the scan of a chunk up to date as far as the clock allows; done is false when records were left. With
// known it only says what is known already, which may be nil.
func (r *filterRun) look(c *logChunk, stop clock, known bool) (s *scan, done bool) {
	r.mu.Lock()
	old := r.scans[c.id]
	r.mu.Unlock()
	if old != nil && old.n >= len(c.recs) {
		return old, true
	}
	if known {
		return old, false
	}
	s = &scan{}
	if old != nil {
		*s = *old
	}
	m := r.filter.bind(c)
	const stretch = 64 // records between two looks at the clock
	for s.n < len(c.recs) {
		for end := min(s.n+stretch, len(c.recs)); s.n < end; s.n++ {
			if m.match(s.n) {
				s.bits[s.n/64] |= 1 << (s.n % 64)
			}
		}
		if stop.over() {
			break
		}
	}
	r.mu.Lock()
	if now := r.scans[c.id]; now == nil || now.n < s.n {
		r.scans[c.id] = s
	}
	r.mu.Unlock()
	return s, s.n >= len(c.recs)
}

// prune forgets chunks that were evicted.
func (r *filterRun) prune(oldest uint64, chunks int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.scans) <= 2*chunks+16 {
		return
	}
	for id := range r.scans {
		if id < oldest {
			delete(r.scans, id)
		}
	}
}
