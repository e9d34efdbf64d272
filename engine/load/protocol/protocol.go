// Package protocol is what the load engine and the ways it can speak to a target have in common: how a request is
// described, what changes from one to the next, and what is known of it afterwards.
//
// A protocol prepares each request once, before the run. Each worker then has its own Client and calls Do in a loop;
// nothing in there may allocate in the steady state, and nothing may wait longer than the request's timeout.
package protocol

import (
	"context"
	"math/rand/v2"
	"time"

	"gameday/sources/signal"
)

// Request is one step's request as the plan has it, with `${variables}` filled and `{{per-request values}}` still in.
type Request struct {
	Name    string
	Method  string
	Path    string // starts with "/"; may hold {{values}}
	Headers []Header
	Body    string // may hold {{values}}
	Timeout time.Duration
}

// Header is one line of a request's head. Its value may hold {{values}}.
type Header struct{ Name, Value string }

// Call is what differs from one request to the next. The worker owns it and uses it again.
type Call struct {
	Request int    // the handle that Prepare gave
	N       uint64 // number of the iteration
	Trace   signal.TraceID
	Span    signal.SpanID
	Sampled bool       // the sampled flag of traceparent
	Plan    *rand.Rand // repeats with the plan's seed: what is asked for
	Fresh   *rand.Rand // differs in every run: what must be unique, such as {{uuid}}
}

// Phases are the parts of one request's service time. Connect and TLS are zero on a connection that was kept.
type Phases struct {
	Connect time.Duration // look-up and TCP handshake
	TLS     time.Duration
	Write   time.Duration
	Wait    time.Duration // from the last byte written to the first byte received
	Read    time.Duration
}

// Outcome is what is known of a request afterwards. Start and Done count from the epoch given to NewClient.
type Outcome struct {
	Start    time.Duration // when the worker turned to it: before connecting, before the first byte
	Done     time.Duration
	Phases   Phases
	Status   int // the protocol's own status; 0 when none was received
	Kind     Kind
	Err      error  // detail for a person, nil unless Kind is a transport failure; holds no text from the target
	Received int64  // bytes of body
	Reused   bool   // went over a connection that had been used before
	Retried  bool   // a kept connection turned out closed; sent again on a fresh one
	Dials    uint32 // connections attempted for it
}

// Protocol prepares requests once and makes clients for them. Prepare is not called any more once NewClient has been.
type Protocol interface {
	// Prepare checks a request and returns the handle that Call.Request names it by.
	Prepare(Request) (handle int, err error)
	// NewClient makes the client of one worker. When ctx ends, a Do in progress returns at once with Kind Interrupted.
	NewClient(ctx context.Context, epoch time.Time) Client
}

// Client is used by one goroutine only.
type Client interface {
	// Do sends one request and waits for its answer or its timeout. It overwrites *Outcome.
	Do(*Call, *Outcome)
	// Close gives up the connections. The client is not used afterwards.
	Close()
}
