package netfilter

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/chaos"
	"gameday/chaos/hostnet/nettest"
	"gameday/chaos/nft"
)

// TestMain doubles as a process that serves TCP, or applies a fault, until it is killed.
func TestMain(m *testing.M) {
	switch os.Getenv("GAMEDAY_TEST_ROLE") {
	case "serve":
		ln, err := net.Listen("tcp", os.Getenv("GAMEDAY_TEST_ADDR"))
		fmt.Println(ln.Addr(), err)
		for {
			if c, err := ln.Accept(); err == nil {
				go func() { _, _ = io.Copy(c, c) }()
			}
		}
	case "delay":
		c, err := find("host.delay").Plan(context.Background(), []chaos.Target{nettest.Target()},
			chaos.Args{"delay": time.Second, "cidr": "any", "netns": os.Getenv("GAMEDAY_TEST_NETNS")})
		if err == nil {
			err = c.Apply(context.Background())
		}
		fmt.Println("applied", err)
		select {}
	}
	goleak.VerifyTestMain(m)
}

func find(kind string) chaos.Fault {
	for _, f := range All(Options{}) {
		if f.Kind() == kind {
			return f
		}
	}
	return nil
}

// apply plans and applies a fault and takes it back at the end of the test.
func apply(t *testing.T, kind string, args chaos.Args, targets ...chaos.Target) chaos.Change {
	t.Helper()
	if len(targets) == 0 {
		targets = []chaos.Target{nettest.Target()}
	}
	f := find(kind)
	checked, errs := chaos.CheckArgs(f.Params(), args)
	require.Empty(t, errs)
	c, err := f.Plan(t.Context(), targets, checked)
	require.NoError(t, err)
	require.NoError(t, c.Apply(t.Context()))
	t.Cleanup(func() { require.NoError(t, c.Revert(t.Context())) })
	return c
}

func revert(t *testing.T, c chaos.Change) {
	t.Helper()
	require.Error(t, c.Verify(t.Context()), "it is in force")
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.NoError(t, c.Revert(t.Context()), "a second time")
}

// flood sends n numbered datagrams and returns how many arrive.
func flood(t *testing.T, from nettest.Host, to *net.UDPConn, n int) int {
	t.Helper()
	require.NoError(t, to.SetReadBuffer(8<<20))
	from.Do(t, func() error {
		c, err := net.Dial("udp", to.LocalAddr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		for range n {
			if _, err := c.Write([]byte("datagram")); err != nil {
				return err
			}
		}
		return nil
	})
	got := 0
	for b := make([]byte, 64); ; got++ {
		require.NoError(t, to.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		if _, err := to.Read(b); err != nil {
			return got
		}
	}
}

func TestLossIsWhatWasAskedFor(t *testing.T) {
	a, b := nettest.Pair(t)
	sink := b.ListenUDP(t)
	const n, p = 1000, 0.2
	require.Equal(t, n, flood(t, a, sink, n), "the wire loses nothing by itself")
	c := apply(t, "host.loss", chaos.Args{"loss": "20%", "cidr": a.Addr.String(), "protocol": "udp", "netns": b.Name})
	half := 2.576 * math.Sqrt(n*p*(1-p)) // of the 99% interval
	for try := 1; ; try++ {              // one run in a hundred lies outside; three in a row do once in a million
		before, _ := c.Touched()
		got := flood(t, a, sink, n)
		after, unit := c.Touched()
		require.Equal(t, "packets", unit)
		require.Equal(t, n-got, int(after-before), "what is missing is what the rule counted")
		t.Logf("lost %d of %d, the 99%% interval is %.0f ± %.0f", n-got, n, n*p, half)
		if math.Abs(float64(n-got)-n*p) <= half {
			break
		}
		require.Less(t, try, 3)
	}
	revert(t, c)
	require.Equal(t, n, flood(t, a, sink, n))
}

// connect opens a TCP connection within a moment.
func connect(from nettest.Host, to netip.AddrPort, patience time.Duration) (c net.Conn, err error) {
	err = errors.Join(from.Try(func() error {
		c, err = net.DialTimeout("tcp", to.String(), patience)
		return err
	}))
	return c, err
}

func TestPartitionHangsConnectionsAndUndoLetsThemGoOn(t *testing.T) {
	a, b := nettest.Pair(t)
	addr := b.Listen(t, func(c net.Conn) { _, _ = io.Copy(c, c) })
	conn, err := connect(a, addr, 5*time.Second)
	require.NoError(t, err)
	defer conn.Close()
	c := apply(t, "host.partition", chaos.Args{"cidr": a.Addr.String() + "/32", "netns": b.Name})
	_, err = conn.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	n, _ := c.Touched()
	require.NotZero(t, n)
	require.NoError(t, find("host.partition").Restore(t.Context(), c.Undo()), "as the keeper does")
	require.NoError(t, c.Verify(t.Context()))
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.NoError(t, err, "what was sent meanwhile arrives by retransmission")
	require.NoError(t, c.Revert(t.Context()))
}

func TestPartitionByPortLeavesOthersAlone(t *testing.T) {
	a, b := nettest.Pair(t)
	cut := b.Listen(t, func(c net.Conn) {})
	open := b.Listen(t, func(c net.Conn) {})
	c := apply(t, "host.partition", chaos.Args{"port": int(cut.Port()), "protocol": "tcp", "netns": b.Name})
	_, err := connect(a, cut, 200*time.Millisecond)
	require.Error(t, err)
	ok, err := connect(a, open, 5*time.Second)
	require.NoError(t, err)
	require.NoError(t, ok.Close())
	revert(t, c)
}

func TestRejectRefusesAndResets(t *testing.T) {
	a, b := nettest.Pair(t)
	addr := b.Listen(t, func(c net.Conn) { _, _ = io.Copy(c, c) })
	conn, err := connect(a, addr, 5*time.Second)
	require.NoError(t, err)
	defer conn.Close()
	c := apply(t, "host.reject", chaos.Args{"port": int(addr.Port()), "netns": b.Name})
	_, err = connect(a, addr, 5*time.Second)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_, err = conn.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	revert(t, c)
	again, err := connect(a, addr, 5*time.Second)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

// echoUDP answers every datagram.
func echoUDP(t *testing.T, h nettest.Host) netip.AddrPort {
	c := h.ListenUDP(t)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for b := make([]byte, 64); ; {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = c.WriteToUDPAddrPort(b[:n], from)
		}
	}()
	t.Cleanup(func() { _ = c.Close(); <-over })
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func roundTrip(t *testing.T, from nettest.Host, to netip.AddrPort, patience time.Duration) (took time.Duration, err error) {
	t.Helper()
	err = from.Try(func() error {
		c, err := net.Dial("udp", to.String())
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		start := time.Now()
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err = c.Read(make([]byte, 16))
		took = time.Since(start)
		return err
	})
	return took, err
}

func TestDelayHoldsPacketsAndUndoLetsThemGo(t *testing.T) {
	a, b := nettest.Pair(t)
	addr := echoUDP(t, b)
	idle, err := roundTrip(t, a, addr, 5*time.Second)
	require.NoError(t, err)
	c := apply(t, "host.delay", chaos.Args{"delay": "50ms", "protocol": "udp", "cidr": "any", "netns": b.Name})
	var took []time.Duration
	for range 20 {
		one, err := roundTrip(t, a, addr, 30*time.Second)
		require.NoError(t, err)
		require.GreaterOrEqual(t, one, 50*time.Millisecond)
		took = append(took, one)
	}
	slices.Sort(took)
	t.Logf("round trips of %v took %v, at most %v, with a delay of 50ms", idle, took[len(took)/2], took[len(took)-1])
	n, _ := c.Touched()
	require.EqualValues(t, 20, n)
	revert(t, c)
	long := apply(t, "host.delay", chaos.Args{"delay": "40s", "protocol": "udp", "cidr": "any", "netns": b.Name})
	done := make(chan error, 1)
	go func() {
		_, err := roundTrip(t, a, addr, 30*time.Second)
		done <- err
	}()
	require.Eventually(t, func() bool { n, _ := long.Touched(); return n > 0 }, 30*time.Second, time.Millisecond)
	require.NoError(t, long.Revert(t.Context()))
	require.NoError(t, <-done, "what was held is let go, not lost")
}

func TestDelayPassesAtOnceWhenItsProcessIsKilled(t *testing.T) {
	a, b := nettest.Pair(t)
	addr := echoUDP(t, b)
	cmd, line := helper(t, b, "delay")
	require.Equal(t, "applied <nil>\n", line)
	_, err := roundTrip(t, a, addr, 300*time.Millisecond)
	require.Error(t, err, "it is held for a second")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	start := time.Now()
	require.Eventually(t, func() bool { _, err := roundTrip(t, a, addr, 50*time.Millisecond); return err == nil }, 30*time.Second, time.Millisecond)
	t.Logf("packets pass %v after SIGKILL, with a lease of %v", time.Since(start), nft.DefaultLease)
	left, err := nft.List(b.Namespace)
	require.NoError(t, err)
	require.Len(t, left, 1, "the table is there until someone recovers, and passes everything")
}

// helper starts this test in another role within a machine and reads the first line it says.
func helper(t *testing.T, h nettest.Host, role string, more ...func(*exec.Cmd)) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GAMEDAY_TEST_ROLE="+role, "GAMEDAY_TEST_NETNS="+h.Namespace.Path, "GAMEDAY_TEST_ADDR="+h.Addr.String()+":0")
	for _, m := range more {
		m(cmd)
	}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	h.Do(t, cmd.Start)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the test may have done so
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, line
}

func TestProcessIsFoundInItsNamespaceByThePortItServes(t *testing.T) {
	a, b := nettest.Pair(t)
	other := b.Listen(t, func(net.Conn) {})
	cmd, line := helper(t, b, "serve")
	var text string
	_, err := fmt.Sscan(line, &text)
	require.NoError(t, err)
	addr := netip.MustParseAddrPort(text)
	target := chaos.Target{Kind: chaos.TargetProcess, Name: "payment", PID: cmd.Process.Pid, Address: text}
	c := apply(t, "process.reject", nil, target)
	require.Equal(t, "payment rejects", c.Describe().Title)
	_, err = connect(a, addr, 5*time.Second)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	ok, err := connect(a, other, 5*time.Second)
	require.NoError(t, err)
	require.NoError(t, ok.Close())
	revert(t, c)
}

func TestCgroupIsCutOffAndOthersAreNot(t *testing.T) {
	a, b := nettest.Pair(t)
	root := ""
	for _, dir := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			root = dir
			break
		}
	}
	name := fmt.Sprintf("gameday-test-%d", os.Getpid())
	dir := filepath.Join(root, name)
	if root == "" || os.Mkdir(dir, 0o755) != nil {
		t.Skip("skipped: no cgroup v2 hierarchy that can be written to")
	}
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return os.Remove(dir) == nil }, 30*time.Second, 10*time.Millisecond)
	})
	fd, err := os.Open(dir)
	require.NoError(t, err)
	defer fd.Close()
	_, in := helper(t, b, "serve", func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(fd.Fd())}
	})
	_, out := helper(t, b, "serve")
	var inside, outside string
	_, err = fmt.Sscan(in, &inside)
	require.NoError(t, err)
	_, err = fmt.Sscan(out, &outside)
	require.NoError(t, err)
	c := apply(t, "host.reject", chaos.Args{"cgroup": name, "netns": b.Name})
	_, err = connect(a, netip.MustParseAddrPort(inside), 5*time.Second)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	ok, err := connect(a, netip.MustParseAddrPort(outside), 5*time.Second)
	require.NoError(t, err)
	require.NoError(t, ok.Close())
	revert(t, c)
}
