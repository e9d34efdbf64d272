package store

import (
	"cmp"
	"slices"

	"gameday/sources/signal"
)

// place is where a record stands in time, then by arrival.
type place struct {
	t   int64
	seq uint64
}

func placeOf(h hit) place { return place{h.t, h.c.base + uint64(h.i)} }

func comparePlaces(a, b place) int { return cmp.Or(cmp.Compare(a.t, b.t), cmp.Compare(a.seq, b.seq)) }

// pageQuery looks for the records beside a place.
type pageQuery struct {
	run      *filterRun
	chunks   []*logChunk
	from, to int64
	stop     clock
	partial  bool // time ran out
}

// logPage is the page that a view asks for. It is nil when it asks for none, for a focus, which has its own records, and when
// there was no time to look at every record that counts: the next frame goes on from there.
func (s *Store) logPage(v signal.View) *signal.LogPage {
	ask := v.LogPage
	if ask.Seek == signal.SeekNone || v.Focus != "" {
		return nil
	}
	q := pageQuery{run: s.runs.get(v.Logs), chunks: s.logs.snapshot(false), stop: s.deadline()}
	q.from, q.to = bounds(v.Window)
	at := place{ask.Time.UnixNano(), ask.Seq}
	if ask.Seek == signal.SeekOldest {
		at = place{q.from, 0}
	}
	found := true
	if older := ask.Seek == signal.SeekErrorOlder; older || ask.Seek == signal.SeekErrorNewer {
		at, found = q.error(s.runs.get(atLeast(v.Logs, signal.SeverityError)), at, older)
	}
	p := &signal.LogPage{Ask: ask, At: -1}
	if found {
		older := q.side(at, signal.PageSide+1, true)
		newer := q.side(at, signal.PageSide+2, false) // with the one at the place itself
		p.First, p.Last = len(older) <= signal.PageSide, len(newer) <= signal.PageSide+1
		older = older[max(len(older)-signal.PageSide, 0):]
		newer = newer[:min(len(newer), signal.PageSide+1)]
		p.Records = records(append(older, newer...))
		if len(p.Records) > 0 {
			p.At = min(len(older), len(p.Records)-1)
		}
	}
	if q.partial {
		return nil
	}
	return p
}

// forget lets go of what the filters found in records that are not held any more.
func (q *pageQuery) forget(run *filterRun) {
	if len(q.chunks) > 0 {
		run.prune(q.chunks[0].id, len(q.chunks))
	}
}

// atLeast is the filter with a level below which nothing passes.
func atLeast(f signal.LogFilter, min signal.Severity) signal.LogFilter {
	f.MinLevel = max(f.MinLevel, min)
	return f
}

// error is the place of the nearest record that errors admits, before or after a place.
func (q *pageQuery) error(errors *filterRun, at place, older bool) (place, bool) {
	all := q.run
	q.run = errors
	defer func() { q.forget(errors); q.run = all }()
	if !older {
		at.seq++ // not the one that stands there
	}
	hits := q.side(at, 1, older)
	if len(hits) == 0 {
		return at, false
	}
	return placeOf(hits[0]), true
}

// side finds the k records nearest to a place: those before it, or the one at it and those after it. They come by time.
func (q *pageQuery) side(at place, k int, older bool) []hit {
	sign := 1
	from, to := q.from, q.to
	if older {
		to = min(to, at.t+1)
	} else {
		sign, from = -1, max(from, at.t)
	}
	found := top[hit]{k: k, compare: func(a, b hit) int { return sign * comparePlaces(placeOf(a), placeOf(b)) }}
	for _, c := range q.near(from, to, older) {
		if found.full() && (older && c.maxT < found.items[0].t || !older && c.minT > found.items[0].t) {
			continue
		}
		q.collect(&found, c, from, to, func(h hit) bool { return (comparePlaces(placeOf(h), at) < 0) == older })
	}
	slices.SortFunc(found.items, func(a, b hit) int { return comparePlaces(placeOf(a), placeOf(b)) })
	return found.items
}

// near are the chunks that may hold records of [from, to), the nearest to where the search begins first.
func (q *pageQuery) near(from, to int64, older bool) []*logChunk {
	if older {
		return byNewest(q.chunks, from, to)
	}
	var out []*logChunk
	for _, c := range q.chunks {
		if c.overlaps(from, to) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *logChunk) int { return cmp.Compare(a.minT, b.minT) })
	return out
}

// collect adds the records of one chunk that lie in [from, to), pass the filter and are wanted.
func (q *pageQuery) collect(found *top[hit], c *logChunk, from, to int64, wanted func(hit) bool) {
	var matches *scan
	if !q.run.filter.admitsAll() {
		var done bool
		if matches, done = q.run.look(c, q.stop, q.partial); !done {
			q.partial = true
		}
	}
	for i, t := range c.times {
		if t < from || t >= to || matches != nil && !matches.has(i) || matches == nil && !q.run.filter.admitsAll() {
			continue
		}
		if h := (hit{t: t, c: c, i: i}); wanted(h) {
			found.add(h)
		}
	}
}
