package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gameday/engine"
	"gameday/engine/load"
	reports "gameday/engine/report"
)

// loadReportFlags are the reports of a load run.
type loadReportFlags struct {
	Report []string `placeholder:"FILE" help:"Write a report when it has ended: .html, .md, .json, .xml (JUnit) or .csv. May be given several times."`
}

// checkReports finds what is wrong with the reports' names before anything is sent.
func (f loadReportFlags) checkReports() error {
	var errs []error
	for _, name := range f.Report {
		if _, err := reports.LoadFormatOf(name); err != nil {
			errs = append(errs, err)
		} else if info, err := os.Stat(filepath.Dir(name)); err != nil || !info.IsDir() {
			errs = append(errs, fmt.Errorf("the report %s cannot be written: there is no directory %s", name, filepath.Dir(name)))
		}
	}
	return errors.Join(errs...)
}

// writeReports writes all of them; what is said of the run beside its result comes as notes.
func (f loadReportFlags) writeReports(res *load.Result, notes []string) error {
	if len(f.Report) == 0 {
		return nil
	}
	doc := engine.LoadReport(res, buildVersion())
	doc.Notes = notes
	var errs []error
	for _, name := range f.Report {
		format, err := reports.LoadFormatOf(name)
		if err == nil {
			err = reports.WriteLoadFile(name, format, doc)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
