package store

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

var epoch = time.Unix(1_800_000_000, 0)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func traceOf(n int) signal.TraceID {
	return signal.TraceID{0xaa, byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}
}

func spanOf(n int) signal.SpanID {
	return signal.SpanID{0xbb, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n), 1}
}

// model is the store as one would write it without thinking of speed: everything in slices, every question a loop.
type model struct {
	logs   []signal.Record // held, in order of arrival
	spans  []signal.Span
	traces map[signal.TraceID]*modelTrace
}

type modelTrace struct {
	root     signal.Span
	end      time.Time
	start    time.Time
	services []string
	spans    int
	errors   int
}

func (m *model) addSpan(s signal.Span, evicted int) {
	m.spans = append(m.spans, s)
	t := m.traces[s.TraceID]
	if t == nil {
		t = &modelTrace{root: s, start: s.Start, end: s.End()}
		m.traces[s.TraceID] = t
	}
	isRoot, hadRoot := s.ParentID.IsZero(), t.root.ParentID.IsZero()
	earlier := s.Start.Before(t.root.Start) || s.Start.Equal(t.root.Start) && s.Duration > t.root.Duration
	if isRoot && !hadRoot || isRoot == hadRoot && earlier {
		t.root = s
	}
	if s.Start.Before(t.start) {
		t.start = s.Start
	}
	if s.End().After(t.end) {
		t.end = s.End()
	}
	if !slices.Contains(t.services, s.Service) && len(t.services) < maxServices {
		t.services = append(t.services, s.Service)
	}
	t.spans++
	if s.Failed {
		t.errors++
	}
	for _, old := range m.spans[:evicted] {
		t := m.traces[old.TraceID]
		t.spans--
		if old.Failed {
			t.errors--
		}
		if t.spans == 0 {
			delete(m.traces, old.TraceID)
		}
	}
	m.spans = m.spans[evicted:]
}

func (m *model) summaries(w signal.Window, keep func(*modelTrace) bool) []signal.TraceSummary {
	out := []signal.TraceSummary{}
	for id, t := range m.traces {
		if !t.start.Before(w.To) || t.end.Before(w.From) || !keep(t) {
			continue
		}
		status := "ok"
		if t.errors > 0 {
			status = "error"
		}
		out = append(out, signal.TraceSummary{ID: id, Service: t.root.Service, Name: t.root.Name, Start: t.start,
			Duration: t.end.Sub(t.start), Spans: t.spans, Errors: t.errors, Rooted: t.root.ParentID.IsZero() || t.root.Kind == signal.SpanServer || t.root.Kind == signal.SpanConsumer, Status: status})
	}
	return out
}

func recentFirst(a, b signal.TraceSummary) int {
	return cmp.Or(b.Start.Compare(a.Start), bytes.Compare(b.ID[:], a.ID[:]))
}

func slowestFirst(a, b signal.TraceSummary) int {
	return cmp.Or(cmp.Compare(b.Duration, a.Duration), recentFirst(a, b))
}

// pick is what a list shows: the records in the window that are wanted, by time, the newest so many.
func pick(logs []signal.Record, w signal.Window, limit int, keep func(*signal.Record) bool) []signal.Record {
	out := []signal.Record{}
	for i := range logs {
		if w.Contains(logs[i].Time) && keep(&logs[i]) {
			out = append(out, logs[i])
		}
	}
	slices.SortStableFunc(out, func(a, b signal.Record) int { return a.Time.Compare(b.Time) })
	return out[max(0, len(out)-limit):]
}

var (
	services = []string{"gateway", "checkout", "Payment", "orders-db"}
	phrases  = []string{"order accepted", "Card Declined by bank", "timeout after 800ms", "ÄRGER mit Größe", "x", ""}
	levels   = []signal.Severity{0, 1, 5, 9, 10, 13, 17, 21}
)

func oneOf[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func randomLog(r *rand.Rand, n int) signal.Record {
	rec := signal.Record{
		Time: at(n*10 + r.IntN(30)), Severity: oneOf(r, levels), Service: oneOf(r, services), Source: "otlp",
		Body: oneOf(r, phrases) + fmt.Sprintf(" #%d", r.IntN(50)),
	}
	if r.IntN(20) == 0 {
		rec.Time = rec.Time.Add(-time.Duration(r.IntN(5000)) * time.Millisecond) // late
	}
	if r.IntN(3) > 0 {
		rec.TraceID, rec.SpanID = traceOf(n/8+r.IntN(4)), spanOf(n)
	}
	if r.IntN(4) > 0 {
		rec.Attrs = append(rec.Attrs, signal.Attr{Key: "status", Value: fmt.Sprint(200 + 100*r.IntN(4))})
	}
	if r.IntN(3) == 0 {
		rec.Attrs = append(rec.Attrs, signal.Attr{Key: "Request_ID", Value: fmt.Sprintf("req-%d", n/16)})
	}
	return rec
}

func randomSpan(r *rand.Rand, n int) signal.Span {
	s := signal.Span{
		TraceID: traceOf(n/8 + r.IntN(4)), SpanID: spanOf(n), Service: oneOf(r, services), Source: "otlp",
		Name: oneOf(r, []string{"GET /cart", "POST /checkout", "charge", "SELECT"}), Kind: signal.SpanServer,
		Start: at(n*10 + r.IntN(40)), Duration: time.Duration(r.IntN(400)) * time.Millisecond, Failed: r.IntN(10) == 0,
	}
	if r.IntN(8) > 0 {
		s.ParentID = spanOf(n - r.IntN(8))
	}
	if s.Failed {
		s.Message = "it broke"
		s.Events = []signal.SpanEvent{{Time: s.Start, Name: "exception", Attrs: signal.Attrs{{Key: "type", Value: "E"}}}}
	}
	if r.IntN(3) == 0 {
		s.Attrs = signal.Attrs{{Key: "request_id", Value: fmt.Sprintf("req-%d", n/16)}, {Key: "http.method", Value: "GET"}}
	}
	return s
}

func attrsHave(attrs signal.Attrs, want func(string) bool) bool {
	for _, a := range attrs {
		if want(a.Value) {
			return true
		}
	}
	return false
}

// logFilters are filters with what they mean, written down a second time.
var logFilters = map[string]func(*signal.Record) bool{
	"":                       func(*signal.Record) bool { return true },
	"declined":               func(r *signal.Record) bool { return has(r, "declined") },
	`"card declined" -#7`:    func(r *signal.Record) bool { return has(r, "card declined") && !has(r, "#7") },
	"größe":                  func(r *signal.Record) bool { return has(r, "größe") },
	"pay":                    func(r *signal.Record) bool { return has(r, "pay") },
	"req-1":                  func(r *signal.Record) bool { return has(r, "req-1") },
	"status=500":             func(r *signal.Record) bool { return r.Attrs.Get("status") == "500" },
	"status!=200 and x":      func(r *signal.Record) bool { return r.Attrs.Get("status") != "200" && has(r, "x") },
	"-status=~^[23]":         func(r *signal.Record) bool { s := r.Attrs.Get("status"); return s == "" || s >= "4" },
	"status>=400":            func(r *signal.Record) bool { return r.Attrs.Get("status") >= "400" },
	`status=""`:              func(r *signal.Record) bool { return r.Attrs.Get("status") == "" },
	"level>=warn":            func(r *signal.Record) bool { return r.Severity >= 13 },
	"level:info":             func(r *signal.Record) bool { return r.Severity >= 9 && r.Severity < 13 },
	"level<info":             func(r *signal.Record) bool { return r.Severity > 0 && r.Severity < 9 },
	"service=checkout #1":    func(r *signal.Record) bool { return r.Service == "checkout" && has(r, "#1") },
	"service!~^check":        func(r *signal.Record) bool { return !strings.HasPrefix(r.Service, "check") },
	"body=~#4[0-9]$":         func(r *signal.Record) bool { return len(r.Body) > 3 && r.Body[len(r.Body)-3:len(r.Body)-1] == "#4" },
	"trace=" + traceID50:     func(r *signal.Record) bool { return r.TraceID.String() == traceID50 },
	"nothing-has-this-in-it": func(*signal.Record) bool { return false },
}

var traceID50 = traceOf(50).String()

func has(r *signal.Record, word string) bool {
	in := func(s string) bool { return strings.Contains(strings.ToLower(s), word) }
	return in(r.Body) || in(r.Service) || attrsHave(r.Attrs, in)
}

var traceFilters = map[string]func(*modelTrace) bool{
	"":                   func(*modelTrace) bool { return true },
	"post":               func(t *modelTrace) bool { return t.root.Name == "POST /checkout" },
	"pay -get":           func(t *modelTrace) bool { return slices.Contains(t.services, "Payment") && t.root.Name != "GET /cart" },
	"status=error":       func(t *modelTrace) bool { return t.errors > 0 },
	"status!=error":      func(t *modelTrace) bool { return t.errors == 0 },
	"duration>200ms":     func(t *modelTrace) bool { return t.end.Sub(t.start) > 200*time.Millisecond },
	"duration<=1s":       func(t *modelTrace) bool { return t.end.Sub(t.start) <= time.Second },
	"service=checkout":   func(t *modelTrace) bool { return slices.Contains(t.services, "checkout") },
	"service!=checkout":  func(t *modelTrace) bool { return !slices.Contains(t.services, "checkout") },
	"name=~^S spans>1":   func(t *modelTrace) bool { return t.root.Name == "SELECT" && t.spans > 1 },
	"no-such-word-there": func(*modelTrace) bool { return false },
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func requireSameLogs(t *testing.T, want, got []signal.Record, msg string) {
	t.Helper()
	require.Equal(t, len(want), len(got), msg)
	for i := range want {
		require.True(t, want[i].Time.Equal(got[i].Time), "%s: record %d is of %v, not %v", msg, i, got[i].Time, want[i].Time)
		w := want[i]
		w.Time = got[i].Time
		require.Equal(t, w, got[i], msg)
	}
}

func requireSameTraces(t *testing.T, want, got []signal.TraceSummary, msg string) {
	t.Helper()
	require.Equal(t, len(want), len(got), msg)
	for i := range want {
		require.True(t, want[i].Start.Equal(got[i].Start), msg)
		w := want[i]
		w.Start = got[i].Start
		require.Equal(t, w, got[i], msg)
	}
}

// TestAgainstModel feeds the store and the model the same, far more than the store may hold, and asks both the same.
func TestAgainstModel(t *testing.T) {
	for seed, size := range []int64{minBytes, minBytes, 8 << 20} { // the last holds everything, in big chunks
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		s, err := New(Config{MaxLogBytes: size, MaxSpanBytes: size, CorrelationFields: []string{"request_id"}})
		require.NoError(t, err)
		s.budget = 0
		m := &model{traces: map[signal.TraceID]*modelTrace{}}
		for n := range 4000 {
			log, span := randomLog(r, n), randomSpan(r, n)
			before := s.Stats()
			s.Add(signal.Batch{Logs: []signal.Record{log}, Spans: []signal.Span{span}})
			after := s.Stats()
			log.Seq = uint64(n + 1)
			m.logs = append(m.logs, log)[after.Logs.Evicted-before.Logs.Evicted:]
			m.addSpan(span, int(after.Spans.Evicted-before.Spans.Evicted))
			if n%500 == 499 {
				compareAll(t, r, s, m, n)
			}
		}
		require.Equal(t, size == minBytes, s.Stats().Logs.Evicted > 0)
		require.Equal(t, size == minBytes, s.Stats().Spans.Evicted > 0)
	}
}

func randomWindow(r *rand.Rand, n int) signal.Window {
	if r.IntN(4) == 0 {
		return signal.Window{From: at(-100000), To: at(n*10 + 100000)}
	}
	from := n*10 - r.IntN(12000)
	return signal.Window{From: at(from), To: at(from + r.IntN(9000))}
}

func compareAll(t *testing.T, r *rand.Rand, s *Store, m *model, n int) {
	t.Helper()
	st := s.Stats()
	require.Equal(t, len(m.logs), int(st.Logs.Held))
	require.Equal(t, len(m.spans), int(st.Spans.Held))
	for _, text := range sortedKeys(logFilters) {
		w, k := randomWindow(r, n), 1+r.IntN(300)
		f := s.Frame(signal.View{Window: w, Logs: signal.LogFilter{Text: text, Limit: k}})
		require.Empty(t, f.LogsErr)
		require.False(t, f.LogsPartial)
		msg := fmt.Sprintf("filter %q window %v limit %d", text, w, k)
		requireSameLogs(t, pick(m.logs, w, k, logFilters[text]), f.Logs, msg)
		all := pick(m.logs, w, len(m.logs), func(*signal.Record) bool { return true })
		require.Equal(t, len(all), f.LogsTotal, msg)

		matching := pick(m.logs, w, len(m.logs), logFilters[text])
		var example signal.TraceID
		for _, rec := range matching {
			if !rec.TraceID.IsZero() {
				example = rec.TraceID
			}
		}
		count, got := s.CountLogs(signal.LogFilter{Text: text}, w)
		require.Equal(t, len(matching), count, msg)
		require.Equal(t, example, got, msg)
	}
	for _, text := range sortedKeys(traceFilters) {
		compareTraces(t, s, m, text, randomWindow(r, n), 1+r.IntN(100))
	}
	for range 5 {
		compareFocus(t, r, s, m, n)
	}
}

func compareTraces(t *testing.T, s *Store, m *model, text string, w signal.Window, k int) {
	t.Helper()
	all := m.summaries(w, func(*modelTrace) bool { return true })
	want := m.summaries(w, traceFilters[text])
	msg := fmt.Sprintf("filter %q window %v limit %d", text, w, k)
	for _, order := range []signal.TraceOrder{signal.TracesRecent, signal.TracesSlowest} {
		slices.SortFunc(want, recentFirst)
		if order == signal.TracesSlowest {
			slices.SortFunc(want, slowestFirst)
		}
		f := s.Frame(signal.View{Window: w, Traces: signal.TraceFilter{Text: text, Order: order, Limit: k}})
		require.Empty(t, f.TracesErr)
		require.Equal(t, len(all), f.TracesTotal, msg)
		requireSameTraces(t, want[:min(k, len(want))], f.Traces, msg)

		failed := slices.DeleteFunc(slices.Clone(want), func(s signal.TraceSummary) bool { return s.Errors == 0 })
		f = s.Frame(signal.View{Window: w, Traces: signal.TraceFilter{Text: text, Order: order, Limit: k, Failed: true}})
		requireSameTraces(t, failed[:min(k, len(failed))], f.Traces, msg)

		st := s.TraceStats(signal.TraceFilter{Text: text}, w)
		require.Equal(t, len(want), st.Count)
		require.Equal(t, len(failed), st.Errors)
		if order == signal.TracesSlowest && len(want) > 0 {
			rank := func(p int) time.Duration { return want[len(want)-(len(want)*p+99)/100].Duration }
			require.Equal(t, TraceStats{Count: len(want), Errors: len(failed), P50: rank(50), P95: rank(95), P99: rank(99),
				Max: want[0].Duration, Slowest: want[0].ID, Failed: st.Failed}, st)
		}
		if order == signal.TracesRecent && len(failed) > 0 {
			require.Equal(t, failed[0].ID, st.Failed)
		}
	}
}

// compareFocus asks for a request ID or a trace.
func compareFocus(t *testing.T, r *rand.Rand, s *Store, m *model, n int) {
	t.Helper()
	value := fmt.Sprintf("req-%d", (n-r.IntN(600))/16)
	traces := map[signal.TraceID]bool{}
	if r.IntN(2) == 0 {
		id := traceOf((n - r.IntN(800)) / 8)
		value, traces[id] = strings.ToUpper(id.String()), true
	}
	carries := func(attrs signal.Attrs) bool {
		return attrs.Get("Request_ID") == value || attrs.Get("request_id") == value
	}
	for _, rec := range m.logs {
		if carries(rec.Attrs) {
			traces[rec.TraceID] = true
		}
	}
	for _, sp := range m.spans {
		if carries(sp.Attrs) {
			traces[sp.TraceID] = true
		}
	}
	delete(traces, signal.TraceID{})
	belongs := func(r *signal.Record) bool { return carries(r.Attrs) || traces[r.TraceID] }
	everything := signal.Window{From: at(-1e9), To: at(1e9)}
	want := pick(m.logs, everything, len(m.logs), belongs)

	found := s.Find(signal.CorrelationID(value))
	requireSameLogs(t, want, found.Logs, "find "+value)
	var spans int
	for _, sp := range m.spans {
		if traces[sp.TraceID] {
			spans++
		}
	}
	require.Len(t, found.Spans, spans)

	w := randomWindow(r, n)
	f := s.Frame(signal.View{Window: w, Focus: signal.CorrelationID(value), Logs: signal.LogFilter{Text: "order", Limit: 7}})
	own := slices.DeleteFunc(f.Logs, func(r signal.Record) bool { return r.Near })
	requireSameLogs(t, pick(m.logs, w, 7, func(r *signal.Record) bool { return belongs(r) && has(r, "order") }), own, "focus "+value)
	require.Equal(t, len(pick(m.logs, w, len(m.logs), belongs)), f.LogsTotal)
	rows := m.summaries(w, func(t *modelTrace) bool { return traces[t.root.TraceID] })
	slices.SortFunc(rows, recentFirst)
	requireSameTraces(t, rows, f.Traces, "focus "+value)
	if len(traces) == 1 {
		for id := range traces {
			compareDetail(t, m, id, f.Detail)
		}
	}
}

func compareDetail(t *testing.T, m *model, id signal.TraceID, got *signal.Trace) {
	t.Helper()
	ofTrace := func(r *signal.Record) bool { return r.TraceID == id }
	logs := pick(m.logs, signal.Window{From: at(-1e9), To: at(1e9)}, len(m.logs), ofTrace)
	want := map[signal.SpanID]signal.Span{}
	for _, sp := range m.spans {
		if sp.TraceID == id {
			want[sp.SpanID] = sp
		}
	}
	if len(logs) == 0 && len(want) == 0 {
		require.Nil(t, got)
		return
	}
	require.Equal(t, id, got.ID)
	requireSameLogs(t, logs, got.Logs, "detail")
	require.Len(t, got.Spans, len(want))
	seen := map[signal.SpanID]bool{}
	for _, sp := range got.Spans {
		w := want[sp.SpanID]
		require.True(t, w.Start.Equal(sp.Start))
		if _, held := want[sp.ParentID]; held {
			require.True(t, seen[sp.ParentID] || sp.ParentID == sp.SpanID, "a parent comes before its children")
		}
		seen[sp.SpanID] = true
		w.Start = sp.Start
		for i := range sp.Events {
			require.True(t, w.Events[i].Time.Equal(sp.Events[i].Time))
			w.Events[i].Time = sp.Events[i].Time
		}
		require.Equal(t, w, sp)
	}
}
