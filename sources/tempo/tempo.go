// Package tempo reads traces from Grafana Tempo: a trace by its ID (/api/v2/traces), searches in TraceQL (/api/search), and
// the tags that complete them.
package tempo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/jsonstream"
	"gameday/sources/signal"
	"gameday/sources/tracing"
)

// Options is what a source of kind tempo knows besides.
type Options struct {
	Lookback time.Duration `yaml:"lookback" doc:"How far back recent traces are asked for each time; spans come in late. Default 1m."`
	Limit    int           `yaml:"limit" doc:"Traces that are asked for at once. Default 50."`
	Follow   string        `yaml:"follow" doc:"TraceQL of the traces that are followed. Default { }, which is all."`
	Encoding string        `yaml:"encoding" doc:"What traces are asked for in: protobuf (default) or json."`
}

const (
	defaultLimit = 50
	// maxPageSpans bounds how many spans one answer may have.
	maxPageSpans = 20_000
	// atOnce is how many traces are read at the same time: a search answers with their IDs only.
	atOnce = 4
)

// Kind is how a configuration names it.
func Kind() driver.Kind {
	return driver.Kind{Name: "tempo", Help: "Traces from Grafana Tempo, searched in TraceQL.", Signals: []string{"traces"}, Usual: "http://localhost:3200",
		Schema: &Options{}, Open: func(s driver.Settings) (driver.Driver, error) {
			d, err := Open(s)
			if err != nil {
				return nil, err
			}
			return d, nil
		}}
}

// Driver is one Tempo. All methods may be called from any goroutine, Run once at a time.
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
} = (*Driver)(nil)

// Open makes a driver. The address is that of the query front end, with a prefix if it has one.
func Open(s driver.Settings) (*Driver, error) {
	d := &Driver{settings: s, options: Options{Limit: defaultLimit, Follow: "{ }", Encoding: "protobuf"}}
	if s.Options != nil {
		s.Options.Decode(&d.options)
		if d.options.Limit < 1 {
			s.Options.Reportf("limit", "must be at least 1")
		}
		if d.options.Lookback < 0 {
			s.Options.Reportf("lookback", "must not be negative")
		}
		if d.options.Encoding != "protobuf" && d.options.Encoding != "json" {
			s.Options.Reportf("encoding", "must be protobuf or json")
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

// Run follows the recent traces.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	return d.follower.Run(ctx, emit)
}

func (d *Driver) recent(ctx context.Context, w signal.Window) ([]signal.Span, error) {
	spans, _, err := d.search(ctx, w, d.options.Follow, d.options.Limit*10)
	return spans, err
}

// search finds the IDs and then reads the traces.
func (d *Driver) search(ctx context.Context, w signal.Window, query string, total int) ([]signal.Span, bool, error) {
	limit := min(d.options.Limit, total)
	return tracing.Pages(ctx, w, total, func(ctx context.Context, w signal.Window) (tracing.Page, error) {
		found, all, err := d.find(ctx, w, query, limit)
		p := tracing.Page{Full: all >= limit}
		if err != nil {
			return p, err
		}
		p.Spans, err = d.traces(ctx, w, found)
		ids := map[signal.TraceID]bool{}
		for i := range p.Spans {
			ids[p.Spans[i].TraceID] = true
		}
		p.Traces = len(ids)
		return p, err
	})
}

// hit is one trace of a search.
type hit struct {
	id    signal.TraceID
	start time.Time
}

// find asks /api/search. Its window is in whole seconds; hits outside of ours are left out again, and counted in all.
func (d *Driver) find(ctx context.Context, w signal.Window, query string, limit int) (found []hit, all int, err error) {
	q := url.Values{"q": {query}, "limit": {strconv.Itoa(limit)}, "start": {strconv.FormatInt(w.From.Unix(), 10)},
		"end": {strconv.FormatInt(w.To.Add(time.Second-time.Nanosecond).Unix(), 10)}}
	r := client.Request{Path: "/api/search", Query: q}
	err = d.client.ReadJSON(ctx, r, jsonstream.Limits{}, func(in *jsonstream.Reader) error {
		return in.Object(func(key string) error {
			if key != "traces" {
				return in.Skip()
			}
			return in.Array(func() error {
				var t struct{ TraceID, StartTimeUnixNano string }
				if err := in.Decode(&t); err != nil {
					return err
				}
				id, ok := signal.ParseTraceID(strings.Repeat("0", max(32-len(t.TraceID), 0)) + t.TraceID) // its zeros may be missing
				if !ok {
					return nil
				}
				ns, err := strconv.ParseInt(t.StartTimeUnixNano, 10, 64)
				all++
				if h := (hit{id, time.Unix(0, ns)}); err != nil || w.Contains(h.start) {
					found = append(found, h)
				}
				if all > limit {
					return client.ErrTruncated
				}
				return nil
			})
		})
	})
	return found, all, err
}

// traces reads some traces, a few at a time. What was read before an error is returned with it.
func (d *Driver) traces(ctx context.Context, w signal.Window, found []hit) ([]signal.Span, error) {
	parts := make([][]signal.Span, len(found))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, h := range found {
		g.Go(func() (err error) {
			parts[i], err = d.trace(ctx, h.id, w)
			if errors.Is(err, driver.ErrNotFound) { // found, and gone since
				err = nil
			}
			return err
		})
	}
	err := g.Wait()
	return slices.Concat(parts...), err
}

// Query finds one trace by its ID, or the traces with a correlation field's value, or those of a search: TraceQL when it
// begins with {, and otherwise what the other trace systems are asked in (tracing.SearchHelp). The limit counts traces.
func (d *Driver) Query(ctx context.Context, q driver.Query) (driver.Answer, error) {
	if q.Limit <= 0 {
		q.Limit = d.options.Limit
	}
	if id, ok := q.ID.TraceID(); ok {
		spans, err := d.trace(ctx, id, q.Window)
		if len(spans) > 0 || err != nil && !errors.Is(err, driver.ErrNotFound) || len(d.settings.Fields) == 0 {
			return tracing.Answer(spans, false, err)
		}
	}
	query, err := traceQL(q.Text)
	if err != nil {
		return driver.Answer{}, err
	}
	q.Window = tracing.Window(q.Window)
	if q.ID == "" {
		return tracing.Answer(d.search(ctx, q.Window, query, q.Limit))
	}
	var any []string
	for _, f := range d.settings.Fields {
		any = append(any, "."+attribute(f)+" = "+strconv.Quote(string(q.ID)))
	}
	if len(any) == 0 {
		return driver.Answer{}, fmt.Errorf("tempo: %s is no trace ID, and no fields are configured to look for it: %w", q.ID, driver.ErrNotFound)
	}
	a, err := tracing.Answer(d.search(ctx, q.Window, "{ "+strings.Join(any, " || ")+" }", q.Limit))
	if err == nil && len(a.Spans) == 0 {
		err = fmt.Errorf("tempo: %s is in none of the fields %s: %w", q.ID, strings.Join(d.settings.Fields, ", "), driver.ErrNotFound)
	}
	return a, err
}

// traceQL writes a search in Tempo's language.
func traceQL(text string) (string, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return text, nil
	}
	s, err := tracing.ParseSearch(text)
	if err != nil {
		return "", fmt.Errorf("%w; or TraceQL, such as { status = error && duration > 200ms }", err)
	}
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s.Service != "" {
		add("resource.service.name = %s", strconv.Quote(s.Service))
	}
	if s.Operation != "" {
		add("name = %s", strconv.Quote(s.Operation))
	}
	if s.Failed {
		add("status = error")
	}
	if s.MinDuration > 0 {
		add("duration >= %s", s.MinDuration)
	}
	if s.MaxDuration > 0 {
		add("duration <= %s", s.MaxDuration)
	}
	for _, t := range s.Tags {
		value := strconv.Quote(t.Value)
		if _, err := strconv.ParseFloat(t.Value, 64); err == nil { // a number there is no text
			add("(.%[1]s = %[2]s || .%[1]s = %[3]s)", attribute(t.Key), value, t.Value)
			continue
		}
		add(".%s = %s", attribute(t.Key), value)
	}
	return "{ " + strings.Join(parts, " && ") + " }", nil
}

// attribute writes a name, in quotes where it has characters that mean something else.
func attribute(key string) string {
	if strings.ContainsFunc(key, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-/:", r))
	}) {
		return strconv.Quote(key)
	}
	return key
}

// Check says whether Tempo is there and lets gameday read, how its clock is, and whether it has traces.
func (d *Driver) Check(ctx context.Context) []driver.Finding {
	found, ok := examine.HTTP(ctx, d.client, client.Request{Path: "/api/search/tags"})
	if !ok {
		return found
	}
	names, err := d.Complete(ctx, driver.WordService, "", "", 1000)
	f := driver.Finding{Name: "services", State: driver.FindingGood, Says: fmt.Sprintf("traces of %d services", len(names))}
	switch {
	case err != nil:
		f = driver.Finding{Name: f.Name, State: driver.FindingUnknown, Says: err.Error()}
	case len(names) == 0:
		f = driver.Finding{Name: f.Name, State: driver.FindingPoor, Says: "it has no recent traces of any service",
			Advice: "point the exporters of the services, or the collector between, at Tempo's OTLP port, 4317"}
	}
	return append(found, f)
}

// Complete knows services, operations, tags and their values.
func (d *Driver) Complete(ctx context.Context, kind driver.WordKind, of, prefix string, limit int) ([]string, error) {
	r := client.Request{}
	list := "tagValues"
	switch kind {
	case driver.WordService:
		r.Path = "/api/v2/search/tag/resource.service.name/values"
	case driver.WordOperation:
		r.Path = "/api/v2/search/tag/name/values"
		if of != "" {
			r.Query = url.Values{"q": {"{ resource.service.name = " + strconv.Quote(of) + " }"}}
		}
	case driver.WordLabelValue:
		r.Path = "/api/v2/search/tag/." + url.PathEscape(of) + "/values"
	case driver.WordLabel:
		r.Path, list = "/api/search/tags", "tagNames"
	default:
		return nil, nil
	}
	var words []string
	err := d.client.ReadJSON(ctx, r, jsonstream.Limits{}, func(in *jsonstream.Reader) error {
		return in.Object(func(key string) error {
			if key != list {
				return in.Skip()
			}
			return in.Array(func() error {
				w, err := oneWord(in)
				if len(words) == maxPageSpans {
					return client.ErrTruncated
				}
				words = append(words, w)
				return err
			})
		})
	})
	return tracing.Words(words, prefix, limit), err
}

// oneWord is a text, or {"type", "value"}.
func oneWord(in *jsonstream.Reader) (string, error) {
	kind, err := in.Kind()
	if err != nil || kind != '{' {
		if err != nil {
			return "", err
		}
		return in.Scalar()
	}
	var v struct{ Value string }
	err = in.Decode(&v)
	return v.Value, err
}

// notFound reports that Tempo does not know the trace.
func notFound(err error) bool {
	var refused *client.StatusError
	return errors.As(err, &refused) && refused.Code == http.StatusNotFound
}
