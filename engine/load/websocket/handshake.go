package websocket

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it, and nothing is kept secret by it
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

// mostHead is how long the head of an answer to a handshake may be, in bytes.
const mostHead = 64 << 10

// place is where a connection leads: what its handshake says. Steps that say the same share it.
type place struct {
	text         string // all of it, to compare by
	path         *template.Template
	host         *template.Template
	names        []string
	values       []*template.Template
	subprotocols []string
}

// newPlace prepares a handshake. Of two headers with the same name the later one counts.
func newPlace(prefix, host string, s protocol.Step, c *Talk) (*place, error) {
	path := prefix + c.Path
	if path == "" {
		path = "/"
	}
	if err := checkPath(path, s.Names); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	headers := map[string]protocol.Header{"User-Agent": {Name: "User-Agent", Value: "gameday"}}
	put := func(h protocol.Header) { headers[textproto.CanonicalMIMEHeaderKey(h.Name)] = h }
	for _, h := range s.Headers {
		put(h)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		put(protocol.Header{Name: name, Value: c.Headers[name]})
	}
	p := &place{subprotocols: c.Subprotocols}
	var err error
	if p.path, err = template.Compile(path, s.Names); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if h, ok := headers["Host"]; ok {
		host = h.Value
		delete(headers, "Host")
	}
	if p.host, err = template.Compile(host, s.Names); err != nil {
		return nil, fmt.Errorf("header Host: %w", err)
	}
	p.text = fmt.Sprintf("%q %q %q", path, host, c.Subprotocols)
	for _, key := range slices.Sorted(maps.Keys(headers)) {
		h := headers[key]
		if err := checkHeader(h, s.Names); err != nil {
			return nil, err
		}
		value, err := template.Compile(h.Value, s.Names)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", h.Name, err)
		}
		p.names, p.values = append(p.names, h.Name), append(p.values, value)
		p.text += fmt.Sprintf(" %q %q", key, h.Value)
	}
	return p, nil
}

// request makes the bytes of a handshake.
func (p *place) request(dst []byte, key string, call *protocol.Call) ([]byte, error) {
	dst = append(dst, "GET "...)
	from := len(dst)
	if dst = p.path.Append(dst, &call.Values); !validPath(dst[from:]) {
		return nil, fmt.Errorf("the path, as filled in, holds a byte that must be percent-encoded")
	}
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	from = len(dst)
	if dst = p.host.Append(dst, &call.Values); !httpguts.ValidHostHeader(string(dst[from:])) {
		return nil, fmt.Errorf("header Host, as filled in, is no host")
	}
	dst = append(dst, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+key+"\r\n"...)
	if len(p.subprotocols) > 0 {
		dst = append(dst, "Sec-WebSocket-Protocol: "+strings.Join(p.subprotocols, ", ")+"\r\n"...)
	}
	dst = call.AppendTraceparent(append(dst, "traceparent: "...))
	dst = call.AppendCorrelationID(append(dst, "\r\nX-Correlation-ID: "...))
	dst = append(dst, "\r\n"...)
	for i, name := range p.names {
		dst = append(dst, name+": "...)
		from := len(dst)
		if dst = p.values[i].Append(dst, &call.Values); !httpguts.ValidHeaderFieldValue(string(dst[from:])) {
			return nil, fmt.Errorf("header %s, as filled in, holds a control character", name)
		}
		dst = append(dst, "\r\n"...)
	}
	return append(dst, "\r\n"...), nil
}

// newKey makes the key of one handshake: 16 random bytes.
func newKey(call *protocol.Call) string {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:], call.Fresh.Uint64())
	binary.LittleEndian.PutUint64(raw[8:], call.Fresh.Uint64())
	return base64.StdEncoding.EncodeToString(raw[:])
}

// accept is the answer to a key: RFC 6455, 4.2.2.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// statusError is a server that answered a handshake otherwise.
type statusError struct{ status int }

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answered the handshake with status %d, not 101", e.status)
}

// kind is the kind of failure that it is.
func (e *statusError) kind() protocol.Kind {
	switch e.status / 100 {
	case 4:
		return protocol.Status4xx
	case 5:
		return protocol.Status5xx
	}
	return protocol.BadResponse
}

// shake makes the handshake on a fresh connection.
func (c *Client) shake(p *place, call *protocol.Call, out *protocol.Outcome) error {
	key := newKey(call)
	request, err := p.request(nil, key, call)
	if err != nil {
		return &unsendableError{err}
	}
	start := c.link.Now()
	if _, err := c.link.Write(request); err != nil {
		return err
	}
	written := c.link.Now()
	first := time.Duration(-1)
	end := -1
	for end < 0 {
		if err := c.link.Fill(mostHead); err != nil {
			return err
		}
		if first < 0 {
			first = c.link.Now()
		}
		end = bytes.Index(c.link.In(), []byte("\r\n\r\n"))
	}
	head := c.link.In()[:end+4]
	out.Phases.Write, out.Phases.Wait, out.Phases.Read = written-start, first-written, c.link.Now()-first
	if out.Status, err = checkAnswer(head, key, p.subprotocols); err != nil {
		return err
	}
	if c.keepHead > 0 {
		lines := head[bytes.IndexByte(head, '\n')+1:] // without the status line
		c.head = append(c.head[:0], lines[:min(len(lines), c.keepHead)]...)
		out.Head = c.head
	}
	c.link.Consume(end + 4)
	return nil
}

// checkAnswer reads the head of the answer to a handshake: RFC 6455, 4.1.
func checkAnswer(head []byte, key string, subprotocols []string) (status int, err error) {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), &http.Request{Method: http.MethodGet})
	if err != nil { // its text may quote the answer
		return 0, dial.Malformed("the answer to the handshake is not HTTP")
	}
	_, _ = io.Copy(io.Discard, res.Body) // nothing follows the head here
	_ = res.Body.Close()
	chosen := res.Header.Get("Sec-WebSocket-Protocol")
	switch {
	case res.StatusCode != http.StatusSwitchingProtocols:
		return res.StatusCode, &statusError{res.StatusCode}
	case !httpguts.HeaderValuesContainsToken(res.Header["Upgrade"], "websocket"), !httpguts.HeaderValuesContainsToken(res.Header["Connection"], "upgrade"):
		return res.StatusCode, dial.Malformed("the server switched to something else than WebSocket")
	case res.Header.Get("Sec-WebSocket-Accept") != accept(key):
		return res.StatusCode, dial.Malformed("the server did not answer the key of the handshake")
	case res.Header.Get("Sec-WebSocket-Extensions") != "":
		return res.StatusCode, dial.Malformed("the server makes use of an extension that was not offered")
	case chosen != "" && !slices.Contains(subprotocols, chosen):
		return res.StatusCode, dial.Malformed("the server chose a subprotocol that was not offered")
	}
	return res.StatusCode, nil
}
