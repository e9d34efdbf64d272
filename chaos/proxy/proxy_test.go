package proxy

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// serve runs handler for each connection to a loopback port until the test ends.
func serve(t testing.TB, handler func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() { defer c.Close(); handler(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

// echo answers with what it gets, until the end, and then ends.
func echo(c net.Conn) { _, _ = io.Copy(c, c) }

func link(t testing.TB, proto, upstream string) *Link {
	t.Helper()
	s := NewSet()
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	l, err := s.Link("checkout", "payment", proto, upstream)
	require.NoError(t, err)
	return l
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c.(*net.TCPConn)
}

// ask sends a line and waits for its echo.
func ask(t testing.TB, c net.Conn, s string) time.Duration {
	t.Helper()
	start := time.Now()
	_, err := c.Write([]byte(s))
	require.NoError(t, err)
	buf := make([]byte, len(s))
	_, err = io.ReadFull(c, buf)
	require.NoError(t, err)
	require.Equal(t, s, string(buf))
	return time.Since(start)
}

func must(t testing.TB) func(*Rule, error) *Rule {
	return func(r *Rule, err error) *Rule { t.Helper(); require.NoError(t, err); return r }
}

func TestBytesPassUnchangedAndHalfCloseIsHonoured(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	c := dial(t, l.Addr())
	want := make([]byte, 3<<20+17)
	_, _ = rand.Read(want)
	go func() {
		_, _ = c.Write(want)
		_ = c.CloseWrite() // the echo must still come back
	}()
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
	require.Eventually(t, func() bool { return l.Stats().Open == 0 }, patience, time.Millisecond)
	require.EqualValues(t, len(want), l.Stats().RequestBytes)
	require.EqualValues(t, len(want), l.Stats().ResponseBytes)
}

func TestBytesPassUnchangedWhileFaultsComeAndGo(t *testing.T) {
	l := link(t, "http", serve(t, echo)) // http, so that moving between upstreams is tried as well
	c := dial(t, l.Addr())
	want := make([]byte, 24<<20)
	_, _ = rand.Read(want)
	go func() {
		for i := 0; i < len(want); i += 1 << 20 {
			if _, err := c.Write(want[i : i+1<<20]); err != nil {
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
		_ = c.CloseWrite()
	}()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(i%5) * time.Millisecond):
			}
			r, err := l.Set(Latency{Delay: time.Duration(i%7) * time.Millisecond, Jitter: time.Millisecond, Reach: Reach{Direction: []Direction{Response, Request, Both}[i%3]}})
			if err != nil {
				return
			}
			time.Sleep(3 * time.Millisecond)
			r.Remove()
		}
	})
	got, err := io.ReadAll(c)
	close(stop)
	wg.Wait()
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
}

func TestLatencyIsFeltAtOnceOnLiveConnectionsAndGoesAtOnce(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	c := dial(t, l.Addr())
	ask(t, c, "before")
	r := must(t)(l.Set(Latency{Delay: 150 * time.Millisecond}))
	require.GreaterOrEqual(t, ask(t, c, "during"), 150*time.Millisecond)
	require.GreaterOrEqual(t, ask(t, dial(t, l.Addr()), "a new one"), 150*time.Millisecond)
	require.EqualValues(t, 2, r.Touched(), "one per round trip")
	r2 := must(t)(l.Set(Latency{Delay: 100 * time.Millisecond, Reach: Reach{Direction: Request}}))
	require.GreaterOrEqual(t, ask(t, c, "both add up"), 250*time.Millisecond)
	r2.Remove()
	r.Remove()
	r.Remove()
	require.False(t, r.Set())
	require.Eventually(t, func() bool { return ask(t, c, "after") < 100*time.Millisecond }, patience, time.Millisecond)
}

func TestRemovingLatencyLetsGoWhatIsUnderWay(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	c := dial(t, l.Addr())
	r := must(t)(l.Set(Latency{Delay: time.Hour}))
	_, err := c.Write([]byte("late"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return r.Touched() == 1 }, patience, time.Millisecond)
	r.Remove()
	buf := make([]byte, 4)
	_, err = io.ReadFull(c, buf)
	require.NoError(t, err)
	require.Equal(t, "late", string(buf))
}

func TestLongAnswersAreLateOnceAndThroughputIsNotDivided(t *testing.T) {
	const size = 6 << 20
	l := link(t, "tcp", serve(t, func(c net.Conn) { _, _ = c.Write(make([]byte, size)) }))
	must(t)(l.Set(Latency{Delay: 300 * time.Millisecond}))
	start := time.Now()
	n, err := io.Copy(io.Discard, dial(t, l.Addr()))
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	took := time.Since(start)
	require.GreaterOrEqual(t, took, 300*time.Millisecond)
	// Store and forward would take 300 ms for each of the 192 chunks: near a minute.
	require.Less(t, took, patience)
}

func TestPartitionStallsAndResetsOnlyWhoTriedToTalk(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	talks, idle := dial(t, l.Addr()), dial(t, l.Addr())
	ask(t, talks, "before")
	ask(t, idle, "before")
	r := must(t)(l.Set(Partition{}))
	fresh := dial(t, l.Addr()) // accepted, and then nothing
	for _, c := range []*net.TCPConn{talks, fresh} {
		_, err := c.Write([]byte("lost"))
		require.NoError(t, err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		_, err = c.Read(make([]byte, 1))
		require.True(t, errors.Is(err, syscall.EAGAIN) || err.(net.Error).Timeout(), "nothing comes through: %v", err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	}
	require.Eventually(t, func() bool { return r.Touched() == 2 }, patience, time.Millisecond)
	r.Remove()
	for _, c := range []*net.TCPConn{talks, fresh} {
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET, "what was said during the partition is not delivered late")
	}
	ask(t, idle, "goes on")
	ask(t, dial(t, l.Addr()), "new ones, too")
}

func TestPartitionHoldsWhatADelayHadUnderWay(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	c := dial(t, l.Addr())
	lat := must(t)(l.Set(Latency{Delay: 50 * time.Millisecond}))
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return lat.Touched() == 1 }, patience, time.Millisecond)
	p := must(t)(l.Set(Partition{}))
	require.NoError(t, c.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	n, _ := c.Read(make([]byte, 1))
	require.LessOrEqual(t, n, 1) // it may have been out of the door before the partition came
	if n == 0 {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		p.Remove()
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
}

func TestRejectingPartitionResets(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	c := dial(t, l.Addr())
	ask(t, c, "before")
	r := must(t)(l.Set(Partition{Reject: true}))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	fresh, err := net.Dial("tcp", l.Addr())
	if err == nil {
		defer fresh.Close()
		require.NoError(t, fresh.SetDeadline(time.Now().Add(patience)))
		_, err = fresh.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.EqualValues(t, 2, r.Touched())
	r.Remove()
	ask(t, dial(t, l.Addr()), "after")
}

func TestUpstreamThatIsDownLooksBrokenAndCanBeExchanged(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := ln.Addr().String()
	require.NoError(t, ln.Close())
	l := link(t, "tcp", dead)
	c, err := net.Dial("tcp", l.Addr()) // the reset may come before connect returns
	if err == nil {
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.EqualValues(t, 1, l.Stats().Failed)
	l.SetUpstream(serve(t, echo))
	ask(t, dial(t, l.Addr()), "hello")
}

func TestAServerThatResetsIsSeenAsSuch(t *testing.T) {
	l := link(t, "tcp", serve(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_ = c.(*net.TCPConn).SetLinger(0)
	}))
	c := dial(t, l.Addr())
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestCloseEndsHeldAndDelayedConnections(t *testing.T) {
	up := serve(t, echo)
	s := NewSet()
	for i, set := range []func(*Link) (*Rule, error){
		func(l *Link) (*Rule, error) { return l.Set(Partition{}) },
		func(l *Link) (*Rule, error) { return l.Set(Latency{Delay: time.Hour, Reach: Reach{Direction: Both}}) },
	} {
		l, err := s.Link("a", string(rune('b'+i)), "tcp", up)
		require.NoError(t, err)
		old := dial(t, l.Addr())
		ask(t, old, "hello")
		must(t)(set(l))
		for _, c := range []net.Conn{old, dial(t, l.Addr())} {
			_, err = c.Write([]byte("x"))
			require.NoError(t, err)
		}
	}
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	_, err := s.Link("a", "z", "tcp", up)
	require.ErrorContains(t, err, "closed")
}

func TestWhatALinkCannotBe(t *testing.T) {
	s := NewSet()
	defer s.Close()
	_, err := s.Link("a", "b", "quic", "127.0.0.1:1")
	require.ErrorContains(t, err, "use tcp, http, grpc, udp or forward")
	_, err = s.Link("a", "b", "forward", "127.0.0.1:1")
	require.ErrorContains(t, err, "no upstream")
	_, err = s.Link("a", "b", "tcp", "nowhere")
	require.ErrorContains(t, err, "upstream")
	l, err := s.Link("a", "b", "tcp", "127.0.0.1:1")
	require.NoError(t, err)
	_, err = s.Link("a", "b", "tcp", "127.0.0.1:1")
	require.ErrorContains(t, err, "there is one already")
	_, err = l.Set(Failure{Status: 503})
	require.ErrorContains(t, err, "plain TCP")
	_, err = l.Set(Latency{Delay: -1})
	require.Error(t, err)
	require.Equal(t, "a→b", s.Targets()[0].Name)
	require.Equal(t, map[string]string{"from": "a", "to": "b", "proto": "tcp"}, s.Targets()[0].Labels)
}
