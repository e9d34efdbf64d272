// Package prometheus reads a Prometheus server, or anything that answers as one does: Mimir, Thanos, VictoriaMetrics, and
// the managed ones of Google, Amazon and Microsoft.
//
// It answers PromQL (driver.Metrics), knows names (driver.Completer), tells pending and firing alerts to the timeline while
// it runs, and examines the server for the doctor (driver.Checker). The API is that of
// https://prometheus.io/docs/prometheus/latest/querying/api/.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"gameday/sources/alert"
	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
)

// Options are what this kind alone knows.
type Options struct {
	Alerts bool `yaml:"alerts" doc:"Whether the server's alerts go onto the timeline. Default true. One that an Alertmanager tells of too is one entry."`
}

// Kind describes the driver to the list of them.
func Kind() driver.Kind {
	return driver.Kind{Name: "prometheus", Help: "Metrics, exemplars and alerts of Prometheus, Mimir, Thanos or a managed Prometheus.",
		Signals: []string{"metrics", "alerts"}, Usual: "http://localhost:9090", Schema: &Options{}, Open: Open}
}

// Driver reads one server. Its methods may be called from any goroutine; Run from one at a time.
type Driver struct {
	client *client.Client
	every  time.Duration
	rename map[string]string
	alerts *alert.Tracker // nil: not wanted
	none   bool           // the server knows no alerts; Run's own

	noExemplars atomic.Int64 // until then, in Unix milliseconds, exemplars are not asked for
}

// Open makes a driver; it reaches for nothing yet.
func Open(s driver.Settings) (driver.Driver, error) {
	o := Options{Alerts: true}
	if s.Options != nil {
		s.Options.Decode(&o)
		if err := s.Options.Err(); err != nil {
			return nil, err
		}
	}
	c, err := client.New(s.Address, s.Client)
	if err != nil {
		return nil, err
	}
	d := &Driver{client: c, every: s.Every, rename: s.Rename}
	if d.every <= 0 {
		d.every = 5 * time.Second
	}
	if o.Alerts {
		d.alerts = alert.NewTracker(s.Name)
	}
	return d, nil
}

// Close gives idle connections up.
func (d *Driver) Close() error {
	d.client.Close()
	return nil
}

// Run implements driver.Driver: it looks at the alerts, and so whether the server answers.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	d.none = false // what stood before it may have answered in its place
	for ctx.Err() == nil {
		if err := d.look(ctx, emit); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(d.every):
		}
	}
	return nil
}

func (d *Driver) look(ctx context.Context, emit func(signal.Batch)) error {
	if d.alerts == nil || d.none {
		return d.ping(ctx)
	}
	now, err := d.activeAlerts(ctx)
	var refused *client.StatusError
	switch {
	case errors.As(err, &refused) && (refused.Code == http.StatusNotFound || refused.Code == http.StatusMethodNotAllowed || refused.Code == http.StatusNotImplemented):
		d.none = true // Google's and Azure's have none
		return d.ping(ctx)
	case err != nil:
		return fmt.Errorf("look at the alerts: %w", err)
	}
	if events := d.alerts.Changes(now, time.Now()); len(events) > 0 && ctx.Err() == nil {
		emit(signal.Batch{Events: events})
	}
	return nil
}

// pinging is the cheapest question that every such server answers to whoever may read.
func pinging() client.Request {
	return client.Request{Path: "/api/v1/query", Query: url.Values{"query": {"vector(1)"}}}
}

func (d *Driver) ping(ctx context.Context) error {
	_, err := d.fetch(ctx, pinging(), func(string, *jsonstream.Reader) error { return errSkip })
	return err
}

// errSkip is what a reader of data returns for members it does not want.
var errSkip = errors.New("not wanted")

// answer is what stands beside the data.
type answer struct {
	status, kind, text string
	good               bool // there was data
}

// fetch sends a request and walks through the data of its answer: data is called for each member of a map, and once with
// "" when the data is a list; it returns errSkip for what it does not read.
func (d *Driver) fetch(ctx context.Context, r client.Request, data func(key string, r *jsonstream.Reader) error) (answer, error) {
	var a answer
	body, _, err := d.client.Do(ctx, r)
	if err != nil {
		return a, err
	}
	defer body.Close() // it was only read
	j := jsonstream.NewReader(body, jsonstream.Limits{})
	err = j.Object(func(key string) (err error) {
		switch key {
		case "status":
			a.status, err = j.Scalar()
		case "errorType":
			a.kind, err = j.Scalar()
		case "error":
			a.text, err = j.Scalar()
		case "data":
			a.good = true
			err = walk(j, data)
		default:
			err = j.Skip()
		}
		return err
	})
	switch {
	case errors.Is(err, errEnough):
		return a, err
	case err != nil:
		return a, d.client.Explain(r, err)
	case a.status != "success" || !a.good:
		return a, d.client.Explain(r, fmt.Errorf("the answer is not what was expected (is this a Prometheus?): %s", says(a)))
	}
	return a, nil
}

// says is what is known of an answer that is not good.
func says(a answer) string {
	if a.text != "" {
		return clean(a.text)
	}
	return fmt.Sprintf("its status is %q", clean(a.status))
}

func walk(j *jsonstream.Reader, data func(key string, r *jsonstream.Reader) error) error {
	member := func(key string) error {
		if err := data(key, j); !errors.Is(err, errSkip) {
			return err
		}
		return j.Skip()
	}
	kind, err := j.Kind()
	if err != nil {
		return err
	}
	if kind == '{' {
		return j.Object(member)
	}
	return member("")
}
