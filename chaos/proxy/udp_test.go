package proxy

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echoUDP answers packets with themselves until the test ends.
func echoUDP(t testing.TB) string {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFrom(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				_, _ = c.WriteTo(b[:n], from)
			}
		}
	})
	t.Cleanup(func() { c.Close(); wg.Wait() })
	return c.LocalAddr().String()
}

type udpClient struct {
	t testing.TB
	c net.Conn
}

func dialUDP(t testing.TB, l *Link) udpClient {
	c, err := net.Dial("udp", l.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return udpClient{t, c}
}

func (u udpClient) send(n uint32) {
	_, err := u.c.Write(binary.BigEndian.AppendUint32(nil, n))
	require.NoError(u.t, err)
}

// hear takes a packet, or says that none came within wait.
func (u udpClient) hear(wait time.Duration) (n uint32, ok bool) {
	require.NoError(u.t, u.c.SetReadDeadline(time.Now().Add(wait)))
	b := make([]byte, 64)
	k, err := u.c.Read(b)
	if err != nil {
		return 0, false
	}
	require.Equal(u.t, 4, k)
	return binary.BigEndian.Uint32(b), true
}

// trip sends packets one after the other, so that no buffer overflows, and hears what a fault has not lost.
func (u udpClient) trip(n int, lost func() uint64) (heard []uint32) {
	before := lost()
	for i := range n {
		u.send(uint32(i))
		require.Eventually(u.t, func() bool {
			if k, ok := u.hear(2 * time.Millisecond); ok {
				heard = append(heard, k)
			}
			return len(heard)+int(lost()-before) > i
		}, patience, 100*time.Microsecond)
	}
	return heard
}

func TestPacketsPassAndAreLostAsOftenAsItSays(t *testing.T) {
	l := link(t, "udp", echoUDP(t))
	u := dialUDP(t, l)
	require.Len(t, u.trip(20, func() uint64 { return 0 }), 20)
	r := must(t)(l.Set(Loss{Rate: 0.3, Reach: Reach{Direction: Both, Seed: 4}}))
	heard := u.trip(300, r.Touched)
	require.EqualValues(t, 300, len(heard)+int(r.Touched()))
	require.InDelta(t, 300*(1-0.7*0.7), float64(r.Touched()), 40) // more than four sigma, and the seed is fixed
	r.Remove()
	require.Len(t, u.trip(20, func() uint64 { return 0 }), 20)
	st := l.Stats()
	require.EqualValues(t, 1, st.Accepted)
	require.Equal(t, 1, st.Open)
}

func TestPacketsAreDuplicatedAndCorrupted(t *testing.T) {
	l := link(t, "udp", echoUDP(t))
	u := dialUDP(t, l)
	r := must(t)(l.Set(Duplicate{Rate: 1}))
	u.send(7)
	for range 2 {
		n, ok := u.hear(patience)
		require.True(t, ok)
		require.EqualValues(t, 7, n)
	}
	require.EqualValues(t, 1, r.Touched())
	r.Remove()
	r = must(t)(l.Set(Corrupt{Rate: 1}))
	u.send(0)
	n, ok := u.hear(patience)
	require.True(t, ok)
	for _, b := range binary.BigEndian.AppendUint32(nil, n) {
		require.NotZero(t, b)
	}
	require.EqualValues(t, 4, r.Touched())
}

func TestJitterChangesTheOrderOfPacketsAndRemovalLetsGo(t *testing.T) {
	l := link(t, "udp", echoUDP(t))
	u := dialUDP(t, l)
	r := must(t)(l.Set(Latency{Delay: 60 * time.Millisecond, Jitter: 60 * time.Millisecond, Reach: Reach{Seed: 1}}))
	for i := range 40 {
		u.send(uint32(i))
	}
	seen, swapped := map[uint32]bool{}, 0
	last := uint32(0)
	for len(seen) < 40 {
		n, ok := u.hear(patience)
		require.True(t, ok)
		require.False(t, seen[n])
		seen[n] = true
		if n < last {
			swapped++
		}
		last = n
	}
	require.Greater(t, swapped, 5)
	require.EqualValues(t, 40, r.Touched())
	r.Remove()

	r = must(t)(l.Set(Latency{Delay: 50 * time.Millisecond, Reach: Reach{Direction: Request}}))
	start := time.Now()
	u.send(1)
	_, ok := u.hear(patience)
	require.True(t, ok)
	require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
	r.Remove()

	r = must(t)(l.Set(Latency{Delay: time.Hour}))
	u.send(1)
	u.send(2)
	require.Eventually(t, func() bool { return r.Touched() == 2 }, patience, time.Millisecond)
	r.Remove()
	for i := range 2 {
		n, ok := u.hear(patience)
		require.True(t, ok)
		require.EqualValues(t, i+1, n, "in their order")
	}
}

func TestNarrowUDPWaitsAndThenLoses(t *testing.T) {
	l := link(t, "udp", echoUDP(t))
	u := dialUDP(t, l)
	r := must(t)(l.Set(Bandwidth{Rate: 100})) // 4 bytes take 40 ms; the queue holds half a second: 12 packets
	start := time.Now()
	for i := range 50 {
		u.send(uint32(i))
	}
	heard := 0
	for {
		n, ok := u.hear(400 * time.Millisecond)
		if !ok {
			break
		}
		require.EqualValues(t, heard, n, "in their order: what came when the queue was full is lost")
		if heard++; heard == 8 {
			require.GreaterOrEqual(t, time.Since(start), 250*time.Millisecond)
		}
	}
	require.Greater(t, heard, 8)
	require.Less(t, heard, 20)
	require.NotZero(t, r.Touched())
	require.Zero(t, l.Stats().Dropped)
}

func TestUDPPartition(t *testing.T) {
	l := link(t, "udp", echoUDP(t))
	u := dialUDP(t, l)
	r := must(t)(l.Set(Partition{}))
	u.send(1)
	_, ok := u.hear(50 * time.Millisecond)
	require.False(t, ok)
	require.EqualValues(t, 1, r.Touched())
	r.Remove()
	u.send(2)
	n, ok := u.hear(patience)
	require.True(t, ok)
	require.EqualValues(t, 2, n, "what was lost stays lost")
}

func TestSilentClientsAreForgottenAndTooManyRefused(t *testing.T) {
	l := link(t, "udp", echoUDP(t))
	quiet := &net.UDPConn{} // closing one that was never opened does nothing
	l.udp.mu.Lock()
	for i := range maxClients { // as if so many had been there, long ago
		l.udp.sessions[netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(i))] = &session{server: quiet}
	}
	l.udp.mu.Unlock()
	u := dialUDP(t, l)
	u.send(1)
	require.Eventually(t, func() bool { return l.Stats().Refused == 1 }, patience, time.Millisecond)
	l.udp.forget(time.Now())
	require.Zero(t, l.Stats().Open)
	u.send(2)
	n, ok := u.hear(patience)
	require.True(t, ok)
	require.EqualValues(t, 2, n)
	l.udp.forget(time.Now())
	require.Equal(t, 1, l.Stats().Open)
}

func TestAnUpstreamThatIsNotThereYet(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := c.LocalAddr().String()
	require.NoError(t, c.Close())
	l := link(t, "udp", dead)
	u := dialUDP(t, l)
	require.Eventually(t, func() bool { u.send(1); return l.Stats().Failed > 0 }, patience, time.Millisecond)
	back, err := net.ListenPacket("udp", dead)
	if err != nil {
		t.Skipf("somebody else took the port: %v", err)
	}
	defer back.Close()
	u.send(9)
	require.NoError(t, back.SetReadDeadline(time.Now().Add(patience)))
	_, _, err = back.ReadFrom(make([]byte, 64))
	require.NoError(t, err)
}
