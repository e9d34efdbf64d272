package engine

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources"
	"gameday/sources/all"
	"gameday/sources/client"
	"gameday/sources/correlate"
	"gameday/sources/driver"
	"gameday/sources/pattern"
	"gameday/sources/signal"
	"gameday/sources/spec"
	"gameday/sources/store"
)

// What the world is like, in its own time.
const (
	soakEvery   = time.Minute // sources look that often
	soakTimeout = 10 * time.Second
	// backWithin is how long a source may take to be live again once its system is back: the longest back-off (30 s), what a
	// 429 had asked for (20 s) or a question that still hung, the next look, and the time after which a silent driver counts as live.
	backWithin = 30*time.Second + 20*time.Second + soakTimeout + soakEvery + 5*time.Second
)

// world is a session's sources before systems that fail.
type world struct {
	t       *testing.T
	s       *Session
	stop    context.CancelFunc
	rng     *rand.Rand
	systems map[string]*system
	names   []string
	began   bool // something has failed
	open    atomic.Int64
	held    atomic.Int64 // answers and tails that somebody has to give back
	ends    []func()
}

// newWorld starts every source there is over HTTP, supervised as a session does it.
func newWorld(t *testing.T, rng *rand.Rand) *world {
	w := &world{t: t, rng: rng, systems: map[string]*system{}}
	st, err := store.New(store.Config{MaxLogBytes: 1 << 20, MaxSpanBytes: 1 << 20, MaxEventBytes: 1 << 20})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	w.s = &Session{store: st, ctx: ctx, started: time.Now(), correlate: correlate.New(nil), patterns: newPatterns(pattern.Config{}, patternsEvery),
		cfg: Config{Log: func(string, ...any) {}}}
	w.stop = cancel
	handlers := systems()
	w.names = slices.Sorted(maps.Keys(handlers))
	for _, name := range w.names {
		w.systems[name] = newSystem(name, handlers[name], &w.open)
		w.ends = append(w.ends, w.systems[name].serve())
		w.s.cfg.Sources = append(w.s.cfg.Sources, w.source(name))
	}
	w.s.exporters = openExporters(w.s.cfg.Sources)
	for _, src := range w.s.cfg.Sources {
		w.s.supervise(src)
	}
	for _, x := range w.s.exporters {
		w.s.work.Go(func() { w.s.export(x) })
	}
	return w
}

func (w *world) source(name string) sources.Source {
	kind, overGRPC := strings.CutSuffix(name, grpcSide)
	k, ok := all.Find(kind)
	require.True(w.t, ok, kind)
	scheme := map[bool]string{true: "grpc", false: "http"}[overGRPC]
	s := driver.Settings{Name: name, Address: scheme + "://" + name + ".test:80", Every: soakEvery,
		Client: client.Config{Timeout: soakTimeout, Held: &w.held, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return w.systems[name].dial(ctx, network, address)
		}}}
	if options := map[string]string{"grafana": "annotate: true", "loki": "push: true"}[name]; options != "" {
		doc, err := spec.Parse("options", []byte(options))
		require.NoError(w.t, err)
		s.Options = doc
	}
	d, err := k.Open(s)
	require.NoError(w.t, err)
	return sources.Source{Name: name, Kind: kind, Address: s.Address, Driver: d}
}

// close ends everything in the session's order.
func (w *world) close() {
	w.stop()
	w.s.work.Wait()
	for _, err := range closeSources(w.s.cfg.Sources) {
		require.NoError(w.t, err)
	}
	for _, end := range w.ends {
		end()
	}
}

// health is how each source is doing, the ways out included.
func (w *world) health() map[string]signal.SourceHealth {
	out := map[string]signal.SourceHealth{}
	for _, sup := range w.s.supervisors {
		out[sup.Health().Name] = sup.Health()
	}
	for _, h := range w.s.exportHealth() {
		out[h.Name] = h
	}
	return out
}

// trouble lets one system fail after the other, at random and together, until ctx ends; then all are well.
func (w *world) trouble(ctx context.Context, done chan<- int) {
	ends := map[string]time.Time{}
	count := 0
	fail := func(name string, least int) {
		w.systems[name].set(failing(1+w.rng.IntN(int(faults)-1)), w.rng)
		ends[name] = time.Now().Add(time.Duration(least+w.rng.IntN(900)) * time.Second)
		count++
	}
	if !w.began { // each of them at least once, for longer than it is left unasked
		w.began = true
		for _, name := range w.names {
			fail(name, 2*int(soakEvery/time.Second))
		}
	}
	for {
		select {
		case <-ctx.Done():
			for _, name := range w.names {
				w.systems[name].set(fine, w.rng)
			}
			done <- count
			return
		case <-time.After(time.Duration(1+w.rng.IntN(60)) * time.Second):
		}
		for _, name := range w.names {
			switch end, ill := ends[name]; {
			case ill && time.Now().After(end):
				w.systems[name].set(fine, w.rng)
				delete(ends, name)
			case !ill && w.rng.IntN(10) == 0:
				fail(name, 1)
			}
		}
	}
}

// ask does what an operator and an experiment do meanwhile: look-ups, charts, what arrives and is sent on.
func (w *world) ask(ctx context.Context, rng *rand.Rand) {
	prom, err := w.s.metrics("prometheus")
	require.NoError(w.t, err)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(1+rng.IntN(30)) * time.Second):
		}
		now := time.Now()
		switch rng.IntN(4) {
		case 0:
			w.s.seek(signal.CorrelationID(fmt.Sprintf("%032x", n+1)))
		case 1:
			_, _ = prom.Range(ctx, "up", signal.Window{From: now.Add(-time.Minute), To: now}, time.Second) // it may be away
		case 2:
			w.s.relay(signal.Batch{Spans: []signal.Span{{TraceID: signal.TraceID{1, byte(n)}, SpanID: signal.SpanID{byte(n), byte(n >> 8)}, Service: "shop", Start: now}},
				Logs: []signal.Record{{Time: now, Body: fmt.Sprintf("order %d", n), Service: "shop"}}})
		default:
			e := signal.Event{Kind: signal.EventFault, Title: "payment slow", Start: now, Open: true}
			e.ID = w.s.Event(e)
			e.Open, e.End = false, now.Add(time.Second)
			w.s.Event(e)
		}
	}
}

// level is what must not grow.
type level struct {
	goroutines, descriptors int
	connections, held       int64
	heap                    uint64
}

// take waits until the world is at rest, and measures.
func (w *world) take() level {
	synctest.Wait()
	for range 3 {
		runtime.GC() // finalizers, and pools of two generations
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l := level{goroutines: runtime.NumGoroutine(), connections: w.open.Load(), held: w.held.Load(), heap: m.HeapAlloc}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		l.descriptors = len(open)
	}
	return l
}

// seeded is the world's chance: GAMEDAY_SEED, or another one each time.
func seeded(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("GAMEDAY_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "GAMEDAY_SEED")
	}
	t.Logf("GAMEDAY_SEED=%d", seed)
	return seed
}

// soakFor is the simulated time: GAMEDAY_SOAK, or an hour. make soak takes the whole day.
func soakFor(t *testing.T) time.Duration {
	text := os.Getenv("GAMEDAY_SOAK")
	if text == "" {
		return time.Hour
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, "GAMEDAY_SOAK")
	return d
}

// TestADayOfFailures: for a simulated day every source loses its system again and again, in every way. Several times a day
// all systems are well for a while: then each source must be live within its back-off, and goroutines, connections, descriptors
// and memory must be where they were after the first hours.
func TestADayOfFailures(t *testing.T) {
	seed, length := seeded(t), soakFor(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a small heap is cleaned all the time otherwise
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rand.New(rand.NewPCG(seed, 1)))
		defer w.close()
		const rounds = 8
		var first level
		troubles := 0
		for round := range rounds {
			ctx, cancel := context.WithTimeout(t.Context(), length/rounds-backWithin)
			done := make(chan int)
			go w.trouble(ctx, done)
			w.ask(ctx, rand.New(rand.NewPCG(seed, uint64(round))))
			troubles += <-done
			cancel()
			time.Sleep(backWithin)
			for name, h := range w.health() {
				require.Equal(t, signal.SourceLive, h.State, "%s in round %d, %s after its system was back: %s", name, round, backWithin, h.Err)
			}
			now := w.take()
			t.Logf("after %s: %d faults; %d goroutines, %d connections, %d descriptors, %.1f MiB", time.Since(w.s.started).Round(time.Minute), troubles,
				now.goroutines, now.connections/2, now.descriptors, float64(now.heap)/(1<<20))
			require.LessOrEqual(t, now.held, int64(1), "answers that nobody closes, and tails that nobody stops; Loki's is one")
			if round < 2 { // caches and the memory's bound are reached meanwhile
				first = now
				continue
			}
			require.LessOrEqual(t, now.connections, first.connections+8, "connections that nobody closes")
			require.LessOrEqual(t, now.goroutines, first.goroutines+24, "goroutines that nobody ends")
			require.LessOrEqual(t, now.descriptors, first.descriptors+4)
			require.LessOrEqual(t, now.heap, first.heap+(3<<20), "memory")
		}
		require.Greater(t, troubles, int(length/time.Hour)*20, "a day with too few faults says little")
		w.balance()
	})
}

// balance checks that nothing was lost silently, and that every system was asked and failed.
func (w *world) balance() {
	for name, s := range w.systems {
		require.Positive(w.t, s.asked.Load(), name)
		require.Positive(w.t, s.failed.Load(), name)
	}
	for name, h := range w.health() {
		if strings.HasSuffix(name, " (out)") {
			require.LessOrEqual(w.t, h.Kept+h.Dropped, h.Received, name)
			require.Positive(w.t, h.Kept, name)
			continue
		}
		require.Equal(w.t, h.Received, h.Kept+h.Filtered+h.Dropped, name)
	}
}
