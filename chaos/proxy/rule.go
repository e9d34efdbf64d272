package proxy

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Direction is the way of the bytes that a fault acts on.
type Direction string

// The directions. A fault on the response makes answers late; on both, it is felt twice per round trip.
const (
	Response Direction = "response" // from the upstream to whoever connected
	Request  Direction = "request"
	Both     Direction = "both"
)

// Latency delays bytes. It is a delay line: order is kept, what comes together stays together, and throughput is not
// divided by the delay (up to 8 MiB per connection may be under way).
type Latency struct {
	Delay     time.Duration
	Jitter    time.Duration // each burst is delayed by Delay ± a random share of this, never below zero
	Direction Direction     // "": Response
	Seed      uint64
}

// Partition cuts the link. Dropping leaves connections as they are and lets nothing through: new ones are accepted and
// never answered, as with a peer that is unreachable behind a silent firewall. Rejecting resets them.
type Partition struct {
	Reject bool
}

// Failure answers a share of the requests of an http or grpc link with an error, without asking the upstream.
type Failure struct {
	Status int     // http: the status to answer
	Code   int     // grpc: the code to answer
	Share  float64 // 0..1
	Method string  // http: only requests with that method; "": all
	Path   string  // only this path; * stands for any text; "": all
	Seed   uint64
}

// Rule is one fault that is set on a link.
type Rule struct {
	link      *Link
	latency   *Latency
	partition *Partition
	failure   *Failure
	touched   atomic.Uint64

	mu  sync.Mutex
	rnd *rand.Rand
}

func newRule(l *Link, seed uint64) *Rule {
	return &Rule{link: l, rnd: rand.New(rand.NewPCG(seed, 0xda942042e4dd58b5))}
}

// Remove takes the fault off the link. It is idempotent.
func (r *Rule) Remove() { r.link.remove(r) }

// Set reports whether the fault is on the link.
func (r *Rule) Set() bool { return r.link.has(r) }

// Touched counts what the fault acted on so far: requests for a Failure, round trips for a Latency, connections for a
// Partition.
func (r *Rule) Touched() uint64 { return r.touched.Load() }

func (r *Rule) float() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rnd.Float64()
}

// delay draws how late one burst shall be.
func (r *Rule) delay() time.Duration {
	d := r.latency.Delay
	if j := r.latency.Jitter; j > 0 {
		d += time.Duration((2*r.float() - 1) * float64(j))
	}
	return max(d, 0)
}

// hits decides about one request.
func (r *Rule) hits(method, path string) bool {
	f := r.failure
	if f.Method != "" && !strings.EqualFold(f.Method, method) || f.Path != "" && !glob(f.Path, path) {
		return false
	}
	return r.float() < f.Share
}

// glob matches text against a pattern in which * stands for any text.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := len(parts) - 1
	for _, p := range parts[1:last] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return len(text) >= len(parts[last]) && strings.HasSuffix(text, parts[last])
}

// way is a direction as an index.
type way int

const (
	request way = iota
	response
)

// plan is what a link does to its connections now. It is never changed, only replaced.
type plan struct {
	changed    chan struct{} // closed when another plan has taken its place
	rules      []*Rule
	delays     [2][]*Rule
	partitions []*Rule
	failures   []*Rule
	drop       bool
	reject     bool
}

func makePlan(rules []*Rule) *plan {
	p := &plan{changed: make(chan struct{}), rules: rules}
	for _, r := range rules {
		switch {
		case r.latency != nil:
			if r.latency.Direction != Response {
				p.delays[request] = append(p.delays[request], r)
			}
			if r.latency.Direction != Request {
				p.delays[response] = append(p.delays[response], r)
			}
		case r.partition != nil:
			p.partitions = append(p.partitions, r)
			p.reject = p.reject || r.partition.Reject
		case r.failure != nil:
			p.failures = append(p.failures, r)
		}
	}
	p.drop = len(p.partitions) > 0 && !p.reject
	return p
}

// delayed reports whether any bytes are delayed. Then both ways are looked at, to tell one round trip from the next.
func (p *plan) delayed() bool { return len(p.delays[request])+len(p.delays[response]) > 0 }

// aware reports whether requests have to be understood.
func (p *plan) aware() bool { return len(p.failures) > 0 }

// touch counts a round trip that has begun (w is request) or has been answered.
func (p *plan) touch(w way) {
	for _, r := range p.delays[w] {
		if w == request || r.latency.Direction != Both {
			r.touched.Add(1)
		}
	}
}
