package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// aware is a link's HTTP server: an upstream between the link and the real one that understands requests. Connections
// are led through it only while a fault needs that; those of a forward link always are. Faults on bytes stay with the
// link itself, so that they combine with it.
type aware struct {
	link      *Link
	addr      string
	server    *http.Server
	proxy     *httputil.ReverseProxy
	transport *http.Transport
	wg        sync.WaitGroup
}

func newAware(l *Link) (*aware, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("understand requests on link %s: %w", l.name, err)
	}
	a := &aware{link: l, addr: ln.Addr().String()}
	quiet := log.New(io.Discard, "", 0) // clients that leave are no news; failures are seen as such by the client
	front, back := new(http.Protocols), new(http.Protocols)
	front.SetHTTP1(true)
	front.SetUnencryptedHTTP2(l.proto != "forward")
	back.SetHTTP1(l.proto != "grpc")
	back.SetUnencryptedHTTP2(l.proto == "grpc")
	a.transport = &http.Transport{Protocols: back, DisableCompression: true, MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			if l.proto != "forward" {
				addr = l.Upstream()
			}
			return a.dial(ctx, addr)
		}}
	a.proxy = &httputil.ReverseProxy{Rewrite: a.rewrite, Transport: a.transport, FlushInterval: -1, ErrorLog: quiet,
		ModifyResponse: modify, ErrorHandler: a.broken}
	a.server = &http.Server{Handler: a, Protocols: front, ErrorLog: quiet}
	a.wg.Go(func() {
		if err := a.server.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			l.failed.Add(1)
		}
	})
	return a, nil
}

func (a *aware) dial(ctx context.Context, addr string) (net.Conn, error) {
	if a.link.proto == "forward" && addr == a.link.Addr() {
		return nil, fmt.Errorf("connect to %s: this is the proxy itself", addr)
	}
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", addr)
}

// rewrite passes a request on as it came: httputil otherwise drops what a proxy towards the internet should drop.
func (a *aware) rewrite(r *httputil.ProxyRequest) {
	if a.link.proto != "forward" {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", "upstream"
	}
	r.Out.Host = r.In.Host
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v, ok := r.In.Header[h]; ok {
			r.Out.Header[h] = v
		}
	}
}

// broken is called when the upstream gave no answer.
func (a *aware) broken(w http.ResponseWriter, _ *http.Request, _ error) {
	a.link.failed.Add(1)
	if a.link.proto == "forward" { // a proxy to the outside is expected to say so
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	// Without us the client would see its connection break, not a 502 that no one sent.
	panic(http.ErrAbortHandler)
}

// later is the key in a request's context of the rules that hit its answer.
type later struct{}

// ServeHTTP does to a request what the plan says, in the order of requests' fields.
func (a *aware) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !a.link.tunnels.enter() {
		panic(http.ErrAbortHandler)
	}
	defer a.link.tunnels.leave()
	p := a.link.plan.Load()
	if a.answered(w, req, p) {
		return
	}
	if req.Method == http.MethodConnect {
		a.connect(w, req)
		return
	}
	if a.link.proto == "forward" && !req.URL.IsAbs() {
		http.Error(w, "this is an HTTP proxy: set HTTP_PROXY and HTTPS_PROXY to its address", http.StatusBadRequest)
		return
	}
	var after []*Rule
	for _, r := range slices.Concat(p.requests.headers, p.requests.bodies) {
		if !r.hits(req) {
			continue
		}
		if h, ok := r.effect.(Header); !ok || h.On != Request {
			after = append(after, r)
			continue
		}
		r.touched.Add(1)
		r.effect.(Header).applyTo(req)
	}
	if len(after) > 0 {
		req = req.WithContext(context.WithValue(req.Context(), later{}, after))
	}
	a.proxy.ServeHTTP(w, req)
}

// applyTo changes a request's headers; Host is not among its others.
func (f Header) applyTo(req *http.Request) {
	f.apply(req.Header)
	if strings.EqualFold(f.Name, "Host") {
		req.Host = f.Value
		req.Header.Del("Host")
	}
}

// answered lets a request wait, and reports whether it was answered by a fault.
func (a *aware) answered(w http.ResponseWriter, req *http.Request, p *plan) bool {
	for _, r := range p.requests.limits {
		if !r.hits(req) {
			continue
		}
		if _, ok := r.buckets[0].try(1, time.Now(), 0); !ok {
			r.touched.Add(1)
			w.Header().Set("Retry-After", "1")
			a.answer(w, "dependency.rate-limit", http.StatusTooManyRequests, 8)
			return true
		}
	}
	for _, r := range p.requests.delays {
		if r.hits(req) {
			r.touched.Add(1)
			if !a.wait(req.Context(), r, time.Now().Add(r.delay())) {
				panic(http.ErrAbortHandler) // there is no one left to be answered
			}
		}
	}
	for _, r := range p.requests.aborts {
		if r.hits(req) {
			r.touched.Add(1)
			cut(w)
			return true
		}
	}
	for _, r := range p.requests.failures {
		if r.hits(req) {
			r.touched.Add(1)
			f := r.effect.(Failure)
			a.answer(w, "dependency.error", f.Status, f.Code)
			return true
		}
	}
	return false
}

// answer answers instead of the upstream.
func (a *aware) answer(w http.ResponseWriter, kind string, status, code int) {
	w.Header().Set("X-Gameday-Fault", kind)
	if a.link.proto == "grpc" {
		// Headers that end the stream: what gRPC calls trailers only.
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", strconv.Itoa(code))
		w.Header().Set("Grpc-Message", "injected by gameday")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		_, _ = fmt.Fprintf(w, "%d injected by gameday\n", status) // a client that left does not care
	}
}

// wait lets a request wait until due, or until the rule is removed. It reports whether anyone still wants the answer.
func (a *aware) wait(ctx context.Context, r *Rule, due time.Time) bool {
	if d := time.Until(due) - fine; d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		for ringing := false; !ringing; {
			p := a.link.plan.Load()
			if !slices.Contains(p.rules, r) {
				return true
			}
			select {
			case <-t.C:
				ringing = true
			case <-p.changed:
			case <-ctx.Done():
				return false
			case <-a.link.ctx.Done():
				return false
			}
		}
	}
	a.link.sleepers.until(due)
	return true
}

// cut ends the connection of a request with a reset; on HTTP/2, its stream.
func cut(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // fails only when closed
	}
	_ = c.Close()
}

// modify does to an answer of the upstream what was decided when its request came.
func modify(resp *http.Response) error {
	rules, _ := resp.Request.Context().Value(later{}).([]*Rule)
	for _, r := range rules {
		switch f := r.effect.(type) {
		case Header:
			f.apply(resp.Header)
			r.touched.Add(1)
		case Body:
			if f.replace(resp) {
				r.touched.Add(1)
			}
		}
	}
	return nil
}

// replace gives an answer another body, unless it is of a kind that has none.
func (f Body) replace(resp *http.Response) bool {
	s := resp.StatusCode
	if s < 200 || s == http.StatusNoContent || s == http.StatusNotModified {
		return false
	}
	for _, h := range []string{"Content-Encoding", "Content-Md5", "Content-Digest", "Repr-Digest", "Digest", "Etag", "Content-Range", "Trailer"} {
		resp.Header.Del(h)
	}
	if f.ContentType != "" {
		resp.Header.Set("Content-Type", f.ContentType)
	}
	resp.Header.Set("Content-Length", strconv.Itoa(len(f.Text)))
	resp.ContentLength, resp.TransferEncoding, resp.Trailer = int64(len(f.Text)), nil, nil
	_ = resp.Body.Close() // what was in it is not wanted
	resp.Body = http.NoBody
	if resp.Request.Method != http.MethodHead {
		resp.Body = io.NopCloser(strings.NewReader(f.Text))
	}
	return true
}

func (a *aware) close() error {
	err := a.server.Close()
	a.wg.Wait()
	a.transport.CloseIdleConnections()
	return err
}
