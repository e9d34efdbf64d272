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
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newCall is a call of the handle with IDs that can be told apart.
func newCall(handle int) *protocol.Call {
	rng := rand.New(rand.NewPCG(1, 2))
	c := &protocol.Call{Request: handle, N: 7, Sampled: true, Plan: rng, Fresh: rng}
	for i := range c.Trace {
		c.Trace[i] = byte(i + 1)
	}
	c.Span[7] = 9
	return c
}

// client prepares requests against a target and makes one client.
func client(t testing.TB, target string, config *tls.Config, reqs ...protocol.Request) (protocol.Client, context.CancelFunc) {
	t.Helper()
	p, err := New(target, config)
	require.NoError(t, err)
	for _, r := range reqs {
		if r.Timeout == 0 {
			r.Timeout = 20 * time.Second
		}
		_, err := p.Prepare(r)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := p.NewClient(ctx, time.Now())
	t.Cleanup(func() { c.Close(); cancel() })
	return c, cancel
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

func TestWhatTheTargetSees(t *testing.T) {
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
		protocol.Request{Method: "GET", Path: "/static", Headers: []protocol.Header{{Name: "X-A", Value: "b"}}},
		protocol.Request{Method: "POST", Path: "/d/{{n}}?q={{random 5 5}}", Body: `{"id":"{{pick x}}"}`, Headers: []protocol.Header{{Name: "host", Value: "shop.example"}, {Name: "user-agent", Value: "me"}, {Name: "X-N", Value: "i{{n}}"}}},
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

func TestPhasesAddUp(t *testing.T) {
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
		protocol.Request{Method: "GET", Path: "/"}, protocol.Request{Method: "GET", Path: "/slow", Timeout: 50 * time.Millisecond})
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

func TestFailuresByKind(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	refused := "http://" + closed.Addr().String()
	answer := func(s string) string {
		target, _ := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
			if readRequest(r) {
				io.WriteString(c, s)
			}
		})
		return target
	}
	silent, _ := raw(t, func(_ int, c net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) })
	breaking, _ := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
		readRequest(r)
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	for name, tc := range map[string]struct {
		target string
		want   protocol.Kind
	}{
		"refused":     {refused, protocol.Refused},
		"no name":     {"http://no-such-host.invalid", protocol.Resolve},
		"timeout":     {silent, protocol.Timeout},
		"reset":       {breaking, protocol.Reset},
		"no answer":   {answer(""), protocol.Closed},
		"half answer": {answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"), protocol.Closed},
		"nonsense":    {answer("\x1b[2Jhello\r\n\r\n"), protocol.BadResponse},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 20 * time.Second
			if tc.want == protocol.Timeout {
				timeout = 100 * time.Millisecond
			}
			c, _ := client(t, tc.target, nil, protocol.Request{Method: "GET", Path: "/", Timeout: timeout})
			var out protocol.Outcome
			c.Do(newCall(0), &out)
			require.Equal(t, tc.want, out.Kind, "%v", out.Err)
			require.Error(t, out.Err)
			require.NotContains(t, out.Err.Error(), "\x1b")
			require.Zero(t, out.Status)
			require.GreaterOrEqual(t, out.Done, out.Start)
			c.Close()
		})
	}
}

func TestAClosedKeptConnectionIsReplacedAndCounted(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	// The first connection answers once, reads another request and closes without a word.
	serve := func(n int, c net.Conn, r *bufio.Reader) {
		for i := 0; readRequest(r); i++ {
			if n == 1 && i == 1 {
				return
			}
			io.WriteString(c, ok)
		}
	}
	for _, method := range []string{"GET", "POST"} {
		target, connections := raw(t, serve)
		c, _ := client(t, target, nil, protocol.Request{Method: method, Path: "/"})
		var out protocol.Outcome
		c.Do(newCall(0), &out)
		require.NoError(t, out.Err)
		require.False(t, out.Retried)
		c.Do(newCall(0), &out)
		if method == "POST" {
			require.Equal(t, protocol.Closed, out.Kind, "a POST that was sent may have been done: it is not sent twice")
			require.False(t, out.Retried)
		} else {
			require.NoError(t, out.Err)
			require.True(t, out.Retried)
			require.EqualValues(t, 2, connections.Load())
		}
		c.Close()
	}
}

func TestAFreshConnectionIsNeverRetried(t *testing.T) {
	target, connections := raw(t, func(_ int, c net.Conn, r *bufio.Reader) { readRequest(r) })
	c, _ := client(t, target, nil, protocol.Request{Method: "GET", Path: "/"})
	var out protocol.Outcome
	c.Do(newCall(0), &out)
	require.Equal(t, protocol.Closed, out.Kind)
	require.False(t, out.Retried)
	require.EqualValues(t, 1, connections.Load())
}

func TestAnIdleConnectionThatWasClosedIsFoundOutBeforeItIsUsed(t *testing.T) {
	closed := make(chan struct{}, 1)
	target, connections := raw(t, func(n int, c net.Conn, r *bufio.Reader) {
		if readRequest(r) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
		if n == 1 {
			c.Close()
			closed <- struct{}{}
		} else {
			readRequest(r)
		}
	})
	c, _ := client(t, target, nil, protocol.Request{Method: "POST", Path: "/"})
	var out protocol.Outcome
	c.Do(newCall(0), &out)
	require.NoError(t, out.Err)
	<-closed
	require.Eventually(t, func() bool { return gone(c.(*Client).conn) }, 10*time.Second, time.Millisecond)
	c.(*Client).lastUse -= 2 * probeAfter
	c.Do(newCall(0), &out)
	require.NoError(t, out.Err)
	require.False(t, out.Retried)
	require.EqualValues(t, 2, connections.Load())
	c.Close()
}

func TestBytesNobodyAskedForEndAConnection(t *testing.T) {
	target, connections := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if readRequest(r) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n")
		}
		readRequest(r)
	})
	c, _ := client(t, target, nil, protocol.Request{Method: "GET", Path: "/"})
	var out protocol.Outcome
	for range 3 {
		c.Do(newCall(0), &out)
		require.NoError(t, out.Err)
		require.Equal(t, 200, out.Status)
	}
	require.EqualValues(t, 3, connections.Load())
	c.Close()
}

// TestTimeoutsAreExactAlthoughDeadlinesAreLazy makes a deadline that was left standing fire during a later request.
func TestTimeoutsAreExactAlthoughDeadlinesAreLazy(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.URL.Query().Get("d"))
		if err != nil {
			return
		}
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	c, _ := client(t, srv.URL, nil,
		protocol.Request{Method: "GET", Path: "/?d=250ms", Timeout: 400 * time.Millisecond},
		protocol.Request{Method: "GET", Path: "/?d=1m", Timeout: 100 * time.Millisecond})
	var out protocol.Outcome
	for range 4 { // the deadline of the first fires 150 ms into the second
		c.Do(newCall(0), &out)
		if out.Kind == protocol.Timeout && out.Done-out.Start > 399*time.Millisecond {
			t.Skip("the machine is too busy for a request of 250 ms to take less than 400")
		}
		require.NoError(t, out.Err)
	}
	c.Do(newCall(1), &out)
	require.Equal(t, protocol.Timeout, out.Kind)
	require.GreaterOrEqual(t, out.Done-out.Start, 100*time.Millisecond)
	require.Less(t, out.Done-out.Start, 30*time.Second)
}

func TestTheContextBreaksARequestOff(t *testing.T) {
	begun := make(chan struct{})
	target, _ := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
		readRequest(r)
		close(begun)
		readRequest(r)
	})
	c, cancel := client(t, target, nil, protocol.Request{Method: "GET", Path: "/", Timeout: time.Hour})
	go func() {
		<-begun
		cancel()
	}()
	var out protocol.Outcome
	c.Do(newCall(0), &out)
	require.Equal(t, protocol.Interrupted, out.Kind)
	c.Do(newCall(0), &out)
	require.Equal(t, protocol.Interrupted, out.Kind, "and the next one too")
}

func TestTargetsAndRequestsThatCannotBe(t *testing.T) {
	for target, want := range map[string]string{
		"":                           "must start with http://",
		"ftp://h":                    "must start with http://",
		"http://":                    "has no host",
		"http://h:1/?a=b":            "query",
		"http://user:s3cret@h":       "Authorization",
		"http://user:s3cret@h:port/": "invalid port",
	} {
		_, err := New(target, nil)
		require.ErrorContains(t, err, want, target)
		require.NotContains(t, err.Error(), "s3cret")
	}
	p, err := New("http://[::1]:80", nil)
	require.NoError(t, err)
	for want, r := range map[string]protocol.Request{
		"percent-encoded":            {Method: "GET", Path: "/a b"},
		"must start with /":          {Method: "GET", Path: "a"},
		"unknown value":              {Method: "GET", Path: "/{{what}}"},
		"body: unknown value":        {Method: "POST", Path: "/", Body: "{{what}}"},
		"not supported":              {Method: "CONNECT", Path: "/"},
		"control character":          {Method: "GET", Path: "/", Headers: []protocol.Header{{Name: "A", Value: "b\r\nC: d"}}},
		"does not allow":             {Method: "GET", Path: "/", Headers: []protocol.Header{{Name: "A:", Value: "b"}}},
		"counted from the body":      {Method: "GET", Path: "/", Headers: []protocol.Header{{Name: "content-length", Value: "5"}}},
		"every request gets its own": {Method: "GET", Path: "/", Headers: []protocol.Header{{Name: "traceparent", Value: "x"}}},
	} {
		r.Timeout = time.Second
		_, err := p.Prepare(r)
		require.ErrorContains(t, err, want)
	}
	_, err = p.Prepare(protocol.Request{Method: "GET", Path: "/"})
	require.ErrorContains(t, err, "no timeout")
}

func TestNoAllocationPerRequest(t *testing.T) {
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
