// Package web is the load engine's full HTTP client: net/http's, with redirects, proxies, compression, signed requests
// and limits. It serves what the faster clients (engine/load/http1, engine/load/http2) cannot express, measures the same
// as they do, and takes several times as much of the machine for each request.
//
// The package also has the section `http` of a plan, whose authentication, certificates and connection policy all
// clients share.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"gameday/engine/load/http1"
	"gameday/engine/load/http2"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// Protocol is the requests of one plan against one target.
type Protocol struct {
	base       *url.URL
	transports *Transports
	life       protocol.Lifetime
	two        bool
	follows    bool // a request follows redirects
	reqs       []*prepared
}

// New prepares for a target such as "https://shop.example/base". two is for HTTP/2, over cleartext with prior knowledge.
// Of the section, which may be nil, everything counts that is about connections; the rest is given with each request.
func New(target string, o protocol.Options, two bool, c *Config) (*Protocol, error) {
	// The fast client knows what a target must be.
	if _, err := http1.New(target, o); err != nil {
		return nil, err
	}
	base, err := url.Parse(strings.TrimRight(target, "/"))
	if err != nil {
		return nil, errors.New("the target's address cannot be read")
	}
	p := &Protocol{base: base, life: o.Lifetime, two: two}
	p.transports, err = NewTransports(o.TLS, c)
	return p, err
}

// Transports makes net/http's transports for one section of a plan.
type Transports struct {
	config *Config
	tls    *tls.Config
	proxy  *url.URL
}

// NewTransports prepares them; both may be nil.
func NewTransports(config *tls.Config, c *Config) (*Transports, error) {
	if err := c.Err(); err != nil {
		return nil, err
	}
	c = c.Over(nil)
	t := &Transports{config: c, tls: &tls.Config{MinVersion: tls.VersionTLS12}}
	if config != nil {
		t.tls = config.Clone()
	}
	t.tls.NextProtos = nil // net/http says which
	if c.Proxy != nil {
		var err error
		if t.proxy, err = c.Proxy.full(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// prepared is one request, made before the run.
type prepared struct {
	method    string
	host      string
	timeout   time.Duration
	path      *template.Template
	headers   []header
	body      *template.Template
	fixedURL  *url.URL // when it is the same for every request
	fixedBody []byte
	hasBody   bool
	cookies   bool
	keep      int
	redirects int
	unpack    bool
	maxBody   int64
	user      *template.Template // of basic authentication that differs from request to request
	password  *template.Template
	sign      *signer
}

type header struct {
	name  string
	text  *template.Template
	fixed []string // when it is the same for every request
}

// Prepare checks a request and returns the handle that Call.Request names it by. Of the section everything counts that
// is not about connections; it may be nil.
func (p *Protocol) Prepare(req protocol.Request, c *Config) (int, error) {
	made, err := p.prepare(&req, c.Over(nil))
	if err != nil {
		return 0, fmt.Errorf("prepare request %q: %w", req.Name, err)
	}
	p.follows = p.follows || made.redirects > 0
	p.reqs = append(p.reqs, made)
	return len(p.reqs) - 1, nil
}

func (p *Protocol) prepare(req *protocol.Request, c *Config) (*prepared, error) {
	if err := http1.CheckPath(req.Path, req.Names); err != nil {
		return nil, err
	}
	if req.Timeout <= 0 {
		return nil, errors.New("it has no timeout")
	}
	made := &prepared{
		method: req.Method, timeout: req.Timeout, cookies: req.Cookies, keep: max(req.Keep, 0), redirects: c.redirects(),
		unpack: c.compressed(), maxBody: c.MaxBody,
	}
	switch req.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
	case "PUT", "DELETE", "POST", "PATCH":
		made.hasBody = true
	default:
		return nil, fmt.Errorf("method %q is not supported: use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or TRACE", req.Method)
	}
	made.hasBody = made.hasBody || req.Body != ""
	var err error
	if made.path, err = template.Compile(req.Path, req.Names); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if made.path.Static() {
		if made.fixedURL, err = p.address(req.Path); err != nil {
			return nil, err
		}
	}
	if made.body, err = template.Compile(req.Body, req.Names); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if made.body.Static() {
		made.fixedBody = made.body.Append(nil, &template.Values{})
	}
	if err := p.head(made, req); err != nil {
		return nil, err
	}
	return made, made.authenticate(c.Auth, req.Names)
}

// address is a request's whole address. Its error does not hold it: a variable in it may be a secret.
func (p *Protocol) address(path string) (*url.URL, error) {
	u, err := url.Parse(p.base.String() + path)
	if err != nil || u.Host != p.base.Host {
		return nil, errPath
	}
	return u, nil
}

var errPath = errors.New("the path makes no address: a % in it must be followed by two hexadecimal digits")

// head prepares the headers.
func (p *Protocol) head(made *prepared, req *protocol.Request) error {
	check := http1.CheckHeader
	if p.two {
		check = http2.CheckHeader
	}
	given := map[string]bool{}
	for _, h := range req.Headers {
		if err := check(h.Name, h.Value); err != nil {
			return err
		}
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		if name == "Host" {
			made.host = h.Value
			continue
		}
		text, err := template.Compile(h.Value, req.Names)
		if err != nil {
			return fmt.Errorf("headers: %w", err)
		}
		made.add(name, text)
		given[name] = true
	}
	if !given["User-Agent"] {
		made.headers = append(made.headers, header{name: "User-Agent", fixed: []string{"gameday"}})
	}
	if made.unpack && !given["Accept-Encoding"] {
		made.headers = append(made.headers, header{name: "Accept-Encoding", fixed: []string{"gzip, zstd"}})
	}
	return nil
}

func (p *prepared) add(name string, text *template.Template) {
	h := header{name: name, text: text}
	if text.Static() {
		h.fixed = []string{string(text.Append(nil, &template.Values{}))}
	}
	p.headers = append(p.headers, h)
}

// authenticate prepares what only this client can send. A header of the plan goes before it.
func (p *prepared) authenticate(a *Auth, names template.Names) (err error) {
	for _, h := range p.headers {
		if h.name == "Authorization" {
			return nil
		}
	}
	switch {
	case a == nil:
	case a.SigV4 != nil:
		p.sign = newSigner(a.SigV4)
	case a.variable():
		if p.user, err = template.Compile(a.Basic.User, names); err == nil {
			p.password, err = template.Compile(a.Basic.Password, names)
		}
	}
	return err
}

// Extras names the figure of redirects, if there can be any.
func (p *Protocol) Extras() []protocol.Extra {
	if !p.follows {
		return nil
	}
	return []protocol.Extra{{Name: "redirects"}}
}

// NewClient makes the client of one worker. It connects with its first request.
func (p *Protocol) NewClient(ctx context.Context, epoch time.Time) protocol.Client {
	c := &client{proto: p, ctx: ctx, epoch: epoch}
	c.transport = p.transports.transport(p.two, p.life == protocol.OneRequest, &c.conns)
	c.http = http.Client{Transport: c, CheckRedirect: checkRedirect}
	c.release = context.AfterFunc(ctx, c.conns.close)
	return c
}
