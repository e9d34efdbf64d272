package store

import (
	"hash/maphash"
	"time"

	"gameday/sources/signal"
)

// spanRec is the fixed part of a span. Its text is the duration in nanoseconds, the length of the message, the message, how
// many attributes there are, the attributes, and the events.
type spanRec struct {
	span    signal.SpanID
	parent  signal.SpanID
	trace   uint16 // of the chunk's
	service uint16 // symbol
	name    uint16 // symbol
	source  uint16 // symbol
	kind    signal.SpanKind
	failed  bool
}

type spanChunk = chunk[spanRec]

func (s *Store) addSpans(spans []signal.Span, now time.Time) {
	for i := range spans {
		s.addSpan(&spans[i], now)
	}
}

func (s *Store) addSpan(sp *signal.Span, now time.Time) {
	c := s.spans
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received++
	if sp.TraceID.IsZero() || spanSize(sp) > c.biggest() {
		c.dropped++
		return
	}
	if s.doubled(sp) {
		c.filtered++
		return
	}
	h := c.room()
	off, start, hash := h.arena.Len(), nanos(sp.Start, now), s.hashTrace(sp.TraceID)
	took := clampDuration(start, int64(sp.Duration))
	rec := spanRec{
		span: sp.SpanID, parent: sp.ParentID, kind: sp.Kind, failed: sp.Failed,
		trace:   h.trace(sp.TraceID, hash, func(r *spanRec) uint16 { return r.trace }),
		service: uint16(h.intern(sp.Service)), name: uint16(h.intern(sp.Name)), source: uint16(h.intern(sp.Source)),
	}
	h.index.add(hash, len(h.recs))
	h.index.add(s.hashSpan(sp), len(h.recs))
	found := 0
	h.putUint(uint64(took))
	h.putText(sp.Message)
	h.putUint(uint64(len(sp.Attrs)))
	h.putAttrs(sp.Attrs, s.hashText, &found)
	for i := range sp.Events {
		e := &sp.Events[i]
		h.putUint(uint64(nanos(e.Time, now)))
		h.putText(e.Name)
		h.putUint(uint64(len(e.Attrs)))
		h.putAttrs(e.Attrs, s.hashText, &found)
	}
	h.push(start, off, rec)
	s.traces.add(sp, start, took, h.id)
	for old := c.shrink(s.traces.bytes()); old != nil; old = c.shrink(s.traces.bytes()) {
		s.traces.forget(old)
	}
}

// maxDoubledChunks bounds how far back a span is looked for: one that comes again later than that is held twice, and
// left out when its trace is read.
const maxDoubledChunks = 32

// doubled reports whether a span is held already, such as one that came over OTLP and that Jaeger tells of as well.
// Called with the spans' lock held.
func (s *Store) doubled(sp *signal.Span) bool {
	_, _, e := s.traces.find(sp.TraceID)
	if e == nil || sp.SpanID.IsZero() || e.seen&bit(sp.SpanID) == 0 {
		return false
	}
	hash, c := s.hashSpan(sp), s.spans
	if holds(&c.head.chunk, hash, sp) {
		return true
	}
	for i := len(c.sealed) - 1; i >= max(0, len(c.sealed)-maxDoubledChunks) && c.sealed[i].id >= e.chunk; i-- {
		if holds(c.sealed[i], hash, sp) {
			return true
		}
	}
	return false
}

// hashSpan finds one span among those of a trace that has very many.
func (s *Store) hashSpan(sp *signal.Span) uint64 {
	var both [len(sp.TraceID) + len(sp.SpanID)]byte
	copy(both[copy(both[:], sp.TraceID[:]):], sp.SpanID[:])
	return maphash.Bytes(s.seed, both[:])
}

func holds(c *spanChunk, hash uint64, sp *signal.Span) (found bool) {
	c.index.each(hash, func(i int) bool {
		r := &c.recs[i]
		found = c.traces[r.trace] == sp.TraceID && r.span == sp.SpanID && twins(r.kind, sp.Kind, c.syms[r.service], sp.Service)
		return !found
	})
	return found
}

// twins reports whether two spans with one ID are the same one. Zipkin's client and server may share an ID: these are two.
func twins(a, b signal.SpanKind, service, other string) bool { return a == b || service == other }

// clampDuration makes sure that start + duration is neither before start nor beyond what can be stored.
func clampDuration(start, d int64) int64 {
	if d < 0 {
		return 0
	}
	if end := start + d; end < start {
		return latest.UnixNano() - start
	}
	return d
}

func spanSize(sp *signal.Span) int64 {
	n := textSize(sp.Message, sp.Attrs)
	for i := range sp.Events {
		n += textSize(sp.Events[i].Name, sp.Events[i].Attrs) + 16
	}
	return n
}

// spanAt makes span i of a chunk. Its text is shared with the chunk.
func spanAt(c *spanChunk, i int) signal.Span {
	r := &c.recs[i]
	a := attrReader{rest: c.textAt(i), syms: c.syms}
	took, message := a.uint(), a.text()
	attrs := a.list()
	return signal.Span{
		TraceID: c.traces[r.trace], SpanID: r.span, ParentID: r.parent,
		Service: c.syms[r.service], Name: c.syms[r.name], Source: c.syms[r.source], Kind: r.kind,
		Start: time.Unix(0, c.times[i]), Duration: time.Duration(took), Failed: r.failed,
		Message: message, Attrs: attrs, Events: readEvents(c.syms, a.rest),
	}
}

func readEvents(syms []string, text string) []signal.SpanEvent {
	var out []signal.SpanEvent
	for a := (attrReader{rest: text, syms: syms}); a.rest != ""; {
		out = append(out, signal.SpanEvent{Time: time.Unix(0, int64(a.uint())), Name: a.text(), Attrs: a.list()})
	}
	return out
}
