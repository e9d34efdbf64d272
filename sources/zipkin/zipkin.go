// Package zipkin reads traces from Zipkin's API, version 2, and from whatever else answers in it.
package zipkin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
	"gameday/sources/tracing"
	"gameday/sources/zipkin/wire"
)

// Options is what a source of kind zipkin knows besides.
type Options struct {
	Services []string      `yaml:"services" doc:"Services whose traces are followed. Default all."`
	Lookback time.Duration `yaml:"lookback" doc:"How far back recent traces are asked for each time; spans come in late. Default 1m."`
	Limit    int           `yaml:"limit" doc:"Traces that are asked for at once. Default 100."`
}

const (
	defaultLimit = 100
	// maxPageSpans bounds how many spans one answer may have: more are cut off, as are more bytes than MaxBytes.
	maxPageSpans = 20_000
)

// Kind is how a configuration names it.
func Kind() driver.Kind {
	return driver.Kind{Name: "zipkin", Help: "Traces from Zipkin's API, version 2.", Signals: []string{"traces"}, Usual: "http://localhost:9411",
		Schema: &Options{}, Open: func(s driver.Settings) (driver.Driver, error) {
			d, err := Open(s)
			if err != nil {
				return nil, err
			}
			return d, nil
		}}
}

// Driver is one Zipkin. All methods may be called from any goroutine, Run once at a time.
type Driver struct {
	settings driver.Settings
	options  Options
	client   *client.Client
	follower *tracing.Follower
}

var _ interface {
	driver.Driver
	driver.Querier
	driver.Completer
	driver.Checker
	driver.Grapher
} = (*Driver)(nil)

// Open makes a driver. The address is that of Zipkin's screen, with a path if it has one.
func Open(s driver.Settings) (*Driver, error) {
	d := &Driver{settings: s, options: Options{Limit: defaultLimit}}
	if s.Options != nil {
		s.Options.Decode(&d.options)
		if d.options.Limit < 1 {
			s.Options.Reportf("limit", "must be at least 1")
		}
		if d.options.Lookback < 0 {
			s.Options.Reportf("lookback", "must not be negative")
		}
		if err := s.Options.Err(); err != nil {
			return nil, err
		}
	}
	var err error
	if d.client, err = client.New(s.Address, s.Client); err != nil {
		return nil, err
	}
	d.follower = tracing.NewFollower(tracing.FollowConfig{Every: s.Every, Lookback: d.options.Lookback, Ask: d.recent})
	return d, nil
}

// Close gives idle connections up.
func (d *Driver) Close() error {
	d.client.Close()
	return nil
}

// Run follows the recent traces of all services, or of those in the options.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	return d.follower.Run(ctx, emit)
}

// maxFollowed bounds how many traces are taken each time.
const maxFollowed = 10_000

func (d *Driver) recent(ctx context.Context, w signal.Window) (all []signal.Span, err error) {
	services := d.options.Services
	if len(services) == 0 {
		services = []string{""}
	}
	for _, name := range services {
		spans, _, err := d.search(ctx, w, tracing.Search{Service: name}, maxFollowed)
		all = append(all, spans...)
		if err != nil && !errors.Is(err, client.ErrTruncated) { // what was cut off is asked for again the next time
			return all, err
		}
	}
	return all, nil
}

func (d *Driver) search(ctx context.Context, w signal.Window, s tracing.Search, total int) ([]signal.Span, bool, error) {
	limit := min(d.options.Limit, total)
	return tracing.Pages(ctx, w, total, func(ctx context.Context, w signal.Window) (tracing.Page, error) {
		return d.find(ctx, w, s, limit)
	})
}

// find asks /api/v2/traces. Its window ends at endTs, in milliseconds, and includes it.
func (d *Driver) find(ctx context.Context, w signal.Window, s tracing.Search, limit int) (p tracing.Page, err error) {
	end := w.To.Add(-time.Nanosecond).UnixMilli()
	q := url.Values{"endTs": {strconv.FormatInt(end, 10)}, "lookback": {strconv.FormatInt(max(end-w.From.UnixMilli(), 1), 10)}, "limit": {strconv.Itoa(limit)}}
	if s.Service != "" {
		q.Set("serviceName", strings.ToLower(s.Service)) // as Zipkin keeps them
	}
	if s.Operation != "" {
		q.Set("spanName", strings.ToLower(s.Operation))
	}
	if s.MinDuration > 0 {
		q.Set("minDuration", strconv.FormatInt(max(s.MinDuration.Microseconds(), 1), 10))
	}
	if s.MaxDuration > 0 { // only beside a least one
		q.Set("maxDuration", strconv.FormatInt(max(s.MaxDuration.Microseconds(), 1), 10))
		q.Set("minDuration", strconv.FormatInt(max(s.MinDuration.Microseconds(), 1), 10))
	}
	if text := annotationQuery(s); text != "" {
		q.Set("annotationQuery", text)
	}
	r := client.Request{Path: "/api/v2/traces", Query: q}
	err = d.client.ReadJSON(ctx, r, jsonstream.Limits{}, func(in *jsonstream.Reader) error {
		return in.Array(func() error {
			before := len(p.Spans)
			err := d.spans(in, &p.Spans)
			if len(p.Spans) > before {
				p.Traces++
			}
			return err
		})
	})
	p.Full = p.Traces >= limit
	return p, err
}

// annotationQuery is the tags of a search in Zipkin's own notation.
func annotationQuery(s tracing.Search) string {
	var parts []string
	for _, t := range s.Tags {
		parts = append(parts, t.Key+"="+t.Value)
	}
	if s.Failed {
		parts = append(parts, "error")
	}
	return strings.Join(parts, " and ")
}

// spans reads one list of spans, as much as may still be read.
func (d *Driver) spans(in *jsonstream.Reader, out *[]signal.Span) error {
	_, err := wire.Reader{Source: d.settings.Name, Now: time.Now(), Most: maxPageSpans}.List(in, out)
	if errors.Is(err, wire.ErrMany) {
		err = client.ErrTruncated
	}
	return err
}

// Query finds one trace by its ID, or the traces with a correlation field's value in a tag, or those of a search
// (tracing.SearchHelp). The limit counts traces.
func (d *Driver) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	if q.Limit <= 0 {
		q.Limit = d.options.Limit
	}
	search := func(ctx context.Context, w signal.Window, s tracing.Search, limit int) (driver.Answer, error) {
		return tracing.Answer(d.search(ctx, w, s, limit))
	}
	return tracing.System{Name: "zipkin", Fields: d.settings.Fields, ByID: d.byID, Search: search}.Query(ctx, q)
}

// byID asks for the whole ID, and then for its lower half: Zipkin may have been told no more than that.
func (d *Driver) byID(ctx context.Context, id signal.TraceID) (driver.Answer, error) {
	for _, form := range []signal.TraceForm{signal.FormHex, signal.FormHex64} {
		text := id.In(form)
		if text == "" {
			continue
		}
		var spans []signal.Span
		err := d.client.ReadJSON(ctx, client.Request{Path: "/api/v2/trace/" + text}, jsonstream.Limits{}, func(in *jsonstream.Reader) error { return d.spans(in, &spans) })
		var refused *client.StatusError
		if errors.As(err, &refused) && refused.Code == http.StatusNotFound || err == nil && len(spans) == 0 {
			continue
		}
		tracing.Adopt(spans, id)
		return tracing.Answer(spans, false, err)
	}
	return driver.Answer{}, fmt.Errorf("zipkin: %s has no trace %s: %w", d.client.Address(), id, driver.ErrNotFound)
}

func (d *Driver) texts(ctx context.Context, r client.Request) (out []string, err error) {
	err = d.client.ReadJSON(ctx, r, jsonstream.Limits{}, func(in *jsonstream.Reader) error {
		return in.Array(func() error {
			s, err := in.Text()
			if len(out) == maxPageSpans {
				return client.ErrTruncated
			}
			out = append(out, s)
			return err
		})
	})
	return out, err
}

func servicesRequest() client.Request { return client.Request{Path: "/api/v2/services"} }

// Complete knows services, operations, and the tags that Zipkin was told to complete (AUTOCOMPLETE_KEYS).
func (d *Driver) Complete(ctx context.Context, kind driver.WordKind, of, prefix string, limit int) ([]string, error) {
	var r client.Request
	switch kind {
	case driver.WordService:
		r = servicesRequest()
	case driver.WordOperation:
		r = client.Request{Path: "/api/v2/spans", Query: url.Values{"serviceName": {strings.ToLower(of)}}}
	case driver.WordLabel:
		r = client.Request{Path: "/api/v2/autocompleteKeys"}
	case driver.WordLabelValue:
		r = client.Request{Path: "/api/v2/autocompleteValues", Query: url.Values{"key": {of}}}
	default:
		return nil, nil
	}
	words, err := d.texts(ctx, r)
	return tracing.Words(words, prefix, limit), err
}

// Dependencies are the calls that Zipkin counted. Its in-memory storage counts them when asked; others need Zipkin's own job.
func (d *Driver) Dependencies(ctx context.Context, w signal.Window) (edges []driver.Edge, err error) {
	q := url.Values{"endTs": {strconv.FormatInt(w.To.UnixMilli(), 10)}, "lookback": {strconv.FormatInt(max(w.Length().Milliseconds(), 1), 10)}}
	err = d.client.ReadJSON(ctx, client.Request{Path: "/api/v2/dependencies", Query: q}, jsonstream.Limits{}, func(in *jsonstream.Reader) error {
		return in.Array(func() error {
			return tracing.ReadEdge(in, &edges, maxPageSpans)
		})
	})
	return edges, err
}

// Check says whether Zipkin is there and lets gameday read, how its clock is, and whether it has traces.
func (d *Driver) Check(ctx context.Context) []driver.Finding {
	found, ok := examine.HTTP(ctx, d.client, servicesRequest())
	if !ok {
		return found
	}
	names, err := d.texts(ctx, servicesRequest())
	f := driver.Finding{Name: "services", State: driver.FindingGood, Says: fmt.Sprintf("traces of %d services", len(names))}
	switch {
	case err != nil:
		f = driver.Finding{Name: f.Name, State: driver.FindingUnknown, Says: err.Error()}
	case len(names) == 0:
		f = driver.Finding{Name: f.Name, State: driver.FindingPoor, Says: "it has no traces of any service yet",
			Advice: "point the reporters of the services at its /api/v2/spans"}
	}
	return append(found, f)
}
