package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	reports "gameday/engine/report"
)

// runsCmd lists the runs that were kept.
type runsCmd struct {
	All bool `help:"Every run; without it the last 30."`
}

// shownRuns is how many runs fit on a screen.
const shownRuns = 30

// Run prints one line a run, the newest first. Damaged files are named after the list.
func (c runsCmd) Run(stdout io.Writer) error {
	state, err := stateDir()
	if err != nil {
		return err
	}
	all, err := reports.List(reports.Dir(state))
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(stdout, "no run has been kept yet: gameday run and the cockpit keep one of every experiment")
		return nil
	}
	more := 0
	if !c.All && len(all) > shownRuns {
		all, more = all[:shownRuns], len(all)-shownRuns
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSTARTED\tSYSTEM\tVERDICT\tDETECTED\tRECOVERED")
	var damaged []error
	for _, r := range all {
		if r.Err != nil {
			damaged = append(damaged, r.Err)
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Started.Local().Format(time.DateTime), r.System+"/"+r.Environment, r.Verdict,
			took(r.Detected), took(r.Recovered))
	}
	err = w.Flush()
	if more > 0 {
		fmt.Fprintf(stdout, "and %d older ones: gameday runs --all\n", more)
	}
	return errors.Join(append([]error{err}, damaged...)...)
}

func took(s *reports.Seconds) string {
	if s == nil {
		return "-"
	}
	return s.Duration().Round(100 * time.Millisecond).String()
}
