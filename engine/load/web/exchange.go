package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"syscall"
	"time"

	"gameday/engine/load/protocol"
	"gameday/sources/sanitize"
)

type exchangeKey struct{}

// exchange is one request with all its redirects: it follows what net/http does, and makes phases of it. Whatever takes
// time belongs to the phase that is going on, so that the phases add up to the whole.
type exchange struct {
	client *client
	ctx    context.Context // ends with the request
	p      *prepared
	body   []byte

	mu      sync.Mutex
	over    bool
	mark    time.Duration // when the phase that is going on began
	phases  protocol.Phases
	asked   bool // for a connection
	given   int  // connections it has been given
	hops    int  // redirects followed
	dials   int  // connections attempted
	reused  bool // the last hop's connection had been used before
	ready   bool // there is a connection
	sent    bool
	first   bool // the first byte has come
	shaking bool // TLS has failed
}

// context is that of the request, which tells the exchange what is going on.
func (x *exchange) context() context.Context {
	return httptrace.WithClientTrace(context.WithValue(x.ctx, exchangeKey{}, x), &httptrace.ClientTrace{
		GetConn: func(string) {
			x.note(func(now time.Duration) {
				if x.asked = true; x.first {
					x.phases.Read += now - x.mark // of the redirect before
				}
				x.mark, x.reused, x.ready, x.sent, x.first, x.shaking = now, false, false, false, false, false
			})
		},
		DNSDone:           func(httptrace.DNSDoneInfo) { x.phase(&x.phases.Resolve) },
		TLSHandshakeStart: func() { x.phase(&x.phases.Connect) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			x.note(func(now time.Duration) {
				x.phases.TLS += now - x.mark
				x.mark, x.shaking = now, err != nil
			})
		},
		GotConn: func(info httptrace.GotConnInfo) {
			x.note(func(now time.Duration) {
				x.given++
				if x.reused, x.ready = info.Reused, true; !info.Reused {
					x.phases.Connect += now - x.mark
				}
				x.mark = now
			})
		},
		WroteRequest: func(httptrace.WroteRequestInfo) {
			x.note(func(now time.Duration) {
				if !x.first { // the target may have answered before it was told everything
					x.phases.Write += now - x.mark
					x.mark, x.sent = now, true
				}
			})
		},
		GotFirstResponseByte: func() {
			x.note(func(now time.Duration) {
				x.phases.Wait += now - x.mark
				x.mark, x.first = now, true
			})
		},
	})
}

// note has f look at the exchange unless it is over: net/http calls from goroutines of its own, also afterwards.
func (x *exchange) note(f func(now time.Duration)) {
	now := x.client.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over {
		f(max(now, x.mark))
	}
}

func (x *exchange) phase(of *time.Duration) {
	x.note(func(now time.Duration) { *of += now - x.mark; x.mark = now })
}

func (x *exchange) dialed() { x.note(func(time.Duration) { x.dials++ }) }

// end puts what is known into the outcome. Nothing is noted any more.
func (x *exchange) end(out *protocol.Outcome, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.over = true
	out.Done = max(x.client.now(), x.mark)
	last := out.Done - x.mark
	switch {
	case x.first:
		x.phases.Read += last
	case x.sent:
		x.phases.Wait += last
	case x.ready:
		x.phases.Write += last
	case x.asked:
		x.phases.Connect += last
	}
	out.Phases, out.Reused, out.Dials = x.phases, x.reused, uint32(x.dials)
	out.Retried = x.given > x.hops+1
	out.Extra[0] = float64(x.hops)
	if err != nil {
		out.Kind, out.Err = x.classify(err), plainError(err)
	}
}

// maxErr is how long an error's text may be.
const maxErr = 256

// refusal is an answer that the plan's limits refuse.
type refusal string

func (r refusal) Error() string { return string(r) }

// malformed is an answer that is not what HTTP allows.
type malformed string

func (m malformed) Error() string { return string(m) }

// plainError is an error whose text is harmless. net/http's quote what the target sent, and the address.
func plainError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("timed out")
	}
	return errors.New(sanitize.Line(err.Error(), maxErr))
}

// classify is the kind of failure of an error of net/http's.
func (x *exchange) classify(err error) protocol.Kind {
	var (
		refused refusal
		bad     malformed
		dns     *net.DNSError
		op      *net.OpError
		timeout interface{ Timeout() bool }
	)
	switch {
	case x.client.ctx.Err() != nil:
		return protocol.Interrupted
	case errors.As(err, &refused):
		return protocol.CheckFailed
	case errors.As(err, &bad):
		return protocol.BadResponse
	case errors.As(err, &timeout) && timeout.Timeout():
		return protocol.Timeout
	case errors.As(err, &dns):
		return protocol.Resolve
	case x.shaking:
		return protocol.TLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return protocol.Refused
	case !x.ready:
		return protocol.Connect
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "server closed idle connection"):
		return protocol.Closed
	case errors.As(err, &op), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return protocol.Reset
	case strings.HasPrefix(err.Error(), "stream error:"), strings.Contains(err.Error(), "GOAWAY"):
		return protocol.Reset // HTTP/2's, which net/http has no name for
	}
	return protocol.BadResponse
}

// checkRedirect decides whether a redirect is followed.
func checkRedirect(req *http.Request, via []*http.Request) error {
	x := req.Context().Value(exchangeKey{}).(*exchange)
	switch {
	case x.p.redirects == 0:
		return http.ErrUseLastResponse
	case len(via) > x.p.redirects:
		return refusal("redirected more often than http.redirects allows")
	case req.URL.Scheme != "http" && req.URL.Scheme != "https" || req.URL.Host == "":
		return malformed("redirected to something that is no http address")
	}
	x.note(func(time.Duration) { x.hops++ })
	return nil
}
