package dns

import (
	"net"
	"sync"
	"testing"

	miekg "github.com/miekg/dns"
	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

// BenchmarkQuery compares one query over UDP with the same through a general client. The server's share, which only sends
// the query back as an answer, is in both.
func BenchmarkQuery(b *testing.B) {
	s, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(b, err)
	var done sync.WaitGroup
	defer done.Wait()
	defer func() { _ = s.Close() }()
	done.Go(func() {
		for buf := make([]byte, 1000); ; {
			n, from, err := s.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			buf[2] |= 0x80
			_, _ = s.WriteToUDPAddrPort(buf[:n], from)
		}
	})
	b.Run("ours", func(b *testing.B) {
		c := client(b, "dns://"+s.LocalAddr().String(), protocol.Options{}, Query{Name: "host{{n}}.test"}, protocol.Step{})
		var out protocol.Outcome
		var call protocol.Call
		b.ReportAllocs()
		for b.Loop() {
			if c.Do(&call, &out); out.Kind != protocol.OK {
				b.Fatal(out.Err)
			}
		}
	})
	b.Run("miekg", func(b *testing.B) {
		conn, err := miekg.Dial("udp", s.LocalAddr().String())
		require.NoError(b, err)
		defer func() { _ = conn.Close() }()
		var c miekg.Client
		b.ReportAllocs()
		for b.Loop() {
			m := new(miekg.Msg).SetQuestion("host1.test.", miekg.TypeA)
			m.SetEdns0(1232, false)
			if _, _, err := c.ExchangeWithConn(m, conn); err != nil {
				b.Fatal(err)
			}
		}
	})
}
