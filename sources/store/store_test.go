package store

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStore(t testing.TB, c Config) *Store {
	s, err := New(c)
	require.NoError(t, err)
	return s
}

func TestConfigReportsAllFaults(t *testing.T) {
	_, err := New(Config{MaxLogBytes: -1, MaxSpanBytes: 10, CorrelationFields: []string{"request_id", " "}})
	for _, want := range []string{"max log bytes", "max span bytes is 10", "correlation field 2"} {
		require.ErrorContains(t, err, want)
	}
}

func TestEmptyStore(t *testing.T) {
	s := newStore(t, Config{})
	f := s.Frame(signal.View{Focus: "no-such", Trace: traceOf(1)})
	require.Equal(t, 5*time.Minute, f.Window.Length())
	require.Empty(t, f.Logs)
	require.Empty(t, f.Traces)
	require.Nil(t, f.Detail)
	require.Nil(t, s.Trace(signal.TraceID{}))
	b := s.Find("")
	require.Zero(t, b.Len())
	require.Zero(t, s.TraceStats(signal.TraceFilter{}, f.Window))
}

func TestOddInputIsKeptOrCounted(t *testing.T) {
	s := newStore(t, Config{MaxLogBytes: minBytes, MaxSpanBytes: minBytes, MaxEventBytes: minBytes})
	before := time.Now()
	huge := strings.Repeat("x", minBytes)
	s.Add(signal.Batch{
		Logs: []signal.Record{{Body: "no time"}, {Body: "far", Time: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, {Body: huge, Time: before}},
		Spans: []signal.Span{
			{Name: "no trace", Start: before}, {TraceID: traceOf(1), Message: huge, Start: before},
			{TraceID: traceOf(2), Name: "backwards", Start: before, Duration: -time.Hour},
			{TraceID: traceOf(3), Name: "endless", Start: before, Duration: math.MaxInt64},
		},
		Events: []signal.Event{{Title: huge}, {Title: "ok", Start: before}},
	})
	f := s.Frame(signal.View{Window: signal.Window{From: before, To: time.Now().Add(time.Second)}})
	require.Len(t, f.Logs, 2, "without a usable time, the time of arrival")
	require.Len(t, f.Traces, 2)
	require.Len(t, f.Events, 1)
	for _, tr := range f.Traces {
		require.GreaterOrEqual(t, tr.Duration, time.Duration(0))
	}
	require.Equal(t, uint64(1), f.Store.Logs.Dropped)
	require.Equal(t, uint64(2), f.Store.Spans.Dropped)
	require.Equal(t, uint64(1), f.Store.Events.Dropped)
	requireBalance(t, f.Store)
}

func requireBalance(t testing.TB, st signal.StoreStats) {
	t.Helper()
	for name, k := range map[string]signal.KindStats{"logs": st.Logs, "spans": st.Spans, "events": st.Events} {
		assert.Equal(t, k.Received, k.Held+k.Evicted+k.Filtered+k.Dropped, "received = kept + filtered + dropped: %s", name)
		assert.LessOrEqual(t, k.Bytes, k.MaxBytes, name)
	}
}

func TestLateRecordsAreFoundByTheirTime(t *testing.T) {
	s := newStore(t, Config{MaxLogBytes: minBytes})
	for i := range 300 {
		s.Add(signal.Batch{Logs: []signal.Record{{Time: at(1000 + i), Body: "on time"}}})
	}
	s.Add(signal.Batch{Logs: []signal.Record{{Time: at(5), Body: "late"}}})
	f := s.Frame(signal.View{Window: signal.Window{From: at(0), To: at(10)}})
	require.Len(t, f.Logs, 1)
	require.Equal(t, "late", f.Logs[0].Body)
	f = s.Frame(signal.View{Window: signal.Window{From: at(0), To: at(9999)}, Logs: signal.LogFilter{Limit: 301}})
	require.Equal(t, "late", f.Logs[0].Body, "sorted by time, not by arrival")
	require.Equal(t, uint64(301), f.Logs[0].Seq)
}

func TestFilterGoesOnWhereTheLastFrameStopped(t *testing.T) {
	s := newStore(t, Config{})
	p := newProducer(3)
	for i := range 20 {
		s.Add(p.batch(1000, 0, at(i*100)))
	}
	v := signal.View{Window: signal.Window{From: at(-1), To: at(10_000)}, Logs: signal.LogFilter{Text: "order 17 "}}
	s.budget = 0
	want := s.Frame(signal.View{Window: v.Window, Logs: signal.LogFilter{Text: `"order 17 "`}}).Logs
	require.Len(t, want, 1)
	s.budget = time.Nanosecond
	v.Logs.Text = `"order 17 " and accepted`
	frames := 0
	for f := s.Frame(v); ; f = s.Frame(v) {
		require.Equal(t, 20_000, f.LogsTotal)
		if frames++; !f.LogsPartial {
			require.Equal(t, want, f.Logs)
			break
		}
		require.LessOrEqual(t, len(f.Logs), 1)
		require.Less(t, frames, 1000, "every frame makes progress")
	}
	require.Greater(t, frames, 10)
	require.False(t, s.Frame(v).LogsPartial, "what was found out is kept")
	s.Add(signal.Batch{Logs: []signal.Record{{Time: at(9000), Body: "accepted order 17 again"}}})
	require.Len(t, s.Frame(v).Logs, 2, "and new records are looked at")
}

func TestFilterRunsAreBounded(t *testing.T) {
	s := newStore(t, Config{MaxLogBytes: minBytes})
	p := newProducer(3)
	for i := range 60 {
		s.Add(p.batch(300, 300, at(i*100)))
		for k := range 20 {
			s.Frame(signal.View{Logs: signal.LogFilter{Text: fmt.Sprintf("w%d", k)}, Traces: signal.TraceFilter{Text: fmt.Sprintf("w%d", k)},
				Window: signal.Window{From: at(0), To: at(1e6)}})
		}
		s.CountLogs(signal.LogFilter{Text: "always"}, signal.Window{From: at(0), To: at(1e6)})
	}
	require.LessOrEqual(t, len(s.runs.runs), maxRuns)
	require.LessOrEqual(t, len(s.runs.traces), maxRuns)
	for _, r := range s.runs.runs {
		require.LessOrEqual(t, len(r.scans), 2*len(s.logs.snapshot(false))+18, "evicted chunks are forgotten")
	}
}

func TestRootNamesTheTraceHoweverLateItComes(t *testing.T) {
	s := newStore(t, Config{})
	child := signal.Span{TraceID: traceOf(1), SpanID: spanOf(2), ParentID: spanOf(1), Service: "payment", Name: "charge",
		Start: at(20), Duration: 30 * time.Millisecond, Failed: true}
	earlier := signal.Span{TraceID: traceOf(1), SpanID: spanOf(3), ParentID: spanOf(1), Service: "cart", Name: "load",
		Start: at(10), Duration: time.Millisecond}
	root := signal.Span{TraceID: traceOf(1), SpanID: spanOf(1), Service: "gateway", Name: "POST /checkout",
		Start: at(15), Duration: 100 * time.Millisecond}
	row := func() signal.TraceSummary {
		f := s.Frame(signal.View{Window: signal.Window{From: at(0), To: at(1000)}})
		require.Len(t, f.Traces, 1)
		return f.Traces[0]
	}
	s.Add(signal.Batch{Spans: []signal.Span{child}})
	require.Equal(t, "charge", row().Name)
	s.Add(signal.Batch{Spans: []signal.Span{earlier}})
	require.Equal(t, "load", row().Name)
	require.False(t, row().Rooted)
	s.Add(signal.Batch{Spans: []signal.Span{root}})
	got := row()
	require.True(t, got.Start.Equal(at(10)))
	got.Start = at(10)
	require.Equal(t, signal.TraceSummary{ID: traceOf(1), Service: "gateway", Name: "POST /checkout", Start: at(10),
		Duration: 105 * time.Millisecond, Spans: 3, Errors: 1, Rooted: true, Status: "error"}, got)

	var names []string
	for _, sp := range s.Trace(traceOf(1)).Spans {
		names = append(names, sp.Name)
	}
	require.Equal(t, []string{"POST /checkout", "load", "charge"}, names, "parents first, though a clock is off")
}

func TestSpansThatFormACircleAreShown(t *testing.T) {
	s := newStore(t, Config{})
	for i := range 3 {
		s.Add(signal.Batch{Spans: []signal.Span{{TraceID: traceOf(1), SpanID: spanOf(i), ParentID: spanOf((i + 1) % 3), Start: at(i)}}})
	}
	s.Add(signal.Batch{Spans: []signal.Span{{TraceID: traceOf(1), SpanID: spanOf(9), ParentID: spanOf(9), Start: at(9)}}})
	require.Len(t, s.Trace(traceOf(1)).Spans, 4)
}

func TestHugeTraceIsBounded(t *testing.T) {
	s := newStore(t, Config{})
	var spans []signal.Span
	var logs []signal.Record
	for i := range maxTraceSpans + 500 {
		name := fmt.Sprintf("op-%d", i)
		spans = append(spans, signal.Span{TraceID: traceOf(1), SpanID: spanOf(i), Service: name, Name: name, Start: at(-i)})
		logs = append(logs, signal.Record{TraceID: traceOf(1), Time: at(i), Body: name})
	}
	s.Add(signal.Batch{Spans: spans, Logs: logs})
	tr := s.Trace(traceOf(1))
	require.Len(t, tr.Spans, maxTraceSpans)
	require.Len(t, tr.Logs, maxTraceLogs)
	require.Equal(t, maxTraceSpans+500, tr.TraceSummary.Spans)
	require.LessOrEqual(t, len(s.traces.last.syms), maxBlockSyms)
}

func TestTraceKnownFromItsRecordsOnly(t *testing.T) {
	s := newStore(t, Config{})
	s.Add(signal.Batch{Logs: []signal.Record{{TraceID: traceOf(1), Time: at(5), Service: "cart"}, {TraceID: traceOf(1), Time: at(1), Service: "gateway"}}})
	tr := s.Frame(signal.View{Window: signal.Window{From: at(100), To: at(200)}, Focus: signal.CorrelationID(traceOf(1).String())}).Detail
	require.NotNil(t, tr, "whatever the window")
	require.Equal(t, "gateway", tr.Service)
	require.Equal(t, 4*time.Millisecond, tr.Duration)
	require.Len(t, tr.Logs, 2)
	require.Empty(t, tr.Spans)
}

func TestFocusOnSomethingSharedByAllIsBounded(t *testing.T) {
	s := newStore(t, Config{CorrelationFields: []string{"request_id"}})
	var b signal.Batch
	for i := range maxFocusLogs + 1000 {
		shared := signal.Attrs{{Key: "request_id", Value: "-"}}
		b.Logs = append(b.Logs, signal.Record{Time: at(i), TraceID: traceOf(i), Attrs: shared})
		b.Spans = append(b.Spans, signal.Span{Start: at(i), TraceID: traceOf(i), SpanID: spanOf(i), Attrs: shared})
	}
	s.Add(b)
	found := s.Find("-")
	require.Len(t, found.Logs, maxFocusLogs)
	require.Len(t, found.Spans, maxFocusTraces)
}

func TestEventsAreReplacedInPlaceAndBounded(t *testing.T) {
	s := newStore(t, Config{MaxEventBytes: minBytes})
	id := s.Event(signal.Event{Kind: signal.EventFault, Title: "payment +800ms", Start: at(100), Open: true, TraceID: traceOf(5)})
	s.Event(signal.Event{Title: "earlier", Start: at(50)})
	require.Equal(t, uint64(40), s.Event(signal.Event{ID: 40, Title: "from a recording", Start: at(60)}))
	require.Equal(t, uint64(41), s.Event(signal.Event{Title: "next", Start: at(70)}))
	titles := func(from, to int) (out []string) {
		for _, e := range s.Frame(signal.View{Window: signal.Window{From: at(from), To: at(to)}}).Events {
			out = append(out, e.Title)
		}
		return out
	}
	require.Equal(t, []string{"payment +800ms"}, titles(5000, 6000), "it is still going on")
	require.Equal(t, id, s.Event(signal.Event{ID: id, Title: "payment +800ms", Start: at(100), End: at(300)}))
	require.Empty(t, titles(5000, 6000))
	require.Equal(t, []string{"earlier", "from a recording", "next", "payment +800ms"}, titles(0, 101))
	require.Equal(t, []string{"payment +800ms"}, titles(200, 210))
	require.Equal(t, uint64(4), s.Stats().Events.Received)
	b := s.Find(signal.CorrelationID(traceOf(5).String()))
	require.Empty(t, b.Events, "the replacement has no trace")

	for i := range 5000 {
		s.Event(signal.Event{Title: "e", Start: at(1000 + i)})
	}
	st := s.Stats()
	require.Positive(t, st.Events.Evicted)
	requireBalance(t, st)
	again := s.Event(signal.Event{ID: id, Title: "back", Start: at(1)})
	require.Equal(t, id, again)
	require.Equal(t, []string{"back"}, titles(0, 10))
}

func TestAnEventIsReplacedByItsKey(t *testing.T) {
	s := newStore(t, Config{MaxEventBytes: minBytes})
	all := signal.View{Window: signal.Window{From: at(0), To: at(1 << 20)}}
	first := s.Event(signal.Event{Key: "f00/1", Title: "pending", Start: at(1), Open: true})
	other := s.Event(signal.Event{Key: "f00/2", Title: "another", Start: at(2)})
	require.NotEqual(t, first, other)
	require.Equal(t, first, s.Event(signal.Event{Key: "f00/1", Title: "firing", Start: at(1), Open: true}))
	require.Equal(t, first, s.Event(signal.Event{Key: "f00/1", Title: "over", Start: at(1), End: at(9)}))
	got := s.Frame(all).Events
	require.Len(t, got, 2)
	require.Equal(t, "over", got[0].Title)
	for i := range 5000 {
		s.Event(signal.Event{Key: fmt.Sprint("k", i), Title: "e", Start: at(1000 + i)})
	}
	st := s.Stats()
	requireBalance(t, st)
	require.EqualValues(t, st.Events.Held, len(s.events.keys), "what was evicted has no key any more")
	require.NotEqual(t, first, s.Event(signal.Event{Key: "f00/1", Title: "again", Start: at(1)}))
}

// TestConcurrentUse is for the race detector; it also checks what must hold at any moment.
func TestConcurrentUse(t *testing.T) {
	s := newStore(t, Config{MaxLogBytes: 512 << 10, MaxSpanBytes: 512 << 10, MaxEventBytes: minBytes, CorrelationFields: []string{"request_id"}})
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 3 {
		writers.Go(func() {
			p := newProducer(uint64(w))
			for i := range 60 {
				s.Add(p.batch(100, 100, at(i*100)))
				s.Event(signal.Event{ID: uint64(i % 5), Title: "e", Start: at(i)})
			}
		})
	}
	for k := range 3 {
		readers.Go(func() {
			w := signal.Window{From: at(0), To: at(1e6)}
			views := []signal.View{
				{Window: w}, {Window: w, Logs: signal.LogFilter{Text: "accepted -x"}, Traces: signal.TraceFilter{Text: "checkout", Order: signal.TracesSlowest}},
				{Window: w, Logs: signal.LogFilter{MinLevel: signal.SeverityWarn}, Traces: signal.TraceFilter{Failed: true}},
			}
			for i := k; ; i++ {
				f := s.Frame(views[i%len(views)])
				for j := 1; j < len(f.Logs); j++ {
					assert.False(t, f.Logs[j].Time.Before(f.Logs[j-1].Time))
				}
				requireBalance(t, f.Store)
				if n := len(f.Traces); n > 0 {
					id := f.Traces[i%n].ID
					s.Frame(signal.View{Window: w, Focus: signal.CorrelationID(fmt.Sprintf("%x", id[:8]))})
					if tr := s.Trace(id); tr != nil {
						assert.Equal(t, id, tr.ID)
					}
					s.Find(signal.CorrelationID(id.String()))
				}
				s.CountLogs(signal.LogFilter{Text: "order"}, w)
				s.TraceStats(signal.TraceFilter{}, w)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	st := s.Stats()
	require.Equal(t, uint64(18_000), st.Logs.Received)
	require.Equal(t, uint64(18_000), st.Spans.Received)
	require.Positive(t, st.Logs.Evicted)
	requireBalance(t, st)
}

// TestBytesAreHonest compares what the store says it holds with what the heap grew by, for records of different kinds.
func TestBytesAreHonest(t *testing.T) {
	shop, n := newProducer(1), 0
	unique := func() string { n++; return fmt.Sprintf("value-%d-%d", n, n*7919) }
	shapes := map[string]func() signal.Batch{
		"shop logs":  func() signal.Batch { return shop.batch(100, 0, at(n)) },
		"shop spans": func() signal.Batch { return shop.batch(0, 100, at(n)) },
		"bare logs":  func() signal.Batch { return signal.Batch{Logs: make([]signal.Record, 100)} },
		"long logs": func() signal.Batch {
			return signal.Batch{Logs: []signal.Record{{Body: strings.Repeat(unique(), 100)}}}
		},
		"ever new words": func() signal.Batch {
			return signal.Batch{Logs: []signal.Record{{Service: unique(), Source: unique(), Body: "b",
				Attrs: signal.Attrs{{Key: unique(), Value: unique()}, {Key: unique(), Value: unique()}}}}}
		},
		"one span per trace": func() signal.Batch {
			n++
			return signal.Batch{Spans: []signal.Span{{TraceID: traceOf(n), SpanID: spanOf(n), Service: "s", Name: "n", Start: at(n)}}}
		},
		"ever new names": func() signal.Batch {
			n++
			return signal.Batch{Spans: []signal.Span{{TraceID: traceOf(n), SpanID: spanOf(n), Service: unique(), Name: unique(), Start: at(n)}}}
		},
		"spans with events": func() signal.Batch {
			n++
			events := []signal.SpanEvent{{Time: at(n), Name: "exception", Attrs: signal.Attrs{{Key: "stack", Value: strings.Repeat("x", 400)}}}}
			return signal.Batch{Spans: []signal.Span{{TraceID: traceOf(n / 9), SpanID: spanOf(n), Events: events, Start: at(n)}}}
		},
	}
	for _, name := range sortedKeys(shapes) {
		t.Run(name, func(t *testing.T) {
			before := liveHeap()
			s := newStore(t, Config{MaxLogBytes: 6 << 20, MaxSpanBytes: 6 << 20, CorrelationFields: []string{"request_id"}})
			for st := s.Stats(); st.Logs.Evicted+st.Spans.Evicted < 5000; st = s.Stats() { // full, and going round
				for range 100 {
					s.Add(shapes[name]())
				}
			}
			grown := liveHeap() - before
			st := s.Stats()
			counted := int64(st.Logs.Bytes + st.Spans.Bytes)
			t.Logf("counted %d, heap %d, %.2f; %d held", counted, grown, float64(counted)/float64(grown), st.Logs.Held+st.Spans.Held)
			require.InDelta(t, float64(grown), float64(counted), 0.25*float64(grown))
			requireBalance(t, st)
		})
	}
}

func TestMemoryStaysBoundedWhenTracesNeverEnd(t *testing.T) {
	s := newStore(t, Config{MaxSpanBytes: 1 << 20})
	for i := range 12_000 { // one trace that always gets another span and a new name, and many that come and go
		name := fmt.Sprintf("operation-%d", i)
		s.Add(signal.Batch{Spans: []signal.Span{
			{TraceID: traceOf(0), SpanID: spanOf(i), ParentID: spanOf(1), Service: name, Name: name, Start: at(-i)},
			{TraceID: traceOf(i + 1), SpanID: spanOf(i), Service: name, Name: name, Start: at(i)},
		}})
	}
	st := s.Stats()
	requireBalance(t, st)
	require.Greater(t, st.Spans.Held, uint64(500))
	require.NotNil(t, s.Trace(traceOf(0)))
	require.LessOrEqual(t, len(s.traces.where), int(st.Spans.Held))
	live := 0
	for _, b := range s.traces.order {
		live += b.live
	}
	require.Equal(t, len(s.traces.where), live)
	require.Equal(t, len(s.traces.order), len(s.traces.blocks))
}

func TestRecordsWithoutAnIDAreNearNeverTheSame(t *testing.T) {
	s, err := New(Config{CorrelationFields: []string{"request_id"}})
	require.NoError(t, err)
	at := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	id := signal.TraceID{7}
	host := func(h string) signal.Attrs { return signal.Attrs{{Key: "host.name", Value: h}} }
	s.Add(signal.Batch{
		Spans: []signal.Span{{TraceID: id, SpanID: signal.SpanID{1}, Service: "payment", Name: "charge", Start: at, Duration: time.Second, Attrs: host("a")}},
		Logs: []signal.Record{
			{Time: at.Add(1), TraceID: id, Service: "payment", Body: "same"},
			{Time: at.Add(2), Service: "payment", Body: "near"},
			{Time: at.Add(3), Service: "payment", Body: "near on the host", Attrs: host("a")},
			{Time: at.Add(4), Service: "payment", Body: "other host", Attrs: host("b")},
			{Time: at.Add(5), Service: "cart", Body: "other service"},
			{Time: at.Add(6), Service: "payment", Body: "other request", Attrs: signal.Attrs{{Key: "request_id", Value: "r"}}},
			{Time: at.Add(7), TraceID: signal.TraceID{8}, Service: "payment", Body: "other trace"},
			{Time: at.Add(2 * time.Second), Service: "payment", Body: "later"},
		},
	})
	f := s.Frame(signal.View{Window: signal.Window{From: at.Add(-time.Minute), To: at.Add(time.Minute)}, Focus: signal.CorrelationID(id.String())})
	near := map[string]bool{}
	for _, r := range f.Logs {
		near[r.Body] = r.Near
	}
	require.Equal(t, map[string]bool{"same": false, "near": true, "near on the host": true}, near)
	require.Len(t, f.Detail.Logs, 1, "a trace's own records are its own only")
	require.Len(t, s.Find(signal.CorrelationID(id.String())).Logs, 1)
}
