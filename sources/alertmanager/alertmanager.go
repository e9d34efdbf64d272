// Package alertmanager reads and silences the alerts of Prometheus' Alertmanager, or of what has its API: Mimir's, Grafana's.
//
// While it runs it tells alerts to the timeline with their beginning and their end, silenced ones as such. It answers for
// those that are active now (driver.Querier; the text of a query is a list of matchers), sets silences with their reason
// and expires them (driver.Silencer), and names receivers. The API is version 2:
// https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"gameday/sources/alert"
	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// maxAlerts bounds what is held of one answer.
const maxAlerts = 2000

// Kind describes the driver to the list of them.
func Kind() driver.Kind {
	return driver.Kind{Name: "alertmanager", Help: "Alerts and silences of an Alertmanager.", Signals: []string{"alerts"}, Usual: "http://localhost:9093", Open: Open}
}

// Driver speaks to one Alertmanager. Its methods may be called from any goroutine; Run from one at a time.
type Driver struct {
	client  *client.Client
	name    string
	every   time.Duration
	tracker *alert.Tracker
}

// Open makes a driver; it reaches for nothing yet.
func Open(s driver.Settings) (driver.Driver, error) {
	c, err := client.New(s.Address, s.Client)
	if err != nil {
		return nil, err
	}
	d := &Driver{client: c, name: s.Name, every: s.Every, tracker: alert.NewTracker(s.Name)}
	if d.every <= 0 {
		d.every = 5 * time.Second
	}
	return d, nil
}

// Close gives idle connections up.
func (d *Driver) Close() error {
	d.client.Close()
	return nil
}

// Run implements driver.Driver.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	for ctx.Err() == nil {
		now, _, err := d.active(ctx, nil)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("look at the alerts: %w", err)
		}
		alerts := make([]alert.Alert, len(now))
		for i := range now {
			alerts[i] = now[i].alert()
		}
		if events := d.tracker.Changes(alerts, time.Now()); len(events) > 0 {
			emit(signal.Batch{Events: events})
		}
		select {
		case <-ctx.Done():
		case <-time.After(d.every):
		}
	}
	return nil
}

// wire is an alert as the API has it.
type wire struct {
	Labels      map[string]string
	Annotations map[string]string
	StartsAt    time.Time
	EndsAt      time.Time
	Status      struct {
		State       string
		SilencedBy  []string
		InhibitedBy []string
	}
}

func (w *wire) alert() alert.Alert {
	a := alert.Alert{State: alert.Firing, Labels: w.Labels, Annotations: w.Annotations, Since: w.StartsAt}
	if w.Status.State == "suppressed" {
		a.State, a.Note = alert.Suppressed, "inhibited by another alert"
		if len(w.Status.SilencedBy) > 0 {
			a.Note = "silenced by " + w.Status.SilencedBy[0]
		}
	}
	return a
}

// active are the alerts that matchers let through; more is true when there are others that are not held.
func (d *Driver) active(ctx context.Context, matchers []string) (out []wire, more bool, err error) {
	r := client.Request{Path: "/api/v2/alerts", Query: url.Values{"filter": matchers}}
	more, err = client.ReadList(ctx, d.client, client.List[wire]{Request: r, What: "alerts (is this an Alertmanager, with API version 2?)", Most: maxAlerts,
		Keep: func(one wire) bool {
			if len(one.Labels) == 0 { // the API promises labels: what has none is no alert
				return false
			}
			out = append(out, one)
			return true
		}})
	return out, more, err
}

// Query implements driver.Querier: the alerts that are active now and began before the window's end, newest first. The text
// is a list of matchers, such as {service="payment", severity=~"page|warn"}.
func (d *Driver) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	if q.ID != "" {
		return driver.Answer{}, nil // alerts carry no correlation ID
	}
	now, more, err := d.active(ctx, matchers(q.Text))
	if err != nil {
		return driver.Answer{}, fmt.Errorf("ask for alerts: %w", badFilter(q.Text, err))
	}
	out := driver.Answer{Truncated: more}
	for i := range now {
		if q.Window.To.IsZero() || now[i].StartsAt.Before(q.Window.To) {
			out.Events = append(out.Events, alert.Event(d.name, now[i].alert()))
		}
	}
	slices.SortStableFunc(out.Events, func(a, b signal.Event) int { return b.Start.Compare(a.Start) })
	if q.Limit > 0 && len(out.Events) > q.Limit {
		out.Events, out.Truncated = out.Events[:q.Limit], true
	}
	return out, nil
}

// matchers parts a list at the commas outside of quotes.
func matchers(text string) []string {
	text = strings.TrimSpace(text)
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	var out []string
	quoted, from := false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			out = append(out, text[from:i])
			from = i + 1
		}
	}
	out = append(out, text[from:])
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

func badFilter(text string, err error) error {
	var refused *client.StatusError
	if text != "" && errors.As(err, &refused) && refused.Code == http.StatusBadRequest {
		return fmt.Errorf("%q is no list of matchers such as service=\"payment\": %w", sanitize.Line(text, 120), err)
	}
	return err
}

// Receivers are the names of those that alerts are sent to, sorted.
func (d *Driver) Receivers(ctx context.Context) ([]string, error) {
	var list []struct{ Name string }
	if err := d.client.JSON(ctx, client.Request{Path: "/api/v2/receivers"}, &list); err != nil {
		return nil, fmt.Errorf("ask for receivers: %w", err)
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = sanitize.Line(list[i].Name, sanitize.MaxName)
	}
	slices.Sort(out)
	return out, nil
}

// Check implements driver.Checker. An Alertmanager without a receiver that reaches anybody is told.
func (d *Driver) Check(ctx context.Context) []driver.Finding {
	out, ok := examine.HTTP(ctx, d.client, client.Request{Path: "/api/v2/alerts", Query: url.Values{"filter": {`alertname="gameday-doctor"`}}})
	if !ok {
		return out
	}
	f := driver.Finding{Name: "receivers", State: driver.FindingGood}
	names, err := d.Receivers(ctx)
	switch {
	case err != nil:
		f.State, f.Says = driver.FindingUnknown, err.Error()
	case len(names) == 0:
		f.State, f.Says, f.Advice = driver.FindingPoor, "it has none: nobody hears of an alert", "give its configuration a receiver"
	default:
		f.Says = "alerts go to " + sanitize.Line(strings.Join(names, ", "), 200)
	}
	return append(out, f)
}

func encode(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write a silence: %w", err)
	}
	return data, nil
}
