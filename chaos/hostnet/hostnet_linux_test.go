package hostnet_test

import (
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/chaos/hostnet"
	"gameday/chaos/hostnet/nettest"
)

func TestOwnNamespaceStaysTheOwnWhileThreadsVisitOthers(t *testing.T) {
	if err := hostnet.Scratch(func(*os.File) error { return nil }); err != nil {
		t.Skipf("skipped: %v", err)
	}
	own, err := hostnet.FindNamespace("")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				err := hostnet.Scratch(func(ns *os.File) error {
					first, err := os.Readlink("/proc/self/ns/net") // of the process's first thread
					if err == nil && first == mustLink(ns) {
						t.Error("the first thread left its namespace")
					}
					return err
				})
				if err != nil || !own.Own() {
					t.Errorf("own namespace is another one: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func mustLink(f *os.File) string {
	link, err := os.Readlink(f.Name())
	if err != nil {
		return err.Error()
	}
	return link
}

func TestNamespaceIsFoundAgainUntilItIsGone(t *testing.T) {
	a, b := nettest.Pair(t)
	require.NotEqual(t, a.Namespace.Inode, b.Namespace.Inode)
	require.False(t, a.Namespace.Own())
	for _, n := range []hostnet.Namespace{a.Namespace, {Inode: a.Namespace.Inode, Path: "/moved"}} {
		f, err := n.Open()
		if n.Path == "/moved" { // no process lives in it, so that its path was the only way
			require.ErrorIs(t, err, hostnet.ErrGone)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	same, err := hostnet.FindNamespace("/run/netns/" + a.Name)
	require.NoError(t, err)
	require.Equal(t, a.Namespace, same)
	_, err = hostnet.FindNamespace("no such name")
	require.ErrorContains(t, err, "ip netns list")
}

func TestGuardReadsTheLinksOrSaysWhyNot(t *testing.T) {
	links, err := hostnet.Guard{SSH: "192.0.2.7 50000 192.0.2.1 22", Control: []netip.AddrPort{netip.MustParseAddrPort("[::ffff:192.0.2.9]:9090")}}.Links()
	require.NoError(t, err)
	require.Len(t, links, 2)
	require.Equal(t, "192.0.2.7:50000", links[0].Remote.String())
	require.Equal(t, "192.0.2.1:22", links[0].Local.String())
	require.Equal(t, "192.0.2.9:9090", links[1].Remote.String())
	links, err = hostnet.Guard{Sources: func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("192.0.2.8:4317")} }}.Links()
	require.NoError(t, err)
	require.Equal(t, "192.0.2.8:4317", links[0].Remote.String())
	links, err = hostnet.Guard{}.Links()
	require.NoError(t, err)
	require.Empty(t, links)
	for _, bad := range []string{"x", "1 2 3 4", "192.0.2.7 x 192.0.2.1 22", "192.0.2.7 99999 192.0.2.1 22"} {
		_, err := hostnet.Guard{SSH: bad}.Links()
		require.ErrorContains(t, err, "SSH_CONNECTION", bad)
		require.NotContains(t, err.Error(), "99999", "what it holds is not shown")
	}
	require.Equal(t, "lo", hostnet.Link{Local: netip.MustParseAddrPort("127.0.0.1:22")}.Interface())
	require.Equal(t, "lo", hostnet.Link{Remote: netip.MustParseAddrPort("127.0.0.1:22")}.Interface())
}
