package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"gameday/chaos/approval"
	"gameday/engine"
)

// approveCmd agrees to a plan for somebody else to run.
type approveCmd struct {
	File   string        `arg:"" type:"existingfile" help:"The experiment."`
	As     string        `required:"" placeholder:"NAME" help:"Your name in the list of allowed signers."`
	Key    string        `placeholder:"FILE" help:"Your private Ed25519 key; ~/.ssh/id_ed25519 when not given."`
	For    time.Duration `required:"" placeholder:"8h" help:"How long it may be run."`
	Reason string        `help:"Why; one line that stands in the approval."`
	Output string        `short:"o" placeholder:"FILE" help:"Write the approval there; to standard output when not given."`
	Yes    bool          `help:"Do not ask whether the plan that is shown is meant."`
	against
}

// Run shows what would be done, asks, and signs.
func (c approveCmd) Run(stdout io.Writer, stderr loadErrors) error {
	ctx, stop := withSignals(context.Background(), func(os.Signal) { os.Exit(exitAborted) })
	defer stop()
	doc, err := readExperiment(c.File)
	if err != nil {
		return err
	}
	if c.For <= 0 {
		return fmt.Errorf("--for %s: an approval that has expired already allows nothing", c.For)
	}
	if !c.Demo && c.Environment == "" {
		c.Environment = production // nothing else takes an approval
	}
	return withState(func(_ string, cfg engine.Config) error {
		cfg, err := c.config(cfg, doc)
		if err != nil {
			return err
		}
		return inSession(ctx, cfg, func(s *engine.Session) error {
			plan, err := c.plan(ctx, s, doc.ID)
			if err != nil {
				return err
			}
			return c.sign(s, plan, stdout, stderr)
		})
	})
}

func (c approveCmd) sign(s *engine.Session, plan *engine.Plan, stdout, stderr io.Writer) error {
	fmt.Fprint(stderr, plan.DryRun())
	if err := c.agree(s.Environment(), stderr); err != nil {
		return err
	}
	a, err := s.ApprovalFor(plan, c.As, c.Reason, c.For)
	if err != nil {
		return err
	}
	key := c.Key
	if key == "" {
		dir, err := sshDir()
		if err != nil {
			return err
		}
		key = filepath.Join(dir, "id_ed25519")
	}
	signer, err := approval.LoadKey(key, passphrase(key, stderr))
	if err != nil {
		return err
	}
	signed, err := approval.Sign(a, signer)
	if err != nil {
		return err
	}
	if c.Output == "" {
		_, err := stdout.Write(signed)
		return err
	}
	if err := os.WriteFile(c.Output, signed, 0o644); err != nil {
		return fmt.Errorf("write approval: %w", err)
	}
	fmt.Fprintf(stdout, "%s: %s in %s is approved until %s\n", c.Output, a.Experiment, a.Environment, a.Expires.Local().Format("2006-01-02 15:04"))
	return nil
}

// agree asks for a word, so that nobody signs what he has not seen.
func (c approveCmd) agree(environment string, stderr io.Writer) error {
	if c.Yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return errors.New("there is nobody to ask whether this is meant: read the plan above, then give --yes")
	}
	fmt.Fprintf(stderr, "\nThis would be done in %s. To approve it as %s for %s, type yes: ", environment, c.As, c.For)
	var word string
	if _, err := fmt.Scanln(&word); err != nil || !strings.EqualFold(word, "yes") {
		return errors.New("not approved")
	}
	return nil
}

// passphrase asks for a key's passphrase at the terminal; nil when there is none.
func passphrase(key string, stderr io.Writer) func() ([]byte, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	return func() ([]byte, error) {
		fmt.Fprintf(stderr, "passphrase of %s: ", key)
		word, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(stderr)
		return word, err
	}
}
