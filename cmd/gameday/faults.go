package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"gameday/chaos"
	"gameday/engine"
)

// askTimeout bounds how long another session may take to answer.
const askTimeout = 20 * time.Second

// faultsCmd lists the faults in force on this machine, or the catalog.
type faultsCmd struct {
	Catalog bool     `help:"Instead, print every fault there is: what it does, its arguments, what it needs and how it is undone."`
	Kinds   []string `arg:"" optional:"" name:"kind" help:"With --catalog: only these, such as network.latency or storage."`
}

// Run asks every live session, and reads the journals of those that died.
func (c faultsCmd) Run(stdout io.Writer) error {
	if c.Catalog || len(c.Kinds) > 0 {
		return printCatalog(stdout, c.Kinds)
	}
	state, err := stateDir()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	all, err := chaos.ListFaults(ctx, engine.JournalDir(state))
	if len(all) == 0 {
		fmt.Fprintln(stdout, "no fault is in force")
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FAULT\tSTATE\tTARGETS\tUNTIL\tTOUCHED\tSESSION\tBY")
	for _, l := range all {
		by := fmt.Sprintf("%s, process %d", l.Owner.User, l.Owner.Process.PID)
		if !l.Live {
			by += " (dead: run gameday recover)"
		}
		until := "-"
		if !l.Fault.Until.IsZero() {
			until = l.Fault.Until.Local().Format(time.TimeOnly)
		}
		touched := "-"
		if l.Source == "session" {
			touched = fmt.Sprintf("%d %s", l.Fault.Touched, l.Fault.Unit)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Fault.Title, l.Fault.Phase, strings.Join(l.Fault.Targets, " "), until, touched, l.Session, by)
	}
	return errors.Join(w.Flush(), err)
}

// abortCmd undoes every fault of every live session.
type abortCmd struct {
	All    bool   `help:"Every session; the default, and there is no other." default:"true"`
	Reason string `help:"Kept on the timeline and in the journal." default:"asked for from another terminal"`
}

// Run asks every live session to undo everything, and waits for the answers.
func (c abortCmd) Run(stdout io.Writer) error {
	state, err := stateDir()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	results, err := chaos.RequestAbort(ctx, engine.JournalDir(state), c.Reason)
	if err != nil {
		return exitError{exitRollbackFailed, err}
	}
	if len(results) == 0 {
		fmt.Fprintln(stdout, "no session is running on this machine; gameday recover undoes what a dead one left")
		return nil
	}
	failed := false
	for _, r := range results {
		if r.Err != nil {
			failed = true
			fmt.Fprintf(stdout, "session %s did not answer: %v\n  run: gameday recover --force\n", r.Session, r.Err)
			continue
		}
		fmt.Fprintf(stdout, "session %s: %d undone\n", r.Session, r.Undone)
		for _, f := range r.Failed {
			failed = true
			fmt.Fprintf(stdout, "  %s\n", f)
		}
	}
	if failed {
		return exitError{exitRollbackFailed, errors.New("not everything could be undone; what remains is above")}
	}
	return nil
}

// recoverCmd undoes what dead sessions left.
type recoverCmd struct {
	Force bool `help:"Also undo what sessions hold that are still alive. Try gameday abort first."`
}

// Run restores every fault of every journal and says what became of each.
func (c recoverCmd) Run(stdout io.Writer) error {
	state, err := stateDir()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	all, err := recoverAll(ctx, state, c.Force)
	if len(all) == 0 && err == nil {
		fmt.Fprintln(stdout, "nothing to recover")
		return nil
	}
	failed := err != nil
	for _, r := range all {
		fmt.Fprintf(stdout, "%s  %s  %s: %s\n", r.Session, r.Title, strings.Join(r.Targets, " "), r.Outcome)
		if r.Note != "" {
			fmt.Fprintln(stdout, "  "+r.Note)
		}
		if r.Outcome == chaos.NeedsHuman {
			failed = true
			fmt.Fprintf(stdout, "  %v\n  run: %s\n", r.Err, r.Remedy)
		}
	}
	if failed {
		return exitError{exitRollbackFailed, errors.Join(errors.New("not everything could be undone; what remains is above"), err)}
	}
	return nil
}
