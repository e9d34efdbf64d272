package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"

	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// Sink takes what is read of a chapter, in the order in which it was recorded. What it is handed belongs to it. Text of logs,
// spans, events and seconds has been made harmless; labels of series are as they came, for the metric memory makes them
// so on their way out.
type Sink interface {
	Log(signal.Record)
	Span(signal.Span)
	// Series says which labels the samples of a number have. Numbers are the chapter's own.
	Series(id uint64, ls signal.Attrs)
	Sample(id uint64, ms int64, v float64)
	Exemplar(id uint64, e signal.Exemplar)
	// Event says what the timeline held from that instant on; the same ID may come again.
	Event(told time.Time, e signal.Event)
	// Section is one part of the states, see DecodeSection.
	Section(at time.Time, n Section, data []byte)
	Second(signal.LoadSecond)
	// Answer is what a remote system answered for a chart, as far as it was not told before.
	Answer(Answer)
	Words(Words)
}

// errDamaged is told with what was wrong: the CRC was right, so it was written that way.
var errDamaged = errors.New("the recording is damaged")

// decoder reads the entries of one chapter.
type decoder struct {
	base   int64
	names  []string
	values map[uint64]uint64 // bits of each series' last sample
	read   int64
}

// run reads until the stream ends. A stream that ends within an entry is cut off there, which is no error.
func (d *decoder) run(r io.Reader, into Sink) error {
	d.values = map[uint64]uint64{}
	in := bufio.NewReaderSize(r, 1<<16)
	var body []byte
	for {
		kind, err := in.ReadByte()
		if cut(err) {
			return nil
		}
		if err != nil {
			return err
		}
		n, err := binary.ReadUvarint(in)
		switch {
		case cut(err):
			return nil
		case err != nil || n > maxEntry:
			return fmt.Errorf("%w: an entry of %d bytes", errDamaged, n)
		}
		if d.read += int64(n); d.read > maxChapter {
			return fmt.Errorf("%w: a chapter of more than %d MB", errDamaged, maxChapter>>20)
		}
		if body, err = readSome(in, body[:0], int(n)); cut(err) {
			return nil
		} else if err != nil {
			return err
		}
		if err := d.entry(kind, body, into); err != nil {
			return err
		}
	}
}

// readSome reads n bytes without believing n before they are there.
func readSome(in io.Reader, into []byte, n int) ([]byte, error) {
	for len(into) < n {
		step := min(n-len(into), 1<<16)
		at := len(into)
		into = append(into, make([]byte, step)...)
		if _, err := io.ReadFull(in, into[at:]); err != nil {
			return into, err
		}
	}
	return into, nil
}

func cut(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// entry hands one entry on.
func (d *decoder) entry(kind byte, body []byte, into Sink) error {
	p := &parser{d: d}
	switch kind {
	case kindBase:
		p.use(body)
		d.base = p.varint()
	case kindLog:
		p.use(body)
		if r := p.log(); p.err == nil {
			b := signal.Batch{Logs: []signal.Record{r}}
			sanitize.Batch(&b)
			into.Log(b.Logs[0])
		}
	case kindSpan:
		p.use(body)
		if s := p.span(); p.err == nil {
			b := signal.Batch{Spans: []signal.Span{s}}
			sanitize.Batch(&b)
			into.Span(b.Spans[0])
		}
	case kindSeries:
		p.use(body)
		id, ls := p.uint(), p.attrs()
		if p.err == nil {
			into.Series(id, ls)
		}
	case kindSamples:
		p.use(body)
		p.samples(into)
	case kindExemplar:
		p.use(body)
		id, x := p.uint(), p.exemplar()
		if p.err == nil {
			into.Exemplar(id, x)
		}
	case kindEvent:
		p.use(body)
		p.event(into)
	case kindState:
		p.use(body)
		at, n := p.instant(), Section(p.byte())
		if p.err == nil && n < Sections {
			into.Section(at, n, []byte(p.rest()))
		}
	case kindSecond:
		s, err := decodeSecond(body)
		if err != nil {
			return fmt.Errorf("%w: a second of load: %v", errDamaged, err)
		}
		into.Second(s)
	case kindAnswer:
		a, err := decodeAnswer(body)
		if err != nil {
			return fmt.Errorf("%w: an answer: %v", errDamaged, err)
		}
		into.Answer(a)
	case kindWords:
		v, err := decodeWords(body)
		if err != nil {
			return fmt.Errorf("%w: words: %v", errDamaged, err)
		}
		into.Words(v)
	}
	if p.err != nil {
		return fmt.Errorf("%w: an entry of kind %d: %v", errDamaged, kind, p.err)
	}
	return nil
}

// parser takes a body apart. After a fault everything is zero, and err says what it was.
type parser struct {
	d    *decoder
	text string // of which all strings are parts: one allocation for all of them
	at   int
	err  error
}

func (p *parser) use(body []byte) { p.text = string(body) }

func (p *parser) rest() string { return p.text[p.at:] }

func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s at byte %d of %d", what, p.at, len(p.text))
	}
	p.at = len(p.text)
}

func (p *parser) more() bool { return p.err == nil && p.at < len(p.text) }

func (p *parser) byte() byte {
	if p.at >= len(p.text) {
		p.fail("nothing is left")
		return 0
	}
	p.at++
	return p.text[p.at-1]
}

func (p *parser) uint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := p.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	p.fail("a number is too long")
	return 0
}

func (p *parser) varint() int64 {
	u := p.uint()
	return int64(u>>1) ^ -int64(u&1)
}

func (p *parser) bytes(n uint64) string {
	if n > uint64(len(p.text)-p.at) {
		p.fail("a text is too long")
		return ""
	}
	p.at += int(n)
	return p.text[p.at-int(n) : p.at]
}

func (p *parser) string() string { return p.bytes(p.uint()) }

func (p *parser) name() string {
	i, names := p.uint(), p.d.names
	switch {
	case i == 0:
		return p.string()
	case i <= uint64(len(names)):
		return names[i-1]
	case i == uint64(len(names))+1 && len(names) < maxNames:
		s := p.string()
		if p.err == nil {
			p.d.names = append(names, string([]byte(s))) // a copy: the name outlives the entry
		}
		return s
	}
	p.fail("a name was never told")
	return ""
}

func (p *parser) instant() time.Time {
	u := p.uint()
	if u == 0 {
		return time.Time{}
	}
	u--
	return time.Unix(0, p.d.base+(int64(u>>1)^-int64(u&1)))
}

func (p *parser) count() int {
	n := p.uint()
	if n > uint64(len(p.text)-p.at) { // each takes a byte at least
		p.fail("a list is too long")
		return 0
	}
	return int(n)
}

func (p *parser) attrs() signal.Attrs {
	n := p.count()
	if n == 0 {
		return nil
	}
	out := make(signal.Attrs, 0, min(n, 64))
	for range n {
		if p.err != nil {
			return nil
		}
		key := p.name()
		out = append(out, signal.Attr{Key: key, Value: p.string()})
	}
	return out
}

func (p *parser) trace() (id signal.TraceID) { copy(id[:], p.bytes(uint64(len(id)))); return id }
func (p *parser) spanID() (id signal.SpanID) { copy(id[:], p.bytes(uint64(len(id)))); return id }

func (p *parser) log() (r signal.Record) {
	r.Severity = signal.Severity(p.byte())
	flags := p.byte()
	r.Time = p.instant()
	if flags&hasTrace != 0 {
		r.TraceID = p.trace()
	}
	if flags&hasSpan != 0 {
		r.SpanID = p.spanID()
	}
	r.Service, r.Source = p.name(), p.name()
	r.Body = p.string()
	r.Attrs = p.attrs()
	return r
}

func (p *parser) span() (s signal.Span) {
	s.Kind = signal.SpanKind(p.byte())
	flags := p.byte()
	s.Failed = flags&isFailed != 0
	s.Start, s.Duration = p.instant(), time.Duration(p.varint())
	s.TraceID = p.trace()
	if flags&hasSpan != 0 {
		s.SpanID = p.spanID()
	}
	if flags&hasParent != 0 {
		s.ParentID = p.spanID()
	}
	s.Service, s.Name, s.Source = p.name(), p.name(), p.name()
	s.Message = p.string()
	s.Attrs = p.attrs()
	for range p.count() {
		if p.err != nil {
			return s
		}
		v := signal.SpanEvent{Time: p.instant(), Name: p.name()}
		v.Attrs = p.attrs()
		s.Events = append(s.Events, v)
	}
	return s
}

func (p *parser) samples(into Sink) {
	t, id := p.varint(), uint64(0)
	for p.more() {
		id += uint64(p.varint() + 1)
		t += p.varint()
		v := p.d.values[id] ^ bits.ReverseBytes64(p.uint())
		if p.err != nil {
			return
		}
		p.d.values[id] = v
		into.Sample(id, t, math.Float64frombits(v))
	}
}

func (p *parser) exemplar() (x signal.Exemplar) {
	x.T = time.UnixMilli(p.varint())
	if v := p.bytes(8); p.err == nil {
		x.V = math.Float64frombits(binary.LittleEndian.Uint64([]byte(v)))
	}
	x.TraceID = p.trace()
	x.Labels = p.attrs()
	return x
}

func (p *parser) event(into Sink) {
	at := p.instant()
	var e signal.Event
	if p.err != nil {
		return
	}
	if err := unpack([]byte(p.rest()), &e); err != nil {
		p.fail(err.Error())
		return
	}
	into.Event(at, e)
}
