package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources"
	"gameday/sources/all"
	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/otlp"
	"gameday/sources/signal"
)

// port is a system on a port of its own. What would be refused ends at once.
type port struct {
	net.Listener
	s *system
}

// Accept implements net.Listener.
func (p port) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if f := p.s.is(); f == refuse || f == lost {
			_ = c.Close() // that is what it is
			continue
		}
		p.s.open.Add(1)
		e := &end{Conn: c, s: p.s, gone: make(chan struct{}), far: true}
		p.s.mu.Lock()
		p.s.conns[e] = struct{}{}
		p.s.mu.Unlock()
		return e, nil
	}
}

// coming is a collector that is killed and comes back at the same port.
type coming struct {
	t       *testing.T
	address string
	stop    func()
	taken   atomic.Int64
}

func (c *coming) start() {
	r, err := otlp.New(otlp.Config{GRPC: c.address, Grace: 50 * time.Millisecond})
	require.NoError(c.t, err)
	c.address = r.GRPCAddr()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, func(b signal.Batch) { c.taken.Add(int64(b.Len())) }) }()
	c.stop = func() { cancel(); <-done }
}

// rotating writes lines into a file, and moves the file away now and then, until ctx ends.
func rotating(ctx context.Context, t *testing.T, path string, done chan<- struct{}) {
	defer close(done)
	for n := 0; ctx.Err() == nil; n++ {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = fmt.Fprintf(f, "line %d\n", n)
			err = errors.Join(err, f.Close())
		}
		if err == nil && n%5 == 4 {
			err = os.Rename(path, path+".1")
		}
		if err != nil {
			t.Error(err)
			return
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// socketWorld is a real session before systems on real ports.
type socketWorld struct {
	s       *Session
	systems map[string]*system
	names   []string
	out     *coming
}

func newSocketWorld(t *testing.T) *socketWorld {
	w := &socketWorld{systems: map[string]*system{}, out: &coming{t: t, address: "127.0.0.1:0"}}
	cfg := Config{Name: "soak", Environment: "demo", StateDir: t.TempDir(), Exe: os.Args[0], KeeperArgs: []string{"keeper"}}
	open := func(kind, address string) {
		k, ok := all.Find(kind)
		require.True(t, ok)
		d, err := k.Open(driver.Settings{Name: kind, Address: address, Every: 50 * time.Millisecond, Client: client.Config{Timeout: 500 * time.Millisecond}})
		require.NoError(t, err)
		cfg.Sources = append(cfg.Sources, sources.Source{Name: kind, Kind: kind, Address: address, Driver: d})
	}
	var conns atomic.Int64
	handlers := systems()
	delete(handlers, "otlp") // there is a real receiver
	maps.DeleteFunc(handlers, func(name string, _ http.Handler) bool { return strings.HasSuffix(name, grpcSide) })
	for _, name := range slices.Sorted(maps.Keys(handlers)) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		sys := newSystem(name, handlers[name], &conns)
		srv := &http.Server{Handler: sys, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
		go func() { _ = srv.Serve(port{l, sys}) }() // it ends below
		t.Cleanup(func() { _ = srv.Close() })       // connections that are gone already
		sys.patience = 1
		w.systems[name], w.names = sys, append(w.names, name)
		open(name, "http://"+l.Addr().String())
	}
	w.out.start()
	t.Cleanup(func() { w.out.stop() })
	open("otlp", "grpc://"+w.out.address)
	path := filepath.Join(t.TempDir(), "app.log")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go rotating(ctx, t, path, done)
	t.Cleanup(func() { cancel(); <-done })
	open("file", path)
	w.s = session(t, cfg)
	w.s.Start()
	return w
}

// trouble breaks everything a few times.
func (w *socketWorld) trouble(rng *rand.Rand, times int) {
	for range times {
		for _, name := range w.names {
			w.systems[name].set(failing(rng.IntN(int(faults))), rng)
		}
		w.out.stop()
		for range 5 {
			w.s.relay(signal.Batch{Spans: []signal.Span{{TraceID: signal.TraceID{1, byte(rng.IntN(256))}, SpanID: signal.SpanID{1}, Start: time.Now()}}})
			w.s.seek(signal.CorrelationID(fmt.Sprintf("%032x", rng.Uint64())))
			time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
		}
		w.out.start()
		for _, name := range w.names {
			w.systems[name].set(fine, rng)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// unwell is a source that is not live, "" when all are.
func (w *socketWorld) unwell() string {
	for _, h := range w.s.state().Health {
		if h.State != signal.SourceLive {
			return h.Name + ": " + h.Err
		}
	}
	return ""
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no way to count descriptors here: %v", err)
	}
	return len(all)
}

// TestDescriptorsComeBack: a whole session with real sockets, the receiver, a file that is rotated, OTLP out over gRPC and look-ups
// survives systems that come and go, and holds no more goroutines and descriptors afterwards than before.
func TestDescriptorsComeBack(t *testing.T) {
	seed := seeded(t)
	w := newSocketWorld(t)
	rng := rand.New(rand.NewPCG(seed, 2))
	well := func() {
		t.Helper()
		require.Eventually(t, func() bool { return w.unwell() == "" }, 2*time.Minute, 20*time.Millisecond, "a source that does not come back")
	}
	well()
	w.trouble(rng, 2)
	well()
	time.Sleep(time.Second) // connections that are given up are closed
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	w.trouble(rng, 6)
	well()
	if !assertEventually(func() bool { return openFiles(t) <= files+6 && runtime.NumGoroutine() <= goroutines+20 }) {
		stack := make([]byte, 1<<20)
		t.Fatalf("%d descriptors, %d goroutines; before: %d, %d\n%s", openFiles(t), runtime.NumGoroutine(), files, goroutines, stack[:runtime.Stack(stack, true)])
	}
	t.Logf("%d descriptors, %d goroutines; before: %d, %d", openFiles(t), runtime.NumGoroutine(), files, goroutines)
	require.Positive(t, w.out.taken.Load())
	for _, h := range w.s.exportHealth() {
		require.Zero(t, h.Dropped, "%s: what waits is sent when the endpoint is back", h.Name)
	}
}

func assertEventually(cond func() bool) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if cond() {
			return true
		}
	}
	return false
}
