package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/term"

	"gameday/engine"
	"gameday/tui"
	"gameday/tui/cast"
	"gameday/tui/widget"
)

// recordFlag keeps what a session sees.
type recordFlag struct {
	Record string `placeholder:"FILE" type:"path" help:"Record what is seen there, for gameday replay."`
}

// tellRecorded says on the normal screen where a session that has ended was recorded.
func tellRecorded(s *engine.Session) {
	r := s.Recorded()
	if r.File == "" {
		return
	}
	fmt.Fprintf(os.Stderr, "gameday: recorded to %s (%s); watch it with: gameday replay %s\n", r.File, widget.Bytes(float64(r.Bytes)), r.File)
	if r.Err != nil {
		fmt.Fprintln(os.Stderr, "gameday:", r.Err)
	} else if r.Lost > 0 {
		fmt.Fprintf(os.Stderr, "gameday: %d signals are missing in it: the disk did not keep up\n", r.Lost)
	}
}

// castFlag keeps what a screen shows.
type castFlag struct {
	Cast string `placeholder:"FILE" type:"path" help:"Write the screen there as asciicast v2, with markers at what happens to experiments."`
}

// stage is where a cockpit is shown: this process's terminal, and a file that keeps what it shows when that was asked for.
type stage struct {
	file string
	cast *cast.Writer // nil: nothing is kept
}

// stage makes the file, before anything is started whose screen would go into it: that it is there already is said at once.
func (c castFlag) stage(title string) (stage, error) {
	if c.Cast == "" {
		return stage{}, nil
	}
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return stage{}, err
	}
	w, err := cast.Create(c.Cast, cast.Header{Width: width, Height: height, Title: title, Term: os.Getenv("TERM")})
	return stage{c.Cast, w}, err
}

// show runs the cockpit, and completes the file.
func (s stage) show(ctx context.Context, cfg tui.Config) error {
	if s.cast == nil {
		return tui.Run(ctx, cfg)
	}
	cfg.Mark, cfg.Resized = s.cast.Mark, s.cast.Resize
	err := tui.Run(ctx, cfg, tea.WithOutput(&taped{os.Stdout, s.cast}))
	return errors.Join(err, s.cast.Close())
}

// strike takes a file away into which nothing was shown.
func (s stage) strike() error {
	if s.cast == nil {
		return nil
	}
	return errors.Join(s.cast.Close(), os.Remove(s.file))
}

// taped is a terminal whose output is kept as well. It is still a terminal to whoever asks.
type taped struct {
	*os.File
	cast *cast.Writer
}

// Write shows the bytes and keeps them. A cast that cannot be written is told at the end: the screen goes on.
func (t *taped) Write(p []byte) (int, error) {
	t.cast.Output(p)
	return t.File.Write(p)
}

// WriteString is Write: whoever uses it must not go past the cast.
func (t *taped) WriteString(s string) (int, error) { return t.Write([]byte(s)) }
