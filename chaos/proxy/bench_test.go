package proxy

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bare is the least a proxy in Go can do: io.Copy in both directions.
func bare(b *testing.B, upstream string) string {
	return serve(b, func(c net.Conn) {
		u, err := net.Dial("tcp", upstream)
		if err != nil {
			return
		}
		defer u.Close()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = io.Copy(u, c); _ = u.(*net.TCPConn).CloseWrite() })
		wg.Go(func() { _, _ = io.Copy(c, u); _ = c.(*net.TCPConn).CloseWrite() })
		wg.Wait()
	})
}

// BenchmarkBulk compares bytes per second through a link without a fault and through a bare proxy, in turns.
func BenchmarkBulk(b *testing.B) {
	const size = 256 << 20
	block := make([]byte, 256<<10)
	up := serve(b, func(c net.Conn) {
		for range size / len(block) {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
	l := link(b, "tcp", up)
	pull := func(addr string) time.Duration {
		c := dial(b, addr)
		defer c.Close()
		buf := make([]byte, 256<<10)
		start := time.Now()
		var n int
		for {
			k, err := c.Read(buf)
			n += k
			if err == io.EOF {
				break
			}
			require.NoError(b, err)
		}
		require.Equal(b, size, n)
		return time.Since(start)
	}
	other := bare(b, up)
	var ours, theirs time.Duration
	for b.Loop() {
		ours += pull(l.Addr())
		theirs += pull(other)
	}
	b.ReportMetric(float64(b.N)*size/1e6/ours.Seconds(), "MB/s-link")
	b.ReportMetric(float64(b.N)*size/1e6/theirs.Seconds(), "MB/s-bare")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "x-bare")
}

// BenchmarkRoundTrip compares the time of one byte there and back, in turns.
func BenchmarkRoundTrip(b *testing.B) {
	up := serve(b, echo)
	l := link(b, "tcp", up)
	ours, theirs := dial(b, l.Addr()), dial(b, bare(b, up))
	buf := make([]byte, 1)
	trip := func(c net.Conn) time.Duration {
		start := time.Now()
		_, err := c.Write(buf)
		require.NoError(b, err)
		_, err = c.Read(buf)
		require.NoError(b, err)
		return time.Since(start)
	}
	var a, o []time.Duration
	for b.Loop() {
		_ = ours.SetDeadline(time.Now().Add(patience))
		_ = theirs.SetDeadline(time.Now().Add(patience))
		a, o = append(a, trip(ours)), append(o, trip(theirs))
	}
	slices.Sort(a)
	slices.Sort(o)
	at := func(s []time.Duration, q float64) float64 { return float64(s[int(q*float64(len(s)-1))]) / 1e3 }
	for _, q := range []struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		b.ReportMetric(at(a, q.q), q.name+"-µs-link")
		b.ReportMetric(at(o, q.q), q.name+"-µs-bare")
	}
}

// BenchmarkDelay measures by how much an answer is later than asked, beyond what it takes without a fault.
func BenchmarkDelay(b *testing.B) {
	const delay = 20 * time.Millisecond
	l := link(b, "tcp", serve(b, echo))
	c := dial(b, l.Addr())
	if _, err := l.Set(Latency{Delay: delay}); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 1)
	var late []time.Duration
	for b.Loop() {
		_ = c.SetDeadline(time.Now().Add(patience))
		start := time.Now()
		_, err := c.Write(buf)
		require.NoError(b, err)
		_, err = c.Read(buf)
		require.NoError(b, err)
		late = append(late, time.Since(start)-delay)
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2].Microseconds()), "p50-µs-late")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "p99-µs-late")
}
