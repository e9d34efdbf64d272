package proxy

import (
	"bytes"
	"encoding/binary"
	"net"
	"time"
)

const (
	quietTime = 5 * time.Millisecond // a response way that says nothing for so long is between two frames
	moveTime  = 3 * time.Second      // for the requests on a gRPC connection to finish once it was told to go
)

// mover leads a live connection to another upstream, when a fault begins or ceases to need an understanding of requests.
// No request is hurt by it. An HTTP/1.1 connection changes its upstream between two requests: when a request begins, the
// answer before it is complete. A gRPC connection is told with a GOAWAY frame to finish what it has and to open no more
// streams; its client connects anew for the rest.
type mover struct {
	c     *conn
	w     way
	since time.Time // when the connection first was seen to be in the wrong place
}

func (m *mover) grpc() bool { return m.w == response && m.c.link.proto == "grpc" }

// deadline sets how long the next read may wait; it has to be set before the plan is read.
func (m *mover) deadline(src *net.TCPConn) {
	var at time.Time
	if m.grpc() && m.c.moving(m.c.link.plan.Load()) {
		at = time.Now().Add(quietTime)
		if !m.c.goaway.IsZero() {
			at = time.Now().Add(100 * time.Millisecond)
		}
	}
	_ = src.SetReadDeadline(at) // fails only when closed; reading then says so
}

// before is called with bytes that came and were not passed on yet.
func (m *mover) before(p *plan, b []byte, ln *line) error {
	if m.w != request || m.c.link.proto != "http" || !m.c.moving(p) || !beginsRequest(b) {
		return nil
	}
	if err := ln.flush(false); err != nil {
		return err
	}
	server, aware, err := m.c.link.dial(m.c.n)
	if err != nil {
		m.c.link.failed.Add(1)
		return err
	}
	m.c.exchange(server, aware)
	return nil
}

// exchange gives the connection another upstream.
func (c *conn) exchange(server *net.TCPConn, aware bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		reset(server)
		return
	}
	_ = c.server.Close() // its answers are complete; the response way sees the exchange when its read fails
	c.server, c.inner = server, aware
}

// after is called with bytes that were passed on.
func (m *mover) after(p *plan, b []byte, ln *line) error {
	if !m.grpc() || !m.c.moving(p) {
		return nil
	}
	if len(b) < chunkSize && wholeFrames(b) {
		if err := m.tell(ln); err != nil {
			return err
		}
	}
	return m.overdue(p)
}

// overdue cuts a connection that goes on long after it was told to go: a stream that never ends would escape the fault.
func (m *mover) overdue(p *plan) error {
	if p.aware() && !m.c.goaway.IsZero() && time.Since(m.c.goaway) > moveTime {
		return errCut
	}
	return nil
}

// quiet is called when nothing came for a while.
func (m *mover) quiet(p *plan, ln *line) error {
	if !m.grpc() || !m.c.moving(p) {
		return nil
	}
	if m.since.IsZero() { // the read was interrupted rather than quiet: wait for one that is
		m.since = time.Now()
		return nil
	}
	if time.Since(m.since) < quietTime {
		return nil
	}
	if err := m.tell(ln); err != nil {
		return err
	}
	return m.overdue(p)
}

// goAway says: no error, every stream so far will be served, open no more on this connection.
var goAway = []byte{0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}

func (m *mover) tell(ln *line) error {
	if !m.c.goaway.IsZero() {
		return nil
	}
	m.c.goaway = time.Now()
	return ln.push(goAway, m.c.goaway, 0)
}

// wholeFrames reports whether b is HTTP/2 frames from its first to its last byte.
func wholeFrames(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 9 || b[3] > 9 || b[5]&0x80 != 0 {
			return false
		}
		n := 9 + int(binary.BigEndian.Uint32(b)>>8)
		if n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}

// beginsRequest reports whether b begins with the request line of HTTP/1.
func beginsRequest(b []byte) bool {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	method, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(method) == 0 || len(method) > 16 || !bytes.Contains(rest, []byte(" HTTP/1.")) {
		return false
	}
	for _, ch := range method {
		if ch < 'A' || ch > 'Z' {
			return false
		}
	}
	return true
}
