package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"gameday/engine/servicemap"
	"gameday/engine/tracediff"
	"gameday/engine/why"
	"gameday/sources/signal"
	"gameday/sources/store"
)

const (
	heldSpans    = 200_000
	heldServices = 24
	perRequest   = 20
)

// heldWorld is a store that really holds 200,000 spans: ten minutes of requests of some twenty spans through 24 services, of which those of the
// last minute are slow and failed where one of them has another version.
type heldWorld struct {
	st     *store.Store
	from   time.Time
	now    time.Time
	bad    signal.TraceID
	other  signal.TraceID
	memory uint64 // bytes of the heap that they take
}

var held = sync.OnceValue(func() *heldWorld {
	before := heapInUse()
	st, err := store.New(store.Config{MaxSpanBytes: 512 << 20})
	if err != nil {
		panic(err) // the configuration is the test's own
	}
	w := &heldWorld{st: st, now: time.Now().Truncate(time.Second)}
	w.from = w.now.Add(-10 * time.Minute)
	rng := rand.New(rand.NewPCG(7, 7))
	requests := heldSpans / perRequest
	for i := range requests {
		at := w.from.Add(time.Duration(i) * 10 * time.Minute / time.Duration(requests))
		st.Add(signal.Batch{Spans: w.request(rng, i, at)})
	}
	if n := st.Stats().Spans.Held; n != heldSpans {
		panic(fmt.Sprintf("%d spans are held", n))
	}
	w.memory = heapInUse() - before
	return w
})

// cpu is the processor time that this process has taken. Others may be at work on the machine: a clock says less.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // there is no other reason than a wrong argument
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// request is a tree of calls: each service calls some of those below it, and the last of them a database.
func (w *heldWorld) request(rng *rand.Rand, n int, at time.Time) []signal.Span {
	var trace signal.TraceID
	binary.BigEndian.PutUint64(trace[8:], uint64(n+1))
	late := w.now.Sub(at) < time.Minute
	spans := make([]signal.Span, 0, perRequest)
	for i := range perRequest {
		s := signal.Span{TraceID: trace, Start: at.Add(time.Duration(i) * time.Millisecond), Duration: time.Duration(60+rng.IntN(20)-2*i) * time.Millisecond}
		binary.BigEndian.PutUint64(s.SpanID[:], uint64(n)<<8|uint64(i+1))
		service := 0
		if i > 0 {
			parent := (i - 1) / 2
			s.ParentID = spans[parent].SpanID
			service = (i*7 + n%5) % heldServices
			if i%2 == 1 { // the caller's side
				s.Service, s.Kind, s.Name = spans[parent].Service, signal.SpanClient, "call"
			}
		}
		if s.Service == "" {
			s.Service, s.Kind, s.Name = fmt.Sprintf("service-%02d", service), signal.SpanServer, fmt.Sprintf("GET /things/%d", service%6)
		}
		version := fmt.Sprint("1.", n%2)
		s.Attrs = signal.Attrs{{Key: "http.route", Value: s.Name}, {Key: "service.version", Value: version}, {Key: "host.name", Value: fmt.Sprintf("node-%d", n%9)},
			{Key: "request_id", Value: fmt.Sprintf("r-%08x", n)}, {Key: "peer.service", Value: fmt.Sprintf("service-%02d", (i*7+5)%heldServices)}}
		if late && version == "1.1" {
			s.Duration += 300 * time.Millisecond
			if s.Failed = i == perRequest-1; s.Failed {
				s.Message = "connection refused"
			}
		}
		spans = append(spans, s)
	}
	if late && n%2 == 1 {
		w.bad = trace
	} else if n%2 == 0 {
		w.other = trace
	}
	return spans
}

func (w *heldWorld) question() why.Question {
	return why.Question{Baseline: signal.Window{From: w.from, To: w.now.Add(-time.Minute)}, Interest: signal.Window{From: w.now.Add(-time.Minute), To: w.now}}
}

// BenchmarkHeld is what the service map, the answer to what changed, the comparison of traces, and a frame with all of it cost while
// 200,000 spans are held. core-% is the share of a processor that is taken when it is done again and again, as for a screen that shows it.
func BenchmarkHeld(b *testing.B) {
	w := held()
	whole := signal.Window{From: w.from, To: w.now}
	ctx := context.Background()
	// measure does something again and again; every is how long it is left alone in between by who shows it, nil when it is done once.
	measure := func(b *testing.B, every func(took time.Duration) time.Duration, do func()) {
		b.ReportAllocs()
		begun := cpu()
		for b.Loop() {
			do()
		}
		took := (cpu() - begun) / time.Duration(b.N)
		b.ReportMetric(float64(took.Microseconds())/1000, "cpu-ms/op")
		b.ReportMetric(float64(w.memory)/(1<<20), "held-MiB")
		if every != nil {
			b.ReportMetric(100*took.Seconds()/(took+every(took)).Seconds(), "core-%")
		}
	}
	b.Run("map", func(b *testing.B) {
		measure(b, func(took time.Duration) time.Duration { return max(mapEvery, mapRest*took) }, func() {
			if m, err := servicemap.Count(ctx, w.st.Reader(), whole, w.now); err != nil || m.Spans != heldSpans {
				b.Fatal(m, err)
			}
		})
	})
	b.Run("why", func(b *testing.B) {
		measure(b, nil, func() {
			if out, err := why.Answer(ctx, w.st, w.question()); err != nil || out.Bad == 0 || len(out.Rows) == 0 {
				b.Fatal(out, err)
			}
		})
	})
	for name, ask := range map[string]signal.CompareAsk{"compare": {A: w.other, B: w.bad}, "compare-typical": {B: w.bad, Typical: true}} {
		b.Run(name, func(b *testing.B) {
			measure(b, func(time.Duration) time.Duration { return compareEvery }, func() {
				if c := tracediff.Compare(w.st, ask, w.question()); c == nil || c.Err != "" {
					b.Fatal(c)
				}
			})
		})
	}
	b.Run("frame", func(b *testing.B) {
		s := &Session{store: w.st, ctx: ctx}
		maps := newServiceMaps(ctx, w.st, nil)
		s.compare.every = compareEvery
		v := signal.View{Window: whole, Map: true, Compare: signal.CompareAsk{B: w.bad, Typical: true}}
		var took []time.Duration
		measure(b, nil, func() {
			begun := time.Now()
			f := w.st.Frame(v)
			maps.fill(f, v)
			s.compare.fill(f, v, w.st, w.st.Events, w.now)
			took = append(took, time.Since(begun))
		})
		maps.close()
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	})
}
