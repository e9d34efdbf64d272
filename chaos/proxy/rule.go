package proxy

import (
	"math"
	"math/rand/v2"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

// Rule is one fault that is set on a link.
type Rule struct {
	link    *Link
	effect  Effect
	since   time.Time
	buckets [2]*bucket     // Bandwidth: one per way; RateLimit: the first
	path    *regexp.Regexp // of a request's Match
	touched atomic.Uint64

	mu  sync.Mutex
	rnd *rand.Rand
	gap gaps // Corrupt on a udp link
}

func newRule(l *Link, e Effect) *Rule {
	r := &Rule{link: l, effect: e, since: time.Now()}
	var seed uint64
	if f, ok := e.(interface{ reach() Reach }); ok {
		seed = f.reach().Seed
	}
	if f, ok := e.(requestEffect); ok {
		m := f.match()
		seed = m.Seed
		r.path, _ = m.regexp() // checked before
	}
	switch f := e.(type) {
	case Bandwidth:
		r.buckets = [2]*bucket{newBucket(f.Rate, burstTime), newBucket(f.Rate, burstTime)}
	case RateLimit:
		r.buckets[0] = newBucket(f.PerSecond, time.Second)
	}
	r.rnd = source(seed, 0)
	return r
}

// source is the n-th stream of random numbers of a seed.
func source(seed, n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0xda942042e4dd58b5^n)) }

// Remove takes the fault off the link. It is idempotent.
func (r *Rule) Remove() { r.link.remove(r) }

// Set reports whether the fault is on the link.
func (r *Rule) Set() bool { return r.link.has(r) }

// Touched counts what the fault acted on so far: see Unit.
func (r *Rule) Touched() uint64 { return r.touched.Load() }

// Unit is what Touched counts.
func (r *Rule) Unit() string { return unit(r.effect, r.link) }

// unit is what a rule counts: what a fault did, not what it could have done, so that a limit that was never reached is
// told from one that was.
func unit(e Effect, l *Link) string {
	if l.proto == "udp" {
		switch e.(type) {
		case Bandwidth, Corrupt:
		default:
			return "packets"
		}
	}
	switch e.(type) {
	case Latency:
		// On gRPC, where many requests share a connection, there are fewer round trips than requests.
		if l.proto == "http" {
			return "requests"
		}
		return "round trips"
	case Bandwidth:
		return "bytes that had to wait"
	case Corrupt:
		return "bytes"
	case Slice:
		return "pieces"
	case SlowClose:
		return "closes"
	case Certificate:
		return "handshakes"
	case requestEffect:
		return "requests"
	}
	return "connections"
}

func (r *Rule) float() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rnd.Float64()
}

// chosen reports whether the n-th connection of the link is one that the rule acts on. It always says the same.
func (r *Rule) chosen(n uint64) bool {
	f, ok := r.effect.(interface{ reach() Reach })
	if !ok || f.reach().Share == 0 || f.reach().Share == 1 {
		return true
	}
	return source(f.reach().Seed, n).Float64() < f.reach().Share
}

// partial reports whether the rule acts on some connections only.
func (r *Rule) partial() bool {
	f, ok := r.effect.(interface{ reach() Reach })
	return ok && f.reach().Share > 0 && f.reach().Share < 1
}

// delay draws how late one burst, packet or request shall be.
func (r *Rule) delay() time.Duration {
	switch f := r.effect.(type) {
	case Latency:
		return r.late(f.Delay, f.Jitter, f.Distribution)
	case Delay:
		return r.late(f.Delay, f.Jitter, f.Distribution)
	}
	return 0
}

func (r *Rule) late(d, jitter time.Duration, how Distribution) time.Duration {
	if jitter <= 0 {
		return d
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var x float64 // in units of jitter
	switch how {
	case Normal:
		x = r.rnd.NormFloat64()
	case Pareto: // Lomax by inversion: shape 3 and scale 2 have mean 1; no more than 100, which 1 in 130000 would exceed
		x = min(2*(math.Pow(1-r.rnd.Float64(), -1.0/3)-1), 100)
	default:
		x = 2*r.rnd.Float64() - 1
	}
	return max(d+time.Duration(x*float64(jitter)), 0)
}

// gaps draws where the next byte to be changed is: the number of good bytes between two bad ones is geometrically
// distributed, which costs one random number per changed byte rather than one per byte.
type gaps struct {
	rnd  *rand.Rand
	good float64 // bytes before the next bad one
}

func newGaps(rate float64, rnd *rand.Rand) gaps {
	g := gaps{rnd: rnd}
	g.draw(rate)
	return g
}

func (g *gaps) draw(rate float64) {
	if rate >= 1 {
		g.good = 0
		return
	}
	g.good = math.Floor(math.Log(1-g.rnd.Float64()) / math.Log1p(-rate))
}

// spoil changes bytes in place and says how many.
func (g *gaps) spoil(b []byte, rate float64) (n int) {
	i := 0.0
	for g.good < float64(len(b))-i {
		i += g.good
		b[int(i)] ^= byte(1 + g.rnd.IntN(255))
		n++
		i++
		g.draw(rate)
	}
	g.good -= float64(len(b)) - i
	return n
}

// bucket is a token bucket as a virtual clock: it knows until when the bytes that were let through keep the link busy.
type bucket struct {
	rate  float64 // per second
	burst time.Duration

	mu   sync.Mutex
	free time.Time
}

// burstTime is what may pass at once after a pause: enough to make up for timers that fire late.
const burstTime = 25 * time.Millisecond

func newBucket(rate float64, burst time.Duration) *bucket { return &bucket{rate: rate, burst: burst} }

// take reserves n and says when they may pass; a time that is past: now.
func (b *bucket) take(n int, now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = b.next(n, now)
	return b.free
}

// try takes n if they may pass within wait.
func (b *bucket) try(n int, now time.Time, wait time.Duration) (due time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	due = b.next(n, now)
	if due.Sub(now) > wait {
		return due, false
	}
	b.free = due
	return due, true
}

func (b *bucket) next(n int, now time.Time) time.Time {
	from := now.Add(-b.burst)
	if b.free.After(from) {
		from = b.free
	}
	return from.Add(time.Duration(float64(n) / b.rate * float64(time.Second)))
}
