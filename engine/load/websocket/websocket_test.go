package websocket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/payload"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server accepts WebSocket connections and gives each to handle.
func server(t testing.TB, secure bool, handle func(context.Context, *coder.Conn, *http.Request)) *httptest.Server {
	t.Helper()
	var all sync.WaitGroup
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all.Add(1)
		defer all.Done()
		c, err := coder.Accept(w, r, &coder.AcceptOptions{Subprotocols: []string{"v2.chat"}, CompressionMode: coder.CompressionContextTakeover})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(1 << 22)
		handle(context.Background(), c, r)
	}))
	if s.Start(); secure {
		s.Close()
		s = httptest.NewTLSServer(s.Config.Handler)
	}
	t.Cleanup(func() { s.Close(); all.Wait() })
	return s
}

func echo(ctx context.Context, c *coder.Conn, _ *http.Request) {
	for {
		kind, b, err := c.Read(ctx)
		if err != nil {
			return
		}
		if c.Write(ctx, kind, b) != nil {
			return
		}
	}
}

func target(s *httptest.Server) string { return "ws" + strings.TrimPrefix(s.URL, "http") }

// client prepares steps and makes a client for them.
func client(t testing.TB, url string, o protocol.Options, s protocol.Step, steps ...Talk) *Client {
	t.Helper()
	p, err := New(url, o)
	require.NoError(t, err)
	if s.Timeout == 0 {
		s.Timeout = 30 * time.Second
	}
	s.Name = "step"
	for i := range steps {
		handle, err := p.Prepare(s, &steps[i])
		require.NoError(t, err)
		require.Equal(t, i, handle)
	}
	require.Len(t, p.Extras(), 4)
	c := p.NewClient(t.Context(), time.Now())
	t.Cleanup(c.Close)
	return c.(*Client)
}

func call(handle int, n uint64) *protocol.Call {
	return &protocol.Call{
		Request: handle, Sampled: true, Trace: [16]byte{0xab, 15: 1}, Span: [8]byte{0xcd, 7: 2},
		Values: template.Values{N: n, Plan: rand.New(rand.NewPCG(1, 1)), Fresh: rand.New(rand.NewPCG(2, n))},
	}
}

func do(c *Client, handle int, n uint64) protocol.Outcome {
	var out protocol.Outcome
	c.Do(call(handle, n), &out)
	return out
}

func TestMessagesOverAKeptConnection(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := server(t, secure, echo)
		var o protocol.Options
		if secure {
			o.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
		}
		c := client(t, target(s), o, protocol.Step{Keep: 6}, Talk{Send: "héllo {{n}}", Wait: &Wait{}, Expect: payload.Expect{Echo: true}})
		for n := range uint64(3) {
			out := do(c, 0, n)
			require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
			require.EqualValues(t, 8, out.Received)
			require.Equal(t, "héllo", string(out.Body))
			require.Equal(t, n > 0, out.Reused)
			require.Equal(t, n == 0, out.Extra[2] > 0, "connecting")
			require.Equal(t, [2]float64{1, 1}, [2]float64(out.Extra[:2]))
			require.Equal(t, map[bool]int{true: 101, false: 0}[n == 0], out.Status)
			require.Equal(t, secure && n == 0, out.Phases.TLS > 0)
			require.Positive(t, out.Phases.Wait)
			if n == 0 {
				require.Contains(t, "Connection: Upgrade: ", string(out.Head))
			}
		}
		c.Close()
	}
}

func TestTheHandshakeCarriesTraceHeadersAndSubprotocols(t *testing.T) {
	got := make(chan *http.Request, 2)
	s := server(t, false, func(_ context.Context, c *coder.Conn, r *http.Request) { got <- r; _ = c.Close(1000, c.Subprotocol()) })
	step := protocol.Step{Headers: []protocol.Header{{Name: "X-Plan", Value: "a"}, {Name: "x-both", Value: "plan"}}}
	c := client(t, target(s)+"/base/", protocol.Options{}, step, Talk{
		Path: "/room/{{n}}?x=1", Subprotocols: []string{"v1.chat", "v2.chat"}, Headers: map[string]string{"X-Both": "step {{n}}", "Host": "chat.example"},
	})
	out := do(c, 0, 7)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	r := <-got
	require.Equal(t, "/base/room/7?x=1", r.URL.String())
	require.Equal(t, "00-ab000000000000000000000000000001-cd00000000000002-01", r.Header.Get("Traceparent"))
	require.Equal(t, "ab000000000000000000000000000001", r.Header.Get("X-Correlation-ID"))
	require.Equal(t, "a", r.Header.Get("X-Plan"))
	require.Equal(t, []string{"step 7"}, r.Header.Values("X-Both"))
	require.Equal(t, "gameday", r.Header.Get("User-Agent"))
	require.Equal(t, "chat.example", r.Host)
	require.Equal(t, "v1.chat, v2.chat", r.Header.Get("Sec-WebSocket-Protocol"))
}

func TestStepsShareAConnectionThatSaysTheSame(t *testing.T) {
	var accepted atomic.Int32
	s := server(t, false, func(ctx context.Context, c *coder.Conn, r *http.Request) { accepted.Add(1); echo(ctx, c, r) })
	c := client(t, target(s), protocol.Options{}, protocol.Step{},
		Talk{}, Talk{Send: "hex:0001", Wait: &Wait{}, Expect: payload.Expect{Exact: "hex:0001"}}, Talk{Path: "/other", Ping: true}, Talk{Close: true, Path: "/other"})
	for _, step := range []int{0, 1, 1, 2, 2, 3, 2, 0} {
		out := do(c, step, 0)
		require.Equal(t, protocol.OK, out.Kind, "%d %v", step, out.Err)
		require.Equal(t, step == 2, out.Extra[3] > 0, "ping")
		require.Equal(t, step == 3, out.Status == 1000)
	}
	// The first, the other, the other after it was closed, the first again. A handler may begin after its answer has arrived.
	require.Eventually(t, func() bool { return accepted.Load() == 4 }, 30*time.Second, time.Millisecond)
}

func TestWaiting(t *testing.T) {
	equal := "42"
	s := server(t, false, func(ctx context.Context, c *coder.Conn, r *http.Request) {
		for {
			if _, _, err := c.Read(ctx); err != nil {
				return
			}
			for i := range 5 {
				if c.Write(ctx, coder.MessageText, fmt.Appendf(nil, `{"n": %d, "items":[{"id": %d}], "s":"text %d"}`, i, 40+i, i)) != nil {
					return
				}
			}
		}
	})
	for name, x := range map[string]struct {
		wait Wait
		n    int
		last string
	}{
		"one":         {Wait{}, 1, `"n": 0`},
		"five":        {Wait{Messages: 5}, 5, `"n": 4`},
		"contains":    {Wait{Until: Match{Contains: "text 2"}}, 3, `"n": 2`},
		"regex":       {Wait{Until: Match{Regex: `text [34]`}}, 4, `"n": 3`},
		"two match":   {Wait{Messages: 2, Until: Match{Regex: `text [134]`}}, 4, `"n": 3`},
		"json":        {Wait{Until: Match{JSON: "items.0.id", Equals: &equal}}, 3, `"n": 2`},
		"json exists": {Wait{Until: Match{JSON: "s"}}, 1, `"n": 0`},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, target(s), protocol.Options{}, protocol.Step{Keep: 100}, Talk{Send: "go", Wait: &x.wait, Close: true})
			out := do(c, 0, 0)
			require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
			require.GreaterOrEqual(t, out.Extra[1], float64(x.n))
			require.Contains(t, string(out.Body), x.last)
		})
	}
	c := client(t, target(s), protocol.Options{}, protocol.Step{Timeout: 200 * time.Millisecond}, Talk{Send: "go", Wait: &Wait{Messages: 6}})
	require.Equal(t, protocol.Timeout, do(c, 0, 0).Kind)
	c = client(t, target(s), protocol.Options{}, protocol.Step{}, Talk{Send: "go", Wait: &Wait{}, Expect: payload.Expect{Contains: "text 1"}})
	require.Equal(t, protocol.CheckFailed, do(c, 0, 0).Kind)
}

func TestHoldingCountsAndKeepsTheConnection(t *testing.T) {
	s := server(t, false, func(ctx context.Context, c *coder.Conn, r *http.Request) {
		for range 10 {
			if c.Write(ctx, coder.MessageText, []byte("tick")) != nil {
				return
			}
		}
		echo(ctx, c, r)
	})
	c := client(t, target(s), protocol.Options{}, protocol.Step{}, Talk{Hold: 100 * time.Millisecond}, Talk{Send: "still here", Wait: &Wait{Until: Match{Contains: "still"}}})
	total := 0.0
	for range 3 {
		out := do(c, 0, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.GreaterOrEqual(t, out.Done-out.Start, 100*time.Millisecond)
		total += out.Extra[1]
	}
	out := do(c, 1, 0)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	require.True(t, out.Reused)
	require.EqualValues(t, 11, total+out.Extra[1])
}

func TestPingsOfTheServerAreAnswered(t *testing.T) {
	s := server(t, false, func(ctx context.Context, c *coder.Conn, r *http.Request) {
		quiet := c.CloseRead(ctx)
		if c.Ping(quiet) == nil {
			_ = c.Write(ctx, coder.MessageText, []byte("ponged"))
		}
		<-quiet.Done()
	})
	c := client(t, target(s), protocol.Options{}, protocol.Step{}, Talk{Wait: &Wait{}, Expect: payload.Expect{Exact: "ponged"}})
	out := do(c, 0, 0)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	c.Close()
}

func TestLongMessages(t *testing.T) {
	c := client(t, target(server(t, false, echo)), protocol.Options{}, protocol.Step{},
		Talk{Send: "{{text 125}}", Wait: &Wait{}, Expect: payload.Expect{Echo: true}}, Talk{Send: "{{text 126}}", Wait: &Wait{}, Expect: payload.Expect{Echo: true}},
		Talk{Send: "{{text 65536}}", Binary: true, Wait: &Wait{}, Expect: payload.Expect{Echo: true}}, Talk{Send: "{{text 1000000}}", Wait: &Wait{}, Expect: payload.Expect{Echo: true}},
		Talk{Send: "{{text 2000}}", Wait: &Wait{}, MaxBytes: 1999})
	for step := range 4 {
		out := do(c, step, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	}
	require.Equal(t, protocol.BadResponse, do(c, 4, 0).Kind)
}

func TestTheServerCloses(t *testing.T) {
	s := server(t, false, func(ctx context.Context, c *coder.Conn, _ *http.Request) {
		_, _, _ = c.Read(ctx)
		_ = c.Close(1011, "geheim")
	})
	c := client(t, target(s), protocol.Options{}, protocol.Step{}, Talk{Send: "x", Wait: &Wait{}})
	for range 2 {
		out := do(c, 0, 0)
		require.Equal(t, protocol.Closed, out.Kind)
		require.Equal(t, 1011, out.Status)
		require.EqualError(t, out.Err, "the server closed the connection with code 1011")
		require.False(t, out.Reused)
	}
}

func TestInterruptionAndNobodyListening(t *testing.T) {
	p, err := New(target(server(t, false, echo)), protocol.Options{})
	require.NoError(t, err)
	_, err = p.Prepare(protocol.Step{Name: "s", Timeout: time.Hour}, &Talk{Wait: &Wait{}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	c := p.NewClient(ctx, time.Now()).(*Client)
	defer c.Close()
	time.AfterFunc(20*time.Millisecond, cancel)
	require.Equal(t, protocol.Interrupted, do(c, 0, 0).Kind)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.Equal(t, protocol.Refused, do(client(t, "ws://"+l.Addr().String(), protocol.Options{}, protocol.Step{}, Talk{}), 0, 0).Kind)
}

func TestFilledInValuesCannotSmuggleHeaders(t *testing.T) {
	slot := func(string) (int, bool) { return 0, true }
	for name, x := range map[string]Talk{"path": {Path: "/{{v}}"}, "header": {Headers: map[string]string{"X": "{{v}}"}}, "host": {Headers: map[string]string{"Host": "{{v}}"}}} {
		c := client(t, target(server(t, false, echo)), protocol.Options{}, protocol.Step{Names: slot}, x)
		var out protocol.Outcome
		k := call(0, 0)
		k.Slots = [][]byte{[]byte("geheim\r\nEvil: yes")}
		c.Do(k, &out)
		require.Equal(t, protocol.Unsendable, out.Kind, name)
		require.NotContains(t, out.Err.Error(), "geheim")
		c.Close()
	}
}

func TestMistakesAreFoundBeforeTheRun(t *testing.T) {
	value := "x"
	for want, x := range map[string]Talk{
		"path: the path must":    {Path: "x"},
		"percent-encoded":        {Path: "/a b"},
		"path: ":                 {Path: "/{{nonsense 1}}"},
		"subprotocols: ":         {Subprotocols: []string{"a b"}},
		"header name":            {Headers: map[string]string{"a b": ""}},
		"makes its own":          {Headers: map[string]string{"sec-websocket-key": "x"}},
		"control character":      {Headers: map[string]string{"X": "geheim\r\n"}},
		"send: ":                 {Send: "hex:4"},
		"binary: ":               {Binary: true},
		"wait.messages: -1":      {Wait: &Wait{Messages: -1}},
		"wait.until: equals":     {Wait: &Wait{Until: Match{Equals: &value}}},
		"wait.until: regex":      {Wait: &Wait{Until: Match{Regex: "("}}},
		"wait.until: contains":   {Wait: &Wait{Until: Match{Contains: "hex:4"}}},
		"expect: nothing":        {Expect: payload.Expect{Exact: "x"}},
		"hold: -1":               {Hold: -1},
		"hold: 2s is not below ": {Hold: 2 * time.Second},
		"maxBytes: -1":           {MaxBytes: -1},
	} {
		p, err := New("ws://127.0.0.1:1", protocol.Options{})
		require.NoError(t, err)
		_, err = p.Prepare(protocol.Step{Name: "s", Timeout: time.Second}, &x)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "geheim")
	}
	for _, url := range []string{"http://h", "ws://h?x=1", "wss://u:p@h"} {
		_, err := New(url, protocol.Options{})
		require.Error(t, err, url)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	url := raw(t, func(c net.Conn, key string) {
		_, _ = io.WriteString(c, switched(key)+"\r\n")
		answer := []byte("\x81\x02hi")
		for buf := make([]byte, 100); ; {
			if _, err := io.ReadFull(c, buf[:2+4+5]); err != nil {
				return
			}
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
	c := client(t, url, protocol.Options{}, protocol.Step{Keep: 10}, Talk{Send: "hello", Wait: &Wait{}, Expect: payload.Expect{Exact: "hi"}})
	var out protocol.Outcome
	k := call(0, 0)
	c.Do(k, &out)
	require.Less(t, testing.AllocsPerRun(500, func() { c.Do(k, &out) }), 0.5)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	c.Close()
}

func TestMask(t *testing.T) {
	for n := range 20 {
		b := bytes.Repeat([]byte{7}, n)
		mask(b, 0x01020304)
		for i := range b {
			require.EqualValues(t, 7^[]byte{4, 3, 2, 1}[i%4], b[i])
		}
	}
}
