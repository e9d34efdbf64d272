package engine

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/fault/process"
	"gameday/sources/scrape"
)

// scraped is a system whose one service tells its metrics where it serves, and that is scraped elsewhere, too.
type scraped struct{ *one }

func (s scraped) Targets(ctx context.Context) ([]chaos.Target, error) {
	ts, err := s.one.Targets(ctx)
	ts[0].Address = "127.0.0.1:7001"
	return ts, err
}

func (s scraped) ScrapeTargets() []scrape.Target {
	return []scrape.Target{{Instance: "127.0.0.1:7001"}, {Instance: "127.0.0.1:7002"}, {Instance: "no port"}}
}

func TestSourcesAreGuardedAndTargetsAreNot(t *testing.T) {
	s, err := New(Config{Name: "x", Environment: "demo", StateDir: t.TempDir(), Exe: "/proc/self/exe", KeeperArgs: []string{"keeper"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	own := s.guarded()
	require.Contains(t, own, netip.MustParseAddrPort(s.receiver.GRPCAddr()))
	require.Contains(t, own, netip.MustParseAddrPort(s.receiver.HTTPAddr()))
	s.mu.Lock()
	s.system = scraped{&one{}}
	s.mu.Unlock()
	all := s.guarded()
	require.Contains(t, all, netip.MustParseAddrPort("127.0.0.1:7002"))
	require.NotContains(t, all, netip.MustParseAddrPort("127.0.0.1:7001"), "a service may be hit where it serves")
	s.mu.Lock()
	s.system = nil
	s.mu.Unlock()

	inv := inventory{s}
	targets, err := inv.Targets(t.Context())
	require.NoError(t, err)
	require.Len(t, targets, 1, "nothing of the machine is meant by *, but the machine")
	require.Equal(t, chaos.TargetHost, targets[0].Kind)
	found, err := inv.Find(t.Context(), chaos.TargetPath, chaos.Selector{Name: t.TempDir()})
	require.NoError(t, err)
	require.Len(t, found, 1)

	require.True(t, onMachine(targets[0]))
	require.True(t, onMachine(chaos.Target{Kind: chaos.TargetProcess, Labels: map[string]string{process.LabelFound: "{pid: 7}"}}))
	require.False(t, onMachine(chaos.Target{Kind: chaos.TargetProcess}))
	require.False(t, onMachine(chaos.Target{Kind: chaos.TargetLink}))
	require.Len(t, everywhere(netip.MustParseAddrPort("127.0.0.1:1")), 1)
	require.Contains(t, everywhere(netip.MustParseAddrPort("0.0.0.0:1")), netip.MustParseAddrPort("127.0.0.1:1"))
}
