package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// hush keeps alerts quiet and remembers who asked it to.
type hush struct {
	list []driver.Silence
	err  error
}

func (h *hush) Run(ctx context.Context, _ func(signal.Batch)) error { <-ctx.Done(); return nil }

func (h *hush) Silence(_ context.Context, match signal.Attrs, until time.Time, by, reason string) (string, error) {
	if h.err != nil {
		return "", h.err
	}
	h.list = append(h.list, driver.Silence{ID: "1", Match: match.String(), To: until, By: by, Reason: reason})
	return "1", nil
}

func (h *hush) Expire(_ context.Context, id string) error {
	for i := range h.list {
		if h.list[i].ID == id {
			h.list = append(h.list[:i], h.list[i+1:]...)
			return nil
		}
	}
	return driver.ErrNotFound
}

func (h *hush) Silences(context.Context) ([]driver.Silence, error) { return h.list, h.err }

func TestAlertsAreSilencedAtEverySourceThatCan(t *testing.T) {
	st, err := store.New(store.Config{})
	require.NoError(t, err)
	s := &Session{store: st, ctx: t.Context()}
	ctx := t.Context()
	_, err = s.Silences(ctx)
	require.ErrorContains(t, err, "add one of kind alertmanager")
	_, err = s.Silence(ctx, SilenceAct{})
	require.ErrorContains(t, err, "add one of kind alertmanager")

	one, two := &hush{}, &hush{}
	s.cfg.Sources = []sources.Source{{Name: "loki", Driver: &outlet{}}, {Name: "one", Driver: one}, {Name: "two", Driver: two}}
	match := signal.Attrs{{Key: "service", Value: "payment"}}
	said, err := s.As("ada").Silence(ctx, SilenceAct{Match: match, For: time.Hour, Reason: "a game day"})
	require.NoError(t, err)
	require.Contains(t, said, `silenced {service="payment"} until `)
	require.Contains(t, said, "a game day (at one, two)")
	require.Equal(t, "ada", two.list[0].By)
	require.WithinDuration(t, time.Now().Add(time.Hour), one.list[0].To, time.Minute)
	list, err := s.Silences(ctx)
	require.NoError(t, err)
	require.Len(t, list, 2)

	_, err = s.Silence(ctx, SilenceAct{Expire: "1", Source: "two"})
	require.NoError(t, err)
	require.Len(t, one.list, 1, "the other source's has the same ID and stays")
	require.Empty(t, two.list)
	_, err = s.Silence(ctx, SilenceAct{Expire: "1", Source: "three"})
	require.ErrorContains(t, err, `no source "three" can silence`)

	two.err = errors.New("connection refused")
	_, err = s.Silence(ctx, SilenceAct{Match: match, For: time.Hour, Reason: "again"})
	require.ErrorContains(t, err, "two: connection refused")
	require.NotEmpty(t, one.list[len(one.list)-1].By, "the user stands beside what nobody else asked for")
	list, err = s.Silences(ctx)
	require.ErrorContains(t, err, "two: connection refused")
	require.Len(t, list, 2, "what the other knows is told all the same")

	now := time.Now()
	events := s.store.Events(signal.Window{From: now.Add(-time.Minute), To: now.Add(time.Minute)})
	require.Len(t, events, 3)
	require.Equal(t, "ada", events[0].By)
	require.Contains(t, events[1].Title, "silence 1 ended (at two)")
	require.Contains(t, events[2].Title, "(at one)")
}
