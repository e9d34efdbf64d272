package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gameday/engine"
	reports "gameday/engine/report"
)

// reportCmd renders a run that was kept.
type reportCmd struct {
	RunID  string `arg:"" name:"run" help:"last, last~1, the name of an experiment (its last run), the beginning of a run's name, or the file of a document."`
	Format string `help:"html, md, json or junit; by the file's extension, else md." enum:"html,md,json,junit," default:""`
	Output string `short:"o" placeholder:"FILE" help:"Write there instead of printing."`
}

// Run renders the run to the file or to standard output.
func (c reportCmd) Run(stdout io.Writer) error {
	format := reports.Format(c.Format)
	if format == "" {
		format = reports.Markdown
		if c.Output != "" {
			var err error
			if format, err = reports.FormatOf(c.Output); err != nil {
				return err
			}
		}
	}
	doc, err := findRun(c.RunID)
	if err != nil {
		return err
	}
	if c.Output != "" {
		return reports.WriteFile(c.Output, format, doc)
	}
	return reports.Write(stdout, format, doc)
}

func findRun(run string) (*reports.Document, error) {
	state, err := stateDir()
	if err != nil {
		return nil, err
	}
	return reports.Find(reports.Dir(state), run)
}

// checkReports says what is wrong with the files of reports before an experiment begins rather than after it.
func checkReports(files []string) error {
	var errs []error
	for _, f := range files {
		if _, err := reports.FormatOf(f); err != nil {
			errs = append(errs, err)
			continue
		}
		if info, err := os.Stat(filepath.Dir(f)); err != nil || !info.IsDir() {
			errs = append(errs, fmt.Errorf("the report %s cannot be written: there is no directory %s", f, filepath.Dir(f)))
		} else if info, err := os.Stat(f); err == nil && info.IsDir() {
			errs = append(errs, fmt.Errorf("the report %s cannot be written: that is a directory", f))
		}
	}
	return errors.Join(errs...)
}

// reported writes the reports of a run that ended, says where it is kept, and returns the verdict. A report that could not be
// written is an error when the verdict is none.
func (p *progress) reported(s *engine.Session, files []string, verdict error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	doc, err := s.Report(ctx)
	errs := []error{err}
	if doc != nil {
		if doc.Summary.ID != "" {
			fmt.Fprintf(p.w, "kept: gameday report %s\n", doc.Summary.ID)
		}
		for _, f := range files {
			format, err := reports.FormatOf(f)
			if err == nil {
				err = reports.WriteFile(f, format, doc)
			}
			if err == nil {
				fmt.Fprintf(p.w, "report: %s\n", f)
			}
			errs = append(errs, err)
		}
	}
	return withReports(verdict, errors.Join(errs...))
}

// withReports is how a run ends whose reports came to an error: with exit code 2, unless the verdict is worse.
func withReports(verdict, err error) error {
	if err == nil {
		return verdict
	}
	var e exitError
	if errors.As(verdict, &e) {
		if e.err != nil {
			err = errors.Join(e.err, err)
		}
		return exitError{max(e.code, exitCannotRun), err}
	}
	return exitError{exitCannotRun, errors.Join(verdict, err)}
}
