package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	maxHead   = 128 << 10 // of an answer
	keptIdle  = 8         // connections a worker keeps to the hosts it has been redirected to
	handshake = time.Minute
)

// transport makes a worker's own transport: its connections are nobody else's.
func (t *Transports) transport(two, closing bool, conns *connections) *http.Transport {
	out := t.plain()
	out.TLSClientConfig = t.tls.Clone()
	out.DisableKeepAlives = closing
	out.Protocols = new(http.Protocols)
	out.Protocols.SetHTTP1(!two)
	out.Protocols.SetHTTP2(two)
	out.Protocols.SetUnencryptedHTTP2(two)
	conns.rate = t.config.BytesPerSecond
	dialer := &net.Dialer{}
	out.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
			// net/http goes on connecting for others when a request has ended; here there are no others.
			x.dialed()
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(x.ctx, cancel)()
		}
		raw, err := dialer.DialContext(ctx, network, t.where(addr))
		if err != nil {
			return nil, err
		}
		return conns.adopt(raw)
	}
	return out
}

// plain is a transport that is used once in a while, such as for tokens.
func (t *Transports) plain() *http.Transport {
	config := t.tls.Clone()
	config.ServerName = "" // it is the target's
	dialer := &net.Dialer{}
	out := &http.Transport{
		TLSClientConfig: config, DisableCompression: true, MaxIdleConns: keptIdle, MaxIdleConnsPerHost: keptIdle,
		MaxResponseHeaderBytes: maxHead, TLSHandshakeTimeout: handshake, OnProxyConnectResponse: proxyAnswered,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, t.where(addr))
		},
	}
	if t.proxy != nil {
		out.Proxy = http.ProxyURL(t.proxy)
	}
	return out
}

// where is what is connected to for an address.
func (t *Transports) where(addr string) string {
	if instead := t.config.Dial(addr); instead != "" && t.proxy == nil {
		return instead
	}
	return addr
}

// proxyError is a proxy that refuses to connect.
type proxyError int

func (e proxyError) Error() string {
	return fmt.Sprintf("the proxy refused to connect: status %d", int(e))
}

func proxyAnswered(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
	if res.StatusCode != http.StatusOK {
		return proxyError(res.StatusCode)
	}
	return nil
}

// connections are those of one worker, so that they can be closed when net/http does not.
type connections struct {
	rate int64 // bytes a second in each direction; 0 is no limit

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

var errEnded = errors.New("the run has ended")

func (c *connections) adopt(raw net.Conn) (net.Conn, error) {
	made := &conn{Conn: raw, of: c}
	if c.rate > 0 {
		made.ended = make(chan struct{})
		made.in.rate, made.out.rate = c.rate, c.rate
		if t, ok := raw.(*net.TCPConn); ok {
			// Otherwise the kernel takes in what we do not, and the target never sees a slow line. If it cannot, so be it.
			_ = t.SetReadBuffer(int(min(max(c.rate/4, 4<<10), 1<<20)))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = raw.Close() // it never carried anything
		return nil, errEnded
	}
	if c.open == nil {
		c.open = map[*conn]struct{}{}
	}
	c.open[made] = struct{}{}
	return made, nil
}

// reset closes all connections.
func (c *connections) reset() {
	c.mu.Lock()
	open := make([]*conn, 0, len(c.open))
	for one := range c.open {
		open = append(open, one)
	}
	c.mu.Unlock()
	for _, one := range open {
		_ = one.Close() // whoever uses it sees that
	}
}

// close closes all connections and lets none be opened any more.
func (c *connections) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.reset()
}

// conn is a connection that is known to its worker, and slow if it is to be.
type conn struct {
	net.Conn
	of      *connections
	in, out pace
	once    sync.Once
	ended   chan struct{} // closed by Close; nil when there is no limit
}

func (c *conn) Close() error {
	c.once.Do(func() {
		c.of.mu.Lock()
		delete(c.of.open, c)
		c.of.mu.Unlock()
		if c.ended != nil {
			close(c.ended)
		}
	})
	return c.Conn.Close()
}

func (c *conn) Read(p []byte) (int, error) {
	if c.ended == nil {
		return c.Conn.Read(p)
	}
	if !c.in.wait(c.ended) {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(p[:c.in.portion(len(p))])
	c.in.took(n)
	return n, err
}

func (c *conn) Write(p []byte) (sent int, err error) {
	if c.ended == nil {
		return c.Conn.Write(p)
	}
	for sent < len(p) {
		if !c.out.wait(c.ended) {
			return sent, net.ErrClosed
		}
		n, err := c.Conn.Write(p[sent:][:c.out.portion(len(p)-sent)])
		sent += n
		if err != nil {
			return sent, err
		}
		c.out.took(n)
	}
	return sent, nil
}

// pace spreads bytes over time. Each direction of a connection has one, used by one goroutine at a time.
type pace struct {
	rate int64
	next time.Time // when more may follow
}

// portion is how much of n bytes may go at once: a twentieth of a second's.
func (p *pace) portion(n int) int { return int(min(int64(n), max(p.rate/20, 1))) }

func (p *pace) took(n int) {
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
}

// wait waits for its turn; false means that ended was closed first.
func (p *pace) wait(ended <-chan struct{}) bool {
	left := time.Until(p.next)
	if left <= 0 {
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ended:
		return false
	}
}
