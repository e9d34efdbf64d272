package netfilter

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/hostnet"
	"gameday/chaos/hostnet/nettest"
	"gameday/chaos/journal"
)

type inventory []chaos.Target

func (i inventory) Targets(context.Context) ([]chaos.Target, error) { return i, nil }

func TestControllerInjectsAndAnotherProcessRecovers(t *testing.T) {
	a, b := nettest.Pair(t)
	sink := b.ListenUDP(t)
	dir := filepath.Join(t.TempDir(), "j")
	require.NoError(t, os.Mkdir(dir, 0o700))
	j, err := journal.Create(dir, "s1")
	require.NoError(t, err)
	ctl, err := chaos.NewController(chaos.Config{Journal: j, Inventory: inventory{nettest.Target()}, Faults: All(Options{})})
	require.NoError(t, err)
	plan := func(args chaos.Args) (*chaos.Planned, error) {
		return ctl.Plan(t.Context(), chaos.Request{Kind: "host.partition", Select: chaos.Selector{Name: "*"}, Args: args})
	}
	_, err = plan(nil)
	require.ErrorContains(t, err, "say which packets")
	p, err := plan(chaos.Args{"cidr": a.Addr.String(), "netns": b.Name})
	require.NoError(t, err)
	require.Equal(t, a.Addr.String()+" cut off", p.Title)
	start := time.Now()
	id, err := ctl.Inject(t.Context(), p)
	require.NoError(t, err)
	t.Logf("armed %v after the key", time.Since(start))
	require.Zero(t, flood(t, a, sink, 3))
	states := ctl.States()
	require.NotZero(t, states[0].Touched)
	res, err := chaos.RecoverForced(t.Context(), dir, All(Options{}))
	require.NoError(t, err)
	require.Len(t, res, 1)
	require.Equal(t, chaos.VerifiedClean, res[0].Outcome, "%v", res[0].Err)
	require.Equal(t, 3, flood(t, a, sink, 3))
	require.NoError(t, ctl.Undo(t.Context(), id))
	require.NoError(t, ctl.Close(t.Context()))
}

func TestOwnNamespaceIsHitWhenNoneIsNamed(t *testing.T) {
	if err := hostnet.May(); err != nil {
		t.Skipf("skipped: %v", err)
	}
	ln, err := net.Listen("tcp", "127.66.0.9:0") // an address of the loopback interface that nobody else uses
	require.NoError(t, err)
	defer ln.Close()
	c := apply(t, "host.reject", chaos.Args{"cidr": "127.66.0.9", "port": ln.Addr().(*net.TCPAddr).Port})
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.66.0.9")}, Timeout: 30 * time.Second}
	_, err = d.Dial("tcp", ln.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	revert(t, c)
	ok, err := net.DialTimeout("tcp", ln.Addr().String(), 30*time.Second)
	require.NoError(t, err)
	require.NoError(t, ok.Close())
}

func TestRejectReachesWhoIsOnTheSameMachine(t *testing.T) {
	_, b := nettest.Pair(t)
	tcp, udp := b.Listen(t, func(net.Conn) {}), b.ListenUDP(t)
	c := apply(t, "host.reject", chaos.Args{"cidr": "any", "netns": b.Name})
	_, err := connect(b, tcp, 30*time.Second)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_, err = roundTrip(t, b, udp.LocalAddr().(*net.UDPAddr).AddrPort(), 30*time.Second)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	revert(t, c)
}

func TestPartitionOfIPv6LeavesIPv4Alone(t *testing.T) {
	a, b := nettest.Pair(t)
	var ln net.Listener
	b.Do(t, func() (err error) { ln, err = net.Listen("tcp", "[::]:0"); return err })
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).AddrPort().Port()
	six, four := netip.AddrPortFrom(b.Addr6, port), netip.AddrPortFrom(b.Addr, port)
	require.Eventually(t, func() bool { // an address of IPv6 is there a moment after it was given
		c, err := connect(a, six, 5*time.Second)
		return err == nil && c.Close() == nil
	}, 30*time.Second, 50*time.Millisecond)
	c := apply(t, "host.partition", chaos.Args{"cidr": "fd66::/64", "interface": b.Interface, "netns": b.Name})
	_, err := connect(a, six, 200*time.Millisecond)
	require.Error(t, err)
	ok, err := connect(a, four, 30*time.Second)
	require.NoError(t, err)
	require.NoError(t, ok.Close())
	revert(t, c)
}
