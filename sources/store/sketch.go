package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"gameday/sources/signal"
)

// Sketch says what of many requests is read: the spans that began in Window, the newest Most of them, where these leave room those that
// began up to Lead earlier, and of the attributes those named, of spans of such a kind. Messages, events and all other attributes are
// left out.
type Sketch struct {
	Window signal.Window
	Lead   time.Duration
	Most   int
	Attrs  []string
	Of     func(signal.SpanKind) bool
}

// spanRef is where a span lies.
type spanRef struct {
	key        uint64 // of the trace; the end of its ID, for short IDs are filled up at the front
	chunk, rec uint32
}

// Sketch hands over the spans of one trace after the other, as Trace sorts them, and says how many of the window's there were beyond Most. The
// order of the traces is always the same. The slice and its attributes are valid until each returns; when that returns false,
// no more come.
func (r *Reader) Sketch(q Sketch, each func(spans []signal.Span) bool) (left int) {
	refs, left := r.refs(q)
	slices.SortFunc(refs, func(a, b spanRef) int {
		if a.key != b.key {
			return cmp.Compare(a.key, b.key)
		}
		x, y := r.traceAt(a), r.traceAt(b)
		return cmp.Or(bytes.Compare(x[:], y[:]), cmp.Compare(a.chunk, b.chunk), cmp.Compare(a.rec, b.rec))
	})
	s := sketcher{reader: r, q: q, wanted: make([][]bool, len(r.spans))}
	for len(refs) > 0 {
		id, n := *r.traceAt(refs[0]), 1
		for n < len(refs) && refs[n].key == refs[0].key && *r.traceAt(refs[n]) == id {
			n++
		}
		if !each(s.draw(refs[:n])) {
			break
		}
		refs = refs[n:]
	}
	return left
}

func (r *Reader) traceAt(ref spanRef) *signal.TraceID {
	c := r.spans[ref.chunk]
	return &c.traces[c.recs[ref.rec].trace]
}

// refs finds the spans, newest arrivals first.
func (r *Reader) refs(q Sketch) (refs []spanRef, left int) {
	from, to := bounds(q.Window)
	lead, _ := bounds(signal.Window{From: q.Window.From.Add(-q.Lead), To: q.Window.To})
	n := 0
	for _, chunk := range r.spans {
		if chunk.overlaps(lead, to) {
			n += chunk.count(lead, to)
		}
	}
	refs = make([]spanRef, 0, min(n, q.Most))
	refs, left = r.refsIn(refs, from, to, q.Most)
	if lead < from {
		refs, _ = r.refsIn(refs, lead, from, q.Most)
	}
	return refs, left
}

// refsIn appends the spans that began in [from, to), as long as there are fewer than most, and counts the others.
func (r *Reader) refsIn(refs []spanRef, from, to int64, most int) (_ []spanRef, left int) {
	for c := len(r.spans) - 1; c >= 0; c-- {
		chunk := r.spans[c]
		if !chunk.overlaps(from, to) {
			continue
		}
		for i := len(chunk.times) - 1; i >= 0; i-- {
			if t := chunk.times[i]; t < from || t >= to {
				continue
			}
			if len(refs) >= most {
				left++
				continue
			}
			id := &chunk.traces[chunk.recs[i].trace]
			refs = append(refs, spanRef{binary.LittleEndian.Uint64(id[8:]), uint32(c), uint32(i)})
		}
	}
	return refs, left
}

// sketcher makes spans in memory that it uses again.
type sketcher struct {
	reader *Reader
	q      Sketch
	spans  []signal.Span
	attrs  signal.Attrs
	wanted [][]bool // per chunk and symbol
}

func (s *sketcher) draw(refs []spanRef) []signal.Span {
	s.spans, s.attrs = s.spans[:0], s.attrs[:0]
	for _, ref := range refs {
		c := s.reader.spans[ref.chunk]
		r := &c.recs[ref.rec]
		a := attrReader{rest: c.textAt(int(ref.rec)), syms: c.syms}
		out := signal.Span{TraceID: c.traces[r.trace], SpanID: r.span, ParentID: r.parent, Service: c.syms[r.service], Name: c.syms[r.name], Source: c.syms[r.source],
			Kind: r.kind, Start: time.Unix(0, c.times[ref.rec]), Duration: time.Duration(a.uint()), Failed: r.failed}
		if s.q.Of(r.kind) {
			out.Attrs = s.read(int(ref.chunk), a)
		}
		s.spans = append(s.spans, out)
	}
	return arrange(s.spans)
}

// read reads the attributes that are wanted; a stands before the message.
func (s *sketcher) read(at int, a attrReader) signal.Attrs {
	c := s.reader.spans[at]
	if s.wanted[at] == nil {
		s.wanted[at] = make([]bool, len(c.syms))
		for _, name := range s.q.Attrs {
			if sym, ok := c.symbol(name); ok {
				s.wanted[at][sym] = true
			}
		}
	}
	from := len(s.attrs)
	a.text()
	for n := a.uint(); n > 0 && a.next(); n-- {
		if s.wanted[at][a.key] {
			s.attrs = append(s.attrs, signal.Attr{Key: c.syms[a.key], Value: a.val})
		}
	}
	return s.attrs[from:len(s.attrs):len(s.attrs)]
}

// fewSpans is up to how many spans comparing each with each is cheaper than a table of them.
const fewSpans = 48

// arrange puts spans in the order of sortSpans, each once; it does so in place where that is easy, which is nearly always.
func arrange(spans []signal.Span) []signal.Span {
	if len(spans) > fewSpans {
		return sortSpans(once(spans))
	}
	slices.SortStableFunc(spans, func(a, b signal.Span) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(b.Duration, a.Duration))
	})
	for i := range spans {
		for k := i + 1; k < len(spans); k++ {
			if spans[k].SpanID == spans[i].SpanID || spans[k].SpanID == spans[i].ParentID {
				return sortSpans(once(spans))
			}
		}
	}
	return spans
}
