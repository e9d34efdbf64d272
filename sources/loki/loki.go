// Package loki is a source of log records from Grafana Loki: it follows them live (by WebSocket, or by asking again where no
// WebSocket comes through), answers LogQL for the past, finds records by correlation ID in labels, structured metadata and
// lines, and can push gameday's own timeline.
//
// The API is the documented one of Loki 2 and 3 (/loki/api/v1). What only 3 has (structured metadata kept apart from
// labels, detected fields) is used where it is there.
package loki

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grafana/loki-client-go/pkg/labelutil"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/logql"
	"gameday/sources/signal"
)

// Options are what a configuration can say of a Loki besides how it is reached.
type Options struct {
	Selector string        `yaml:"selector" doc:"Which streams are followed and asked, such as {namespace=\"shop\"}. Default: all that have service_name, or else the label that most systems set."`
	Follow   string        `yaml:"follow" enum:"auto,tail,poll,off" doc:"How new records come: tail is a WebSocket, poll asks again and again, auto asks where no WebSocket comes through. Default auto."`
	Backlog  time.Duration `yaml:"backlog" doc:"How far back it begins when gameday starts. Default 1m."`
	Lookback time.Duration `yaml:"lookback" doc:"How far back an ID is looked for when nobody says when it was. Default 168h."`
	Page     int           `yaml:"page" doc:"Records of one answer; Loki's limit is max_entries_limit_per_query. Default 1000."`
	Push     bool          `yaml:"push" doc:"Push gameday's own timeline and the exemplars of its load there. Default false."`
	// PushLabels is in labelutil's notation.
	PushLabels string `yaml:"pushLabels" doc:"Labels of what is pushed, besides service_name=gameday and kind, such as cluster=dev,team=shop."`
}

// Kind describes the driver.
func Kind() driver.Kind {
	return driver.Kind{Name: "loki", Help: "Log records from Grafana Loki.", Signals: []string{"logs"}, Usual: "http://localhost:3100",
		Schema: &Options{}, Open: Open}
}

const (
	defaultPage  = 1000
	maxPage      = 5000 // Loki's own default
	defaultLimit = 1000 // of a query that names none
	maxLimit     = 100_000
	maxGap       = 5 * time.Minute // of what was missed while it was away; older records are asked for, not followed
)

// Driver is one Loki. Its methods may be called from any goroutine.
type Driver struct {
	name   string
	client *client.Client
	opt    Options
	every  time.Duration
	fields mapping

	mu       sync.Mutex
	selector string    // found out, once; "" until then
	cursor   time.Time // everything before it was emitted
	lost     uint64    // that Loki said it could not tail
}

// Open makes a driver.
func Open(s driver.Settings) (driver.Driver, error) {
	o := Options{Follow: "auto", Backlog: time.Minute, Lookback: 7 * 24 * time.Hour, Page: defaultPage}
	if s.Options != nil {
		s.Options.Decode(&o)
		o.check(s.Options.Reportf)
		if err := s.Options.Err(); err != nil {
			return nil, err
		}
	}
	c, err := client.New(s.Address, s.Client)
	if err != nil {
		return nil, err
	}
	every := s.Every
	if every == 0 {
		every = 2 * time.Second
	}
	d := &Driver{name: s.Name, client: c, opt: o, every: every, fields: newMapping(s), selector: o.Selector}
	if !o.Push {
		return d, nil
	}
	return newPushing(d), nil
}

func (o *Options) check(report func(path, format string, args ...any)) {
	if o.Page < 1 || o.Page > maxPage {
		report("page", "must be from 1 to %d", maxPage)
	}
	if o.Backlog < 0 {
		report("backlog", "must not be negative")
	}
	if o.Lookback <= 0 {
		report("lookback", "must be more than 0")
	}
	if o.PushLabels != "" {
		if err := new(labelutil.LabelSet).Set(o.PushLabels); err != nil {
			report("pushLabels", "%s", err)
		}
	}
	if o.Selector == "" {
		return
	}
	if _, rest, err := logql.Split(o.Selector); err != nil {
		report("selector", "%s", err)
	} else if rest != "" {
		report("selector", "must end with its }, and %q follows", strings.TrimSpace(rest))
	}
}

// Close gives idle connections up.
func (d *Driver) Close() error {
	d.client.Close()
	return nil
}

// Report tells what Loki could not tail, for the balance.
func (d *Driver) Report() (received, kept, dropped uint64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lost, 0, d.lost, nil
}

// usual labels, of which a stream most likely has one, the most likely first.
var usual = []string{"service_name", "service", "app", "job", "namespace", "container", "host", "filename"}

// streams is the selector that stands for everything. Loki wants at least one label that must not be empty.
func (d *Driver) streams(ctx context.Context) (string, error) {
	d.mu.Lock()
	known := d.selector
	d.mu.Unlock()
	if known != "" {
		return known, nil
	}
	labels, err := d.labels(ctx, "/loki/api/v1/labels", nil)
	if err != nil {
		return "", err
	}
	labels = slices.DeleteFunc(labels, func(l string) bool { return strings.HasPrefix(l, "__") || !plainLabel(l) })
	if len(labels) == 0 {
		return `{service_name=~".+"}`, nil // it is empty yet; asked again next time
	}
	by := labels[0]
	for _, l := range usual {
		if slices.Contains(labels, l) {
			by = l
			break
		}
	}
	found := fmt.Sprintf(`{%s=~".+"}`, by)
	d.mu.Lock()
	d.selector = found
	d.mu.Unlock()
	return found, nil
}

// plainLabel reports whether a name can stand in a selector.
func plainLabel(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

// window is that of a query; without one it is the lookback.
func (d *Driver) window(q driver.Query) signal.Window {
	w := q.Window
	if w.To.IsZero() {
		w.To = time.Now().Add(time.Minute) // its clock may be ahead
	}
	if w.From.IsZero() {
		w.From = w.To.Add(-d.opt.Lookback)
	}
	return w
}

var errMetric = errors.New("the query gives numbers, not records: leave rate or count_over_time out")
