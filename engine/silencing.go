package engine

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"time"

	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// silenceWait bounds one answer of a system that keeps alerts quiet.
const silenceWait = 10 * time.Second

// Silence is one that is in force, and the source it is at.
type Silence struct {
	driver.Silence
	Source string
}

// SilenceAct is what somebody does about alerts being heard.
type SilenceAct struct {
	Match  signal.Attrs  // the labels of the alerts that are to be quiet
	For    time.Duration // from now
	Reason string
	Expire string // instead: the ID of a silence that ends now
	Source string // with Expire: where it is
}

// silencers are the sources that can keep alerts quiet.
func (s *Session) silencers() ([]sources.Source, error) {
	var out []sources.Source
	for _, src := range s.cfg.Sources {
		if _, ok := src.Driver.(driver.Silencer); ok {
			out = append(out, src)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no source of the configuration can silence alerts: add one of kind alertmanager to gameday.yaml")
	}
	return out, nil
}

// Silences are those in force at all sources, the ones that end first first; with the error of a source those of the others.
func (s *Session) Silences(ctx context.Context) ([]Silence, error) {
	all, err := s.silencers()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, silenceWait)
	defer cancel()
	var out []Silence
	var errs []error
	for _, src := range all {
		list, err := src.Driver.(driver.Silencer).Silences(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", src.Name, err))
		}
		for _, one := range list {
			out = append(out, Silence{one, src.Name})
		}
	}
	slices.SortStableFunc(out, func(a, b Silence) int { return a.To.Compare(b.To) })
	return out, errors.Join(errs...)
}

// Silence keeps alerts quiet at every source that can, since an alert does not say which one tells people of it, or ends
// a silence; it says in a sentence what was done. What was done stands on the timeline, also when a source failed.
func (s *Session) Silence(ctx context.Context, act SilenceAct) (string, error) {
	return s.As("").Silence(ctx, act)
}

// Silence is Session.Silence on behalf of the actor.
func (a Actor) Silence(ctx context.Context, act SilenceAct) (string, error) {
	all, err := a.s.silencers()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, silenceWait)
	defer cancel()
	until := time.Now().Add(act.For)
	what := fmt.Sprintf("silenced %s until %s: %s", act.Match, until.Format("15:04"), act.Reason)
	if act.Expire != "" {
		what = "silence " + act.Expire + " ended"
	}
	var at []string
	var errs []error
	for _, src := range all {
		if act.Expire != "" && act.Source != src.Name {
			continue
		}
		d := src.Driver.(driver.Silencer)
		if act.Expire != "" {
			err = d.Expire(ctx, act.Expire)
		} else {
			_, err = d.Silence(ctx, act.Match, until, a.author(), act.Reason)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", src.Name, err))
			continue
		}
		at = append(at, src.Name)
	}
	if len(at)+len(errs) == 0 {
		return "", fmt.Errorf("no source %q can silence alerts", act.Source)
	}
	if len(at) > 0 {
		what = sanitize.Line(what+" (at "+strings.Join(at, ", ")+")", sanitize.MaxValue)
		a.Event(signal.Event{Kind: signal.EventNote, Title: what})
	}
	return what, errors.Join(errs...)
}

// author is who stands beside a silence: the actor, or the user whose terminal it is.
func (a Actor) author() string {
	if a.name != "" {
		return a.name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "gameday"
}
