// Package http2 is the load engine's own HTTP/2 client: heads that are encoded once and stamped in place, and
// connections whose streams many workers share. Targets are h2c://host:port for cleartext with prior knowledge and
// h2://host:port for TLS with ALPN.
//
// It is no general client. It follows no redirects, keeps no cookies, decodes no compression and speaks through no proxy.
package http2

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load/dial"
	"gameday/engine/load/http1"
	"gameday/engine/load/http2/session"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// Sharing says how workers share connections.
type Sharing struct {
	Connections int `yaml:"connections" doc:"Connections that are opened; workers are spread over them. 0 opens one for every streams workers."`
	Streams     int `yaml:"streams" doc:"Requests that may be under way on one connection, 100 when not given. The target may allow fewer."`
}

// Most of what a plan may ask for.
const (
	maxConnections = 1 << 20
	maxStreams     = 1 << 16
)

// Validate reports what is wrong with it.
func (s *Sharing) Validate(report func(path, format string, args ...any)) {
	if s.Connections < 0 || s.Connections > maxConnections {
		report("connections", "%d is not from 0 to %d", s.Connections, maxConnections)
	}
	if s.Streams < 0 || s.Streams > maxStreams {
		report("streams", "%d is not from 0 to %d", s.Streams, maxStreams)
	}
}

// Err is the first of the things that Validate reports.
func (s *Sharing) Err() (err error) {
	s.Validate(func(path, format string, args ...any) {
		if err == nil {
			err = fmt.Errorf(path+": "+format, args...)
		}
	})
	return err
}

// Protocol is the requests of one plan against one target.
type Protocol struct {
	pool   *session.Pool
	scheme string
	host   string
	prefix string
	reqs   []*prepared
}

// New prepares for a target such as "h2c://127.0.0.1:8080/base". Nothing is connected yet.
func New(target string, o protocol.Options, sharing Sharing) (*Protocol, error) {
	address, err := dial.Parse(target, map[string]string{"h2c": "80", "h2": "443"})
	if err != nil {
		return nil, err
	}
	if address.URL.RawQuery != "" {
		return nil, fmt.Errorf("target %q must not have a query: it belongs to a step's path", address.URL.Redacted())
	}
	if err := sharing.Err(); err != nil {
		return nil, err
	}
	p := &Protocol{scheme: "http", host: address.URL.Host, prefix: strings.TrimRight(address.URL.EscapedPath(), "/")}
	var config *tls.Config
	if address.Scheme == "h2" {
		p.scheme = "https"
		config = address.TLS(o.TLS)
	}
	p.pool = session.NewPool(address, config, sharing.Connections, sharing.Streams)
	if o.Dial != "" {
		if err := p.pool.DialTo(o.Dial); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// prepared is one request, made before the run.
type prepared struct {
	timeout    time.Duration
	block      *session.Block
	static     []byte // the whole head when nothing but the IDs changes
	stampAt    int
	body       *template.Template
	staticBody []byte // when it is the same for every request
	hasBody    bool
	isHead     bool
	cookies    bool
	keep       int
}

// Prepare checks a request and returns its handle.
func (p *Protocol) Prepare(req protocol.Request) (int, error) {
	req.Path = p.prefix + req.Path
	made, err := p.prepare(&req)
	if err != nil {
		return 0, fmt.Errorf("prepare request %q: %w", req.Name, err)
	}
	p.reqs = append(p.reqs, made)
	return len(p.reqs) - 1, nil
}

func (p *Protocol) prepare(req *protocol.Request) (*prepared, error) {
	if err := http1.CheckPath(req.Path, req.Names); err != nil {
		return nil, err
	}
	if req.Timeout <= 0 {
		return nil, errors.New("it has no timeout")
	}
	made := &prepared{timeout: req.Timeout, cookies: req.Cookies, keep: max(req.Keep, 0)}
	switch req.Method {
	case "GET", "OPTIONS", "TRACE":
	case "HEAD":
		made.isHead = true
	case "PUT", "DELETE", "POST", "PATCH":
		made.hasBody = true
	default:
		return nil, fmt.Errorf("method %q is not supported: use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or TRACE", req.Method)
	}
	made.hasBody = made.hasBody || req.Body != ""
	var err error
	if made.body, err = template.Compile(req.Body, req.Names); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if made.body.Static() {
		made.staticBody = made.body.Append(nil, &template.Values{})
	}
	fields, err := p.fields(req)
	if err != nil {
		return nil, err
	}
	if made.hasBody && made.body.Static() {
		fields = append(fields, protocol.Header{Name: "content-length", Value: strconv.Itoa(len(made.staticBody))})
	}
	if made.block, err = session.NewBlock(fields, req.Names, checkPath); err != nil {
		return nil, err
	}
	if made.block.Static() && made.oneHead() {
		made.static, made.stampAt, _, err = made.block.Append(nil, nil, &template.Values{})
	}
	return made, err
}

// oneHead reports whether nothing is appended to the block.
func (p *prepared) oneHead() bool { return !p.cookies && (!p.hasBody || p.body.Static()) }

// fields are the head of a request in the order in which it is sent.
func (p *Protocol) fields(req *protocol.Request) ([]protocol.Header, error) {
	host, agent := p.host, false
	var list []protocol.Header
	for _, h := range req.Headers {
		if err := CheckHeader(h.Name, h.Value); err != nil {
			return nil, err
		}
		switch name := strings.ToLower(h.Name); name {
		case "host":
			host = h.Value
			continue
		case "user-agent":
			agent = true
			fallthrough
		default:
			list = append(list, protocol.Header{Name: name, Value: h.Value})
		}
	}
	if !agent {
		list = append(list, protocol.Header{Name: "user-agent", Value: "gameday"})
	}
	return append([]protocol.Header{
		{Name: ":method", Value: req.Method}, {Name: ":scheme", Value: p.scheme}, {Name: ":authority", Value: host},
		{Name: ":path", Value: req.Path},
	}, list...), nil
}

// connectionHeaders belong to HTTP/1.1's connections: RFC 9113, 8.2.2.
var connectionHeaders = map[string]bool{"Keep-Alive": true, "Proxy-Connection": true, "Te": true}

// CheckHeader says why a header of a plan cannot be sent, or nil. Its errors never hold the value.
func CheckHeader(name, value string) error {
	if connectionHeaders[textproto.CanonicalMIMEHeaderKey(name)] {
		return fmt.Errorf("header %s cannot be set: HTTP/2 has no such header", name)
	}
	return http1.CheckHeader(name, value)
}

var errPathVariable = errors.New("a variable puts a byte into the path that must be percent-encoded: write {{url name}}")

func checkPath(path []byte) error {
	for _, c := range path {
		if c <= ' ' || c >= 0x7f {
			return errPathVariable
		}
	}
	return nil
}

// NewClient makes the client of one worker. It connects with the first request of those who share its connection. All
// clients must be given the same epoch.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	return &client{proto: p, stream: p.pool.NewStream(ctx, epoch), stamped: make([][]byte, len(p.reqs))}
}
