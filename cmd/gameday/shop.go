package main

import (
	"context"
	"fmt"
	"os"

	"gameday/chaos"
	"gameday/cmd/shop/fleet"
	"gameday/engine"
	"gameday/sources/scrape"
	"gameday/sources/signal"
)

// shopCommand is the hidden subcommand by which this binary is one service of the demo shop.
const shopCommand = "shop-service"

// shop is the demo shop as a session's system.
type shop struct{ *fleet.Fleet }

// startShop returns what starts the demo shop for a session.
func startShop(patterns bool) func(ctx context.Context, w engine.Wiring) (engine.System, error) {
	return func(ctx context.Context, w engine.Wiring) (engine.System, error) {
		exe, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("start the shop: cannot find this program's own file: %w", err)
		}
		f, err := fleet.Start(ctx, fleet.Config{
			Exe: exe, Args: []string{shopCommand}, OTLP: w.OTLP, Patterns: patterns, Link: w.Link, Seed: 1,
			Event: func(e signal.Event) { w.Event(e) },
		})
		if err != nil {
			return nil, err
		}
		return shop{f}, nil
	}
}

// Targets are the shop's processes; its links are the session's own.
func (s shop) Targets(context.Context) ([]chaos.Target, error) {
	var out []chaos.Target
	for _, svc := range s.Services() {
		if svc.PID == 0 {
			continue // down: nothing that could be hit
		}
		out = append(out, chaos.Target{Kind: chaos.TargetProcess, Name: svc.Name, PID: svc.PID, StartTicks: svc.StartTicks, Address: svc.HTTPAddr,
			Labels: map[string]string{"service": svc.Name, "role": svc.Role, "zone": svc.Zone}})
	}
	return out, nil
}

// ScrapeTargets are the metrics of every service.
func (s shop) ScrapeTargets() []scrape.Target {
	all := s.Metrics()
	out := make([]scrape.Target, len(all))
	for i, t := range all {
		out[i] = scrape.Target{Job: t.Job, Instance: t.Instance, Labels: t.Labels}
	}
	return out
}

// Vars are the addresses that experiments and load plans may name.
func (s shop) Vars() map[string]string { return map[string]string{"gateway": s.Gateway()} }

// shopPanels are the charts of the demo: what users feel first, then which service it comes from.
func shopPanels() []engine.PanelSpec {
	return []engine.PanelSpec{
		{Title: "latency as users see it", Unit: "s", Bound: 0.2, Legend: "quantile", Query: `gameday_load_latency_seconds{quantile=~"0.5|0.95|0.99"}`},
		{Title: "p95 by service", Unit: "s", Legend: "service",
			Query: `histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket[10s])))`},
		{Title: "requests", Unit: "req/s", Legend: "route",
			Query: `sum by (route) (rate(http_requests_total{service="gateway"}[10s])) > 0`},
		{Title: "errors", Unit: "%", Bound: 1, Legend: "service",
			Query: `100 * (sum by (service) (rate(http_requests_total{code=~"5.."}[10s])) or 0 * sum by (service) (rate(http_requests_total[10s])))` +
				` / sum by (service) (rate(http_requests_total[10s]))`},
		{Title: "attempts in flight", Legend: "dep", Query: `sum by (dep) (dependency_requests_in_flight)`},
		{Title: "breakers: 0 closed, 1 half-open, 2 open", Legend: "dep", Query: `max by (dep) (circuit_breaker_state)`},
		{Title: "CPU", Unit: "%", Legend: "service", Query: `100 * sum by (service) (rate(process_cpu_seconds_total[10s]))`},
		{Title: "memory", Unit: "bytes", Legend: "service", Query: `sum by (service) (process_resident_memory_bytes)`},
	}
}

// shopHeadline is the header: what the gateway answers, over the last ten seconds; the budget over the last hour,
// against the shop's promise of 99.9 % availability. The p95 is that of the load's users, as the chart and the ladder have it, while
// there are any: buckets tell 930 ms of what took 812, and a gateway that hangs has observed nothing. The errors are those that the gateway tells of, or those that users of the
// load see when they are more: a gateway that hangs finishes nothing, and tells of no error.
func shopHeadline() engine.HeadlineSpec {
	const (
		gateway = `http_requests_total{service="gateway"`
		told    = `(sum(rate(` + gateway + `,code=~"5.."}[10s])) or vector(0)) / sum(rate(` + gateway + `}[10s]))`
		users   = `max(last_over_time(gameday_load_latency_seconds{quantile="0.95"}[5s]) > 0)`
		seen    = `(sum(rate(gameday_load_errors_total[10s])) or vector(0)) / sum(rate(gameday_load_requests_total[10s]))`
	)
	return engine.HeadlineSpec{
		Rate:      `sum(rate(` + gateway + `}[10s]))`,
		P95:       users + ` or histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{service="gateway"}[10s])))`,
		ErrorRate: `max(label_replace(` + told + `, "by", "gateway", "", "") or label_replace(` + seen + `, "by", "users", "", ""))`,
		Budget: `clamp_min(1 - ((sum(increase(` + gateway + `,code=~"5.."}[1h])) or vector(0)) / sum(increase(` + gateway +
			`}[1h]))) / 0.001, 0)`,
	}
}
