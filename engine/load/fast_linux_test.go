//go:build linux && (amd64 || arm64)

package load

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnIterationOnALoopDoesNotAllocate(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	page := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	answer := func(c net.Conn) {
		defer c.Close()
		b := make([]byte, 4096)
		for {
			if _, err := c.Read(b); err != nil {
				return
			}
			if _, err := c.Write(page); err != nil {
				return
			}
		}
	}
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(c)
		}
	}()
	defer func() { l.Close(); <-done }()
	r, err := Start(t.Context(), plan(t, `
executor: {kind: constant-rate, rate: 0.001}
scenarios: [{name: a, mix: [{path: /}, {method: POST, path: "/{{n}}", body: "{{uuid}}", thinkTime: {mean: 1s, deviation: 1s}}]}]
`), Options{Engine: EngineEpoll, Target: "http://" + l.Addr().String()})
	require.NoError(t, err)
	defer r.Wait()
	defer r.Stop()
	f, err := newFastPath(r.fast.proto)
	require.NoError(t, err)
	f.route, err = f.proto.Resolve(t.Context())
	require.NoError(t, err)
	x, err := f.reactor(r, r.plan.groups[0], 0, 1, &atomic.Uint64{})
	require.NoError(t, err)
	defer x.close()
	ended := false
	x.finished = func(*eventUser, time.Duration, time.Duration) { ended = true }
	u := x.add()
	n := uint64(0)
	iterate := func() {
		ended = false
		u.start(n, x.net.Now())
		n++
		for !ended {
			if !x.poll(x.net.Now() + time.Second) {
				t.Fatal("the loop failed")
			}
		}
	}
	for range 50 {
		iterate()
	}
	require.Zero(t, testing.AllocsPerRun(500, iterate))
}

func TestThreads(t *testing.T) {
	one := plan(t, "executor: {kind: constant-users, users: 3}\nscenarios: [{name: s, steps: [{path: /}]}]\n")
	c, err := compile(one, &Options{})
	require.NoError(t, err)
	require.Equal(t, 1, threads(c.groups[0], Shards{}), "three users need one thread")
	many := plan(t, "executor: {kind: ramping-rate, stages: [{to: 1000000, for: 1s}], maxConnections: 1}\nscenarios: [{name: s, steps: [{path: /}]}]\n")
	c, err = compile(many, &Options{})
	require.NoError(t, err)
	require.Equal(t, 1, threads(c.groups[0], Shards{}), "one connection is on one thread")
}
