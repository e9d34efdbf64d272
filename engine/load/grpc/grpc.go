// Package grpc is the load engine's own gRPC client, on its own HTTP/2: unary calls and streams in both directions. The
// method's types come from the target's reflection service, a .proto file or a descriptor set; messages are JSON, encoded
// once before the run when they are the same for every call.
//
// Messages are sent and expected uncompressed. What an answer's messages say is only looked at when a step asks for it.
package grpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"gameday/engine/load/dial"
	"gameday/engine/load/http2"
	"gameday/engine/load/http2/session"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// Call is one step: a method and what it is called with.
type Call struct {
	Method        string        `yaml:"method" doc:"The method, as package.Service/Method."`
	Proto         string        `yaml:"proto" doc:"A .proto file that has the service. Without it and without a descriptor set, the target is asked by reflection."`
	Imports       []string      `yaml:"imports" doc:"Directories where the .proto file's imports are; its own directory when not given."`
	DescriptorSet string        `yaml:"descriptorSet" doc:"A file that protoc --include_imports --descriptor_set_out, or buf build, has written."`
	Message       string        `yaml:"message" doc:"The message as JSON; it may hold {{values}}. Empty is a message without fields."`
	Messages      []string      `yaml:"messages" doc:"For a method that takes a stream: the messages, in this order."`
	Repeat        int           `yaml:"repeat" doc:"For a method that takes a stream: how often the messages are sent, 1 when not given."`
	Interval      time.Duration `yaml:"interval" doc:"For a method that takes a stream: the pause between two messages."`
	Codes         []string      `yaml:"codes" doc:"Status codes that are a success, by name or number, such as NOT_FOUND or 5. OK when not given."`
}

// Bounds on what a step may ask for.
const (
	maxRepeat = 1_000_000
	maxBody   = 64 << 20 // of all messages of a call that are sent without a pause
)

// Validate reports what is wrong with a step, as far as that can be said without the method's description.
func (c *Call) Validate(report func(path, format string, args ...any)) {
	if _, _, err := splitMethod(c.Method); err != nil {
		report("method", "%v", err)
	}
	if c.Proto != "" && c.DescriptorSet != "" {
		report("descriptorSet", "give a proto file or a descriptor set, not both")
	}
	if len(c.Imports) > 0 && c.Proto == "" {
		report("imports", "they are of use with a proto file only")
	}
	if c.Message != "" && len(c.Messages) > 0 {
		report("messages", "give message or messages, not both")
	}
	if c.Repeat < 0 || c.Repeat > maxRepeat {
		report("repeat", "%d is not from 1 to %d", c.Repeat, maxRepeat)
	}
	if c.Interval < 0 {
		report("interval", "a pause cannot be negative")
	}
	for i, text := range c.Codes {
		if _, err := parseCode(text); err != nil {
			report(fmt.Sprintf("codes[%d]", i), "%v", err)
		}
	}
}

// err is the first of the things that Validate reports.
func (c *Call) err() (err error) {
	c.Validate(func(path, format string, args ...any) {
		if err == nil {
			err = fmt.Errorf(path+": "+format, args...)
		}
	})
	return err
}

// splitMethod takes "package.Service/Method" apart. A leading slash and a dot before the method are understood.
func splitMethod(text string) (service protoreflect.FullName, method protoreflect.Name, err error) {
	text = strings.TrimPrefix(text, "/")
	at := strings.LastIndexByte(text, '/')
	if at < 0 {
		at = strings.LastIndexByte(text, '.')
	}
	if at >= 0 {
		service, method = protoreflect.FullName(text[:at]), protoreflect.Name(text[at+1:])
	}
	if !service.IsValid() || !method.IsValid() {
		return "", "", fmt.Errorf("%.80q is no method: write package.Service/Method", text)
	}
	return service, method, nil
}

// Protocol is the calls of one plan against one target.
type Protocol struct {
	pool    *session.Pool
	address dial.Address
	tls     *tls.Config // nil is cleartext
	known   map[string]*schema
	calls   []*prepared
}

// New prepares for a target such as "grpc://127.0.0.1:50051", or "grpcs://..." for TLS. Nothing is connected yet.
func New(target string, o protocol.Options, sharing http2.Sharing) (*Protocol, error) {
	address, err := dial.Parse(target, map[string]string{"grpc": "", "grpcs": "443"})
	if err != nil {
		return nil, err
	}
	if err := address.Bare(); err != nil {
		return nil, err
	}
	if err := sharing.Err(); err != nil {
		return nil, err
	}
	p := &Protocol{address: address, known: map[string]*schema{}}
	if address.Scheme == "grpcs" {
		p.tls = address.TLS(o.TLS, "h2")
	}
	p.pool = session.NewPool(address, p.tls, sharing.Connections, sharing.Streams)
	return p, nil
}

// Extras are what is counted beside every protocol's figures.
func (p *Protocol) Extras() []protocol.Extra {
	return []protocol.Extra{{Name: "messages sent"}, {Name: "messages received"}, {Name: "first message", Unit: "s", Max: true}}
}

// The places of the Extras.
const (
	extraSent = iota
	extraReceived
	extraFirst
)

// prepared is one call, made before the run.
type prepared struct {
	timeout  time.Duration
	block    *session.Block
	static   []byte // the whole head when nothing but the IDs changes
	stampAt  int
	schema   *schema
	method   protoreflect.MethodDescriptor
	messages []*message
	repeat   int
	interval time.Duration
	body     []byte // all messages, when they are the same for every call and sent without a pause
	codes    codeSet
	keep     int
}

// total is how many messages a call sends.
func (p *prepared) total() int { return p.repeat * len(p.messages) }

// paced reports whether messages are sent one by one.
func (p *prepared) paced() bool { return p.interval > 0 && p.total() > 1 }

// Prepare checks a call and returns its handle. For the method's types it reads a file or asks the target, for ten
// seconds at most.
func (p *Protocol) Prepare(s protocol.Step, c *Call) (int, error) {
	made, err := p.prepare(&s, c)
	if err != nil {
		return 0, fmt.Errorf("prepare call %q: %w", s.Name, err)
	}
	p.calls = append(p.calls, made)
	return len(p.calls) - 1, nil
}

func (p *Protocol) prepare(s *protocol.Step, c *Call) (*prepared, error) {
	if err := c.err(); err != nil {
		return nil, err
	}
	if s.Timeout <= 0 {
		return nil, errors.New("it has no timeout")
	}
	made := &prepared{timeout: s.Timeout, repeat: max(c.Repeat, 1), interval: c.Interval, keep: max(s.Keep, 0)}
	var err error
	if made.codes, err = parseCodes(c.Codes); err != nil {
		return nil, err
	}
	if made.schema, made.method, err = p.describe(c); err != nil {
		return nil, err
	}
	if err := made.compile(s, c); err != nil {
		return nil, err
	}
	fields, err := p.fields(s, made.method)
	if err != nil {
		return nil, err
	}
	if made.block, err = session.NewBlock(fields, s.Names, nil); err != nil {
		return nil, err
	}
	if made.block.Static() {
		made.static, made.stampAt, _, err = made.block.Append(nil, nil, &template.Values{})
	}
	return made, err
}

// compile makes the messages.
func (p *prepared) compile(s *protocol.Step, c *Call) error {
	texts := c.Messages
	if len(texts) == 0 {
		texts = []string{c.Message}
	}
	if !p.method.IsStreamingClient() && (len(texts) > 1 || p.repeat > 1 || p.interval > 0) {
		return fmt.Errorf("%s takes one message: messages, repeat and interval are for methods that take a stream", p.method.FullName())
	}
	static, size := true, 0
	for i, text := range texts {
		m, err := newMessage(text, s.Names, p.schema, p.method.Input())
		if err != nil {
			return fmt.Errorf("message %d: %w", i+1, err)
		}
		static = static && m.static != nil
		size += len(m.static)
		p.messages = append(p.messages, m)
	}
	if !static || p.paced() {
		return nil
	}
	if size*p.repeat > maxBody {
		return fmt.Errorf("a call's messages are %d MiB together, at most %d are sent without an interval", size*p.repeat>>20, maxBody>>20)
	}
	p.body = make([]byte, 0, size*p.repeat)
	for range p.repeat {
		for _, m := range p.messages {
			p.body = append(p.body, m.static...)
		}
	}
	return nil
}

// fields are the head of a call in the order in which it is sent.
func (p *Protocol) fields(s *protocol.Step, m protoreflect.MethodDescriptor) ([]protocol.Header, error) {
	scheme, agent, authority := "http", "gameday", p.address.URL.Host
	if p.tls != nil {
		scheme = "https"
	}
	var metadata []protocol.Header
	for _, h := range s.Headers {
		if err := CheckMetadata(h.Name, h.Value); err != nil {
			return nil, err
		}
		switch name := strings.ToLower(h.Name); name {
		case "host":
			authority = h.Value
		case "user-agent":
			agent = h.Value
		default:
			metadata = append(metadata, protocol.Header{Name: name, Value: h.Value})
		}
	}
	return append([]protocol.Header{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: scheme}, {Name: ":authority", Value: authority},
		{Name: ":path", Value: "/" + string(m.Parent().FullName()) + "/" + string(m.Name())},
		{Name: "te", Value: "trailers"}, {Name: "content-type", Value: "application/grpc"},
		{Name: "user-agent", Value: agent}, {Name: "grpc-timeout", Value: grpcTimeout(s.Timeout)},
	}, metadata...), nil
}

// CheckMetadata says why a header of a plan cannot be sent as metadata, or nil. Its errors never hold the value.
func CheckMetadata(name, value string) error {
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, "grpc-") || lower == "content-type" {
		return fmt.Errorf("header %s cannot be set: gRPC decides it itself", name)
	}
	return http2.CheckHeader(name, value)
}

// grpcTimeout is a deadline as gRPC's HTTP/2 mapping has it: at most eight digits and a unit.
func grpcTimeout(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Nanosecond, "n"}, {time.Microsecond, "u"}, {time.Millisecond, "m"}, {time.Second, "S"}} {
		if n := (d + u.unit - 1) / u.unit; n < 1e8 {
			return strconv.FormatInt(int64(n), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(d/time.Hour), 10) + "H"
}

// NewClient makes the client of one worker. It connects with the first call of those who share its connection. All
// clients must be given the same epoch.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	return &client{proto: p, stream: p.pool.NewStream(ctx, epoch), stamped: make([][]byte, len(p.calls))}
}
