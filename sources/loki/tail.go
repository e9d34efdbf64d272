package loki

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"gameday/sources/client"
	"gameday/sources/jsonstream"
)

const (
	maxMessage = 16 << 20
	pingEvery  = 15 * time.Second
)

// tail emits what comes over a WebSocket until the connection or ctx ends.
func (f *follower) tail(ctx context.Context) error {
	conn, stop, err := f.dial(ctx)
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	var alive atomic.Int64 // messages begun and ended: a change means that it lives
	pinged := make(chan struct{})
	go func() {
		defer close(pinged)
		keepAlive(ctx, conn, &alive, cancel)
	}()
	defer func() {
		cancel(nil)
		<-pinged
	}()
	for {
		_, msg, err := conn.Reader(ctx)
		if err == nil {
			alive.Add(1)
			err = f.message(msg)
			alive.Add(1)
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				err = cause
			}
			return f.d.client.Explain(tailRequest, err)
		}
	}
}

// dial opens the WebSocket. stop gives everything up that it took.
func (f *follower) dial(ctx context.Context) (conn *websocket.Conn, stop func(), err error) {
	query, err := f.d.streams(ctx)
	if err != nil {
		return nil, nil, err
	}
	header := http.Header{flagsHeader: {apart}}
	if err := f.d.client.Authorise(ctx, header); err != nil {
		return nil, nil, f.d.client.Explain(tailRequest, err)
	}
	verify := f.d.client.TLS()
	if verify != nil {
		verify.NextProtos = []string{"http/1.1"} // a WebSocket is HTTP/1.1
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: f.d.client.Dialer(), TLSClientConfig: verify, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second}
	to := f.d.client.URL(tailRequest.Path, url.Values{"query": {query}, "limit": {strconv.Itoa(f.d.opt.Page)}, "start": {strconv.FormatInt(f.from.UnixNano(), 10)}})
	conn, resp, err := websocket.Dial(ctx, to.String(), &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport, CheckRedirect: noRedirect}, HTTPHeader: header})
	if err != nil {
		transport.CloseIdleConnections()
		return nil, nil, f.refusal(resp, err)
	}
	conn.SetReadLimit(maxMessage)
	give := f.d.client.Hold()
	return conn, func() {
		give()
		_ = conn.CloseNow() // it is given up, whatever it says
		transport.CloseIdleConnections()
	}, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// refusal says why the handshake failed. What package websocket says has the whole URL in it.
func (f *follower) refusal(resp *http.Response, err error) error {
	switch {
	case refusesTail(resp):
		err = errNoTail
	case resp != nil:
		err = &client.StatusError{Code: resp.StatusCode, Method: http.MethodGet, URL: f.d.client.Address() + tailRequest.Path, RetryAfter: client.RetryAfter(resp.Header)}
		return err
	default:
		for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
			err = inner
			var wrapped *url.Error
			if errors.As(err, &wrapped) {
				err = wrapped.Err
				break
			}
		}
	}
	return f.d.client.Explain(tailRequest, err)
}

// keepAlive asks for a sign of life now and then. While a message is being read or waits to be taken, no answer can come.
func keepAlive(ctx context.Context, conn *websocket.Conn, alive *atomic.Int64, gone context.CancelCauseFunc) {
	for pause(ctx, pingEvery) {
		before := alive.Load()
		if before%2 == 1 {
			continue
		}
		pctx, cancel := context.WithTimeout(ctx, pingEvery)
		err := conn.Ping(pctx)
		cancel()
		if err != nil && alive.Load() == before {
			gone(fmt.Errorf("it gave no sign of life for %s: %w", pingEvery, err))
			return
		}
	}
}

// message emits the lines of one message.
func (f *follower) message(src io.Reader) error {
	r := jsonstream.NewReader(src, limits)
	var entries []entry
	dropped := 0
	err := r.Object(func(key string) error {
		switch key {
		case "streams":
			return readStreams(r, maxPage*10, &entries)
		case "dropped_entries":
			return r.Array(func() error {
				dropped++
				return r.Skip()
			})
		}
		return r.Skip()
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if _, err := io.Copy(io.Discard, src); err != nil { // up to its end: the next message comes behind it
		return err
	}
	f.d.missed(dropped)
	f.take(entries)
	f.advance(time.Now())
	return nil
}
