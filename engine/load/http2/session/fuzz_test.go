package session

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"gameday/engine/load/protocol"
	"gameday/engine/load/template"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// offline is a connection whose socket goes nowhere and whose goroutines do not run: frames are put into it by hand.
func offline(t testing.TB) *conn {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	epoch := time.Now()
	c := blankConn(near, near, 4, func() time.Duration { return time.Since(epoch) })
	t.Cleanup(func() { c.timer.Stop() })
	return c
}

type counter struct{ fields, bytes int }

func (k *counter) Field(bool, string, string) { k.fields++ }
func (k *counter) Data(p []byte, _ time.Duration) error {
	k.bytes += len(p)
	return nil
}

func newStream(sink Sink) *Stream {
	s := &Stream{ctx: context.Background(), epoch: time.Now(), done: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	s.prepare(&Request{Head: []byte{0x82}, Body: []byte("some body"), Due: time.Hour, Sink: sink})
	return s
}

// feed gives bytes to the frame reader in pieces.
func feed(c *conn, b []byte, piece int) (err error) {
	in := &c.in
	if in.buf == nil {
		in.buf = make([]byte, bufferStart)
	}
	for len(b) > 0 && err == nil && c.dead == nil {
		n := copy(in.buf[in.w:], b[:min(piece, len(b))])
		in.w, b = in.w+n, b[n:]
		err = c.frames(1)
		in.makeRoom()
	}
	return err
}

// FuzzFrames gives a connection with open streams whatever a target can send. It never panics, keeps its buffers within
// their bounds, and ends each stream once at most.
func FuzzFrames(f *testing.F) {
	var b bytes.Buffer
	fr := http2.NewFramer(&b, nil)
	add := func(piece int) { f.Add(bytes.Clone(b.Bytes()), piece); b.Reset() }
	_ = fr.WriteSettings(http2.Setting{ID: 4, Val: 3}) // into memory, like all that follows
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x88}, EndHeaders: true})
	_ = fr.WriteDataPadded(1, true, []byte("hello"), make([]byte, 3))
	_ = fr.WriteRSTStream(3, 2)
	_ = fr.WriteWindowUpdate(0, 100)
	_ = fr.WriteWindowUpdate(5, 100)
	_ = fr.WritePing(false, [8]byte{})
	_ = fr.WriteGoAway(3, 0, nil)
	add(7)
	_ = fr.WriteSettings(http2.Setting{ID: 3, Val: 1}, http2.Setting{ID: 5, Val: 1 << 15})
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: []byte{0x88, 0x40, 1, 'a'}})
	_ = fr.WriteContinuation(3, true, []byte{1, 'b'})
	add(1)
	f.Add([]byte("HTTP/1.1 200 OK\r\n\r\n"), 100)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		if piece < 1 || piece > bufferStart {
			piece = 64
		}
		c := offline(t)
		streams := map[*Stream]bool{}
		c.allowed = 100
		for range 6 { // two of them have to wait
			s := newStream(&counter{})
			streams[s] = true
			if !c.submit(s) {
				t.Fatal("a fresh connection takes no streams")
			}
		}
		err := feed(c, data, piece)
		if err != nil {
			c.failLocked(err)
		}
		if len(c.in.buf) > bufferLarge || len(c.in.block) > maxBlock || len(c.pending) > 2*maxPending {
			t.Fatalf("buffers of %d, %d, %d bytes", len(c.in.buf), len(c.in.block), len(c.pending))
		}
		c.failLocked(errShut)
		if len(c.ended) != len(streams) {
			t.Fatalf("%d streams ended, of %d", len(c.ended), len(streams))
		}
		for _, s := range c.ended {
			if !streams[s] {
				t.Fatal("a stream ended twice")
			}
			delete(streams, s)
		}
	})
}

// TestBlocksAreHPACK decodes what is encoded with the ordinary library.
func TestBlocksAreHPACK(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), 5000))
	names := func(name string) (int, bool) { return 0, name == "v" }
	b, err := NewBlock([]protocol.Header{
		{Name: ":method", Value: "PUT"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/a/{{n}}"},
		{Name: "accept", Value: "x"}, {Name: "x-long", Value: long}, {Name: "x-var", Value: "<{{v}}>"},
	}, names, nil)
	require.NoError(t, err)
	require.False(t, b.Static())
	head, at, _, err := b.Append(nil, nil, &template.Values{N: 12, Slots: [][]byte{[]byte(long)}})
	require.NoError(t, err)
	call := &protocol.Call{Sampled: true}
	call.Trace[0], call.Span[7] = 0xab, 0xcd
	Stamp(head, at, call)
	head = AppendField(head, "content-length", []byte("7"))
	fields, err := hpack.NewDecoder(4096, nil).DecodeFull(head)
	require.NoError(t, err)
	got := map[string]string{}
	for _, f := range fields {
		got[f.Name] = f.Value
	}
	require.Equal(t, map[string]string{
		":method": "PUT", ":scheme": "https", ":path": "/a/12", "accept": "x", "x-long": long, "x-var": "<" + long + ">",
		"traceparent":      "00-ab000000000000000000000000000000-00000000000000cd-01",
		"x-correlation-id": "ab000000000000000000000000000000", "content-length": "7",
	}, got)
	_, _, _, err = b.Append(nil, nil, &template.Values{Slots: [][]byte{[]byte("a\nb")}})
	require.ErrorIs(t, err, errVariable)
}

// TestLongHeadsGoOnInContinuations of the size that the target allows.
func TestLongHeadsGoOnInContinuations(t *testing.T) {
	c := offline(t)
	head := make([]byte, 3*leastFrame+10)
	fr := http2.NewFramer(nil, bytes.NewReader(c.appendHead(nil, head, flagEndStream, 1)))
	got := 0
	for {
		f, err := fr.ReadFrame()
		require.NoError(t, err)
		if h, ok := f.(*http2.HeadersFrame); ok {
			require.EqualValues(t, 0x20, h.HeaderBlockFragment()[0])
			require.True(t, h.StreamEnded())
			got += len(h.HeaderBlockFragment()) - 1
			continue
		}
		k := f.(*http2.ContinuationFrame)
		got += len(k.HeaderBlockFragment())
		if k.HeadersEnded() {
			break
		}
	}
	require.Equal(t, len(head), got)
}

// TestAnAnswerIsReadWithoutAllocating is the steady state of the reader.
func TestAnAnswerIsReadWithoutAllocating(t *testing.T) {
	c := offline(t)
	c.settled, c.allowed, c.begun = true, 100, true
	c.streams = make(map[uint32]*Stream, 100)
	s := newStream(nil)
	var answer []byte
	body := []byte("ok")
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		s.prepare(&Request{Head: s.head, Due: time.Hour})
		require.True(t, c.submit(s))
		answer = append(appendHeader(answer[:0], 1, frameHeaders, flagEndHeaders, s.id), 0x88)
		answer = append(appendHeader(answer, len(body), frameData, flagEndStream, s.id), body...)
		if feed(c, answer, len(answer)) != nil || len(c.ended) != 1 || s.kind != protocol.OK {
			t.Fatal("the answer was not understood")
		}
		c.ended, c.pending = c.ended[:0], c.pending[:0]
		select {
		case <-c.kick:
			c.kicked = false
		default:
		}
	}))
}
