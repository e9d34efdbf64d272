// Package http1 is the load engine's own HTTP/1.1 client: prepared request bytes that are stamped in place, one buffer
// per connection, a parser that keeps nothing but what decides where an answer ends, and no allocation per request. One
// goroutine drives one connection; https goes through crypto/tls with the same parser.
//
// It is no general client. It follows no redirects, keeps no cookies, decodes no compression and speaks through no proxy.
package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"gameday/engine/load/protocol"
)

// probeAfter is how long a kept connection must have been idle before it is looked at for having been closed.
const probeAfter = 500 * time.Millisecond

// Protocol is the requests of one plan against one target.
type Protocol struct {
	host    string
	address string
	named   bool // by a name that has to be looked up
	prefix  string
	tls     *tls.Config
	life    protocol.Lifetime
	dialer  net.Dialer
	reqs    []*prepared
}

// New prepares for a target such as "http://127.0.0.1:8080/base".
func New(target string, o protocol.Options) (*Protocol, error) {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		// The library's error quotes the whole address, and that may hold a password.
		if detail := (*url.Error)(nil); errors.As(err, &detail) {
			err = detail.Err
		}
		return nil, fmt.Errorf("read the target's address: %w", err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("target %q must start with http:// or https://", u.Redacted())
	case u.Hostname() == "":
		return nil, fmt.Errorf("target %q has no host", u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("target %q holds a password: give an Authorization header instead", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("target %q must not have a query or a fragment: they belong to a step's path", u.Redacted())
	}
	p := &Protocol{host: u.Host, prefix: u.EscapedPath(), life: o.Lifetime}
	for len(p.prefix) > 0 && p.prefix[len(p.prefix)-1] == '/' {
		p.prefix = p.prefix[:len(p.prefix)-1]
	}
	if err := p.where(u, o.Dial); err != nil {
		return nil, err
	}
	if u.Scheme == "https" {
		p.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS != nil {
			p.tls = o.TLS.Clone()
		}
		if p.tls.ServerName == "" {
			p.tls.ServerName = u.Hostname()
		}
		p.tls.NextProtos = []string{"http/1.1"}
	}
	return p, nil
}

// where decides what is connected to.
func (p *Protocol) where(u *url.URL, instead string) error {
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if instead != "" {
		var err error
		if host, port, err = net.SplitHostPort(instead); err != nil {
			return fmt.Errorf("read the address to connect to instead of the target's: %w", err)
		}
	}
	p.address = net.JoinHostPort(host, port)
	_, notLiteral := netip.ParseAddr(host)
	p.named = notLiteral != nil
	return nil
}

// Prepare checks a request and returns the handle that Call.Request names it by.
func (p *Protocol) Prepare(req protocol.Request) (int, error) {
	req.Path = p.prefix + req.Path
	made, err := prepare(req, p.host, p.life == protocol.OneRequest)
	if err != nil {
		return 0, fmt.Errorf("prepare request %q: %w", req.Name, err)
	}
	p.reqs = append(p.reqs, made)
	return len(p.reqs) - 1, nil
}

// NewClient makes the client of one worker. It connects with its first request.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	c := &Client{proto: p, ctx: ctx, epoch: epoch, stamped: make([][]byte, len(p.reqs))}
	c.in.buf = make([]byte, bufferStart)
	c.release = context.AfterFunc(ctx, c.interrupt)
	return c
}

// Client is one worker's connection.
type Client struct {
	proto   *Protocol
	ctx     context.Context
	epoch   time.Time
	release func() bool
	stamped [][]byte // own copies of the static requests, by handle
	out     []byte   // the request being sent, when it is not static
	scratch []byte   // its body
	in      reader
	res     response
	lastUse time.Duration
	current uint64 // iteration

	mu      sync.Mutex // guards what interrupt reaches: the rest belongs to the worker
	conn    *wire
	stopped bool
}

func (c *Client) now() time.Duration { return time.Since(c.epoch) }

// interrupt breaks off whatever the worker is waiting for.
func (c *Client) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.conn != nil {
		_ = c.conn.raw.Close() // the worker sees the error that matters: its read fails
	}
}

// Close gives the connection up.
func (c *Client) Close() {
	c.release()
	c.drop()
}

// drop closes the connection, if there is one.
func (c *Client) drop() {
	c.mu.Lock()
	conn := c.conn
	c.conn = nil
	c.mu.Unlock()
	if conn != nil {
		_ = conn.Close() // nothing was asked of it any more
	}
}

// adopt makes a fresh connection the worker's, unless the run has been stopped meanwhile.
func (c *Client) adopt(w *wire) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		_ = w.raw.Close() // it never carried anything
		return context.Canceled
	}
	c.conn = w
	c.in.reset(w)
	return nil
}

// Do sends one request and waits for its answer, at most for the request's timeout from now on.
func (c *Client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.now()}
	p := c.proto.reqs[call.Request]
	due := out.Start + p.timeout
	wire, err := c.stamp(call, p)
	if err != nil {
		out.Kind, out.Err, out.Done = protocol.Unsendable, err, c.now()
		return
	}
	if c.conn != nil && (c.proto.life == protocol.OneIteration && call.N != c.current ||
		out.Start-c.lastUse > probeAfter && gone(c.conn)) {
		c.drop()
	}
	c.current = call.N
	sent, dialing, err := c.attempt(wire, p, due, out)
	if err != nil && out.Reused && c.in.total == 0 && (p.idempotent || sent == 0) && c.ctx.Err() == nil &&
		classify(err, false) != protocol.Timeout {
		// The target had closed the kept connection before it saw the request; RFC 9112, 9.3.1 lets a client send again.
		c.drop()
		out.Retried = true
		_, dialing, err = c.attempt(wire, p, due, out)
	}
	if err != nil {
		out.Done = c.now()
	}
	c.lastUse = out.Done
	if err == nil {
		out.Status, out.Received = c.res.status, c.res.body
		if p.keep > 0 {
			out.Head, out.Body = c.in.parser.headKept, c.in.parser.bodyKept
		}
		if c.res.close || c.in.buffered() > 0 || c.proto.life == protocol.OneRequest {
			c.drop() // bytes beyond the answer belong to no request: such a connection is not used again
		}
		return
	}
	c.drop()
	out.Kind, out.Err = classify(err, dialing), err
	if c.ctx.Err() != nil {
		out.Kind = protocol.Interrupted
	}
}

// stamp returns the bytes to send.
func (c *Client) stamp(call *protocol.Call, p *prepared) ([]byte, error) {
	if p.static != nil {
		b := c.stamped[call.Request]
		if b == nil {
			b = append(b, p.static...)
			c.stamped[call.Request] = b
		}
		stamp(b[p.staticAt:], call)
		return b, nil
	}
	var err error
	if c.out, _, c.scratch, err = p.render(c.out[:0], c.scratch[:0], call); err != nil {
		return nil, err
	}
	return c.out, nil
}

// attempt sends the request over the kept connection or a fresh one and reads the answer.
func (c *Client) attempt(b []byte, p *prepared, due time.Duration, out *protocol.Outcome) (sent int, dialing bool, err error) {
	out.Reused = c.conn != nil
	if c.conn == nil {
		w, err := c.dial(due, out)
		if err != nil {
			return 0, true, err
		}
		if err := c.adopt(w); err != nil {
			return 0, true, err
		}
	}
	start := c.now()
	c.in.begin()
	if err := c.conn.expect(start, due); err != nil {
		return 0, false, err
	}
	if sent, err = c.conn.Write(b); err != nil {
		return sent, false, err
	}
	written := c.now()
	out.Phases.Write = written - start
	if err := c.in.fill(); err != nil {
		return sent, false, err
	}
	first := c.now()
	out.Phases.Wait = first - written
	c.in.parser.keep = p.keep
	err = c.in.read(&c.res, p.isHead)
	out.Done = c.now()
	out.Phases.Read = out.Done - first
	return sent, false, err
}
