package main

import (
	"errors"

	"gameday/engine"
	"gameday/engine/settings"
	"gameday/sources/store"
)

// configFlag names the configuration.
type configFlag struct {
	Config string `placeholder:"FILE" type:"existingfile" help:"The configuration; gameday.yaml here or in the usual places when not given."`
}

// settings are those of the file that is named, or that is found, or the defaults.
func (c configFlag) settings() (*settings.Settings, error) { return settings.Read(c.Config) }

// configure puts what the settings say into a session's configuration. k6 is the path of the k6 that runs scripts, or "".
func configure(cfg engine.Config, set *settings.Settings, k6 string) (engine.Config, error) {
	cfg.Name, cfg.Environment = set.System.Name, set.System.Environment
	cfg.OTLPGRPC, cfg.OTLPHTTP = set.Receive.OTLPGRPC, set.Receive.OTLPHTTP
	cfg.ScrapeEvery, cfg.Retention, cfg.Metrics = set.Scrape.Every, set.Memory.Metrics, set.Metrics
	cfg.Store = store.Config{MaxLogBytes: int64(set.Memory.Logs), MaxSpanBytes: int64(set.Memory.Spans), CorrelationFields: set.Correlation.Fields}
	opened, err := set.Open()
	if err != nil {
		return cfg, err
	}
	cfg.Sources = append(cfg.Sources, opened...)
	experiments, err := set.Files(set.Experiments)
	if err != nil {
		return cfg, err
	}
	plans, err := set.Files(set.Load)
	if err != nil {
		return cfg, err
	}
	if cfg.Rules, err = set.Files(set.Rules); err != nil {
		return cfg, err
	}
	dashboards, err := set.Files(set.Dashboards)
	if err != nil {
		return cfg, err
	}
	for _, file := range dashboards {
		doc, err := engine.ReadDocument(file)
		if err != nil {
			return cfg, err
		}
		cfg.Dashboards = append(cfg.Dashboards, doc)
	}
	slos, err := set.Files(set.SLOs)
	if err != nil {
		return cfg, err
	}
	for _, file := range slos {
		doc, err := engine.ReadDocument(file)
		if err != nil {
			return cfg, err
		}
		cfg.SLOs = append(cfg.SLOs, doc)
	}
	return cfg, addDocuments(&cfg, experiments, plans, k6)
}

// addDocuments reads experiments, load plans, and other tools' files that can be run as such, into a session's configuration.
func addDocuments(cfg *engine.Config, experiments, plans []string, k6 string) error {
	var errs []error
	for _, file := range experiments {
		doc, err := engine.ReadDocument(file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		cfg.Experiments = append(cfg.Experiments, doc)
	}
	for _, file := range plans {
		switch {
		case script(file):
			cfg.OtherLoads = append(cfg.OtherLoads, scriptLoad(file, k6))
		default:
			doc, err := planDocument(file)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			cfg.LoadPlans = append(cfg.LoadPlans, doc)
		}
	}
	return errors.Join(errs...)
}
