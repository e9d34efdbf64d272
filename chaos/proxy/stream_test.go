package proxy

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// noise is n random bytes, the same for the same seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := source(seed, 0)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// says serves bytes to whoever connects, and then ends.
func says(t testing.TB, b []byte) string {
	return serve(t, func(c net.Conn) { _, _ = c.Write(b) })
}

func all(t testing.TB, l *Link) []byte {
	t.Helper()
	b, err := io.ReadAll(dial(t, l.Addr()))
	require.NoError(t, err)
	return b
}

func TestBandwidthIsOfTheLinkNotOfTheConnection(t *testing.T) {
	data := noise(1, 60_000)
	l := link(t, "tcp", says(t, data))
	r := must(t)(l.Set(Bandwidth{Rate: 400_000}))
	start := time.Now()
	var wg sync.WaitGroup
	for range 3 {
		c := dial(t, l.Addr())
		wg.Go(func() {
			if b, err := io.ReadAll(c); err != nil || !bytes.Equal(b, data) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
	wg.Wait()
	// 180 kB at 400 kB/s take 450 ms, of which a burst of 25 ms is free; each connection alone would take 150 ms.
	require.GreaterOrEqual(t, time.Since(start), 420*time.Millisecond)
	require.NotZero(t, r.Touched())
	r.Remove()
	wide := must(t)(l.Set(Bandwidth{Rate: 1e12}))
	require.Equal(t, data, all(t, l))
	require.Zero(t, wide.Touched(), "a limit that is not reached did nothing")
}

func TestRemovingBandwidthLetsGo(t *testing.T) {
	data := noise(2, 200_000)
	l := link(t, "tcp", says(t, data))
	r := must(t)(l.Set(Bandwidth{Rate: 100})) // more than half an hour
	c := dial(t, l.Addr())
	got := make([]byte, 1)
	_, err := io.ReadFull(c, got)
	require.NoError(t, err)
	r.Remove()
	rest, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, data, append(got, rest...))
}

func TestResetAtOnce(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	c := dial(t, l.Addr())
	ask(t, c, "before")
	r := must(t)(l.Set(Reset{}))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	fresh, err := net.Dial("tcp", l.Addr())
	if err == nil { // it may be reset that early
		_, err = fresh.Read(make([]byte, 1))
		fresh.Close()
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.EqualValues(t, 2, r.Touched())
	r.Remove()
	ask(t, dial(t, l.Addr()), "after")
}

func TestResetAfterBytesAndAfterATime(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	c := dial(t, l.Addr())
	ask(t, c, "these bytes were before the fault")
	r := must(t)(l.Set(Reset{AfterBytes: 10}))
	ask(t, c, "12345")
	_, err := c.Write([]byte("67890 and more"))
	require.NoError(t, err)
	b, err := io.ReadAll(c) // what had come may be lost with the reset
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.LessOrEqual(t, len(b), 5)
	require.EqualValues(t, 1, r.Touched())
	r.Remove()

	c = dial(t, l.Addr())
	ask(t, c, "before")
	start := time.Now()
	r = must(t)(l.Set(Reset{After: 80 * time.Millisecond}))
	_, err = c.Read(b[:cap(b)])
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.GreaterOrEqual(t, time.Since(start), 80*time.Millisecond)
	start = time.Now()
	c = dial(t, l.Addr())
	_, err = c.Read(b[:cap(b)])
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.GreaterOrEqual(t, time.Since(start), 70*time.Millisecond)
	r.Remove()
	require.EqualValues(t, 2, r.Touched())
}

func TestLimitClosesInGoodOrderAfterExactlySoMany(t *testing.T) {
	data := noise(3, 300_000)
	l := link(t, "tcp", says(t, data))
	for _, also := range []Effect{nil, Latency{Delay: 30 * time.Millisecond}, Slice{Size: 7000}, Bandwidth{Rate: 4e6}} {
		var other *Rule
		if also != nil {
			other = must(t)(l.Set(also))
		}
		for _, n := range []int64{1, 1000, 123_456} {
			r := must(t)(l.Set(Limit{Bytes: n}))
			require.Equal(t, data[:n], all(t, l))
			require.EqualValues(t, 1, r.Touched())
			r.Remove()
		}
		if other != nil {
			other.Remove()
		}
	}
	far := must(t)(l.Set(Limit{Bytes: 300_001}))
	require.Equal(t, data, all(t, l))
	require.Zero(t, far.Touched())
}

func TestSlicesArriveUnchangedAndApart(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	for range 8 {
		data := noise(rnd.Uint64(), 1+rnd.IntN(400))
		size := 1 + rnd.IntN(30)
		l := link(t, "tcp", says(t, data))
		r := must(t)(l.Set(Slice{Size: size, Delay: 2 * time.Millisecond}))
		start := time.Now()
		require.Equal(t, data, all(t, l))
		pieces := (len(data) + size - 1) / size
		require.GreaterOrEqual(t, int(r.Touched()), pieces)
		require.GreaterOrEqual(t, time.Since(start), time.Duration(pieces-1)*2*time.Millisecond)
		r.Remove()
	}
}

func TestCorruptionChangesAsManyAsItSaysAndNothingElse(t *testing.T) {
	data := noise(5, 1<<20)
	l := link(t, "tcp", says(t, data))
	for _, rate := range []float64{1, 0.1, 0.001, 1e-9} {
		r := must(t)(l.Set(Corrupt{Rate: rate, Reach: Reach{Seed: 9}}))
		got := all(t, l)
		require.Len(t, got, len(data))
		bad := 0
		for i := range data {
			if data[i] != got[i] {
				bad++
			}
		}
		require.EqualValues(t, bad, r.Touched(), "rate %v", rate)
		expect := rate * float64(len(data))
		require.InDelta(t, expect, bad, 1+6*math.Sqrt(expect*(1-rate)))
		r.Remove()
	}
	require.Equal(t, data, all(t, l))
}

func TestCorruptionIsRepeatable(t *testing.T) {
	data := noise(6, 100_000)
	run := func() []byte {
		l := link(t, "tcp", says(t, data))
		must(t)(l.Set(Corrupt{Rate: 0.01, Reach: Reach{Seed: 42}}))
		return all(t, l)
	}
	require.Equal(t, run(), run())
}

func TestSlowCloseDelaysTheEndOnly(t *testing.T) {
	l := link(t, "tcp", says(t, []byte("hello")))
	for _, also := range []Effect{nil, Slice{Size: 2}} { // through the kernel, and through us
		if also != nil {
			must(t)(l.Set(also))
		}
		r := must(t)(l.Set(SlowClose{Delay: 150 * time.Millisecond}))
		start := time.Now()
		c := dial(t, l.Addr())
		_, err := io.ReadFull(c, make([]byte, 5))
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		require.GreaterOrEqual(t, time.Since(start), 150*time.Millisecond)
		require.EqualValues(t, 1, r.Touched())
		r.Remove()
		r = must(t)(l.Set(SlowClose{Delay: time.Hour}))
		c = dial(t, l.Addr())
		_, err = io.ReadFull(c, make([]byte, 5))
		require.NoError(t, err)
		require.Eventually(t, func() bool { return r.Touched() == 1 }, patience, time.Millisecond)
		r.Remove()
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "an end that waits is let go")
	}
}

func TestLatencyThatIsRemovedLetsAnEndGo(t *testing.T) {
	l := link(t, "tcp", says(t, []byte("hello")))
	r := must(t)(l.Set(Latency{Delay: time.Hour}))
	c := dial(t, l.Addr())
	require.Eventually(t, func() bool { return r.Touched() == 1 }, patience, time.Millisecond)
	time.Sleep(20 * time.Millisecond) // the end is in the line as well, most likely
	r.Remove()
	b, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "hello", string(b))
}

func TestHalfOpenSwallowsAndResetsAfterwards(t *testing.T) {
	var mu sync.Mutex
	var heard bytes.Buffer
	l := link(t, "tcp", serve(t, func(c net.Conn) {
		b := make([]byte, 64)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			mu.Lock()
			heard.Write(b[:n])
			mu.Unlock()
			_, _ = c.Write(b[:n])
		}
	}))
	talks, idle := dial(t, l.Addr()), dial(t, l.Addr())
	ask(t, talks, "before,")
	ask(t, idle, "idle,")
	r := must(t)(l.Set(HalfOpen{}))
	fresh := dial(t, l.Addr())
	for _, c := range []*net.TCPConn{talks, fresh} {
		_, err := c.Write([]byte("during,"))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return bytes.Count(heard.Bytes(), []byte("during,")) == 2 && r.Touched() == 2
	}, patience, time.Millisecond, "requests arrive, answers are lost")
	r.Remove()
	for _, c := range []*net.TCPConn{talks, fresh} {
		n, err := c.Read(make([]byte, 1))
		require.Zero(t, n)
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
	ask(t, idle, "goes on")
	require.EqualValues(t, 2, r.Touched())
}

func TestHalfOpenSwallowsTheEnd(t *testing.T) {
	gone := make(chan struct{})
	l := link(t, "tcp", serve(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); c.Close(); close(gone) }))
	c := dial(t, l.Addr())
	r := must(t)(l.Set(HalfOpen{}))
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	<-gone
	require.Eventually(t, func() bool { return r.Touched() == 1 }, patience, time.Millisecond)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = c.Read(make([]byte, 1))
	var ne net.Error
	require.True(t, errors.As(err, &ne) && ne.Timeout(), "the client is not told: %v", err)
	r.Remove()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestAShareOfTheConnectionsIsChosenForGood(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	r := must(t)(l.Set(Latency{Delay: 20 * time.Millisecond, Reach: Reach{Share: 0.5, Seed: 3}}))
	slow := 0
	for range 24 {
		c := dial(t, l.Addr())
		before := r.Touched()
		took := ask(t, c, "once")
		hit := r.Touched() > before
		if hit {
			slow++
			require.GreaterOrEqual(t, took, 20*time.Millisecond)
		}
		before = r.Touched()
		ask(t, c, "twice")
		require.Equal(t, hit, r.Touched() > before)
		c.Close()
	}
	require.InDelta(t, 12, slow, 8) // the seed is fixed
}

func TestDistributions(t *testing.T) {
	l := link(t, "tcp", "127.0.0.1:1")
	for _, tc := range []struct {
		how                 Distribution
		mean, p99, min, max float64 // in milliseconds, of 100 with a jitter of 10
	}{{Uniform, 100, 109.8, 90, 110}, {Normal, 100, 123.3, 0, 200}, {Pareto, 110, 172.8, 100, 1100}} {
		r := newRule(l, Latency{Delay: 100 * time.Millisecond, Jitter: 10 * time.Millisecond, Distribution: tc.how, Reach: Reach{Seed: 5}})
		var sum float64
		beyond, n := 0, 200_000
		for range n {
			ms := r.delay().Seconds() * 1000
			if ms < tc.min || ms > tc.max {
				require.Fail(t, "out of bounds", "%s: %v", tc.how, ms)
			}
			if sum += ms; ms > tc.p99 {
				beyond++
			}
		}
		require.InDelta(t, tc.mean, sum/float64(n), 0.5, tc.how)
		require.InDelta(t, 0.01, float64(beyond)/float64(n), 0.002, tc.how)
	}
}

func TestEverythingAtOnceIsInOrder(t *testing.T) {
	data := noise(7, 40_000)
	l := link(t, "tcp", says(t, data))
	lim := must(t)(l.Set(Limit{Bytes: 20_000}))
	cor := must(t)(l.Set(Corrupt{Rate: 0.01, Reach: Reach{Seed: 1}}))
	sli := must(t)(l.Set(Slice{Size: 500}))
	ban := must(t)(l.Set(Bandwidth{Rate: 100_000}))
	lat := must(t)(l.Set(Latency{Delay: 50 * time.Millisecond}))
	end := must(t)(l.Set(SlowClose{Delay: time.Hour}))
	start := time.Now()
	got := all(t, l)
	require.GreaterOrEqual(t, time.Since(start), 200*time.Millisecond, "20 kB at 100 kB/s, with 50 ms at the end")
	require.Len(t, got, 20_000)
	bad := 0
	for i := range got {
		if got[i] != data[i] {
			bad++
		}
	}
	require.EqualValues(t, bad, cor.Touched(), "what is beyond the limit is not changed, nor counted")
	require.GreaterOrEqual(t, sli.Touched(), uint64(40))
	require.NotZero(t, ban.Touched())
	require.EqualValues(t, 1, lat.Touched())
	require.EqualValues(t, 1, lim.Touched())
	require.Zero(t, end.Touched(), "a limit ends the connection itself")
}

func TestBytesStayInOrderWhileGentleFaultsComeAndGo(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	c := dial(t, l.Addr())
	want := noise(8, 6<<20)
	go func() {
		_, _ = c.Write(want)
		_ = c.CloseWrite()
	}()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for n, e := range []Effect{
		Latency{Delay: 2 * time.Millisecond, Jitter: 2 * time.Millisecond, Reach: Reach{Direction: Both}},
		Bandwidth{Rate: 50e6, Reach: Reach{Direction: Both}},
		Slice{Size: 1000, Reach: Reach{Direction: Request}},
		SlowClose{Delay: 5 * time.Millisecond, Reach: Reach{Direction: Both}},
		Limit{Bytes: 1 << 40, Reach: Reach{Direction: Both}},
	} {
		wg.Go(func() {
			rnd := source(uint64(n), 0)
			for {
				r, err := l.Set(e)
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Duration(rnd.IntN(4)) * time.Millisecond)
				r.Remove()
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(rnd.IntN(4)) * time.Millisecond):
				}
			}
		})
	}
	got, err := io.ReadAll(c)
	close(stop)
	wg.Wait()
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
}

func TestWhatAnEffectCannotBe(t *testing.T) {
	s := NewSet()
	defer s.Close()
	tcp, err := s.Link("a", "tcp", "tcp", "127.0.0.1:1")
	require.NoError(t, err)
	udp, err := s.Link("a", "udp", "udp", "127.0.0.1:1")
	require.NoError(t, err)
	grpc, err := s.Link("a", "grpc", "grpc", "127.0.0.1:1")
	require.NoError(t, err)
	http, err := s.Link("a", "http", "http", "127.0.0.1:1")
	require.NoError(t, err)
	for _, tc := range []struct {
		l    *Link
		e    Effect
		want string
	}{
		{tcp, Latency{Jitter: -1}, "jitter:"},
		{tcp, Latency{Jitter: 1, Distribution: Constant}, "jitter:"},
		{tcp, Latency{Distribution: "bimodal"}, "distribution:"},
		{tcp, Latency{Reach: Reach{Direction: "up"}}, "direction:"},
		{tcp, Latency{Reach: Reach{Share: 1.5}}, "share:"},
		{tcp, Bandwidth{}, "rate:"},
		{tcp, Reset{After: 1, AfterBytes: 1}, "not both"},
		{tcp, Reset{AfterBytes: -1}, "afterBytes:"},
		{tcp, SlowClose{}, "delay:"},
		{tcp, Slice{}, "size:"},
		{tcp, Corrupt{}, "rate:"},
		{tcp, Corrupt{Rate: 2}, "rate:"},
		{tcp, Limit{}, "bytes:"},
		{tcp, Loss{Rate: 1}, "udp links"},
		{tcp, Failure{Status: 500}, "plain TCP"},
		{tcp, Certificate{Flaw: "old"}, "flaw:"},
		{tcp, Certificate{Flaw: Expired, Host: "x"}, "host:"},
		{udp, Reset{}, "no connections"},
		{udp, HalfOpen{}, "no connections"},
		{udp, Delay{Delay: 1}, "plain UDP"},
		{udp, Loss{}, "rate:"},
		{grpc, Body{}, "gRPC"},
		{grpc, Failure{Code: 17}, "code:"},
		{http, Certificate{Flaw: Expired}, "without TLS"},
		{http, Failure{Status: 700}, "status:"},
		{http, Header{}, "set:"},
		{http, Header{Name: "Content-Length", Value: "1"}, "set:"},
		{http, Header{Remove: "transfer-encoding"}, "remove:"},
		{http, Header{Name: "a b"}, "set:"},
		{http, Header{Name: "a", Value: "x\r\ny: z"}, "control character"},
		{http, Delay{Match: Match{Regexp: "("}}, "pathRegex:"},
		{http, Abort{Match: Match{Header: ": x"}}, "header:"},
		{http, RateLimit{}, "rate:"},
	} {
		_, err := tc.l.Set(tc.e)
		require.ErrorContains(t, err, tc.want, "%#v", tc.e)
	}
}
