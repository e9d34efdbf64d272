package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxConns    = 16384 // per link; more are reset and counted
	dialTimeout = 10 * time.Second
	settleTime  = 100 * time.Millisecond
)

// Link is the way from one service to another. All methods are safe for concurrent use.
type Link struct {
	from, to, proto, name string

	set      *Set
	ln       *net.TCPListener // nil for udp
	udp      *relay           // udp only
	upstream atomic.Pointer[string]
	plan     atomic.Pointer[plan]
	ctx      context.Context // ends when the link closes
	cancel   context.CancelFunc
	sleepers sleepers
	wg       sync.WaitGroup

	tunnels tunnels

	mu     sync.Mutex // guards replacing the plan, conns, held, http, tls, closed
	conns  map[*conn]struct{}
	held   map[*net.TCPConn]struct{} // accepted during a partition, connected to nothing
	http   *aware
	tls    *terminator
	closed bool

	accepted, refused, failed, dropped atomic.Uint64
	bytes                              [2]atomic.Uint64
}

// Stats are a link's counters since it was opened.
type Stats struct {
	Accepted      uint64 // connections; udp: clients
	Open          int    // connections or clients right now
	Refused       uint64 // over the limit of connections; udp: packets of clients over the limit
	Dropped       uint64 // udp: packets lost because too many were under way; none of them is counted by a fault
	Failed        uint64 // the upstream could not be reached
	RequestBytes  uint64 // bytes of a connection that passes without a fault are added when it ends
	ResponseBytes uint64
}

func (s *Set) open(from, to, proto, upstream string) (*Link, error) {
	l := &Link{from: from, to: to, proto: proto, name: from + "→" + to, set: s,
		conns: map[*conn]struct{}{}, held: map[*net.TCPConn]struct{}{},
		sleepers: newSleepers()}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.upstream.Store(&upstream)
	l.plan.Store(makePlan(nil))
	if err := l.listen(); err != nil {
		l.cancel()
		return nil, fmt.Errorf("open link %s→%s: %w", from, to, err)
	}
	return l, nil
}

func (l *Link) listen() (err error) {
	if l.proto == "udp" {
		l.udp, err = newRelay(l)
		return err
	}
	if l.proto == "forward" {
		if l.http, err = newAware(l); err != nil {
			return err
		}
	}
	if l.ln, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		if l.http != nil {
			err = errors.Join(err, l.http.close())
		}
		return err
	}
	l.wg.Go(l.accept)
	return nil
}

// Name is "from→to".
func (l *Link) Name() string { return l.name }

// Proto is "tcp", "http", "grpc", "udp" or "forward".
func (l *Link) Proto() string { return l.proto }

// Addr is where to connect, host:port.
func (l *Link) Addr() string {
	if l.udp != nil {
		return l.udp.front.LocalAddr().String()
	}
	return l.ln.Addr().String()
}

// Upstream is where the link leads to, host:port; "" for a forward link, whose clients say where to.
func (l *Link) Upstream() string { return *l.upstream.Load() }

// SetUpstream leads new connections elsewhere. Those that are open stay where they are. A forward link takes no notice.
func (l *Link) SetUpstream(addr string) {
	l.upstream.Store(&addr)
	l.mu.Lock()
	h := l.http
	l.mu.Unlock()
	if h != nil {
		h.transport.CloseIdleConnections() // they lead to the old one
	}
}

// Stats reads the counters.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	open := len(l.conns) + len(l.held)
	l.mu.Unlock()
	if l.udp != nil {
		open = l.udp.clients()
	}
	return Stats{Dropped: l.dropped.Load(), Accepted: l.accepted.Load(), Open: open, Refused: l.refused.Load(), Failed: l.failed.Load(),
		RequestBytes: l.bytes[request].Load(), ResponseBytes: l.bytes[response].Load()}
}

func (l *Link) accept() {
	for {
		c, err := l.ln.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of file descriptors: others may give some back
			l.refused.Add(1)
			select {
			case <-l.ctx.Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		n := l.accepted.Add(1)
		l.wg.Go(func() { l.serve(c, n) })
	}
}

// reset ends a connection so that its peer sees that it was cut.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // both fail only when the connection is closed already, which is what is wanted
	_ = c.Close()
}

func (l *Link) serve(client *net.TCPConn, n uint64) {
	p := l.plan.Load()
	if len(p.partitions) > 0 {
		for _, r := range p.partitions {
			r.touched.Add(1)
		}
		if p.drop {
			l.blackhole(client, p)
		}
		reset(client)
		return
	}
	for _, r := range p.resets {
		if r.effect.(Reset).atOnce() && r.chosen(n) {
			r.touched.Add(1)
			reset(client)
			return
		}
	}
	server, inner, err := l.dial(n)
	if err != nil {
		l.failed.Add(1)
		reset(client) // the nearest thing to "connection refused" that is left after an accept
		return
	}
	c := newConn(l, n, client, server, inner)
	if !l.book(c) {
		reset(client)
		reset(server)
		return
	}
	c.run()
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

func (l *Link) book(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.conns) >= maxConns {
		l.refused.Add(1)
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

// blackhole holds a connection that is connected to nothing, until the partition ends or its client leaves.
func (l *Link) blackhole(client *net.TCPConn, p *plan) {
	l.mu.Lock()
	if l.closed || len(l.held) >= maxConns {
		l.refused.Add(1)
		l.mu.Unlock()
		return
	}
	l.held[client] = struct{}{}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.held, client)
		l.mu.Unlock()
	}()
	gone := make(chan struct{})
	l.wg.Go(func() { // what is sent to nowhere is lost; a client that gives up frees its connection
		defer close(gone)
		var sink [4096]byte
		for {
			if _, err := client.Read(sink[:]); err != nil {
				return
			}
		}
	})
	for p.drop {
		select {
		case <-p.changed:
			p = l.plan.Load()
		case <-gone:
			return
		case <-l.ctx.Done():
			return
		}
	}
}

// dial connects the n-th connection to the upstream, or to a server of our own while requests have to be understood or
// another certificate is to be shown.
func (l *Link) dial(n uint64) (c *net.TCPConn, inner bool, err error) {
	addr, p := l.Upstream(), l.plan.Load()
	l.mu.Lock()
	switch {
	case l.proto == "forward" || p.aware():
		addr, inner = l.http.addr, true
	case l.tls != nil && slices.ContainsFunc(p.certs, func(r *Rule) bool { return r.chosen(n) }):
		addr, inner = l.tls.addr, true
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.ctx, dialTimeout)
	defer cancel()
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, false, err
	}
	return nc.(*net.TCPConn), inner, nil // dialing "tcp" gives nothing else
}

func (l *Link) close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.cancel()
	var err error
	if l.ln != nil {
		err = l.ln.Close()
	}
	for c := range l.conns {
		c.abort()
	}
	for c := range l.held {
		reset(c)
	}
	h, t, u := l.http, l.tls, l.udp
	l.mu.Unlock()
	l.tunnels.close()
	if u != nil {
		err = errors.Join(err, u.close())
	}
	l.wg.Wait()
	if h != nil {
		if herr := h.close(); herr != nil && !errors.Is(herr, http.ErrServerClosed) {
			err = errors.Join(err, herr)
		}
	}
	if t != nil {
		err = errors.Join(err, t.close())
	}
	l.tunnels.wait()
	l.sleepers.close()
	if err != nil {
		return fmt.Errorf("close link %s: %w", l.name, err)
	}
	return nil
}
