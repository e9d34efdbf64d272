package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"gameday/chaos"
	"gameday/engine"
	"gameday/engine/settings"
	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/scrape"
	"gameday/sources/signal"
)

// systemFlags say what is watched: a configuration, and what differs from it this once.
type systemFlags struct {
	configFlag
	Name        string   `help:"What the system is called in the header."`
	Environment string   `help:"Which environment it is: local, staging, production or a name of yours; production asks twice before anything harmful."`
	Scrape      []string `placeholder:"HOST:PORT" help:"Scrape Prometheus metrics there too; may be given several times."`
	Source      []string `placeholder:"KIND=ADDRESS" help:"Read from this system too, such as loki=http://127.0.0.1:3100; may be given several times."`
	Experiment  []string `placeholder:"FILE" type:"existingfile" help:"Offer this experiment; may be given several times."`
	Load        []string `placeholder:"FILE" type:"existingfile" help:"Offer this load plan, .jmx, .har or OpenAPI file, or script for k6; may be given several times."`
	K6          string   `name:"k6" placeholder:"PATH" help:"The k6 that runs scripts; without it the one in PATH."`
	Parts       []string `placeholder:"PLAN=URL" help:"Offer to look at this plan's parts, which report to the Prometheus at that address (gameday load run --shard); may be given several times."`
	receiverFlags
}

// watchCmd opens the cockpit on what sends signals by itself.
type watchCmd struct {
	systemFlags
	screenFlags
	recordFlag
}

// Run opens the cockpit.
func (c watchCmd) Run() error {
	return withState(func(state string, cfg engine.Config) error {
		set, err := c.settings()
		if err != nil {
			return err
		}
		if cfg, err = c.config(cfg, set); err != nil {
			return err
		}
		cfg.Record = c.Record
		return cockpit(state, cfg, c.screenFlags.with(set), false)
	})
}

// config is a session on the system that the settings and the flags describe. The usual OTLP ports are taken unless
// others are given.
func (c systemFlags) config(cfg engine.Config, set *settings.Settings) (engine.Config, error) {
	cfg, err := configure(cfg, set, c.K6)
	if err != nil {
		return cfg, err
	}
	if c.Environment == settings.Demo {
		return cfg, errors.New("--environment demo is gameday's own shop: say local, staging, production or a name of your own")
	}
	cfg.Name, cfg.Environment = orElse(c.Name, cfg.Name), orElse(c.Environment, cfg.Environment)
	cfg.OTLPGRPC, cfg.OTLPHTTP = orElse(c.OTLPGRPC, cfg.OTLPGRPC), orElse(c.OTLPHTTP, cfg.OTLPHTTP)
	cfg.Panels, cfg.Headline = watchPanels(), watchHeadline()
	if err := addDocuments(&cfg, c.Experiment, c.Load, c.K6); err != nil {
		return cfg, err
	}
	if err := addParts(&cfg, c.Parts); err != nil {
		return cfg, err
	}
	more, err := c.sources()
	if err != nil {
		return cfg, err
	}
	cfg.Sources = append(cfg.Sources, more...)
	targets, err := scrapeTargets(append(set.Scrape.Targets, c.Scrape...))
	if err != nil {
		return cfg, err
	}
	if cfg.Metrics == "" && len(targets) == 0 {
		cfg.Metrics = onlyMetrics(cfg.Sources)
	}
	cfg.StartSystem = func(context.Context, engine.Wiring) (engine.System, error) { return watched{targets}, nil }
	return cfg, nil
}

// sources are those that the flags name.
func (c systemFlags) sources() ([]sources.Source, error) {
	if len(c.Source) == 0 {
		return nil, nil
	}
	set := settings.Default()
	var errs []error
	for _, text := range c.Source {
		kind, address, ok := strings.Cut(text, "=")
		if !ok {
			errs = append(errs, fmt.Errorf("--source %s: write it as KIND=ADDRESS, such as loki=http://127.0.0.1:3100", text))
			continue
		}
		if err := set.Add(kind, address); err != nil {
			errs = append(errs, fmt.Errorf("--source %s: %w", text, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return set.Open()
}

// onlyMetrics is the one source that answers PromQL, "" when there are none or several.
func onlyMetrics(all []sources.Source) (name string) {
	for _, src := range all {
		if _, ok := src.Driver.(driver.Metrics); ok {
			if name != "" {
				return ""
			}
			name = src.Name
		}
	}
	return name
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
