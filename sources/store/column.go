package store

import (
	"sync"

	"gameday/sources/signal"
)

const (
	maxChunkRecords = 1024
	maxChunkText    = 256 << 10
)

// column is the bounded memory of one kind of record: sealed chunks, oldest first, and the head. Writers hold mu for
// one record's append, or for the eviction of one chunk; readers hold it while they take a snapshot.
type column[R any] struct {
	mu      sync.RWMutex
	sealed  []*chunk[R] // replaced, never written to
	head    *head[R]
	held    int64 // bytes of the sealed chunks
	max     int64
	records int // of one chunk
	text    int // of one chunk, about
	fields  map[string]bool
	nextID  uint64

	received, evicted, dropped, filtered uint64
}

func newColumn[R any](max int64, fields map[string]bool) *column[R] {
	c := &column[R]{max: max, fields: fields}
	c.text = int(min(maxChunkText, max/32))
	c.records = 16
	for c.records < maxChunkRecords && c.records*256 < c.text {
		c.records *= 2
	}
	c.head = newHead[R](0, 1, c.records, c.text/4, fields)
	c.nextID = 1
	return c
}

// biggest is how many bytes of text one record may have.
func (c *column[R]) biggest() int64 { return min(c.max/8, maxSignalBytes) }

// room makes sure that the head can take one more record. Called with mu held.
func (c *column[R]) room() *head[R] {
	h := c.head
	if len(h.recs) < c.records && h.arena.Len() < c.text && len(h.syms) < maxSyms {
		return h
	}
	full := h.seal()
	sealed := make([]*chunk[R], 0, len(c.sealed)+1)
	c.sealed = append(append(sealed, c.sealed...), full)
	c.held += full.bytes
	c.head = newHead[R](c.nextID, full.base+uint64(len(full.recs)), c.records, len(full.text)+len(full.text)/16, c.fields)
	c.nextID++
	return c.head
}

// shrink takes out the oldest chunk while more than max is held; extra is what the caller holds besides. It returns
// nil when nothing has to go. Called with mu held.
func (c *column[R]) shrink(extra int64) *chunk[R] {
	if len(c.sealed) == 0 || c.held+c.head.size()+extra <= c.max {
		return nil
	}
	oldest := c.sealed[0]
	c.sealed = append(make([]*chunk[R], 0, len(c.sealed)), c.sealed[1:]...)
	c.held -= oldest.bytes
	c.evicted += uint64(len(oldest.recs))
	return oldest
}

// snapshot is everything held at this instant, oldest chunk first. With index, the chunks can be searched by hash.
func (c *column[R]) snapshot(index bool) []*chunk[R] {
	c.mu.RLock()
	sealed, last := c.sealed, c.head.view(index)
	c.mu.RUnlock()
	if len(last.recs) == 0 {
		return sealed
	}
	return append(append(make([]*chunk[R], 0, len(sealed)+1), sealed...), last)
}

// stats counts; extra is what the caller holds besides.
func (c *column[R]) stats(extra int64) signal.KindStats {
	return signal.KindStats{
		Received: c.received, Evicted: c.evicted, Dropped: c.dropped, Filtered: c.filtered,
		Held:  c.received - c.evicted - c.dropped - c.filtered,
		Bytes: uint64(c.held + c.head.size() + extra), MaxBytes: uint64(c.max),
	}
}
