package http1

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

func TestFailuresByKind(t *testing.T) { overEngines(t, checkFailuresByKind) }

func checkFailuresByKind(t *testing.T, client clientMaker) {
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
			c, _ := client(t, tc.target, nil, protocol.Request{Method: "GET", Path: "/", Step: protocol.Step{Timeout: timeout}})
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
	overEngines(t, checkAClosedKeptConnectionIsReplacedAndCounted)
}

func checkAClosedKeptConnectionIsReplacedAndCounted(t *testing.T, client clientMaker) {
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
	overEngines(t, checkAFreshConnectionIsNeverRetried)
}

func checkAFreshConnectionIsNeverRetried(t *testing.T, client clientMaker) {
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
	overEngines(t, checkBytesNobodyAskedForEndAConnection)
}

func checkBytesNobodyAskedForEndAConnection(t *testing.T, client clientMaker) {
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
	overEngines(t, checkTimeoutsAreExactAlthoughDeadlinesAreLazy)
}

func checkTimeoutsAreExactAlthoughDeadlinesAreLazy(t *testing.T, client clientMaker) {
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
		protocol.Request{Method: "GET", Path: "/?d=250ms", Step: protocol.Step{Timeout: 400 * time.Millisecond}},
		protocol.Request{Method: "GET", Path: "/?d=1m", Step: protocol.Step{Timeout: 100 * time.Millisecond}})
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

func TestTheContextBreaksARequestOff(t *testing.T) { overEngines(t, checkTheContextBreaksARequestOff) }

func checkTheContextBreaksARequestOff(t *testing.T, client clientMaker) {
	begun := make(chan struct{})
	target, _ := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
		readRequest(r)
		close(begun)
		readRequest(r)
	})
	c, cancel := client(t, target, nil, protocol.Request{Method: "GET", Path: "/", Step: protocol.Step{Timeout: time.Hour}})
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
		_, err := New(target, protocol.Options{})
		require.ErrorContains(t, err, want, target)
		require.NotContains(t, err.Error(), "s3cret")
	}
	p, err := New("http://[::1]:80", protocol.Options{})
	require.NoError(t, err)
	for want, r := range map[string]protocol.Request{
		"percent-encoded":            {Method: "GET", Path: "/a b"},
		"must start with /":          {Method: "GET", Path: "a"},
		"unknown value":              {Method: "GET", Path: "/{{what}}"},
		"body: unknown value":        {Method: "POST", Path: "/", Body: "{{what}}"},
		"not supported":              {Method: "CONNECT", Path: "/"},
		"control character":          {Method: "GET", Path: "/", Step: protocol.Step{Headers: []protocol.Header{{Name: "A", Value: "b\r\nC: d"}}}},
		"does not allow":             {Method: "GET", Path: "/", Step: protocol.Step{Headers: []protocol.Header{{Name: "A:", Value: "b"}}}},
		"counted from the body":      {Method: "GET", Path: "/", Step: protocol.Step{Headers: []protocol.Header{{Name: "content-length", Value: "5"}}}},
		"every request gets its own": {Method: "GET", Path: "/", Step: protocol.Step{Headers: []protocol.Header{{Name: "traceparent", Value: "x"}}}},
	} {
		r.Timeout = time.Second
		_, err := p.Prepare(r)
		require.ErrorContains(t, err, want)
	}
	_, err = p.Prepare(protocol.Request{Method: "GET", Path: "/"})
	require.ErrorContains(t, err, "no timeout")
}
