package load

import (
	"sort"
	"sync"
	"time"

	"gameday/engine/load/histogram"
	"gameday/engine/load/protocol"
)

// history is the last so many seconds, second by second and step by step. The collector writes, anybody reads.
type history struct {
	mu      sync.RWMutex
	seconds []second // a ring
	next    int
	full    bool
	since   []counts // since the start of the run, by step
	steps   []*step
}

// second is about one second of the run: it is as long as it was, not as long as it was meant to be.
type second struct {
	from, to time.Duration
	missed   uint64
	steps    []stepSecond
}

type stepSecond struct {
	counts
	latency histogram.Sparse
	slow    []sample
	fails   []sample
}

func newHistory(steps []*step, length time.Duration) *history {
	return &history{seconds: make([]second, int(length/time.Second)), since: make([]counts, len(steps)), steps: steps}
}

// collect empties the recorder into a second that began where the last one ended, and returns it; it must not be changed.
// It is called by one goroutine, with spare counters of its own.
func (h *history) collect(r *recorder, spare []*counters, from, to time.Duration, missed uint64) *second {
	s := second{from: from, to: to, missed: missed, steps: make([]stepSecond, len(h.since))}
	merged := make([]histogram.Histogram, len(h.since))
	for _, sh := range r.shards {
		sh.take(spare)
		for i, c := range spare {
			if c == nil || (c.done == 0 && c.kinds == [len(c.kinds)]uint64{}) {
				continue
			}
			s.steps[i].take(c, h.steps[i].extras)
			merged[i].Merge(&c.latency)
			c.reset()
		}
	}
	for i := range merged {
		s.steps[i].latency = merged[i].Sparse()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range s.steps {
		h.since[i].add(&s.steps[i].counts, h.steps[i].extras)
	}
	h.seconds[h.next] = s
	if h.next = (h.next + 1) % len(h.seconds); h.next == 0 {
		h.full = true
	}
	return &s
}

func (s *stepSecond) take(c *counters, extras []protocol.Extra) {
	s.add(&c.counts, extras)
	for _, kept := range c.slow {
		if kept.latency > 0 {
			s.slow = append(s.slow, kept)
		}
	}
	if c.last.sampled {
		s.slow = append(s.slow, c.last)
	}
	s.fails = append(s.fails, c.kept[:min(c.fails, keptPerSecond)]...)
}

// last calls f with the seconds that ended after an instant, the latest first. f must not keep them, and is called with
// the history locked.
func (h *history) last(after time.Duration, f func(*second)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	n := h.next
	if h.full {
		n = len(h.seconds)
	}
	for i := range n {
		s := &h.seconds[(h.next-1-i+len(h.seconds))%len(h.seconds)]
		if s.to <= after {
			return
		}
		f(s)
	}
}

// totals is what each step counted since the start of the run.
func (h *history) totals() []counts {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return append([]counts(nil), h.since...)
}

// summary is the seconds of a window added up.
type summary struct {
	counts
	span    time.Duration
	missed  uint64
	latency histogram.Histogram
	slow    []sample
	fails   []sample // that failed, the latest first
}

// window adds up the latest seconds, so many at most, that ended after an instant, for the steps that match.
func (h *history) window(after time.Duration, most int, match func(step int) bool) *summary {
	out := &summary{}
	h.last(after, func(s *second) {
		if most--; most < 0 {
			return
		}
		out.span += s.to - s.from
		out.missed += s.missed
		for i := range s.steps {
			if !match(i) {
				continue
			}
			st := &s.steps[i]
			out.add(&st.counts, h.steps[i].extras)
			out.latency.MergeSparse(st.latency)
			out.slow = append(out.slow, st.slow...)
			out.fails = append(out.fails, st.fails...)
		}
	})
	sort.SliceStable(out.fails, func(i, j int) bool { return out.fails[i].at > out.fails[j].at })
	return out
}

// near is a request of the window whose latency is as close above a value as any that was kept, or else the slowest; the
// later one when there are several.
func (s *summary) near(v time.Duration) (best sample, ok bool) {
	for _, c := range s.slow {
		switch {
		case !ok:
		case c.latency >= v && (best.latency < v || c.latency < best.latency):
		case c.latency < v && c.latency > best.latency && best.latency < v:
		case c.latency == best.latency && c.at > best.at:
		default:
			continue
		}
		best, ok = c, true
	}
	return best, ok
}
