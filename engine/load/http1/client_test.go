package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newCall is a call of the handle with IDs that can be told apart.
func newCall(handle int) *protocol.Call {
	rng := rand.New(rand.NewPCG(1, 2))
	c := &protocol.Call{Request: handle, Sampled: true, Values: template.Values{N: 7, Plan: rng, Fresh: rng}}
	for i := range c.Trace {
		c.Trace[i] = byte(i + 1)
	}
	c.Span[7] = 9
	return c
}

// clientMaker is what makes the client of a test: see client.
type clientMaker func(t testing.TB, target string, config *tls.Config, reqs ...protocol.Request) (protocol.Client, context.CancelFunc)

// overEngines runs a test with the client that has a goroutine to itself, and with a connection of a loop.
func overEngines(t *testing.T, test func(t *testing.T, client clientMaker)) {
	t.Run("goroutine", func(t *testing.T) { test(t, client) })
	if loopClient != nil {
		t.Run("epoll", func(t *testing.T) { test(t, loopClient) })
	}
}

// client prepares requests against a target and makes one client.
func client(t testing.TB, target string, config *tls.Config, reqs ...protocol.Request) (protocol.Client, context.CancelFunc) {
	t.Helper()
	p := prepareAll(t, target, config, reqs)
	ctx, cancel := context.WithCancel(context.Background())
	c := p.NewClient(ctx, time.Now())
	t.Cleanup(func() { c.Close(); cancel() })
	return c, cancel
}

func prepareAll(t testing.TB, target string, config *tls.Config, reqs []protocol.Request) *Protocol {
	t.Helper()
	p, err := New(target, protocol.Options{TLS: config})
	require.NoError(t, err)
	for _, r := range reqs {
		if r.Timeout == 0 {
			r.Timeout = 20 * time.Second
		}
		_, err := p.Prepare(r)
		require.NoError(t, err)
	}
	return p
}

// raw is a target that treats each connection as serve does, and counts them.
func raw(t testing.TB, serve func(n int, c net.Conn, r *bufio.Reader)) (target string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	connections = &atomic.Int64{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(connections.Add(1))
			serve(n, c, bufio.NewReader(c))
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String(), connections
}

// readRequest reads one request as net/http's server would.
func readRequest(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

func TestWhatTheTargetSees(t *testing.T) { overEngines(t, checkWhatTheTargetSees) }

func checkWhatTheTargetSees(t *testing.T, client clientMaker) {
	type seen struct {
		method, uri, host, body string
		header                  http.Header
	}
	got := make(chan seen, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- seen{r.Method, r.RequestURI, r.Host, string(b), r.Header}
		w.WriteHeader(201)
		fmt.Fprint(w, "hello")
	}))
	defer srv.Close()
	c, _ := client(t, srv.URL+"/base/", nil,
		protocol.Request{Method: "GET", Path: "/static", Step: protocol.Step{Headers: []protocol.Header{{Name: "X-A", Value: "b"}}}},
		protocol.Request{Method: "POST", Path: "/d/{{n}}?q={{random 5 5}}", Body: `{"id":"{{pick x}}"}`, Step: protocol.Step{Headers: []protocol.Header{{Name: "host", Value: "shop.example"}, {Name: "user-agent", Value: "me"}, {Name: "X-N", Value: "i{{n}}"}}}},
	)
	const trace = "0102030405060708090a0b0c0d0e0f10"
	var out protocol.Outcome
	for range 2 {
		c.Do(newCall(0), &out)
		require.NoError(t, out.Err)
		require.Equal(t, 201, out.Status)
		require.EqualValues(t, 5, out.Received)
		s := <-got
		require.Equal(t, "GET", s.method)
		require.Equal(t, "/base/static", s.uri)
		require.Equal(t, strings.TrimPrefix(srv.URL, "http://"), s.host)
		require.Equal(t, "00-"+trace+"-0000000000000009-01", s.header.Get("traceparent"))
		require.Equal(t, trace, s.header.Get("X-Correlation-ID"))
		require.Equal(t, "b", s.header.Get("X-A"))
		require.Equal(t, "gameday", s.header.Get("User-Agent"))
	}
	require.True(t, out.Reused)
	require.Zero(t, out.Phases.Connect)
	unsampled := newCall(1)
	unsampled.Sampled = false
	c.Do(unsampled, &out)
	require.NoError(t, out.Err)
	s := <-got
	require.Equal(t, seen{"POST", "/base/d/7?q=5", "shop.example", `{"id":"x"}`, s.header}, s)
	require.Equal(t, "00-"+trace+"-0000000000000009-00", s.header.Get("traceparent"))
	require.Equal(t, "i7", s.header.Get("X-N"))
	require.Equal(t, "me", s.header.Get("User-Agent"))
}

func TestPhasesAddUp(t *testing.T) { overEngines(t, checkPhasesAddUp) }

func checkPhasesAddUp(t *testing.T, client clientMaker) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { time.Sleep(30 * time.Millisecond) }))
	defer srv.Close()
	c, _ := client(t, srv.URL, nil, protocol.Request{Method: "GET", Path: "/"})
	var out protocol.Outcome
	c.Do(newCall(0), &out)
	p := out.Phases
	require.Positive(t, p.Connect)
	require.GreaterOrEqual(t, p.Wait, 30*time.Millisecond)
	require.LessOrEqual(t, p.Connect+p.TLS+p.Write+p.Wait+p.Read, out.Done-out.Start)
}

func TestHTTPS(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(200 * time.Millisecond)
		}
		fmt.Fprint(w, strings.Repeat("x", 100_000))
	}))
	defer srv.Close()
	srv.Config.ErrorLog = nil
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	c, _ := client(t, srv.URL, &tls.Config{RootCAs: roots},
		protocol.Request{Method: "GET", Path: "/"}, protocol.Request{Method: "GET", Path: "/slow", Step: protocol.Step{Timeout: 50 * time.Millisecond}})
	var out protocol.Outcome
	for i := range 3 {
		c.Do(newCall(0), &out)
		require.NoError(t, out.Err)
		require.EqualValues(t, 100_000, out.Received)
		require.Equal(t, i > 0, out.Reused)
		require.Equal(t, i == 0, out.Phases.TLS > 0)
	}
	c.Do(newCall(1), &out)
	require.Equal(t, protocol.Timeout, out.Kind)
	stranger, _ := client(t, srv.URL, nil, protocol.Request{Method: "GET", Path: "/"})
	stranger.Do(newCall(0), &out)
	require.Equal(t, protocol.TLS, out.Kind, "%v", out.Err)
}

func TestNoAllocationPerRequest(t *testing.T) { overEngines(t, checkNoAllocationPerRequest) }

func checkNoAllocationPerRequest(t *testing.T, client clientMaker) {
	target, _ := raw(t, func(_ int, c net.Conn, r *bufio.Reader) { answerForever(c) })
	c, _ := client(t, target, nil,
		protocol.Request{Method: "GET", Path: "/"},
		protocol.Request{Method: "POST", Path: "/{{n}}", Body: `{"id":"{{uuid}}","n":{{random 1 9}}}`})
	var out protocol.Outcome
	for handle := range 2 {
		call := newCall(handle)
		require.Zero(t, testing.AllocsPerRun(200, func() {
			c.Do(call, &out)
			if out.Err != nil {
				t.Error(out.Err)
			}
		}))
	}
	c.Close()
}

// answerForever answers every read with one small answer, without allocating: each request comes in one piece.
func answerForever(c net.Conn) {
	b := make([]byte, 4096)
	ok := []byte("HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
		if _, err := c.Write(ok); err != nil {
			return
		}
	}
}
