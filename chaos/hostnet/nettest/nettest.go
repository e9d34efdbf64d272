// Package nettest makes network namespaces for the tests of faults that act on a machine's own network.
package nettest

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/hostnet"
)

// Host is one of two machines on a wire: a network namespace with an interface and an address.
type Host struct {
	Name      string // as `ip netns` knows it
	Namespace hostnet.Namespace
	Addr      netip.Addr
	Addr6     netip.Addr
	Interface string
}

// Target is the machine that faults act on, as an inventory names it.
func Target() chaos.Target { return chaos.Target{Kind: chaos.TargetHost, Name: "localhost"} }

var made atomic.Uint32 // so that names are unique within the test process

// Pair makes two machines joined by a wire, which are gone after the test. It skips where that cannot be done.
func Pair(t testing.TB) (a, b Host) {
	t.Helper()
	if err := hostnet.May(); err != nil || os.Getuid() != 0 {
		t.Skipf("skipped: making network namespaces needs root on Linux (%v)", err)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("skipped: ip(8) of iproute2 is not installed")
	}
	n := made.Add(1)
	hosts := make([]Host, 2)
	for i := range hosts {
		hosts[i] = Host{Name: fmt.Sprintf("gdt%d-%d-%c", os.Getpid(), n, 'a'+i), Interface: "gd0",
			Addr: netip.AddrFrom4([4]byte{10, 66, 0, byte(i + 1)}), Addr6: netip.MustParseAddr(fmt.Sprintf("fd66::%d", i+1))}
		if out, err := exec.Command("ip", "netns", "add", hosts[i].Name).CombinedOutput(); err != nil {
			t.Skipf("skipped: this machine cannot make network namespaces: %s", out)
		}
		t.Cleanup(func() { run(t, "netns", "del", hosts[i].Name) })
		run(t, "-n", hosts[i].Name, "link", "set", "lo", "up")
	}
	a, b = hosts[0], hosts[1]
	run(t, "-n", a.Name, "link", "add", "gd0", "type", "veth", "peer", "name", "gd0", "netns", b.Name)
	for _, h := range hosts {
		run(t, "-n", h.Name, "addr", "add", h.Addr.String()+"/24", "dev", "gd0")
		run(t, "-n", h.Name, "addr", "add", h.Addr6.String()+"/64", "dev", "gd0", "nodad")
		run(t, "-n", h.Name, "link", "set", "gd0", "up")
	}
	for i := range hosts {
		var err error
		hosts[i].Namespace, err = hostnet.FindNamespace(hosts[i].Name)
		require.NoError(t, err)
	}
	return hosts[0], hosts[1]
}

func run(t testing.TB, args ...string) {
	t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	require.NoError(t, err, "ip %v: %s", args, out)
}

// Do runs fn in the machine's namespace.
func (h Host) Do(t testing.TB, fn func() error) {
	t.Helper()
	require.NoError(t, h.Try(fn))
}

// Try runs fn in the machine's namespace and returns its error.
func (h Host) Try(fn func() error) error {
	return h.Namespace.Do(fn)
}

// Listen listens for TCP on a free port of the machine until the test ends, which closes all connections.
func (h Host) Listen(t testing.TB, serve func(net.Conn)) netip.AddrPort {
	t.Helper()
	var ln net.Listener
	h.Do(t, func() (err error) {
		ln, err = net.Listen("tcp4", net.JoinHostPort(h.Addr.String(), "0"))
		return err
	})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				serve(c)
				_ = c.Close() // the test looks at what arrived
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close() // most are
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// ListenUDP opens a UDP socket of the machine until the test ends.
func (h Host) ListenUDP(t testing.TB) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	h.Do(t, func() (err error) {
		c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: h.Addr.AsSlice()})
		return err
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}
