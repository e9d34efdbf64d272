// Package session is the load engine's own HTTP/2 (RFC 9113): connections that many workers share. A worker's request is a
// head that was encoded before the run and a body; it is appended to what the connection is about to write, and the
// worker sleeps until the connection's reader has the whole answer. One write carries the requests of many workers, one
// read the answers to many, and nothing is allocated for any of them.
//
// It is no general client: answers are looked at as they arrive and not kept, nothing is pushed, and there are no
// priorities.
package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
	"gameday/sources/sanitize"
)

// DefaultStreams is how many workers share a connection when nothing else is said. RFC 9113 asks targets to allow at
// least 100 streams.
const DefaultStreams = 100

// Pool is the connections of one run to one target.
type Pool struct {
	address     string
	literal     bool // the host is an address, nothing is looked up
	tls         *tls.Config
	connections int
	streams     int
	dialer      net.Dialer

	mu    sync.Mutex
	slots []*slot
	free  int // no slot before this one has room
}

// NewPool makes a pool. config is nil for HTTP/2 over cleartext with prior knowledge. Workers are spread evenly over so
// many connections; 0 opens one for every streams workers. streams is how many requests may be under way on a
// connection, 0 is DefaultStreams; the target may allow fewer.
func NewPool(address dial.Address, config *tls.Config, connections, streams int) *Pool {
	p := &Pool{address: address.String(), connections: connections, streams: streams}
	if streams <= 0 {
		p.streams = DefaultStreams
	}
	_, err := netip.ParseAddr(address.Host)
	p.literal = err == nil
	if config != nil {
		p.tls = address.TLS(config, "h2")
	}
	return p
}

// DialTo has the pool connect to another "host:port" than its target's, which requests and TLS name nevertheless.
func (p *Pool) DialTo(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("read the address to connect to instead of the target's: %w", err)
	}
	_, err = netip.ParseAddr(host)
	p.address, p.literal = address, err == nil
	return nil
}

// NewStream gives one worker a place. When ctx ends, what the worker waits for ends at once with Kind Interrupted. The
// epoch must be the same for all workers.
func (p *Pool) NewStream(ctx context.Context, epoch time.Time) *Stream {
	s := &Stream{
		ctx: ctx, epoch: epoch, slot: p.place(), done: make(chan struct{}, 1), room: make(chan struct{}, 1), timer: time.NewTimer(time.Hour),
	}
	s.release = context.AfterFunc(ctx, s.interrupt)
	return s
}

// place is the slot of a new worker.
func (p *Pool) place() *slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.connections > 0 {
		if len(p.slots) < p.connections {
			return p.grow()
		}
		least := p.slots[0]
		for _, s := range p.slots {
			if s.users < least.users {
				least = s
			}
		}
		least.users++
		return least
	}
	for ; p.free < len(p.slots); p.free++ {
		if s := p.slots[p.free]; s.users < p.streams {
			s.users++
			return s
		}
	}
	return p.grow()
}

func (p *Pool) grow() *slot {
	s := &slot{pool: p, index: len(p.slots), users: 1, dialing: make(chan struct{}, 1)}
	p.slots = append(p.slots, s)
	return s
}

// slot is one connection of the pool, and those that it replaced and that are not over yet.
type slot struct {
	pool    *Pool
	index   int
	users   int // guarded by the pool
	dialing chan struct{}
	current atomic.Pointer[conn]
	retired []*conn // belongs to who is dialing
}

// leave takes a worker away. The last one closes the connections; nobody can come or be dialing meanwhile.
func (s *slot) leave() {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.users--
	s.pool.free = min(s.pool.free, s.index)
	if s.users > 0 {
		return
	}
	if c := s.current.Swap(nil); c != nil {
		c.close()
	}
	for _, c := range s.retired {
		c.close()
	}
	s.retired = nil
}

// connect replaces a connection that takes no more streams, unless somebody else has done it.
func (s *slot) connect(w *Stream, stale *conn, due time.Duration, out *protocol.Outcome) (*conn, protocol.Kind, error) {
	ctx, cancel := context.WithDeadline(w.ctx, w.epoch.Add(due))
	defer cancel()
	select {
	case s.dialing <- struct{}{}:
		defer func() { <-s.dialing }()
	case <-ctx.Done():
		return nil, protocol.Timeout, errors.New("timed out while another worker was connecting")
	}
	if c := s.current.Load(); c != nil && c != stale {
		return c, protocol.OK, nil
	}
	made, kind, err := s.pool.dial(ctx, w, out)
	if err != nil {
		return nil, kind, err
	}
	if stale != nil {
		s.retire(stale)
	}
	s.current.Store(made)
	return made, protocol.OK, nil
}

// retire keeps a connection that still has streams, and forgets the others.
func (s *slot) retire(c *conn) {
	left := s.retired[:0]
	for _, old := range append(s.retired, c) {
		select {
		case <-old.gone:
			old.wg.Wait()
		default:
			left = append(left, old)
		}
	}
	clear(s.retired[min(len(left), len(s.retired)):])
	s.retired = left
}

// dial connects, shakes hands, and waits for the target's settings.
func (p *Pool) dial(ctx context.Context, w *Stream, out *protocol.Outcome) (*conn, protocol.Kind, error) {
	start := w.Now()
	looking := ctx
	if !p.literal {
		looking = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			DNSDone: func(httptrace.DNSDoneInfo) { out.Phases.Resolve += w.Now() - start },
		})
	}
	out.Dials++
	before := out.Phases.Resolve
	raw, err := p.dialer.DialContext(looking, "tcp", p.address)
	out.Phases.Connect += w.Now() - start - (out.Phases.Resolve - before)
	if err != nil {
		kind := dial.Classify(err)
		if kind == protocol.Reset || kind == protocol.Closed {
			kind = protocol.Connect
		}
		return nil, kind, err
	}
	wire := raw
	if p.tls != nil {
		start = w.Now()
		wire, err = p.shake(ctx, raw)
		out.Phases.TLS += w.Now() - start
		if err != nil {
			if ctx.Err() != nil {
				return nil, protocol.Timeout, err
			}
			return nil, protocol.TLS, err
		}
	}
	start = w.Now()
	epoch := w.epoch
	c := newConn(wire, raw, p.streams, func() time.Duration { return time.Since(epoch) })
	select {
	case <-c.ready:
		out.Phases.Connect += w.Now() - start
		return c, protocol.OK, nil
	case <-c.gone:
	case <-ctx.Done():
		c.fail(errors.New("no answer to the beginning of HTTP/2: does the target speak it?"))
	}
	c.close()
	out.Phases.Connect += w.Now() - start
	if ctx.Err() != nil {
		return nil, protocol.Timeout, c.dead
	}
	return nil, kindOf(c.dead), c.dead
}

// shake does the TLS handshake; both sides must want HTTP/2.
func (p *Pool) shake(ctx context.Context, raw net.Conn) (net.Conn, error) {
	shaken := tls.Client(raw, p.tls)
	err := shaken.HandshakeContext(ctx)
	if err != nil {
		err = errors.New("tls handshake: " + sanitize.Line(err.Error(), 256))
	} else if shaken.ConnectionState().NegotiatedProtocol != "h2" {
		err = errors.New("tls handshake: the target does not offer HTTP/2 (ALPN h2)")
	}
	if err != nil {
		_ = raw.Close() // the handshake's error is the one that matters
		return nil, err
	}
	return shaken, nil
}
