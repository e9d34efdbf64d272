package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/signal"
)

// silenceCmd keeps alerts quiet that an experiment is going to raise.
type silenceCmd struct {
	Add    silenceAddCmd    `cmd:"" help:"Keep alerts quiet that have these labels; prints the silence's ID."`
	List   silenceListCmd   `cmd:"" help:"List the silences that are in force or will be."`
	Expire silenceExpireCmd `cmd:"" help:"End a silence at once."`
}

// silencerFlags say at which source.
type silencerFlags struct {
	configFlag
	Source string `help:"Name of the source; needed when several can silence."`
}

type silenceAddCmd struct {
	silencerFlags
	Labels []string      `arg:"" placeholder:"NAME=VALUE" help:"Labels that an alert must have, all of them."`
	For    time.Duration `default:"1h" help:"For how long."`
	Reason string        `required:"" help:"Why; it stands beside the silence for everybody."`
	By     string        `help:"Who; your user name when not given."`
}

type silenceListCmd struct{ silencerFlags }

type silenceExpireCmd struct {
	silencerFlags
	ID string `arg:"" help:"ID of the silence."`
}

// silencer is the source that is named, or the only one that can silence. Its requests end by their own time-out.
func (f silencerFlags) silencer() (driver.Silencer, error) {
	set, err := f.settings()
	if err != nil {
		return nil, err
	}
	opened, err := set.Open()
	if err != nil {
		return nil, err
	}
	var found []sources.Source
	var names []string
	for _, src := range opened {
		if _, ok := src.Driver.(driver.Silencer); ok && (f.Source == "" || f.Source == src.Name) {
			found = append(found, src)
			names = append(names, src.Name)
		}
	}
	switch {
	case len(found) == 0 && f.Source != "":
		return nil, fmt.Errorf("no source %q that can silence alerts is in the configuration", f.Source)
	case len(found) == 0:
		return nil, errors.New("no source of the configuration can silence alerts: add one of kind alertmanager to gameday.yaml")
	case len(found) > 1:
		return nil, fmt.Errorf("several sources can silence alerts: name one with --source: %s", strings.Join(names, ", "))
	}
	return found[0].Driver.(driver.Silencer), nil
}

// Run sets a silence.
func (c silenceAddCmd) Run(stdout io.Writer) error {
	var match signal.Attrs
	for _, l := range c.Labels {
		name, value, ok := strings.Cut(l, "=")
		if !ok || name == "" || value == "" {
			return fmt.Errorf("%q is no label: write NAME=VALUE, such as service=payment", l)
		}
		match = append(match, signal.Attr{Key: name, Value: value})
	}
	if c.By == "" {
		c.By = "gameday"
		if u, err := user.Current(); err == nil {
			c.By = u.Username
		}
	}
	s, err := c.silencer()
	if err != nil {
		return err
	}
	id, err := s.Silence(context.Background(), match, time.Now().Add(c.For), c.By, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, id)
	return nil
}

// Run lists silences, those that end first first.
func (c silenceListCmd) Run(stdout io.Writer) error {
	s, err := c.silencer()
	if err != nil {
		return err
	}
	list, err := s.Silences(context.Background())
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, one := range list {
		fmt.Fprintf(w, "%s\t%s\tuntil %s\t%s: %s\n", one.ID, one.Match, one.To.Local().Format(time.DateTime), one.By, one.Reason)
	}
	return w.Flush()
}

// Run ends a silence.
func (c silenceExpireCmd) Run() error {
	s, err := c.silencer()
	if err != nil {
		return err
	}
	return s.Expire(context.Background(), c.ID)
}
