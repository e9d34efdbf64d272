package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"gameday/chaos"
	"gameday/engine"
	"gameday/sources/scrape"
	"gameday/sources/signal"
)

// watchCmd opens the cockpit on what sends signals by itself.
type watchCmd struct {
	Name        string   `help:"What the system is called in the header." default:"system"`
	Environment string   `help:"Which environment it is; production asks twice before anything harmful." enum:"local,staging,production" default:"local"`
	Scrape      []string `placeholder:"HOST:PORT" help:"Scrape Prometheus metrics there; may be given several times."`
	Experiment  []string `placeholder:"FILE" type:"existingfile" help:"Offer this experiment; may be given several times."`
	Load        []string `placeholder:"FILE" type:"existingfile" help:"Offer this load plan; may be given several times."`
	screenFlags
	receiverFlags
}

// Run opens the cockpit. The usual OTLP ports are taken unless others are given.
func (c watchCmd) Run() error {
	return withState(func(state string, cfg engine.Config) error {
		cfg.Name, cfg.Environment = c.Name, c.Environment
		cfg.OTLPGRPC, cfg.OTLPHTTP = orElse(c.OTLPGRPC, "127.0.0.1:4317"), orElse(c.OTLPHTTP, "127.0.0.1:4318")
		cfg.Panels, cfg.Headline = watchPanels(), watchHeadline()
		for _, list := range []struct {
			files []string
			into  *[]engine.Document
		}{{c.Experiment, &cfg.Experiments}, {c.Load, &cfg.LoadPlans}} {
			for _, file := range list.files {
				doc, err := engine.ReadDocument(file)
				if err != nil {
					return err
				}
				*list.into = append(*list.into, doc)
			}
		}
		targets, err := scrapeTargets(c.Scrape)
		if err != nil {
			return err
		}
		cfg.StartSystem = func(context.Context, engine.Wiring) (engine.System, error) { return watched{targets}, nil }
		return cockpit(state, cfg, c.screenFlags, false)
	})
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func scrapeTargets(addresses []string) ([]scrape.Target, error) {
	var out []scrape.Target
	var errs []error
	for _, a := range addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			errs = append(errs, fmt.Errorf("--scrape %s: %w; write it as host:port", a, err))
			continue
		}
		out = append(out, scrape.Target{Job: "watch", Instance: a})
	}
	return out, errors.Join(errs...)
}

// watched is a system that gameday did not start: it can be looked at, and nothing in it can be hit.
type watched struct{ targets []scrape.Target }

func (w watched) Targets(context.Context) ([]chaos.Target, error) { return nil, nil }
func (w watched) ScrapeTargets() []scrape.Target                  { return w.targets }
func (w watched) Vars() map[string]string                         { return nil }
func (w watched) Processes() []signal.Process                     { return nil }
func (w watched) Switches() []signal.Switch                       { return nil }
func (w watched) Stop(context.Context) error                      { return nil }
func (w watched) Set(_ context.Context, name string, _ bool) error {
	return fmt.Errorf("there is no switch %q here", name)
}

// watchPanels are charts of what nearly every instrumented service has, by the names of OpenTelemetry and of Prometheus.
func watchPanels() []engine.PanelSpec {
	const requests = `{__name__=~"http_requests_total|http_server_request_duration_seconds_count|http_request_duration_seconds_count"}`
	return []engine.PanelSpec{
		{Title: "up", Legend: "instance", Query: `up`},
		{Title: "requests", Unit: "req/s", Legend: "job", Query: `sum by (job) (rate(` + requests + `[30s]))`},
		{Title: "p95", Unit: "s", Legend: "job",
			Query: `histogram_quantile(0.95, sum by (job, le) (rate({__name__=~"http_server_request_duration_seconds_bucket|http_request_duration_seconds_bucket"}[30s])))`},
		{Title: "CPU", Unit: "%", Legend: "instance", Query: `100 * rate(process_cpu_seconds_total[30s])`},
		{Title: "memory", Unit: "bytes", Legend: "instance", Query: `process_resident_memory_bytes`},
	}
}

func watchHeadline() engine.HeadlineSpec {
	return engine.HeadlineSpec{
		Rate: `sum(rate({__name__=~"http_requests_total|http_server_request_duration_seconds_count"}[30s]))`,
		P95:  `histogram_quantile(0.95, sum by (le) (rate({__name__=~"http_server_request_duration_seconds_bucket|http_request_duration_seconds_bucket"}[30s])))`,
	}
}
