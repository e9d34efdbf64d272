package network

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/journal"
	"gameday/chaos/proxy"
	"gameday/sources/signal"
)

// shop is links of every protocol to servers that echo, and a controller with every fault.
func shop(t *testing.T) (*proxy.Set, *chaos.Controller) {
	s := proxy.NewSet()
	_, err := s.Link("checkout", "payment", "tcp", echo(t))
	require.NoError(t, err)
	_, err = s.Link("checkout", "statsd", "udp", echoPackets(t))
	require.NoError(t, err)
	d := filepath.Join(t.TempDir(), "j")
	require.NoError(t, os.Mkdir(d, 0o700))
	j, err := journal.Create(d, "s1")
	require.NoError(t, err)
	c, err := chaos.NewController(chaos.Config{Journal: j, Inventory: s.Inventory(), Faults: All(s, 1)})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Close(t.Context()))
		require.NoError(t, s.Close())
	})
	return s, c
}

func echoPackets(t *testing.T) string {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(b[:n], from)
		}
	})
	t.Cleanup(func() { c.Close(); wg.Wait() })
	return c.LocalAddr().String()
}

// talk sends bytes on a link and reads what comes back until wait has passed or the connection ends.
func talk(t *testing.T, s *proxy.Set, name string, b []byte, wait time.Duration) ([]byte, error) {
	l, ok := s.Find(name)
	require.True(t, ok)
	network := "tcp"
	if l.Proto() == "udp" {
		network = "udp"
	}
	c, err := net.Dial(network, l.Addr())
	if err != nil {
		return nil, err // a reset can be that early
	}
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(wait)))
	if _, err := c.Write(b); err != nil {
		return nil, err
	}
	got := make([]byte, len(b))
	n, err := io.ReadFull(c, got)
	return got[:n], err
}

func TestEveryKindActsAndIsUndone(t *testing.T) {
	s, c := shop(t)
	msg := bytes.Repeat([]byte("0123456789"), 20)
	const long, short = 20 * time.Second, 150 * time.Millisecond
	for _, tc := range []struct {
		kind, to string
		args     chaos.Args
		title    string
		wait     time.Duration
		feels    func(got []byte, err error, took time.Duration) bool
		unit     string
	}{
		{"network.latency", "payment", chaos.Args{"latency": "50ms", "jitter": "5ms", "distribution": "pareto"}, "payment +50ms pareto 5ms", long,
			func(got []byte, _ error, took time.Duration) bool {
				return bytes.Equal(got, msg) && took >= 50*time.Millisecond
			}, "round trips"},
		{"network.latency", "statsd", chaos.Args{"latency": "50ms"}, "statsd +50ms", short * 100,
			func(_ []byte, _ error, took time.Duration) bool { return took >= 50*time.Millisecond }, "packets"},
		{"network.bandwidth", "payment", chaos.Args{"rate": "1kB/s", "direction": "request"}, "payment ≤ 1kB/s", long,
			func(got []byte, _ error, took time.Duration) bool {
				return bytes.Equal(got, msg) && took >= 150*time.Millisecond
			}, "bytes that had to wait"},
		{"network.half-open", "payment", nil, "payment half-open", short,
			func(got []byte, err error, _ time.Duration) bool { return len(got) == 0 && os.IsTimeout(err) }, "connections"},
		{"network.reset", "payment", nil, "payment resets", long,
			func(_ []byte, err error, _ time.Duration) bool { return err != nil && !os.IsTimeout(err) }, "connections"},
		{"network.reset", "payment", chaos.Args{"afterBytes": 100}, "payment resets after 100", long,
			func(got []byte, err error, _ time.Duration) bool { return err != nil && len(got) <= 100 }, "connections"},
		{"network.limit", "payment", chaos.Args{"bytes": "0.1kB"}, "payment closes after 0.1kB", long,
			func(got []byte, err error, _ time.Duration) bool {
				return err == io.ErrUnexpectedEOF && bytes.Equal(got, msg[:100])
			}, "connections"},
		{"network.slice", "payment", chaos.Args{"size": 50, "delay": "20ms"}, "payment in pieces of 50 B", long,
			func(got []byte, _ error, took time.Duration) bool {
				return bytes.Equal(got, msg) && took >= 60*time.Millisecond
			}, "pieces"},
		{"network.corrupt", "payment", chaos.Args{"oneIn": 1}, "payment corrupts 1 in 1 bytes", long,
			func(got []byte, _ error, _ time.Duration) bool {
				return len(got) == len(msg) && !bytes.ContainsAny(got[:1], "0")
			}, "bytes"},
		{"network.corrupt", "statsd", chaos.Args{"rate": "100%"}, "statsd corrupts 100% of the bytes", long,
			func(got []byte, _ error, _ time.Duration) bool { return len(got) == len(msg) && got[0] != '0' }, "bytes"},
		{"network.loss", "statsd", chaos.Args{"rate": "100%"}, "statsd loses 100%", short,
			func(_ []byte, err error, _ time.Duration) bool { return os.IsTimeout(err) }, "packets"},
		{"network.duplicate", "statsd", chaos.Args{"rate": 100}, "statsd duplicates 100%", long,
			func(got []byte, _ error, _ time.Duration) bool { return bytes.Equal(got, msg) }, "packets"},
		{"network.partition", "statsd", nil, "statsd cut off", short,
			func(_ []byte, err error, _ time.Duration) bool { return os.IsTimeout(err) }, "packets"},
	} {
		p, err := c.Plan(t.Context(), chaos.Request{Kind: tc.kind, Select: chaos.Selector{Service: tc.to}, Args: tc.args})
		require.NoError(t, err, tc.kind)
		require.Equal(t, tc.title, p.Title)
		require.Contains(t, p.Description.Actions[0], "link checkout→"+tc.to)
		id, err := c.Inject(t.Context(), p)
		require.NoError(t, err)
		start := time.Now()
		got, err := talk(t, s, "checkout→"+tc.to, msg, tc.wait)
		require.True(t, tc.feels(got, err, time.Since(start)), "%s: %q %v", tc.kind, got, err)
		require.NoError(t, c.Undo(t.Context(), id))
		states := c.States()
		st := states[slices.IndexFunc(states, func(st signal.FaultState) bool { return st.ID == id })]
		require.Equal(t, signal.FaultUndone, st.Phase)
		require.NotZero(t, st.Touched, tc.kind)
		require.Equal(t, tc.unit, st.Unit)
		got, err = talk(t, s, "checkout→"+tc.to, msg, long)
		require.NoError(t, err, tc.kind)
		require.Equal(t, msg, got)
	}
}

func TestArgumentsThatCannotBe(t *testing.T) {
	_, c := shop(t)
	for _, tc := range []struct {
		kind, to string
		args     chaos.Args
		want     string
	}{
		{"network.latency", "payment", chaos.Args{"latency": "1s", "jitter": "1s", "distribution": "constant"}, "jitter: a constant latency has none"},
		{"network.latency", "payment", chaos.Args{"latency": "1s", "share": 0}, "share: a share of zero"},
		{"network.bandwidth", "payment", chaos.Args{"rate": "fast"}, "rate: \"fast\" is not a number of bytes or bits per second"},
		{"network.bandwidth", "payment", chaos.Args{"rate": "0"}, "rate: 0 is not between"},
		{"network.reset", "payment", chaos.Args{"after": "1s", "afterBytes": 5}, "afterBytes: give either"},
		{"network.reset", "payment", chaos.Args{"afterBytes": "1.5"}, "afterBytes: \"1.5\" is not a number of bytes"},
		{"network.reset", "statsd", nil, "no connections"},
		{"network.limit", "payment", chaos.Args{"bytes": 0}, "bytes: is zero"},
		{"network.limit", "payment", nil, "bytes"},
		{"network.slow-close", "payment", chaos.Args{"delay": "0s"}, "delay: a delay of zero"},
		{"network.slice", "payment", chaos.Args{"size": 0}, "size"},
		{"network.corrupt", "payment", nil, "rate: give either rate or oneIn"},
		{"network.corrupt", "payment", chaos.Args{"rate": "1%", "oneIn": 5}, "rate: give either rate or oneIn"},
		{"network.loss", "payment", chaos.Args{"rate": "5%"}, "udp links"},
		{"network.loss", "statsd", chaos.Args{"rate": "0%"}, "rate: a share of zero"},
	} {
		_, err := c.Plan(t.Context(), chaos.Request{Kind: tc.kind, Select: chaos.Selector{Service: tc.to}, Args: tc.args})
		require.ErrorContains(t, err, tc.want, tc.kind)
	}
}

func TestAmounts(t *testing.T) {
	for s, want := range map[string]float64{"1500": 1500, "100kB/s": 1e5, "1 MiB/s": 1 << 20, "8Mbit/s": 1e6, "8Mbps": 1e6, "1.5MB/s": 1.5e6, "64bit/s": 8} {
		got, err := parseRate(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
	}
	for _, bad := range []string{"", "kB/s", "1kB", "1e5", "-1", "1 k", "1Mb/s", "NaN", "1e999", "99999GB/s", "1Mbps/s"} {
		_, err := parseRate(bad)
		require.Error(t, err, bad)
	}
	for s, want := range map[string]int64{"0": 0, "1500": 1500, "16kB": 16000, "64KiB": 64 << 10, "0.5kB": 500} {
		got, err := parseBytes(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "1.5", "k", "1k5", "1/s", "9999999999GB"} {
		_, err := parseBytes(bad)
		require.Error(t, err, bad)
	}
}
