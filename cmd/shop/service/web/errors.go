// Package web is the HTTP side of every shop process: routes that observe themselves, JSON answers, errors with a
// status, and a client that passes the trace and the request ID on.
package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"gameday/cmd/shop/service/resilience"
)

// Header names that the shop's services share.
const (
	HeaderRequestID   = "X-Correlation-ID"
	HeaderTraceID     = "X-Trace-ID" // answer only: where to look the request up
	HeaderDegraded    = "X-Degraded" // answer only: "true" when a fallback took part
	HeaderIdempotency = "Idempotency-Key"
)

// Error is an answer that is not a success.
type Error struct {
	Status int
	Text   string // for the one who asked
	Cause  error  // for the log; nil when Text says it all
}

// Errorf makes an Error without a cause.
func Errorf(status int, format string, args ...any) *Error {
	return &Error{Status: status, Text: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Text, e.Cause)
	}
	return e.Text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Rejected reports that the one who asked is at fault, not the one who answered.
func (e *Error) Rejected() bool {
	return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}

// Upstream says how a failed dependency is passed on: its own refusals as they are, our patterns' as 503, time-outs as
// 504, everything else as 502.
func Upstream(dep string, err error) error {
	var e *Error
	switch {
	case errors.As(err, &e) && e.Rejected():
		return e
	case resilience.Unavailable(err):
		return &Error{Status: http.StatusServiceUnavailable, Text: dep + " is not available", Cause: err}
	case resilience.TimedOut(err), errors.Is(err, context.Canceled):
		return &Error{Status: http.StatusGatewayTimeout, Text: dep + " did not answer in time", Cause: err}
	}
	status := http.StatusBadGateway
	if e != nil && (e.Status == http.StatusServiceUnavailable || e.Status == http.StatusGatewayTimeout) {
		status = e.Status
	}
	return &Error{Status: status, Text: dep + " failed", Cause: err}
}
