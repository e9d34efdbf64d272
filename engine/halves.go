package engine

import (
	"encoding/binary"
	"sync"

	"gameday/sources/signal"
)

// maxHalves is how many traces are remembered by the lower half of their ID, twice.
const maxHalves = 8192

// halves makes one trace of the two that a request leaves when one of its services knows IDs of 64 bits only and the others write
// all 128: both are kept under the ID that came first. Two IDs of 128 bits that have the lower half in common are never joined,
// nor is anything with them. It is safe for concurrent use.
type halves struct {
	mu           sync.Mutex
	newer, older map[uint64]signal.TraceID // by lower half; the zero ID where it is not clear
}

// join gives the signals of a batch, which must be nobody else's yet, the IDs under which their traces are kept.
func (h *halves) join(b *signal.Batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range b.Spans {
		b.Spans[i].TraceID = h.keep(b.Spans[i].TraceID)
	}
	for i := range b.Logs {
		if id := b.Logs[i].TraceID; !id.IsZero() {
			b.Logs[i].TraceID = h.keep(id)
		}
	}
}

// kept is the ID under which a trace is kept.
func (h *halves) kept(id signal.TraceID) signal.TraceID {
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.find(lower(id)); ok && half(known) != half(id) && !known.IsZero() {
		return known
	}
	return id
}

// keptAs is kept for what may be a trace ID.
func (h *halves) keptAs(id signal.CorrelationID) signal.CorrelationID {
	trace, ok := signal.ParseTraceID(string(id))
	if !ok {
		return id
	}
	if kept := h.kept(trace); kept != trace {
		return signal.CorrelationID(kept.String())
	}
	return id
}

// keep is kept, and remembers what is new. The caller holds the lock.
func (h *halves) keep(id signal.TraceID) signal.TraceID {
	low := lower(id)
	if low == 0 {
		return id
	}
	known, ok := h.find(low)
	switch {
	case !ok:
		h.remember(low, id)
	case known == id || known.IsZero():
	case half(known) != half(id):
		return known
	default:
		h.remember(low, signal.TraceID{})
	}
	return id
}

func (h *halves) find(low uint64) (signal.TraceID, bool) {
	if id, ok := h.newer[low]; ok {
		return id, true
	}
	id, ok := h.older[low]
	if ok {
		h.remember(low, id) // it is in use
	}
	return id, ok
}

// remember keeps the last traces: when the newer ones are many, the older ones are forgotten.
func (h *halves) remember(low uint64, id signal.TraceID) {
	if h.newer == nil || len(h.newer) >= maxHalves {
		h.older, h.newer = h.newer, make(map[uint64]signal.TraceID)
	}
	h.newer[low] = id
}

func lower(id signal.TraceID) uint64 { return binary.BigEndian.Uint64(id[8:]) }

// half reports whether an ID has 64 bits.
func half(id signal.TraceID) bool { return binary.BigEndian.Uint64(id[:8]) == 0 }
