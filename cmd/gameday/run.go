package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gameday/engine"
	"gameday/sources/signal"
)

// runCmd runs one experiment without a terminal.
type runCmd struct {
	File     string   `arg:"" help:"The experiment."`
	Demo     bool     `help:"Start the embedded demo shop and run against it."`
	Patterns string   `help:"With --demo: the shop's resilience patterns." enum:"on,off" default:"off"`
	Report   []string `placeholder:"FILE" help:"Write a report there: .html, .md, .json or .xml (JUnit); may be given several times."`
	receiverFlags
}

// Run checks the file before anything is started, runs the experiment, and tells its verdict by the exit code.
func (c runCmd) Run(stdout io.Writer) error {
	doc, err := engine.ReadDocument(c.File)
	if err != nil {
		return err
	}
	if _, err := engine.ParseExperiment(doc.File, doc.Data, engine.Catalog()); err != nil {
		return err
	}
	if err := checkReports(c.Report); err != nil {
		return err
	}
	return withState(func(state string, cfg engine.Config) error {
		cfg.Name, cfg.Environment = "local", "local"
		if c.Demo {
			if cfg, err = demoConfig(cfg, c.Patterns == "on"); err != nil {
				return err
			}
		}
		cfg.OTLPGRPC, cfg.OTLPHTTP = c.OTLPGRPC, c.OTLPHTTP
		cfg.Experiments, cfg.LoadPlans = []engine.Document{doc}, nil
		_, closeCrash, err := crashFile(state)
		if err != nil {
			return err
		}
		defer closeCrash()
		return c.session(cfg, doc.ID, stdout)
	})
}

func (c runCmd) session(cfg engine.Config, id string, stdout io.Writer) error {
	ctx, stop := withSignals(context.Background(), func(os.Signal) { os.Exit(exitAborted) })
	defer stop()
	s, err := engine.New(cfg)
	if err != nil {
		return err
	}
	out := &progress{w: stdout, started: time.Now()}
	verdict := c.experiment(ctx, s, id, out)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := s.Close(end); err != nil {
		return exitError{exitRollbackFailed, errors.Join(verdict, err)}
	}
	return verdict
}

// experiment starts the system, runs the experiment and prints what happens. Its error carries the exit code.
func (c runCmd) experiment(ctx context.Context, s *engine.Session, id string, out *progress) error {
	s.Start()
	plan, err := s.PlanExperiment(ctx, id)
	if sig, ok := signalled(ctx); ok {
		return exitError{exitAborted, fmt.Errorf("ended by signal %q before anything was touched", sig)}
	}
	if err != nil {
		if !c.Demo {
			err = fmt.Errorf("%w\nwithout --demo nothing is started here that could be hit", err)
		}
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

func (c runCmd) target() string {
	if c.Demo {
		return "the demo shop, patterns " + c.Patterns
	}
	return "local"
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
	fmt.Fprintf(p.w, "\n%-28s  before    during    after\n", "probe")
	for _, pr := range state.Probes {
		fmt.Fprintf(p.w, "%-28s  %-8s  %-8s  %-8s\n", pr.Name+" "+pr.Expect, pr.Before, pr.During, pr.After)
	}
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
