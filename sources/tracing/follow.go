// Package tracing is what the drivers of trace systems share: following a system that only answers, reading more than it
// says at once, and the words of a search.
package tracing

import (
	"context"
	"time"

	"gameday/sources/signal"
)

// The values that a zero in FollowConfig stands for.
const (
	DefaultEvery    = 5 * time.Second
	DefaultLookback = time.Minute
)

const (
	// ahead is how far into the future is asked: the clock of the system may be before ours.
	ahead = 5 * time.Minute
	// gap is the most that is asked for after the system could not be asked for a while.
	gap = 15 * time.Minute
	// perBatch is how many spans are emitted at once.
	perBatch = 1000
)

// FollowConfig says how a system is followed that only answers: it is asked for what is recent, again and again, and what was
// told before is left out.
type FollowConfig struct {
	// Every is the time between two questions; 5 s by default.
	Every time.Duration
	// Lookback is how far back each question goes, since the spans of a trace come in late; a minute by default.
	Lookback time.Duration
	// Ask returns the spans of the traces that were active in the window.
	Ask func(ctx context.Context, w signal.Window) ([]signal.Span, error)
	// Seen is how many spans are remembered, so that they are told once; 200,000 by default.
	Seen int
}

// Follower is a FollowConfig at work. It remembers what it told beyond the end of Run. Run must not be called twice at once.
type Follower struct {
	cfg  FollowConfig
	seen seen
	last time.Time // when the system was asked successfully
}

// NewFollower makes a follower.
func NewFollower(cfg FollowConfig) *Follower {
	if cfg.Every <= 0 {
		cfg.Every = DefaultEvery
	}
	if cfg.Lookback <= 0 {
		cfg.Lookback = DefaultLookback
	}
	if cfg.Seen <= 0 {
		cfg.Seen = 200_000
	}
	return &Follower{cfg: cfg, seen: seen{max: cfg.Seen}}
}

// Run asks until ctx ends, and then returns nil. The first error of Ask ends it.
func (f *Follower) Run(ctx context.Context, emit func(signal.Batch)) error {
	for ctx.Err() == nil {
		now := time.Now()
		from := now.Add(-f.cfg.Lookback)
		if !f.last.IsZero() {
			from = f.last.Add(-f.cfg.Lookback)
			if oldest := now.Add(-gap); from.Before(oldest) {
				from = oldest
			}
		}
		spans, err := f.cfg.Ask(ctx, signal.Window{From: from, To: now.Add(ahead)})
		if ctx.Err() != nil {
			return nil
		}
		f.emit(ctx, spans, emit)
		if err != nil {
			return err
		}
		f.last = now
		wait := time.NewTimer(f.cfg.Every)
		select {
		case <-ctx.Done():
		case <-wait.C:
		}
		wait.Stop()
	}
	return nil
}

// emit hands on what has not been told before.
func (f *Follower) emit(ctx context.Context, spans []signal.Span, emit func(signal.Batch)) {
	fresh := spans[:0]
	for _, s := range spans {
		if f.seen.add(s) {
			fresh = append(fresh, s)
		}
	}
	for len(fresh) > 0 && ctx.Err() == nil {
		n := min(perBatch, len(fresh))
		emit(signal.Batch{Spans: fresh[:n:n]})
		fresh = fresh[n:]
	}
}

// key tells spans apart. Zipkin's client and server may share an ID.
type key struct {
	trace signal.TraceID
	span  signal.SpanID
	kind  signal.SpanKind
}

// seen remembers the last spans, at least max/2 and at most max of them: when the newer half is full, the older one goes.
type seen struct {
	max          int
	newer, older map[key]struct{}
}

// add reports whether a span is new.
func (s *seen) add(sp signal.Span) bool {
	k := key{sp.TraceID, sp.SpanID, sp.Kind}
	if _, twice := s.newer[k]; twice {
		return false
	}
	_, twice := s.older[k]
	if s.newer == nil || len(s.newer) >= s.max/2 {
		s.older, s.newer = s.newer, make(map[key]struct{})
	}
	s.newer[k] = struct{}{} // also one of the older half: it was asked for just now, and will be again
	return !twice
}
