package sql

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
	"gameday/engine/load/servertest"
)

// listen serves each connection with a function of its own until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
				<-stop
			}()
		}
	}()
	t.Cleanup(func() {
		close(stop)
		require.NoError(t, l.Close())
		<-done
	})
	return l.Addr().String()
}

// message is one of PostgreSQL's messages.
func message(kind byte, length uint32, body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, length), body...)
}

func TestHostileServers(t *testing.T) {
	garbage := make([]byte, 64<<10)
	for i := range garbage {
		garbage[i] = byte(i*7 + i>>8)
	}
	closed := func(c net.Conn) { _ = c.Close() }
	say := func(b []byte) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write(b)
		}
	}
	greet := func(b []byte) func(net.Conn) {
		return func(c net.Conn) { _, _ = c.Write(b) }
	}
	ready := append(message('R', 8, "\x00\x00\x00\x00"), message('Z', 5, "I")...)
	for name, c := range map[string]struct {
		scheme string
		serve  func(net.Conn)
		kinds  []protocol.Kind
	}{
		"postgres, silence":            {"postgres", func(net.Conn) {}, []protocol.Kind{protocol.Timeout}},
		"postgres, closes at once":     {"postgres", closed, []protocol.Kind{protocol.Closed, protocol.Reset}},
		"postgres, garbage":            {"postgres", say(garbage), []protocol.Kind{protocol.BadResponse}},
		"postgres, length of zero":     {"postgres", say(message('R', 0, "")), []protocol.Kind{protocol.BadResponse}},
		"postgres, enormous message":   {"postgres", say(message('R', 0x7fffffff, "x")), []protocol.Kind{protocol.BadResponse}},
		"postgres, message within cap": {"postgres", say(message('R', maxMessage, "x")), []protocol.Kind{protocol.Timeout, protocol.BadResponse}},
		"postgres, silence after login": {"postgres", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write(ready)
			_, _ = io.Copy(io.Discard, c)
		}, []protocol.Kind{protocol.Timeout}},
		"postgres, closes after login": {"postgres", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write(ready)
			_, _ = c.Read(make([]byte, 1024))
			_ = c.Close()
		}, []protocol.Kind{protocol.Closed, protocol.Reset}},
		"postgres, garbage after login": {"postgres", say(append(ready, garbage...)), []protocol.Kind{protocol.BadResponse}},
		"mysql, silence":                {"mysql", func(net.Conn) {}, []protocol.Kind{protocol.Timeout}},
		"mysql, closes at once":         {"mysql", closed, []protocol.Kind{protocol.Closed, protocol.Reset}},
		"mysql, garbage":                {"mysql", greet(garbage), []protocol.Kind{protocol.BadResponse, protocol.Closed, protocol.Timeout}},
		"mysql, old greeting":           {"mysql", greet([]byte("\x05\x00\x00\x00\x099.9\x00")), []protocol.Kind{protocol.BadResponse}},
		"mysql, half a greeting":        {"mysql", greet([]byte("\x50\x00\x00\x00\x0a8.0.0\x00")), []protocol.Kind{protocol.Timeout}},
		"mysql, short greeting":         {"mysql", greet([]byte("\x08\x00\x00\x00\x0a8.0.0\x00\x01")), []protocol.Kind{protocol.BadResponse, protocol.Timeout}},
		"mysql, too many connections": {"mysql", greet([]byte("\x17\x00\x00\x00\xff\x10\x04Too many connections")),
			[]protocol.Kind{protocol.Status5xx}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := New(c.scheme+"://u:"+"hunter2"+"@"+listen(t, c.serve)+"/x?"+map[string]string{"postgres": "sslmode=disable"}[c.scheme], protocol.Options{})
			require.NoError(t, err)
			s := step("ask")
			if slices.Contains(c.kinds, protocol.Timeout) {
				s.Timeout = 300 * time.Millisecond
			}
			_, err = p.Prepare(s, query("SELECT 1"))
			require.NoError(t, err)
			client := p.NewClient(t.Context(), time.Now())
			defer client.Close()
			for range 2 {
				var out protocol.Outcome
				client.Do(&protocol.Call{}, &out)
				require.Contains(t, c.kinds, out.Kind, "%v: %v", out.Kind, out.Err)
				require.Error(t, out.Err)
				require.NotContains(t, out.Err.Error(), "hunter2")
				require.Less(t, out.Done-out.Start, patience)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, target := range []string{"postgres://u@" + l.Addr().String() + "/x", "mysql://u@" + l.Addr().String() + "/x"} {
		out := newBench(t, t.Context(), target, 0, query("SELECT 1")).do(0)
		require.Equal(t, protocol.Refused, out.Kind, "%v", out.Err)
	}
	for _, target := range []string{"postgres://u@no.such.host.invalid/x", "mysql://u@no.such.host.invalid/x"} {
		out := newBench(t, t.Context(), target, 0, query("SELECT 1")).do(0)
		require.Contains(t, []protocol.Kind{protocol.Resolve, protocol.Timeout}, out.Kind, "%v", out.Err)
	}
	out := newBench(t, t.Context(), "sqlite:///no/such/folder/a.db", 0, query("SELECT 1")).do(0)
	require.True(t, out.Kind.Failed(), "%v", out.Err)
}

func BenchmarkPostgresPrepared(b *testing.B) {
	p, err := New(servertest.Postgres(b), protocol.Options{})
	require.NoError(b, err)
	_, err = p.Prepare(step("ask"), query("SELECT $1::int", "{{n}}"))
	require.NoError(b, err)
	client := p.NewClient(b.Context(), time.Now())
	defer client.Close()
	var out protocol.Outcome
	call := protocol.Call{}
	b.ReportAllocs()
	for b.Loop() {
		call.N++
		if client.Do(&call, &out); out.Err != nil {
			b.Fatal(out.Err)
		}
	}
}
