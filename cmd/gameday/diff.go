package main

import (
	"io"

	reports "gameday/engine/report"
)

// diffCmd compares two runs.
type diffCmd struct {
	Before string `arg:"" name:"run" help:"The run to compare with: as for gameday report."`
	After  string `arg:"" optional:"" name:"other" help:"The run that is compared; the last one when not given." default:"last"`
}

// Run prints the two runs side by side and what changed.
func (c diffCmd) Run(stdout io.Writer) error {
	a, err := findRun(c.Before)
	if err != nil {
		return err
	}
	b, err := findRun(c.After)
	if err != nil {
		return err
	}
	return reports.Compare(a, b).Write(stdout)
}
