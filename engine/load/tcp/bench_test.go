package tcp

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

// BenchmarkExchange compares one exchange with a bare write and read. The server's share is in both.
func BenchmarkExchange(b *testing.B) {
	address := serve(b, nil, echo)
	b.Run("ours", func(b *testing.B) {
		c := client(b, "tcp://"+address, Exchange{Send: "hello {{n}}\n"}, protocol.Step{})
		var out protocol.Outcome
		var call protocol.Call
		b.ReportAllocs()
		for b.Loop() {
			if c.Do(&call, &out); out.Kind != protocol.OK {
				b.Fatal(out.Err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		c, err := net.Dial("tcp", address)
		require.NoError(b, err)
		defer func() { _ = c.Close() }()
		hello, in := []byte("hello 0\n"), make([]byte, 100)
		for b.Loop() {
			if _, err := c.Write(hello); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Read(in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
