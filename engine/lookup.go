package engine

import (
	"context"
	"sync"
	"time"

	"gameday/engine/triage"
	"gameday/sources/driver"
	"gameday/sources/signal"
)

const (
	askAgain  = 30 * time.Second // after which a source may know more about an ID than it did
	maxAsked  = 1000             // IDs that are remembered as asked about
	maxAsking = 2                // look-ups at once: an operator who walks through a list must not flood the sources
)

// lookups asks the sources about what the operator looks at, beside the screen, and remembers what was asked.
type lookups struct {
	mu     sync.Mutex
	asked  map[signal.CorrelationID]time.Time
	asking int
	state  *signal.Lookup
}

// seek asks every source that answers for the past about an ID, unless that was done just now. It returns at once; what
// is found is in later frames like everything else.
func (s *Session) seek(id signal.CorrelationID) {
	if id == "" || !s.canAsk() {
		return
	}
	l := &s.lookups
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.asked[id]; ok && now.Sub(at) < askAgain || l.asking >= maxAsking {
		return
	}
	if l.asked == nil || len(l.asked) >= maxAsked {
		l.asked = map[signal.CorrelationID]time.Time{}
	}
	l.asked[id] = now
	l.asking++
	l.state = &signal.Lookup{ID: id, Asking: true}
	s.mu.Lock()
	closing := s.closing
	if !closing {
		s.work.Go(func() { s.lookUp(id) })
	}
	s.mu.Unlock()
	if closing {
		l.asking--
	}
}

func (s *Session) canAsk() bool {
	for _, src := range s.cfg.Sources {
		if _, ok := src.Driver.(driver.Querier); ok {
			return true
		}
	}
	return false
}

// lookUp asks about one ID and puts into the memory what is not there yet.
func (s *Session) lookUp(id signal.CorrelationID) {
	why := "as given"
	if _, ok := id.TraceID(); ok {
		why = "trace ID"
	}
	r, err := triage.Find(s.ctx, triage.Config{Sources: s.cfg.Sources, Fields: s.cfg.Store.CorrelationFields}, []triage.ID{{Value: id, Why: why}})
	state := &signal.Lookup{ID: id}
	if err == nil {
		for _, o := range r.Unanswered() {
			state.Silent = append(state.Silent, o.Source+": "+o.Err)
			s.cfg.Log("look up %s: %s: %s", id, o.Source, o.Err)
		}
		state.Found, state.When = len(r.Batch.Logs)+len(r.Batch.Spans), when(r.Batch)
		s.takeFound(id, r)
	}
	s.lookups.mu.Lock()
	defer s.lookups.mu.Unlock()
	s.lookups.asking--
	if s.lookups.state != nil && s.lookups.state.ID == id {
		s.lookups.state = state
	}
}

// when is the time that signals take up.
func when(b signal.Batch) (w signal.Window) {
	cover := func(from, to time.Time) {
		if w.From.IsZero() || from.Before(w.From) {
			w.From = from
		}
		if to.After(w.To) {
			w.To = to
		}
	}
	for i := range b.Logs {
		cover(b.Logs[i].Time, b.Logs[i].Time)
	}
	for i := range b.Spans {
		cover(b.Spans[i].Start, b.Spans[i].Start.Add(b.Spans[i].Duration))
	}
	return w
}

// takeFound adds what sources told to the memory, without what it holds already.
func (s *Session) takeFound(id signal.CorrelationID, r *triage.Result) {
	held := s.store.Find(id)
	for i := range r.Traces {
		more := s.store.Find(signal.CorrelationID(r.Traces[i].ID.String()))
		held.Logs = append(held.Logs, more.Logs...)
		held.Spans = append(held.Spans, more.Spans...)
	}
	b := r.Batch
	b.Events, b.Metrics = nil, nil // the timeline tells what happens, not what was looked up
	s.halves.join(&b)
	s.store.Add(triage.Fresh(b, held))
}

// Lookup asks every source about IDs and returns what they know, without touching the memory.
func (s *Session) Lookup(ctx context.Context, ids []triage.ID) (*triage.Result, error) {
	return triage.Find(ctx, triage.Config{Sources: s.cfg.Sources, Fields: s.cfg.Store.CorrelationFields}, ids)
}

// lookup is how far the last look-up is, for a frame.
func (s *Session) lookup() *signal.Lookup {
	s.lookups.mu.Lock()
	defer s.lookups.mu.Unlock()
	return s.lookups.state
}
