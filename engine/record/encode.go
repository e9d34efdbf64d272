package record

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"gameday/sources/signal"
)

// encoder turns signals into entries. It belongs to one goroutine at a time.
type encoder struct {
	buf     []byte
	scratch []byte
	base    int64 // the chapter's first instant
	private redactor
	names   map[string]uint64
	series  map[uint64]*series
	samples []byte // of the entry that is being filled
	lastID  uint64
	lastT   int64
}

// series is what the encoder remembers of one: the number it has in the chapter, and what was written last.
type series struct {
	id        uint64
	bits      uint64
	exemplarT time.Time
	exemplarV float64
}

// reset begins a chapter.
func (e *encoder) reset(at time.Time) {
	e.names, e.series = map[string]uint64{}, map[uint64]*series{}
	e.samples = e.samples[:0]
	e.base = at.UnixNano()
	e.entry(kindBase, func(b []byte) []byte { return binary.AppendVarint(b, e.base) })
}

// take hands out what was encoded; the encoder begins a new buffer.
func (e *encoder) take() []byte {
	e.seal()
	out := e.buf
	e.buf = nil
	return out
}

func (e *encoder) entry(kind byte, body func([]byte) []byte) {
	e.seal()
	e.put(kind, body(e.scratch[:0]))
}

func (e *encoder) put(kind byte, body []byte) {
	e.scratch = body
	e.buf = append(e.buf, kind)
	e.buf = binary.AppendUvarint(e.buf, uint64(len(body)))
	e.buf = append(e.buf, body...)
}

// seal ends the entry of samples.
func (e *encoder) seal() {
	if len(e.samples) == 0 {
		return
	}
	body := e.samples
	e.samples = e.samples[:0]
	e.buf = append(e.buf, kindSamples)
	e.buf = binary.AppendUvarint(e.buf, uint64(len(body)))
	e.buf = append(e.buf, body...)
}

func text(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func (e *encoder) name(b []byte, s string) []byte {
	if i, ok := e.names[s]; ok {
		return binary.AppendUvarint(b, i)
	}
	n := uint64(len(e.names))
	if n >= maxNames || len(s) > maxName {
		return text(binary.AppendUvarint(b, 0), s)
	}
	e.names[s] = n + 1
	return text(binary.AppendUvarint(b, n+1), s)
}

func (e *encoder) attrs(b []byte, list signal.Attrs) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = text(e.name(b, list[i].Key), list[i].Value)
	}
	return b
}

var (
	earliest = time.Unix(0, math.MinInt64/2)
	latest   = time.Unix(0, math.MaxInt64/2)
)

// stamped is an instant that can be stored: one that is missing or absurd becomes now, as in the store.
func stamped(t, now time.Time) time.Time {
	if t.Before(earliest) || t.After(latest) {
		return now
	}
	return t
}

func (e *encoder) instant(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	d := t.UnixNano() - e.base
	return binary.AppendUvarint(b, (uint64(d<<1)^uint64(d>>63))+1)
}

// flags say which IDs follow.
const (
	hasTrace = 1 << iota
	hasSpan
	hasParent
	isFailed
)

func (e *encoder) log(r *signal.Record, now time.Time) {
	e.entry(kindLog, func(b []byte) []byte {
		flags := byte(0)
		if !r.TraceID.IsZero() {
			flags |= hasTrace
		}
		if !r.SpanID.IsZero() {
			flags |= hasSpan
		}
		b = append(b, byte(r.Severity), flags)
		b = e.instant(b, stamped(r.Time, now))
		if flags&hasTrace != 0 {
			b = append(b, r.TraceID[:]...)
		}
		if flags&hasSpan != 0 {
			b = append(b, r.SpanID[:]...)
		}
		b = e.name(e.name(b, r.Service), r.Source)
		return e.attrs(text(b, r.Body), r.Attrs)
	})
}

func (e *encoder) span(s *signal.Span, now time.Time) {
	e.entry(kindSpan, func(b []byte) []byte {
		flags := byte(0)
		if !s.SpanID.IsZero() {
			flags |= hasSpan
		}
		if !s.ParentID.IsZero() {
			flags |= hasParent
		}
		if s.Failed {
			flags |= isFailed
		}
		b = append(b, byte(s.Kind), flags)
		b = binary.AppendVarint(e.instant(b, stamped(s.Start, now)), int64(s.Duration))
		b = append(b, s.TraceID[:]...)
		if flags&hasSpan != 0 {
			b = append(b, s.SpanID[:]...)
		}
		if flags&hasParent != 0 {
			b = append(b, s.ParentID[:]...)
		}
		b = e.name(e.name(e.name(b, s.Service), s.Name), s.Source)
		b = e.attrs(text(b, s.Message), s.Attrs)
		b = binary.AppendUvarint(b, uint64(len(s.Events)))
		for i := range s.Events {
			v := &s.Events[i]
			b = e.attrs(e.name(e.instant(b, stamped(v.Time, now)), v.Name), v.Attrs)
		}
		return b
	})
}

func (e *encoder) sample(key uint64, ls labels.Labels, t int64, v float64, exemplars []signal.Exemplar) {
	s := e.series[key]
	if s == nil {
		s = &series{id: uint64(len(e.series))}
		e.series[key] = s
		e.entry(kindSeries, func(b []byte) []byte {
			b = binary.AppendUvarint(b, s.id)
			b = binary.AppendUvarint(b, uint64(ls.Len()))
			ls.Range(func(l labels.Label) { b = text(e.name(b, l.Name), redact(l.Value)) })
			return b
		})
	}
	if len(e.samples) > 1<<16 {
		e.seal()
	}
	if len(e.samples) == 0 {
		e.samples = binary.AppendVarint(e.samples, t)
		e.lastID, e.lastT = 0, t
	}
	now := math.Float64bits(v)
	e.samples = binary.AppendVarint(e.samples, int64(s.id)-int64(e.lastID)-1)
	e.samples = binary.AppendVarint(e.samples, t-e.lastT)
	e.samples = binary.AppendUvarint(e.samples, bits.ReverseBytes64(now^s.bits))
	e.lastID, e.lastT, s.bits = s.id, t, now
	for i := range exemplars {
		x := &exemplars[i]
		if x.T.Equal(s.exemplarT) && x.V == s.exemplarV {
			continue // a scrape brings the same one until there is another
		}
		s.exemplarT, s.exemplarV = x.T, x.V
		e.entry(kindExemplar, func(b []byte) []byte {
			b = binary.AppendVarint(binary.AppendUvarint(b, s.id), x.T.UnixMilli())
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x.V))
			return e.attrs(append(b, x.TraceID[:]...), e.private.attrs(x.Labels))
		})
	}
}

func (e *encoder) event(at time.Time, v signal.Event) {
	e.coded(kindEvent, v, func(b []byte) []byte { return e.instant(b, at) })
}

// coded puts an entry whose body ends in CBOR.
func (e *encoder) coded(kind byte, v any, lead func([]byte) []byte) {
	e.packed(kind, pack(v), lead)
}

// packed puts an entry whose body ends in CBOR that is ready.
func (e *encoder) packed(kind byte, data []byte, lead func([]byte) []byte) {
	e.entry(kind, func(b []byte) []byte {
		if lead != nil {
			b = lead(b)
		}
		return append(b, data...)
	})
}
