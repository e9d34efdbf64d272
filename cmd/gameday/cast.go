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

// show runs the cockpit in this process's terminal, and keeps the screen in a file when that was asked for.
func (c castFlag) show(ctx context.Context, title string, cfg tui.Config) error {
	if c.Cast == "" {
		return tui.Run(ctx, cfg)
	}
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return err
	}
	w, err := cast.Create(c.Cast, cast.Header{Width: width, Height: height, Title: title, Term: os.Getenv("TERM")})
	if err != nil {
		return err
	}
	cfg.Mark, cfg.Resized = w.Mark, w.Resize
	err = tui.Run(ctx, cfg, tea.WithOutput(&taped{os.Stdout, w}))
	return errors.Join(err, w.Close())
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
