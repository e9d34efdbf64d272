package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"gameday/engine"
	"gameday/engine/settings"
	"gameday/engine/triage"
)

// maxPasted is how much of standard input is looked at for IDs, in bytes.
const maxPasted = 64 << 10

// triageCmd shows everything about one request.
type triageCmd struct {
	ID      []string      `arg:"" optional:"" help:"A trace ID in any form, the value of a correlation field, a URL of a trace, or log lines that hold one; - reads them from standard input."`
	Format  string        `help:"How it is printed; the cockpit opens on it when not given and this is a terminal." enum:"cockpit,text,json,markdown," default:""`
	Timeout time.Duration `help:"How long one source may take." default:"10s"`
	Near    time.Duration `help:"How long sources may take to tell what was written near: without an ID, by the same service and host at the same time. 0 asks for none." default:"40ms"`
	systemFlags
	screenFlags
}

// Run asks all sources about the ID, and opens the cockpit on it or prints it. Nothing found is exit code 1, a source that
// did not answer with nothing found is 2.
func (c triageCmd) Run(stdout io.Writer) error {
	set, err := c.settings()
	if err != nil {
		return err
	}
	text, err := c.text()
	if err != nil {
		return err
	}
	ids := triage.IDs(text, set.Correlation.Fields)
	if len(ids) == 0 {
		what := fmt.Sprintf("%q", cutText(text))
		if text == "" {
			what = "an empty text"
		}
		return fmt.Errorf("no ID was recognised in %s: give a trace ID, a URL of a trace, or a text with one of %s", what, strings.Join(set.Correlation.Fields, ", "))
	}
	terminal := term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
	if c.Format == "cockpit" || c.Format == "" && terminal {
		return withState(func(state string, cfg engine.Config) error {
			if cfg, err = c.config(cfg, set); err != nil {
				return err
			}
			c.Focus = ids[0].Value
			return cockpit(state, cfg, c.screenFlags.with(set), false)
		})
	}
	return c.print(set, ids, stdout)
}

// print asks without a session: no port is taken and no memory is held but for the answer.
func (c triageCmd) print(set *settings.Settings, ids []triage.ID, stdout io.Writer) error {
	ctx, stop := withSignals(context.Background(), func(os.Signal) { os.Exit(exitAborted) })
	defer stop()
	all, err := set.Open()
	if err != nil {
		return err
	}
	more, err := c.sources()
	if err != nil {
		return err
	}
	all = append(all, more...)
	wait := waitFor("asking %s about %s", count(len(all), "source"), ids[0].Value.Short())
	defer wait.end()
	r, err := triage.Find(ctx, triage.Config{Sources: all, Fields: set.Correlation.Fields, Timeout: c.Timeout, Near: c.Near,
		Progress: func(missing []string) {
			wait.far(1 - float64(len(missing))/float64(max(len(all), 1)))
			wait.say("asking about %s, waiting for %s", ids[0].Value.Short(), strings.Join(missing, ", "))
		}}, ids)
	wait.end()
	if err != nil {
		return err
	}
	tell := map[string]func(io.Writer) error{"json": r.JSON, "markdown": r.Markdown}[c.Format]
	if tell == nil {
		tell = r.Text
	}
	if err := tell(stdout); err != nil {
		return err
	}
	switch {
	case r.Empty() && (len(r.Unanswered()) > 0 || len(r.Outcomes) == 0):
		return exitError{code: exitCannotRun}
	case r.Empty():
		return exitError{code: exitBroken}
	}
	return nil
}

// text is what the operator gave: the arguments, or standard input to its end.
func (c triageCmd) text() (string, error) {
	text := strings.Join(c.ID, " ")
	if text != "" && text != "-" {
		return text, nil
	}
	if text == "" && term.IsTerminal(int(os.Stdin.Fd())) {
		return "", fmt.Errorf("say what to look for: gameday triage ID, or pipe a log line into it")
	}
	if term.IsTerminal(int(os.Stdin.Fd())) { // nothing that comes and goes is written where somebody pastes
		fmt.Fprintln(os.Stderr, "gameday: paste the lines, then press ctrl+d on a line of its own")
	} else {
		wait := waitFor("reading what to look for, to the end of standard input")
		defer wait.end()
	}
	lines, err := io.ReadAll(io.LimitReader(os.Stdin, maxPasted))
	if err != nil {
		return "", fmt.Errorf("read what to look for from standard input: %w", err)
	}
	return strings.TrimSpace(string(lines)), nil
}

// cutText is a text fit for a message.
func cutText(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
