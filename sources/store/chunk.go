package store

import (
	"strings"
	"unsafe"

	"gameday/sources/signal"
)

// chunk is a run of records in their order of arrival. R is the fixed-size part of a record and holds no pointers, so
// that a million records cost the garbage collector nothing; all text lies in one string. A chunk is never written to:
// readers need no lock.
type chunk[R any] struct {
	id     uint64
	base   uint64 // Seq of the first record
	times  []int64
	offs   []uint32 // where the text of each record begins; it ends where the next one's does
	recs   []R
	traces []signal.TraceID // of the records, each once; the first is the zero one, for a record without
	text   string
	syms   []string // words that recur: services, sources, keys, span names, values of attributes that have few
	index  postings
	minT   int64
	maxT   int64
	sorted bool // times never go back
	bytes  int64
}

// overlaps reports whether a record of the chunk may lie in [from, to).
func (c *chunk[R]) overlaps(from, to int64) bool {
	return len(c.times) > 0 && c.maxT >= from && c.minT < to
}

// count is the number of records in [from, to).
func (c *chunk[R]) count(from, to int64) int {
	if c.minT >= from && c.maxT < to {
		return len(c.times)
	}
	n := 0
	for _, t := range c.times {
		if t >= from && t < to {
			n++
		}
	}
	return n
}

// textAt is the text of record i.
func (c *chunk[R]) textAt(i int) string {
	end := len(c.text)
	if i+1 < len(c.offs) {
		end = int(c.offs[i+1])
	}
	return c.text[c.offs[i]:end]
}

// symbol is the number of a word in the chunk.
func (c *chunk[R]) symbol(word string) (uint32, bool) {
	for i, s := range c.syms {
		if s == word {
			return uint32(i), true
		}
	}
	return 0, false
}

// head is the chunk that is being filled.
type head[R any] struct {
	chunk[R]
	arena    strings.Builder // appended to only: a string taken from it stays valid
	ids      map[string]uint32
	field    []bool  // per symbol: it is a configured correlation field
	distinct []uint8 // per symbol: as a key, how many of its values were interned
	fields   map[string]bool
	symBytes int64
}

func newHead[R any](id, base uint64, records, text int, fields map[string]bool) *head[R] {
	h := &head[R]{
		chunk: chunk[R]{id: id, base: base, times: make([]int64, 0, records), offs: make([]uint32, 0, records),
			recs: make([]R, 0, records), traces: make([]signal.TraceID, 1, 1+records/4), index: newPostings(records), sorted: true},
		ids: make(map[string]uint32), fields: fields,
	}
	h.arena.Grow(text)
	return h
}

// intern gives a word its number.
func (h *head[R]) intern(word string) uint32 {
	if id, ok := h.ids[word]; ok {
		return id
	}
	word = strings.Clone(word) // not to keep alive whatever it was cut from
	id := uint32(len(h.syms))
	h.ids[word] = id
	h.syms = append(h.syms, word)
	h.field = append(h.field, h.fields[strings.ToLower(word)])
	h.distinct = append(h.distinct, 0)
	h.symBytes += wordBytes(word)
	return id
}

// wordBytes is what an interned word costs: its header and its text, rounded as the allocator does.
func wordBytes(word string) int64 { return 16 + int64(len(word)+7)&^7 }

// maxSyms is how many words a chunk may have when it takes one more record, whose fixed part numbers words with 16 bits.
const maxSyms = 1 << 15

// trace gives a trace ID its number, which number reads from a record: an earlier one may have it already.
func (h *head[R]) trace(id signal.TraceID, hash uint64, number func(*R) uint16) (n uint16) {
	h.index.each(hash, func(rec int) bool {
		if at := number(&h.recs[rec]); h.traces[at] == id {
			n = at
		}
		return n == 0
	})
	if n == 0 {
		n = uint16(len(h.traces))
		h.traces = append(h.traces, id)
	}
	return n
}

// push adds a record's fixed part; its text has been written before, from off on.
func (h *head[R]) push(t int64, off int, r R) {
	n := len(h.times)
	if n == 0 {
		h.minT, h.maxT = t, t
	}
	if n > 0 && t < h.times[n-1] {
		h.sorted = false
	}
	h.minT, h.maxT = min(h.minT, t), max(h.maxT, t)
	h.times = append(h.times, t)
	h.offs = append(h.offs, uint32(off))
	h.recs = append(h.recs, r)
}

// size is what the head holds of memory.
func (h *head[R]) size() int64 {
	const mapEntry = 32 // key, value, control byte, load factor
	return h.fixed() + int64(h.arena.Cap()) + int64(len(h.ids))*mapEntry
}

func (h *head[R]) fixed() int64 {
	var r R
	const overhead = 256 // the struct and its place in the lists
	return overhead + int64(cap(h.times))*8 + int64(cap(h.offs))*4 + int64(cap(h.traces))*int64(len(signal.TraceID{})) +
		int64(cap(h.recs))*int64(unsafe.Sizeof(r)) + h.symBytes + int64(cap(h.field)) + int64(cap(h.distinct)) + h.index.bytes()
}

// view is the head as it is now. Later appends do not touch what it shows; the index is copied when wanted.
func (h *head[R]) view(index bool) *chunk[R] {
	c := h.chunk
	c.text = h.arena.String()
	c.index = postings{}
	if index {
		c.index = h.index.clone()
	}
	return &c
}

// page is what the allocator rounds big objects up to.
const page = 8 << 10

// seal turns the head into a chunk and gives back what it had reserved too much.
func (h *head[R]) seal() *chunk[R] {
	c := h.chunk
	c.times, c.offs, c.recs, c.traces = fit(c.times), fit(c.offs), fit(c.recs), fit(c.traces)
	c.index.entries = fit(c.index.entries)
	c.text = h.arena.String()
	if spare := h.arena.Cap() - len(c.text); spare > len(c.text)/16 || spare >= page {
		c.text = strings.Clone(c.text)
	}
	h.chunk = c
	c.bytes = h.fixed() + int64(len(c.text))
	return &c
}

// fit is a list without the room that it does not use.
func fit[E any](list []E) []E {
	if len(list) == cap(list) {
		return list
	}
	return append(make([]E, 0, len(list)), list...)
}

// A key with more different values in one chunk than maxValues has its further ones written out; so has a value that is
// longer than maxValue bytes. Most attributes say one of a few things: the method, the route, the status, the host.
const (
	maxValues = 16
	maxValue  = 64
)

// putAttrs writes attributes and indexes configured fields under the record that comes next. An attribute is the symbol
// of its key and its value: twice the symbol of the value plus one, or twice its length and then its text.
func (h *head[R]) putAttrs(attrs signal.Attrs, hash func(string) uint64, found *int) {
	for i := range attrs {
		key, value := h.intern(attrs[i].Key), attrs[i].Value
		h.putUint(uint64(key))
		if sym, ok := h.value(key, value); ok {
			h.putUint(uint64(sym)<<1 | 1)
		} else {
			h.putUint(uint64(len(value)) << 1)
			h.arena.WriteString(value)
		}
		if h.field[key] && value != "" && *found < maxFieldValues {
			h.index.add(hash(value), len(h.recs))
			*found++
		}
	}
}

// value is the symbol of a key's value, as long as the key has few of them. A correlation field has many.
func (h *head[R]) value(key uint32, value string) (sym uint32, ok bool) {
	if len(value) > maxValue || h.field[key] {
		return 0, false
	}
	if h.distinct[key] > maxValues {
		return 0, false
	}
	if sym, ok = h.ids[value]; ok {
		return sym, true
	}
	if h.distinct[key]++; h.distinct[key] > maxValues {
		return 0, false
	}
	return h.intern(value), true
}

func (h *head[R]) putUint(v uint64) {
	for v >= 0x80 {
		h.arena.WriteByte(byte(v) | 0x80)
		v >>= 7
	}
	h.arena.WriteByte(byte(v))
}

func (h *head[R]) putText(s string) {
	h.putUint(uint64(len(s)))
	h.arena.WriteString(s)
}

// attrReader walks over attributes written by putAttrs.
type attrReader struct {
	rest string
	syms []string // of the chunk
	key  uint32
	val  string
}

// next reads one attribute; it reports false at the end.
func (a *attrReader) next() bool {
	if a.rest == "" {
		return false
	}
	a.key = uint32(a.uint())
	if v := a.uint(); v&1 == 1 {
		a.val = a.syms[v>>1]
	} else {
		a.val, a.rest = a.rest[:v>>1], a.rest[v>>1:]
	}
	return true
}

func (a *attrReader) uint() uint64 {
	var v uint64
	for i, shift := 0, 0; i < len(a.rest); i, shift = i+1, shift+7 {
		c := a.rest[i]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			a.rest = a.rest[i+1:]
			return v
		}
	}
	a.rest = ""
	return 0
}

func (a *attrReader) text() string {
	n := a.uint()
	s := a.rest[:n]
	a.rest = a.rest[n:]
	return s
}

// list reads how many attributes come, and these.
func (a *attrReader) list() signal.Attrs {
	n := a.uint()
	if n == 0 {
		return nil
	}
	out := make(signal.Attrs, 0, n)
	for ; n > 0 && a.next(); n-- {
		out = append(out, signal.Attr{Key: a.syms[a.key], Value: a.val})
	}
	return out
}

// readAttrs makes the attributes again. Values share the chunk's text.
func readAttrs(syms []string, s string) signal.Attrs {
	n := 0
	for a := (attrReader{rest: s, syms: syms}); a.next(); {
		n++
	}
	if n == 0 {
		return nil
	}
	out := make(signal.Attrs, 0, n)
	for a := (attrReader{rest: s, syms: syms}); a.next(); {
		out = append(out, signal.Attr{Key: syms[a.key], Value: a.val})
	}
	return out
}
