// Package jaeger reads traces from Jaeger's query service: over gRPC (api_v2) where it is there, otherwise over the HTTP API
// that its own screen uses.
package jaeger

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"gameday/sources/driver"
	"gameday/sources/signal"
	"gameday/sources/tracing"
)

// The ports that Jaeger's query service has unless somebody chose others.
const (
	usualHTTP = "16686"
	usualGRPC = "16685"
)

// Options is what a source of kind jaeger knows besides.
type Options struct {
	Services []string      `yaml:"services" doc:"Services whose traces are followed. Default all."`
	Lookback time.Duration `yaml:"lookback" doc:"How far back recent traces are asked for each time; spans come in late. Default 1m."`
	Limit    int           `yaml:"limit" doc:"Traces of one service that are asked for at once. Default 100."`
	GRPC     string        `yaml:"grpc" doc:"Address of the gRPC side, when it cannot be told from the source's address."`
	HTTP     string        `yaml:"http" doc:"Address of the HTTP side, when it cannot be told from the source's address."`
}

const defaultLimit = 100

// Kind is how a configuration names it.
func Kind() driver.Kind {
	return driver.Kind{Name: "jaeger", Help: "Traces from Jaeger's query service, over gRPC or HTTP.", Signals: []string{"traces"},
		Usual: "http://localhost:16686", Schema: &Options{}, Open: func(s driver.Settings) (driver.Driver, error) {
			d, err := Open(s)
			if err != nil {
				return nil, err
			}
			return d, nil
		}}
}

// reader is one way to Jaeger.
type reader interface {
	services(ctx context.Context) ([]string, error)
	operations(ctx context.Context, service string) ([]string, error)
	// find and trace return what they read beside an error.
	find(ctx context.Context, w signal.Window, s tracing.Search, limit int) (tracing.Page, error)
	trace(ctx context.Context, id signal.TraceID) ([]signal.Span, error)
	dependencies(ctx context.Context, w signal.Window) ([]driver.Edge, error)
}

// Driver is one Jaeger. All methods may be called from any goroutine, Run once at a time.
type Driver struct {
	settings driver.Settings
	options  Options
	follower *tracing.Follower
	grpc     *overGRPC // nil: there is none
	http     *overHTTP // nil: there is none

	mu      sync.Mutex
	without time.Time // gRPC was not there; it is tried again then
}

var _ interface {
	driver.Driver
	driver.Querier
	driver.Completer
	driver.Checker
	driver.Grapher
} = (*Driver)(nil)

// Open makes a driver. The address is that of Jaeger's screen (http://host:16686, also with a path), whose gRPC side is then
// on port 16685 of the same host, or that of the gRPC side alone (host:16685, grpc://… or grpcs://… with TLS).
func Open(s driver.Settings) (*Driver, error) {
	d := &Driver{settings: s}
	if s.Options != nil {
		s.Options.Decode(&d.options)
		if d.options.Limit < 0 {
			s.Options.Reportf("limit", "must not be negative")
		}
		if d.options.Lookback < 0 {
			s.Options.Reportf("lookback", "must not be negative")
		}
		if err := s.Options.Err(); err != nil {
			return nil, err
		}
	}
	if d.options.Limit == 0 {
		d.options.Limit = defaultLimit
	}
	grpcAddr, httpAddr := sides(s.Address)
	if d.options.GRPC != "" {
		grpcAddr = d.options.GRPC
	}
	if d.options.HTTP != "" {
		httpAddr = d.options.HTTP
	}
	var err error
	if httpAddr != "" {
		if d.http, err = newHTTP(d, httpAddr); err != nil {
			return nil, err
		}
	}
	if grpcAddr != "" {
		if d.grpc, err = newGRPC(d, grpcAddr); err != nil {
			return nil, err
		}
	}
	d.follower = tracing.NewFollower(tracing.FollowConfig{Every: s.Every, Lookback: d.options.Lookback, Ask: d.recent})
	return d, nil
}

// sides tells the two addresses from one.
func sides(address string) (grpcAddr, httpAddr string) {
	scheme, rest, named := strings.Cut(address, "://")
	if !named {
		rest = address
	}
	switch {
	case scheme == "grpc" || scheme == "grpcs":
		return address, ""
	case !named && strings.HasSuffix(rest, ":"+usualGRPC):
		return "grpc://" + rest, ""
	}
	httpAddr = address
	u, err := url.Parse(address)
	if !named {
		u, err = url.Parse("http://" + address)
	}
	if err == nil && u.Port() == usualHTTP {
		grpcAddr = "grpc://" + net.JoinHostPort(u.Hostname(), usualGRPC)
		if u.Scheme == "https" {
			grpcAddr = "grpcs" + strings.TrimPrefix(grpcAddr, "grpc")
		}
	}
	return grpcAddr, httpAddr
}

// Close gives the connections back.
func (d *Driver) Close() error {
	var err error
	if d.grpc != nil {
		err = d.grpc.conn.Close()
	}
	if d.http != nil {
		d.http.client.Close()
	}
	return err
}

// withoutFor is how long HTTP is used before gRPC is tried again.
const withoutFor = time.Minute

// with calls f with gRPC and, when that is not there, with HTTP.
func (d *Driver) with(f func(reader) error) error {
	d.mu.Lock()
	skip := time.Now().Before(d.without)
	d.mu.Unlock()
	var first error
	if d.grpc != nil && (d.http == nil || !skip) {
		first = f(d.grpc)
		if c := status.Code(first); d.http == nil || c != codes.Unavailable && c != codes.Unimplemented {
			return first
		}
	}
	err := f(d.http)
	if first != nil && err == nil { // when neither is there, both are tried again
		d.mu.Lock()
		d.without = time.Now().Add(withoutFor)
		d.mu.Unlock()
	}
	return err
}

// Run follows the recent traces of all services, or of those in the options.
func (d *Driver) Run(ctx context.Context, emit func(signal.Batch)) error {
	return d.follower.Run(ctx, emit)
}

// maxServices bounds how many services are asked about when none is named.
const maxServices = 200

func (d *Driver) serviceNames(ctx context.Context) (names []string, err error) {
	if len(d.options.Services) > 0 {
		return d.options.Services, nil
	}
	err = d.with(func(r reader) error {
		names, err = r.services(ctx)
		return err
	})
	slices.Sort(names)
	return names[:min(len(names), maxServices)], err
}

func (d *Driver) recent(ctx context.Context, w signal.Window) (spans []signal.Span, err error) {
	spans, _, err = d.search(ctx, w, tracing.Search{}, d.options.Limit*maxServices)
	return spans, err
}

// search asks about one service, or one after the other about all, because Jaeger searches one at a time.
func (d *Driver) search(ctx context.Context, w signal.Window, s tracing.Search, total int) (spans []signal.Span, more bool, err error) {
	names := []string{s.Service}
	if s.Service == "" {
		if names, err = d.serviceNames(ctx); err != nil {
			return nil, false, err
		}
	}
	traces := make(map[signal.TraceID]bool)
	for _, name := range names {
		s.Service = name
		found, rest, err := d.searchOne(ctx, w, s, total)
		whole := make(map[signal.TraceID]bool) // a trace that another service has as well was read already
		for _, sp := range found {
			if traces[sp.TraceID] && !whole[sp.TraceID] {
				continue
			}
			if !traces[sp.TraceID] && len(traces) >= total {
				rest = true
				continue
			}
			traces[sp.TraceID], whole[sp.TraceID] = true, true
			spans = append(spans, sp)
		}
		more = more || rest
		if err != nil {
			return spans, true, err
		}
	}
	return spans, more, nil
}

func (d *Driver) searchOne(ctx context.Context, w signal.Window, s tracing.Search, total int) (spans []signal.Span, more bool, err error) {
	err = d.with(func(r reader) error {
		limit := min(d.options.Limit, total)
		spans, more, err = tracing.Pages(ctx, w, total, func(ctx context.Context, w signal.Window) (tracing.Page, error) {
			return r.find(ctx, w, s, limit)
		})
		return err
	})
	return spans, more, err
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
	return tracing.System{Name: "jaeger", Fields: d.settings.Fields, ByID: d.byID, Search: search}.Query(ctx, q)
}

func (d *Driver) byID(ctx context.Context, id signal.TraceID) (driver.Answer, error) {
	var spans []signal.Span
	err := d.with(func(r reader) (err error) {
		spans, err = r.trace(ctx, id)
		return err
	})
	return tracing.Answer(spans, false, err)
}

// Complete knows services and operations.
func (d *Driver) Complete(ctx context.Context, kind driver.WordKind, of, prefix string, limit int) ([]string, error) {
	var words []string
	err := d.with(func(r reader) (err error) {
		switch kind {
		case driver.WordService:
			words, err = r.services(ctx)
		case driver.WordOperation:
			words, err = r.operations(ctx, of)
		}
		return err
	})
	return tracing.Words(words, prefix, limit), err
}

// Dependencies are the calls that Jaeger counted. The in-memory storage counts them when asked; others need Jaeger's own job.
func (d *Driver) Dependencies(ctx context.Context, w signal.Window) (edges []driver.Edge, err error) {
	err = d.with(func(r reader) error {
		edges, err = r.dependencies(ctx, w)
		return err
	})
	return edges, err
}
