package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
)

// handshakeError tells a failed TLS handshake from a failed connect.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "tls handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// health is what the library last saw of the brokers. It tries again and again until a record's time is over, and then
// says no more than that; why it had to is only told to hooks.
type health struct {
	mu    sync.Mutex
	fault error // since the last answer
	early bool  // while connecting
	dials uint32
}

// OnBrokerConnect is the library's hook.
func (h *health) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dials++
	h.note(err, true)
}

// OnBrokerRead is the library's hook.
func (h *health) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, _ int, _, _ time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.fault = nil
		return
	}
	h.note(err, false)
}

// see notes an error that the library has handed out on the way to its next try.
func (h *health) see(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(err, false)
}

func (h *health) note(err error, early bool) {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, kgo.ErrClientClosed) {
		return // it was us
	}
	h.fault, h.early = err, early
}

// take is how many connections were attempted since it was last asked, and what is wrong.
func (h *health) take() (early bool, dials uint32, fault error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	dials, h.dials = h.dials, 0
	return h.early, dials, h.fault
}

// failure tells what an error is. The status is the broker's error code.
func (t *target) failure(err error, h *health, late string) (protocol.Kind, int, error) {
	early, _, fault := h.take()
	if overdue(err) && fault != nil {
		err = fault
	} else {
		early = false
	}
	text := errors.New(t.clean(err.Error()))
	if early {
		text = errors.New(t.clean("connect or log in: " + err.Error()))
	}
	var said *kerr.Error
	switch {
	case errors.As(err, &said):
		return kindOf(said), int(said.Code), errors.New(t.clean(said.Message + ": " + said.Description))
	case overdue(err):
		return protocol.Timeout, 0, errors.New(late)
	}
	var shaking *handshakeError
	var dns *net.DNSError
	var errno syscall.Errno
	var network net.Error
	switch {
	case errors.As(err, &shaking):
		return protocol.TLS, 0, text
	case errors.Is(err, syscall.ECONNREFUSED):
		return protocol.Refused, 0, text
	case errors.As(err, &dns):
		return protocol.Resolve, 0, text
	case isClosed(err):
		return protocol.Closed, 0, text
	case errors.As(err, &network), errors.As(err, &errno):
		if early && !errors.Is(err, syscall.ECONNRESET) {
			return protocol.Connect, 0, text
		}
		return dial.Classify(err), 0, text
	}
	return protocol.BadResponse, 0, text
}

func isClosed(err error) bool {
	var first *kgo.ErrFirstReadEOF
	return errors.As(err, &first) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// overdue reports whether an error says no more than that time is over.
func overdue(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrRecordTimeout) ||
		errors.Is(err, kgo.ErrRecordRetries) || errors.Is(err, os.ErrDeadlineExceeded)
}

// kindOf is what a broker's error code means (https://kafka.apache.org/protocol#protocol_error_codes): what may go well
// another time lies with the brokers, all else is the step's own fault.
func kindOf(e *kerr.Error) protocol.Kind {
	switch {
	case errors.Is(e, kerr.RequestTimedOut):
		return protocol.Timeout
	case errors.Is(e, kerr.UnknownTopicOrPartition), errors.Is(e, kerr.UnknownTopicID):
		return protocol.Status4xx // to the library it may be created yet
	case e.Retriable, errors.Is(e, kerr.UnknownServerError):
		return protocol.Status5xx
	}
	return protocol.Status4xx
}
