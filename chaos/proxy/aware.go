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
	"strconv"
	"sync"
	"time"
)

// aware is a link's HTTP server: an upstream between the link and the real one that understands requests and can answer
// them with errors. Connections are led through it only while a fault needs that. Delays and partitions stay with the
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
	front.SetUnencryptedHTTP2(true)
	back.SetHTTP1(l.proto == "http")
	back.SetUnencryptedHTTP2(l.proto == "grpc")
	a.transport = &http.Transport{Protocols: back, DisableCompression: true, MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", l.Upstream())
		}}
	a.proxy = &httputil.ReverseProxy{Rewrite: rewrite, Transport: a.transport, FlushInterval: -1, ErrorLog: quiet,
		// Without us the client would see its connection break, not a 502 that no one sent.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }}
	a.server = &http.Server{Handler: a, Protocols: front, ErrorLog: quiet}
	a.wg.Go(func() {
		if err := a.server.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			l.failed.Add(1)
		}
	})
	return a, nil
}

// rewrite passes a request on as it came: httputil otherwise drops what a proxy towards the internet should drop.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", "upstream", r.In.Host
	r.Out.URL.RawQuery = r.In.URL.RawQuery
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v, ok := r.In.Header[h]; ok {
			r.Out.Header[h] = v
		}
	}
}

// ServeHTTP answers with the error of the first fault that hits the request, or passes it on.
func (a *aware) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	for _, r := range a.link.plan.Load().failures {
		if !r.hits(req.Method, req.URL.Path) {
			continue
		}
		r.touched.Add(1)
		w.Header().Set("X-Gameday-Fault", "dependency.error")
		if a.link.proto == "grpc" {
			// Headers that end the stream: what gRPC calls trailers only.
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", strconv.Itoa(r.failure.Code))
			w.Header().Set("Grpc-Message", "injected by gameday")
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(r.failure.Status)
		if r.failure.Status != http.StatusNoContent && r.failure.Status != http.StatusNotModified {
			_, _ = fmt.Fprintf(w, "%d injected by gameday\n", r.failure.Status) // a client that left does not care
		}
		return
	}
	a.proxy.ServeHTTP(w, req)
}

func (a *aware) close() error {
	err := a.server.Close()
	a.wg.Wait()
	a.transport.CloseIdleConnections()
	return err
}
