package tcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/payload"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// Protocol is the exchanges of one plan with one target.
type Protocol struct {
	dialer dial.Dialer
	steps  []*exchange
}

// exchange is a step that is ready to be made.
type exchange struct {
	send      *payload.Body
	framing   *framing
	check     *payload.Check
	timeout   time.Duration
	keepBytes int
	sendOnly  bool
	fresh     bool // a connection for each exchange
	greeting  bool
}

// New prepares for a target such as "tcp://127.0.0.1:7000" or "tls://example.com:7000".
func New(target string, o protocol.Options) (*Protocol, error) {
	address, err := dial.Parse(target, map[string]string{"tcp": "", "tls": ""})
	if err != nil {
		return nil, err
	}
	if err := address.Bare(); err != nil {
		return nil, err
	}
	p := &Protocol{dialer: dial.Dialer{Network: "tcp", Address: address}}
	if address.Scheme == "tls" {
		p.dialer.TLS = address.TLS(o.TLS)
	}
	return p, nil
}

// Extras are the protocol's own figures: none.
func (p *Protocol) Extras() []protocol.Extra { return nil }

// Prepare checks a step and returns its handle.
func (p *Protocol) Prepare(s protocol.Step, c *Exchange) (int, error) {
	err := dial.Check(s, c.Validate)
	if err != nil {
		return 0, fmt.Errorf("prepare exchange %q: %w", s.Name, err)
	}
	x := &exchange{
		timeout: s.Timeout, keepBytes: s.Keep,
		sendOnly: c.SendOnly, fresh: c.Connection == "per-request", greeting: c.Greeting,
	}
	if x.send, err = payload.Compile(c.Send, s.Names); err != nil {
		return 0, fmt.Errorf("prepare exchange %q: send: %w", s.Name, err)
	}
	if x.framing, err = c.Framing.compile(c.maxBytes()); err != nil {
		return 0, fmt.Errorf("prepare exchange %q: framing: %w", s.Name, err)
	}
	if x.check, err = c.Expect.Compile(); err != nil {
		return 0, fmt.Errorf("prepare exchange %q: expect: %w", s.Name, err)
	}
	p.steps = append(p.steps, x)
	return len(p.steps) - 1, nil
}

// NewClient makes the client of one worker. It connects with its first exchange.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	return &Client{proto: p, link: p.dialer.Link(ctx, epoch)}
}

// Client is one worker's connection.
type Client struct {
	proto *Protocol
	link  *dial.Link
	out   []byte // what is being sent, with its length in front when the framing adds one
	kept  []byte // the copy of an answer that outlives its connection
}

// Close gives the connection up.
func (c *Client) Close() { c.link.Close() }

// Do makes one exchange, at most for the step's timeout from now on.
func (c *Client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.link.Now()}
	x := c.proto.steps[call.Request]
	due := out.Start + x.timeout
	sent, err := c.render(x, &call.Values)
	if err != nil {
		out.Done, out.Kind, out.Err = c.link.Now(), protocol.Unsendable, err
		return
	}
	if c.link.Connected() && (x.fresh || c.spoilt(x)) {
		c.link.Drop()
	}
	written, err := c.deliver(x, due, out)
	if err != nil && out.Reused && written == 0 && dial.Classify(err) != protocol.Timeout {
		// The target had closed the kept connection, and it has seen nothing of this exchange.
		c.link.Drop()
		out.Retried = true
		_, err = c.deliver(x, due, out)
	}
	var answer []byte
	used := 0
	if err == nil && !x.sendOnly {
		answer, used, err = c.receive(x, out)
	}
	if err != nil {
		c.link.Fail(err, out)
		return
	}
	out.Done = c.link.Now()
	c.judge(x, answer, sent, out)
	c.link.Consume(used)
	if x.fresh || len(c.link.In()) > 0 {
		c.link.Drop() // bytes beyond the answer belong to no exchange: such a connection is not used again
	}
}

// spoilt reports whether the kept connection is of no use. What came unasked would be taken for the answer, unless nothing
// is asked or answered.
func (c *Client) spoilt(x *exchange) bool {
	if len(c.out) == 0 || x.sendOnly {
		return c.link.Gone()
	}
	return c.link.Stale()
}

// render makes what is sent, and returns it without the length in front.
func (c *Client) render(x *exchange, v *template.Values) ([]byte, error) {
	front := 0
	if x.framing.add {
		front = x.framing.prefix
	}
	c.out = x.send.Append(append(c.out[:0], make([]byte, front)...), v)
	if front > 0 {
		if err := x.framing.put(c.out); err != nil {
			return nil, err
		}
	}
	return c.out[front:], nil
}

// deliver connects if need be and sends.
func (c *Client) deliver(x *exchange, due time.Duration, out *protocol.Outcome) (written int, err error) {
	if err := c.link.Open(due, out); err != nil {
		return 0, err
	}
	if err := c.link.Deadline(due); err != nil {
		return 0, err
	}
	if x.greeting && !out.Reused {
		_, used, err := c.receive(x, out)
		if err != nil {
			return 0, err
		}
		c.link.Consume(used)
	}
	start := c.link.Now()
	if len(c.out) > 0 {
		if written, err = c.link.Write(c.out); err != nil {
			return written, err
		}
	}
	out.Phases.Write = c.link.Now() - start
	return written, nil
}

// receive waits for one answer. It is part of the link's buffer, of which used bytes are to be consumed.
func (c *Client) receive(x *exchange, out *protocol.Outcome) (answer []byte, used int, err error) {
	start := c.link.Now()
	first := time.Duration(-1)
	for seen := 0; ; {
		if in := c.link.In(); len(in) > seen {
			if answer, used, err = x.framing.cut(in, seen, false); used > 0 || err != nil {
				break
			}
			seen = len(in)
		}
		err = c.link.Fill(x.framing.most())
		if first < 0 {
			first = c.link.Now()
		}
		if errors.Is(err, io.EOF) {
			answer, used, err = x.framing.cut(c.link.In(), seen, true)
			break
		}
		if err != nil {
			return nil, 0, err
		}
	}
	now := c.link.Now()
	if first < 0 {
		first = now
	}
	out.Phases.Wait, out.Phases.Read = out.Phases.Wait+first-start, out.Phases.Read+now-first
	return answer, used, err
}

// judge records an answer.
func (c *Client) judge(x *exchange, answer, sent []byte, out *protocol.Outcome) {
	out.Received = int64(len(answer))
	if x.keepBytes > 0 {
		c.kept = append(c.kept[:0], answer[:min(len(answer), x.keepBytes)]...)
		out.Body = c.kept
	}
	if x.sendOnly {
		return
	}
	if err := x.check.Err(answer, sent); err != nil {
		out.Kind, out.Err = protocol.CheckFailed, err
	}
}
