package proxy

import (
	"errors"
	"fmt"
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

// Effect is what a rule does to a link. The types of this package that are effects can be given to Link.Set.
type Effect interface {
	// check says what of the effect cannot be, on this link, and begins with the name of the field.
	check(l *Link) error
}

// Reach is what of a link an effect acts on.
type Reach struct {
	Direction Direction // "": Response
	Share     float64   // of the connections (udp: of the clients), 0..1; 0 means all. A connection is chosen once, for good
	Seed      uint64    // of everything random in the effect
}

func (r Reach) reach() Reach { return r }

// Seeded is the same with another seed.
func (r Reach) Seeded(seed uint64) Reach {
	r.Seed = seed
	return r
}

func (r Reach) has(w way) bool {
	switch r.Direction {
	case Both:
		return true
	case Request:
		return w == request
	}
	return w == response
}

func (r Reach) check() error {
	switch {
	case r.Direction != "" && r.Direction != Response && r.Direction != Request && r.Direction != Both:
		return fmt.Errorf("direction: %q is not one of response, request, both", r.Direction)
	case !(r.Share >= 0 && r.Share <= 1):
		return fmt.Errorf("share: %v is not between 0 and 1", r.Share)
	}
	return nil
}

// Distribution is how the random part of a delay is spread.
type Distribution string

// The distributions, with jitter as their width.
const (
	Constant Distribution = "constant" // no random part
	Uniform  Distribution = "uniform"  // delay ± jitter, all equally likely
	Normal   Distribution = "normal"   // mean delay, standard deviation jitter
	Pareto   Distribution = "pareto"   // delay and more: a heavy tail (Lomax, shape 3) whose mean is jitter; 1 in 100 is above 7.3 jitter
)

// Latency delays bytes, or the packets of a udp link. On a connection it is a delay line: order is kept, what comes
// together stays together, and throughput is not divided by the delay (up to 8 MiB per connection may be under way).
// Packets are each delayed on their own, so that jitter changes their order.
type Latency struct {
	Delay        time.Duration
	Jitter       time.Duration
	Distribution Distribution // "": Uniform
	Reach
}

func (f Latency) check(*Link) error {
	switch {
	case f.Delay < 0:
		return fmt.Errorf("latency: %v is negative", f.Delay)
	case f.Jitter < 0:
		return fmt.Errorf("jitter: %v is negative", f.Jitter)
	}
	switch f.Distribution {
	case "", Uniform, Normal, Pareto:
	case Constant:
		if f.Jitter > 0 {
			return errors.New("jitter: a constant latency has none; leave it out, or choose another distribution")
		}
	default:
		return fmt.Errorf("distribution: %q is not one of constant, uniform, normal, pareto", f.Distribution)
	}
	return f.Reach.check()
}

// Bandwidth limits what all connections of a link together carry, in each direction it acts on. What is too much waits;
// on a udp link, what would wait longer than half a second is lost.
type Bandwidth struct {
	Rate float64 // bytes per second
	Reach
}

func (f Bandwidth) check(*Link) error {
	if !(f.Rate >= 1 && f.Rate <= 1e12) {
		return fmt.Errorf("rate: %v bytes per second is not between 1 and 10^12", f.Rate)
	}
	return f.Reach.check()
}

// Reset ends connections with a TCP reset, in both directions: at once, or once they have carried so many bytes (in a
// direction it acts on), or once they are so old. Bytes and age count from when the fault was set.
type Reset struct {
	After      time.Duration
	AfterBytes int64
	Reach
}

func (f Reset) check(l *Link) error {
	switch {
	case f.After < 0:
		return fmt.Errorf("after: %v is negative", f.After)
	case f.AfterBytes < 0:
		return fmt.Errorf("afterBytes: %d is negative", f.AfterBytes)
	case f.After > 0 && f.AfterBytes > 0:
		return errors.New("afterBytes: give either a time or a number of bytes, not both")
	}
	return l.streams(f.Reach)
}

func (f Reset) atOnce() bool { return f.After == 0 && f.AfterBytes == 0 }

// SlowClose passes on late that a side has closed (the FIN of TCP). A reset is passed on at once.
type SlowClose struct {
	Delay time.Duration
	Reach // Response: that the upstream has closed
}

func (f SlowClose) check(l *Link) error {
	if f.Delay <= 0 {
		return fmt.Errorf("delay: %v changes nothing", f.Delay)
	}
	return l.streams(f.Reach)
}

// Slice cuts the stream into small pieces, each written on its own, with a pause between two of them.
type Slice struct {
	Size  int
	Delay time.Duration // from one piece to the next
	Reach
}

func (f Slice) check(l *Link) error {
	switch {
	case f.Size < 1:
		return fmt.Errorf("size: a piece of %d bytes cannot be", f.Size)
	case f.Delay < 0:
		return fmt.Errorf("delay: %v is negative", f.Delay)
	}
	return l.streams(f.Reach)
}

// Corrupt changes bytes, each with the same probability. How many there are stays as it was.
type Corrupt struct {
	Rate float64 // the share of the bytes that are changed, above 0, at most 1
	Reach
}

func (f Corrupt) check(*Link) error {
	if !(f.Rate > 0 && f.Rate <= 1) {
		return fmt.Errorf("rate: a share of %v of the bytes is not above 0 and at most 1", f.Rate)
	}
	return f.Reach.check()
}

// Limit closes a connection, in good order, when it has carried so many bytes in a direction the limit acts on, since
// the fault was set.
type Limit struct {
	Bytes int64
	Reach
}

func (f Limit) check(l *Link) error {
	if f.Bytes < 1 {
		return fmt.Errorf("bytes: %d is less than 1; to end connections at once, reset them", f.Bytes)
	}
	return l.streams(f.Reach)
}

// HalfOpen leaves connections open and loses what is said on them, including that a side has closed: the peer has gone
// and nobody was told. What is sent is taken and thrown away, and new connections are accepted. A connection that has
// lost something is reset when the fault ends; the others go on.
type HalfOpen struct{ Reach }

func (f HalfOpen) check(l *Link) error { return l.streams(f.Reach) }

// Partition cuts the link. Dropping leaves connections as they are and lets nothing through: new ones are accepted and
// never answered, as with a peer that is unreachable behind a silent firewall. Rejecting resets them. On a udp link both
// lose every packet.
type Partition struct {
	Reject bool
}

func (Partition) check(*Link) error { return nil }

// Loss loses packets of a udp link.
type Loss struct {
	Rate float64 // above 0, at most 1
	Reach
}

func (f Loss) check(l *Link) error { return l.packets(f.Rate, f.Reach) }

// Duplicate sends packets of a udp link twice.
type Duplicate struct {
	Rate float64 // above 0, at most 1
	Reach
}

func (f Duplicate) check(l *Link) error { return l.packets(f.Rate, f.Reach) }

// streams checks an effect on connections.
func (l *Link) streams(r Reach) error {
	if l.proto == "udp" {
		return errors.New("it carries UDP, which has no connections; udp links can have latency, bandwidth, corruption, partition, loss and duplicates")
	}
	return r.check()
}

// packets checks an effect on packets.
func (l *Link) packets(rate float64, r Reach) error {
	if l.proto != "udp" {
		return errors.New("it carries TCP, which would repeat what is lost; losing and duplicating is for udp links, on others use latency, bandwidth or half-open")
	}
	if !(rate > 0 && rate <= 1) {
		return fmt.Errorf("rate: a share of %v of the packets is not above 0 and at most 1", rate)
	}
	return r.check()
}
