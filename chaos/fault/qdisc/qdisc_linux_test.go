package qdisc

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/chaos"
	"gameday/chaos/hostnet"
	"gameday/chaos/hostnet/nettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func plan(t *testing.T, f *Fault, args chaos.Args) (chaos.Change, error) {
	t.Helper()
	checked, errs := chaos.CheckArgs(f.Params(), args)
	require.Empty(t, errs)
	return f.Plan(t.Context(), []chaos.Target{nettest.Target()}, checked)
}

func applied(t *testing.T, f *Fault, args chaos.Args) chaos.Change {
	t.Helper()
	c, err := plan(t, f, args)
	require.NoError(t, err)
	require.NoError(t, c.Apply(t.Context()))
	t.Cleanup(func() { require.NoError(t, c.Revert(t.Context())) })
	return c
}

// bulk sends n bytes and returns how long they took to arrive.
func bulk(t *testing.T, from nettest.Host, to netip.AddrPort, n int, took <-chan time.Duration) time.Duration {
	t.Helper()
	from.Do(t, func() error {
		c, err := net.Dial("tcp", to.String())
		if err != nil {
			return err
		}
		_, err = c.Write(make([]byte, n))
		return errors.Join(err, c.Close())
	})
	return <-took
}

func rootOf(t *testing.T, h nettest.Host) discipline {
	t.Helper()
	i, err := index(h.Namespace, h.Interface)
	require.NoError(t, err)
	d, err := undo{Namespace: h.Namespace, Index: i}.look()
	require.NoError(t, err)
	return d
}

func TestBandwidthIsLimitedUntilUndone(t *testing.T) {
	a, b := nettest.Pair(t)
	took := make(chan time.Duration, 1)
	addr := b.Listen(t, func(c net.Conn) {
		start := time.Now()
		_, _ = io.Copy(io.Discard, c)
		took <- time.Since(start)
	})
	const size = 700_000
	free := bulk(t, a, addr, size, took)
	before := rootOf(t, a)
	c := applied(t, NewBandwidth(Options{}), chaos.Args{"interface": a.Interface, "rate": "1MB/s", "netns": a.Name})
	slow := bulk(t, a, addr, size, took)
	t.Logf("%d bytes took %v, and %v at 1MB/s", size, free, slow)
	require.Greater(t, slow, 600*time.Millisecond, "it cannot be faster than the rate, but for a burst")
	n, unit := c.Touched()
	require.NotZero(t, n)
	require.Equal(t, "packets", unit)
	require.Error(t, c.Verify(t.Context()))
	require.NoError(t, NewBandwidth(Options{}).Restore(t.Context(), c.Undo()), "as the keeper does")
	require.NoError(t, c.Verify(t.Context()))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, NewBandwidth(Options{}).Restore(t.Context(), c.Undo()), "a second time")
	after := rootOf(t, a)
	require.Equal(t, before.kind, after.kind)
	require.Equal(t, before.handle, after.handle)
	t.Logf("%d bytes take %v again", size, bulk(t, a, addr, size, took))
}

func tc(t *testing.T, h nettest.Host, args ...string) {
	t.Helper()
	out, err := exec.Command("tc", append([]string{"-n", h.Name, "qdisc"}, args...)...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("skipped: tc(8) of iproute2 is not installed")
	}
	require.NoError(t, err, "%s", out)
}

func TestDisciplinesOfOthersAreNeitherReplacedNorRemoved(t *testing.T) {
	a, _ := nettest.Pair(t)
	args := chaos.Args{"interface": a.Interface, "rate": "10mbit", "netns": a.Name}
	late, err := plan(t, NewBandwidth(Options{}), args)
	require.NoError(t, err)
	tc(t, a, "add", "dev", a.Interface, "root", "handle", "77:", "tbf", "rate", "100mbit", "burst", "64kb", "latency", "50ms")
	_, err = plan(t, NewBandwidth(Options{}), args)
	require.ErrorContains(t, err, "has a queueing discipline already (tbf 77:)")
	require.ErrorContains(t, late.Apply(t.Context()), "has a queueing discipline already", "it came after the plan")
	require.NoError(t, late.Revert(t.Context()))
	require.EqualValues(t, 0x77<<16, rootOf(t, a).handle)
	tc(t, a, "del", "dev", a.Interface, "root")
	mine := applied(t, NewBandwidth(Options{}), args)
	tc(t, a, "replace", "dev", a.Interface, "root", "handle", "77:", "tbf", "rate", "100mbit", "burst", "64kb", "latency", "50ms")
	require.NoError(t, mine.Revert(t.Context()), "ours is gone, the other is not ours")
	require.EqualValues(t, 0x77<<16, rootOf(t, a).handle)
}

func TestWhatIsGoneWithItsInterfaceOrNamespaceIsUndone(t *testing.T) {
	a, b := nettest.Pair(t)
	c := applied(t, NewBandwidth(Options{}), chaos.Args{"interface": a.Interface, "rate": "10mbit", "netns": a.Name})
	require.NoError(t, exec.Command("ip", "-n", b.Name, "link", "del", b.Interface).Run())
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.NoError(t, NewNetem(Options{}).Restore(t.Context(), []byte(`{"kind":"netem","interface":"x","index":3,"handle":1073741824,"netns":{"inode":1}}`)))
}

func TestNetemImpairs(t *testing.T) {
	if err := available("netem"); err != nil {
		t.Skipf("skipped: %v", err)
	}
	a, b := nettest.Pair(t)
	sink := b.ListenUDP(t)
	c := applied(t, NewNetem(Options{}), chaos.Args{"interface": a.Interface, "delay": "100ms", "netns": a.Name})
	start := time.Now()
	a.Do(t, func() error {
		s, err := net.Dial("udp", sink.LocalAddr().String())
		if err != nil {
			return err
		}
		_, err = s.Write([]byte("x"))
		return errors.Join(err, s.Close())
	})
	require.NoError(t, sink.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err := sink.Read(make([]byte, 1))
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(start), 100*time.Millisecond)
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
}

// What tc(8) of iproute2 6.1 sends for "netem loss 10% duplicate 5% corrupt 3% reorder 20%", read with strace; but for the
// delay, which it sends in ticks, and the limit.
func TestNetemIsEncodedAsTheKernelReadsIt(t *testing.T) {
	b, err := netem(impairment{delay: 100 * time.Millisecond, jitter: 10 * time.Millisecond, loss: 0.1, duplicate: 0.05, corrupt: 0.03, reorder: 0.2})
	require.NoError(t, err)
	require.Len(t, b, 24+12+12+12+12)
	probability := func(at int, want uint32) { require.InDelta(t, want, binary.NativeEndian.Uint32(b[at:]), 2) }
	probability(8, 0x1999999a)
	require.EqualValues(t, 1, binary.NativeEndian.Uint32(b[12:]), "gap")
	probability(16, 0x0ccccccd)
	require.EqualValues(t, 100*time.Millisecond, binary.NativeEndian.Uint64(b[28:]))
	require.EqualValues(t, 10*time.Millisecond, binary.NativeEndian.Uint64(b[40:]))
	require.EqualValues(t, 3, binary.NativeEndian.Uint16(b[50:]), "reorder")
	probability(52, 0x33333333)
	require.EqualValues(t, 4, binary.NativeEndian.Uint16(b[62:]), "corrupt")
	probability(64, 0x07ae147b)
}

func TestGuardedInterfaceIsRefused(t *testing.T) {
	if err := available("tbf"); err != nil {
		t.Skipf("skipped: %v", err)
	}
	args := chaos.Args{"interface": "lo", "rate": "10mbit"}
	_, err := plan(t, NewBandwidth(Options{Guard: hostnet.Guard{SSH: "127.0.0.1 50000 127.0.0.1 22"}}), args)
	require.ErrorContains(t, err, "your SSH connection")
	_, err = plan(t, NewBandwidth(Options{Guard: hostnet.Guard{Control: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9090")}}}), args)
	require.ErrorContains(t, err, "the control address 127.0.0.1:9090")
	args["interface"] = "no-such"
	_, err = plan(t, NewBandwidth(Options{}), args)
	require.ErrorContains(t, err, `"no-such"`)
}

func TestArgumentsAreRefusedThatMeanNothing(t *testing.T) {
	for text, want := range map[string]uint64{"10mbit": 1_250_000, "1MB/s": 1_000_000, "8kbit/s": 1000, "1KiB": 1024, "1Gbit": 125_000_000} {
		got, err := parseRate(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, bad := range []string{"", "fast", "-1MB", "10mbits", "NaNmbit"} {
		_, err := parseRate(bad)
		require.ErrorContains(t, err, "is not a rate", bad)
	}
	require.ErrorContains(t, (&change{}).bandwidth(chaos.Args{"rate": "1B"}), "too little")
	require.ErrorContains(t, (&change{}).impair(chaos.Args{}), "nothing is asked for")
	require.ErrorContains(t, (&change{}).impair(chaos.Args{"reorder": 5.0}), "needs a delay")
	for _, bad := range []string{"", "{}", `{"kind":"tbf","index":1,"handle":65536,"netns":{"inode":1}}`, `{"kind":"pfifo","index":1,"handle":1073741824,"netns":{"inode":1}}`} {
		require.Error(t, NewBandwidth(Options{}).Restore(t.Context(), []byte(bad)), bad)
		require.Empty(t, NewBandwidth(Options{}).Remedy([]byte(bad)))
	}
	require.Equal(t, "tc qdisc del dev eth0 root handle 4000:",
		NewBandwidth(Options{}).Remedy([]byte(`{"kind":"tbf","interface":"eth0","index":2,"handle":1073741824,"netns":{"inode":1}}`)))
}

func TestAvailableSaysWhatIsThere(t *testing.T) {
	for _, f := range Available() {
		t.Log(f)
		require.False(t, errors.Is(f.Err, syscall.EINVAL), "the kernel understands what is asked")
	}
}
