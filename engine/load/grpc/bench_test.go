package grpc

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/http2"
	"gameday/engine/load/protocol"
)

// BenchmarkUnary is many workers on one connection to grpc-go's server in this process. Time and allocations are mostly
// the server's; compare with the bench command next to this package.
func BenchmarkUnary(b *testing.B) {
	_, _, target := serve(b)
	p, err := New(target, protocol.Options{}, http2.Sharing{Connections: 1})
	require.NoError(b, err)
	s := step()
	s.Keep = 0
	for _, message := range []string{`{"responseSize": 2}`, `{"responseSize": {{random 1 9}}}`} {
		handle, err := p.Prepare(s, &Call{Method: testMethod + "UnaryCall", Message: message})
		require.NoError(b, err)
		b.Run([]string{"static", "dynamic"}[handle], func(b *testing.B) {
			epoch := time.Now()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				c := p.NewClient(context.Background(), epoch)
				defer c.Close()
				call, out := newCall(), protocol.Outcome{}
				call.Request = handle
				for pb.Next() {
					if c.Do(call, &out); out.Kind != protocol.OK {
						b.Errorf("%v: %v", out.Kind, out.Err)
						return
					}
				}
			})
		})
	}
}

// FuzzAnswer gives the reader of messages whatever a target can send, in pieces. It counts the same however it is cut.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 0}, 1, 100)
	f.Add([]byte{1, 0, 0, 0, 0}, 3, 0)
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 9}, 2, 10)
	f.Fuzz(func(t *testing.T, data []byte, piece, keep int) {
		if piece < 1 || keep < 0 || keep > maxRaw {
			return
		}
		var whole, cut answer
		whole.begin(keep)
		cut.begin(keep)
		err := whole.Data(data, 1)
		var cutErr error
		for rest := data; len(rest) > 0 && cutErr == nil; {
			n := min(piece, len(rest))
			cutErr = cut.Data(rest[:n], 1)
			rest = rest[n:]
		}
		if err != cutErr || whole.count != cut.count || whole.left != cut.left || string(whole.raw) != string(cut.raw) {
			t.Fatalf("whole %v %d %d, cut %v %d %d", err, whole.count, whole.left, cutErr, cut.count, cut.left)
		}
		if len(whole.raw) > maxRaw {
			t.Fatalf("%d bytes are kept", len(whole.raw))
		}
	})
}

// BenchmarkMessage is what a message costs that is not the same for every call.
func BenchmarkMessage(b *testing.B) {
	p, err := New("grpc://127.0.0.1:1", protocol.Options{}, http2.Sharing{})
	require.NoError(b, err)
	made, err := newSchema(protodescs())
	require.NoError(b, err)
	p.known["reflection grpc.testing.TestService"] = made
	_, err = p.Prepare(step(), &Call{Method: testMethod + "UnaryCall", Message: `{"responseSize": {{random 1 9}}, "payload": {"body": "{{text 8}}"}}`})
	require.NoError(b, err)
	c, call := p.calls[0], newCall()
	e, body := encoder{}, []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		if body, err = e.append(body[:0], c.messages[0], c.schema, c.method.Input(), &call.Values); err != nil {
			b.Fatal(err)
		}
	}
}
