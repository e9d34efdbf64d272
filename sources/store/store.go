// Package store is the bounded memory that every pane reads: log records, spans and timeline events, found by time, by
// correlation ID and by filter.
//
// Each kind of signal has a bound in bytes; when it is reached, the oldest arrivals go, a chunk at a time. What is in
// memory is compact (text in one string per chunk, records without pointers) and becomes signal.Record and signal.Span
// only when it is asked for. Writers and readers share locks for microseconds: a sealed chunk is never written to.
package store

import (
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gameday/sources/signal"
)

// The bounds a zero in Config stands for, and the smallest that make sense. A million ordinary log records and two hundred
// thousand spans fit (TestDefaultsHoldAMillion).
const (
	DefaultLogBytes   = 128 << 20
	DefaultSpanBytes  = 24 << 20
	DefaultEventBytes = 4 << 20
	minBytes          = 256 << 10
	maxSignalBytes    = 16 << 20 // no signal may be bigger, however much memory there is
	frameBudget       = 1500 * time.Microsecond
)

// Config bounds the memory. A zero takes the default; the bounds are bytes of heap, per kind of signal.
type Config struct {
	MaxLogBytes   int64
	MaxSpanBytes  int64
	MaxEventBytes int64
	// CorrelationFields are the attribute keys, in any case, whose values join signals like a trace ID does: request_id,
	// x-correlation-id, ...
	CorrelationFields []string
	// FrameBudget is how long one frame may look for what a filter admits, per kind of signal; 1.5 ms by default. More makes
	// frames that are the same every time, at the price of slow ones.
	FrameBudget time.Duration
}

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	var errs []error
	bound := func(name string, v int64) {
		if v != 0 && v < minBytes {
			errs = append(errs, fmt.Errorf("store: %s is %d bytes: give at least %d, or 0 for the default", name, v, minBytes))
		}
	}
	bound("max log bytes", c.MaxLogBytes)
	bound("max span bytes", c.MaxSpanBytes)
	bound("max event bytes", c.MaxEventBytes)
	for i, f := range c.CorrelationFields {
		if strings.TrimSpace(f) == "" {
			errs = append(errs, fmt.Errorf("store: correlation field %d is empty: name an attribute such as request_id", i+1))
		}
	}
	return errors.Join(errs...)
}

// Store is the memory. All methods may be called from any goroutine.
type Store struct {
	seed   maphash.Seed
	fields map[string]bool // lower case
	names  []string        // the fields, sorted; never changed
	logs   *column[logRec]
	spans  *column[spanRec]
	traces *traceTable // guarded by spans.mu
	events *timeline
	runs   filterRuns
	budget time.Duration // how long one frame may look for matches, per kind
}

// New makes an empty store.
func New(c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	fields := make(map[string]bool, len(c.CorrelationFields))
	for _, f := range c.CorrelationFields {
		fields[strings.ToLower(strings.TrimSpace(f))] = true
	}
	pick := func(v, otherwise int64) int64 {
		if v == 0 {
			return otherwise
		}
		return v
	}
	return &Store{
		seed:   maphash.MakeSeed(),
		fields: fields,
		names:  slices.Sorted(maps.Keys(fields)),
		logs:   newColumn[logRec](pick(c.MaxLogBytes, DefaultLogBytes), fields),
		spans:  newColumn[spanRec](pick(c.MaxSpanBytes, DefaultSpanBytes), fields),
		traces: newTraceTable(),
		events: newTimeline(pick(c.MaxEventBytes, DefaultEventBytes)),
		budget: max(c.FrameBudget, frameBudget),
	}, nil
}

// Add takes the logs, spans and events of a batch; metrics are none of its business. The text must have been sanitised.
// The batch may be reused afterwards. A span without a trace ID and anything too big for the memory is dropped and
// counted; a time that is missing or beyond the years 1678 to 2262 becomes now.
func (s *Store) Add(b signal.Batch) {
	now := time.Now()
	if len(b.Logs) > 0 {
		s.addLogs(b.Logs, now)
	}
	if len(b.Spans) > 0 {
		s.addSpans(b.Spans, now)
	}
	for i := range b.Events {
		s.Event(b.Events[i])
	}
}

// Stats is the balance: received = held + evicted + dropped + filtered. Filtered are spans that had come before, from the same
// source or another one; filters of a view hide, they do not drop.
func (s *Store) Stats() signal.StoreStats {
	var st signal.StoreStats
	s.logs.mu.RLock()
	st.Logs = s.logs.stats(0)
	s.logs.mu.RUnlock()
	s.spans.mu.RLock()
	st.Spans = s.spans.stats(s.traces.bytes())
	s.spans.mu.RUnlock()
	st.Events = s.events.stats()
	return st
}

// isField reports whether a key is a configured correlation field.
func (s *Store) isField(key string) bool { return s.fields[strings.ToLower(key)] }

func (s *Store) hashText(v string) uint64           { return maphash.String(s.seed, v) }
func (s *Store) hashTrace(id signal.TraceID) uint64 { return maphash.Bytes(s.seed, id[:]) }

var (
	earliest = time.Unix(0, math.MinInt64)
	latest   = time.Unix(0, math.MaxInt64)
)

// nanos is t as stored.
func nanos(t, now time.Time) int64 {
	if t.IsZero() || t.Before(earliest) || t.After(latest) {
		t = now
	}
	return t.UnixNano()
}

// bounds is a window as stored.
func bounds(w signal.Window) (from, to int64) {
	clamp := func(t time.Time) int64 {
		switch {
		case t.Before(earliest):
			return math.MinInt64
		case t.After(latest):
			return math.MaxInt64
		}
		return t.UnixNano()
	}
	return clamp(w.From), clamp(w.To)
}
