package store

import (
	"encoding/binary"
	"math"
	"strings"
	"time"
	"unsafe"

	"gameday/sources/signal"
)

const (
	blockTraces  = 512
	maxServices  = 8    // of one trace, that a filter can find
	maxBlockSyms = 2048 // words of one block; what comes after is shown as manyWords
	manyWords    = "…"
)

// traceEntry is the summary of one trace as far as its spans have arrived. Start, duration and root are of all spans
// that ever came; spans and errors count those still held. An entry without spans is dead.
type traceEntry struct {
	id         signal.TraceID
	start, end int64
	rootStart  int64 // of the span that gives the trace its name
	rootTook   int64
	spans      uint32
	errors     uint32
	service    uint16 // symbols of the block
	name       uint16
	services   [maxServices]uint16
	nservices  uint8
	rooted     bool
	entry      bool   // without a root: the earliest span is a server's, so its caller sends us no spans
	seen       uint64 // one bit per span ID, by hash: a span whose bit is not set has not come before
	chunk      uint64 // that the first span came into
}

func (e *traceEntry) took() int64 { return e.end - e.start }

// overlaps reports whether some of the trace lies in [from, to).
func (e *traceEntry) overlaps(from, to int64) bool { return e.start < to && e.end >= from }

// traceBlock is a run of traces in the order in which their first spans came, with bounds that let a query skip it.
// The bounds only ever widen.
type traceBlock struct {
	entries  []traceEntry
	syms     []string
	symBytes int64
	live     int
	failed   [blockTraces / 64]uint64 // one bit per entry with errors

	minStart, maxStart, minEnd, maxEnd, maxTook int64
}

func newTraceBlock() *traceBlock {
	return &traceBlock{entries: make([]traceEntry, 0, blockTraces), minStart: math.MaxInt64, maxStart: math.MinInt64,
		minEnd: math.MaxInt64, maxEnd: math.MinInt64}
}

func (b *traceBlock) intern(word string) uint16 {
	for i, s := range b.syms {
		if s == word {
			return uint16(i)
		}
	}
	if len(b.syms) >= maxBlockSyms {
		b.syms[maxBlockSyms-1] = manyWords
		return maxBlockSyms - 1
	}
	b.syms = append(b.syms, strings.Clone(word))
	b.symBytes += wordBytes(word)
	return uint16(len(b.syms) - 1)
}

// widen takes an entry into the bounds.
func (b *traceBlock) widen(e *traceEntry) {
	b.minStart, b.maxStart = min(b.minStart, e.start), max(b.maxStart, e.start)
	b.minEnd, b.maxEnd = min(b.minEnd, e.end), max(b.maxEnd, e.end)
	b.maxTook = max(b.maxTook, e.took())
}

func (b *traceBlock) setFailed(slot int, failed bool) {
	if failed {
		b.failed[slot/64] |= 1 << (slot % 64)
	} else {
		b.failed[slot/64] &^= 1 << (slot % 64)
	}
}

// inside reports whether every trace of the block overlaps [from, to).
func (b *traceBlock) inside(from, to int64) bool { return b.maxStart < to && b.minEnd >= from }

// traceTable keeps the summaries. It is guarded by the lock of the spans.
type traceTable struct {
	where    map[signal.TraceID]uint32 // block number and slot
	blocks   map[uint32]*traceBlock
	order    []*traceBlock // oldest first; replaced, never written to
	last     *traceBlock
	lastNo   uint32
	symBytes int64
	peak     int // most traces ever: maps do not shrink
}

func newTraceTable() *traceTable {
	t := &traceTable{where: make(map[signal.TraceID]uint32), blocks: make(map[uint32]*traceBlock)}
	t.grow()
	return t
}

func (t *traceTable) grow() {
	t.last = newTraceBlock()
	for t.lastNo++; ; t.lastNo++ { // numbers wrap around after 16 million blocks; one in use is skipped
		t.lastNo %= math.MaxUint32 / blockTraces
		if t.blocks[t.lastNo] == nil {
			break
		}
	}
	t.blocks[t.lastNo] = t.last
	t.order = append(append(make([]*traceBlock, 0, len(t.order)+1), t.order...), t.last)
}

// bytes is what the table holds of memory.
func (t *traceTable) bytes() int64 {
	const block = int64(unsafe.Sizeof(traceBlock{})) + blockTraces*int64(unsafe.Sizeof(traceEntry{})) + 64
	const mapEntry = 32
	return int64(len(t.order))*block + int64(t.peak)*mapEntry + t.symBytes
}

// find is the entry of a trace, nil when none is held.
func (t *traceTable) find(id signal.TraceID) (*traceBlock, int, *traceEntry) {
	at, ok := t.where[id]
	if !ok {
		return nil, 0, nil
	}
	b, slot := t.blocks[at/blockTraces], int(at%blockTraces)
	return b, slot, &b.entries[slot]
}

// bit is a span's place in traceEntry.seen. IDs are random, but somebody's are counted.
func bit(id signal.SpanID) uint64 {
	return 1 << (binary.LittleEndian.Uint64(id[:]) * 0x9e3779b97f4a7c15 >> 58)
}

// add takes one span into its trace's summary; chunk is where it lies.
func (t *traceTable) add(sp *signal.Span, start, took int64, chunk uint64) {
	b, slot, e := t.find(sp.TraceID)
	if e == nil {
		if len(t.last.entries) == blockTraces {
			t.grow()
		}
		b, slot = t.last, len(t.last.entries)
		b.entries = append(b.entries, traceEntry{id: sp.TraceID, start: math.MaxInt64, end: math.MinInt64, chunk: chunk})
		e = &b.entries[slot]
		b.live++
		t.where[sp.TraceID] = t.lastNo*blockTraces + uint32(slot)
		t.peak = max(t.peak, len(t.where))
	}
	before := b.symBytes
	e.take(b, sp, start, took)
	t.symBytes += b.symBytes - before
	b.widen(e)
	if sp.Failed {
		b.setFailed(slot, true)
	}
}

// take updates the summary by one span.
func (e *traceEntry) take(b *traceBlock, sp *signal.Span, start, took int64) {
	root := sp.ParentID.IsZero()
	better := e.spans == 0 && e.start == math.MaxInt64
	switch {
	case better:
	case root != e.rooted:
		better = root
	case start != e.rootStart:
		better = start < e.rootStart
	default:
		better = took > e.rootTook
	}
	sym := b.intern(sp.Service)
	if better {
		e.rooted, e.rootStart, e.rootTook = root, start, took
		e.entry = sp.Kind == signal.SpanServer || sp.Kind == signal.SpanConsumer
		e.service, e.name = sym, b.intern(sp.Name)
	}
	e.start, e.end = min(e.start, start), max(e.end, start+took)
	e.spans++
	e.seen |= bit(sp.SpanID)
	if sp.Failed {
		e.errors++
	}
	for i := range int(e.nservices) {
		if e.services[i] == sym {
			return
		}
	}
	if int(e.nservices) < maxServices {
		e.services[e.nservices] = sym
		e.nservices++
	}
}

// forget takes the spans of an evicted chunk out of the summaries.
func (t *traceTable) forget(c *spanChunk) {
	for i := range c.recs {
		r := &c.recs[i]
		id := c.traces[r.trace]
		b, slot, e := t.find(id)
		if e == nil {
			continue
		}
		e.spans--
		if r.failed {
			e.errors--
			b.setFailed(slot, e.errors > 0)
		}
		if e.spans > 0 {
			continue
		}
		no := t.where[id] / blockTraces
		delete(t.where, id)
		b.setFailed(slot, false)
		if b.live--; b.live == 0 && b != t.last {
			t.drop(no, b)
		}
	}
}

func (t *traceTable) drop(no uint32, b *traceBlock) {
	delete(t.blocks, no)
	t.symBytes -= b.symBytes
	rest := make([]*traceBlock, 0, len(t.order))
	for _, o := range t.order {
		if o != b {
			rest = append(rest, o)
		}
	}
	t.order = rest
}

// summary is an entry as the panes know it. Called with the spans' lock held.
func (b *traceBlock) summary(e *traceEntry) signal.TraceSummary {
	status := "ok"
	if e.errors > 0 {
		status = "error"
	}
	return signal.TraceSummary{
		ID: e.id, Service: b.syms[e.service], Name: b.syms[e.name], Start: time.Unix(0, e.start),
		Duration: time.Duration(e.took()), Spans: int(e.spans), Errors: int(e.errors), Rooted: e.rooted || e.entry, Status: status,
	}
}
