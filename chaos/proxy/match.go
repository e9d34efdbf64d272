package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Match says which requests an effect acts on: those that meet all that is given.
type Match struct {
	Method string  // "": all
	Path   string  // * stands for any text; for gRPC /package.Service/Method
	Regexp string  // of the path, in Go's syntax; found anywhere in it unless it has ^ and $
	Header string  // "Name: value" with * for any text, or "Name": it is there
	Host   string  // the host name that is asked for, without its port; * stands for any text
	Share  float64 // of those that match, 0..1; 0 means all
	Seed   uint64  // of the choice
}

func (m Match) match() Match { return m }

func (m Match) regexp() (*regexp.Regexp, error) {
	if m.Regexp == "" {
		return nil, nil
	}
	return regexp.Compile(m.Regexp)
}

func (m Match) check(l *Link) error {
	name, _, _ := strings.Cut(m.Header, ":")
	switch _, err := m.regexp(); {
	case l.proto == "tcp" || l.proto == "udp":
		return fmt.Errorf("it carries plain %s, in which requests are not known; use a network fault", strings.ToUpper(l.proto))
	case err != nil:
		return fmt.Errorf("pathRegex: %w", err)
	case m.Header != "" && !isToken(strings.TrimSpace(name)):
		return fmt.Errorf("header: %q does not begin with the name of a header; write \"Name: value\" or \"Name\"", m.Header)
	case !(m.Share >= 0 && m.Share <= 1):
		return fmt.Errorf("share: %v is not between 0 and 1", m.Share)
	}
	return nil
}

// requestEffect is an effect on requests.
type requestEffect interface {
	Effect
	match() Match
}

// Failure answers requests of an http, grpc or forward link with an error, without asking the upstream.
type Failure struct {
	Status int // http: the status to answer
	Code   int // grpc: the code to answer
	Match
}

func (f Failure) check(l *Link) error {
	switch {
	case l.proto == "grpc" && (f.Code < 1 || f.Code > 16):
		return fmt.Errorf("code: %d is not a gRPC error code", f.Code)
	case (l.proto == "http" || l.proto == "forward") && (f.Status < 200 || f.Status > 599):
		return fmt.Errorf("status: %d is not a status", f.Status)
	}
	return f.Match.check(l)
}

// Delay makes requests wait before they are passed on, or answered by another effect.
type Delay struct {
	Delay        time.Duration
	Jitter       time.Duration
	Distribution Distribution // "": Uniform
	Match
}

func (f Delay) check(l *Link) error {
	if err := (Latency{Delay: f.Delay, Jitter: f.Jitter, Distribution: f.Distribution}).check(l); err != nil {
		return err
	}
	return f.Match.check(l)
}

// Abort cuts the connection on which a request comes (grpc: resets its stream), without an answer. A tunnel of a forward
// link is not opened, and those to the host that are open are cut when the effect begins, if it acts on all.
type Abort struct{ Match }

func (f Abort) check(l *Link) error { return f.Match.check(l) }

// RateLimit answers requests that are too many with 429 (grpc: RESOURCE_EXHAUSTED), without asking the upstream. After a
// pause as many may pass at once as pass in a second.
type RateLimit struct {
	PerSecond float64
	Match
}

func (f RateLimit) check(l *Link) error {
	if !(f.PerSecond > 0 && f.PerSecond <= 1e9) {
		return fmt.Errorf("rate: %v requests per second is not above 0 and at most 10^9", f.PerSecond)
	}
	return f.Match.check(l)
}

// Header changes the headers of requests, before they are passed on, or of the upstream's answers.
type Header struct {
	On     Direction // Request or Response; "": Response
	Name   string    // the header that is set; "": none
	Value  string
	Remove string // the header that is removed; "": none
	Match
}

// framing headers say where messages begin and end, which the proxy sees to.
var framing = []string{"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func (f Header) check(l *Link) error {
	switch {
	case f.On != "" && f.On != Request && f.On != Response:
		return fmt.Errorf("on: %q is not one of request, response", f.On)
	case f.Name == "" && f.Remove == "":
		return errors.New("set: nothing is set and nothing is removed")
	case f.Name != "" && !isToken(f.Name):
		return fmt.Errorf("set: %q is not the name of a header", f.Name)
	case f.Remove != "" && !isToken(f.Remove):
		return fmt.Errorf("remove: %q is not the name of a header", f.Remove)
	case strings.ContainsFunc(f.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return fmt.Errorf("set: the value of %s has a control character in it", f.Name)
	}
	for field, name := range map[string]string{"set": f.Name, "remove": f.Remove} {
		if slices.Contains(framing, http.CanonicalHeaderKey(name)) {
			return fmt.Errorf("%s: %s says where a message begins or ends; changing it would break the connection. Use network.corrupt for that", field, name)
		}
	}
	return f.Match.check(l)
}

func (f Header) apply(h http.Header) {
	if f.Remove != "" {
		h.Del(f.Remove)
	}
	if f.Name != "" {
		h.Set(f.Name, f.Value)
	}
}

// Body replaces the body of the upstream's answers. Status and headers stay, but for those that describe the body.
type Body struct {
	Text        string
	ContentType string // "": as it was
	Match
}

func (f Body) check(l *Link) error {
	switch {
	case l.proto == "grpc":
		return errors.New("body: it carries gRPC, whose messages have a type; answer with an error code instead")
	case strings.ContainsFunc(f.ContentType, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("contentType: it has a control character in it")
	}
	return f.Match.check(l)
}

// hits decides about one request.
func (r *Rule) hits(req *http.Request) bool {
	m := r.effect.(requestEffect).match()
	switch {
	case m.Method != "" && !strings.EqualFold(m.Method, req.Method),
		m.Path != "" && !glob(m.Path, req.URL.Path),
		r.path != nil && !r.path.MatchString(req.URL.Path),
		m.Host != "" && !glob(strings.ToLower(m.Host), host(req.Host)),
		m.Header != "" && !hasHeader(req.Header, m.Header):
		return false
	}
	return m.Share == 0 || m.Share == 1 || r.float() < m.Share
}

func hasHeader(h http.Header, want string) bool {
	name, value, given := strings.Cut(want, ":")
	got := h.Values(strings.TrimSpace(name))
	if !given {
		return len(got) > 0
	}
	return slices.ContainsFunc(got, func(v string) bool { return glob(strings.TrimSpace(value), v) })
}

// host is a host name in lower case, without port and brackets.
func host(hostport string) string {
	h, _, err := net.SplitHostPort(hostport)
	if err != nil {
		h = hostport
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(h, "[]"), "."))
}

// isToken reports whether s can be the name of a header (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r > '~' || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// glob matches text against a pattern in which * stands for any text.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := len(parts) - 1
	for _, p := range parts[1:last] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return len(text) >= len(parts[last]) && strings.HasSuffix(text, parts[last])
}
