package websocket

import (
	"testing"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

// BenchmarkEcho compares one message and its echo with the same through a general client. The server's share is in both.
func BenchmarkEcho(b *testing.B) {
	url := target(server(b, false, echo))
	b.Run("ours", func(b *testing.B) {
		c := client(b, url, protocol.Options{}, protocol.Step{}, Talk{Send: "hello", Wait: &Wait{}})
		var out protocol.Outcome
		k := call(0, 0)
		b.ReportAllocs()
		for b.Loop() {
			if c.Do(k, &out); out.Kind != protocol.OK {
				b.Fatal(out.Err)
			}
		}
	})
	b.Run("coder", func(b *testing.B) {
		c, _, err := coder.Dial(b.Context(), url, nil)
		require.NoError(b, err)
		defer func() { _ = c.CloseNow() }()
		hello := []byte("hello")
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Write(b.Context(), coder.MessageText, hello); err != nil {
				b.Fatal(err)
			}
			if _, _, err := c.Read(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
