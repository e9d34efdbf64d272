package nft

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/hostnet"
	"gameday/chaos/hostnet/nettest"
)

// TestMain doubles as a process that arms rules and renews them until it is killed.
func TestMain(m *testing.M) {
	if text := os.Getenv("GAMEDAY_TEST_ARM"); text != "" {
		var s Spec
		err := json.Unmarshal([]byte(text), &s)
		if err == nil {
			_, err = Arm(s)
		}
		fmt.Println("armed", err)
		select {}
	}
	os.Exit(m.Run())
}

func spec(h nettest.Host, v Verdict) Spec {
	return Spec{Name: NewName(), Namespace: h.Namespace, Direction: In, Verdict: v, Match: []Match{{}}, Lease: time.Second}
}

// arrives reports whether a datagram sent to c arrives within a moment.
func arrives(t *testing.T, from nettest.Host, c *net.UDPConn) bool {
	t.Helper()
	from.Do(t, func() error {
		s, err := net.Dial("udp", c.LocalAddr().String())
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Write([]byte("x"))
		return err
	})
	require.NoError(t, c.SetReadDeadline(time.Now().Add(60*time.Millisecond)))
	_, err := c.Read(make([]byte, 16))
	return err == nil
}

func TestRulesStayInForceBeyondTheirLeaseAndGoWithDisarm(t *testing.T) {
	a, b := nettest.Pair(t)
	c := b.ListenUDP(t)
	require.True(t, arrives(t, a, c))
	s := spec(b, Drop)
	armed, err := Arm(s)
	require.NoError(t, err)
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end); {
		if armed.lapses.Load() > 0 {
			t.Skip("skipped: this machine was too busy to renew a lease of a second in time")
		}
		require.False(t, arrives(t, a, c))
	}
	require.NotZero(t, armed.Count())
	there, err := Present(Undo{s.Name, s.Namespace})
	require.NoError(t, err)
	require.True(t, there)
	require.NoError(t, armed.Disarm())
	require.NoError(t, armed.Disarm(), "a second time")
	require.True(t, arrives(t, a, c))
	left, err := List(b.Namespace)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestRulesDisarmThemselvesWhenTheirProcessIsStoppedOrKilled(t *testing.T) {
	a, b := nettest.Pair(t)
	c := b.ListenUDP(t)
	s := spec(b, Drop)
	s.Lease = 1500 * time.Millisecond
	text, err := json.Marshal(s)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GAMEDAY_TEST_ARM="+string(text))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "armed <nil>\n", line)
	passes := func() bool { return arrives(t, a, c) }
	require.False(t, passes())
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	require.Eventually(t, passes, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	require.Eventually(t, func() bool { return !passes() }, 30*time.Second, 10*time.Millisecond, "its time is not over")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	start := time.Now()
	require.Eventually(t, passes, 30*time.Second, 10*time.Millisecond)
	t.Logf("a lease of %v healed %v after SIGKILL", s.Lease, time.Since(start))
	undo, err := s.Undo()
	require.NoError(t, err)
	require.NoError(t, Restore(undo))
	require.NoError(t, Restore(undo), "a second time")
	left, err := List(b.Namespace)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestATableDeletedByAnotherStaysDeleted(t *testing.T) {
	_, b := nettest.Pair(t)
	s := spec(b, Drop)
	s.Lease = 300 * time.Millisecond
	armed, err := Arm(s)
	require.NoError(t, err)
	undo, err := s.Undo()
	require.NoError(t, err)
	require.NoError(t, Restore(undo))
	<-armed.over // the renewal sees it and gives up
	there, err := Present(Undo{s.Name, s.Namespace})
	require.NoError(t, err)
	require.False(t, there)
	require.NoError(t, armed.Disarm())
}

func TestNothingIsLeftOfAnInstallationThatFails(t *testing.T) {
	_, b := nettest.Pair(t)
	s := spec(b, Drop)
	first, err := Arm(s)
	require.NoError(t, err)
	_, err = Arm(s)
	require.Error(t, err, "a table that exists is another's")
	require.NoError(t, first.Disarm())
	s.Match = []Match{{Cgroup: Cgroup{Path: "deep", ID: 1, Level: 1 << 20}}}
	_, err = Arm(s)
	require.Error(t, err, "the kernel knows no such level")
	left, err := List(b.Namespace)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestUndoIsReadOnlyWhenItNamesATableOfOurs(t *testing.T) {
	for _, bad := range []string{``, `{}`, `{"table":"filter","netns":{"inode":1}}`, `{"table":"gameday_0123456789abcdef"}`,
		`{"table":"gameday_0123456789abcdef;flush","netns":{"inode":1}}`} {
		require.Error(t, Restore([]byte(bad)), bad)
		require.Empty(t, Remedy([]byte(bad)))
	}
	require.Equal(t, "nft delete table inet gameday_0123456789abcdef", Remedy([]byte(`{"table":"gameday_0123456789abcdef","netns":{"inode":1}}`)))
	require.NoError(t, Restore([]byte(`{"table":"gameday_0123456789abcdef","netns":{"inode":1}}`)), "the namespace is gone and took it along")
}

func TestGuardRefusesUnlessForcedAndAlwaysExempts(t *testing.T) {
	own, err := hostnet.FindNamespace("")
	if err != nil {
		t.Skipf("skipped: %v", err)
	}
	g := hostnet.Guard{SSH: "192.0.2.7 50000 192.0.2.1 22", Control: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.9:9090")}}
	for _, c := range []struct {
		match   Match
		refused string
	}{
		{Match{}, "your SSH connection"},
		{Match{Port: 22}, "your SSH connection"},
		{Match{LocalPort: 22}, "your SSH connection"},
		{Match{Peer: netip.MustParsePrefix("192.0.2.0/29"), Protocol: "tcp"}, "your SSH connection"},
		{Match{Peer: netip.MustParsePrefix("192.0.2.9/32")}, "the control address 192.0.2.9:9090"},
		{Match{Port: 9090}, "the control address"},
		{Match{Protocol: "udp"}, ""},
		{Match{Port: 5432}, ""},
		{Match{Peer: netip.MustParsePrefix("198.51.100.0/24")}, ""},
	} {
		s := Spec{Namespace: own, Match: []Match{c.match}}
		err := s.Guard("host.loss", g, false, "narrow it")
		if c.refused == "" {
			require.NoError(t, err, c.match)
		} else {
			require.ErrorContains(t, err, c.refused, c.match)
		}
		s = Spec{Namespace: own, Match: []Match{c.match}}
		require.NoError(t, s.Guard("host.loss", g, true, ""))
		require.Len(t, s.Exempt, 2)
	}
	require.ErrorContains(t, (&Spec{}).Guard("host.loss", hostnet.Guard{SSH: "secret"}, true, ""), "SSH_CONNECTION")
}

func TestExemptAddressesComeFirstAndPass(t *testing.T) {
	a, b := nettest.Pair(t)
	open, cut := b.ListenUDP(t), b.ListenUDP(t)
	s := spec(b, Drop)
	s.Exempt = []netip.AddrPort{open.LocalAddr().(*net.UDPAddr).AddrPort()}
	armed, err := Arm(s)
	require.NoError(t, err)
	require.True(t, arrives(t, a, open))
	require.False(t, arrives(t, a, cut))
	require.NoError(t, armed.Disarm())
}

func TestAvailableSaysWhatIsThere(t *testing.T) {
	for _, f := range Available() {
		t.Log(f)
		require.NotEmpty(t, f.Name)
		require.NotEmpty(t, f.For)
	}
}

func TestTheKernelTakesEveryFormOfRule(t *testing.T) {
	if err := (Spec{Direction: In, Verdict: Drop}).Check(); err != nil {
		t.Skipf("skipped: %v", err)
	}
	matches := []Match{{}, {Protocol: "icmp"}, {Port: 80}, {LocalPort: 80, Protocol: "udp"}, {Interface: "lo"},
		{Peer: netip.MustParsePrefix("10.0.0.0/9")}, {Peer: netip.MustParsePrefix("fd00::/7"), Port: 1}}
	for _, d := range []Direction{In, Out, Both, Forward} {
		for _, v := range []Verdict{Drop, Reject, Queue} {
			for _, share := range []float64{1, 0.25} {
				s := Spec{Direction: d, Verdict: v, Share: share, Match: matches, Number: 7, Mark: 1,
					Exempt: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:80"), netip.MustParseAddrPort("[fd00::1]:80")}}
				require.NoError(t, s.Check(), "%s %s %v", d, v, share)
				require.NotEmpty(t, s.Lines())
			}
		}
	}
}
