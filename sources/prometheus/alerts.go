package prometheus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"gameday/sources/client"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
)

// maxAlerts bounds what is looked at of one answer.
const maxAlerts = 1000

// alert is one alert as the server tells it.
type alert struct {
	State       string
	Labels      map[string]string
	Annotations map[string]string
	ActiveAt    time.Time
	Value       string
}

// alerts remembers which are active, so that changes only are told. It outlives a run: what ended while the server was
// away is told when it is back.
type alerts struct {
	source  string
	active  map[string]signal.Event
	missing bool // the server knows no alerts
}

func newAlerts(source string) *alerts {
	return &alerts{source: source, active: map[string]signal.Event{}}
}

func (d *Driver) activeAlerts(ctx context.Context) ([]alert, error) {
	var out []alert
	_, err := d.fetch(ctx, client.Request{Path: "/api/v1/alerts"}, func(key string, j *jsonstream.Reader) error {
		if key != "alerts" {
			return errSkip
		}
		return j.Array(func() error {
			if len(out) == maxAlerts {
				return errEnough
			}
			var a alert
			err := j.Decode(&a)
			if errors.Is(err, jsonstream.ErrTooLarge) {
				return nil // labels of a megabyte are nobody's alert
			}
			out = append(out, a)
			return err
		})
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

// changes are the events that tell what is different from before.
func (a *alerts) changes(now []alert, at time.Time) []signal.Event {
	var out []signal.Event
	seen := make(map[string]bool, len(now))
	for i := range now {
		e := a.event(&now[i], at)
		seen[e.Key] = true
		old, known := a.active[e.Key]
		if known && old.Outcome == e.Outcome && old.Detail == e.Detail {
			continue
		}
		a.active[e.Key] = e
		out = append(out, e)
	}
	for key, e := range a.active {
		if seen[key] {
			continue
		}
		delete(a.active, key)
		e.Open, e.End = false, at
		if e.Outcome == signal.Bad {
			e.Outcome = signal.Good
		} else {
			e.Outcome = signal.Neutral // it never fired
		}
		out = append(out, e)
	}
	return out
}

func (a *alerts) event(x *alert, at time.Time) signal.Event {
	labels := make(signal.Attrs, 0, len(x.Labels))
	for key, value := range x.Labels {
		labels = append(labels, signal.Attr{Key: key, Value: value})
	}
	labels = labels.Sorted()
	h := fnv.New64a()
	_, _ = h.Write([]byte(labels.String())) // a hash takes everything
	e := signal.Event{Kind: signal.EventAlert, Start: x.ActiveAt, Open: true, Outcome: signal.Warning, Attrs: labels,
		Key:    fmt.Sprintf("%s/%016x/%d", a.source, h.Sum64(), x.ActiveAt.UnixMilli()),
		Title:  cmp.Or(x.Labels["alertname"], "alert"),
		Target: cmp.Or(x.Labels["service"], x.Labels["instance"], x.Labels["job"]),
		Detail: cmp.Or(x.Annotations["summary"], x.Annotations["description"], x.Annotations["message"])}
	if e.Start.IsZero() {
		e.Start = at
	}
	if x.State == "firing" {
		e.Outcome = signal.Bad
	}
	return e
}
