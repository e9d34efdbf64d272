// Package websocket loads a target that speaks WebSocket (RFC 6455): one connection a worker, kept over its steps, on
// which messages are sent, waited for and counted.
//
// The frames are made and read here: one buffer per connection, no goroutine besides the worker, and a pause in reading
// that does not end the connection, which holding it open and counting needs. No extensions are offered, so messages are
// never compressed.
package websocket

import (
	"fmt"
	"net/textproto"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"gameday/engine/load/payload"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// Talk is one step. What is given is done in this order: connect, unless the worker already is, send, wait, ping, hold,
// close.
type Talk struct {
	Path         string            `yaml:"path" doc:"Of the connection, after the target's: starts with /, may hold {{values}}. Steps of the same path, subprotocols and headers share a worker's connection."`
	Subprotocols []string          `yaml:"subprotocols" doc:"Offered when connecting."`
	Headers      map[string]string `yaml:"headers" doc:"Sent when connecting, beside the plan's."`
	Send         string            `yaml:"send" doc:"A message: a text that may hold {{values}}, or hex:... or base64:..., which are binary."`
	Binary       bool              `yaml:"binary" doc:"The message is sent as binary even if it is a text."`
	Wait         *Wait             `yaml:"wait" doc:"Messages that are waited for."`
	Expect       payload.Expect    `yaml:"expect" doc:"What a good message is: of those waited for, the last. Default: any."`
	Ping         bool              `yaml:"ping" doc:"A ping is sent and its answer waited for."`
	Hold         time.Duration     `yaml:"hold" doc:"The connection is held open for so long, and what comes is counted."`
	Close        bool              `yaml:"close" doc:"The connection is closed in an orderly way; the next step opens another."`
	MaxBytes     int               `yaml:"maxBytes" doc:"Most bytes of a message received; a longer one is a bad response. Default 1 MiB."`
}

// Wait says which messages are waited for.
type Wait struct {
	Messages int   `yaml:"messages" doc:"How many. Default 1."`
	Until    Match `yaml:"until" doc:"Only messages that match count. Default: any."`
}

// Match picks messages. All that is given must hold.
type Match struct {
	Contains string  `yaml:"contains" doc:"A part of the message, as text, hex:... or base64:..."`
	Regex    string  `yaml:"regex" doc:"A regular expression (RE2) that it matches somewhere."`
	JSON     string  `yaml:"json" doc:"A field that it has, such as order.items.0.id."`
	Equals   *string `yaml:"equals" doc:"The value of that field, as it would stand in a text."`
}

// Bounds.
const (
	defaultMaxBytes = 1 << 20
	mostMaxBytes    = 1 << 30
	mostMessages    = 1_000_000
)

// Validate reports what is wrong with the step, as far as it can be said without its target and its variables.
func (c *Talk) Validate(report func(path, format string, args ...any)) {
	if err := checkPath(c.Path, payload.AnyName); err != nil {
		report("path", "%v", err)
	}
	for _, s := range c.Subprotocols {
		if !httpguts.ValidHeaderFieldName(s) { // both are tokens
			report("subprotocols", "%q has a character that a subprotocol must not have", s)
		}
	}
	for name, value := range c.Headers {
		if err := checkHeader(protocol.Header{Name: name, Value: value}, payload.AnyName); err != nil {
			report("headers", "%v", err)
		}
	}
	if _, err := payload.Compile(c.Send, payload.AnyName); err != nil {
		report("send", "%v", err)
	}
	if c.Binary && c.Send == "" {
		report("binary", "there is nothing to send: give send")
	}
	if w := c.Wait; w != nil {
		if w.Messages < 0 || w.Messages > mostMessages {
			report("wait.messages", "%d is not from 1 to %d", w.Messages, mostMessages)
		}
		if _, err := w.Until.compile(); err != nil {
			report("wait.until", "%v", err)
		}
	}
	c.Expect.Validate("expect", report)
	if c.Wait == nil && c.Expect != (payload.Expect{}) {
		report("expect", "nothing is waited for: give wait")
	}
	if c.Hold < 0 {
		report("hold", "%v is below 0s", c.Hold)
	}
	if c.MaxBytes < 0 || c.MaxBytes > mostMaxBytes {
		report("maxBytes", "%d is not from 0 (the default) to %d", c.MaxBytes, mostMaxBytes)
	}
}

// reserved are the headers that the handshake itself decides.
var reserved = map[string]bool{
	"Connection": true, "Upgrade": true, "Content-Length": true, "Transfer-Encoding": true, "Traceparent": true, "X-Correlation-Id": true,
}

// checkHeader says why a header cannot be sent. Its errors never hold the value.
func checkHeader(h protocol.Header, names template.Names) error {
	canonical := textproto.CanonicalMIMEHeaderKey(h.Name)
	switch {
	case !httpguts.ValidHeaderFieldName(h.Name):
		return fmt.Errorf("header name %q has a character that HTTP does not allow", h.Name)
	case reserved[canonical] || strings.HasPrefix(canonical, "Sec-Websocket-"):
		return fmt.Errorf("header %s cannot be set: the handshake makes its own", h.Name)
	case !httpguts.ValidHeaderFieldValue(h.Value):
		return fmt.Errorf("header %s: its value holds a control character", h.Name)
	}
	if _, err := template.Compile(h.Value, names); err != nil {
		return fmt.Errorf("header %s: %w", h.Name, err)
	}
	return nil
}

// checkPath says why a path cannot be asked for. Its errors never hold the path.
func checkPath(path string, names template.Names) error {
	t, err := template.Compile(path, names)
	if err != nil {
		return err
	}
	if path != "" && path[0] != '/' {
		return fmt.Errorf("the path must start with /")
	}
	t.Each(func(text string) {
		if err == nil && !validPath([]byte(text)) {
			err = fmt.Errorf("the path holds a byte that must be percent-encoded, such as a space or #")
		}
	})
	return err
}

func validPath(text []byte) bool {
	for _, b := range text {
		if b <= ' ' || b >= 0x7f || b == '#' {
			return false
		}
	}
	return true
}
