//go:build linux && (amd64 || arm64)

package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

// single is one connection of a loop as a client.
type single struct {
	loop    *Loop
	conn    *Conn
	out     *protocol.Outcome
	release func() bool
	stopped chan struct{}
}

var loopClient clientMaker = func(t testing.TB, target string, config *tls.Config, reqs ...protocol.Request) (protocol.Client, context.CancelFunc) {
	t.Helper()
	p := prepareAll(t, target, config, reqs)
	route, err := p.Resolve(t.Context())
	if err != nil {
		return unresolved{err}, func() {}
	}
	l, err := p.NewLoop(time.Now(), route, 16)
	require.NoError(t, err)
	s := &single{loop: l, stopped: make(chan struct{})}
	s.conn = l.Add(s)
	ctx, cancel := context.WithCancel(context.Background())
	s.release = context.AfterFunc(ctx, func() { l.Interrupt(); close(s.stopped) })
	t.Cleanup(func() {
		if !s.release() {
			<-s.stopped
		}
		l.Close()
		cancel()
	})
	return s, cancel
}

// unresolved is what the engine does about a name that is not found: it leaves such a target to the other client.
type unresolved struct{ err error }

func (u unresolved) Do(_ *protocol.Call, out *protocol.Outcome) {
	*out = protocol.Outcome{Kind: classify(u.err, true), Err: u.err}
}

func (unresolved) Close() {}

func (s *single) Answered(out *protocol.Outcome) { *s.out = *out; s.out = nil }

func (s *single) Woken() {}

func (s *single) Do(call *protocol.Call, out *protocol.Outcome) {
	s.out = out
	s.loop.tick()
	s.loop.Do(s.conn, call)
	for s.out != nil {
		if err := s.loop.Poll(s.loop.Now() + time.Minute); err != nil {
			panic(err)
		}
	}
}

func (s *single) Close() { s.loop.drop(s.conn) }

func TestALoopNoticesAnIdleConnectionThatWasClosed(t *testing.T) {
	target, connections := raw(t, func(n int, c net.Conn, r *bufio.Reader) {
		if readRequest(r) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
		if n > 1 {
			readRequest(r)
		}
	})
	c, _ := loopClient(t, target, nil, protocol.Request{Method: "POST", Path: "/"})
	s := c.(*single)
	var out protocol.Outcome
	c.Do(newCall(0), &out)
	require.NoError(t, out.Err)
	for end := time.Now().Add(20 * time.Second); s.conn.fd >= 0 && time.Now().Before(end); {
		require.NoError(t, s.loop.Poll(s.loop.Now()+10*time.Millisecond))
	}
	require.Negative(t, s.conn.fd)
	c.Do(newCall(0), &out)
	require.NoError(t, out.Err)
	require.False(t, out.Retried, "it was never tried with the closed one")
	require.EqualValues(t, 2, connections.Load())
}

// TestLargeMessagesInBothDirections goes through partial writes and many reads, and keeps the connection.
func TestLargeMessagesInBothDirections(t *testing.T) {
	const size = 8 << 20
	target, connections := raw(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for readRequest(r) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)
			io.WriteString(c, strings.Repeat("x", size))
		}
	})
	body := strings.Repeat("y", size)
	overEngines(t, func(t *testing.T, client clientMaker) {
		before := connections.Load()
		c, _ := client(t, target, nil, protocol.Request{Method: "POST", Path: "/", Body: body}, protocol.Request{Method: "PUT", Path: "/{{n}}", Body: body})
		var out protocol.Outcome
		for handle := range 2 {
			c.Do(newCall(handle), &out)
			require.NoError(t, out.Err)
			require.EqualValues(t, size, out.Received)
			require.Equal(t, handle > 0, out.Reused)
		}
		require.EqualValues(t, 1, connections.Load()-before)
		c.Close()
	})
}

// TestAFloodStarvesNobody has one target send without end while another connection of the same loop makes requests.
func TestAFloodStarvesNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if n == 0 {
				go func() {
					defer c.Close()
					io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
					for b := make([]byte, 1<<20); ; {
						if _, err := c.Write(b); err != nil {
							return
						}
					}
				}()
				continue
			}
			go func() { defer c.Close(); answerForever(c) }()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	c, _ := loopClient(t, "http://"+l.Addr().String(), nil, protocol.Request{Method: "GET", Path: "/", Step: protocol.Step{Timeout: 2 * time.Second}})
	first := c.(*single)
	var flooded, out protocol.Outcome
	first.out = &flooded
	first.loop.Do(first.conn, newCall(0))
	for end := time.Now().Add(20 * time.Second); first.conn.received == 0 && time.Now().Before(end); {
		require.NoError(t, first.loop.Poll(first.loop.Now()+10*time.Millisecond))
	}
	second := &single{loop: first.loop}
	second.conn = first.loop.Add(second)
	answered := 0
	for first.out != nil {
		second.Do(newCall(0), &out)
		if out.Kind == protocol.OK {
			answered++
		}
	}
	require.Positive(t, answered)
	require.Equal(t, protocol.Timeout, flooded.Kind, "a flood ends with the request's timeout")
}

func TestTimersComeInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var heap timers
	conns := make([]*Conn, 200)
	for i := range conns {
		conns[i] = &Conn{alarm: notArmed}
	}
	for range 5000 {
		c := conns[rng.IntN(len(conns))]
		switch rng.IntN(4) {
		case 0:
			heap.remove(c)
		default:
			c.due = time.Duration(rng.IntN(1000))
			heap.arm(c)
			require.LessOrEqual(t, c.armed, c.due, "an alarm may come early, never late")
		}
	}
	for last := time.Duration(-1); len(heap) > 0; {
		c := heap[0]
		heap.remove(c)
		require.GreaterOrEqual(t, c.armed, last)
		last = c.armed
		require.Equal(t, int32(notArmed), c.alarm)
	}
}

func TestOneLoopManyConnections(t *testing.T) {
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
			go func() { defer c.Close(); answerForever(c) }()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	p := prepareAll(t, "http://"+l.Addr().String(), nil, []protocol.Request{{Method: "GET", Path: "/"}})
	route, err := p.Resolve(t.Context())
	require.NoError(t, err)
	loop, err := p.NewLoop(time.Now(), route, 64)
	require.NoError(t, err)
	defer loop.Close()
	users := make([]counting, 300)
	for i := range users {
		u := &users[i]
		u.loop, u.left, u.call = loop, 20, newCall(0)
		u.conn = loop.Add(u)
		u.Woken()
	}
	for left, end := 1, time.Now().Add(30*time.Second); left > 0 && time.Now().Before(end); {
		require.NoError(t, loop.Poll(loop.Now()+time.Second))
		left = 0
		for i := range users {
			left += users[i].left
		}
	}
	for i := range users {
		require.Zero(t, users[i].left)
		require.Zero(t, users[i].failed)
		loop.Remove(users[i].conn)
	}
	require.Len(t, loop.free, len(users))
}

type counting struct {
	loop         *Loop
	conn         *Conn
	call         *protocol.Call
	left, failed int
}

func (u *counting) Answered(out *protocol.Outcome) {
	if out.Kind != protocol.OK {
		u.failed++
	}
	if u.left--; u.left > 0 {
		u.loop.Pause(u.conn, u.loop.Now()+time.Millisecond)
	}
}

func (u *counting) Woken() { u.loop.Do(u.conn, u.call) }

// TestWhatIsLookedAtLateIsMeasuredRight looks at an answer long after it has come: what counts is when it came.
func TestWhatIsLookedAtLateIsMeasuredRight(t *testing.T) {
	target, _ := raw(t, func(_ int, c net.Conn, r *bufio.Reader) { answerForever(c) })
	const late = 300 * time.Millisecond
	for attempt := 0; ; attempt++ {
		c, _ := loopClient(t, target, nil, protocol.Request{Method: "GET", Path: "/"})
		s := c.(*single)
		s.loop.Coalesce()
		var out protocol.Outcome
		c.Do(newCall(0), &out) // connects
		require.NoError(t, out.Err)
		s.out = &out
		s.loop.tick()
		s.loop.Do(s.conn, newCall(0))
		time.Sleep(late)
		looked := s.loop.Now() + late
		for s.out != nil {
			require.NoError(t, s.loop.PollAt(s.loop.Now()+time.Millisecond))
		}
		c.Close()
		require.NoError(t, out.Err)
		require.GreaterOrEqual(t, out.Done, out.Start)
		require.LessOrEqual(t, out.Phases.Write+out.Phases.Wait+out.Phases.Read, out.Done-out.Start)
		if out.Done < looked {
			return
		}
		require.Less(t, attempt, 10, "the time of arrival is not told")
	}
}
