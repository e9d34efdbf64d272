// Package alert makes events of the timeline out of alerts: whoever knows which alerts are active now, a Prometheus, an
// Alertmanager or the embedded rules, learns from a Tracker what has changed.
package alert

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"

	"gameday/sources/signal"
)

// State is what an alert is doing.
type State uint8

// The states. Suppressed is silenced or inhibited: it fires, and nobody is told.
const (
	Pending State = iota
	Firing
	Suppressed
)

// Alert is one active alert.
type Alert struct {
	State       State
	Labels      map[string]string
	Annotations map[string]string
	Since       time.Time // zero: just now
	Note        string    // stands before the summary, such as by what it is silenced
}

// Tracker remembers which alerts are active, so that changes only are told. It outlives the runs of a driver: what ended
// while the system was away is told when it is back. It may be used from any goroutine.
type Tracker struct {
	source string
	mu     sync.Mutex
	active map[string]signal.Event
}

// NewTracker makes a tracker; source, unique among them, is part of the events' keys.
func NewTracker(source string) *Tracker {
	return &Tracker{source: source, active: map[string]signal.Event{}}
}

// Changes are the events that tell what is different from the last call, by start. An event with the same key as one before
// replaces it: an alert that ends is Good when it had fired.
func (t *Tracker) Changes(now []Alert, at time.Time) []signal.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []signal.Event
	seen := make(map[string]bool, len(now))
	for i := range now {
		e := t.event(&now[i], at)
		seen[e.Key] = true
		if old, known := t.active[e.Key]; known {
			if old.Outcome == e.Outcome && old.Detail == e.Detail {
				continue
			}
			e.Start = old.Start
		}
		t.active[e.Key] = e
		out = append(out, e)
	}
	for _, key := range slices.Sorted(maps.Keys(t.active)) {
		if seen[key] {
			continue
		}
		e := t.active[key]
		delete(t.active, key)
		e.Open, e.End = false, at
		if e.Outcome == signal.Bad {
			e.Outcome = signal.Good
		} else {
			e.Outcome = signal.Neutral // nobody was called
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b signal.Event) int { return a.Start.Compare(b.Start) })
	return out
}

func (t *Tracker) event(a *Alert, at time.Time) signal.Event {
	e := Event(t.source, *a)
	if e.Start.IsZero() {
		e.Start = at
	}
	return e
}

// Event is the event of an active alert.
func Event(source string, a Alert) signal.Event {
	labels := make(signal.Attrs, 0, len(a.Labels))
	for key, value := range a.Labels {
		labels = append(labels, signal.Attr{Key: key, Value: value})
	}
	labels = labels.Sorted()
	h := fnv.New64a()
	_, _ = h.Write([]byte(labels.String())) // a hash takes everything
	since := int64(0)
	if !a.Since.IsZero() {
		since = a.Since.UnixMilli()
	}
	e := signal.Event{Kind: signal.EventAlert, Start: a.Since, Open: true, Attrs: labels,
		Outcome: [...]signal.Outcome{Pending: signal.Warning, Firing: signal.Bad, Suppressed: signal.Neutral}[a.State],
		Key:     fmt.Sprintf("%s/%016x/%d", source, h.Sum64(), since),
		Title:   cmp.Or(a.Labels["alertname"], "alert"),
		Target:  cmp.Or(a.Labels["service"], a.Labels["instance"], a.Labels["job"]),
		Detail:  cmp.Or(a.Annotations["summary"], a.Annotations["description"], a.Annotations["message"])}
	if a.Note != "" {
		e.Detail = a.Note + map[bool]string{true: "", false: ": "}[e.Detail == ""] + e.Detail
	}
	return e
}
