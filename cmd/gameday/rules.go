package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/prometheus/common/model"

	"gameday/sources/rules"
)

// rulesCmd is about Prometheus rule files.
type rulesCmd struct {
	Check rulesCheckCmd `cmd:"" help:"Check Prometheus rule files as Prometheus itself does; report every fault in them at once."`
}

type rulesCheckCmd struct {
	Files  []string `arg:"" help:"Rule files."`
	Legacy bool     `help:"Allow only the names that Prometheus 2 did: letters, digits, _ and :."`
}

// Run checks every file; each fault is one line with file, line and column.
func (c rulesCheckCmd) Run(stdout io.Writer) error {
	names := model.UTF8Validation
	if c.Legacy {
		names = model.LegacyValidation
	}
	var errs []error
	for _, file := range c.Files {
		if err := readable(file); err != nil {
			errs = append(errs, err)
			continue
		}
		s, faults := rules.Check(file, names)
		errs = append(errs, faults...)
		if len(faults) > 0 {
			continue
		}
		fmt.Fprintf(stdout, "%s: %d alerting and %d recording rules in %d groups are well-formed\n", file, s.Alerting, s.Recording, s.Groups)
		for _, d := range s.Duplicates {
			fmt.Fprintf(stdout, "%s: warning: %s is there more than once; what it gives may flicker\n", file, d)
		}
	}
	return errors.Join(errs...)
}
