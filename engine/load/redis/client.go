package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
	"gameday/sources/sanitize"
)

// probeAfter is how long a kept connection must have been idle before it is looked at for having been closed, or spoken to.
const probeAfter = 500 * time.Millisecond

// Client is one worker's connection.
type Client struct {
	proto   *Protocol
	ctx     context.Context
	link    *dial.Link
	out     []byte // the commands being sent, when they are not static
	scratch []byte
	wants   []byte // the values of a pipeline, one after the other
	ends    []int  // where each of them ends
	in      reader
	lastUse time.Duration
}

// Do sends one step's commands and reads all their replies, at most for the step's timeout.
func (c *Client) Do(call *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Start: c.link.Now()}
	s := c.proto.steps[call.Request]
	due := out.Start + s.timeout
	wire := c.render(call, s)
	if c.link.Connected() && out.Start-c.lastUse > probeAfter && c.link.Stale() {
		c.link.Drop()
	}
	sent, err := c.attempt(wire, s, due, out)
	if err != nil && out.Reused && sent == 0 && c.ctx.Err() == nil && dial.Classify(err) != protocol.Timeout {
		// Nothing of it went over the kept connection, so that it can be sent again whatever it does.
		c.link.Drop()
		out.Retried = true
		_, err = c.attempt(wire, s, due, out)
	}
	out.Received, out.Extra[extraNils] = c.in.bytes, float64(c.in.nils)
	if s.keep > 0 {
		out.Body = c.in.kept
	}
	var said *loginError
	switch {
	case errors.As(err, &said):
		c.link.Drop()
		out.Done, out.Kind, out.Err = c.link.Now(), said.kind, said
	case err != nil:
		c.link.Fail(err, out)
	default:
		out.Done = c.link.Now()
		if len(c.link.In()) > 0 {
			c.link.Drop() // bytes beyond the last reply belong to no request
		}
	}
	if c.ctx.Err() != nil && out.Kind.Failed() {
		out.Kind = protocol.Interrupted
	}
	c.lastUse = out.Done
}

// render returns the bytes to send, and makes the values that are expected.
func (c *Client) render(call *protocol.Call, s *step) []byte {
	wire := s.static
	if wire == nil {
		c.out = c.out[:0]
		for i := range s.commands {
			c.out, c.scratch = s.commands[i].append(c.out, c.scratch, &call.Values)
		}
		wire = c.out
	}
	c.wants, c.ends = c.wants[:0], c.ends[:0]
	for i := range s.commands {
		if t := s.commands[i].value; t != nil {
			c.wants = t.Append(c.wants, &call.Values)
		}
		c.ends = append(c.ends, len(c.wants))
	}
	return wire
}

// attempt sends the commands over the kept connection or a fresh one and reads the replies. A reply that is not as
// expected is no error: it is noted in out.
func (c *Client) attempt(wire []byte, s *step, due time.Duration, out *protocol.Outcome) (sent int, err error) {
	c.in.begin(c.link, s.keep)
	out.Extra = [protocol.MaxExtras]float64{}
	if err := c.open(due, out); err != nil {
		return 0, err
	}
	start := c.link.Now()
	if err := c.link.Deadline(due); err != nil {
		return 0, err
	}
	if sent, err = c.link.Write(wire); err != nil {
		return sent, err
	}
	written := c.link.Now()
	out.Phases.Write = written - start
	if err := c.link.Fill(maxLine); err != nil {
		return sent, err
	}
	first := c.link.Now()
	out.Phases.Wait = first - written
	defer func() { out.Phases.Read = c.link.Now() - first }()
	from := 0
	for i := range s.commands {
		want := c.wants[from:c.ends[i]]
		from = c.ends[i]
		if err := c.in.reply(len(want) + 1); err != nil {
			return sent, err
		}
		out.Extra[extraReplies]++
		out.Extra[extraErrors] += float64(c.in.errors)
		if kind, err := c.judge(&s.commands[i], want); err != nil && out.Err == nil {
			if len(s.commands) > 1 {
				err = fmt.Errorf("command %d: %w", i+1, err)
			}
			out.Kind, out.Err = kind, err
		}
	}
	return sent, nil
}

// open connects if need be, and logs in.
func (c *Client) open(due time.Duration, out *protocol.Outcome) error {
	if err := c.link.Open(due, out); err != nil || out.Reused || c.proto.logins == 0 {
		return err
	}
	start := c.link.Now()
	defer func() { out.Phases.Connect += c.link.Now() - start }()
	if err := c.link.Deadline(due); err != nil {
		return err
	}
	if _, err := c.link.Write(c.proto.login); err != nil {
		return err
	}
	var fault error
	for range c.proto.logins {
		if err := c.in.reply(0); err != nil {
			return err
		}
		if c.in.errors > 0 && fault == nil {
			fault = &loginError{kind: kindOf(c.in.text), text: c.proto.clean(c.in.text)}
		}
	}
	c.in.begin(c.link, c.in.keep)
	return fault
}

// loginError is a server's refusal of the user, the password or the database.
type loginError struct {
	kind protocol.Kind
	text string
}

func (e *loginError) Error() string { return "log in: " + e.text }

// judge compares the reply that was just read with what is expected.
func (c *Client) judge(cmd *command, want []byte) (protocol.Kind, error) {
	r := &c.in
	if r.errors > 0 && cmd.kind != anError {
		return kindOf(r.text), errors.New(c.proto.clean(r.text))
	}
	if cmd.kind != "" && r.kind != cmd.kind {
		return protocol.CheckFailed, fmt.Errorf("the reply is of type %s, expected %s", r.kind, cmd.kind)
	}
	if cmd.value != nil && (r.long || !bytes.Equal(r.text, want) || r.kind == aNil || r.kind == anArray || r.kind == aMap) {
		return protocol.CheckFailed, errors.New("the reply is not the value expected")
	}
	return protocol.OK, nil
}

// word is the first word of an error reply, which names its kind.
func word(text []byte) string {
	first, _, _ := bytes.Cut(text, []byte{' '})
	return string(first)
}

// kindOf is what the first word of an error reply means (https://redis.io/docs/latest/develop/reference/protocol-spec/):
// what lies with the server or with what else goes on in it is a status 5xx, all else is the command's own fault.
func kindOf(text []byte) protocol.Kind {
	switch word(text) {
	case "ERR":
		if bytes.Contains(text, []byte("max number of clients")) {
			return protocol.Status5xx
		}
	case "LOADING", "BUSY", "OOM", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "READONLY", "NOREPLICAS", "UNKILLABLE",
		"MOVED", "ASK", "NOGOODSLAVE", "INPROG", "IOERR":
		return protocol.Status5xx
	}
	return protocol.Status4xx
}

// clean is an error reply for a person: without the password, harmless to a terminal.
func (p *Protocol) clean(text []byte) string {
	s := string(text)
	if p.secret != "" {
		s = strings.ReplaceAll(s, p.secret, "…")
	}
	s = sanitize.Line(s, 256)
	if first := word(text); first == "MOVED" || first == "ASK" {
		s += " (the key belongs to another node of the cluster: name that one as the target)"
	}
	return s
}

// Close gives the connection up.
func (c *Client) Close() { c.link.Close() }
