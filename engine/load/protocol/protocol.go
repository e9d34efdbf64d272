// Package protocol is what the load engine and the ways it can speak to a target have in common: how a request is
// described, what changes from one to the next, and what is known of it afterwards.
//
// A protocol prepares each request once, before the run, with a Prepare of its own kind. Each worker then has its own
// Client and calls Do in a loop; nothing in there may allocate needlessly in the steady state, and nothing may wait
// longer than the request's timeout.
package protocol

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"gameday/engine/load/template"
	"gameday/sources/signal"
)

// Options are what a protocol needs beside its target.
type Options struct {
	TLS      *tls.Config // for targets that are spoken to over TLS; nil is the system's roots
	Dial     string      // of HTTP: "host:port" to connect to, while requests and TLS name the target's; "" is the target's own
	Lifetime Lifetime    // of HTTP/1.1's connections
}

// Lifetime is for how long a worker keeps a connection.
type Lifetime uint8

// The lifetimes.
const (
	Kept         Lifetime = iota // for as long as the target does
	OneIteration                 // the next iteration begins with a fresh one
	OneRequest                   // and so does the next request
)

// Step is what every protocol has to know of a step beside what is its own.
type Step struct {
	Name    string
	Timeout time.Duration
	Names   template.Names // of the variables its templates may hold
	Headers []Header       // of the plan and the scenario, for the protocols that have such
	Keep    int            // bytes of the answer that Outcome is to show, for checks and extraction; 0 is none
}

// Request is one step's HTTP request as the plan has it, with `${variables}` filled and `{{per-request values}}` still in.
type Request struct {
	Step
	Method  string
	Path    string // starts with "/"; may hold {{values}}
	Body    string // may hold {{values}}
	Cookies bool   // Call.Cookie is sent
}

// Header is one line of a request's head. Its value may hold {{values}}.
type Header struct{ Name, Value string }

// Call is what differs from one request to the next. The worker owns it and uses it again.
type Call struct {
	template.Values
	Request int // the handle that Prepare gave
	Trace   signal.TraceID
	Span    signal.SpanID
	Sampled bool           // the sampled flag of traceparent
	Cookie  []byte         // the value of the Cookie header, for requests prepared with Cookies; empty is none
	Jar     http.CookieJar // where they come from, for protocols that follow redirects; nil is none
}

// Phases are the parts of one request's service time. The first three are zero on a connection that was kept.
type Phases struct {
	Resolve time.Duration // looking the host's name up
	Connect time.Duration // for TCP, its handshake
	TLS     time.Duration
	Write   time.Duration
	Wait    time.Duration // from the last byte written to the first byte received
	Read    time.Duration
}

// Add adds another request's phases.
func (p *Phases) Add(o *Phases) {
	p.Resolve += o.Resolve
	p.Connect += o.Connect
	p.TLS += o.TLS
	p.Write += o.Write
	p.Wait += o.Wait
	p.Read += o.Read
}

// Over is the phases divided by a number of requests.
func (p Phases) Over(n time.Duration) Phases {
	return Phases{p.Resolve / n, p.Connect / n, p.TLS / n, p.Write / n, p.Wait / n, p.Read / n}
}

// MaxExtras is how many figures of its own a protocol can have.
const MaxExtras = 4

// Extra is a figure that only one protocol has, such as datagrams lost or a consumer's lag.
type Extra struct {
	Name string // in the field's words, such as "lost"
	Unit string // "" for a count, "s", "B"
	Max  bool   // of several requests the largest counts, not the sum
}

// Outcome is what is known of a request afterwards. Start and Done count from the epoch given to NewClient.
type Outcome struct {
	Start    time.Duration // when the worker turned to it: before connecting, before the first byte
	Done     time.Duration
	Phases   Phases
	Status   int // the protocol's own status; 0 when none was received
	Kind     Kind
	Err      error              // detail for a person, nil unless the request failed; holds no text from the target as it came, and no secret
	Received int64              // bytes of body
	Extra    [MaxExtras]float64 // as the protocol's Extras names them
	Head     []byte             // the answer's head, "Name: value" with CR LF, when Step.Keep asked for it; valid until the next Do
	Body     []byte             // the beginning of the answer's body, likewise
	Reused   bool               // went over a connection that had been used before
	Retried  bool               // a kept connection turned out closed; sent again on a fresh one
	Dials    uint32             // connections attempted for it
}

// Protocol makes clients for the requests that were prepared with it. Nothing is prepared any more once NewClient has been called.
type Protocol interface {
	// NewClient makes the client of one worker. When ctx ends, a Do in progress returns at once with Kind Interrupted.
	NewClient(ctx context.Context, epoch time.Time) Client
}

// Extras is implemented by a Protocol that has figures of its own, at most MaxExtras.
type Extras interface{ Extras() []Extra }

// Client is used by one goroutine only.
type Client interface {
	// Do sends one request and waits for its answer or its timeout. It overwrites *Outcome.
	Do(*Call, *Outcome)
	// Close gives up the connections. The client is not used afterwards.
	Close()
}
