package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	experiments "gameday/chaos/experiment"
	"gameday/engine"
	"gameday/engine/load"
	"gameday/engine/settings"
	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/sources/store"
	"gameday/tui"
	"gameday/tui/pane"
	"gameday/tui/pane/board"
	"gameday/tui/pane/callmap"
	chaospane "gameday/tui/pane/chaos"
	"gameday/tui/pane/experiment"
	loadpane "gameday/tui/pane/load"
	"gameday/tui/pane/logs"
	"gameday/tui/pane/metrics"
	patternspane "gameday/tui/pane/patterns"
	"gameday/tui/pane/status"
	"gameday/tui/pane/traces"
)

// production is the environment in which nothing harmful starts without a typed word.
const production = "production"

// screenFlags are how the cockpit looks.
type screenFlags struct {
	Theme   string        `placeholder:"NAME|FILE" help:"The theme to start with: dark, light, contrast, colourblind, solarized, projector, mono, or a TOML or YAML file with your own, which is read again when it is saved. Chosen by the terminal when not given."`
	Window  time.Duration `help:"How much of the past is shown at first"`
	Symbols string        `help:"What the terminal's font has: braille, blocks or ascii. Chosen by the terminal's locale and type when not given." enum:"auto,braille,blocks,ascii" default:"auto"`
	ASCII   bool          `help:"The same as --symbols=ascii: for terminals without braille and box drawing."`
	NoMouse bool          `help:"Leave the mouse to the terminal."`
	Keys    string        `name:"keys-preset" help:"The set of keys: default, vim or emacs (gameday keys lists them)." placeholder:"NAME"`

	Focus signal.CorrelationID `kong:"-"` // what it is narrowed to from the start
	Bind  map[string][]string  `kong:"-"` // keys by action, from the configuration
	castFlag
	tour []tui.Scene
}

// with takes from the settings what the flags leave open.
func (f screenFlags) with(set *settings.Settings) screenFlags {
	f.Theme, f.Keys, f.Bind = orElse(f.Theme, set.Theme), orElse(f.Keys, set.Keys.Preset), set.Keys.Bind
	return f
}

// configured takes the operator's theme and keys from his configuration, for a cockpit that needs nothing else of it.
func (f screenFlags) configured(c configFlag) (screenFlags, error) {
	set, err := c.settings()
	if err != nil {
		return f, err
	}
	return f.with(set), nil
}

// demoCmd opens the cockpit on the embedded shop.
type demoCmd struct {
	Patterns string `help:"Start with the shop's resilience patterns on or off; a key turns them later." enum:"on,off" default:"off"`
	Tour     bool   `help:"Be shown around: a scripted story with captions; any key ends it."`
	configFlag
	screenFlags
	receiverFlags
	recordFlag
}

// Run starts the shop and the cockpit, and ends both.
func (c demoCmd) Run() error {
	look, err := c.screenFlags.configured(c.configFlag)
	if err != nil {
		return err
	}
	c.screenFlags = look
	return withState(func(state string, cfg engine.Config) error {
		cfg, err := demoConfig(cfg, c.Patterns == "on")
		if err != nil {
			return err
		}
		cfg.OTLPGRPC, cfg.OTLPHTTP, cfg.Ambient, cfg.Record = c.OTLPGRPC, c.OTLPHTTP, "shop", c.Record
		if c.Window == 0 {
			c.Window = demoWindow
		}
		if c.Tour {
			c.tour = demoTour()
		}
		return cockpit(state, cfg, c.screenFlags, !c.Tour)
	})
}

// withState prepares what every session needs: a private directory, a log, and that no dead session's faults are left.
func withState(run func(state string, cfg engine.Config) error) error {
	state, err := stateDir()
	if err != nil {
		return err
	}
	if err := recoverFirst(state); err != nil {
		return err
	}
	cfg, closeLog, err := baseConfig(state)
	if err != nil {
		return err
	}
	cfg.Version = buildVersion()
	defer keepSmall()()
	return errors.Join(run(state, cfg), closeLog())
}

// cockpit runs a session with a screen until the operator quits or a signal comes. The exit code is that of the last
// experiment when it was aborted or left something behind; leaving in peace is a success.
func cockpit(state string, cfg engine.Config, look screenFlags, welcome bool) error {
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd())) {
		return errors.New("the cockpit needs a terminal; without one use: gameday run EXPERIMENT --demo")
	}
	if err := tui.CanShow(os.Getenv("TERM")); err != nil {
		return err
	}
	keys, err := keymap.New(look.Keys, look.Bind)
	if err != nil {
		return err
	}
	theme, err := chooseTheme(look.Theme)
	if err != nil {
		return err
	}
	symbols, err := tui.ParseSymbols(look.Symbols)
	if err != nil {
		return err
	}
	crash, closeCrash, err := crashFile(state)
	if err != nil {
		return err
	}
	defer closeCrash()
	restore, err := tui.SaveTerminal(os.Stdin)
	if err != nil {
		return fmt.Errorf("save the terminal's modes: %w", err)
	}
	ctx, stop := withSignals(context.Background(), func(sig os.Signal) {
		restore()
		fmt.Fprintf(os.Stderr, "\r\ngameday: %v again: ending at once; the keeper undoes what is in force\r\n", sig)
		os.Exit(exitAborted)
	})
	defer stop()
	stage, err := look.stage("gameday " + cfg.Name + " " + cfg.Environment)
	if err != nil {
		return err
	}
	s, err := engine.New(cfg)
	if err != nil {
		return errors.Join(err, stage.strike())
	}
	returned, err := borrowTerminal(s.JournalPath(), crash, os.Stdin)
	if err != nil {
		return errors.Join(err, s.Close(ctx), stage.strike())
	}
	armCrash()
	began := time.Now()
	s.Start()
	saved, unfollow := theme.follow(ctx)
	defer unfollow()
	screen := tui.Config{
		Session: &operator{Session: s, plans: map[string]*engine.Plan{}}, Panes: panes(), Themes: theme.all, Theme: theme.name, Restyled: saved, Window: look.Window, ASCII: look.ASCII, Symbols: symbols, NoMouse: look.NoMouse, Keys: keys, Welcome: welcome, Focus: look.Focus, Tour: look.tour,
	}
	if look.tour == nil { // what it tells of must be where it says
		screen = layouts(state, cfg.Log).remembering(screen)
	}
	shown := stage.show(ctx, screen)
	restore()
	if err := returned(); err != nil {
		cfg.Log("terminal: %v", err)
	}
	return leave(ctx, state, s, began, shown)
}

// panes are those of the cockpit, in the order of tab.
func panes() []pane.Pane {
	checkLogs := func(text string) error { _, err := store.ParseLogFilter(text); return err }
	checkTraces := func(text string) error { _, err := store.ParseTraceFilter(text); return err }
	words := func(text string) []string {
		f, err := store.ParseLogFilter(text)
		if err != nil {
			return nil
		}
		return f.Words()
	}
	return append(append([]pane.Pane{metrics.New(), board.New(), traces.New(checkTraces), callmap.New(), logs.New(checkLogs, words), patternspane.New(), experiment.New(), loadpane.New()}, chaospane.All()...), status.All()...)
}

// leave ends the session and tells on the normal screen what happened and what is left.
func leave(ctx context.Context, state string, s *engine.Session, began time.Time, shown error) error {
	active := 0
	for _, f := range s.Faults() {
		if f.Phase.Active() {
			active++
		}
	}
	if active > 0 {
		fmt.Fprintf(os.Stderr, "gameday: undoing %s\n", count(active, "active fault"))
	}
	run, ran := s.State()
	aborted := ran && run.Verdict == signal.VerdictNone // it was still going on
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	closed := s.Close(end)
	farewell(os.Stderr, s, began)
	tellRecorded(s)
	if sig, ok := signalled(ctx); ok {
		if sig.String() == "quit" {
			if path, err := dumpGoroutines(state); err == nil {
				fmt.Fprintln(os.Stderr, "gameday: goroutines written to", path)
			}
		}
		fmt.Fprintf(os.Stderr, "gameday: ended by signal %q; everything is undone\n", sig)
		shown, aborted = nil, true
	}
	if run, ok := s.State(); ok {
		fmt.Fprintf(os.Stderr, "gameday: %s: %s\n", run.Title, join(run.Verdict.String(), run.Reason))
		switch run.Verdict {
		case signal.VerdictRollbackFailed:
			return exitError{exitRollbackFailed, errors.Join(closed, shown)}
		case signal.VerdictAborted:
			aborted = true
		}
	}
	if closed != nil {
		return exitError{exitRollbackFailed, errors.Join(closed, shown)}
	}
	if err := s.SystemErr(); err != nil {
		return errors.Join(err, shown)
	}
	if shown == nil && aborted {
		return exitError{code: exitAborted}
	}
	return shown
}

// join puts a reason behind a word when there is one.
func join(word, reason string) string {
	if reason == "" {
		return word
	}
	return word + ": " + reason
}

// operator is the session as the screen sees it. What was planned and shown is kept, so that what is started is what was
// agreed to.
type operator struct {
	*engine.Session
	by     string         // his name, where several people share the session
	frames *engine.Frames // of a session that several people share; nil: the session's own
	mu     sync.Mutex
	plans  map[string]*engine.Plan
}

// Frame is the picture.
func (o *operator) Frame(v signal.View) *signal.Frame {
	if o.frames == nil {
		return o.Session.Frame(v)
	}
	return o.frames.Frame(context.Background(), v)
}

// Note puts a remark onto the timeline.
func (o *operator) Note(text string) { o.As(o.by).Note(text) }

// Incident does something about an incident.
func (o *operator) Incident(_ context.Context, act tui.IncidentAct) (string, error) {
	return o.As(o.by).Incident(engine.IncidentAct(act))
}

// Silences are those in force.
func (o *operator) Silences(ctx context.Context) ([]tui.Silence, error) {
	list, err := o.Session.Silences(ctx)
	out := make([]tui.Silence, len(list))
	for i, s := range list {
		out[i] = tui.Silence{ID: s.ID, Source: s.Source, Match: s.Match, Until: s.To, By: s.By, Reason: s.Reason}
	}
	return out, err
}

// Silence keeps alerts quiet, or ends a silence.
func (o *operator) Silence(ctx context.Context, act tui.SilenceAct) (string, error) {
	return o.As(o.by).Silence(ctx, engine.SilenceAct(act))
}

// Set turns a switch.
func (o *operator) Set(ctx context.Context, name string, on bool) error {
	return o.As(o.by).Set(ctx, name, on)
}

// StartLoad starts a load plan.
func (o *operator) StartLoad(ctx context.Context, id string) error {
	return o.As(o.by).StartLoad(ctx, id)
}

// Proceed gives the go-ahead.
func (o *operator) Proceed() error { return o.As(o.by).Proceed() }

// Experiments lists what can be run.
func (o *operator) Experiments() []tui.Choice { return choices(o.Session.Experiments()) }

// LoadPlans lists what load can be started.
func (o *operator) LoadPlans() []tui.Choice { return choices(o.Session.LoadPlans()) }

func choices(in []engine.Choice) []tui.Choice {
	out := make([]tui.Choice, len(in))
	for i, c := range in {
		out[i] = tui.Choice{ID: c.ID, Title: c.Title, Detail: c.Detail}
		if c.Err != nil {
			out[i].Detail = c.Err.Error()
		}
	}
	return out
}

// Plan says what starting an experiment or a load plan would do.
func (o *operator) Plan(ctx context.Context, id string) (tui.Plan, error) {
	if title, what, takes, ok, err := o.DescribeLoad(id); ok {
		p := tui.Plan{Title: title, Load: what, Duration: takes, Environment: o.Environment(), Production: o.Environment() == production}
		if p.Production {
			p.Typed = id
		}
		return p, err
	}
	p, err := o.PlanExperiment(ctx, id)
	if err != nil {
		return tui.Plan{}, err
	}
	o.mu.Lock()
	o.plans[id] = p
	o.mu.Unlock()
	return describe(p, o.Environment()), nil
}

// StartExperiment runs the plan that was shown.
func (o *operator) StartExperiment(_ context.Context, id string) error {
	o.mu.Lock()
	p := o.plans[id]
	delete(o.plans, id)
	o.mu.Unlock()
	if p == nil {
		return errors.New("nothing was planned: pick the experiment again, and read what it will do")
	}
	p.GoAhead = experiments.GoAheadAsk
	p.Consent = "typed confirmation" // without it the screen asks for nothing to be started in production
	return o.As(o.by).StartExperiment(p)
}

// AdjustLoad changes the load that runs.
func (o *operator) AdjustLoad(_ context.Context, how tui.LoadChange) (string, error) {
	return o.As(o.by).AdjustLoad(load.Adjustment{Factor: how.Factor, Resume: how.Resume})
}

// StopLoad ends the load that runs.
func (o *operator) StopLoad(context.Context) error {
	o.As(o.by).StopLoad()
	return nil
}

// Abort undoes everything.
func (o *operator) Abort(ctx context.Context, reason string) (tui.Aborted, error) {
	did, err := o.As(o.by).Abort(ctx, reason)
	return tui.Aborted{Faults: did.Faults, Load: did.Load, Experiment: did.Experiment}, err
}

// Done never ends: the session lives as long as the cockpit.
func (o *operator) Done() <-chan error { return nil }

// describe turns a plan into what the confirmation shows.
func describe(p *engine.Plan, environment string) tui.Plan {
	e := p.Experiment
	out := tui.Plan{
		Title: e.Title(), Hypothesis: e.Hypothesis, Environment: environment, Production: environment == production,
		Load: p.Load, Duration: e.Total(),
	}
	steps := e.Faults()
	for i, f := range p.Faults {
		pf := tui.PlannedFault{
			Title: f.Title, Kind: f.Kind, Actions: f.Description.Actions, Undo: f.Description.Undo, At: steps[i].Start, For: steps[i].For, Irreversible: !f.Reversible,
			Share: fmt.Sprintf("%d of %s (%.0f %%)", len(f.Targets), count(f.Total, string(f.Targets[0].Kind)), 100*float64(len(f.Targets))/float64(max(f.Total, 1))),
		}
		for _, t := range f.Targets {
			pf.Targets = append(pf.Targets, t.Name)
		}
		out.Faults = append(out.Faults, pf)
		if out.Production && out.Typed == "" {
			out.Typed = f.Targets[0].Name
		}
	}
	for _, pr := range e.SteadyState.Probes {
		out.Probes = append(out.Probes, pr.Name+" "+pr.Expect.String())
	}
	for _, a := range e.Abort {
		out.AbortWhen = append(out.AbortWhen, abortWhen(a))
	}
	return out
}

// abortWhen is an abort condition in words: "hardly a request succeeds: errors > 95% for 5s".
func abortWhen(a experiments.AbortCondition) string {
	what := a.Name
	if what == "" {
		what = a.Probe
	}
	when := a.When.String()
	switch {
	case when == "":
		what += " fails"
	case a.Load != nil:
		what += ": " + a.Load.Stat + " " + when
	default:
		what += ": " + when
	}
	if a.For > 0 {
		what += " for " + a.For.String()
	}
	return what
}
