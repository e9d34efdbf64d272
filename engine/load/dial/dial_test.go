package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/engine/load/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ports = map[string]string{"tcp": "", "dns": "53"}

func TestParse(t *testing.T) {
	for target, want := range map[string]string{
		"tcp://127.0.0.1:7000": "127.0.0.1:7000",
		"tcp://[::1]:7000/":    "[::1]:7000",
		"dns://example.com":    "example.com:53",
	} {
		a, err := Parse(target, ports)
		require.NoError(t, err, target)
		require.Equal(t, want, a.String())
		require.NoError(t, a.Bare())
	}
	for target, want := range map[string]string{
		"http://h:1":            "must start with dns:// or tcp://",
		"tcp://h":               "has no port",
		"tcp://:70":             "has no host",
		"tcp://h:0":             "port 0 is not from 1 to 65535",
		"tcp://h:70000":         "port 70000 is not",
		"tcp://u:geheim@h:1":    "holds a user",
		"tcp://h:1#x":           "fragment",
		"tcp://u:geheim@h:1%zz": "read the target's address",
		"tcp://h:geheim x":      "read the target's address",
	} {
		_, err := Parse(target, ports)
		require.ErrorContains(t, err, want, target)
		if target != "tcp://h:geheim x" {
			require.NotContains(t, err.Error(), "geheim")
		}
	}
	a, err := Parse("tcp://h:1/path", ports)
	require.NoError(t, err)
	require.ErrorContains(t, a.Bare(), "has no paths")
}

// listen gives every connection to serve, until the test is over.
func listen(t *testing.T, serve func(net.Conn)) Address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	a, err := Parse("tcp://"+l.Addr().String(), ports)
	require.NoError(t, err)
	return a
}

func TestNamesAreResolvedInAPhaseOfTheirOwn(t *testing.T) {
	a := listen(t, func(c net.Conn) { _ = c.Close() })
	a.Host = "localhost"
	l := (&Dialer{Network: "tcp", Address: a}).Link(t.Context(), time.Now())
	defer l.Close()
	var out protocol.Outcome
	require.NoError(t, l.Open(time.Minute, &out))
	require.Positive(t, out.Phases.Resolve)
	require.Positive(t, out.Phases.Connect)
	require.EqualValues(t, 1, out.Dials)
}

func TestClassify(t *testing.T) {
	reuse, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody, err := Parse("tcp://"+reuse.Addr().String(), ports)
	require.NoError(t, err)
	require.NoError(t, reuse.Close())
	plain := listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "this is no handshake\n"); _ = c.Close() })
	unknown := Address{Host: "no-such-host.invalid", Port: "1"}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	mute, err := Parse("tcp://"+silent.Addr().String(), ports)
	require.NoError(t, err)
	stranger := httptest.NewTLSServer(nil)
	defer stranger.Close()
	host, port, err := net.SplitHostPort(stranger.Listener.Addr().String())
	require.NoError(t, err)

	for name, c := range map[string]struct {
		dialer Dialer
		due    time.Duration
		kind   protocol.Kind
	}{
		"nobody listens":      {Dialer{Address: nobody}, time.Minute, protocol.Refused},
		"no such name":        {Dialer{Address: unknown}, time.Minute, protocol.Resolve},
		"no handshake":        {Dialer{Address: plain, TLS: plain.TLS(nil)}, time.Minute, protocol.TLS},
		"silent handshake":    {Dialer{Address: mute, TLS: mute.TLS(nil)}, 50 * time.Millisecond, protocol.Timeout},
		"unknown certificate": {Dialer{Address: Address{Host: host, Port: port}, TLS: Address{Host: host}.TLS(nil)}, time.Minute, protocol.TLS},
	} {
		c.dialer.Network = "tcp"
		l := c.dialer.Link(t.Context(), time.Now())
		var out protocol.Outcome
		err := l.Open(c.due, &out)
		require.Error(t, err, name)
		l.Fail(err, &out)
		require.Equal(t, c.kind, out.Kind, "%s: %v", name, err)
		require.False(t, l.Connected())
		l.Close()
	}
	require.Equal(t, protocol.BadResponse, Classify(Malformedf("%d", 1)))
	require.Equal(t, protocol.Closed, Classify(io.EOF))
	require.Equal(t, protocol.Reset, Classify(errors.New("any")))
}

func TestADeadlineThatWasMovedIsExact(t *testing.T) {
	hold := make(chan struct{})
	a := listen(t, func(c net.Conn) { <-hold; _, _ = io.WriteString(c, "late"); _ = c.Close() })
	l := (&Dialer{Network: "tcp", Address: a}).Link(t.Context(), time.Now())
	defer l.Close()
	var out protocol.Outcome
	require.NoError(t, l.Open(time.Minute, &out))
	require.NoError(t, l.Deadline(l.Now()+20*time.Millisecond))
	require.NoError(t, l.Deadline(time.Minute)) // the earlier one is left standing and must not end the read
	time.AfterFunc(60*time.Millisecond, func() { close(hold) })
	require.NoError(t, l.Fill(100))
	require.Equal(t, "late", string(l.In()))
	require.Error(t, l.Fill(4), "the limit has been reached")
	l.Consume(4)
	require.Empty(t, l.In())
}

func TestTheBufferGrowsAndIsUsedAgain(t *testing.T) {
	const size = 100_000
	a := listen(t, func(c net.Conn) { _, _ = c.Write(make([]byte, size)); _ = c.Close() })
	l := (&Dialer{Network: "tcp", Address: a}).Link(t.Context(), time.Now())
	defer l.Close()
	var out protocol.Outcome
	require.NoError(t, l.Open(time.Minute, &out))
	require.NoError(t, l.Deadline(time.Minute))
	total := 0
	for total+len(l.In()) < size {
		require.NoError(t, l.Fill(1<<20))
		if n := len(l.In()); n > 3 {
			l.Consume(n - 1)
			total += n - 1
		}
	}
	require.ErrorIs(t, l.Fill(1<<20), io.EOF)
}

func TestInterruption(t *testing.T) {
	a := listen(t, func(c net.Conn) { t.Cleanup(func() { _ = c.Close() }) })
	ctx, cancel := context.WithCancel(t.Context())
	l := (&Dialer{Network: "tcp", Address: a}).Link(ctx, time.Now())
	defer l.Close()
	var out protocol.Outcome
	require.NoError(t, l.Open(time.Minute, &out))
	require.NoError(t, l.Deadline(time.Minute))
	time.AfterFunc(20*time.Millisecond, cancel)
	err := l.Fill(10)
	require.Error(t, err)
	l.Fail(err, &out)
	require.Equal(t, protocol.Interrupted, out.Kind)
	err = l.Open(time.Minute, &out)
	require.Error(t, err)
	l.Fail(err, &out)
	require.Equal(t, protocol.Interrupted, out.Kind)
}

func TestGoneSeesThroughBytesThatCameBefore(t *testing.T) {
	closing := make(chan struct{})
	a := listen(t, func(c net.Conn) { <-closing; _, _ = io.WriteString(c, "bye"); _ = c.Close() })
	l := (&Dialer{Network: "tcp", Address: a}).Link(t.Context(), time.Now())
	defer l.Close()
	var out protocol.Outcome
	require.NoError(t, l.Open(time.Minute, &out))
	require.False(t, l.Gone())
	close(closing)
	require.Eventually(t, l.Gone, 30*time.Second, time.Millisecond)
}

func TestTLSKeepsWhatItWasGiven(t *testing.T) {
	a := Address{Host: "h", Port: strconv.Itoa(1)}
	c := a.TLS(&tls.Config{ServerName: "other", MinVersion: tls.VersionTLS13}, "dot")
	require.Equal(t, "other", c.ServerName)
	require.Equal(t, []string{"dot"}, c.NextProtos)
	require.Equal(t, "h", a.TLS(nil).ServerName)
}
