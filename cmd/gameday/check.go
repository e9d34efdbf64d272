package main

import (
	"errors"
	"fmt"
	"io"

	"gameday/chaos/schedule"
	"gameday/engine"
	"gameday/engine/dashboard"
	"gameday/engine/load"
	"gameday/engine/settings"
	"gameday/engine/slo"
	"gameday/keymap"
	"gameday/sources/spec"
)

// checkCmd reads files and reports what is wrong with them.
type checkCmd struct {
	Files []string `arg:"" help:"Experiments, load plans, schedules, objectives and dashboards; also experiments of other tools and Grafana's dashboards."`
	foreignFlags
}

// Run checks every file; each fault is one line with file, line and column.
func (c checkCmd) Run(stdout io.Writer) error {
	var errs []error
	for _, file := range c.Files {
		kind, err := c.check(file, stdout)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(stdout, "%s: %s is well-formed\n", file, kind)
	}
	return errors.Join(errs...)
}

func (c checkCmd) check(file string, stdout io.Writer) (kind string, err error) {
	if err := readable(file); err != nil {
		return "", err
	}
	if foreign, err := checkGrafana(file, stdout); foreign || err != nil {
		return "Grafana dashboard", err
	}
	doc, err := c.foreignFlags.read(file, stdout)
	if err != nil {
		return "", err
	}
	parsed, err := spec.Parse(file, doc.Data)
	if err != nil {
		return "", err
	}
	kind = "Experiment"
	if sub, ok := parsed.Sub("kind"); ok {
		kind, _ = sub.Scalar() // a kind that is no word is reported by whoever reads it as an experiment
	}
	switch kind {
	case dashboard.Kind:
		_, err = dashboard.Parse(file, doc.Data)
		return "dashboard", err
	case slo.Kind:
		_, err = slo.Parse(file, doc.Data)
		return "service level objective", err
	case settings.Kind:
		set, err := settings.Load(file)
		if err != nil {
			return "", err
		}
		return "configuration", errors.Join(warnOfShadowed(set, file, stdout), warnOfExposed(set, file, stdout))
	case "Load":
		_, err = load.ParsePlan(parsed)
		return "load plan", err
	case schedule.Kind:
		sch, err := schedule.Load(file)
		if err != nil {
			return "schedule", err
		}
		return "schedule", checkScheduled(sch)
	}
	_, err = engine.CheckExperiment(doc)
	return "experiment", err
}

// warnOfExposed names the sources whose credentials go over the network in plain text. A secret that cannot be looked up here
// may be there where it is used: that is no fault of the file.
func warnOfExposed(set *settings.Settings, file string, stdout io.Writer) error {
	opened, err := set.Open()
	if err != nil {
		return nil
	}
	for _, src := range opened {
		if exposed := src.Exposed(); exposed != "" {
			if _, err := fmt.Fprintf(stdout, "%s: warning: source %s: %s\n", file, src.Name, exposed); err != nil {
				return err
			}
		}
	}
	return nil
}

// warnOfShadowed names keys that a multiplexer takes for itself.
func warnOfShadowed(set *settings.Settings, file string, stdout io.Writer) error {
	keys, err := keymap.New(set.Keys.Preset, set.Keys.Bind)
	if err != nil {
		return err
	}
	for _, says := range keys.Shadowed() {
		if _, err := fmt.Fprintf(stdout, "%s: warning: keys: %s\n", file, says); err != nil {
			return err
		}
	}
	return nil
}

// checkScheduled checks every experiment that a schedule names.
func checkScheduled(sch *schedule.Schedule) error {
	var errs []error
	seen := map[string]bool{}
	for _, e := range sch.Entries {
		for _, file := range e.OneOf {
			if seen[file] {
				continue
			}
			seen[file] = true
			if _, err := readExperiment(file); err != nil {
				errs = append(errs, fmt.Errorf("%s: entry %s: %w", sch.File(), e.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// schemaCmd prints a JSON Schema.
type schemaCmd struct {
	Kind string `arg:"" optional:"" enum:"experiment,load,schedule,config,slo,dashboard" default:"experiment" help:"experiment, load, schedule, config, slo or dashboard"`
}

// Run prints the schema of that kind of document.
func (c schemaCmd) Run(stdout io.Writer) error {
	schema := engine.Schema
	switch c.Kind {
	case "config":
		schema = func(string) ([]byte, error) { return settings.Schema() }
	case "dashboard":
		schema = func(string) ([]byte, error) { return dashboard.Schema() }
	case "slo":
		schema = func(string) ([]byte, error) { return slo.Schema() }
	}
	out, err := schema(c.Kind)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s\n", out)
	return err
}
