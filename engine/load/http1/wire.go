package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"os"
	"syscall"
	"time"

	"gameday/engine/load/protocol"
)

// wire is one connection with a deadline that is cheap to move. Setting a deadline costs the runtime's timer a change for
// every request, so the one that is set is left standing while it is not later than the one wanted: when it fires early,
// the wanted one is set and the read goes on. Timeouts stay exact.
type wire struct {
	net.Conn
	raw   net.Conn // below TLS
	epoch time.Time
	armed time.Duration // the deadline that is set, since epoch
	due   time.Duration // the deadline of this request
	eager bool          // TLS: a write that times out early breaks the connection, so every deadline is set
}

// expect sets the deadline of the next request.
func (w *wire) expect(now, due time.Duration) error {
	w.due = due
	if w.eager || w.armed > due || w.armed <= now {
		return w.arm()
	}
	return nil
}

func (w *wire) arm() error {
	w.armed = w.due
	return w.SetDeadline(w.epoch.Add(w.due))
}

// early reports whether err is an earlier request's deadline, and sets this request's.
func (w *wire) early(err error) bool {
	return w.armed < w.due && errors.Is(err, os.ErrDeadlineExceeded) && w.arm() == nil
}

// Read is net.Conn's, with this request's deadline.
func (w *wire) Read(p []byte) (int, error) {
	for {
		n, err := w.Conn.Read(p)
		if n > 0 {
			return n, nil // an error that came along comes again
		}
		if err == nil || !w.early(err) {
			return 0, err
		}
	}
}

// Write is net.Conn's, with this request's deadline.
func (w *wire) Write(p []byte) (int, error) {
	sent := 0
	for {
		n, err := w.Conn.Write(p[sent:])
		sent += n
		if err == nil || !w.early(err) {
			return sent, err
		}
	}
}

// dial connects, shakes hands for https, and notes how long that took.
func (c *Client) dial(due time.Duration, out *protocol.Outcome) (*wire, error) {
	ctx, cancel := context.WithDeadline(c.ctx, c.epoch.Add(due))
	defer cancel()
	start := c.now()
	out.Dials++
	if c.proto.named {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			DNSDone: func(httptrace.DNSDoneInfo) { out.Phases.Resolve = c.now() - start },
		})
	}
	raw, err := c.proto.dialer.DialContext(ctx, "tcp", c.proto.address)
	out.Phases.Connect = c.now() - start - out.Phases.Resolve
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: raw, raw: raw, epoch: c.epoch}
	if c.proto.tls == nil {
		return w, nil
	}
	start = c.now()
	shaken := tls.Client(raw, c.proto.tls)
	err = shaken.HandshakeContext(ctx)
	out.Phases.TLS = c.now() - start
	if err != nil {
		return nil, errors.Join(&handshakeError{err}, raw.Close())
	}
	w.Conn, w.eager = shaken, true
	return w, nil
}

// handshakeError tells a failed handshake from a failed connect.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return fmt.Sprintf("tls handshake: %v", e.err) }
func (e *handshakeError) Unwrap() error { return e.err }

// classify turns an error of dialing, writing or reading into its kind.
func classify(err error, dialing bool) protocol.Kind {
	var format formatError
	var dns *net.DNSError
	var shake *handshakeError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &format):
		return protocol.BadResponse
	case errors.As(err, &timeout) && timeout.Timeout():
		return protocol.Timeout
	case errors.As(err, &dns):
		return protocol.Resolve
	case errors.As(err, &shake):
		return protocol.TLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return protocol.Refused
	case dialing:
		return protocol.Connect
	case errors.Is(err, errTruncated), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return protocol.Closed
	}
	return protocol.Reset
}
