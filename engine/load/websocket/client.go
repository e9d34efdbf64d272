package websocket

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"time"
	"unicode/utf8"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
)

// farewellTime is how long the goodbye to a connection that is given up may take. Its answer is not waited for.
const farewellTime = 100 * time.Millisecond

// normal is the code of an orderly end: RFC 6455, 7.4.1.
const normal = 1000

// The places of the protocol's figures in Outcome.Extra.
const (
	extraSent = iota
	extraReceived
	extraConnect
	extraPing
)

// Client is one worker's connection.
type Client struct {
	proto *Protocol
	ctx   context.Context
	link  *dial.Link
	at    *place         // where the connection leads
	call  *protocol.Call // of the step being made

	out     []byte // the message being sent, after room for a header
	control [mostHeader + 125]byte
	sent    []byte // what the message was before it was masked
	used    int    // of the link's buffer: bytes of the frame handed out last
	parts   []byte // of a message that comes in pieces
	partOp  byte   // its kind; 0 is none
	closing bool   // the farewell has been sent
	pings   uint64

	keepHead   int
	head, kept []byte
}

// Close gives the connection up.
func (c *Client) Close() {
	c.leave(c.link.Now() + farewellTime)
	c.link.Close()
}

// leave says goodbye, if there is a connection, and drops it.
func (c *Client) leave(due time.Duration) {
	if c.link.Connected() && c.ctx.Err() == nil && c.call != nil {
		if err := c.link.Deadline(min(due, c.link.Now()+farewellTime)); err == nil {
			_ = c.sendControl(opClose, binary.BigEndian.AppendUint16(nil, normal)) // it is given up either way
		}
	}
	c.link.Drop()
}

// Do makes one step, at most for its timeout from now on.
func (c *Client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.link.Now()}
	t := c.proto.steps[call.Request]
	due := out.Start + t.timeout
	c.call, c.keepHead, c.kept = call, t.keepBytes, c.kept[:0]
	frame := c.render(t)
	if c.link.Connected() {
		if c.at != t.place {
			c.leave(due)
		} else if c.link.Gone() {
			c.link.Drop()
		}
	}
	written, err := c.deliver(t, frame, due, out)
	if err != nil && out.Reused && written == 0 && dial.Classify(err) != protocol.Timeout {
		// The target had closed the kept connection, and it has seen nothing of this step.
		c.link.Drop()
		out.Retried = true
		_, err = c.deliver(t, frame, due, out)
	}
	var failed error
	if err == nil {
		failed, err = c.listen(t, due, out)
	}
	if err != nil {
		c.fail(err, out)
		return
	}
	if out.Done = c.link.Now(); failed != nil {
		out.Kind, out.Err = protocol.CheckFailed, failed
	}
}

// render makes the frame that is sent; nil when the step sends nothing.
func (c *Client) render(t *talk) []byte {
	if t.send == nil {
		return nil
	}
	c.out = t.send.Append(append(c.out[:0], make([]byte, mostHeader)...), &c.call.Values)
	if t.echo {
		c.sent = append(c.sent[:0], c.out[mostHeader:]...)
	}
	return seal(c.out, t.op, c.call.Fresh.Uint32())
}

// deliver connects if need be and sends the step's message.
func (c *Client) deliver(t *talk, frame []byte, due time.Duration, out *protocol.Outcome) (written int, err error) {
	if err := c.link.Open(due, out); err != nil {
		return 0, err
	}
	if err := c.link.Deadline(due); err != nil {
		return 0, err
	}
	if !out.Reused {
		c.at, c.used, c.parts, c.partOp, c.closing = t.place, 0, c.parts[:0], 0, false
		if err := c.shake(t.place, c.call, out); err != nil {
			return 0, err
		}
		p := &out.Phases
		out.Extra[extraConnect] = (p.Resolve + p.Connect + p.TLS + p.Write + p.Wait + p.Read).Seconds()
	}
	if frame == nil {
		return 0, nil
	}
	start := c.link.Now()
	if written, err = c.link.Write(frame); err != nil {
		return written, err
	}
	out.Phases.Write += c.link.Now() - start
	out.Extra[extraSent] = 1
	return written, nil
}

// listen does what a step has to do after its message is sent. failed is what its expectation refuses.
func (c *Client) listen(t *talk, due time.Duration, out *protocol.Outcome) (failed, err error) {
	if t.messages > 0 {
		if failed, err = c.wait(t, out); err != nil {
			return nil, err
		}
	}
	if t.ping {
		if err := c.ping(t, out); err != nil {
			return nil, err
		}
	}
	if t.hold > 0 {
		if err := c.holdOpen(t, due, out); err != nil {
			return nil, err
		}
	}
	if t.close {
		return failed, c.end(t, out)
	}
	return failed, nil
}

// wait takes messages until enough have come that match.
func (c *Client) wait(t *talk, out *protocol.Outcome) (failed, err error) {
	start := c.link.Now()
	first := time.Duration(-1)
	for matched := 0; matched < t.messages; {
		op, message, err := c.next(t.maxBytes, out)
		if err != nil {
			return nil, err
		}
		if op == opPong {
			continue
		}
		if first < 0 {
			first = c.link.Now()
		}
		if !t.until.matches(message) {
			continue
		}
		if matched++; matched == t.messages {
			failed = t.check.Err(message, c.sent)
			if t.keepBytes > 0 {
				c.kept = append(c.kept[:0], message[:min(len(message), t.keepBytes)]...)
				out.Body = c.kept
			}
		}
	}
	out.Phases.Wait += first - start
	out.Phases.Read += c.link.Now() - first
	return failed, nil
}

// ping measures one round trip. Messages that come meanwhile are counted.
func (c *Client) ping(t *talk, out *protocol.Outcome) error {
	c.pings++
	mark := binary.BigEndian.AppendUint64(nil, c.pings)
	start := c.link.Now()
	if err := c.sendControl(opPing, mark); err != nil {
		return err
	}
	for {
		op, body, err := c.next(t.maxBytes, out)
		if err != nil {
			return err
		}
		if op == opPong && bytes.Equal(body, mark) {
			out.Extra[extraPing] = (c.link.Now() - start).Seconds()
			return nil
		}
	}
}

// holdOpen counts what comes for a while.
func (c *Client) holdOpen(t *talk, due time.Duration, out *protocol.Outcome) error {
	until := min(c.link.Now()+t.hold, due)
	if err := c.link.Deadline(until); err != nil {
		return err
	}
	for {
		_, _, err := c.next(t.maxBytes, out)
		if errors.Is(err, os.ErrDeadlineExceeded) && until < due {
			return c.link.Deadline(due)
		}
		if err != nil {
			return err
		}
	}
}

// end closes the connection in an orderly way: both sides say goodbye.
func (c *Client) end(t *talk, out *protocol.Outcome) error {
	c.closing = true
	if err := c.sendControl(opClose, binary.BigEndian.AppendUint16(nil, normal)); err != nil {
		return err
	}
	for {
		_, _, err := c.next(t.maxBytes, out)
		var closed *closedError
		if errors.As(err, &closed) {
			out.Status = closed.code
			c.link.Drop()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sendControl sends a control frame, whose body is at most 125 bytes.
func (c *Client) sendControl(op byte, body []byte) error {
	n := copy(c.control[mostHeader:], body)
	_, err := c.link.Write(seal(c.control[:mostHeader+n], op, c.call.Fresh.Uint32()))
	return err
}

// next waits for one message of at most limit bytes, which it counts, or for the answer to a ping. What it returns is
// valid until the next call. Pings are answered on the way; a farewell is answered and becomes a closedError.
func (c *Client) next(limit int, out *protocol.Outcome) (op byte, body []byte, err error) {
	for {
		h, body, err := c.frame(limit)
		if err != nil {
			return 0, nil, err
		}
		switch h.op {
		case opPong:
			return opPong, body, nil
		case opPing:
			if err := c.sendControl(opPong, body); err != nil {
				return 0, nil, err
			}
			continue
		case opClose:
			return 0, nil, c.farewell(body)
		}
		op, message, err := c.assemble(h, body)
		if err != nil {
			return 0, nil, err
		}
		if op == 0 {
			continue
		}
		if op == opText && !utf8.Valid(message) {
			return 0, nil, dial.Malformed("a text message is not UTF-8")
		}
		out.Extra[extraReceived]++
		out.Received += int64(len(message))
		return op, message, nil
	}
}

// frame waits for one whole frame.
func (c *Client) frame(limit int) (h header, body []byte, err error) {
	c.link.Consume(c.used)
	c.used = 0
	for {
		in := c.link.In()
		h, ok, err := parseHeader(in, limit-len(c.parts))
		if err != nil {
			return h, nil, err
		}
		if ok && len(in) >= h.size+h.body {
			c.used = h.size + h.body
			return h, in[h.size:c.used], nil
		}
		if err := c.link.Fill(mostHeader + max(limit, 125)); err != nil {
			return h, nil, err
		}
	}
}

// assemble puts a message together. op is 0 while pieces of it are missing.
func (c *Client) assemble(h header, body []byte) (op byte, message []byte, err error) {
	if (h.op == opContinuation) != (c.partOp != 0) {
		return 0, nil, dial.Malformed("the pieces of two messages are mixed up")
	}
	if h.op != opContinuation {
		if h.final {
			return h.op, body, nil
		}
		c.partOp = h.op
	}
	if c.parts = append(c.parts, body...); !h.final {
		return 0, nil, nil
	}
	op, message = c.partOp, c.parts
	c.partOp, c.parts = 0, c.parts[:0]
	return op, message, nil
}

// farewell answers a server's goodbye, unless it is itself the answer to ours.
func (c *Client) farewell(body []byte) error {
	code, err := closeCode(body)
	if err != nil {
		return err
	}
	if !c.closing {
		_ = c.sendControl(opClose, body[:min(len(body), 2)]) // the connection ends either way
	}
	return &closedError{code}
}
