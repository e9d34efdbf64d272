package store

import (
	"slices"
	"sync"

	"gameday/sources/signal"
)

// eventOverhead is what an event costs besides its text: the struct, its ID in the index, room in the slice.
const eventOverhead = 320

// timeline is the append-only record of what happened. The oldest entries go when it is full.
type timeline struct {
	mu     sync.RWMutex
	events []signal.Event // in order of arrival
	first  uint64         // position of events[0] since start
	where  map[uint64]uint64
	keys   map[string]uint64 // the IDs of those with a key
	next   uint64
	bytes  int64
	max    int64

	received, evicted, dropped uint64
}

func newTimeline(max int64) *timeline {
	return &timeline{where: make(map[uint64]uint64), keys: make(map[string]uint64), next: 1, max: max}
}

func eventSize(e *signal.Event) int64 {
	n := eventOverhead + len(e.Title) + len(e.Detail) + len(e.Target) + 2*len(e.Key)
	for i := range e.Attrs {
		n += 32 + len(e.Attrs[i].Key) + len(e.Attrs[i].Value)
	}
	return int64(n)
}

// Event puts an event on the timeline and returns its ID. One with an ID that is held replaces that entry in its place,
// and is not counted again; so does one with a key that is held; one with any other ID is appended under it; without an ID it gets the next. 0 says that the
// event was too big and has been dropped. The text must have been sanitised.
func (s *Store) Event(e signal.Event) uint64 {
	t := s.events
	t.mu.Lock()
	defer t.mu.Unlock()
	size := eventSize(&e)
	if e.ID == 0 && e.Key != "" {
		e.ID = t.keys[e.Key]
	}
	at, held := t.where[e.ID]
	if size > t.max/8 {
		if !held {
			t.received++
			t.dropped++
		}
		return 0
	}
	if held {
		old := &t.events[at-t.first]
		t.bytes += size - eventSize(old)
		delete(t.keys, old.Key)
		t.remember(&e)
		*old = e
		t.shrink()
		return e.ID
	}
	if e.ID == 0 {
		e.ID = t.next
	}
	t.next = max(t.next, e.ID+1)
	t.received++
	t.where[e.ID] = t.first + uint64(len(t.events))
	t.remember(&e)
	t.events = append(t.events, e)
	t.bytes += size
	t.shrink()
	return e.ID
}

func (t *timeline) remember(e *signal.Event) {
	if e.Key != "" {
		t.keys[e.Key] = e.ID
	}
}

// shrink evicts the oldest events that are over. Events still open are not spared: the bound holds.
func (t *timeline) shrink() {
	n := 0
	for ; t.bytes > t.max && n < len(t.events)-1; n++ {
		t.bytes -= eventSize(&t.events[n])
		delete(t.where, t.events[n].ID)
		delete(t.keys, t.events[n].Key)
		t.events[n] = signal.Event{}
	}
	t.events = t.events[n:]
	t.first += uint64(n)
	t.evicted += uint64(n)
}

// in are the events that overlap the window, by start.
func (t *timeline) in(w signal.Window) []signal.Event {
	return t.pick(func(e *signal.Event) bool {
		end := e.End
		if end.Before(e.Start) {
			end = e.Start
		}
		return e.Start.Before(w.To) && (e.Open || !end.Before(w.From))
	})
}

func (t *timeline) pick(want func(*signal.Event) bool) []signal.Event {
	t.mu.RLock()
	var out []signal.Event
	for i := range t.events {
		if want(&t.events[i]) {
			out = append(out, t.events[i])
		}
	}
	t.mu.RUnlock()
	slices.SortStableFunc(out, func(a, b signal.Event) int { return a.Start.Compare(b.Start) })
	return out
}

func (t *timeline) stats() signal.KindStats {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return signal.KindStats{Received: t.received, Held: uint64(len(t.events)), Evicted: t.evicted, Dropped: t.dropped,
		Bytes: uint64(t.bytes), MaxBytes: uint64(t.max)}
}

// Events are those that overlap the window, by start.
func (s *Store) Events(w signal.Window) []signal.Event { return s.events.in(w) }
