package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"gameday/engine"
	"gameday/keymap"
	"gameday/sources/sanitize"
	"gameday/tui"
)

// replayCmd opens the cockpit on a recording.
type replayCmd struct {
	File  string        `arg:"" type:"existingfile" help:"A recording, as --record makes it."`
	At    time.Duration `help:"Begin that far into the recording, such as 2m30s."`
	Speed float64       `help:"How many seconds of the recording pass in one." default:"1"`
	configFlag
	screenFlags
}

// Run plays the recording until the operator leaves.
func (c replayCmd) Run() error {
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd())) {
		return errors.New("a replay needs a terminal; without one use: gameday snapshot --replay FILE")
	}
	if err := tui.CanShow(os.Getenv("TERM")); err != nil {
		return err
	}
	set, err := c.settings()
	if err != nil {
		return err
	}
	look := c.screenFlags.with(set)
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
	restore, err := tui.SaveTerminal(os.Stdin)
	if err != nil {
		return fmt.Errorf("save the terminal's modes: %w", err)
	}
	ctx, stop := withSignals(context.Background(), func(os.Signal) { restore(); os.Exit(exitAborted) })
	defer stop()
	r, err := openReplay(ctx, c.File)
	if err != nil {
		return err
	}
	clock, err := tui.NewPlayback(r.Span(), c.At, c.Speed)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	cfg := replayConfig(r, clock, look)
	saved, unfollow := theme.follow(ctx)
	defer unfollow()
	cfg.Keys, cfg.Symbols, cfg.Themes, cfg.Theme, cfg.Restyled = keys, symbols, theme.all, theme.name, saved
	stage, err := c.stage(r.title())
	if err != nil {
		return errors.Join(err, r.Close())
	}
	err = stage.show(ctx, cfg)
	restore()
	if cut := r.Cut(); cut != "" {
		fmt.Fprintln(os.Stderr, endMissing(c.File, cut)+": it was replayed up to there")
	}
	return errors.Join(err, r.Err(), r.Close())
}

// endMissing says of a recording that it does not reach to its end, and why.
func endMissing(file, cut string) string {
	return fmt.Sprintf("gameday: the end of %s is missing (%s)", sanitize.Line(file, 500), cut)
}

// openReplay reads a recording and says on a terminal how far it is.
func openReplay(ctx context.Context, file string) (*replayed, error) {
	wait := waitFor("reading %s", file)
	defer wait.end()
	r, err := engine.OpenReplay(ctx, file, wait.far)
	if err != nil {
		return nil, err
	}
	return &replayed{Replay: r}, nil
}

// replayWindows are the lengths of window that a recording is shown with: the shortest that has room for half of it, or the last.
var replayWindows = []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute}

// replayConfig is a cockpit that shows a recording.
func replayConfig(r *replayed, clock *tui.Playback, look screenFlags) tui.Config {
	window := look.Window
	for _, w := range replayWindows {
		if look.Window == 0 {
			window = w
		}
		if r.Span().Length() <= 2*window {
			break
		}
	}
	return tui.Config{Session: r, Panes: panes(), Theme: look.Theme, Window: window, Whole: true, ASCII: look.ASCII, NoMouse: look.NoMouse, Playback: clock}
}

// replayed is a recording as the screen sees it: frames, and nothing that could be done.
type replayed struct{ *engine.Replay }

func (r *replayed) title() string {
	name, environment := r.System()
	return strings.TrimSpace("gameday " + name + " " + environment)
}

func (r *replayed) Experiments() []tui.Choice { return nil }
func (r *replayed) LoadPlans() []tui.Choice   { return nil }
func (r *replayed) Plan(context.Context, string) (tui.Plan, error) {
	return tui.Plan{}, engine.ErrReplay
}
func (r *replayed) StartExperiment(context.Context, string) error { return engine.ErrReplay }
func (r *replayed) StartLoad(context.Context, string) error       { return engine.ErrReplay }
func (r *replayed) StopLoad(context.Context) error                { return engine.ErrReplay }
func (r *replayed) AdjustLoad(context.Context, tui.LoadChange) (string, error) {
	return "", engine.ErrReplay
}
func (r *replayed) Abort(context.Context, string) (tui.Aborted, error) {
	return tui.Aborted{}, engine.ErrReplay
}
func (r *replayed) Proceed() error { return engine.ErrReplay }
func (r *replayed) Note(string)    {} // the screen refuses it and says why
func (r *replayed) Incident(context.Context, tui.IncidentAct) (string, error) {
	return "", engine.ErrReplay
}
func (r *replayed) Silences(context.Context) ([]tui.Silence, error) { return nil, engine.ErrReplay }
func (r *replayed) Silence(context.Context, tui.SilenceAct) (string, error) {
	return "", engine.ErrReplay
}
func (r *replayed) Set(context.Context, string, bool) error { return engine.ErrReplay }
func (r *replayed) Done() <-chan error                      { return nil }
