package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"gameday/engine"
	"gameday/themes"
	"gameday/tui"
	"gameday/tui/picture"
)

// snapshotCmd prints one screen without a terminal.
type snapshotCmd struct {
	Replay string        `placeholder:"FILE" type:"existingfile" help:"Of this recording; of the demo, started for it, when neither this nor --watch is given."`
	Watch  bool          `help:"Of the system that gameday.yaml and the flags name, as gameday watch shows it."`
	At     time.Duration `help:"That far into the recording; at its end when not given." default:"-1s"`
	After  time.Duration `help:"Of the demo or a watched system: that long after it is up." default:"15s"`
	Size   string        `help:"Columns and rows." default:"120x35"`
	Theme  string        `help:"The theme, or a file with one." default:"dark"`
	Window time.Duration `help:"How much of the past is shown"`
	ASCII  bool          `help:"Without braille and box drawing."`
	Keys   string        `help:"Keys to press before, such as '5 / error enter' (see gameday keys)."`
	Format string        `help:"What to print: text, ansi (with colours) or svg." enum:"text,ansi,svg" default:"text"`
	Out    string        `short:"o" placeholder:"FILE" type:"path" help:"Write there instead."`
	systemFlags
}

// snapshotWindow is how much of the past a picture of a live system shows.
const snapshotWindow = time.Minute

// maxSnapshot bounds the screen of a snapshot, in columns and in rows.
const maxSnapshot = 1000

// Run prints the screen.
func (c snapshotCmd) Run(stdout io.Writer, stderr loadErrors) error {
	var width, height int
	if n, err := fmt.Sscanf(c.Size, "%dx%d", &width, &height); n != 2 || err != nil || min(width, height) < 1 || max(width, height) > maxSnapshot {
		return fmt.Errorf("--size %s: write columns and rows like 120x35", c.Size)
	}
	if !tui.Fits(width, height) { // or the picture would be of the sentence that says so
		return fmt.Errorf("--size %s: the cockpit needs 60x16", c.Size)
	}
	var keys []tea.KeyPressMsg
	for _, name := range strings.Fields(c.Keys) {
		k, err := tui.ParseKey(name)
		if err != nil {
			return fmt.Errorf("--keys: %w", err)
		}
		keys = append(keys, k)
	}
	style, err := chooseTheme(c.Theme)
	if err != nil {
		return err
	}
	ctx, stop := withSignals(context.Background(), func(os.Signal) { os.Exit(exitAborted) })
	defer stop()
	look := screenFlags{Theme: c.Theme, Window: c.Window, ASCII: c.ASCII, NoMouse: true}
	var screen string
	var theme *themes.Theme
	if c.Replay != "" && c.Watch {
		return errors.New("--replay and --watch exclude each other: a recording is watched no more")
	}
	if c.Replay != "" {
		screen, theme, err = c.ofReplay(ctx, look, style, width, height, keys, stderr)
	} else {
		screen, theme, err = c.live(ctx, look, style, width, height, keys)
	}
	if err != nil {
		return err
	}
	out := c.format(screen, theme, width, height)
	if c.Out != "" {
		if err := os.WriteFile(c.Out, []byte(out), 0o644); err != nil {
			return fmt.Errorf("write the picture: %w", err)
		}
		return nil
	}
	_, err = io.WriteString(stdout, out)
	return err
}

func (c snapshotCmd) ofReplay(ctx context.Context, look screenFlags, style chosenTheme, width, height int, keys []tea.KeyPressMsg, stderr io.Writer) (_ string, _ *themes.Theme, err error) {
	r, err := openReplay(ctx, c.Replay)
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, r.Err(), r.Close()) }()
	if cut := r.Cut(); cut != "" {
		fmt.Fprintf(stderr, "%s: the picture is of what is there, which ends after %s\n", endMissing(c.Replay, cut), r.Span().Length().Round(time.Second))
	}
	if c.At < 0 {
		c.At = r.Span().Length()
	}
	clock, err := tui.NewPlayback(r.Span(), c.At, 1)
	if err != nil {
		return "", nil, err
	}
	cfg := replayConfig(r, clock, look)
	cfg.Themes, cfg.Theme = style.all, style.name
	return tui.Still(ctx, cfg, width, height, keys, 0)
}

func (c snapshotCmd) session(cfg engine.Config) (engine.Config, error) {
	if !c.Watch {
		cfg, err := demoConfig(cfg, false)
		cfg.Ambient = "shop"
		return cfg, err
	}
	set, err := c.settings()
	if err != nil {
		return cfg, err
	}
	return c.config(cfg, set)
}

// chartsTake is how long the charts of a live session need to be evaluated.
const chartsTake = 2 * time.Second

// live is the demo, or the system that is watched.
func (c snapshotCmd) live(ctx context.Context, look screenFlags, style chosenTheme, width, height int, keys []tea.KeyPressMsg) (screen string, theme *themes.Theme, err error) {
	err = withState(func(_ string, cfg engine.Config) error {
		cfg, err := c.session(cfg)
		if err != nil {
			return err
		}
		wait := waitFor("looking at %s for %s", cfg.Name, c.After)
		wait.takes(c.After)
		defer wait.end()
		return inSession(ctx, cfg, func(s *engine.Session) error {
			s.Start()
			select {
			case <-s.Ready():
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if err := s.SystemErr(); err != nil {
				return err
			}
			select {
			case <-time.After(c.After):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if look.Window == 0 {
				look.Window = snapshotWindow
			}
			op := &operator{Session: s, plans: map[string]*engine.Plan{}}
			var session tui.Session = op
			if c.Watch { // keys that are pressed for a picture start nothing on a system that is not gameday's own
				session = &viewer{frame: op.Frame, experiments: op.Experiments, loads: op.LoadPlans, note: func(string) {}, why: s.Why}
			}
			screen, theme, err = tui.Still(ctx, tui.Config{Session: session, Panes: panes(), Themes: style.all, Theme: style.name,
				Window: look.Window, Whole: true, ASCII: look.ASCII, NoMouse: true}, width, height, keys, chartsTake)
			return err
		})
	})
	return screen, theme, err
}

// format turns a styled screen into what is asked for.
func (c snapshotCmd) format(screen string, theme *themes.Theme, width, height int) string {
	switch c.Format {
	case "svg":
		fg, bg := picture.DarkForeground, picture.DarkBackground
		if !theme.Dark && !theme.Mono {
			fg, bg = picture.LightForeground, picture.LightBackground
		}
		if theme.Background != "" {
			fg, bg = theme.Foreground, theme.Background
		}
		return picture.SVG(screen, width, height, fg, bg)
	case "ansi":
		return screen + "\x1b[m\n"
	}
	rows := strings.Split(ansi.Strip(screen), "\n")
	for i := range rows {
		rows[i] = strings.TrimRight(rows[i], " ")
	}
	return strings.Join(rows, "\n") + "\n"
}
