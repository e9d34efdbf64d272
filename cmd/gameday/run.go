package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	experiments "gameday/chaos/experiment"
	"gameday/engine"
	"gameday/sources/signal"
)

// runCmd runs one experiment without a terminal.
type runCmd struct {
	File     string   `arg:"" type:"existingfile" help:"The experiment; one of another tool is converted first."`
	DryRun   bool     `help:"Resolve the targets, print every command and its undo, and touch nothing."`
	Yes      bool     `help:"Give every go-ahead beforehand that the method waits for."`
	Approve  string   `placeholder:"FILE" help:"The approval by which it may run in production; see gameday approve."`
	Signers  string   `placeholder:"FILE" help:"Whose approvals count, as ssh-keygen's allowed signers; allowed_signers in gameday's configuration when not given."`
	Operator string   `placeholder:"NAME" help:"Your name among the signers: your own approval is none."`
	Report   []string `placeholder:"FILE" help:"Write a report there: .html, .md, .json or .xml (JUnit); may be given several times."`
	against
	receiverFlags
	recordFlag
	foreignFlags
}

// Run checks the file before anything is started, runs the experiment, and tells its verdict by the exit code.
func (c runCmd) Run(stdout io.Writer) error {
	ctx, stop := withSignals(context.Background(), func(os.Signal) { os.Exit(exitAborted) })
	defer stop()
	return c.run(ctx, stdout)
}

// run ends early, with everything undone, when ctx does.
func (c runCmd) run(ctx context.Context, stdout io.Writer) error {
	doc, err := c.foreignFlags.read(c.File, stdout)
	if err == nil {
		_, err = engine.CheckExperiment(doc)
	}
	if err != nil {
		return err
	}
	if err := checkReports(c.Report); err != nil {
		return err
	}
	return withState(func(state string, cfg engine.Config) error {
		cfg, err := c.config(cfg, doc)
		if err != nil {
			return err
		}
		cfg.Record = c.Record
		cfg.OTLPGRPC, cfg.OTLPHTTP = orElse(c.OTLPGRPC, cfg.OTLPGRPC), orElse(c.OTLPHTTP, cfg.OTLPHTTP)
		_, closeCrash, err := crashFile(state)
		if err != nil {
			return err
		}
		defer closeCrash()
		out := &progress{w: stdout, started: time.Now()}
		return inSession(ctx, cfg, func(s *engine.Session) error { return c.experiment(ctx, s, doc.ID, out) })
	})
}

// experiment starts the system, runs the experiment and prints what happens. Its error carries the exit code.
func (c runCmd) experiment(ctx context.Context, s *engine.Session, id string, out *progress) error {
	plan, err := c.plan(ctx, s, id)
	if err != nil {
		return err
	}
	if c.DryRun {
		_, err := io.WriteString(out.w, plan.DryRun())
		return err
	}
	if c.Yes {
		plan.GoAhead = experiments.GoAheadGiven
	}
	if err := c.approve(s, plan); err != nil {
		return err
	}
	if sys := s.System(); sys != nil {
		out.line("system", "%s, %d processes up", c.target(), len(sys.Processes()))
	}
	out.plan(plan)
	if err := s.StartExperiment(plan); err != nil {
		return err
	}
	done := make(chan struct{})
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		out.follow(s, done)
	}()
	result, _ := s.Wait(ctx) // it was started above
	close(done)
	<-followed
	return out.reported(s, c.Report, out.verdict(ctx, result.State))
}

// approve holds the approval against the plan, when one was given.
func (c runCmd) approve(s *engine.Session, plan *engine.Plan) error {
	if c.Approve == "" {
		return nil
	}
	signers, err := signersFile(c.Signers)
	if err != nil {
		return err
	}
	own, err := sshDir()
	if err != nil {
		return err
	}
	if _, err := s.Approve(plan, c.Approve, signers, c.Operator, own); err != nil {
		return fmt.Errorf("not approved, and nothing was touched: %w", err)
	}
	return nil
}

// progress prints a run as it goes: one line for each thing that happened, nothing that has to be drawn over.
type progress struct {
	w       io.Writer
	started time.Time
}

func (p *progress) line(what, format string, args ...any) {
	took := time.Since(p.started)
	fmt.Fprintf(p.w, "%02d:%02d  %-10s  %s\n", int(took.Minutes()), int(took.Seconds())%60, what, fmt.Sprintf(format, args...))
}

func (p *progress) plan(plan *engine.Plan) {
	e := plan.Experiment
	p.line("experiment", "%s (%s)", e.Title(), e.Total().Round(time.Second))
	p.line("hypothesis", "%s", e.Hypothesis)
	if plan.Consent != "" {
		p.line("consent", "%s", plan.Consent)
	}
	if plan.Load != "" {
		p.line("load", "%s", plan.Load)
	}
	for _, f := range plan.Faults {
		for _, t := range f.Targets {
			p.line("will hit", "%s: %s", t.Name, f.Title)
		}
		p.line("undo", "%s", f.Description.Undo)
	}
}

// follow prints every change of phase, probe and fault until done is closed, and what changed last after that.
func (p *progress) follow(s *engine.Session, done <-chan struct{}) {
	var seen seen
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		case <-tick.C:
		}
		if state, ok := s.State(); ok {
			p.changes(&seen, state, s.Faults())
		}
	}
}

// seen is what was printed already.
type seen struct {
	phase  signal.Phase
	probes map[string]signal.Check
	faults map[string]signal.FaultPhase
}

func (p *progress) changes(seen *seen, state signal.ExperimentState, faults []signal.FaultState) {
	if seen.probes == nil {
		seen.probes, seen.faults = map[string]signal.Check{}, map[string]signal.FaultPhase{}
	}
	if state.Phase != seen.phase {
		if state.Phase != signal.PhaseDone {
			p.line("phase", "%s", state.Phase)
		}
		seen.phase = state.Phase
	}
	for i := len(faults) - 1; i >= 0; i-- { // the youngest comes first in the list, and last in time
		f := faults[i]
		if last, known := seen.faults[f.ID]; !known || last != f.Phase {
			seen.faults[f.ID] = f.Phase
			text := fmt.Sprintf("⚡ %s %s", f.Title, f.Phase)
			if !f.Phase.Active() && f.Unit != "" {
				text += fmt.Sprintf(", touched %d %s", f.Touched, f.Unit)
			}
			if f.Remedy != "" {
				text += "; what remains: " + f.Remedy
			}
			p.line("fault", "%s", text)
		}
	}
	for _, pr := range state.Probes {
		if pr.Now == signal.CheckPending || seen.probes[pr.Name] == pr.Now {
			continue
		}
		seen.probes[pr.Name] = pr.Now
		p.line("probe", "%s", probeLine(pr))
	}
}

var glyphs = map[signal.Check]string{signal.CheckPassed: "✔", signal.CheckFailed: "✘", signal.CheckUnknown: "?", signal.CheckPending: "·", signal.CheckError: "!"}

func probeLine(pr signal.ProbeState) string {
	text := fmt.Sprintf("%s %s %s, expected %s: %s", glyphs[pr.Now], pr.Name, pr.Value, pr.Expect, pr.Now)
	if pr.Now != signal.CheckPassed && pr.Err != "" {
		text += " (" + pr.Err + ")"
	}
	if pr.Now == signal.CheckFailed && !pr.TraceID.IsZero() {
		text += ", for example trace " + pr.TraceID.String()
	}
	return text
}

// verdict prints the end and returns it as an error with the exit code, nil when the hypothesis held.
func (p *progress) verdict(ctx context.Context, state signal.ExperimentState) error {
	fmt.Fprintln(p.w)
	w := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "probe\tbefore\tduring\tafter")
	for _, pr := range state.Probes {
		fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\n", pr.Name, pr.Expect, pr.Before, pr.During, pr.After)
	}
	_ = w.Flush() // as with every line of the progress: who has closed the output does not want it
	fmt.Fprintf(p.w, "\nverdict: %s\n", join(state.Verdict.String(), state.Reason))
	code := state.Verdict.ExitCode()
	if sig, ok := signalled(ctx); ok && code != exitRollbackFailed {
		return exitError{exitAborted, fmt.Errorf("ended by signal %q; everything is undone", sig)}
	}
	if code == exitHeld {
		return nil
	}
	return exitError{code: code}
}
