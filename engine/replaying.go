package engine

import (
	"context"
	"fmt"
	"slices"

	"gameday/engine/dashboard"
	"gameday/engine/why"
	"gameday/sources/driver"
	"gameday/sources/signal"
)

// Why says what changed, as Session.Why does, from what had been told up to the instant that is looked at: what came
// after it had not happened yet.
func (r *Replay) Why(ctx context.Context, ask signal.WhyAsk) (*signal.Why, error) {
	r.mu.Lock()
	p := r.part
	if p == nil {
		r.mu.Unlock()
		return nil, ErrReplay
	}
	r.looking.RLock() // before the lock is given back: nobody can close the part in between
	r.mu.Unlock()
	defer r.looking.RUnlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	now := ask.At
	if now.IsZero() {
		now = ask.Window.To
	}
	q := why.Choose(p.eventsAt(now, why.Reach(ask)), signal.WhyAsk{Window: ask.Window}, now)
	out, err := answerWhy(ctx, p.store, p.db, q)
	if err == nil {
		all := namedIn(q, ask.Window.From)
		out.Active = active(p.stateAt(now).Faults, p.eventsAt(now, all), q, all)
	}
	return out, err
}

// dashboards are those that the recording has. One that cannot be read is left out: the rest can be looked at.
func (s settings) dashboards() ([]*dashboard.Dashboard, error) {
	docs, err := s.boardDocuments()
	if err != nil {
		return nil, fmt.Errorf("replay: the recording's dashboards cannot be read: %w", err)
	}
	all, _ := parseDashboards(Config{Dashboards: docs, Panels: s.Panels}) // the session that recorded them has told
	return all, nil
}

// replayAsker answers what charts and dashboards ask, from what was recorded.
type replayAsker struct {
	p   *part
	set settings
}

// Metrics is the recorded memory, or what a remote system told.
func (a replayAsker) Metrics(source string) (driver.Metrics, error) {
	if source == "" {
		source = a.set.Metrics
	}
	switch {
	case source == "":
		return a.p.db, nil
	case slices.Contains(a.set.Sources, source):
		return told{a.p.answers, source}, nil
	}
	return nil, fmt.Errorf("no source %s is in this recording", source)
}

// Sources are those that answered.
func (a replayAsker) Sources() []string {
	if len(a.set.Sources) == 0 {
		return []string{""}
	}
	return slices.Clone(a.set.Sources)
}

// Words are those of the recorded memory, or what a remote system told.
func (a replayAsker) Words(ctx context.Context, source string, kind driver.WordKind, of, prefix string, limit int) ([]string, error) {
	if source == "" {
		source = a.set.Metrics
	}
	if source == "" {
		return a.p.db.Complete(ctx, kind, of, prefix, limit)
	}
	words, ok := a.p.answers.words[keyOf(source, kind, of, prefix)]
	if !ok {
		return nil, fmt.Errorf("%s was not asked for these words while it was recorded", source)
	}
	return slices.Clone(words.List[:min(len(words.List), limit)]), nil
}

// Logs are the recorded ones.
func (a replayAsker) Logs(_ context.Context, query string, w signal.Window, limit int) ([]signal.Record, error) {
	return logsOf(a.p.store, query, w, limit)
}
