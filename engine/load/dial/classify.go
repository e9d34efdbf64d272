package dial

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"gameday/engine/load/protocol"
	"gameday/sources/sanitize"
)

// Malformed says what in an answer is not the protocol. It holds no text of the answer.
type Malformed string

func (m Malformed) Error() string { return string(m) }

// Malformedf makes one.
func Malformedf(format string, args ...any) error { return Malformed(fmt.Sprintf(format, args...)) }

// connectError is a failure before there was a connection.
type connectError struct{ error }

func (e connectError) Unwrap() error { return e.error }

// handshakeError tells a failed TLS handshake from a failed connect. Its text is made harmless, because it may quote the
// target's certificate.
type handshakeError struct{ err error }

func (e handshakeError) Error() string { return "tls handshake: " + sanitize.Line(e.err.Error(), 256) }
func (e handshakeError) Unwrap() error { return e.err }

// Classify is the kind of failure of an error of Link.
func Classify(err error) protocol.Kind {
	var malformed Malformed
	var connecting connectError
	var shaking handshakeError
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &malformed):
		return protocol.BadResponse
	case errors.As(err, &timeout) && timeout.Timeout():
		return protocol.Timeout
	case errors.As(err, &dns):
		return protocol.Resolve
	case errors.As(err, &shaking):
		return protocol.TLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return protocol.Refused
	case errors.As(err, &connecting):
		return protocol.Connect
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return protocol.Closed
	}
	return protocol.Reset
}
