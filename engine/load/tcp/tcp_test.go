package tcp

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
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

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/payload"
	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve gives each connection to handle, in a goroutine of its own, and closes it afterwards.
func serve(t testing.TB, config *tls.Config, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if config != nil {
				c = tls.Server(c, config)
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				handle(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

func echo(c net.Conn) { _, _ = io.Copy(c, c) }

// client prepares one step and makes a client for it.
func client(t testing.TB, target string, x Exchange, s protocol.Step) protocol.Client {
	t.Helper()
	p, err := New(target, protocol.Options{})
	require.NoError(t, err)
	return with(t, p, x, s)
}

func with(t testing.TB, p *Protocol, x Exchange, s protocol.Step) protocol.Client {
	t.Helper()
	s.Name = "step"
	if s.Timeout == 0 {
		s.Timeout = 30 * time.Second
	}
	handle, err := p.Prepare(s, &x)
	require.NoError(t, err)
	require.Zero(t, handle)
	c := p.NewClient(t.Context(), time.Now())
	t.Cleanup(c.Close)
	return c
}

func do(c protocol.Client, n uint64) protocol.Outcome { return request(c, 0, n) }

func request(c protocol.Client, handle int, n uint64) protocol.Outcome {
	var out protocol.Outcome
	call := protocol.Call{Request: handle, Values: template.Values{N: n, Plan: rand.New(rand.NewPCG(1, 1)), Fresh: rand.New(rand.NewPCG(2, 2))}}
	c.Do(&call, &out)
	return out
}

func TestExchangesOverAKeptConnection(t *testing.T) {
	c := client(t, "tcp://"+serve(t, nil, echo), Exchange{Send: "hello {{n}}\n", Expect: payload.Expect{Regex: `^hello \d+$`}}, protocol.Step{Keep: 5})
	for n := range uint64(3) {
		out := do(c, n)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.EqualValues(t, 7, out.Received)
		require.Equal(t, "hello", string(out.Body))
		require.Equal(t, n > 0, out.Reused)
		require.Equal(t, n == 0, out.Dials == 1)
		require.Equal(t, n == 0, out.Phases.Connect > 0)
		require.Positive(t, out.Phases.Write)
		require.Positive(t, out.Phases.Wait)
		require.GreaterOrEqual(t, out.Done-out.Start, out.Phases.Connect+out.Phases.Write+out.Phases.Wait+out.Phases.Read)
	}
}

func TestConnectionPerRequest(t *testing.T) {
	var accepted atomic.Int32
	address := serve(t, nil, func(c net.Conn) { accepted.Add(1); echo(c) })
	c := client(t, "tcp://"+address, Exchange{Send: "x\n", Connection: "per-request"}, protocol.Step{})
	for range 3 {
		out := do(c, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.False(t, out.Reused)
	}
	require.EqualValues(t, 3, accepted.Load())
}

func TestTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	defer srv.Close()
	address := serve(t, &tls.Config{Certificates: srv.TLS.Certificates}, echo)
	p, err := New("tls://"+address, protocol.Options{TLS: srv.Client().Transport.(*http.Transport).TLSClientConfig})
	require.NoError(t, err)
	c := with(t, p, Exchange{Send: "x\n", Expect: payload.Expect{Exact: "x"}}, protocol.Step{})
	for i := range 3 {
		out := do(c, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Equal(t, i == 0, out.Phases.TLS > 0)
	}
	strict := client(t, "tls://"+address, Exchange{Send: "x\n"}, protocol.Step{})
	require.Equal(t, protocol.TLS, do(strict, 0).Kind)
}

func TestFramings(t *testing.T) {
	for name, c := range map[string]struct {
		framing Framing
		stream  string
		want    string
	}{
		"line":             {Framing{}, "one\r\n", "one"},
		"delimiter":        {Framing{Kind: "delimiter", Delimiter: "\r\n.\r\n"}, "a\r\nb\r\n.\r\n", "a\r\nb"},
		"hex delimiter":    {Framing{Kind: "delimiter", Delimiter: "hex:00ff"}, "ab\x00\xff", "ab"},
		"length":           {Framing{Kind: "length", Length: 5}, "12345", "12345"},
		"prefix 1":         {Framing{Kind: "prefix", Prefix: 1}, "\x03abc", "abc"},
		"prefix 2":         {Framing{Kind: "prefix", Prefix: 2}, "\x00\x03abc", "abc"},
		"prefix 2 little":  {Framing{Kind: "prefix", Prefix: 2, Order: "little"}, "\x03\x00abc", "abc"},
		"prefix 4":         {Framing{Kind: "prefix"}, "\x00\x00\x00\x03abc", "abc"},
		"prefix inclusive": {Framing{Kind: "prefix", Inclusive: true}, "\x00\x00\x00\x07abc", "abc"},
		"empty prefixed":   {Framing{Kind: "prefix"}, "\x00\x00\x00\x00", ""},
		"close":            {Framing{Kind: "close"}, "all\nof it", "all\nof it"},
		"close at once":    {Framing{Kind: "close"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, nil, func(conn net.Conn) {
				for i := range len(c.stream) { // a byte at a time: an answer may come in any pieces
					_, _ = conn.Write([]byte{c.stream[i]})
				}
			})
			cl := client(t, "tcp://"+address, Exchange{Connection: "per-request", Framing: c.framing}, protocol.Step{Keep: 100})
			out := do(cl, 0)
			require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
			require.Equal(t, c.want, string(out.Body))
		})
	}
}

func TestFirstBytesWithoutFraming(t *testing.T) {
	c := client(t, "tcp://"+serve(t, nil, echo), Exchange{Send: "hex:010203", Framing: Framing{Kind: "none"}, Expect: payload.Expect{Echo: true}}, protocol.Step{})
	require.Equal(t, protocol.OK, do(c, 0).Kind)
}

func TestALengthGoesInFrontOfWhatIsSent(t *testing.T) {
	for _, f := range []Framing{{Kind: "prefix", Prefix: 2, Add: true, Inclusive: true, Order: "little"}, {Kind: "prefix", Prefix: 1, Add: true}, {Kind: "prefix", Add: true}} {
		c := client(t, "tcp://"+serve(t, nil, echo), Exchange{Send: "number {{n}}", Framing: f, Expect: payload.Expect{Echo: true}}, protocol.Step{Keep: 20})
		out := do(c, 12)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Equal(t, "number 12", string(out.Body))
	}
	c := client(t, "tcp://127.0.0.1:1", Exchange{Send: strings.Repeat("x", 256), Framing: Framing{Kind: "prefix", Prefix: 1, Add: true}}, protocol.Step{})
	require.Equal(t, protocol.Unsendable, do(c, 0).Kind)
}

func TestGreetingAndSendOnly(t *testing.T) {
	got := make(chan string, 10)
	address := serve(t, nil, func(c net.Conn) {
		_, _ = io.WriteString(c, "220 welcome\r\n")
		for lines := bufio.NewScanner(c); lines.Scan(); {
			got <- lines.Text()
			_, _ = io.WriteString(c, "250 "+lines.Text()+"\r\n")
		}
	})
	c := client(t, "tcp://"+address, Exchange{Send: "HELO {{n}}\r\n", Greeting: true, Expect: payload.Expect{Exact: "250 HELO 5"}}, protocol.Step{})
	for range 2 {
		out := do(c, 5)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Equal(t, "HELO 5", <-got)
	}
	quiet := client(t, "tcp://"+address, Exchange{Send: "m {{n}}\n", SendOnly: true}, protocol.Step{})
	for n := range uint64(2) {
		out := do(quiet, n)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Zero(t, out.Received)
		require.Equal(t, fmt.Sprintf("m %d", n), <-got)
	}
}

func TestAClosedConnectionIsReplacedBeforeAnythingIsSent(t *testing.T) {
	var accepted atomic.Int32
	address := serve(t, nil, func(c net.Conn) {
		accepted.Add(1)
		line, _ := bufio.NewReader(c).ReadString('\n')
		_, _ = io.WriteString(c, line)
	})
	c := client(t, "tcp://"+address, Exchange{Send: "x\n"}, protocol.Step{}).(*Client)
	for i := range int32(3) {
		out := do(c, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Equal(t, i+1, accepted.Load())
		require.Eventually(t, c.link.Gone, 30*time.Second, time.Millisecond)
	}
}

func TestCheckFailed(t *testing.T) {
	c := client(t, "tcp://"+serve(t, nil, echo), Exchange{Send: "no\n", Expect: payload.Expect{Contains: "yes"}}, protocol.Step{Keep: 10})
	for i := range 2 {
		out := do(c, 0)
		require.Equal(t, protocol.CheckFailed, out.Kind)
		require.ErrorContains(t, out.Err, "does not contain")
		require.Equal(t, "no", string(out.Body))
		require.Equal(t, i > 0, out.Reused, "the answer was whole: the connection is kept")
	}
}

func TestHostileServers(t *testing.T) {
	big := make([]byte, 4)
	binary.BigEndian.PutUint32(big, 1<<31)
	for name, c := range map[string]struct {
		x      Exchange
		handle func(net.Conn)
		kind   protocol.Kind
	}{
		"endless line": {Exchange{Send: "x", MaxBytes: 1000}, func(c net.Conn) {
			for junk := make([]byte, 10_000); ; {
				if _, err := c.Write(junk); err != nil {
					return
				}
			}
		}, protocol.BadResponse},
		"endless until close": {Exchange{Send: "x", MaxBytes: 1000, Connection: "per-request", Framing: Framing{Kind: "close"}}, func(c net.Conn) {
			for junk := make([]byte, 10_000); ; {
				if _, err := c.Write(junk); err != nil {
					return
				}
			}
		}, protocol.BadResponse},
		"huge prefix":     {Exchange{Send: "x", Framing: Framing{Kind: "prefix"}}, func(c net.Conn) { _, _ = c.Write(big); echo(c) }, protocol.BadResponse},
		"prefix too low":  {Exchange{Send: "x", Framing: Framing{Kind: "prefix", Inclusive: true}}, func(c net.Conn) { _, _ = c.Write([]byte{0, 0, 0, 3}); echo(c) }, protocol.BadResponse},
		"half an answer":  {Exchange{Send: "x"}, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); _, _ = io.WriteString(c, "half") }, protocol.Closed},
		"closes at once":  {Exchange{Send: "x"}, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, protocol.Closed},
		"silence":         {Exchange{}, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, protocol.Timeout},
		"never reads":     {Exchange{Send: "{{text 1000000}}{{text 1000000}}{{text 1000000}}{{text 1000000}}{{text 1000000}}{{text 1000000}}{{text 1000000}}{{text 1000000}}", SendOnly: true, MaxBytes: 1}, func(c net.Conn) { _ = c.(*net.TCPConn).SetReadBuffer(4096); time.Sleep(600 * time.Millisecond) }, protocol.Timeout},
		"resets":          {Exchange{Send: "x"}, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); _ = c.(*net.TCPConn).SetLinger(0) }, protocol.Reset},
		"silent greeting": {Exchange{Send: "x", Greeting: true}, echo, protocol.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 30 * time.Second
			if c.kind == protocol.Timeout {
				timeout = 150 * time.Millisecond
			}
			cl := client(t, "tcp://"+serve(t, nil, c.handle), c.x, protocol.Step{Timeout: timeout})
			out := do(cl, 0)
			require.Equal(t, c.kind, out.Kind, "%v", out.Err)
			require.Error(t, out.Err)
			require.GreaterOrEqual(t, out.Done, out.Start)
			cl.Close()
		})
	}
}

func TestSurplusIsNotTheNextAnswer(t *testing.T) {
	var accepted atomic.Int32
	address := serve(t, nil, func(c net.Conn) {
		accepted.Add(1)
		for in := bufio.NewReader(c); ; {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			_, _ = io.WriteString(c, "answer\nsurplus\n")
		}
	})
	c := client(t, "tcp://"+address, Exchange{Send: "x\n", Expect: payload.Expect{Exact: "answer"}}, protocol.Step{})
	for range 3 {
		require.Equal(t, protocol.OK, do(c, 0).Kind)
	}
	require.EqualValues(t, 3, accepted.Load())
}

func TestWhatCameUnaskedIsNotTheNextAnswer(t *testing.T) {
	var accepted atomic.Int32
	address := serve(t, nil, func(c net.Conn) {
		accepted.Add(1)
		for in := bufio.NewReader(c); ; {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			_, _ = io.WriteString(c, "answer\n")
			time.Sleep(5 * time.Millisecond)
			_, _ = io.WriteString(c, "news\n")
		}
	})
	c := client(t, "tcp://"+address, Exchange{Send: "x\n", Expect: payload.Expect{Exact: "answer"}}, protocol.Step{}).(*Client)
	for i := range int32(3) {
		out := do(c, 0)
		require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
		require.Equal(t, i+1, accepted.Load())
		require.Eventually(t, c.link.Stale, 30*time.Second, time.Millisecond)
		require.False(t, c.link.Gone())
	}
	push := client(t, "tcp://"+serve(t, nil, func(c net.Conn) {
		_, _ = io.WriteString(c, "one\ntwo\n")
		_, _ = io.Copy(io.Discard, c)
	}), Exchange{}, protocol.Step{Keep: 10})
	out := do(push, 0)
	require.Equal(t, protocol.OK, out.Kind, "%v", out.Err)
	require.Equal(t, "one", string(out.Body))
}

func TestInterruption(t *testing.T) {
	p, err := New("tcp://"+serve(t, nil, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), protocol.Options{})
	require.NoError(t, err)
	_, err = p.Prepare(protocol.Step{Name: "s", Timeout: time.Hour}, &Exchange{Send: "x"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	c := p.NewClient(ctx, time.Now())
	defer c.Close()
	time.AfterFunc(20*time.Millisecond, cancel)
	require.Equal(t, protocol.Interrupted, do(c, 0).Kind)
	require.Equal(t, protocol.Interrupted, do(c, 0).Kind)
}

func TestMistakesAreFoundBeforeTheRun(t *testing.T) {
	for want, x := range map[string]Exchange{
		"send: ":          {Send: "{{nonsense 1}}"},
		"sendOnly: ":      {SendOnly: true},
		"maxBytes: ":      {MaxBytes: -1},
		"connection: \"":  {Connection: "sometimes"},
		"needs per-requ":  {Framing: Framing{Kind: "close"}},
		"expect: ":        {Send: "x", SendOnly: true, Expect: payload.Expect{Exact: "y"}},
		"expect.regex: ":  {Expect: payload.Expect{Regex: "("}},
		"needs a delimit": {Framing: Framing{Kind: "delimiter"}},
		"only for kind d": {Framing: Framing{Delimiter: ";"}},
		"only for kind l": {Framing: Framing{Length: 1}},
		"only for kind p": {Framing: Framing{Add: true}},
		"length 0 is not": {Framing: Framing{Kind: "length"}},
		"prefix of 3":     {Framing: Framing{Kind: "prefix", Prefix: 3}},
		"order \"middle":  {Framing: Framing{Kind: "prefix", Order: "middle"}},
		"kind \"guess\"":  {Framing: Framing{Kind: "guess"}},
	} {
		p, err := New("tcp://127.0.0.1:1", protocol.Options{})
		require.NoError(t, err)
		_, err = p.Prepare(protocol.Step{Name: "s", Timeout: time.Second}, &x)
		require.ErrorContains(t, err, want)
	}
	p, err := New("tcp://127.0.0.1:1", protocol.Options{})
	require.NoError(t, err)
	_, err = p.Prepare(protocol.Step{Name: "s"}, &Exchange{Send: "x"})
	require.ErrorContains(t, err, "no timeout")
	_, err = p.Prepare(protocol.Step{Name: "s", Timeout: 1}, &Exchange{Send: "{{unknown}}"})
	require.ErrorContains(t, err, "unknown")
	for _, target := range []string{"http://h:1", "tcp://h", "tcp://h:1/path"} {
		_, err := New(target, protocol.Options{})
		require.Error(t, err, target)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	c := client(t, "tcp://"+serve(t, nil, echo), Exchange{Send: "hello {{n}}\n", Expect: payload.Expect{Contains: "hello"}}, protocol.Step{Keep: 100})
	var out protocol.Outcome
	call := protocol.Call{}
	require.Less(t, testing.AllocsPerRun(500, func() { c.Do(&call, &out) }), 0.5)
	require.Equal(t, protocol.OK, out.Kind)
}

func FuzzCut(f *testing.F) {
	f.Add([]byte("a\r\nb\n"), byte(0), 3)
	f.Add([]byte("\x00\x00\x00\x02ab"), byte(3), 2)
	f.Fuzz(func(t *testing.T, stream []byte, kind byte, piece int) {
		framings := []Framing{
			{}, {Kind: "delimiter", Delimiter: "aab"}, {Kind: "length", Length: 7}, {Kind: "prefix"}, {Kind: "prefix", Prefix: 2, Inclusive: true, Order: "little"},
			{Kind: "prefix", Prefix: 1}, {Kind: "close"}, {Kind: "none"},
		}
		m, err := framings[int(kind)%len(framings)].compile(64)
		require.NoError(t, err)
		whole, used, wholeErr := m.cut(stream, 0, true)
		require.LessOrEqual(t, used, len(stream))
		require.True(t, wholeErr != nil || len(whole) <= 64)
		if m.kind == "none" || m.kind == "close" || wholeErr != nil {
			return
		}
		seen := 0
		piece = 1 + int(uint(piece)%16)
		for end := piece; ; end += piece { // the same in pieces
			end = min(end, len(stream))
			part, n, err := m.cut(stream[:end], seen, false)
			require.NoError(t, err)
			if n > 0 {
				require.Equal(t, used, n)
				require.Equal(t, string(whole), string(part))
				return
			}
			require.Less(t, end, len(stream), "never complete")
			seen = end
		}
	})
}
