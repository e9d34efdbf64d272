package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"

	"gameday/chaos/probe"
	"gameday/engine/load"
	"gameday/engine/load/format/digest"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

const (
	progressTerminal = time.Second
	progressFile     = 5 * time.Second
)

// loadErrors is the standard error stream, told apart from the standard output by its type.
type loadErrors struct{ io.Writer }

// terminal reports whether somebody watches.
func (l loadErrors) terminal() bool {
	f, ok := l.Writer.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// loadRunCmd runs one load plan.
type loadRunCmd struct {
	Plan    string            `arg:"" help:"The load plan; or a .jmx, .har or OpenAPI file, a curl command line in quotes, or a script for k6."`
	Target  string            `placeholder:"URL" help:"Base URL instead of the plan's."`
	Var     map[string]string `placeholder:"NAME=VALUE" help:"A value for $${NAME} in the plan, before the plan's own."`
	Seed    uint64            `help:"Instead of the plan's seed."`
	Partial bool              `help:"Of another tool's file: run it without what is not understood."`
	K6      string            `name:"k6" placeholder:"PATH" help:"The k6 that runs scripts; without it the one in PATH."`
	Out     []string          `placeholder:"FILE" help:"Write figures: .csv and .jsonl second by second, .json the summary. May be given several times."`

	SaveBaseline optional `help:"Keep the run for comparing later ones with it: --save-baseline, or --save-baseline=NAME."`
	Baseline     optional `help:"Compare with a run that was kept, and exit with 1 when this one is worse: --baseline for the latest of this plan, --baseline=NAME or --baseline=FILE."`

	loadScaleFlags  `embed:""`
	loadReportFlags `embed:""`
}

// Run runs the plan to its end or the first signal, prints the summary, and tells the verdict by the exit code.
func (c loadRunCmd) Run(stdout io.Writer, stderr loadErrors) error {
	if !strings.HasPrefix(strings.TrimSpace(c.Plan), "curl ") {
		if err := readable(c.Plan); err != nil {
			return err
		}
	}
	if script(c.Plan) {
		return c.runScript(stdout, stderr)
	}
	from, err := c.read(stderr)
	if err != nil {
		return err
	}
	plan := from.plan
	if err := c.checkReports(); err != nil {
		return err
	}
	comparing, err := c.comparison(plan)
	if err != nil {
		return err
	}
	scale, err := c.prepare(plan, time.Now())
	if err != nil {
		return err
	}
	outs, err := openOuts(c.Out)
	if err != nil {
		return errors.Join(err, scale.closeFiles(&digest.Report{}))
	}
	var kb keyboard
	ctx, stop := withSignals(context.Background(), func(os.Signal) {
		kb.giveBack()
		os.Exit(exitAborted)
	})
	defer stop()
	waiting, stopWaiting := context.WithCancel(context.Background())
	defer stopWaiting()
	release := context.AfterFunc(ctx, stopWaiting) // a signal ends the waiting for the start; later ones stop the run in order
	scale.announce(stderr, plan.Metadata.Name, time.Now())
	run, err := load.Start(waiting, plan, scale.options(load.Options{Target: c.Target, Vars: c.Var, Seed: c.Seed}))
	release()
	if err != nil {
		err = errors.Join(closeOuts(outs, err), scale.closeFiles(&digest.Report{}))
		if waiting.Err() != nil {
			return exitError{exitAborted, err}
		}
		return err
	}
	scale.follow(run, plan.Metadata.Name)
	if stderr.terminal() && run.Adjustable() {
		defer kb.giveBack()
		kb.take(os.Stdin)
	}
	c.follow(ctx, run, stderr, append(outs, scale), kb.keys)
	kb.giveBack()
	res := run.Wait()
	rep := digest.FromResult(&res)
	from.note(rep)
	sig, aborted := signalled(ctx)
	if aborted {
		rep.Notes = append(rep.Notes, fmt.Sprintf("ended by signal %q after %s", sig, res.Elapsed.Round(100*time.Millisecond)))
	}
	problem := errors.Join(scale.conclude(rep), comparing.conclude(rep, res.Baseline, aborted))
	for _, o := range outs {
		o.end(rep)
	}
	problem = errors.Join(problem, c.writeReports(&res, rep.Notes))
	if err := errors.Join(problem, closeOuts(outs, rep.Write(stdout))); err != nil {
		return err
	}
	switch {
	case aborted:
		return exitError{code: exitAborted}
	case scale.idle(&res):
		return nil
	case rep.Total.Count == 0:
		return exitError{exitCannotRun, fmt.Errorf("no request was made: nothing can be said about the target")}
	case len(rep.Thresholds) == 0 && rep.Total.Failed == rep.Total.Count:
		return exitError{exitCannotRun, fmt.Errorf("every request failed: is the target right?")}
	}
	return verdictError(rep)
}

// followed is a run that is under way: ours, or that of k6.
type followed interface {
	Done() <-chan struct{}
	Stop()
	State() signal.LoadState
}

// follow prints progress and feeds the outputs until the run is over. The first signal stops it within a second. keys steer
// it; nil when nobody can press any.
func (c loadRunCmd) follow(ctx context.Context, run followed, stderr loadErrors, outs []loadOut, keys <-chan byte) {
	line := loadProgress{out: stderr, live: stderr.terminal(), shown: time.Now()}
	if keys != nil {
		line.hint = keysHelp
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	aborted := ctx.Done()
	for {
		select {
		case <-run.Done():
			line.clear()
			return
		case <-aborted:
			aborted = nil // once is enough
			run.Stop()
		case key := <-keys:
			state := run.State()
			if said := steer(run, key, &state); said != "" {
				line.said, line.saidAt = said, time.Now()
				state = run.State()
				line.print(&state)
			}
		case now := <-tick.C:
			state := run.State()
			for _, o := range outs {
				o.second(now, &state)
			}
			line.due(now, &state)
		}
	}
}

// loadProgress is the line that a person reads while it runs; on a terminal the next one takes its place.
type loadProgress struct {
	out    io.Writer
	live   bool // out is a terminal
	shown  time.Time
	hint   string // the keys; empty when there are none
	said   string // what the last key did
	saidAt time.Time
}

// saidFor is how long the line says what a key did.
const saidFor = 5 * time.Second

// due prints the line when it is time for it.
func (p *loadProgress) due(now time.Time, s *signal.LoadState) {
	every := progressFile
	if p.live {
		every = progressTerminal
	}
	// Half a second of grace: a ticker is never quite on time.
	if now.Sub(p.shown)+time.Second/2 < every {
		return
	}
	p.shown = now
	p.print(s)
}

func (p *loadProgress) clear() {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func (p *loadProgress) print(s *signal.LoadState) {
	of := ""
	if s.Total > 0 {
		of = "/" + s.Total.Round(time.Second).String()
	}
	rate := probe.Format(s.Rate, probe.UnitRate)
	if s.Target > 0 {
		rate += " of " + probe.Format(s.Target, probe.UnitRate)
	}
	if s.Paused {
		rate = "paused"
	}
	line := fmt.Sprintf("%s%s  %s  in flight %d  p95 %s  errors %d of %d", s.Elapsed.Round(time.Second), of, rate, s.InFlight,
		probe.Format(s.P95.Seconds(), probe.UnitSeconds), s.Failed, s.Done)
	if s.Missed > 0 {
		line += fmt.Sprintf("  missed %d", s.Missed)
	}
	if p.said != "" && time.Since(p.saidAt) < saidFor {
		line += "  " + p.said
	} else if p.hint != "" {
		line += "  " + p.hint
	}
	if !p.live {
		fmt.Fprintln(p.out, sanitize.Line(s.Name+"  "+line, 200))
		return
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", sanitize.Line(s.Name+"  "+line, p.width()))
}

// width is how much fits into one line of the terminal: a longer one could not be taken back.
func (p *loadProgress) width() int {
	errors, ok := p.out.(loadErrors)
	if !ok {
		return 200
	}
	if f, ok := errors.Writer.(*os.File); ok {
		if columns, _, err := term.GetSize(f.Fd()); err == nil && columns > 1 {
			return min(columns-1, 200)
		}
	}
	return 200
}
