package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"text/tabwriter"
	"time"

	"gameday/chaos/schedule"
	"gameday/engine"
)

// scheduleAhead is how far ahead runs are listed.
const scheduleAhead = 7 * 24 * time.Hour

// stopKey is the kill switch on the keyboard: what ends everything in the cockpit, too.
const stopKey, stopKeyName = 'x' & 0x1f, "ctrl+x"

// errOnce is the cause of the context that ends a schedule after its first run.
var errOnce = errors.New("one run was asked for")

// scheduleCmd runs experiments when a schedule says so.
type scheduleCmd struct {
	File      string `arg:"" type:"existingfile" help:"The schedule."`
	List      bool   `help:"Only print what is due within the next seven days."`
	Once      bool   `help:"Wait for the next run, and end with its verdict."`
	Yes       bool   `help:"Give every go-ahead beforehand that a method waits for."`
	Approvals string `placeholder:"DIR" help:"Where the approvals for production lie: NAME.approval for the experiment called NAME."`
	Signers   string `placeholder:"FILE" help:"Whose approvals count, as for gameday run."`
	Operator  string `placeholder:"NAME" help:"Your name among the signers."`
	against
	receiverFlags
}

// Run checks the schedule and every experiment in it, then waits for what is due until a signal ends it.
func (c scheduleCmd) Run(stdout io.Writer) error {
	sch, err := schedule.Load(c.File)
	if err != nil {
		return err
	}
	if err := checkScheduled(sch); err != nil {
		return err
	}
	if c.List {
		return listRuns(sch, stdout, time.Now())
	}
	ctx, stop := withSignals(context.Background(), func(os.Signal) { os.Exit(exitAborted) })
	defer stop()
	return c.loop(ctx, sch, stdout)
}

func (c scheduleCmd) loop(ctx context.Context, sch *schedule.Schedule, stdout io.Writer) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var mu sync.Mutex // the key's line and the loop's
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(stdout, "%s  %s\n", time.Now().Format(time.DateTime), fmt.Sprintf(format, args...))
	}
	keys := watchKey(os.Stdin, stopKey, func() {
		if err := throw(sch); err != nil {
			say("%s: the kill switch could not be thrown, so the schedule ends: %v", stopKeyName, err)
			end(err)
			return
		}
		say("%s: stopped; nothing is started until %s is removed", stopKeyName, sch.StopFile)
	})
	defer keys()
	say("schedule %s; the kill switch is the file %s, or %s here", sch.Title(), sch.StopFile, stopKeyName)
	if why, stopped := sch.Stopped(); stopped {
		say("it is thrown: %s", why)
	}
	var verdict error
	err := (&schedule.Loop{Schedule: sch, Say: say, Start: func(ctx context.Context, r schedule.Run) error {
		verdict = c.runOne(ctx, r, stdout)
		if c.Once {
			end(errOnce)
		}
		return verdict
	}}).Run(ctx)
	switch _, signalledTo := signalled(ctx); {
	case errors.Is(err, errOnce):
		return verdict
	case signalledTo:
		say("ended; nothing is in force")
		return nil
	}
	return err
}

// runOne runs an experiment in a session of its own and returns when everything is undone.
func (c scheduleCmd) runOne(ctx context.Context, r schedule.Run, stdout io.Writer) error {
	run := runCmd{File: r.Experiment, Yes: c.Yes, Signers: c.Signers, Operator: c.Operator, against: c.against, receiverFlags: c.receiverFlags}
	if c.Approvals != "" {
		doc, err := engine.ReadDocument(r.Experiment)
		if err != nil {
			return err
		}
		e, err := engine.ParseExperiment(doc.File, doc.Data, engine.Catalog())
		if err != nil {
			return err
		}
		run.Approve = filepath.Join(c.Approvals, e.Metadata.Name+".approval")
	}
	err := run.run(ctx, stdout)
	if why, stopped := stoppedBy(ctx); stopped {
		return errors.Join(err, errors.New(why))
	}
	if told := (exitError{}); errors.As(err, &told) && told.err == nil { // its verdict stands above
		return exitError{told.code, fmt.Errorf("ended with exit code %d", told.code)}
	}
	return err
}

// stoppedBy is why the kill switch ended the context, if it did.
func stoppedBy(ctx context.Context) (why string, stopped bool) {
	cause := context.Cause(ctx)
	if !errors.Is(cause, schedule.ErrStopped) {
		return "", false
	}
	return cause.Error(), true
}

// throw makes the stop file.
func throw(sch *schedule.Schedule) error {
	f, err := os.OpenFile(sch.StopFile, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil // it is thrown
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "stopped with %s at %s\n", stopKeyName, time.Now().Format(time.DateTime))
	return errors.Join(err, f.Close())
}

func listRuns(sch *schedule.Schedule, stdout io.Writer, now time.Time) error {
	runs := sch.Runs(now, now.Add(scheduleAhead))
	if len(runs) == 0 {
		fmt.Fprintln(stdout, "nothing is due within seven days")
		return nil
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WHEN\tENTRY\tEXPERIMENT")
	for _, r := range runs {
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.At.Format("Mon 2006-01-02 15:04:05 MST"), r.Entry, r.Experiment)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if why, stopped := sch.Stopped(); stopped {
		fmt.Fprintln(stdout, "nothing of it is started while", why)
	}
	return nil
}
