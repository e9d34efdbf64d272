package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// producer makes records as the shop's services send them: 8 spans and 8 log records per request.
type producer struct {
	r     *rand.Rand
	ids   *rand.Rand // of its own, so that logs and spans of one seed belong to the same traces
	n     int
	trace signal.TraceID
}

func newProducer(seed uint64) *producer {
	return &producer{r: rand.New(rand.NewPCG(seed, 7)), ids: rand.New(rand.NewPCG(seed, 8))}
}

func (p *producer) step() {
	if p.n%8 == 0 {
		for i := range p.trace {
			p.trace[i] = byte(p.ids.Uint32())
		}
	}
	p.n++
}

func (p *producer) spanID() (id signal.SpanID) {
	for i := range id {
		id[i] = byte(p.r.Uint32())
	}
	return id
}

var shop = []string{"gateway", "catalog", "cart", "checkout", "payment", "inventory", "orders-replica-1", "orders-replica-2"}

func (p *producer) attrs() signal.Attrs {
	return signal.Attrs{
		{Key: "http.request.method", Value: "POST"}, {Key: "http.route", Value: "/checkout"},
		{Key: "http.response.status_code", Value: "200"}, {Key: "net.peer.name", Value: "127.0.0.1"},
		{Key: "request_id", Value: fmt.Sprintf("%x", p.trace[:8])},
	}
}

func (p *producer) log(t time.Time) signal.Record {
	p.step()
	return signal.Record{
		Time: t, Severity: signal.SeverityInfo, Service: shop[p.n%8], Source: "otlp", TraceID: p.trace, SpanID: p.spanID(),
		Body:  fmt.Sprintf("order %d accepted for customer %d, total %d.%02d EUR", p.n, p.r.IntN(1e6), p.r.IntN(500), p.r.IntN(100)),
		Attrs: p.attrs(),
	}
}

func (p *producer) span(t time.Time) signal.Span {
	p.step()
	s := signal.Span{
		TraceID: p.trace, SpanID: p.spanID(), Service: shop[p.n%8], Name: "POST /checkout", Kind: signal.SpanServer,
		Start: t, Duration: time.Duration(p.r.ExpFloat64() * 2e7), Failed: p.n%1000 == 0, Attrs: p.attrs(), Source: "otlp",
	}
	if p.n%8 != 1 {
		s.ParentID = p.spanID()
	}
	return s
}

func (p *producer) batch(logs, spans int, t time.Time) signal.Batch {
	var b signal.Batch
	for i := range logs {
		b.Logs = append(b.Logs, p.log(t.Add(time.Duration(i)*50*time.Microsecond)))
	}
	for i := range spans {
		b.Spans = append(b.Spans, p.span(t.Add(time.Duration(i)*50*time.Microsecond)))
	}
	return b
}

// filled holds n log records and n spans over the last minutes, the newest just now.
func filled(tb testing.TB, n int) *Store {
	s, err := New(Config{MaxLogBytes: 2 << 30, MaxSpanBytes: 2 << 30, CorrelationFields: []string{"request_id"}})
	require.NoError(tb, err)
	p, q := newProducer(1), newProducer(1)
	start := time.Now().Add(-time.Duration(n) * 50 * time.Microsecond)
	for i := 0; i < n; i += 1000 {
		t := start.Add(time.Duration(i) * 50 * time.Microsecond)
		s.Add(signal.Batch{Logs: p.batch(1000, 0, t).Logs, Spans: q.batch(0, 1000, t).Spans})
	}
	return s
}

var million = sync.OnceValue(func() *Store { return filled(&testing.B{}, 1_000_000) })

// arriving adds 20,000 records a second, logs and spans in turn, until stop is called; stop reports the rate held.
func arriving(s *Store) (stop func() float64) {
	done, ended := make(chan struct{}), make(chan int)
	began := time.Now()
	go func() {
		p, sent := newProducer(99), 0
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				ended <- sent
				return
			case now := <-tick.C:
				for due := int(now.Sub(began).Seconds() * 20_000); sent < due; sent += 200 {
					s.Add(p.batch(100, 100, now))
				}
			}
		}
	}()
	return func() float64 {
		close(done)
		return float64(<-ended) / time.Since(began).Seconds()
	}
}

// benchFrame reports the distribution of single frames as well as their mean.
func benchFrame(b *testing.B, view func(i int) signal.View) {
	s := million()
	stop := arriving(s)
	var took []time.Duration
	partial := 0
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		v := view(i)
		now := time.Now()
		if v.Window.To.IsZero() {
			v.Window = signal.Window{From: now.Add(-10 * time.Minute), To: now}
		}
		if s.Frame(v).LogsPartial {
			partial++
		}
		took = append(took, time.Since(now))
	}
	b.StopTimer()
	b.ReportMetric(stop(), "arriving/s")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(partial), "partial")
}

// halfway is a log record in the middle of what filled made.
func halfway(n int) signal.Record {
	p := newProducer(1)
	for range n / 2 {
		p.step()
	}
	return p.log(time.Now())
}

func BenchmarkFrame1M(b *testing.B) {
	some := halfway(1_000_000)
	million()
	view := func(v signal.View) func(int) signal.View { return func(int) signal.View { return v } }
	b.Run("all", func(b *testing.B) { benchFrame(b, view(signal.View{})) })
	b.Run("common-word", func(b *testing.B) { benchFrame(b, view(signal.View{Logs: signal.LogFilter{Text: "accepted"}})) })
	b.Run("rare-word", func(b *testing.B) { benchFrame(b, view(signal.View{Logs: signal.LogFilter{Text: "declined"}})) })
	b.Run("new-word-each-frame", func(b *testing.B) {
		benchFrame(b, func(i int) signal.View { return signal.View{Logs: signal.LogFilter{Text: fmt.Sprintf("miss-%d", i)}} })
	})
	b.Run("regex", func(b *testing.B) {
		benchFrame(b, view(signal.View{Logs: signal.LogFilter{Text: "body=~[a-f]{9}$ level>=warn"}}))
	})
	b.Run("logql", func(b *testing.B) {
		benchFrame(b, func(i int) signal.View {
			return signal.View{Logs: signal.LogFilter{Text: fmt.Sprintf(`{service="payment"} |= "declined" | logfmt | n >= %d`, i)}}
		})
	})
	b.Run("slow-traces", func(b *testing.B) {
		benchFrame(b, view(signal.View{Traces: signal.TraceFilter{Order: signal.TracesSlowest}}))
	})
	b.Run("failed-traces", func(b *testing.B) { benchFrame(b, view(signal.View{Traces: signal.TraceFilter{Failed: true}})) })
	b.Run("trace-filter", func(b *testing.B) {
		benchFrame(b, view(signal.View{Traces: signal.TraceFilter{Text: "service=payment duration>1h"}}))
	})
	b.Run("trace-name-absent", func(b *testing.B) { benchFrame(b, view(signal.View{Traces: signal.TraceFilter{Text: "-checkout"}})) })
	b.Run("focus-trace", func(b *testing.B) {
		benchFrame(b, view(signal.View{Focus: signal.CorrelationID(some.TraceID.String())}))
	})
	b.Run("focus-request-id", func(b *testing.B) {
		benchFrame(b, view(signal.View{Focus: signal.CorrelationID(some.Attrs.Get("request_id"))}))
	})
	b.Run("past-minute", func(b *testing.B) {
		past := signal.Window{From: some.Time.Add(-time.Minute), To: some.Time.Add(-30 * time.Second)}
		benchFrame(b, view(signal.View{Window: past}))
	})
}

// BenchmarkFrameHostile asks for what one would make on purpose: a value that all records share, a trace of 100,000
// spans, and 300,000 traces of one span with a name each.
func BenchmarkFrameHostile(b *testing.B) {
	s := newStore(b, Config{CorrelationFields: []string{"request_id"}})
	shared := signal.Attrs{{Key: "request_id", Value: "-"}}
	var big signal.TraceID
	big[0] = 1
	for i := range 300_000 {
		var id signal.TraceID
		binary.BigEndian.PutUint64(id[8:], uint64(i+1))
		batch := signal.Batch{
			Logs:  []signal.Record{{Time: at(i), TraceID: id, Body: "b", Attrs: shared}},
			Spans: []signal.Span{{TraceID: id, SpanID: spanOf(i), Name: fmt.Sprintf("GET /user/%d", i), Start: at(i), Duration: time.Duration(i * 7919 % 300_000)}},
		}
		if i%3 == 0 {
			batch.Spans = append(batch.Spans, signal.Span{TraceID: big, SpanID: spanOf(i), ParentID: spanOf(i - 3), Start: at(i), Failed: true})
			batch.Logs = append(batch.Logs, signal.Record{Time: at(i), TraceID: big, Body: "b"})
		}
		s.Add(batch)
	}
	w := signal.Window{From: at(0), To: at(1e6)}
	for name, v := range map[string]signal.View{
		"shared-value": {Focus: "-"}, "big-trace": {Trace: big}, "big-focus": {Focus: signal.CorrelationID(big.String())},
		"shared-value-filter": {Focus: "-", Logs: signal.LogFilter{Text: "b level=unset"}},
		"slowest":             {Traces: signal.TraceFilter{Order: signal.TracesSlowest}},
		"many-names":          {Traces: signal.TraceFilter{Text: "no-such-name"}},
		"half-window":         {Window: signal.Window{From: at(70_000), To: at(200_001)}},
	} {
		b.Run(name, func(b *testing.B) {
			if v.Window.To.IsZero() {
				v.Window = w
			}
			for b.Loop() {
				s.Frame(v)
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	s := million()
	some := halfway(1_000_000)
	for b.Loop() {
		if got := s.Find(signal.CorrelationID(some.Attrs.Get("request_id"))); len(got.Spans) != 8 {
			b.Fatalf("found %d spans", len(got.Spans))
		}
	}
}

func BenchmarkCountLogs(b *testing.B) {
	s := million()
	now := time.Now()
	w := signal.Window{From: now.Add(-time.Hour), To: now}
	for i := 0; b.Loop(); i++ {
		s.CountLogs(signal.LogFilter{Text: fmt.Sprintf("miss-%d", i)}, w)
	}
}

func BenchmarkTraceStats(b *testing.B) {
	s := million()
	for b.Loop() {
		now := time.Now()
		s.TraceStats(signal.TraceFilter{Text: "service=payment"}, signal.Window{From: now.Add(-time.Hour), To: now})
	}
}

func benchIngest(b *testing.B, batch signal.Batch) {
	s, err := New(Config{MaxLogBytes: 64 << 20, MaxSpanBytes: 64 << 20, CorrelationFields: []string{"request_id"}})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		s.Add(batch)
	}
	b.ReportMetric(float64(b.N*batch.Len())/b.Elapsed().Seconds(), "records/s")
}

// The batch repeats, and the memory is full: every record also pays for the eviction of another.
func BenchmarkIngestLogs(b *testing.B)  { benchIngest(b, newProducer(1).batch(10_000, 0, time.Now())) }
func BenchmarkIngestSpans(b *testing.B) { benchIngest(b, newProducer(1).batch(0, 10_000, time.Now())) }

// BenchmarkMemory reports what a record costs of heap, and what the store says it costs.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		heap, st := heapOf(b, 300_000)
		b.ReportMetric(float64(heap)/600_000, "heap-B/record")
		b.ReportMetric(float64(st.Logs.Bytes)/300_000, "counted-B/log")
		b.ReportMetric(float64(st.Spans.Bytes)/300_000, "counted-B/span")
	}
}

// heapOf is by how much the heap grows when n log records and n spans are held.
func heapOf(tb testing.TB, n int) (int64, signal.StoreStats) {
	before := liveHeap()
	s := filled(tb, n)
	grown := liveHeap() - before
	return grown, s.Stats()
}

// liveHeap is what of the heap is in use.
func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkFindAmongFiveMillion looks one ID up that lies in the middle of 5,000,000 records.
func BenchmarkFindAmongFiveMillion(b *testing.B) {
	const records = 5_000_000
	s, err := New(Config{MaxLogBytes: 8 << 30, CorrelationFields: []string{"request_id"}})
	require.NoError(b, err)
	p, begun := newProducer(1), time.Now().Add(-time.Hour)
	var some signal.Record
	for n := 0; n < records; n += 10_000 {
		batch := p.batch(10_000, 0, begun.Add(time.Duration(n)*100*time.Microsecond))
		if n == records/2 {
			some = batch.Logs[5000]
		}
		s.Add(batch)
	}
	require.EqualValues(b, records, s.Stats().Logs.Held)
	for name, id := range map[string]string{"trace": some.TraceID.String(), "field": some.Attrs.Get("request_id")} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got := s.Find(signal.CorrelationID(id)); len(got.Logs) != 8 {
					b.Fatalf("found %d records", len(got.Logs))
				}
			}
		})
	}
	runtime.KeepAlive(s)
}
