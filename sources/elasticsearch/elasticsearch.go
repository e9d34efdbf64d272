// Package elasticsearch is a source of log records from Elasticsearch and OpenSearch: it follows what is indexed, and searches
// with a point in time and a tie-breaker, so that no record is lost or doubled at the border of two pages.
//
// It speaks the documented search API through sources/client. The official client, go-elasticsearch v8, brings 896 packages
// (800,000 lines, for its typed API), refuses to speak to OpenSearch, and has no bound on what an answer unpacks to; of it all, five
// requests are needed here.
package elasticsearch

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"gameday/sources/client"
	"gameday/sources/driver"
)

// Options are what a configuration can say besides how it is reached. What fields are called stands in rename.
type Options struct {
	Index      string        `yaml:"index" doc:"Which indices, aliases and data streams, with wildcards and commas. Default logs-*."`
	Follow     string        `yaml:"follow" enum:"poll,off" doc:"Whether new records are asked for again and again. Default poll."`
	Backlog    time.Duration `yaml:"backlog" doc:"How far back it begins when gameday starts. Default 1m."`
	Overlap    time.Duration `yaml:"overlap" doc:"How late a record may be found after its time: the way through shippers, and the index's refresh interval. Default 30s."`
	Lookback   time.Duration `yaml:"lookback" doc:"How far back an ID is looked for when nobody says when it was. Default 168h."`
	Page       int           `yaml:"page" doc:"Records of one answer; at most index.max_result_window. Default 1000."`
	TieBreaker string        `yaml:"tieBreaker" doc:"Field that tells records of the same time apart. Default _shard_doc on Elasticsearch, _id on OpenSearch."`
}

// Kind describes the driver.
func Kind() driver.Kind {
	return driver.Kind{Name: "elasticsearch", Help: "Log records from Elasticsearch or OpenSearch.", Signals: []string{"logs"}, Usual: "http://localhost:9200",
		Schema: &Options{}, Open: Open}
}

const (
	maxPage      = 10_000 // the default of index.max_result_window
	defaultLimit = 1000
	maxLimit     = 100_000
	maxGap       = 5 * time.Minute // of what was missed while it was away; older records are asked for, not followed
)

// Driver is one cluster. Its methods may be called from any goroutine.
type Driver struct {
	client *client.Client
	opt    Options
	every  time.Duration
	fields fields

	mu     sync.Mutex
	flavor flavor
	cursor time.Time // what is older was emitted
}

// flavor is how a point in time is opened.
type flavor uint8

const (
	unknown flavor = iota
	elastic
	opensearch
	plain // there is none: Elasticsearch before 7.10
)

// Open makes a driver.
func Open(s driver.Settings) (driver.Driver, error) {
	o := Options{Index: "logs-*", Follow: "poll", Backlog: time.Minute, Overlap: 30 * time.Second, Lookback: 7 * 24 * time.Hour, Page: 1000}
	if s.Options != nil {
		s.Options.Decode(&o)
		if o.Page < 1 || o.Page > maxPage {
			s.Options.Reportf("page", "must be from 1 to %d", maxPage)
		}
		if o.Backlog < 0 || o.Overlap < 0 {
			s.Options.Reportf("backlog", "backlog and overlap must not be negative")
		}
		if o.Lookback <= 0 {
			s.Options.Reportf("lookback", "must be more than 0")
		}
		if o.Index == "" || strings.ContainsAny(o.Index, "/?#\\ ") || o.Index[0] == '_' {
			s.Options.Reportf("index", "must be names of indices, such as logs-*,filebeat-*")
		}
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
		every = 5 * time.Second
	}
	return &Driver{client: c, opt: o, every: every, fields: newFields(s)}, nil
}

// Close gives idle connections up.
func (d *Driver) Close() error {
	d.client.Close()
	return nil
}

// path is one of the index's.
func (d *Driver) path(rest string) string { return "/" + d.opt.Index + rest }

// fields are what the system calls what gameday knows, the best first.
type fields struct {
	source                                      string
	time                                        string
	body, service, severity, trace, span, joins []string
}

// newFields are those of the Elastic Common Schema, of OpenTelemetry's mappings, and what shippers write without either; what
// the configuration renames comes first.
func newFields(s driver.Settings) fields {
	f := fields{source: s.Name, time: "@timestamp",
		body:     []string{"message", "body.text", "body", "log", "msg", "event.original"},
		service:  []string{"service.name", "resource.attributes.service.name", "resource.service.name", "serviceName", "kubernetes.labels.app", "kubernetes.container.name", "service"},
		severity: []string{"log.level", "severity_text", "severity.text", "level", "severity"},
		trace:    []string{"trace.id", "trace_id", "traceId", "traceID", "TraceId", "dd.trace_id"},
		span:     []string{"span.id", "span_id", "spanId", "SpanId", "dd.span_id"},
		joins:    s.Fields,
	}
	var names []string
	for name := range s.Rename {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch s.Rename[name] {
		case "time":
			f.time = name
		case "body":
			f.body = append([]string{name}, f.body...)
		case "service":
			f.service = append([]string{name}, f.service...)
		case "severity":
			f.severity = append([]string{name}, f.severity...)
		case "trace_id":
			f.trace = append([]string{name}, f.trace...)
		case "span_id":
			f.span = append([]string{name}, f.span...)
		}
	}
	return f
}

// lacks reports whether an answer means that the system does not know the request, so that another may be tried.
func lacks(err error) bool {
	var refused *client.StatusError
	if !asStatus(err, &refused) {
		return false
	}
	return refused.Code == http.StatusNotFound || refused.Code == http.StatusMethodNotAllowed || refused.Code == http.StatusBadRequest
}

// pause waits, and reports whether there is something to go on for.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
