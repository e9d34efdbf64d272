package sample

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gameday/sources/signal"
)

// Map is the shop's service map: payment is slow on the way and fails, and a fault is to blame.
func Map() *signal.ServiceMap {
	ms := time.Millisecond
	m := &signal.ServiceMap{Window: signal.Window{From: Now.Add(-5 * time.Minute), To: Now}, Spans: 48211, Requests: 6120, Why: "most failures begin here", Worst: -1}
	call := func(from, to string, n, failed int, p50, p95, p99 time.Duration) {
		c := signal.MapCall{From: from, To: to, Own: time.Duration(n) * p50, MapFigures: signal.MapFigures{Count: n, Failed: failed, Rate: float64(n) / 300, P50: p50, P95: p95, P99: p99, Max: 2 * p99, Mean: p50}}
		for i := range 8 {
			c.Examples = append(c.Examples, signal.MapExample{Trace: TraceID(byte(0x4f + 3*i)), Span: spanID(i), At: Now.Add(-time.Duration(i) * 7 * time.Second), Duration: p99 - time.Duration(i)*p50/10, Failed: i < min(failed, 3), Name: "call " + to})
		}
		m.Calls = append(m.Calls, c)
	}
	call("", "gateway", 7500, 90, 38*ms, 412*ms, 1240*ms)
	call("gateway", "catalog", 3900, 0, 9*ms, 21*ms, 44*ms)
	call("gateway", "cart", 2100, 0, 6*ms, 12*ms, 31*ms)
	call("gateway", "checkout", 1500, 90, 96*ms, 1100*ms, 1300*ms)
	call("checkout", "cart", 1500, 0, 5*ms, 11*ms, 28*ms)
	call("checkout", "inventory", 1500, 3, 14*ms, 25*ms, 61*ms)
	call("checkout", "payment", 1620, 93, 82*ms, 910*ms, 1000*ms)
	call("checkout", "kafka", 1410, 0, 2*ms, 4*ms, 9*ms)
	call("kafka", "mailer", 1400, 0, 12*ms, 40*ms, 90*ms)
	call("payment", "bank.example:443", 1600, 0, 60*ms, 90*ms, 120*ms)
	call("payment", "checkout", 12, 0, 3*ms, 6*ms, 6*ms)
	call("catalog", "catalog", 40, 0, 2*ms, 3*ms, 4*ms)
	for _, s := range []string{"catalog", "cart", "inventory"} {
		call(s, "postgresql db:5432", 2000, 0, 3*ms, 8*ms, 20*ms)
	}
	kinds := map[string]signal.MapKind{"": signal.MapOutside, "kafka": signal.MapQueue, "bank.example:443": signal.MapPeer, "postgresql db:5432": signal.MapDatabase}
	finish(m, kinds)
	m.Worst = slices.IndexFunc(m.Calls, func(c signal.MapCall) bool { return c.From == "checkout" && c.To == "payment" })
	m.Calls[m.Worst].Origins = 93
	m.Faults = []signal.MapFault{
		{ID: 1, Title: "payment +800ms", Target: "checkout→payment", Call: true, From: "checkout", To: "payment", Active: true, Start: injected},
		{ID: 2, Title: "kill orders-replica-1", Target: "orders-replica-1", Start: Now.Add(-200 * time.Second), End: Now.Add(-170 * time.Second)},
		{ID: 3, Title: "cart paused", Target: "cart", To: "cart", Start: Now.Add(-100 * time.Second), End: Now.Add(-90 * time.Second)},
	}
	return m
}

// finish sorts the calls, and derives the services from them.
func finish(m *signal.ServiceMap, kinds map[string]signal.MapKind) {
	slices.SortFunc(m.Calls, func(a, b signal.MapCall) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
	var all time.Duration
	served := map[string]signal.MapFigures{}
	for i := range m.Calls {
		c := &m.Calls[i]
		all += c.Own
		f := served[c.To]
		f.Count, f.Failed, f.Rate, f.P95 = f.Count+c.Count, f.Failed+c.Failed, f.Rate+c.Rate, max(f.P95, c.P95)
		f.P50, f.P99, f.Max = max(f.P50, c.P50), max(f.P99, c.P99), max(f.Max, c.Max)
		served[c.To] = f
		if _, ok := served[c.From]; !ok {
			served[c.From] = signal.MapFigures{}
		}
	}
	for i := range m.Calls {
		m.Calls[i].Share = float64(m.Calls[i].Own) / float64(all)
	}
	for name, f := range served {
		m.Services = append(m.Services, signal.MapService{Name: name, Kind: kinds[name], Served: f})
	}
	slices.SortFunc(m.Services, func(a, b signal.MapService) int { return strings.Compare(a.Name, b.Name) })
}

// BigMap has n services in seven layers, each called by up to three of the layer before it.
func BigMap(n int) *signal.ServiceMap {
	m := &signal.ServiceMap{Window: signal.Window{From: Now.Add(-5 * time.Minute), To: Now}, Spans: 200_000, Requests: 20_000, Worst: -1}
	name := func(i int) string { return fmt.Sprintf("service-%03d", i) }
	const layers = 7
	for i := range n {
		f := signal.MapFigures{Count: 100 + i, Failed: i % 13 / 12 * 9, Rate: float64(100+i) / 300, P50: time.Duration(i+1) * time.Millisecond, P95: time.Duration(3*i+1) * time.Millisecond, P99: time.Duration(4*i+1) * time.Millisecond, Max: time.Second}
		layer := i * layers / n
		callers := []string{""}
		if layer > 0 {
			callers = nil
			first, size := (layer-1)*n/layers+1, n/layers
			for k := range 1 + i%3 {
				callers = append(callers, name(min(first+(i*7+k*5)%size, i-1)))
			}
		}
		slices.Sort(callers)
		for _, from := range slices.Compact(callers) {
			m.Calls = append(m.Calls, signal.MapCall{From: from, To: name(i), MapFigures: f, Own: f.P50})
		}
	}
	finish(m, map[string]signal.MapKind{"": signal.MapOutside})
	return m
}
