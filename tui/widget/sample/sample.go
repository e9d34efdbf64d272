// Package sample makes a frame of a shop in trouble for the tests of panes and widgets: the payment provider answers
// late, the p95 probe is red, and one checkout has been traced. Everything in it is computed from a fixed instant.
package sample

import (
	"fmt"
	"math"
	"time"

	"gameday/sources/signal"
)

// Now is the instant the sample frame was made at.
var Now = time.Date(2026, 11, 22, 12, 4, 0, 0, time.UTC)

// TraceID is a trace ID made of one byte.
func TraceID(b byte) (id signal.TraceID) {
	for i := range id {
		id[i] = b + byte(i)*17
	}
	return id
}

func spanID(b int) signal.SpanID { return signal.SpanID{1, 2, 3, 4, 5, 6, byte(b >> 8), byte(b)} }

// The sample's fault.
var (
	injected = Now.Add(-29 * time.Second)
	until    = Now.Add(1 * time.Second)
)

// Frame is a new sample frame; the caller may change it.
func Frame() *signal.Frame {
	w := signal.Window{From: Now.Add(-5 * time.Minute), To: Now}
	return chaos(&signal.Frame{
		System: "shop", Environment: "demo", Window: w, Now: Now,
		Headline: signal.Headline{Rate: 1214, P95: 0.412, ErrorRate: 0.0012, Budget: 0.87},
		Metrics:  panels(w), Logs: Logs(120), LogsTotal: 48211, Traces: summaries(40), TracesTotal: 3120,
		Detail: Trace(), Experiment: Experiment(), Load: Load(), Faults: Faults(), Processes: Processes(), Switches: Switches(),
		Events: []signal.Event{
			{ID: 1, Start: injected, Open: true, Kind: signal.EventFault, Outcome: signal.Bad, Title: "payment +800ms", Target: "checkout→payment"},
			{ID: 2, Start: Now.Add(-200 * time.Second), End: Now.Add(-170 * time.Second), Kind: signal.EventFault, Title: "kill orders-replica-1", Target: "orders-replica-1"},
			{ID: 3, Start: Now.Add(-20 * time.Second), Kind: signal.EventProbe, Outcome: signal.Bad, Title: "p95", TraceID: TraceID(0x4f)},
		},
		Health:   []signal.SourceHealth{{Name: "otlp", Kind: "otlp", State: signal.SourceLive}},
		Map:      Map(),
		Patterns: Patterns(), PatternsSince: injected, Around: around(),
		Store: signal.StoreStats{Logs: signal.KindStats{Received: 48300, Held: 48211, Evicted: 0, Dropped: 89}},
	})
}

func panels(w signal.Window) []signal.Panel {
	late := func(t time.Time) float64 {
		if t.After(injected) {
			return math.Min(t.Sub(injected).Seconds()/8, 1)
		}
		return 0
	}
	series := func(name string, f func(i int, t time.Time) float64) signal.Series {
		s := signal.Series{Name: name}
		for i, t := 0, w.From; t.Before(w.To); i, t = i+1, t.Add(time.Second) {
			s.Samples = append(s.Samples, signal.Sample{T: t, V: f(i, t)})
		}
		return s
	}
	wave := func(i int, period, amount float64) float64 { return amount * math.Sin(float64(i)/period) }
	p95 := []signal.Series{
		series("gateway", func(i int, t time.Time) float64 {
			return 0.143 + wave(i, 9, 0.02) + wave(i, 2.3, 0.008) + 0.269*late(t)
		}),
		series("checkout", func(i int, t time.Time) float64 { return 0.098 + wave(i, 11, 0.014) + 0.262*late(t) }),
		series("catalog", func(i int, t time.Time) float64 { return 0.031 + wave(i, 5, 0.004) }),
	}
	for i := range 5 {
		p95[0].Exemplars = append(p95[0].Exemplars, signal.Exemplar{
			T: Now.Add(-time.Duration(4+i*5) * time.Second), V: 0.31 + 0.04*float64(i%3), TraceID: TraceID(byte(0x4f + i*8)),
			Labels: signal.Attrs{{Key: "service", Value: "gateway"}}})
	}
	return []signal.Panel{
		{Title: "latency p95", Query: "histogram_quantile(0.95, …)", Unit: "s", Bound: 0.2, Series: p95},
		{Title: "requests", Query: "sum(rate(…))", Unit: "req/s", Series: []signal.Series{
			series("gateway", func(i int, t time.Time) float64 { return 1200 + wave(i, 14, 60) + wave(i, 3, 18) - 140*late(t) })}},
		{Title: "errors", Query: "…", Unit: "%", Bound: 1, Series: []signal.Series{
			series("gateway", func(i int, t time.Time) float64 {
				if i > 60 && i < 72 {
					return math.NaN()
				}
				return math.Max(0, 0.1+wave(i, 7, 0.06)+0.4*late(t))
			})}},
		{Title: "memory", Query: "…", Unit: "bytes", Series: []signal.Series{
			series("payment", func(i int, _ time.Time) float64 { return 34e6 + 1e4*float64(i) + wave(i, 4, 4e5) }),
			series("inventory", func(i int, _ time.Time) float64 { return 21e6 + float64(i%40)*1e5 })}},
		{Title: "breaker state", Query: "…", Err: "no service reports this metric yet"},
		{Title: "queue depth", Query: "…", Series: []signal.Series{series("orders", func(i int, _ time.Time) float64 { return float64(i % 17) })}},
	}
}

// Logs are n records, oldest first.
func Logs(n int) []signal.Record {
	lines := []struct {
		sev     signal.Severity
		service string
		body    string
	}{
		{signal.SeverityInfo, "gateway", "POST /checkout 200"},
		{signal.SeverityInfo, "catalog", "listed 24 products"},
		{signal.SeverityDebug, "cart", "cache hit for cart 8812"},
		{signal.SeverityWarn, "checkout", "payment answered late, attempt 2 of 3"},
		{signal.SeverityError, "checkout", "payment failed: context deadline exceeded after 1s"},
		{signal.SeverityInfo, "orders-db", "order 77120 written, shipped to 2 replicas"},
		{signal.SeverityInfo, "inventory", "reserved 3 items ✓ für Größe 42 — 在庫あり"},
		{signal.SeverityUnset, "payment", "provider said: \u241b[31mred\u241b[0m"},
	}
	out := make([]signal.Record, n)
	for i := range out {
		l := lines[i%len(lines)]
		out[i] = signal.Record{Seq: uint64(i + 1), Time: Now.Add(-time.Duration(n-i) * 137 * time.Millisecond), Severity: l.sev,
			Service: l.service, Body: l.body, Source: "otlp",
			Attrs: signal.Attrs{{Key: "request_id", Value: fmt.Sprintf("r-%05d", i)}, {Key: "zone", Value: "b"}}}
		if i%3 != 2 {
			out[i].TraceID = TraceID(byte(i))
		}
	}
	return out
}

func summaries(n int) []signal.TraceSummary {
	names := []string{"POST /checkout", "GET /products", "GET /cart", "POST /cart/items", "GET /products/{id}"}
	out := make([]signal.TraceSummary, n)
	for i := range out {
		d := time.Duration(12+i*i%97) * time.Millisecond
		errs := 0
		if i%5 == 0 {
			d, errs = time.Duration(380+i*23)*time.Millisecond, i%2
		}
		out[i] = signal.TraceSummary{ID: TraceID(byte(0x4f + i)), Service: "gateway", Name: names[i%len(names)],
			Start: Now.Add(-2*time.Second - time.Duration(i)*310*time.Millisecond), Duration: d, Spans: 3 + i%9, Errors: errs, Rooted: i%11 != 7}
	}
	return out
}

// Trace is one slow checkout: nested calls, a failed payment, a span whose parent is missing, and its log lines.
func Trace() *signal.Trace {
	start := Now.Add(-20 * time.Second)
	id := TraceID(0x4f)
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	span := func(n, parent int, service, name string, at, d float64, failed bool) signal.Span {
		s := signal.Span{TraceID: id, SpanID: spanID(n), Service: service, Name: name, Kind: signal.SpanServer, Start: start.Add(ms(at)), Duration: ms(d), Failed: failed}
		if parent != 0 {
			s.ParentID = spanID(parent)
		}
		s.Attrs = signal.Attrs{{Key: "http.response.status_code", Value: "200"}, {Key: "request_id", Value: "r-00042"}}
		return s
	}
	spans := []signal.Span{
		span(1, 0, "gateway", "POST /checkout", 0, 1210, false),
		span(2, 1, "checkout", "PlaceOrder", 4, 1200, true),
		span(3, 2, "cart", "GET /cart/8812", 6, 11, false),
		span(4, 3, "orders-db", "SELECT cart", 8, 4, false),
		span(5, 2, "inventory", "Reserve", 19, 23, false),
		span(6, 2, "payment", "Charge attempt 1", 44, 600, true),
		span(7, 2, "payment", "Charge attempt 2", 660, 520, true),
		span(8, 99, "mailer", "enqueue receipt", 1190, 3, false),
	}
	spans[5].Message = "deadline exceeded"
	log := func(at float64, sev signal.Severity, n int, service, body string) signal.Record {
		return signal.Record{Seq: uint64(n), Time: start.Add(ms(at)), Severity: sev, Service: service, Body: body, TraceID: id, SpanID: spanID(n)}
	}
	return &signal.Trace{
		TraceSummary: signal.TraceSummary{ID: id, Service: "gateway", Name: "POST /checkout", Start: start, Duration: ms(1210), Spans: len(spans), Errors: 3, Rooted: true},
		Spans:        spans,
		Logs: []signal.Record{
			log(2, signal.SeverityInfo, 1, "gateway", "request r-00042 for user 17"),
			log(640, signal.SeverityWarn, 6, "payment", "provider slow: 600 ms without an answer, giving up"),
			log(1185, signal.SeverityError, 2, "checkout", "payment failed: context deadline exceeded after 2 attempts"),
		},
	}
}

// Experiment is the hypothesis ladder of the story, in its during phase.
func Experiment() *signal.ExperimentState {
	hist := func(base, late float64) []float64 {
		out := make([]float64, 24)
		for i := range out {
			out[i] = base + float64(i%3)*base*0.02
			if i > 14 {
				out[i] += late
			}
		}
		return out
	}
	return &signal.ExperimentState{
		Name: "payment-slow", Title: "Checkout survives a slow payment provider", Hypothesis: "Orders still go through within 200 ms while payment answers 800 ms late",
		Phase: signal.PhaseDuring, Started: Now.Add(-39 * time.Second), Elapsed: 39 * time.Second, Total: 70 * time.Second,
		Probes: []signal.ProbeState{
			{Name: "success rate", Expect: "> 99 %", Value: "99.87 %", Now: signal.CheckPassed, History: hist(99.8, 0), Before: signal.CheckPassed, During: signal.CheckPassed},
			{Name: "p95", Expect: "< 200ms", Value: "412 ms", Now: signal.CheckFailed, History: hist(143, 269), Before: signal.CheckPassed, During: signal.CheckFailed,
				Since: Now.Add(-20 * time.Second), TraceID: TraceID(0x4f)},
			{Name: "gateway up", Expect: "= 200", Value: "200", Now: signal.CheckPassed, History: hist(1, 0), Before: signal.CheckPassed, During: signal.CheckPassed},
			{Name: "orders written", Expect: "> 10/s", Now: signal.CheckUnknown, Before: signal.CheckPassed, During: signal.CheckUnknown, Err: "no samples in the last 10s"},
		},
		Steps: []signal.Step{
			{Title: "baseline", Start: 0, End: 10 * time.Second},
			{Title: "payment +800ms", Start: 10 * time.Second, End: 40 * time.Second, Fault: true},
			{Title: "recover", Start: 40 * time.Second, End: 70 * time.Second},
		},
	}
}

// Faults are one that is in force and one that was undone.
func Faults() []signal.FaultState {
	return []signal.FaultState{
		{ID: "f1", Kind: "network.latency", Title: "payment +800ms", Targets: []string{"checkout→payment"}, Phase: signal.FaultArmed, Injected: injected, Until: until,
			Touched: 412, Unit: "requests", Undo: "proxy lets traffic pass again"},
		{ID: "f0", Kind: "process.kill", Title: "kill orders-replica-1", Targets: []string{"orders-replica-1"}, Phase: signal.FaultIrreversible,
			Injected: Now.Add(-200 * time.Second), Touched: 1, Unit: "processes", Undo: "restarted by its supervisor"},
	}
}

// Load is a steady open-model run.
func Load() *signal.LoadState {
	ms := time.Millisecond
	out := &signal.LoadState{
		Name: "steady", Scenario: "browse and buy", Running: true, Started: Now.Add(-60 * time.Second), Elapsed: time.Minute, Total: 5 * time.Minute,
		Target: 1200, Rate: 1186, Users: 64, InFlight: 212, Sent: 71200, Done: 70988, Failed: 96, Missed: 3, ErrorRate: 0.0014,
		P50: 38 * ms, P90: 120 * ms, P95: 412 * ms, P99: 1240 * ms, Max: 2010 * ms,
		Errors: []signal.ErrorCount{{Kind: "HTTP 503", Count: 81}, {Kind: "timeout", Count: 15}},
		Steps: []signal.LoadStep{{Name: "GET /products", Rate: 820, Done: 49000, P50: 12 * ms, P90: 30 * ms, P95: 44 * ms, P99: 90 * ms},
			{Name: "POST /checkout", Rate: 366, Done: 21900, Failed: 96, P50: 90 * ms, P90: 700 * ms, P95: 1100 * ms, P99: 1900 * ms}},
	}
	course(out)
	return out
}

// Processes are the shop's.
func Processes() []signal.Process {
	names := []string{"gateway", "catalog", "cart", "checkout", "payment", "inventory", "orders-db", "orders-replica-1", "orders-replica-2"}
	out := make([]signal.Process, len(names))
	for i, n := range names {
		out[i] = signal.Process{Name: n, PID: 4100 + i, State: "up", Address: fmt.Sprintf("127.0.0.1:%d", 40100+i)}
	}
	out[7].State, out[7].Restarts = "starting", 1
	return out
}

// Switches are resilience patterns.
func Switches() []signal.Switch {
	return []signal.Switch{{Name: "patterns", Help: "all of them"}, {Name: "checkout/breaker"}, {Name: "checkout/retry", On: true}, {Name: "checkout/timeout", On: true}}
}

// BigTrace has n spans, nested up to 500 deep, every tenth of them failed, and a log line for every fifth.
func BigTrace(n int) *signal.Trace {
	tr := &signal.Trace{TraceSummary: signal.TraceSummary{ID: TraceID(0x4f), Service: "gateway", Name: "batch", Start: Now.Add(-time.Minute), Rooted: true}}
	for i := range n {
		s := signal.Span{TraceID: tr.ID, SpanID: spanID(i + 1), Service: []string{"gateway", "catalog", "payment"}[i%3], Name: fmt.Sprintf("step %d", i),
			Start: tr.Start.Add(time.Duration(i) * time.Millisecond), Duration: time.Duration(1+i%700) * time.Millisecond, Failed: i%10 == 9}
		if i%500 != 0 {
			s.ParentID = spanID(i)
		} else if i > 0 {
			s.ParentID = spanID(1)
		}
		if i%5 == 0 {
			tr.Logs = append(tr.Logs, signal.Record{Seq: uint64(i + 1), Time: s.Start, Severity: signal.SeverityInfo, Service: s.Service, Body: "did a step", TraceID: tr.ID, SpanID: s.SpanID})
		}
		tr.Spans = append(tr.Spans, s)
	}
	tr.TraceSummary.Spans = n
	return tr
}
