package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"gameday/engine/incident"
)

// incidentCmd shows the book of incidents; they are opened and worked on in the cockpit.
type incidentCmd struct {
	List       incidentListCmd `cmd:"" default:"1" help:"List the incidents, open ones first."`
	PostMortem postMortemCmd   `cmd:"" name:"postmortem" help:"Write what is known of one as a blameless post-mortem, in Markdown."`
}

type incidentListCmd struct{}

// Run prints one line an incident.
func (incidentListCmd) Run(stdout io.Writer) error {
	b, err := incidentBook()
	if err != nil {
		return err
	}
	all, damaged := b.List()
	if len(all) == 0 && damaged == nil {
		fmt.Fprintln(stdout, "no incident: i opens one in the cockpit")
		return nil
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "INCIDENT\tSEVERITY\tSTATUS\tOPENED\tTOOK\tTITLE")
	for i := range all {
		inc := &all[i]
		took := "-"
		if !inc.Resolved.IsZero() {
			took = inc.Resolved.Sub(inc.Opened).Round(time.Second).String()
		}
		fmt.Fprintf(w, "%s\tSEV%d\t%s\t%s\t%s\t%s\n", inc.ID, inc.Severity, inc.Status(), inc.Opened.Local().Format(time.DateTime), took, inc.Title)
	}
	return errors.Join(w.Flush(), damaged)
}

type postMortemCmd struct {
	ID     string `arg:"" optional:"" default:"last" help:"The incident, as gameday incident lists it; last, or nothing, is the newest."`
	Output string `short:"o" placeholder:"FILE" help:"Where to; standard output when not given. A file that is there is not overwritten."`
}

// Run writes it.
func (c postMortemCmd) Run(stdout io.Writer) error {
	b, err := incidentBook()
	if err != nil {
		return err
	}
	id := c.ID
	if id == "last" {
		all, err := b.List()
		if len(all) == 0 {
			return errors.Join(errors.New("there is no incident yet"), err)
		}
		newest := all[0]
		for _, inc := range all {
			if inc.Opened.After(newest.Opened) {
				newest = inc
			}
		}
		id = newest.ID
	}
	inc, timeline, err := b.Read(id)
	if err != nil {
		return err
	}
	if c.Output == "" {
		return incident.PostMortem(stdout, inc, timeline)
	}
	f, err := os.OpenFile(c.Output, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write the post-mortem: %w", err)
	}
	return errors.Join(incident.PostMortem(f, inc, timeline), f.Close())
}

func incidentBook() (*incident.Book, error) {
	state, err := stateDir()
	if err != nil {
		return nil, err
	}
	return incident.Open(incident.Dir(state), incident.DefaultPolicy())
}
