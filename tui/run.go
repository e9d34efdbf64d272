package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
)

// leaveWithin is how long a cockpit that is to end may take to leave the screen in order. One that hangs, such as on a terminal that
// takes nothing, is ended where it is.
const leaveWithin = 2 * time.Second

// Run shows the cockpit until the operator leaves, the session ends by itself (its error is returned) or ctx ends (nil).
// Signals are the caller's: none is caught here. What the terminal can show (colours, symbols, NO_COLOR) is taken from its
// environment: this process's, or the one given with tea.WithEnvironment.
func Run(ctx context.Context, cfg Config, opts ...tea.ProgramOption) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what waits for the session
	m := New(cfg)
	m.ctx = ctx
	m.term.unknown = true // until its environment is told, which is the first that comes
	// A program whose context ends closes its input while its reader is still at it; one that is asked to quit waits for the reader.
	hard, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	all := append([]tea.ProgramOption{tea.WithContext(hard), tea.WithoutSignalHandler()}, opts...)
	program := tea.NewProgram(m, all...)
	if cfg.Shared != nil && cfg.Shared.Attach != nil {
		cfg.Shared.Attach(program.Send)
	}
	left := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		select {
		case <-ctx.Done():
		case <-left:
			return
		}
		timer := time.AfterFunc(leaveWithin, kill)
		defer timer.Stop()
		program.Quit()
		<-left
	})
	_, err := program.Run()
	close(left)
	kill() // whoever still sends something need not wait
	asking.Wait()
	m.keepLast()
	switch {
	case ctx.Err() != nil && (err == nil || errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, tea.ErrProgramPanic)):
		return nil
	case err != nil:
		return fmt.Errorf("show the cockpit: %w", err)
	}
	return m.Err()
}

// CanShow says why a terminal of that kind cannot show a cockpit; nil when it can.
func CanShow(term string) error {
	if term == "dumb" {
		return errors.New("the cockpit needs a terminal that can place text, and TERM=dumb cannot: without one there are gameday run, gameday triage --format text and gameday snapshot")
	}
	return nil
}

// Fits reports whether a cockpit can be drawn in so many columns and rows.
func Fits(width, height int) bool { return width >= minWidth && height >= minHeight }

// RestoreTerminal is what must be written to a terminal to leave the cockpit when the program cannot do so itself: on a
// panic, or on a signal that ends the process. It leaves the alternate screen, shows the cursor, lets go of mouse, paste
// brackets, focus reports and keyboard protocols, and takes back colours. Writing it twice does no harm.
const RestoreTerminal = "\x1b[?2026l" + // synchronised output
	"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l" + // mouse
	"\x1b[?2004l\x1b[?1004l\x1b[?2048l" + // pasting, focus, size reports
	"\x1b[<u\x1b[>4m" + // kitty keyboard, modifyOtherKeys, of the alternate screen
	"\x1b[m" +
	"\x1b[?1049l" +
	"\x1b[<u\x1b[>4m" + // and of the normal one
	"\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\" + // colours of text, ground and cursor
	"\x1b[0 q\x1b[?25h\x1b[m\r"

// SaveTerminal remembers how a terminal is set and returns the function that puts it back, escape sequences included. The
// function may be called from any goroutine, and more than once. For a file that is no terminal it does nothing.
func SaveTerminal(f *os.File) (restore func(), err error) {
	if !term.IsTerminal(f.Fd()) {
		return func() {}, nil
	}
	state, err := term.GetState(f.Fd())
	if err != nil {
		return nil, fmt.Errorf("read the settings of the terminal %s: %w", f.Name(), err)
	}
	return func() {
		_, _ = f.WriteString(RestoreTerminal) // nobody is left to be told
		_ = term.Restore(f.Fd(), state)
	}, nil
}
