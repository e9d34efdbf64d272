package http2

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"gameday/engine/load/protocol"
)

// peer is one connection of a server that does what a test tells it.
type peer struct {
	net.Conn
	*http2.Framer
	n int // number of the connection, from 0
}

// hostile starts a server that runs a script on each connection, after the preface was read.
func hostile(t testing.TB, script func(p *peer)) (target string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err == nil {
					script(&peer{c, http2.NewFramer(c, c), n})
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "h2c://" + l.Addr().String()
}

// block is a head.
func block(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // into memory
	}
	return b.Bytes()
}

var ok = block(":status", "200")

// requests calls f with the stream of each request, until the connection ends.
func (p *peer) requests(f func(stream uint32)) {
	for {
		fr, err := p.ReadFrame()
		if err != nil {
			return
		}
		if h, isHead := fr.(*http2.HeadersFrame); isHead {
			f(h.StreamID)
		}
	}
}

// head writes the head of an answer.
func (p *peer) head(stream uint32, block []byte, ends bool) {
	_ = p.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block, EndHeaders: true, EndStream: ends}) // the client may be gone
}

// raw writes a frame of whatever kind.
func (p *peer) raw(kind byte, flags http2.Flags, stream uint32, payload []byte) {
	_ = p.WriteRawFrame(http2.FrameType(kind), flags, stream, payload) // the client may be gone
}

func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

// TestAnswersOfAHostileTarget are told as what they are; the worker goes on.
func TestAnswersOfAHostileTarget(t *testing.T) {
	const timeout = 300 * time.Millisecond
	onRequest := func(f func(p *peer, stream uint32)) func(*peer) {
		return func(p *peer) {
			_ = p.WriteSettings() // the client may be gone
			p.requests(func(stream uint32) { f(p, stream) })
		}
	}
	for name, tc := range map[string]struct {
		script func(p *peer)
		kind   protocol.Kind
		err    string
	}{
		"says nothing":       {func(p *peer) { p.requests(func(uint32) {}) }, protocol.Timeout, ""},
		"closes at once":     {func(*peer) {}, protocol.Closed, ""},
		"speaks HTTP/1.1":    {func(p *peer) { _, _ = p.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); p.requests(func(uint32) {}) }, protocol.BadResponse, "not HTTP/2"},
		"begins with a PING": {func(p *peer) { _ = p.WritePing(false, [8]byte{}); p.requests(func(uint32) {}) }, protocol.BadResponse, "SETTINGS"},
		"no streams":         {func(p *peer) { _ = p.WriteSettings(http2.Setting{ID: 3, Val: 0}); p.requests(func(uint32) {}) }, protocol.Timeout, "streams"},
		"a window too large": {func(p *peer) { _ = p.WriteSettings(http2.Setting{ID: 4, Val: 1 << 31}); p.requests(func(uint32) {}) }, protocol.BadResponse, "window"},
		"tiny frames":        {func(p *peer) { _ = p.WriteSettings(http2.Setting{ID: 5, Val: 1}); p.requests(func(uint32) {}) }, protocol.BadResponse, "frame size"},
		"never answers":      {onRequest(func(*peer, uint32) {}), protocol.Timeout, "not answered"},
		"closes":             {onRequest(func(p *peer, _ uint32) { p.Close() }), protocol.Closed, ""},
		"resets":             {onRequest(func(p *peer, s uint32) { _ = p.WriteRSTStream(s, http2.ErrCodeInternal) }), protocol.Reset, "internal error"},
		"refuses":            {onRequest(func(p *peer, s uint32) { _ = p.WriteRSTStream(s, http2.ErrCodeRefusedStream) }), protocol.Reset, "refused"},
		"resets oddly":       {onRequest(func(p *peer, s uint32) { _ = p.WriteRSTStream(s, 4711) }), protocol.Reset, "unknown code 4711"},
		"garbage":            {onRequest(func(p *peer, _ uint32) { _, _ = p.Write(bytes.Repeat([]byte{0xff}, 100)) }), protocol.BadResponse, "longer than"},
		"another's stream":   {onRequest(func(p *peer, s uint32) { p.head(s+2, ok, true) }), protocol.BadResponse, "never opened"},
		"an even stream":     {onRequest(func(p *peer, _ uint32) { p.head(2, ok, true) }), protocol.BadResponse, "never opened"},
		"pushes":             {onRequest(func(p *peer, s uint32) { p.raw(5, 4, s, append(u32(2), ok...)) }), protocol.BadResponse, "pushes"},
		"no status":          {onRequest(func(p *peer, s uint32) { p.head(s, block("a", "b"), true) }), protocol.BadResponse, "status"},
		"a silly status":     {onRequest(func(p *peer, s uint32) { p.head(s, block(":status", "20x"), true) }), protocol.BadResponse, "status"},
		"two statuses":       {onRequest(func(p *peer, s uint32) { p.head(s, block(":status", "200", ":status", "200"), true) }), protocol.BadResponse, "status"},
		"body first":         {onRequest(func(p *peer, s uint32) { _ = p.WriteData(s, true, []byte("x")) }), protocol.BadResponse, "without a head"},
		"interim for ever": {onRequest(func(p *peer, s uint32) {
			for range 20 {
				p.head(s, block(":status", "100"), false)
			}
		}), protocol.BadResponse, "interim"},
		"too short a body": {onRequest(func(p *peer, s uint32) {
			p.head(s, block(":status", "200", "content-length", "5"), false)
			_ = p.WriteData(s, true, []byte("x"))
		}), protocol.BadResponse, "content-length"},
		"bad HPACK":          {onRequest(func(p *peer, s uint32) { p.head(s, []byte{0x80}, true) }), protocol.BadResponse, "HPACK"},
		"half a head":        {onRequest(func(p *peer, s uint32) { p.head(s, []byte{0x88, 0x00, 0x05, 'a'}, true) }), protocol.BadResponse, "cut off"},
		"a head of bombs":    {onRequest(headBomb), protocol.BadResponse, "256 KiB"},
		"a head without end": {onRequest(endlessHead), protocol.BadResponse, "256 KiB"},
		"an empty head":      {onRequest(func(p *peer, s uint32) { p.raw(1, 0, s, nil); p.raw(9, 0, s, nil) }), protocol.BadResponse, "made of nothing"},
		"interrupted head":   {onRequest(func(p *peer, s uint32) { p.raw(1, 0, s, ok); _ = p.WritePing(false, [8]byte{}) }), protocol.BadResponse, "interrupted"},
		"lost continuation":  {onRequest(func(p *peer, s uint32) { p.raw(9, 4, s, ok) }), protocol.BadResponse, "of nothing"},
		"all padding":        {onRequest(func(p *peer, s uint32) { p.raw(1, 0x4|0x8, s, []byte{9, 1}) }), protocol.BadResponse, "padding"},
		"short priority":     {onRequest(func(p *peer, s uint32) { p.raw(1, 0x4|0x20, s, []byte{9, 1}) }), protocol.BadResponse, "priority"},
		"short reset":        {onRequest(func(p *peer, s uint32) { p.raw(3, 0, s, []byte{1}) }), protocol.BadResponse, "RST_STREAM"},
		"short ping":         {onRequest(func(p *peer, _ uint32) { p.raw(6, 0, 0, []byte{1}) }), protocol.BadResponse, "PING"},
		"short window":       {onRequest(func(p *peer, s uint32) { p.raw(8, 0, s, []byte{1}) }), protocol.BadResponse, "WINDOW_UPDATE"},
		"short goodbye":      {onRequest(func(p *peer, _ uint32) { p.raw(7, 0, 0, []byte{1}) }), protocol.BadResponse, "GOAWAY"},
		"odd settings":       {onRequest(func(p *peer, _ uint32) { p.raw(4, 0, 0, []byte{1}) }), protocol.BadResponse, "SETTINGS"},
		"an empty window":    {onRequest(func(p *peer, s uint32) { p.raw(8, 0, s, u32(0)) }), protocol.BadResponse, "window"},
		"window overflow":    {onRequest(func(p *peer, _ uint32) { p.raw(8, 0, 0, u32(1<<31-1)); p.raw(8, 0, 0, u32(1<<31-1)) }), protocol.BadResponse, "window"},
		"a body without end": {onRequest(flood), protocol.Timeout, "not answered"},
		"pings, reads none":  {onRequest(pingFlood), protocol.Reset, ""},
		"goodbye for ever":   {func(p *peer) { _ = p.WriteSettings(); _ = p.WriteGoAway(0, 0, nil); p.requests(func(uint32) {}) }, protocol.Closed, "GOAWAY"},
		"angry goodbye":      {onRequest(func(p *peer, _ uint32) { _ = p.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil) }), protocol.Closed, "enhance your calm"},
		"goodbye midway":     {onRequest(func(p *peer, s uint32) { p.head(s, ok, false); _ = p.WriteGoAway(s, 0, nil); p.Close() }), protocol.Closed, ""},
		"unknown frames": {onRequest(func(p *peer, s uint32) {
			p.raw(99, 0xff, s, []byte("x"))
			p.raw(2, 0, s, make([]byte, 5))
			p.head(s, ok, true)
		}), protocol.OK, ""},
		"in small pieces": {onRequest(trickle), protocol.OK, ""},
		"settings in between": {onRequest(func(p *peer, s uint32) {
			_ = p.WriteSettings(http2.Setting{ID: 1, Val: 0}, http2.Setting{ID: 4, Val: 1})
			p.head(s, ok, true)
		}), protocol.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request("POST", "/", "body")
			r.Timeout = timeout
			if tc.kind != protocol.Timeout {
				r.Timeout = patience
			}
			c, _ := one(t, prepare(t, hostile(t, tc.script), nil, Sharing{}, r))
			for range 3 {
				var out protocol.Outcome
				c.Do(newCall(0), &out)
				if tc.kind == protocol.Closed && out.Kind == protocol.Reset {
					continue // a socket that is closed with something unread resets
				}
				require.Equal(t, tc.kind, out.Kind, out.Err)
				require.GreaterOrEqual(t, out.Done, out.Start)
				if tc.err != "" {
					require.ErrorContains(t, out.Err, tc.err)
				}
			}
		})
	}
}

// headBomb is a head that is small on the wire and large in memory.
func headBomb(p *peer, stream uint32) {
	b := append(block(":status", "200", "x", string(make([]byte, 3000))), bytes.Repeat([]byte{0x80 | 62}, 10000)...)
	p.head(stream, b, true)
}

func endlessHead(p *peer, stream uint32) {
	p.raw(1, 0, stream, ok)
	for p.WriteContinuation(stream, false, append([]byte{0, 1, 'a', 0x7f, 0x80, 0x7f}, make([]byte, 16000)...)) == nil {
	}
}

// flood sends a body that never ends.
func flood(p *peer, stream uint32) {
	p.head(stream, ok, false)
	for p.WriteData(stream, false, make([]byte, 16<<10)) == nil {
	}
}

// pingFlood asks and asks, and never reads the answers.
func pingFlood(p *peer, _ uint32) {
	for p.WritePing(false, [8]byte{}) == nil {
	}
}

// trickle sends an answer byte by byte, its head in pieces.
func trickle(p *peer, stream uint32) {
	var b bytes.Buffer
	f := http2.NewFramer(&b, nil)
	head := block(":status", "200", "content-length", "3")
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head[:2], PadLength: 7})
	_ = f.WriteContinuation(stream, true, head[2:])
	_ = f.WriteDataPadded(stream, false, []byte("abc"), make([]byte, 9))
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block("x-trailer", "1"), EndHeaders: true, EndStream: true})
	for _, c := range b.Bytes() {
		if _, err := p.Write([]byte{c}); err != nil {
			return
		}
	}
}

// TestAWindowThatStalls ends with the timeout, and the connection serves the next request.
func TestAWindowThatStalls(t *testing.T) {
	target := hostile(t, func(p *peer) {
		_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 10})
		n := 0
		p.requests(func(stream uint32) {
			if n++; n == 2 {
				p.head(stream, ok, true)
			}
		})
	})
	r := request("POST", "/", "more than ten bytes")
	r.Timeout = 100 * time.Millisecond
	get := request("GET", "/", "")
	c, _ := one(t, prepare(t, target, nil, Sharing{}, r, get))
	var out protocol.Outcome
	c.Do(newCall(0), &out)
	require.Equal(t, protocol.Timeout, out.Kind)
	c.Do(newCall(1), &out)
	require.Equal(t, protocol.OK, out.Kind, out.Err)
	require.True(t, out.Reused)
}

// TestATargetThatReadsNothing gives the connection up instead of filling memory.
func TestATargetThatReadsNothing(t *testing.T) {
	over := make(chan struct{})
	target := hostile(t, func(p *peer) {
		_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		_ = p.WriteWindowUpdate(0, 1<<30)
		<-over
	})
	defer close(over)
	r := request("POST", "/", string(make([]byte, 32<<20)))
	r.Timeout = 1200 * time.Millisecond
	c, _ := one(t, prepare(t, target, nil, Sharing{}, r))
	var out protocol.Outcome
	dials := uint32(0)
	for began := time.Now(); dials < 2; {
		require.Less(t, time.Since(began), patience)
		c.Do(newCall(0), &out)
		require.Equal(t, protocol.Timeout, out.Kind, out.Err)
		dials += out.Dials
	}
}

// TestGoAwaySendsTheRestElsewhere has the target look at one stream only and refer the others to a new connection.
func TestGoAwaySendsTheRestElsewhere(t *testing.T) {
	const workers = 5
	target := hostile(t, func(p *peer) {
		_ = p.WriteSettings()
		n := 0
		p.requests(func(stream uint32) {
			if p.n > 0 {
				p.head(stream, ok, true)
			} else if n++; n == workers {
				_ = p.WriteGoAway(1, http2.ErrCodeNo, nil)
				p.head(1, ok, true)
			}
		})
	})
	p := prepare(t, target, nil, Sharing{Connections: 1}, request("GET", "/", ""))
	var wg sync.WaitGroup
	var mu sync.Mutex
	retried := 0
	epoch := time.Now()
	for range workers {
		wg.Go(func() {
			c := p.NewClient(context.Background(), epoch)
			defer c.Close()
			var out protocol.Outcome
			if c.Do(newCall(0), &out); out.Kind != protocol.OK {
				t.Errorf("%v: %v", out.Kind, out.Err)
			}
			mu.Lock()
			defer mu.Unlock()
			if out.Retried {
				retried++
			}
		})
	}
	wg.Wait()
	require.Equal(t, workers-1, retried)
}

// TestAStormOfResets has many workers meet a target that resets, answers and says goodbye as it likes.
func TestAStormOfResets(t *testing.T) {
	target := hostile(t, func(p *peer) {
		rng := rand.New(rand.NewPCG(uint64(p.n), 1))
		_ = p.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 4})
		p.requests(func(stream uint32) {
			switch rng.IntN(8) {
			case 0:
				_ = p.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
			case 1:
				p.head(stream, ok, false)
				_ = p.WriteRSTStream(stream, http2.ErrCodeCancel)
			case 2:
				p.head(stream, ok, true)
				_ = p.WriteRSTStream(stream, http2.ErrCodeNo)
			case 3:
				if rng.IntN(10) == 0 {
					_ = p.WriteGoAway(stream, http2.ErrCodeNo, nil)
				}
				p.head(stream, ok, true)
			default:
				p.head(stream, ok, true)
			}
		})
	})
	p := prepare(t, target, nil, Sharing{Connections: 2}, request("POST", "/", "body"))
	var wg sync.WaitGroup
	epoch := time.Now()
	for range 16 {
		wg.Go(func() {
			c := p.NewClient(context.Background(), epoch)
			defer c.Close()
			var out protocol.Outcome
			for range 100 {
				c.Do(newCall(0), &out)
				if k := out.Kind; k != protocol.OK && k != protocol.Reset && k != protocol.Closed {
					t.Errorf("%v: %v", out.Kind, out.Err)
				}
			}
		})
	}
	wg.Wait()
}
