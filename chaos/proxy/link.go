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

	ln       *net.TCPListener
	upstream atomic.Pointer[string]
	plan     atomic.Pointer[plan]
	ctx      context.Context // ends when the link closes
	cancel   context.CancelFunc
	sleepers sleepers
	wg       sync.WaitGroup

	mu     sync.Mutex // guards replacing the plan, conns, held, http, closed
	conns  map[*conn]struct{}
	held   map[*net.TCPConn]struct{} // accepted during a partition, connected to nothing
	http   *aware
	closed bool

	accepted, refused, failed atomic.Uint64
	bytes                     [2]atomic.Uint64
}

// Stats are a link's counters since it was opened.
type Stats struct {
	Accepted      uint64 // connections
	Open          int    // connections right now
	Refused       uint64 // over the limit of connections
	Failed        uint64 // the upstream could not be reached
	RequestBytes  uint64 // bytes of a connection that passes without a fault are added when it ends
	ResponseBytes uint64
}

func open(from, to, proto, upstream string) (*Link, error) {
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("open link %s→%s: %w", from, to, err)
	}
	l := &Link{from: from, to: to, proto: proto, name: from + "→" + to, ln: ln,
		conns: map[*conn]struct{}{}, held: map[*net.TCPConn]struct{}{},
		sleepers: make(sleepers, precise)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.upstream.Store(&upstream)
	l.plan.Store(makePlan(nil))
	l.wg.Go(l.accept)
	return l, nil
}

// Name is "from→to".
func (l *Link) Name() string { return l.name }

// Proto is "tcp", "http" or "grpc".
func (l *Link) Proto() string { return l.proto }

// Addr is where to connect, host:port.
func (l *Link) Addr() string { return l.ln.Addr().String() }

// Upstream is where the link leads to, host:port.
func (l *Link) Upstream() string { return *l.upstream.Load() }

// SetUpstream leads new connections elsewhere. Those that are open stay where they are.
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
	return Stats{Accepted: l.accepted.Load(), Open: open, Refused: l.refused.Load(), Failed: l.failed.Load(),
		RequestBytes: l.bytes[request].Load(), ResponseBytes: l.bytes[response].Load()}
}

// SetLatency delays what passes, from now on, until the rule is removed. Several delays add up.
func (l *Link) SetLatency(f Latency) (*Rule, error) {
	if f.Direction == "" {
		f.Direction = Response
	}
	if f.Delay < 0 || f.Jitter < 0 || f.Direction != Response && f.Direction != Request && f.Direction != Both {
		return nil, fmt.Errorf("delay link %s: %v ± %v in direction %q cannot be", l.name, f.Delay, f.Jitter, f.Direction)
	}
	r := newRule(l, f.Seed)
	r.latency = &f
	return r, l.add(r)
}

// SetPartition cuts the link until the rule is removed.
func (l *Link) SetPartition(f Partition) (*Rule, error) {
	r := newRule(l, 0)
	r.partition = &f
	return r, l.add(r)
}

// SetFailure answers requests with errors until the rule is removed. The first of several that hits a request answers it.
func (l *Link) SetFailure(f Failure) (*Rule, error) {
	switch {
	case l.proto == "tcp":
		return nil, fmt.Errorf("answer with errors on link %s: it carries plain TCP, in which requests are not known", l.name)
	case l.proto == "http" && (f.Status < 200 || f.Status > 599):
		return nil, fmt.Errorf("answer with errors on link %s: %d is not a status", l.name, f.Status)
	case l.proto == "grpc" && (f.Code < 1 || f.Code > 16):
		return nil, fmt.Errorf("answer with errors on link %s: %d is not a gRPC error code", l.name, f.Code)
	case !(f.Share >= 0 && f.Share <= 1):
		return nil, fmt.Errorf("answer with errors on link %s: a share of %v cannot be", l.name, f.Share)
	}
	r := newRule(l, f.Seed)
	r.failure = &f
	return r, l.add(r)
}

func (l *Link) add(r *Rule) error {
	if err := l.insert(r); err != nil {
		return err
	}
	l.settle()
	return nil
}

func (l *Link) insert(r *Rule) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("set fault on link %s: the link is closed", l.name)
	}
	if r.failure != nil && l.http == nil {
		h, err := newAware(l)
		if err != nil {
			return err
		}
		l.http = h
	}
	l.replace(append(slices.Clone(l.plan.Load().rules), r))
	return nil
}

func (l *Link) remove(r *Rule) {
	l.mu.Lock()
	rules := l.plan.Load().rules
	i := slices.Index(rules, r)
	if i >= 0 {
		l.replace(slices.Delete(slices.Clone(rules), i, i+1))
	}
	l.mu.Unlock()
	if i >= 0 {
		l.settle()
	}
}

// settle waits until every connection goes by the present plan, so that a fault that was set is felt by whatever is sent
// from then on. A connection whose client reads nothing cannot be waited for.
func (l *Link) settle() {
	p := l.plan.Load()
	l.mu.Lock()
	open := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		open = append(open, c)
	}
	l.mu.Unlock()
	give := time.Now().Add(settleTime)
	for wait := 20 * time.Microsecond; ; wait = min(2*wait, 2*time.Millisecond) {
		open = slices.DeleteFunc(open, func(c *conn) bool {
			a, b := c.seen[request].Load(), c.seen[response].Load()
			return (a == nil || a == p) && (b == nil || b == p)
		})
		if len(open) == 0 || l.plan.Load() != p || time.Now().After(give) {
			return
		}
		time.Sleep(wait)
	}
}

func (l *Link) has(r *Rule) bool { return slices.Contains(l.plan.Load().rules, r) }

// replace puts another plan in force and wakes every connection. The order matters: whoever is woken reads the plan
// after resetting its deadline, so either it sees the new plan, or the deadline set below wakes it again.
func (l *Link) replace(rules []*Rule) {
	old, p := l.plan.Load(), makePlan(rules)
	l.plan.Store(p)
	close(old.changed)
	for c := range l.conns {
		if p.reject {
			for _, r := range p.partitions {
				r.touched.Add(1)
			}
			c.abort()
		}
		c.interrupt()
	}
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
		l.accepted.Add(1)
		l.wg.Go(func() { l.serve(c) })
	}
}

// reset ends a connection so that its peer sees that it was cut.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // both fail only when the connection is closed already, which is what is wanted
	_ = c.Close()
}

func (l *Link) serve(client *net.TCPConn) {
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
	server, aware, err := l.dial()
	if err != nil {
		l.failed.Add(1)
		reset(client) // the nearest thing to "connection refused" that is left after an accept
		return
	}
	c := newConn(l, client, server, aware)
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

// dial connects to the upstream, or to our own HTTP server while requests have to be understood.
func (l *Link) dial() (c *net.TCPConn, viaAware bool, err error) {
	addr := l.Upstream()
	if l.plan.Load().aware() {
		l.mu.Lock()
		addr, viaAware = l.http.addr, true
		l.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(l.ctx, dialTimeout)
	defer cancel()
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, false, err
	}
	return nc.(*net.TCPConn), viaAware, nil // dialing "tcp" gives nothing else
}

func (l *Link) close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.cancel()
	err := l.ln.Close()
	for c := range l.conns {
		c.abort()
	}
	for c := range l.held {
		reset(c)
	}
	h := l.http
	l.mu.Unlock()
	l.wg.Wait()
	if h != nil {
		if herr := h.close(); herr != nil && !errors.Is(herr, http.ErrServerClosed) {
			err = errors.Join(err, herr)
		}
	}
	if err != nil {
		return fmt.Errorf("close link %s: %w", l.name, err)
	}
	return nil
}
