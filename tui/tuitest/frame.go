// Package tuitest makes a rich, always equal frame, for the golden screens of the cockpit and of its panes.
package tuitest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"gameday/sources/signal"
)

// Now is the instant the sample stands at.
var Now = time.Date(2026, 11, 22, 12, 5, 0, 0, time.UTC)

// SampleTrace is the trace behind the red probe; it is among the traces and in Detail.
var SampleTrace = traceID(7)

func traceID(n int) signal.TraceID {
	var id signal.TraceID
	r := rand.New(rand.NewPCG(uint64(n), 42))
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

func spanID(n int) signal.SpanID {
	var id signal.SpanID
	r := rand.New(rand.NewPCG(uint64(n), 43))
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

// at is an instant so many seconds before Now.
func at(secondsAgo float64) time.Time {
	return Now.Add(-time.Duration(secondsAgo * float64(time.Second)))
}

// SampleFrame is five minutes of the demo shop: load runs, the payment provider answers 800 ms late since 40 s, the
// probe p95 is red. Every call makes a new one, equal to the others.
func SampleFrame() *signal.Frame {
	f := &signal.Frame{
		System: "shop", Environment: "demo",
		Window:   signal.Window{From: Now.Add(-5 * time.Minute), To: Now},
		Now:      Now,
		Headline: signal.Headline{Rate: 118.4, P95: 0.843, ErrorRate: 0.0121, Budget: 0.87},
		Metrics:  panels(),
		Logs:     logs(), LogsTotal: 18423,
		Traces: traces(), TracesTotal: 2310,
		Detail:     detail(),
		Events:     events(),
		Meanwhile:  meanwhile(),
		Fields:     []string{"order_id", "request_id"},
		Experiment: experiment(),
		Load:       load(),
		Faults:     faults(),
		Processes:  processes(),
		Switches:   switches(),
		Health:     health(),
		SLOs:       slos(),
		Scorecard:  scorecard(),
		Incidents:  incidents(),
		Host:       host(),
		Store: signal.StoreStats{
			Logs:         signal.KindStats{Received: 20123, Held: 18423, Evicted: 1700, Bytes: 6 << 20, MaxBytes: 256 << 20},
			Spans:        signal.KindStats{Received: 48210, Held: 48210, Bytes: 21 << 20, MaxBytes: 256 << 20},
			Events:       signal.KindStats{Received: 7, Held: 7},
			MetricSeries: 1432,
		},
	}
	return f
}

// Production is the sample in an environment that must not be mistaken.
func Production() *signal.Frame {
	f := SampleFrame()
	f.Environment = "production"
	return f
}

// Calm is the sample before anything was done to it.
func Calm() *signal.Frame {
	f := SampleFrame()
	f.Headline = signal.Headline{Rate: 42.1, P95: 0.061, ErrorRate: 0, Budget: 1}
	f.Events, f.Meanwhile, f.Experiment, f.Faults, f.Load, f.Detail = nil, nil, nil, nil, nil, nil
	return f
}

func panels() []signal.Panel {
	r := rand.New(rand.NewPCG(1, 1))
	line := func(name string, base, noise, hit float64) signal.Series {
		s := signal.Series{Name: name, Labels: signal.Attrs{{Key: "service", Value: name}}}
		for i := range 151 {
			v := base + noise*(r.Float64()-0.5)
			if ago := 300 - 2*i; ago < 38 {
				v += hit * math.Min(1, float64(38-ago)/6)
			}
			s.Samples = append(s.Samples, signal.Sample{T: at(float64(300 - 2*i)), V: v})
		}
		return s
	}
	p95 := line("checkout", 0.074, 0.02, 0.77)
	for i := range 6 {
		p95.Exemplars = append(p95.Exemplars, signal.Exemplar{T: at(float64(32 - 5*i)), V: 0.81 + 0.01*float64(i), TraceID: traceID(5 + i)})
	}
	return []signal.Panel{
		{Title: "requests", Query: `sum by (service) (rate(http_requests_total[10s]))`, Unit: "req/s",
			Series: []signal.Series{line("gateway", 118, 9, -6), line("checkout", 31, 5, -3)}},
		{Title: "p95 latency", Query: `histogram_quantile(0.95, ...)`, Unit: "s", Bound: 0.2,
			Series: []signal.Series{p95, line("catalog", 0.021, 0.008, 0), line("cart", 0.034, 0.01, 0.01)}},
		{Title: "errors", Query: `sum(rate(http_requests_total{code=~"5.."}[10s]))`, Unit: "%", Bound: 1,
			Series: []signal.Series{line("gateway", 0.05, 0.1, 1.1)}},
		{Title: "payment breaker", Query: `breaker_state{service="checkout"}`, Err: "no series match: the breaker has not been used yet"},
	}
}

func logs() []signal.Record {
	r := rand.New(rand.NewPCG(2, 2))
	bodies := []struct {
		sev           signal.Severity
		service, body string
	}{
		{signal.SeverityInfo, "gateway", "GET /products 200"},
		{signal.SeverityInfo, "catalog", "listed 24 products from replica-2"},
		{signal.SeverityInfo, "cart", "added sku-118 to cart 7f21"},
		{signal.SeverityDebug, "inventory", "reserve sku-118 qty=1 ok"},
		{signal.SeverityWarn, "checkout", "payment slow, attempt 1 took 812ms"},
		{signal.SeverityError, "checkout", "payment failed: context deadline exceeded after 1s, order ord-20931 kept for retry"},
		{signal.SeverityInfo, "payment", "charged 49.90 EUR idempotency=ord-20930"},
	}
	var out []signal.Record
	for i := range 120 {
		ago := 120 - float64(i)
		n := r.IntN(4)
		if ago < 40 {
			n = r.IntN(len(bodies))
		}
		b := bodies[n]
		out = append(out, signal.Record{Seq: uint64(i + 1), Time: at(ago), Severity: b.sev, Service: b.service, Body: b.body,
			TraceID: traceID(i % 24), SpanID: spanID(i), Source: "otlp",
			Attrs: signal.Attrs{{Key: "request_id", Value: fmt.Sprintf("req-%05d", 20800+i)}, {Key: "zone", Value: "eu-1a"}}})
	}
	return out
}

func traces() []signal.TraceSummary {
	names := []string{"GET /products", "POST /cart", "POST /checkout", "GET /products/{id}", "GET /cart"}
	var out []signal.TraceSummary
	for i := range 24 {
		name := names[i%len(names)]
		d := time.Duration(8+5*(i%7)) * time.Millisecond
		errs := 0
		spans := 3 + i%4
		if name == "POST /checkout" {
			d, spans = time.Duration(820+7*i)*time.Millisecond, 9
			if i%2 == 1 {
				errs = 2
			}
		}
		out = append(out, signal.TraceSummary{ID: traceID(i), Service: "gateway", Name: name, Start: at(2 + float64(i)*1.6), Duration: d,
			Spans: spans, Errors: errs, Rooted: i != 3})
	}
	return out
}

func detail() *signal.Trace {
	start := at(11.2)
	id := SampleTrace
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	span := func(n, parent int, service, name string, from, took int, failed bool) signal.Span {
		s := signal.Span{TraceID: id, SpanID: spanID(100 + n), Service: service, Name: name, Kind: signal.SpanServer, Start: start.Add(ms(from)),
			Duration: ms(took), Failed: failed, Source: "otlp", Attrs: signal.Attrs{{Key: "http.route", Value: name}}}
		if parent > 0 {
			s.ParentID = spanID(100 + parent)
		}
		if service == "checkout" || service == "orders" {
			s.Attrs = signal.Attrs{{Key: "order_id", Value: "ord-20931"}}
		}
		return s
	}
	t := &signal.Trace{TraceSummary: signal.TraceSummary{ID: id, Service: "gateway", Name: "POST /checkout", Start: start, Duration: ms(869),
		Spans: 7, Errors: 2, Rooted: true, Status: "error"}}
	t.Spans = []signal.Span{
		span(1, 0, "gateway", "POST /checkout", 0, 869, true),
		span(2, 1, "checkout", "place order", 3, 862, true),
		span(3, 2, "cart", "GET /cart/{id}", 5, 9, false),
		span(4, 2, "inventory", "reserve", 16, 12, false),
		span(5, 2, "payment", "Charge", 30, 812, false),
		span(6, 5, "payment", "provider call", 34, 803, false),
		span(7, 2, "orders", "INSERT orders", 845, 14, false),
	}
	t.Logs = []signal.Record{
		{Seq: 900, Time: start.Add(ms(29)), Severity: signal.SeverityInfo, Service: "checkout", Body: "charging 49.90 EUR", TraceID: id, SpanID: spanID(102)},
		{Seq: 901, Time: start.Add(ms(842)), Severity: signal.SeverityWarn, Service: "checkout", Body: "payment slow, attempt 1 took 812ms", TraceID: id, SpanID: spanID(102)},
		{Seq: 902, Time: start.Add(ms(860)), Severity: signal.SeverityError, Service: "checkout", Body: "budget of 800ms exceeded, answered 504", TraceID: id, SpanID: spanID(102)},
	}
	return t
}

func events() []signal.Event {
	return []signal.Event{
		{ID: 1, Start: at(250), Open: true, Kind: signal.EventLoad, Title: "checkout mix 120/s", Target: "gateway"},
		{ID: 2, Start: at(205), Kind: signal.EventSwitch, Title: "patterns off"},
		{ID: 3, Start: at(150), Kind: signal.EventNote, Title: "before the fault"},
		{ID: 4, Start: at(70), Kind: signal.EventExperiment, Title: "before", Detail: "steady state holds"},
		{ID: 5, Start: at(40), Open: true, Kind: signal.EventFault, Outcome: signal.Bad, Title: "payment +800ms", Target: "checkout→payment"},
		{ID: 6, Start: at(36), Kind: signal.EventProbe, Outcome: signal.Bad, Title: "p95", TraceID: SampleTrace},
		{ID: 7, Start: at(120), End: at(105), Kind: signal.EventFault, Title: "replica-1 killed", Target: "replica-1"},
	}
}

// meanwhile is what went on while the trace in Detail ran.
func meanwhile() []signal.Event {
	return []signal.Event{
		{ID: 8, Start: at(70), Open: true, Kind: signal.EventExperiment, Title: "Checkout survives a slow payment provider"},
		events()[4],
	}
}

func experiment() *signal.ExperimentState {
	history := func(base, hit float64) []float64 {
		var out []float64
		for i := range 30 {
			v := base
			if i > 20 {
				v += hit
			}
			out = append(out, v+base*0.05*float64(i%3))
		}
		return out
	}
	return &signal.ExperimentState{
		Name: "payment-slow", Title: "Checkout survives a slow payment provider",
		Hypothesis: "When the payment provider answers 800 ms late, checkouts still succeed and answer within 200 ms.",
		Phase:      signal.PhaseDuring, Started: at(70), Elapsed: 70 * time.Second, Total: 110 * time.Second,
		Probes: []signal.ProbeState{
			{Name: "success rate", Expect: "> 99%", Value: "99.87 %", Now: signal.CheckPassed, History: history(99, 0), Before: signal.CheckPassed, During: signal.CheckPassed, Since: at(68)},
			{Name: "p95", Expect: "< 200ms", Value: "843 ms", Now: signal.CheckFailed, History: history(80, 760), Before: signal.CheckPassed, During: signal.CheckFailed, Since: at(36), TraceID: SampleTrace},
			{Name: "gateway up", Expect: "= 200", Value: "200", Now: signal.CheckPassed, History: history(200, 0), Before: signal.CheckPassed, During: signal.CheckPassed, Since: at(68)},
			{Name: "orders written", Expect: "> 0", Now: signal.CheckUnknown, Before: signal.CheckPassed, During: signal.CheckUnknown, Since: at(12), Err: "no samples in the last 10s"},
		},
		Steps: []signal.Step{
			{Title: "baseline", Start: 0, End: 30 * time.Second},
			{Title: "payment +800ms", Start: 30 * time.Second, End: 90 * time.Second, Fault: true},
			{Title: "recover", Start: 90 * time.Second, End: 110 * time.Second},
		},
	}
}

func load() *signal.LoadState {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	return &signal.LoadState{
		Name: "checkout mix", Scenario: "shoppers", Running: true, Started: at(250), Elapsed: 250 * time.Second, Total: 600 * time.Second,
		Target: 120, Rate: 118.4, Users: 64, InFlight: 31, Sent: 29600, Done: 29569, Failed: 312, Missed: 0, ErrorRate: 0.0121,
		P50: ms(21), P90: ms(402), P95: ms(843), P99: ms(1012), Max: ms(1498),
		Errors: []signal.ErrorCount{{Kind: "http 504", Count: 288}, {Kind: "timeout", Count: 24}},
		Steps: []signal.LoadStep{
			{Name: "browse", Rate: 71, Done: 17740, P50: ms(12), P90: ms(24), P95: ms(31), P99: ms(48)},
			{Name: "cart", Rate: 29, Done: 7390, Failed: 3, P50: ms(19), P90: ms(33), P95: ms(41), P99: ms(70)},
			{Name: "checkout", Rate: 18.4, Done: 4439, Failed: 309, P50: ms(829), P90: ms(861), P95: ms(880), P99: ms(1040)},
		},
		Exemplars: []signal.RequestExemplar{
			{At: at(11), Step: "checkout", Latency: ms(869), Status: 504, TraceID: SampleTrace, CorrelationID: SampleTrace.String()},
			{At: at(4), Step: "checkout", Latency: ms(1498), Err: "timeout", TraceID: traceID(2), CorrelationID: traceID(2).String()},
		},
	}
}

func faults() []signal.FaultState {
	return []signal.FaultState{
		{ID: "f-2", Kind: "network.latency", Title: "payment +800ms", Targets: []string{"checkout→payment"}, Phase: signal.FaultArmed,
			Injected: at(40), Until: Now.Add(20 * time.Second), Touched: 734, Unit: "requests", Undo: "the proxy passes everything through again"},
		{ID: "f-1", Kind: "process.kill", Title: "replica-1 killed", Targets: []string{"replica-1"}, Phase: signal.FaultIrreversible,
			Injected: at(120), Undone: at(105), Touched: 1, Unit: "processes", Undo: "its supervisor starts it again"},
	}
}

func processes() []signal.Process {
	var out []signal.Process
	for i, n := range []string{"gateway", "catalog", "cart", "checkout", "payment", "inventory", "orders", "replica-1", "replica-2"} {
		p := signal.Process{Name: n, PID: 41200 + i, State: "up", Address: fmt.Sprintf("127.0.0.1:%d", 39000+i)}
		if n == "replica-1" {
			p.Restarts = 1
		}
		out = append(out, p)
	}
	return out
}

func switches() []signal.Switch {
	return []signal.Switch{
		{Name: "patterns", On: false, Help: "Every resilience pattern of every service at once."},
		{Name: "checkout/breaker", On: false, Help: "Stops calling a payment provider that keeps failing, and tries again after 5 s."},
		{Name: "checkout/timeout", On: true, Help: "Gives up on the payment provider after 150 ms."},
		{Name: "checkout/fallback", On: false, Help: "Takes the order and charges later, marked as degraded."},
		{Name: "catalog/retry", On: true, Help: "Reads from another replica when one does not answer."},
	}
}

func health() []signal.SourceHealth {
	return []signal.SourceHealth{
		{Name: "otlp", Kind: "otlp", Address: "127.0.0.1:4317", State: signal.SourceLive, Since: at(290), Received: 68333, Kept: 68301, Dropped: 32},
		{Name: "scrape", Kind: "scrape", Address: "9 targets", State: signal.SourceLive, Since: at(289), Received: 214800, Kept: 214800},
	}
}
