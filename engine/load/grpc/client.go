package grpc

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/http2/session"
	"gameday/engine/load/protocol"
)

// client is one worker's.
type client struct {
	proto   *Protocol
	stream  *session.Stream
	stamped [][]byte // own copies of the static heads, by handle
	head    []byte   // of the call being made, when it is not static
	scratch []byte
	body    []byte
	kept    []byte
	encoder encoder
	answer  answer
	req     session.Request
}

// Close gives the client's place up.
func (c *client) Close() { c.stream.Close() }

// Do makes one call and waits for its end, at most for the call's timeout from now on.
func (c *client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.stream.Now()}
	p := c.proto.calls[call.Request]
	c.answer.begin(p.keep)
	c.req = session.Request{Due: out.Start + p.timeout, Sink: &c.answer}
	err := c.render(p, call)
	sent := 0
	switch {
	case err != nil:
		out.Kind, out.Err, out.Done = protocol.Unsendable, err, c.stream.Now()
		return
	case p.paced():
		sent = c.pace(p, call, out)
	default:
		c.stream.Do(&c.req, out)
		if c.stream.Whole() {
			sent = p.total()
		}
	}
	out.Extra[extraSent] = float64(sent)
	out.Extra[extraReceived] = float64(c.answer.count)
	if c.answer.count > 0 {
		out.Extra[extraFirst] = max(c.answer.first-out.Start, 0).Seconds()
	}
	c.judge(p, out)
}

// render makes the head of a call, and its messages unless they are sent one by one.
func (c *client) render(p *prepared, call *protocol.Call) (err error) {
	if p.static != nil {
		b := c.stamped[call.Request]
		if b == nil {
			b = append(b, p.static...)
			c.stamped[call.Request] = b
		}
		session.Stamp(b, p.stampAt, call)
		c.req.Head = b
	} else {
		var at int
		if c.head, at, c.scratch, err = p.block.Append(c.head[:0], c.scratch, &call.Values); err != nil {
			return err
		}
		session.Stamp(c.head, at, call)
		c.req.Head = c.head
	}
	if p.body != nil {
		c.req.Body = p.body
		return nil
	}
	if p.paced() {
		c.req.Open = true
		return nil
	}
	c.body = c.body[:0]
	for range p.repeat {
		for _, m := range p.messages {
			if c.body, err = c.encoder.append(c.body, m, p.schema, p.method.Input(), &call.Values); err != nil {
				return err
			}
		}
		if len(c.body) > maxBody {
			return fmt.Errorf("a call's messages are more than %d MiB together: give them an interval", maxBody>>20)
		}
	}
	c.req.Body = c.body
	return nil
}

// pace sends messages one by one with pauses between them, and returns how many were sent.
func (c *client) pace(p *prepared, call *protocol.Call, out *protocol.Outcome) (sent int) {
	if !c.stream.Begin(&c.req, out) {
		return 0
	}
	next := c.stream.Now()
	for n := range p.total() {
		if !c.stream.Drained() {
			break
		}
		sent = n
		if n > 0 {
			next += p.interval
			if wait := next - c.stream.Now(); wait > 0 && !c.stream.Pause(wait) {
				break
			}
		}
		var err error
		c.body, err = c.encoder.append(c.body[:0], p.messages[n%len(p.messages)], p.schema, p.method.Input(), &call.Values)
		if err != nil {
			c.stream.Give(protocol.Unsendable, err)
			break
		}
		c.stream.Send(c.body, n+1 == p.total())
	}
	c.stream.End(out)
	if c.stream.Whole() {
		sent = p.total()
	}
	return sent
}

// judge turns what HTTP/2 says of a call into what gRPC says.
func (c *client) judge(p *prepared, out *protocol.Outcome) {
	a := &c.answer
	status := out.Status
	out.Status = codeOK
	if out.Kind != protocol.OK {
		return
	}
	switch {
	case a.code == noCode && status != 200:
		out.Status = fromHTTP(status)
		out.Kind = p.codes.kindOf(out.Status)
		if out.Kind != protocol.OK {
			out.Err = fmt.Errorf("HTTP status %d in place of gRPC's: something in front of the service has answered", status)
		}
		return
	case a.code == noCode, !a.grpc:
		out.Kind, out.Err = protocol.BadResponse, errNoStatus
		return
	}
	out.Status = a.code
	switch {
	case a.code == codeOK && (a.left > 0 || a.have > 0):
		out.Kind, out.Err = protocol.BadResponse, errCutOff
	case a.code == codeOK && !p.method.IsStreamingServer() && a.count != 1:
		out.Kind, out.Err = protocol.BadResponse, errCount
	default:
		if out.Kind = p.codes.kindOf(a.code); out.Kind != protocol.OK {
			out.Err = statusError(a.code, a.message)
		}
	}
	if p.keep > 0 && out.Kind.Answered() {
		var err error
		if c.kept, err = appendJSON(c.kept[:0], a.raw, p.schema, p.method.Output(), p.keep); err != nil {
			out.Kind, out.Err = protocol.BadResponse, err
		}
		out.Head, out.Body = a.head, c.kept
	}
}

// Errors of answers that are not gRPC's.
const (
	errNoStatus    = dial.Malformed("bad response: an answer without content-type application/grpc or without grpc-status")
	errCutOff      = dial.Malformed("bad response: the last message is cut off")
	errCount       = dial.Malformed("bad response: the method answers with one message, and there was none or more than one")
	errCompressed  = dial.Malformed("bad response: a compressed message, which was not asked for")
	errBadStatus   = -2
	noCode         = -1
	maxRaw         = 4 << 20 // bytes of messages that are kept for their JSON
	maxKeptHead    = 64 << 10
	maxMessageText = 1 << 10 // of grpc-message
)

// answer takes an answer as it arrives: it counts its messages and finds its status.
type answer struct {
	count   int
	first   time.Duration // when the first message was whole
	code    int
	message string
	grpc    bool // the content-type says so

	prefix [prefixSize]byte
	have   int // bytes of prefix
	left   int // bytes of the message that are still to come
	limit  int // bytes of messages to keep; 0 is none, and no head either
	keeps  bool
	raw    []byte
	head   []byte
}

func (a *answer) begin(keep int) {
	*a = answer{code: noCode, limit: keep, raw: a.raw[:0], head: a.head[:0]}
}

// Field takes a field of the head or of the trailer. The status stands in the head when there is nothing else.
func (a *answer) Field(_ bool, name, value string) {
	switch name {
	case "grpc-status":
		n, err := strconv.ParseUint(value, 10, 31)
		if a.code = int(n); err != nil {
			a.code = errBadStatus
		}
	case "grpc-message":
		a.message = strings.Clone(value[:min(len(value), maxMessageText)])
	case "content-type":
		a.grpc = strings.HasPrefix(value, "application/grpc")
	}
	if a.limit > 0 && len(a.head)+len(name)+len(value) < maxKeptHead && !strings.ContainsAny(name+value, "\r\n") {
		a.head = append(append(append(append(a.head, name...), ": "...), value...), "\r\n"...)
	}
}

// Data takes a part of the messages.
func (a *answer) Data(p []byte, at time.Duration) error {
	for len(p) > 0 {
		if a.have < prefixSize {
			n := copy(a.prefix[a.have:], p)
			a.have += n
			if p = p[n:]; a.have < prefixSize {
				return nil
			}
			if a.prefix[0] != 0 {
				return errCompressed
			}
			a.left = int(binary.BigEndian.Uint32(a.prefix[1:]))
			a.keeps = a.limit > 0 && len(a.raw) < a.limit && len(a.raw)+prefixSize+a.left <= maxRaw
			if a.keeps {
				a.raw = append(a.raw, a.prefix[:]...)
			}
		}
		n := min(len(p), a.left)
		if a.keeps {
			a.raw = append(a.raw, p[:n]...)
		}
		p, a.left = p[n:], a.left-n
		if a.left == 0 {
			if a.have, a.count = 0, a.count+1; a.count == 1 {
				a.first = at
			}
		}
	}
	return nil
}
