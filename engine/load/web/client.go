package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"gameday/engine/load/protocol"
)

// client is one worker's, with connections of its own.
type client struct {
	proto     *Protocol
	ctx       context.Context
	epoch     time.Time
	release   func() bool
	transport *http.Transport
	conns     connections
	http      http.Client
	current   uint64 // iteration
	scratch   []byte
	head      []byte
	body      []byte
	waste     []byte // what is not kept goes there
	unpacker  unpacker
}

func (c *client) now() time.Duration { return time.Since(c.epoch) }

// Close gives up the connections.
func (c *client) Close() {
	c.release()
	c.transport.CloseIdleConnections()
	c.conns.close()
	c.unpacker.close()
}

// Do sends one request, follows where it is redirected to, and waits for the last answer, at most for the request's
// timeout from now on.
func (c *client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.now()}
	p := c.proto.reqs[call.Request]
	if c.proto.life == protocol.OneIteration && call.N != c.current {
		c.transport.CloseIdleConnections()
	}
	c.current = call.N
	ctx, cancel := context.WithDeadline(c.ctx, c.epoch.Add(out.Start+p.timeout))
	defer cancel()
	x := &exchange{client: c, ctx: ctx, p: p, mark: out.Start}
	req, err := c.request(x, call)
	if err != nil {
		out.Kind, out.Err, out.Done = protocol.Unsendable, err, c.now()
		return
	}
	c.http.Jar = nil
	if p.cookies {
		c.http.Jar = call.Jar
	}
	res, err := c.http.Do(req)
	if res != nil {
		out.Status = res.StatusCode
	}
	if err == nil {
		err = c.read(res, p, out)
		_ = res.Body.Close() // it has been read, or nothing more is wanted of it
	}
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err // the rest of it is the whole address
	}
	x.end(out, err)
	if out.Kind.Failed() && !out.Kind.Answered() || out.Kind == protocol.Interrupted {
		// What net/http may still be busy with must not be taken for the next request's.
		c.conns.reset()
		c.transport.CloseIdleConnections()
	}
	if !out.Kind.Answered() {
		out.Status = 0
	}
}

// RoundTrip signs each request on its way, redirected ones too as long as they go to the target.
func (c *client) RoundTrip(req *http.Request) (*http.Response, error) {
	x := req.Context().Value(exchangeKey{}).(*exchange)
	if x.p.sign == nil || req.URL.Host != c.proto.base.Host || req.URL.Scheme != c.proto.base.Scheme {
		return c.transport.RoundTrip(req)
	}
	signed, err := x.p.sign.signed(req, x.body, time.Now())
	if err != nil {
		return nil, err
	}
	return c.transport.RoundTrip(signed)
}

var (
	errPathVariable   = errors.New("a variable puts a byte into the path that must be percent-encoded: write {{url name}}")
	errHeaderVariable = errors.New("a variable puts a control character into a header")
)

// request makes what is sent.
func (c *client) request(x *exchange, call *protocol.Call) (*http.Request, error) {
	p := x.p
	req := &http.Request{
		Method: p.method, URL: p.fixedURL, Host: p.host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(p.headers)+4),
	}
	if req.URL == nil {
		c.scratch = p.path.Append(c.scratch[:0], &call.Values)
		for _, b := range c.scratch {
			if b <= ' ' || b >= 0x7f || b == '#' {
				return nil, errPathVariable
			}
		}
		var err error
		if req.URL, err = c.proto.address(string(c.scratch)); err != nil {
			return nil, err
		}
	}
	for _, h := range p.headers {
		if h.fixed != nil {
			req.Header[h.name] = h.fixed // which nobody changes: whoever adds to it makes it anew
			continue
		}
		c.scratch = h.text.Append(c.scratch[:0], &call.Values)
		if !sendable(c.scratch) {
			return nil, errHeaderVariable
		}
		req.Header[h.name] = append(req.Header[h.name], string(c.scratch))
	}
	if p.user != nil {
		value, err := basic(string(p.user.Append(nil, &call.Values)), string(p.password.Append(nil, &call.Values)))
		if err != nil {
			return nil, err
		}
		req.Header["Authorization"] = []string{value}
	}
	req.Header["Traceparent"] = []string{string(call.AppendTraceparent(nil))}
	req.Header["X-Correlation-Id"] = []string{string(call.AppendCorrelationID(nil))}
	if p.hasBody {
		// net/http may look at the body after it has answered, so that it is each request's own.
		if x.body = p.fixedBody; !p.body.Static() {
			x.body = p.body.Append(nil, &call.Values)
		}
		req.ContentLength = int64(len(x.body))
		req.Body = http.NoBody
		if len(x.body) > 0 {
			req.Body = io.NopCloser(bytes.NewReader(x.body))
		}
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil }
	}
	return req.WithContext(x.context()), nil
}

// sendable reports whether a value stays within its header.
func sendable(value []byte) bool {
	for _, b := range value {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// read reads the answer to its end and keeps of it what is wanted.
func (c *client) read(res *http.Response, p *prepared, out *protocol.Outcome) error {
	wire := &meter{from: res.Body, limit: p.maxBody}
	defer func() { out.Received = wire.n }()
	if p.maxBody > 0 && res.ContentLength > p.maxBody && p.method != http.MethodHead {
		return errTooLong
	}
	if p.keep > 0 {
		c.keepHead(res.Header)
		err := c.keepBody(res, wire, p)
		out.Head, out.Body = c.head, c.body
		if err != nil {
			return err
		}
	}
	if c.waste == nil {
		c.waste = make([]byte, 16<<10)
	}
	for {
		if _, err := wire.Read(c.waste); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// keepHead keeps the head as it would stand on the wire.
func (c *client) keepHead(head http.Header) {
	c.head = c.head[:0]
	for name, values := range head {
		for _, v := range values {
			c.head = append(append(append(append(c.head, name...), ": "...), v...), "\r\n"...)
		}
	}
}

// keepBody keeps the beginning of the body, unpacked if that was asked for.
func (c *client) keepBody(res *http.Response, wire *meter, p *prepared) error {
	c.body = c.body[:0]
	var from io.Reader = wire
	if p.unpack && p.method != http.MethodHead && res.ContentLength != 0 {
		var err error
		if from, err = c.unpacker.of(res.Header.Get("Content-Encoding"), wire); err != nil {
			return wire.or(err)
		}
	}
	for len(c.body) < p.keep {
		if len(c.body) == cap(c.body) {
			c.body = append(c.body, 0)[:len(c.body)]
		}
		n, err := from.Read(c.body[len(c.body):min(cap(c.body), p.keep)])
		c.body = c.body[:len(c.body)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return wire.or(err)
		}
	}
	return nil
}

const errTooLong = refusal("the body is longer than http.maxBody, and was not read on")

// meter counts what is read, up to a limit.
type meter struct {
	from  io.Reader
	n     int64
	limit int64 // 0 is none
	err   error // that ended it, unless it was the end
}

func (m *meter) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.from.Read(p)
	m.n += int64(n)
	if m.limit > 0 && m.n > m.limit {
		err = errTooLong
	}
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}

// or is the error of the wire, if there was one, and otherwise the one of unpacking what came over it.
func (m *meter) or(err error) error {
	if m.err != nil {
		return m.err
	}
	return err
}
