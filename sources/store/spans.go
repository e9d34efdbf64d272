package store

import (
	"hash/maphash"
	"time"

	"gameday/sources/signal"
)

// spanRec is the fixed part of a span. Its text lies in the chunk at off: message, attributes, events.
type spanRec struct {
	trace    signal.TraceID
	span     signal.SpanID
	parent   signal.SpanID
	duration int64
	off      uint32
	message  uint32 // bytes
	attrs    uint32 // bytes
	events   uint32 // bytes
	service  uint32 // symbol
	name     uint32 // symbol
	source   uint32 // symbol
	kind     signal.SpanKind
	failed   bool
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
	start := nanos(sp.Start, now)
	rec := spanRec{
		trace: sp.TraceID, span: sp.SpanID, parent: sp.ParentID, kind: sp.Kind, failed: sp.Failed,
		duration: clampDuration(start, int64(sp.Duration)),
		service:  h.intern(sp.Service), name: h.intern(sp.Name), source: h.intern(sp.Source),
		off: uint32(h.arena.Len()), message: uint32(len(sp.Message)),
	}
	h.arena.WriteString(sp.Message)
	h.index.add(s.hashTrace(sp.TraceID), len(h.recs))
	h.index.add(s.hashSpan(sp), len(h.recs))
	found := 0
	h.putAttrs(sp.Attrs, s.hashText, &found)
	rec.attrs = uint32(h.arena.Len()) - rec.off - rec.message
	for i := range sp.Events {
		e := &sp.Events[i]
		h.putUint(uint64(nanos(e.Time, now)))
		h.putText(e.Name)
		h.putUint(uint64(len(e.Attrs)))
		h.putAttrs(e.Attrs, s.hashText, &found)
	}
	rec.events = uint32(h.arena.Len()) - rec.off - rec.message - rec.attrs
	h.push(start, rec)
	s.traces.add(&rec, start, sp.Service, sp.Name, h.id)
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
		found = r.trace == sp.TraceID && r.span == sp.SpanID && twins(r.kind, sp.Kind, c.syms[r.service], sp.Service)
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
	attrs := r.off + r.message
	events := attrs + r.attrs
	return signal.Span{
		TraceID: r.trace, SpanID: r.span, ParentID: r.parent,
		Service: c.syms[r.service], Name: c.syms[r.name], Source: c.syms[r.source], Kind: r.kind,
		Start: time.Unix(0, c.times[i]), Duration: time.Duration(r.duration), Failed: r.failed,
		Message: c.text[r.off:attrs],
		Attrs:   readAttrs(c.syms, c.text[attrs:events]),
		Events:  readEvents(c.syms, c.text[events:events+r.events]),
	}
}

func readEvents(syms []string, text string) []signal.SpanEvent {
	var out []signal.SpanEvent
	for a := (attrReader{rest: text, syms: syms}); a.rest != ""; {
		e := signal.SpanEvent{Time: time.Unix(0, int64(a.uint())), Name: a.text()}
		for n := a.uint(); n > 0 && a.next(); n-- {
			e.Attrs = append(e.Attrs, signal.Attr{Key: syms[a.key], Value: a.val})
		}
		out = append(out, e)
	}
	return out
}
