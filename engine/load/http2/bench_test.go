package http2

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

// BenchmarkDo is many workers on one connection to a target in this process that answers each read with one write. Time
// and allocations are those of both sides; the target makes none.
func BenchmarkDo(b *testing.B) {
	target := hostile(b, func(p *peer) {
		_ = p.WriteSettings() // the client may be gone
		serveBatches(p.Conn)
	})
	r := request("GET", "/", "")
	r.Keep = 0
	p := prepare(b, target, nil, Sharing{Connections: 1}, r)
	epoch := time.Now()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		c := p.NewClient(context.Background(), epoch)
		defer c.Close()
		call, out := newCall(0), protocol.Outcome{}
		for pb.Next() {
			if c.Do(call, &out); out.Kind != protocol.OK {
				b.Errorf("%v: %v", out.Kind, out.Err)
				return
			}
		}
	})
}

// serveBatches answers every HEADERS frame that a read brought.
func serveBatches(c net.Conn) {
	in, out, have := make([]byte, 64<<10), []byte(nil), 0
	for {
		n, err := c.Read(in[have:])
		if err != nil {
			return
		}
		have += n
		at := 0
		for out = out[:0]; have-at >= 9; {
			size := 9 + int(in[at])<<16 + int(in[at+1])<<8 + int(in[at+2])
			if have-at < size {
				break
			}
			if in[at+3] == 1 {
				id := in[at+5 : at+9]
				out = append(append(append(out, 0, 0, 1, 1, 4), id...), 0x88)
				out = append(append(append(out, 0, 0, 2, 0, 1), id...), "ok"...)
			}
			at += size
		}
		have = copy(in, in[at:have])
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// TestTheBenchmarkRuns so that it cannot rot.
func TestTheBenchmarkRuns(t *testing.T) {
	target := hostile(t, func(p *peer) {
		_ = p.WriteSettings() // the client may be gone
		serveBatches(p.Conn)
	})
	c, _ := one(t, prepare(t, target, nil, Sharing{}, request("GET", "/", "")))
	var out protocol.Outcome
	for range 100 {
		c.Do(newCall(0), &out)
		require.Equal(t, protocol.OK, out.Kind, out.Err)
		require.Equal(t, "ok", string(out.Body))
	}
}
