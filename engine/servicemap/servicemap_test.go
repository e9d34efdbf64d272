package servicemap

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/sources/store"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const ms = time.Millisecond

// requests writes spans into a store.
type requests struct {
	t  *testing.T
	st *store.Store
	n  uint64
}

func newRequests(t *testing.T) *requests {
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	return &requests{t: t, st: st}
}

func (r *requests) trace() (id signal.TraceID) {
	r.n++
	binary.BigEndian.PutUint64(id[8:], r.n)
	return id
}

// span adds one and returns its ID. at and took are milliseconds.
func (r *requests) span(trace signal.TraceID, parent signal.SpanID, service string, kind signal.SpanKind, at, took int, more ...func(*signal.Span)) signal.SpanID {
	r.n++
	s := signal.Span{TraceID: trace, ParentID: parent, Service: service, Name: service + " op", Kind: kind, Start: start.Add(time.Duration(at) * ms), Duration: time.Duration(took) * ms}
	binary.BigEndian.PutUint64(s.SpanID[:], r.n)
	for _, m := range more {
		m(&s)
	}
	r.st.Add(signal.Batch{Spans: []signal.Span{s}})
	return s.SpanID
}

func failed(s *signal.Span) { s.Failed = true }

func attrs(kv ...string) func(*signal.Span) {
	return func(s *signal.Span) {
		for i := 0; i < len(kv); i += 2 {
			s.Attrs = append(s.Attrs, signal.Attr{Key: kv[i], Value: kv[i+1]})
		}
	}
}

func (r *requests) count(from, to int) *signal.ServiceMap {
	w := signal.Window{From: start.Add(time.Duration(from) * ms), To: start.Add(time.Duration(to) * ms)}
	m, err := Count(context.Background(), r.st.Reader(), w, w.To.Add(time.Minute))
	require.NoError(r.t, err)
	return m
}

func find(t *testing.T, m *signal.ServiceMap, from, to string) signal.MapCall {
	t.Helper()
	i := slices.IndexFunc(m.Calls, func(c signal.MapCall) bool { return c.From == from && c.To == to })
	require.GreaterOrEqual(t, i, 0, "no call %q → %q in %v", from, to, edges(m))
	return m.Calls[i]
}

func edges(m *signal.ServiceMap) (out []string) {
	for _, c := range m.Calls {
		out = append(out, fmt.Sprintf("%s→%s %d", c.From, c.To, c.Count))
	}
	return out
}

// shop is one checkout of 100 ms: payment takes so long on the way and fails or not.
func (r *requests) shop(at, onTheWay int, fails bool) signal.TraceID {
	id := r.trace()
	var f []func(*signal.Span)
	if fails {
		f = append(f, failed)
	}
	root := r.span(id, signal.SpanID{}, "gateway", signal.SpanServer, at, 100+onTheWay, f...)
	c1 := r.span(id, root, "gateway", signal.SpanClient, at+5, 90+onTheWay, f...)
	checkout := r.span(id, c1, "checkout", signal.SpanServer, at+6, 88+onTheWay, f...)
	c2 := r.span(id, checkout, "checkout", signal.SpanClient, at+10, 20+onTheWay, append(f, attrs("server.address", "10.0.0.7", "server.port", "80"))...)
	if !fails {
		r.span(id, c2, "payment", signal.SpanServer, at+12, 16)
	}
	r.span(id, checkout, "checkout", signal.SpanClient, at+40+onTheWay, 30, attrs("db.system.name", "postgresql", "server.address", "db"))
	return id
}

// TestCallsAreCounted: each call once, by the caller's span, also when whom it reached left no span there.
func TestCallsAreCounted(t *testing.T) {
	r := newRequests(t)
	for i := range 20 {
		r.shop(i*500, 0, i%5 == 4)
	}
	m := r.count(0, 10_000)
	require.Equal(t, []string{"→gateway 20", "checkout→payment 20", "checkout→postgresql db 20", "gateway→checkout 20"}, edges(m))
	pay := find(t, m, "checkout", "payment")
	require.Equal(t, 4, pay.Failed)
	require.Equal(t, 4, pay.Origins, "four failed, and nothing below them did")
	require.InDelta(t, 0.2, pay.ErrorShare(), 1e-9)
	require.InDelta(t, 2, pay.Rate, 1e-9)
	require.Equal(t, 20*ms, pay.P95)
	require.Equal(t, 16*20*ms+4*20*ms, pay.Own, "on the way and in payment: all of the call")
	require.Zero(t, find(t, m, "gateway", "checkout").Origins, "what failed below began elsewhere")
	require.Equal(t, 4, find(t, m, "gateway", "checkout").Failed)
	require.Equal(t, "most failures begin here", m.Why)
	require.Equal(t, "payment", m.Calls[m.Worst].To)
	require.True(t, pay.Examples[0].Failed && pay.Examples[3].Failed && !pay.Examples[4].Failed, "failed ones first")
	sum := 0.0
	for _, c := range m.Calls {
		sum += c.Share
	}
	require.InDelta(t, 1, sum, 1e-9)
	kinds := map[string]signal.MapKind{}
	for _, s := range m.Services {
		kinds[s.Name] = s.Kind
	}
	require.Equal(t, map[string]signal.MapKind{"": signal.MapOutside, "gateway": 0, "checkout": 0, "payment": 0, "postgresql db": signal.MapDatabase}, kinds)
	i := slices.IndexFunc(m.Services, func(s signal.MapService) bool { return s.Name == "payment" })
	require.Equal(t, 16, m.Services[i].Served.Count, "visits that payment itself tells of")
	require.Equal(t, [3]int{20*6 - 4, 20, 0}, [3]int{m.Spans, m.Requests, m.Left})
}

// TestTheWorstIsWhereTimeIsSpent, not where it is waited for.
func TestTheWorstIsWhereTimeIsSpent(t *testing.T) {
	r := newRequests(t)
	for i := range 10 {
		r.shop(i*1000, 800, false)
	}
	m := r.count(0, 10_000)
	require.Equal(t, [2]string{"checkout", "payment"}, [2]string{m.Calls[m.Worst].From, m.Calls[m.Worst].To})
	require.Equal(t, "91 % of all time is spent here", m.Why) // 820 of 900
	empty := r.count(60_000, 70_000)
	require.Equal(t, -1, empty.Worst)
	require.Empty(t, empty.Calls)
}

// TestOddCalls: queues with several readers, calls to itself and in circles, callers without a span of the call, and what
// says nothing of whom it calls.
func TestOddCalls(t *testing.T) {
	r := newRequests(t)
	id := r.trace()
	root := r.span(id, signal.SpanID{}, "a", signal.SpanServer, 0, 100)
	send := r.span(id, root, "a", signal.SpanProducer, 10, 2, attrs("messaging.system", "kafka"))
	r.span(id, send, "b", signal.SpanConsumer, 50, 400)
	r.span(id, send, "c", signal.SpanConsumer, 60, 10)
	r.span(id, send, "c", signal.SpanConsumer, 70, 10)
	own := r.span(id, root, "a", signal.SpanClient, 20, 5)
	r.span(id, own, "a", signal.SpanServer, 21, 3)
	d := r.span(id, root, "d", signal.SpanInternal, 30, 7) // no client span
	back := r.span(id, d, "d", signal.SpanClient, 31, 5)
	r.span(id, back, "a", signal.SpanServer, 32, 3)
	r.span(id, root, "a", signal.SpanClient, 40, 1)
	r.span(id, root, "a", signal.SpanProducer, 42, 1, attrs("messaging.system", "nats"))
	r.span(id, root, "", signal.SpanServer, 43, 1)
	m := r.count(0, 1000)
	require.Equal(t, []string{"→a 1", "a→a 1", "a→b 1", "a→c 1", "a→d 1", "a→nats 1", "a→unnamed peer 1", "a→unnamed service 1", "d→a 1"}, edges(m))
	require.Equal(t, 2*ms, find(t, m, "a", "b").P50, "a queue is as slow as it is to send to")
	require.Equal(t, 7*ms, find(t, m, "a", "d").P50)
}

// TestTheWindow: what began in it counts, callers that began before it are known, and what may still be called by somebody is
// not taken for a way in.
func TestTheWindow(t *testing.T) {
	r := newRequests(t)
	long := r.trace()
	root := r.span(long, signal.SpanID{}, "gateway", signal.SpanServer, 0, 9000)
	call := r.span(long, root, "gateway", signal.SpanClient, 6000, 100)
	r.span(long, call, "checkout", signal.SpanServer, 6001, 98)
	r.span(r.trace(), signal.SpanID{0xaa}, "checkout", signal.SpanServer, 8000, 5) // whose caller is on its way
	r.span(r.trace(), signal.SpanID{0xab}, "edge", signal.SpanServer, 8000, 5)     // who is called by nobody here
	w := signal.Window{From: start.Add(5 * time.Second), To: start.Add(10 * time.Second)}
	m, err := Count(t.Context(), r.st.Reader(), w, w.To)
	require.NoError(t, err)
	require.Equal(t, []string{"→edge 1", "gateway→checkout 1"}, edges(m))
	require.InDelta(t, 0.25, find(t, m, "gateway", "checkout").Rate, 1e-9, "once in the four seconds since the first span")
	require.Equal(t, []string{"→checkout 1", "→edge 1", "gateway→checkout 1"}, edges(r.count(5000, 10_000)), "a minute later nobody has come")
	ended, stop := context.WithCancel(t.Context())
	stop()
	_, err = Count(ended, r.st.Reader(), w, w.To)
	require.ErrorIs(t, err, context.Canceled)
}

// TestPercentilesAreExact over random durations.
func TestPercentilesAreExact(t *testing.T) {
	r := newRequests(t)
	rng := rand.New(rand.NewPCG(5, 6))
	var all []int
	for i := range 997 {
		d := rng.IntN(5000)
		all = append(all, d)
		r.span(r.trace(), signal.SpanID{}, "x", signal.SpanServer, i, d)
	}
	slices.Sort(all)
	c := find(t, r.count(0, 1000), "", "x")
	for p, got := range map[int]time.Duration{50: c.P50, 95: c.P95, 99: c.P99, 100: c.Max} {
		under := 0
		for _, d := range all {
			if time.Duration(d)*ms <= got {
				under++
			}
		}
		require.GreaterOrEqual(t, 100*under, p*len(all), "p%d", p)
		require.Contains(t, all, int(got/ms))
	}
	require.Len(t, c.Examples, examples)
	require.Equal(t, c.Max, c.Examples[0].Duration)
}

// TestManyServices: the map is bounded, and says what it leaves out.
func TestManyServices(t *testing.T) {
	r := newRequests(t)
	for i := range maxServices + 40 {
		for range 1 + i%3 {
			r.span(r.trace(), signal.SpanID{}, fmt.Sprintf("s%03d", i), signal.SpanServer, i, 1)
		}
	}
	m := r.count(0, 10_000)
	require.Len(t, m.Services, maxServices)
	require.Equal(t, 41, m.More)
	require.Equal(t, signal.Outside, m.Services[0].Name)
	require.Len(t, m.Calls, maxServices-1)
}

func TestFaultsStandOnWhatTheyActOn(t *testing.T) {
	r := newRequests(t)
	r.shop(0, 0, false)
	m := r.count(0, 10_000)
	at := start.Add(10 * time.Second)
	events := []signal.Event{
		{ID: 1, Kind: signal.EventFault, Title: "was", Target: "payment-7d9f", Start: start, End: start.Add(time.Second)},
		{ID: 2, Kind: signal.EventNote, Title: "note", Target: "payment", Start: start, Open: true},
		{ID: 3, Kind: signal.EventFault, Title: "is", Target: "checkout→payment, gateway→checkout-2", Start: start.Add(2 * time.Second), Open: true},
		{ID: 4, Kind: signal.EventFault, Title: "elsewhere", Target: "paymental", Start: start.Add(3 * time.Second), Open: true},
		{ID: 5, Kind: signal.EventFault, Title: "no such call", Target: "payment→gateway", Start: start.Add(4 * time.Second), End: at.Add(time.Second)},
		{ID: 6, Kind: signal.EventFault, Title: "later", Target: "payment", Start: at.Add(time.Second), Open: true},
	}
	var got []string
	for _, f := range Faults(m, events, at) {
		got = append(got, fmt.Sprintf("%d %s>%s call=%t active=%t", f.ID, f.From, f.To, f.Call, f.Active))
	}
	require.Equal(t, []string{"5 >gateway call=false active=true", "4 > call=false active=true", "3 checkout>payment call=true active=true",
		"3 gateway>checkout call=true active=true", "1 >payment call=false active=false"}, got)
}

// BenchmarkCount counts a map of 200,000 spans.
func BenchmarkCount(b *testing.B) {
	st, err := store.New(store.Config{MaxSpanBytes: 128 << 20})
	require.NoError(b, err)
	r := &requests{st: st}
	for i := range 200_000 / 6 {
		r.shop(i*9, i%40, i%50 == 0)
	}
	w := signal.Window{From: start, To: start.Add(10 * time.Minute)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Count(context.Background(), st.Reader(), w, w.To); err != nil {
			b.Fatal(err)
		}
	}
}

// TestWhatIsToldIsAdded where it is not known, and the worst stays the worst.
func TestWhatIsToldIsAdded(t *testing.T) {
	r := newRequests(t)
	for i := range 10 {
		r.shop(i*1000, 800, false)
	}
	m := r.count(0, 10_000)
	n := len(m.Calls)
	out := Add(m, []Told{{"jaeger", "a", "checkout", 7}, {"jaeger", "checkout", "payment", 9}, {"zipkin", "a", "checkout", 8}, {"jaeger", "", "x", 1}})
	require.Len(t, m.Calls, n, "the map itself is left alone")
	require.Len(t, out.Calls, n+1)
	told := find(t, out, "a", "checkout")
	require.Equal(t, [2]any{"jaeger", uint64(7)}, [2]any{told.By, told.Told})
	require.Empty(t, find(t, out, "checkout", "payment").By, "spans of it are held")
	require.Equal(t, "payment", out.Calls[out.Worst].To)
	require.Equal(t, signal.MapUnseen, out.Services[1].Kind)
	require.Equal(t, out, Add(out, []Told{{"jaeger", "a", "checkout", 7}}))

	var many []Told
	for i := range 2 * maxServices {
		many = append(many, Told{"jaeger", "hub", fmt.Sprint("s", i), 1})
	}
	full := Add(m, many)
	require.Len(t, full.Services, maxServices)
	require.Equal(t, 2*maxServices+1+len(m.Services)-maxServices, full.More)
}
