package web

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// Config is a plan's section `http`: how HTTP is spoken beyond a method, a path, headers and a body. A scenario and a step
// may have one of their own, whose fields go before those of the plan's.
type Config struct {
	Redirects      *int              `yaml:"redirects" doc:"Most redirects that are followed for one request, all of them part of it. Default 0: a redirect is the answer."`
	Proxy          *Proxy            `yaml:"proxy" doc:"Requests go through a proxy. Without it they never do, whatever the environment says."`
	Compression    *bool             `yaml:"compression" doc:"Compressed answers (gzip, zstd) are asked for, and unpacked for checks and extraction."`
	Auth           *Auth             `yaml:"auth" doc:"How requests say who they are from. An Authorization header of the plan goes before it."`
	TLS            *TLS              `yaml:"tls" doc:"Certificates and versions, of all protocols that are spoken over TLS."`
	Connections    string            `yaml:"connections" enum:"keep,iteration,request" doc:"For how long a user keeps a connection: as long as the target does, for an iteration, or for one request. Default keep."`
	Resolve        map[string]string `yaml:"resolve" doc:"Hosts and the addresses that are connected to instead: {shop.example: 10.0.0.7} or {\"shop.example:443\": \"10.0.0.7:8443\"}."`
	MaxBody        int64             `yaml:"maxBody" doc:"An answer with a longer body is a failure, and is not read on. In bytes, as they come. Default: no limit."`
	BytesPerSecond int64             `yaml:"bytesPerSecond" doc:"Most bytes a second that a connection sends, and that it receives, as over a slow line. Default: no limit."`
}

// Proxy is an HTTP proxy (CONNECT for https) or a SOCKS5 proxy.
type Proxy struct {
	URL      string `yaml:"url,required" doc:"http://host:port, https://host:port or socks5://host:port."`
	User     string `yaml:"user" doc:"Who asks."`
	Password string `yaml:"password" doc:"Best given as ${env:NAME}."`
}

// The values of Config.Connections.
const (
	keepConnections = "keep"
	perIteration    = "iteration"
	perRequest      = "request"
)

// Bounds of a plan.
const (
	mostRedirects = 100
	mostRate      = 1 << 40
)

// Validate reports what is wrong with the section, as far as it can be said before ${variables} are filled in.
func (c *Config) Validate(report func(path, format string, args ...any)) {
	if c == nil {
		return
	}
	if n := c.Redirects; n != nil && (*n < 0 || *n > mostRedirects) {
		report("redirects", "%d is not from 0 to %d", *n, mostRedirects)
	}
	if c.MaxBody < 0 {
		report("maxBody", "%d is not a number of bytes", c.MaxBody)
	}
	if c.BytesPerSecond < 0 || c.BytesPerSecond > mostRate {
		report("bytesPerSecond", "%d is not from 0 to %d", c.BytesPerSecond, int64(mostRate))
	}
	for host, address := range c.Resolve {
		if strings.Contains(host+address, "${") {
			continue
		}
		if _, _, err := split(address); err != nil || address == "" {
			report(fmt.Sprintf("resolve[%q]", host), "is not an address such as 10.0.0.7 or 10.0.0.7:8443")
		}
	}
	if c.Proxy != nil {
		if _, err := c.Proxy.address(); err != nil && !strings.Contains(c.Proxy.URL, "${") {
			report("proxy.url", "%v", err)
		}
		if len(c.Resolve) > 0 {
			report("resolve", "has no effect behind a proxy, which looks names up itself")
		}
	}
	within := func(name string) func(path, format string, args ...any) {
		return func(path, format string, args ...any) {
			report(strings.TrimSuffix(name+"."+path, "."), format, args...)
		}
	}
	if c.Auth != nil {
		c.Auth.validate(within("auth"))
	}
	if c.TLS != nil {
		c.TLS.validate(within("tls"))
	}
}

// Err is the first of the things that Validate reports.
func (c *Config) Err() (err error) {
	c.Validate(func(path, format string, args ...any) {
		if err == nil {
			err = fmt.Errorf("http."+path+": "+format, args...)
		}
	})
	return err
}

// address is the proxy's, without who asks: its errors never hold a password.
func (p *Proxy) address() (*url.URL, error) {
	u, err := url.Parse(p.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("is not an address such as http://proxy:3128")
	case u.User != nil:
		return nil, fmt.Errorf("holds a user or a password: give user and password beside it")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
		return nil, fmt.Errorf("must start with http://, https:// or socks5://")
	case u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return nil, fmt.Errorf("must be a host and a port, such as http://proxy:3128")
	}
	return u, nil
}

// full is the proxy's address with who asks.
func (p *Proxy) full() (*url.URL, error) {
	u, err := p.address()
	if err != nil {
		return nil, fmt.Errorf("the proxy's url %w", err)
	}
	if p.User != "" || p.Password != "" {
		u.User = url.UserPassword(p.User, p.Password)
	}
	return u, nil
}

// Over is the section with what it leaves out taken from a wider one. Either may be nil.
func (c *Config) Over(wider *Config) *Config {
	if c == nil {
		c = &Config{}
	}
	if wider == nil {
		wider = &Config{}
	}
	out := *c
	if out.Redirects == nil {
		out.Redirects = wider.Redirects
	}
	if out.Proxy == nil {
		out.Proxy = wider.Proxy
	}
	if out.Compression == nil {
		out.Compression = wider.Compression
	}
	if out.Auth == nil {
		out.Auth = wider.Auth
	}
	if out.TLS == nil {
		out.TLS = wider.TLS
	}
	if out.Connections == "" {
		out.Connections = wider.Connections
	}
	if out.Resolve == nil {
		out.Resolve = wider.Resolve
	}
	if out.MaxBody == 0 {
		out.MaxBody = wider.MaxBody
	}
	if out.BytesPerSecond == 0 {
		out.BytesPerSecond = wider.BytesPerSecond
	}
	return &out
}

// Expand is the section with every ${name} filled in and every file found by beside. Its errors hold no values.
func (c *Config) Expand(lookup func(string) (string, bool), beside func(string) string) (out *Config, err error) {
	out = c.Over(nil)
	if out.Auth, err = c.Auth.Expand(lookup, beside); err != nil {
		return nil, err
	}
	if out.TLS, err = c.TLS.Expand(lookup, beside); err != nil {
		return nil, err
	}
	if c.Proxy != nil {
		own := *c.Proxy
		for _, text := range []*string{&own.URL, &own.User, &own.Password} {
			if *text, err = template.Expand(*text, lookup); err != nil {
				return nil, fmt.Errorf("http.proxy: %w", err)
			}
		}
		out.Proxy = &own
	}
	if len(c.Resolve) > 0 {
		out.Resolve = make(map[string]string, len(c.Resolve))
		for host, address := range c.Resolve {
			if host, err = template.Expand(host, lookup); err == nil {
				address, err = template.Expand(address, lookup)
			}
			if err != nil {
				return nil, fmt.Errorf("http.resolve: %w", err)
			}
			out.Resolve[host] = address
		}
	}
	return out, out.Err()
}

// Line tells the sections apart whose requests cannot share connections. It may hold secrets: it is for comparing only.
func (c *Config) Line() string {
	text := fmt.Sprint(c.Lifetime(), c.BytesPerSecond, c.Resolve)
	if c.TLS != nil {
		text += fmt.Sprintf(" %#v", *c.TLS)
	}
	if c.Proxy != nil {
		text += fmt.Sprintf(" %#v", *c.Proxy)
	}
	return text
}

// Beside lists what the section holds that is not of a kind: for protocols other than HTTP, which look at little of it.
func (c *Config) Beside(kinds ...string) (names []string) {
	if c == nil {
		return nil
	}
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"redirects", c.Redirects != nil}, {"proxy", c.Proxy != nil}, {"compression", c.Compression != nil}, {"auth", c.Auth != nil},
		{"tls", c.TLS != nil},
		{"connections", c.Connections != ""}, {"resolve", c.Resolve != nil}, {"maxBody", c.MaxBody != 0},
		{"bytesPerSecond", c.BytesPerSecond != 0},
	} {
		if f.given && !slices.Contains(kinds, f.name) {
			names = append(names, f.name)
		}
	}
	return names
}

// Reasons lists what only this package's client can do of what the section asks for. Where there is nothing, the faster
// clients serve.
func (c *Config) Reasons(two bool) (why []string) {
	add := func(given bool, text string) {
		if given {
			why = append(why, text)
		}
	}
	add(c.redirects() > 0, "redirects are followed")
	add(c.Proxy != nil, "requests go through a proxy")
	add(c.compressed(), "compressed answers are asked for")
	add(c.Auth != nil && c.Auth.SigV4 != nil, "requests are signed")
	add(c.Auth.variable(), "the user or the password is a variable")
	add(c.MaxBody > 0, "long answers are broken off")
	add(c.BytesPerSecond > 0, "the bytes per second are limited")
	add(two && c.Lifetime() != protocol.Kept, "HTTP/2's connections are not kept")
	return why
}

func (c *Config) redirects() int {
	if c.Redirects == nil {
		return 0
	}
	return *c.Redirects
}

func (c *Config) compressed() bool { return c.Compression != nil && *c.Compression }

// Lifetime is for how long a user keeps a connection.
func (c *Config) Lifetime() protocol.Lifetime {
	switch c.Connections {
	case perIteration:
		return protocol.OneIteration
	case perRequest:
		return protocol.OneRequest
	}
	return protocol.Kept
}

// Dial is the "host:port" that is connected to instead of one; "" is that itself.
func (c *Config) Dial(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	to, ok := c.Resolve[address]
	if !ok {
		if to, ok = c.Resolve[host]; !ok {
			return ""
		}
	}
	instead, own, err := split(to)
	if err != nil {
		return ""
	}
	if own == "" {
		own = port
	}
	return net.JoinHostPort(instead, own)
}

// split takes an address apart that may have a port.
func split(address string) (host, port string, err error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	if _, err := netip.ParseAddr(bare); err == nil || !strings.Contains(address, ":") {
		return bare, "", nil
	}
	return net.SplitHostPort(address)
}
