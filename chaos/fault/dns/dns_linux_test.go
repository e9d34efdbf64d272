package dns

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"gameday/chaos"
	"gameday/chaos/hostnet"
	"gameday/chaos/hostnet/nettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var right = netip.MustParseAddr("192.0.2.80")

// nameServer answers every name with the right address, over UDP and TCP.
func nameServer(t *testing.T, h nettest.Host) netip.AddrPort {
	answer := func(q []byte) []byte {
		head, qu, err := question(q)
		if err != nil {
			return nil
		}
		a, err := reply(head, qu, dnsmessage.RCodeSuccess, []netip.Addr{right})
		if err != nil {
			return nil
		}
		return a
	}
	u := h.ListenUDP(t)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for b := make([]byte, 4096); ; {
			n, from, err := u.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = u.WriteToUDPAddrPort(answer(b[:n]), from)
		}
	}()
	t.Cleanup(func() { _ = u.Close(); <-over })
	addr := u.LocalAddr().(*net.UDPAddr).AddrPort()
	var l net.Listener
	h.Do(t, func() (err error) { l, err = net.Listen("tcp", addr.String()); return err })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if q, err := readMessage(c); err == nil {
				_, _ = c.Write(withLength(answer(q)))
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return addr
}

// lookup asks the server for an address, from a machine.
func lookup(from nettest.Host, network string, server netip.AddrPort, name string, patience time.Duration) (code dnsmessage.RCode, addrs []netip.Addr, err error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 77, RecursionDesired: true})
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return 0, nil, err
	}
	q := dnsmessage.Question{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	if err := errors.Join(b.StartQuestions(), b.Question(q)); err != nil {
		return 0, nil, err
	}
	query, err := b.Finish()
	if err != nil {
		return 0, nil, err
	}
	var answer []byte
	err = from.Try(func() error {
		c, err := net.DialTimeout(network, server.String(), patience)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if network == "tcp" {
			if _, err := c.Write(withLength(query)); err != nil {
				return err
			}
			answer, err = readMessage(c)
			return err
		}
		if _, err := c.Write(query); err != nil {
			return err
		}
		answer = make([]byte, 4096)
		k, err := c.Read(answer)
		answer = answer[:k]
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil {
		return 0, nil, err
	}
	for _, r := range m.Answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok {
			addrs = append(addrs, netip.AddrFrom4(a.A))
		}
	}
	return m.RCode, addrs, nil
}

func applied(t *testing.T, args chaos.Args) chaos.Change {
	t.Helper()
	f := NewFailure(Options{})
	checked, errs := chaos.CheckArgs(f.Params(), args)
	require.Empty(t, errs)
	c, err := f.Plan(t.Context(), []chaos.Target{nettest.Target()}, checked)
	require.NoError(t, err)
	require.NoError(t, c.Apply(t.Context()))
	t.Cleanup(func() { require.NoError(t, c.Revert(t.Context())) })
	return c
}

const soon = 30 * time.Second

func TestNamesLeadToAWrongAddressUntilUndone(t *testing.T) {
	a, b := nettest.Pair(t)
	server := nameServer(t, b)
	c := applied(t, chaos.Args{"names": "api.example.com, *.internal", "answer": "address", "address": "203.0.113.9, 2001:db8::1",
		"servers": server.String(), "netns": a.Name})
	wrong := []netip.Addr{netip.MustParseAddr("203.0.113.9")}
	for _, network := range []string{"udp", "tcp"} {
		for name, want := range map[string][]netip.Addr{"API.example.com.": wrong, "db.internal.": wrong, "internal.": {right}, "www.example.com.": {right}} {
			code, got, err := lookup(a, network, server, name, soon)
			require.NoError(t, err, "%s %s", network, name)
			require.Equal(t, dnsmessage.RCodeSuccess, code)
			require.Equal(t, want, got, "%s %s", network, name)
		}
	}
	n, unit := c.Touched()
	require.EqualValues(t, 4, n)
	require.Equal(t, "queries", unit)
	require.Error(t, c.Verify(t.Context()))
	require.NoError(t, c.Revert(t.Context()))
	require.NoError(t, c.Verify(t.Context()))
	require.NoError(t, c.Revert(t.Context()), "a second time")
	for _, network := range []string{"udp", "tcp"} {
		_, got, err := lookup(a, network, server, "api.example.com.", soon)
		require.NoError(t, err)
		require.Equal(t, []netip.Addr{right}, got)
	}
	n, _ = c.Touched()
	require.EqualValues(t, 4, n)
}

func TestNamesFailInEveryWay(t *testing.T) {
	a, b := nettest.Pair(t)
	server := nameServer(t, b)
	for answer, want := range map[Answer]dnsmessage.RCode{NXDomain: dnsmessage.RCodeNameError, ServFail: dnsmessage.RCodeServerFailure, Refused: dnsmessage.RCodeRefused} {
		c := applied(t, chaos.Args{"names": "*", "answer": string(answer), "servers": server.String(), "netns": a.Name})
		code, got, err := lookup(a, "udp", server, "x.example.", soon)
		require.NoError(t, err)
		require.Equal(t, want, code)
		require.Empty(t, got)
		require.NoError(t, c.Revert(t.Context()))
	}
	c := applied(t, chaos.Args{"names": "*", "answer": "timeout", "servers": server.String(), "netns": a.Name})
	_, _, err := lookup(a, "udp", server, "x.example.", 200*time.Millisecond)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.Revert(t.Context()))
	c = applied(t, chaos.Args{"names": "*", "answer": "delay", "delay": "150ms", "servers": server.String(), "netns": a.Name})
	start := time.Now()
	_, got, err := lookup(a, "udp", server, "x.example.", soon)
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{right}, got)
	require.GreaterOrEqual(t, time.Since(start), 150*time.Millisecond)
	require.NoError(t, c.Revert(t.Context()))
}

func TestRestoreFromTheJournalSendsQueriesStraightAgain(t *testing.T) {
	a, b := nettest.Pair(t)
	server := nameServer(t, b)
	c := applied(t, chaos.Args{"names": "*", "servers": server.String(), "netns": a.Name})
	require.NoError(t, NewFailure(Options{}).Restore(t.Context(), c.Undo()))
	require.NoError(t, c.Verify(t.Context()))
	_, got, err := lookup(a, "udp", server, "x.example.", soon)
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{right}, got)
}

func TestWhenNoServerAnswersTheClientIsTold(t *testing.T) {
	a, b := nettest.Pair(t)
	dead := netip.AddrPortFrom(b.Addr, 53) // nobody is there: refused at once
	applied(t, chaos.Args{"names": "hit.example", "servers": dead.String(), "netns": a.Name})
	code, _, err := lookup(a, "udp", dead, "other.example.", soon)
	require.NoError(t, err)
	require.Equal(t, dnsmessage.RCodeServerFailure, code)
}

func TestWhatIsNoQueryIsPassedOnAndDoesNoHarm(t *testing.T) {
	s := &resolver{rules: rules{names: names{"*"}, answer: NXDomain, share: 1}}
	own, err := hostnet.FindNamespace("")
	require.NoError(t, err)
	s.ns = own
	for _, b := range [][]byte{nil, {1}, make([]byte, 11), make([]byte, 600), {0, 1, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0xc0, 0x0c}} {
		s.ctx = t.Context()
		require.Nil(t, s.handle(b, "udp")) // there is no server to pass it on to
	}
}

func FuzzQueriesDoNoHarm(f *testing.F) {
	f.Add([]byte("\x00\x4d\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x\x00\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &resolver{rules: rules{names: names{"*"}, answer: Address, addresses: []netip.Addr{right}, share: 1}, ctx: t.Context()}
		if a := s.handle(b, "udp"); a != nil {
			var m dnsmessage.Message
			require.NoError(t, m.Unpack(a))
			require.True(t, m.Response)
		}
	})
}

func TestNamesAreReadOrRefused(t *testing.T) {
	ns, err := parseNames("API.Example.com., *.internal *")
	require.NoError(t, err)
	require.Equal(t, names{"api.example.com", "*.internal", "*"}, ns)
	for _, bad := range []string{"", " , ", "*x", "a.*.b", "."} {
		_, err := parseNames(bad)
		require.Error(t, err, bad)
	}
}

func TestArgumentsThatContradictAreRefused(t *testing.T) {
	for want, args := range map[string]chaos.Args{
		"argument address belong": {"names": "x", "answer": "address"},
		"argument delay belong":   {"names": "x", "delay": time.Second},
		"is no address":           {"names": "x", "answer": "address", "address": "y"},
		"changes nothing":         {"names": "x", "share": 0.0},
		"no address of a name se": {"names": "x", "servers": "y"},
		"not 0 targets":           nil,
	} {
		targets := []chaos.Target{nettest.Target()}
		if args == nil {
			targets = nil
		}
		_, err := NewFailure(Options{}).Plan(t.Context(), targets, args)
		require.ErrorContains(t, err, want)
	}
}
