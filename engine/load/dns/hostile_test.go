package dns

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

// raw answers datagrams with whatever answer gives.
func raw(t testing.TB, answer func(query []byte) [][]byte) string {
	t.Helper()
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		for buf := make([]byte, 4096); ; {
			n, from, err := s.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, b := range answer(append([]byte(nil), buf[:n]...)) {
				_, _ = s.WriteTo(b, from)
			}
		}
	})
	t.Cleanup(func() { _ = s.Close(); done.Wait() })
	return "dns://" + s.LocalAddr().String()
}

// reply packs an answer to a query, changed by change.
func reply(query []byte, change func(*miekg.Msg)) []byte {
	var m miekg.Msg
	if m.Unpack(query) != nil {
		return nil
	}
	m.Response = true
	rr, _ := miekg.NewRR(m.Question[0].Name + " 60 IN A 192.0.2.1")
	m.Answer = []miekg.RR{rr}
	change(&m)
	b, _ := m.Pack()
	return b
}

func TestHostileAnswers(t *testing.T) {
	fine := func(*miekg.Msg) {}
	for name, c := range map[string]struct {
		answer func(query []byte) [][]byte
		kind   protocol.Kind
	}{
		"garbage":          {func(q []byte) [][]byte { return [][]byte{append(q[:2:2], "garbage garbage garbage"...)} }, protocol.BadResponse},
		"empty":            {func([]byte) [][]byte { return [][]byte{{}} }, protocol.BadResponse},
		"the query itself": {func(q []byte) [][]byte { return [][]byte{q} }, protocol.BadResponse},
		"other question": {func(q []byte) [][]byte {
			return [][]byte{reply(q, func(m *miekg.Msg) { m.Question[0].Name = "www.best." })}
		}, protocol.BadResponse},
		"other type": {func(q []byte) [][]byte {
			return [][]byte{reply(q, func(m *miekg.Msg) { m.Question[0].Qtype = miekg.TypeMX })}
		}, protocol.BadResponse},
		"no question":   {func(q []byte) [][]byte { return [][]byte{reply(q, func(m *miekg.Msg) { m.Question = nil })} }, protocol.BadResponse},
		"other opcode":  {func(q []byte) [][]byte { return [][]byte{reply(q, func(m *miekg.Msg) { m.Opcode = 4 })} }, protocol.BadResponse},
		"half a record": {func(q []byte) [][]byte { b := reply(q, fine); return [][]byte{b[:len(b)-15]} }, protocol.BadResponse},
		"broken record": {func(q []byte) [][]byte {
			b := reply(q, func(m *miekg.Msg) { m.Extra = nil })
			b[len(b)-5] = 3 // an address of three bytes
			return [][]byte{b}
		}, protocol.BadResponse},
		"stale, then right": {func(q []byte) [][]byte {
			return [][]byte{reply(q, func(m *miekg.Msg) { m.Id-- }), reply(q, fine)}
		}, protocol.OK},
		"other case": {func(q []byte) [][]byte {
			return [][]byte{reply(q, func(m *miekg.Msg) { m.Question[0].Name = "WwW.tEsT." })}
		}, protocol.OK},
		"only stale":  {func(q []byte) [][]byte { return [][]byte{reply(q, func(m *miekg.Msg) { m.Id-- })} }, protocol.Timeout},
		"silence":     {func([]byte) [][]byte { return nil }, protocol.Timeout},
		"many counts": {func(q []byte) [][]byte { b := reply(q, fine); b[6], b[7] = 255, 255; return [][]byte{b} }, protocol.BadResponse},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 30 * time.Second
			if c.kind == protocol.Timeout {
				timeout = 50 * time.Millisecond
			}
			cl := client(t, raw(t, c.answer), protocol.Options{}, Query{Name: "www.test", Expect: Expect{Contains: "192"}}, protocol.Step{Timeout: timeout})
			out := do(cl, 0)
			require.Equal(t, c.kind, out.Kind, "%v", out.Err)
			require.Equal(t, c.kind != protocol.OK, out.Err != nil)
		})
	}
}

// stream gives each connection to handle and closes it afterwards.
func stream(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { handle(c); _ = c.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return "dns+tcp://" + l.Addr().String()
}

func TestHostileStreams(t *testing.T) {
	read := func(c net.Conn) []byte {
		b := make([]byte, 512)
		n, _ := c.Read(b)
		return b[2:max(n, 2)]
	}
	send := func(c net.Conn, b []byte) { _, _ = c.Write(append([]byte{byte(len(b) >> 8), byte(len(b))}, b...)) }
	fine := func(*miekg.Msg) {}
	for name, c := range map[string]struct {
		handle func(net.Conn)
		kind   protocol.Kind
	}{
		"closes": {func(c net.Conn) { read(c) }, protocol.Closed},
		"half": {func(c net.Conn) {
			b := reply(read(c), fine)
			_, _ = c.Write(append([]byte{0, byte(len(b))}, b[:20]...))
		}, protocol.Closed},
		"empty":    {func(c net.Conn) { read(c); send(c, nil) }, protocol.BadResponse},
		"other id": {func(c net.Conn) { send(c, reply(read(c), func(m *miekg.Msg) { m.Id += 9 })) }, protocol.BadResponse},
		"garbage": {func(c net.Conn) {
			read(c)
			_, _ = io.WriteString(c, strings.Repeat("HTTP/1.1 400 Bad Request\r\n", 5000))
		}, protocol.BadResponse},
		"silence":     {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, protocol.Timeout},
		"then closes": {func(c net.Conn) { send(c, reply(read(c), fine)) }, protocol.OK},
		"surplus":     {func(c net.Conn) { b := reply(read(c), fine); send(c, b); send(c, b) }, protocol.OK},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 30 * time.Second
			if c.kind == protocol.Timeout {
				timeout = 50 * time.Millisecond
			}
			cl := client(t, stream(t, c.handle), protocol.Options{}, Query{Name: "www.test"}, protocol.Step{Timeout: timeout}).(*Client)
			for range 2 {
				out := do(cl, 0)
				require.Equal(t, c.kind, out.Kind, "%v", out.Err)
				if cl.stream.Connected() {
					require.Eventually(t, cl.stream.Gone, 30*time.Second, time.Millisecond)
				}
			}
			cl.Close()
		})
	}
}

func FuzzRead(f *testing.F) {
	question, err := appendName(nil, "www.test")
	require.NoError(f, err)
	question = append(question, 0, 1, 0, 1)
	q := appendQuery(nil, 1, question, true, 1232, false)
	f.Add(reply(q, func(*miekg.Msg) {}))
	f.Add(q)
	f.Fuzz(func(t *testing.T, msg []byte) {
		if _, ok := idOf(msg); !ok {
			return
		}
		a, err := read(msg, question)
		var m miekg.Msg
		if m.Unpack(msg) == nil && err == nil && !a.truncated {
			require.Len(t, m.Answer, a.records)
			require.Equal(t, m.Rcode, a.rcode)
		}
		_, _ = lines(msg)
	})
}
