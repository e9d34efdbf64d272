package main

import (
	"errors"

	"gameday/engine"
	"gameday/engine/settings"
	"gameday/sources/store"
)

// configFlag names the configuration.
type configFlag struct {
	Config string `placeholder:"FILE" help:"The configuration; gameday.yaml here or in the usual places when not given."`
}

// settings are those of the file that is named, or that is found, or the defaults.
func (c configFlag) settings() (*settings.Settings, error) { return settings.Read(c.Config) }

// configure puts what the settings say into a session's configuration.
func configure(cfg engine.Config, set *settings.Settings) (engine.Config, error) {
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
	return cfg, addDocuments(&cfg, experiments, plans)
}

// addDocuments reads experiments and load plans into a session's configuration.
func addDocuments(cfg *engine.Config, experiments, plans []string) error {
	var errs []error
	for _, list := range []struct {
		files []string
		into  *[]engine.Document
	}{{experiments, &cfg.Experiments}, {plans, &cfg.LoadPlans}} {
		for _, file := range list.files {
			doc, err := engine.ReadDocument(file)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			*list.into = append(*list.into, doc)
		}
	}
	return errors.Join(errs...)
}
