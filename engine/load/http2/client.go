package http2

import (
	"strconv"
	"strings"
	"time"

	"gameday/engine/load/http2/session"
	"gameday/engine/load/protocol"
)

// client is one worker's.
type client struct {
	proto   *Protocol
	stream  *session.Stream
	stamped [][]byte // own copies of the static heads, by handle
	head    []byte   // of the request being sent, when it is not static
	body    []byte
	scratch []byte
	keeper  keeper
	req     session.Request
}

// Close gives the client's place up.
func (c *client) Close() { c.stream.Close() }

// Do sends one request and waits for its answer, at most for the request's timeout from now on.
func (c *client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.stream.Now()}
	p := c.proto.reqs[call.Request]
	c.req = session.Request{Due: out.Start + p.timeout, Bare: p.isHead}
	if err := c.render(p, call); err != nil {
		out.Kind, out.Err, out.Done = protocol.Unsendable, err, c.stream.Now()
		return
	}
	if p.keep > 0 {
		c.keeper.begin(p.keep)
		c.req.Sink = &c.keeper
	}
	c.stream.Do(&c.req, out)
	if p.keep > 0 {
		out.Head, out.Body = c.keeper.head, c.keeper.body
	}
}

// render makes the head and the body of a call.
func (c *client) render(p *prepared, call *protocol.Call) (err error) {
	c.req.Body = p.staticBody
	if p.static != nil {
		b := c.stamped[call.Request]
		if b == nil {
			b = append(b, p.static...)
			c.stamped[call.Request] = b
		}
		session.Stamp(b, p.stampAt, call)
		c.req.Head = b
		return nil
	}
	dynamic := !p.body.Static()
	if dynamic {
		c.body = p.body.Append(c.body[:0], &call.Values)
		c.req.Body = c.body
	}
	var at int
	if c.head, at, c.scratch, err = p.block.Append(c.head[:0], c.scratch, &call.Values); err != nil {
		return err
	}
	session.Stamp(c.head, at, call)
	if p.hasBody && dynamic {
		c.scratch = strconv.AppendInt(c.scratch[:0], int64(len(c.body)), 10)
		c.head = session.AppendField(c.head, "content-length", c.scratch)
	}
	if p.cookies && len(call.Cookie) > 0 {
		c.head = session.AppendField(c.head, "cookie", call.Cookie)
	}
	c.req.Head = c.head
	return nil
}

// maxHead is how much of an answer's head is kept.
const maxHead = 128 << 10

// keeper keeps the head and the beginning of the body of an answer.
type keeper struct {
	head, body []byte
	limit      int
}

func (k *keeper) begin(limit int) { k.head, k.body, k.limit = k.head[:0], k.body[:0], limit }

// Field keeps a field of the head as HTTP/1.1 would write it.
func (k *keeper) Field(trailer bool, name, value string) {
	if !trailer && len(k.head)+len(name)+len(value) < maxHead && !strings.ContainsAny(name+value, "\r\n") {
		k.head = append(append(append(append(k.head, name...), ": "...), value...), "\r\n"...)
	}
}

// Data keeps what there is room for.
func (k *keeper) Data(p []byte, _ time.Duration) error {
	k.body = append(k.body, p[:min(len(p), k.limit-len(k.body))]...)
	return nil
}
