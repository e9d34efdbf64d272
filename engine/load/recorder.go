package load

import (
	"sync"
	"sync/atomic"
	"time"

	"gameday/engine/load/histogram"
	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// recorder is where workers put what they measured: a shard per core, each with a cell per step, emptied once a second
// by the collector. A worker takes its shard's lock for some tens of nanoseconds; nobody else holds it longer than it
// takes to swap pointers.
type recorder struct{ shards []*shard }

func newRecorder(shards int, steps []*step) *recorder {
	extras := make([][]protocol.Extra, len(steps))
	for i, st := range steps {
		extras[i] = st.extras
	}
	r := &recorder{}
	for range shards {
		s := &shard{extras: extras, live: make([]*counters, len(steps)), measured: make([]*measured, len(steps))}
		r.shards = append(r.shards, s)
	}
	return r
}

func (r *recorder) shard(worker int) *shard { return r.shards[worker%len(r.shards)] }

type shard struct {
	sent     atomic.Uint64
	inFlight atomic.Int64
	_        [48]byte // keep the counters of two cores off one cache line

	extras [][]protocol.Extra // by step

	mu       sync.Mutex
	live     []*counters // this second, by step; nil until a step is used
	measured []*measured // since the warm-up, by step
}

// counts is what is added up of requests.
type counts struct {
	done    uint64 // answered or failed
	failed  uint64
	classes [classCount]uint64
	kinds   [protocol.Kinds]uint64
	retried uint64
	dials   uint64
	bytes   int64
	phases  protocol.Phases // sums
	extras  [protocol.MaxExtras]float64
}

const (
	classNone  = 0 // no status: a transport failure
	classCount = 6
)

var classNames = [classCount]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

func (c *counts) note(out *protocol.Outcome, extras []protocol.Extra) {
	c.kinds[out.Kind]++
	c.dials += uint64(out.Dials)
	if out.Retried {
		c.retried++
	}
	if out.Kind == protocol.Interrupted {
		return
	}
	c.done++
	if out.Kind.Failed() {
		c.failed++
	}
	class := classNone
	if out.Status >= 100 && out.Status < 600 {
		class = out.Status / 100
	}
	c.classes[class]++
	c.bytes += out.Received
	c.phases.Add(&out.Phases)
	for i, v := range out.Extra {
		if v != 0 {
			c.extra(i, v, extras)
		}
	}
}

// extra adds a protocol's own figure, or keeps it when it is the largest.
func (c *counts) extra(i int, v float64, extras []protocol.Extra) {
	if i < len(extras) && extras[i].Max {
		c.extras[i] = max(c.extras[i], v)
	} else {
		c.extras[i] += v
	}
}

// add adds what others counted, of steps with the same figures of their own.
func (c *counts) add(o *counts, extras []protocol.Extra) {
	c.done += o.done
	c.failed += o.failed
	c.retried += o.retried
	c.dials += o.dials
	c.bytes += o.bytes
	for i := range c.classes {
		c.classes[i] += o.classes[i]
	}
	for i := range c.kinds {
		c.kinds[i] += o.kinds[i]
	}
	c.phases.Add(&o.phases)
	for i, v := range o.extras {
		c.extra(i, v, extras)
	}
}

// sample is one request kept for being looked at.
type sample struct {
	at      time.Duration // when it was done
	latency time.Duration
	status  int
	kind    protocol.Kind
	trace   signal.TraceID
	sampled bool
	err     error
}

const keptPerSecond = 4

// counters are one second of one step in one shard.
type counters struct {
	counts
	latency histogram.Histogram // from the intended instant
	slow    [keptPerSecond]sample
	kept    [keptPerSecond]sample // the last that failed, a ring
	fails   int
	last    sample // any recent one, for statistics that are not about the slowest
}

func (c *counters) reset() {
	c.counts = counts{}
	c.latency.Reset()
	c.slow, c.kept, c.fails, c.last = [keptPerSecond]sample{}, [keptPerSecond]sample{}, 0, sample{}
}

func (c *counters) keep(s sample) {
	if s.kind.Failed() {
		c.kept[c.fails%keptPerSecond] = s
		c.fails++
	}
	if !s.sampled {
		return // its trace was not asked for: there is nothing to jump to
	}
	c.last = s
	least := 0
	for i := range c.slow {
		if c.slow[i].latency < c.slow[least].latency {
			least = i
		}
	}
	if s.latency > c.slow[least].latency {
		c.slow[least] = s
	}
}

// measured is everything of one step in one shard that counts for the result.
type measured struct {
	counts
	response, service, lag histogram.Histogram
}

// begin notes that a request is being made.
func (s *shard) begin() {
	s.sent.Add(1)
	s.inFlight.Add(1)
}

// record notes how a request that was due at an instant went. counts says whether it counts for the result.
func (s *shard) record(step int, due time.Duration, counts bool, call *protocol.Call, out *protocol.Outcome) {
	s.inFlight.Add(-1)
	latency := out.Done - due
	s.mu.Lock()
	defer s.mu.Unlock()
	live := s.live[step]
	if live == nil {
		live = &counters{}
		s.live[step] = live
	}
	live.note(out, s.extras[step])
	if counts {
		s.measure(step, latency, due, out)
	}
	if out.Kind == protocol.Interrupted {
		return
	}
	live.latency.Record(latency)
	live.keep(sample{
		at: out.Done, latency: latency, status: out.Status, kind: out.Kind, trace: call.Trace, sampled: call.Sampled, err: out.Err,
	})
}

// recordGroup notes how steps went that are also measured as one.
func (s *shard) recordGroup(step int, due time.Duration, counts bool, call *protocol.Call, out *protocol.Outcome) {
	s.inFlight.Add(1) // record takes it off
	s.record(step, due, counts, call, out)
}

func (s *shard) measure(step int, latency, due time.Duration, out *protocol.Outcome) {
	m := s.measured[step]
	if m == nil {
		m = &measured{}
		s.measured[step] = m
	}
	m.note(out, s.extras[step])
	if out.Kind == protocol.Interrupted {
		return
	}
	m.response.Record(latency)
	m.service.Record(out.Done - out.Start)
	m.lag.Record(out.Start - due)
}

// take swaps the counters of all steps for the spare ones, which must be empty, and returns the full ones in their place.
func (s *shard) take(spare []*counters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.live {
		if s.live[i] != nil {
			if spare[i] == nil {
				spare[i] = &counters{}
			}
			s.live[i], spare[i] = spare[i], s.live[i]
		}
	}
}

func (r *recorder) sent() (n uint64) {
	for _, s := range r.shards {
		n += s.sent.Load()
	}
	return n
}

func (r *recorder) inFlight() (n int64) {
	for _, s := range r.shards {
		n += s.inFlight.Load()
	}
	return max(n, 0)
}

// total merges what was measured of one step.
func (r *recorder) total(step int, into *measured) {
	for _, s := range r.shards {
		s.mu.Lock()
		if m := s.measured[step]; m != nil {
			into.add(&m.counts, s.extras[step])
			into.response.Merge(&m.response)
			into.service.Merge(&m.service)
			into.lag.Merge(&m.lag)
		}
		s.mu.Unlock()
	}
}
