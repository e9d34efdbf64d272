package http1

import (
	"bytes"
	"errors"
	"fmt"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// The stamp is the two lines that tell one request from the next. It stands at one offset in a prepared request, so that
// stamping is writing their values in place.
const (
	stampTrace  = "traceparent: "
	stampCorr   = "\r\nX-Correlation-ID: "
	correlateAt = protocol.TraceparentLength + len(stampCorr)
	stampLength = correlateAt + protocol.CorrelationLength
)

// prepared is one request, made before the run.
type prepared struct {
	isHead     bool
	idempotent bool
	timeout    time.Duration
	path, body *template.Template
	first      string             // method and space
	beforeID   string             // after the path: version, host, up to where traceparent's value goes
	headers    *template.Template // after the stamp: everything else, up to and including "Content-Length: "
	hasBody    bool
	variable   bool // the path or a header holds a variable, and that may hold anything
	lines      int  // of headers
	cookies    bool
	keep       int
	static     []byte // the whole request when nothing but the stamp changes
	staticAt   int    // where traceparent's value goes
}

// reserved are the headers the engine itself decides.
var reserved = map[string]string{
	"Content-Length":    "it is counted from the body",
	"Transfer-Encoding": "bodies are sent whole",
	"Connection":        "connections are kept",
	"Traceparent":       "every request gets its own",
	"X-Correlation-Id":  "every request gets its own: the trace ID",
	"Expect":            "100-continue is not supported",
	"Upgrade":           "upgrades are not supported",
}

// CheckHeader says why a header of a plan cannot be sent, or nil. Its errors never hold the value.
func CheckHeader(name, value string) error {
	if name == "" || strings.IndexFunc(name, func(c rune) bool { return c > 255 || !tokens[c] }) >= 0 {
		return fmt.Errorf("header name %q has a character that HTTP does not allow", name)
	}
	if why, ok := reserved[textproto.CanonicalMIMEHeaderKey(name)]; ok {
		return fmt.Errorf("header %s cannot be set: %s", name, why)
	}
	for _, c := range []byte(value) {
		if (c < ' ' && c != '\t') || c == 0x7f {
			return fmt.Errorf("header %s: its value holds a control character", name)
		}
	}
	return nil
}

// CheckPath says why a path of a plan cannot be sent, or nil. Its errors never hold the path: a variable in it may be
// a secret.
func CheckPath(path string, names template.Names) error {
	t, err := template.Compile(path, names)
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if !strings.HasPrefix(path, "/") {
		return errors.New("path must start with /")
	}
	t.Each(func(text string) {
		for _, c := range []byte(text) {
			if c <= ' ' || c >= 0x7f || c == '#' {
				err = fmt.Errorf("path: byte %q must be percent-encoded: %%%02X", c, c)
				return
			}
		}
	})
	return err
}

// prepare makes a request; closing asks the target to close the connection after its answer.
func prepare(req protocol.Request, host string, closing bool) (*prepared, error) {
	if err := CheckPath(req.Path, req.Names); err != nil {
		return nil, err
	}
	if req.Timeout <= 0 {
		return nil, fmt.Errorf("request %q has no timeout", req.Name)
	}
	p := &prepared{timeout: req.Timeout, first: req.Method + " ", cookies: req.Cookies, keep: max(req.Keep, 0)}
	var err error
	if p.path, err = template.Compile(req.Path, req.Names); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if p.body, err = template.Compile(req.Body, req.Names); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	switch req.Method {
	case "GET", "OPTIONS", "TRACE":
		p.idempotent = true
	case "HEAD":
		p.idempotent, p.isHead = true, true
	case "PUT", "DELETE":
		p.idempotent, p.hasBody = true, true
	case "POST", "PATCH":
		p.hasBody = true
	default:
		return nil, fmt.Errorf("method %q is not supported: use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or TRACE", req.Method)
	}
	p.hasBody = p.hasBody || req.Body != ""
	var lines strings.Builder
	agent := false
	for _, h := range req.Headers {
		if err := CheckHeader(h.Name, h.Value); err != nil {
			return nil, err
		}
		switch textproto.CanonicalMIMEHeaderKey(h.Name) {
		case "Host":
			host = h.Value
			continue
		case "User-Agent":
			agent = true
		}
		lines.WriteString(h.Name + ": " + h.Value + "\r\n")
		p.lines++
	}
	if !agent {
		lines.WriteString("User-Agent: gameday\r\n")
		p.lines++
	}
	if closing {
		lines.WriteString("Connection: close\r\n")
		p.lines++
	}
	if p.hasBody {
		lines.WriteString("Content-Length: ")
	}
	if p.headers, err = template.Compile(lines.String(), req.Names); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	p.variable = len(p.headers.Needs(p.path.Needs(nil))) > 0
	p.beforeID = " HTTP/1.1\r\nHost: " + host + "\r\n" + stampTrace
	if !p.cookies && p.path.Static() && p.body.Static() && p.headers.Static() {
		var err error
		if p.static, p.staticAt, _, err = p.render(nil, nil, &protocol.Call{}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// render writes the whole request into dst, and the body into scratch on the way, because its length goes first. It
// returns where traceparent's value goes, which stamp writes anew. It fails when a variable would break out of its line.
func (p *prepared) render(dst, scratch []byte, call *protocol.Call) (wire []byte, at int, body []byte, err error) {
	dst = append(dst, p.first...)
	pathAt := len(dst)
	dst = p.path.Append(dst, &call.Values)
	if p.variable {
		for _, c := range dst[pathAt:] {
			if c <= ' ' || c >= 0x7f {
				return dst, 0, scratch, errPathVariable
			}
		}
	}
	dst = append(dst, p.beforeID...)
	at = len(dst)
	dst = call.AppendCorrelationID(append(call.AppendTraceparent(dst), stampCorr...))
	dst = append(dst, "\r\n"...)
	if p.cookies && len(call.Cookie) > 0 {
		dst = append(append(append(dst, "Cookie: "...), call.Cookie...), "\r\n"...)
	}
	linesAt := len(dst)
	dst = p.headers.Append(dst, &call.Values)
	if p.variable && bytes.Count(dst[linesAt:], newline) != p.lines {
		return dst, 0, scratch, errHeaderVariable
	}
	if !p.hasBody {
		return append(dst, "\r\n"...), at, scratch, nil
	}
	body = p.body.Append(scratch, &call.Values)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...), at, body, nil
}

var (
	newline           = []byte{'\n'}
	errPathVariable   = errors.New("a variable puts a byte into the path that must be percent-encoded: write {{url name}}")
	errHeaderVariable = errors.New("a variable puts a line break into a header")
)

// stamp writes the call's IDs into a request whose first value of them goes at the start of s.
func stamp(s []byte, call *protocol.Call) {
	s = s[:stampLength]
	call.AppendTraceparent(s[:0])
	call.AppendCorrelationID(s[correlateAt:correlateAt])
}
