package websocket

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/payload"
	"gameday/engine/load/protocol"
)

// Protocol is the steps of one plan with one target.
type Protocol struct {
	dialer dial.Dialer
	prefix string // of all paths
	host   string // as the Host header has it
	places []*place
	steps  []*talk
}

// talk is a step that is ready to be made.
type talk struct {
	place     *place
	send      *payload.Body // nil sends nothing
	op        byte
	echo      bool // the check compares with what was sent
	messages  int  // to wait for
	until     *matcher
	check     *payload.Check
	ping      bool
	hold      time.Duration
	close     bool
	maxBytes  int
	timeout   time.Duration
	keepBytes int
}

// New prepares for a target such as "ws://127.0.0.1:8080/chat" or "wss://example.com".
func New(target string, o protocol.Options) (*Protocol, error) {
	address, err := dial.Parse(target, map[string]string{"ws": "80", "wss": "443"})
	if err != nil {
		return nil, err
	}
	if address.URL.RawQuery != "" {
		return nil, fmt.Errorf("target %q must not have a query: it belongs to a step's path", address.URL.Redacted())
	}
	p := &Protocol{
		dialer: dial.Dialer{Network: "tcp", Address: address},
		prefix: strings.TrimRight(address.URL.EscapedPath(), "/"),
		host:   address.URL.Host,
	}
	if address.Scheme == "wss" {
		p.dialer.TLS = address.TLS(o.TLS, "http/1.1")
	}
	return p, nil
}

// Extras are the messages sent and received, the longest that connecting took (name, TCP, TLS and handshake together), and
// the longest round trip of a ping.
func (p *Protocol) Extras() []protocol.Extra {
	return []protocol.Extra{
		{Name: "messages sent"}, {Name: "messages received"},
		{Name: "connect", Unit: "s", Max: true}, {Name: "ping", Unit: "s", Max: true},
	}
}

// Prepare checks a step and returns its handle.
func (p *Protocol) Prepare(s protocol.Step, c *Talk) (int, error) {
	t, err := p.prepare(s, c)
	if err != nil {
		return 0, fmt.Errorf("prepare step %q: %w", s.Name, err)
	}
	p.steps = append(p.steps, t)
	return len(p.steps) - 1, nil
}

func (p *Protocol) prepare(s protocol.Step, c *Talk) (*talk, error) {
	err := dial.Check(s, c.Validate)
	if err == nil && c.Hold >= s.Timeout {
		err = fmt.Errorf("hold: %v is not below the step's timeout of %v: give the step a longer timeout", c.Hold, s.Timeout)
	}
	if err != nil {
		return nil, err
	}
	t := &talk{
		op: opText, echo: c.Expect.Echo, ping: c.Ping, hold: c.Hold, close: c.Close, maxBytes: c.MaxBytes,
		timeout: s.Timeout, keepBytes: s.Keep,
	}
	if t.maxBytes == 0 {
		t.maxBytes = defaultMaxBytes
	}
	if t.place, err = p.place(s, c); err != nil {
		return nil, err
	}
	if c.Send != "" {
		if t.send, err = payload.Compile(c.Send, s.Names); err != nil {
			return nil, fmt.Errorf("send: %w", err)
		}
	}
	if c.Binary || strings.HasPrefix(c.Send, "hex:") || strings.HasPrefix(c.Send, "base64:") {
		t.op = opBinary
	}
	if c.Wait != nil {
		t.messages = max(c.Wait.Messages, 1)
		if t.until, err = c.Wait.Until.compile(); err != nil {
			return nil, fmt.Errorf("wait.until: %w", err)
		}
	}
	if t.check, err = c.Expect.Compile(); err != nil {
		return nil, fmt.Errorf("expect: %w", err)
	}
	return t, nil
}

// place is the one that says the same as the step, so that places can be compared by their address.
func (p *Protocol) place(s protocol.Step, c *Talk) (*place, error) {
	made, err := newPlace(p.prefix, p.host, s, c)
	if err != nil {
		return nil, err
	}
	for _, known := range p.places {
		if known.text == made.text {
			return known, nil
		}
	}
	p.places = append(p.places, made)
	return made, nil
}

// NewClient makes the client of one worker. It connects with its first step.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	return &Client{proto: p, ctx: ctx, link: p.dialer.Link(ctx, epoch)}
}

// unsendableError is a step that could not be made, through no fault of the target.
type unsendableError struct{ error }

func (e *unsendableError) Unwrap() error { return e.error }

// fail records how a step ended that did not go through.
func (c *Client) fail(err error, out *protocol.Outcome) {
	var closed *closedError
	var status *statusError
	var unsendable *unsendableError
	if errors.As(err, &closed) {
		out.Status = closed.code
	}
	if c.link.Fail(err, out); out.Kind == protocol.Interrupted {
		return
	}
	if errors.As(err, &status) {
		out.Kind = status.kind()
	}
	if errors.As(err, &unsendable) {
		out.Kind = protocol.Unsendable
	}
}
