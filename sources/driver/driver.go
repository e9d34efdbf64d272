// Package driver says what a back-end implements to be a source of signals. It holds no code of its own: supervision,
// back-off and health belong to package sources, memory to package store.
//
// A driver implements Driver, and whichever of the optional interfaces its system can answer; whoever needs one asks for
// it with a type assertion. Kind describes a driver to package sources/all, which is the list of them.
package driver

import (
	"context"
	"errors"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// Driver pushes what is new until ctx ends. It does not retry, sleep between failures or log: its supervisor does.
// It returns nil when ctx ended, and otherwise an error that says what was attempted, with which address.
// emit may block (back-pressure) and takes ownership of the batch. Signals are emitted as they came: the supervisor
// sends them through the sanitiser.
//
// A driver whose system has nothing to push, such as a metric server that is only asked, checks every few seconds that
// the system still answers, so that its health on screen is true.
type Driver interface {
	Run(ctx context.Context, emit func(signal.Batch)) error
}

// Query asks a back-end for the past.
type Query struct {
	Window signal.Window
	// ID asks for one correlation ID only, in whatever forms the system may have it; "" for everything. With an ID, a zero
	// Window means whenever it was.
	ID    signal.CorrelationID
	Text  string // in the back-end's own language; "" for everything
	Limit int    // of records or of traces; 0 lets the driver choose
}

// Answer is what a back-end knows. Its text has not been through the sanitiser.
type Answer struct {
	signal.Batch
	Truncated bool     // there is more than the limit, the driver's cap on bytes, or the system's own
	Warnings  []string // what the system said besides
}

// Querier answers for the past with log records, spans or events.
type Querier interface {
	Query(ctx context.Context, q Query) (Answer, error)
}

// Metrics answers PromQL. Errors are whole sentences that quote the query. A gap in a series is one sample with the value
// NaN; a step of zero lets the driver choose. Range and Instant return what they have beside an error that is
// client.ErrTruncated when the system has more than is read.
type Metrics interface {
	Range(ctx context.Context, query string, w signal.Window, step time.Duration) ([]signal.Series, error)
	Instant(ctx context.Context, query string, at time.Time) ([]signal.Series, error)
	Exemplars(ctx context.Context, query string, w signal.Window) ([]signal.Exemplar, error)
}

// Describer says what a metric is: its type (counter, gauge, histogram, …), its help and its unit; "" for what the system does
// not know.
type Describer interface {
	Describe(ctx context.Context, metric string) (kind, help, unit string, err error)
}

// Completer knows which words fit: names of metrics, labels, services, operations, as its system calls them.
type Completer interface {
	// Complete lists the known words of a kind that begin with prefix, sorted, at most limit. of narrows it, such as to
	// the label whose values are wanted; kinds that a driver does not know have no words.
	Complete(ctx context.Context, kind WordKind, of, prefix string, limit int) ([]string, error)
}

// WordKind says what a word names.
type WordKind uint8

// The kinds of words.
const (
	WordMetric WordKind = iota
	WordLabel
	WordLabelValue // of names the label, or InMetric the label of one metric
	WordService
	WordOperation // of names the service
)

// InMetric names a label of one metric for WordLabelValue: its values in other metrics' series are not wanted.
func InMetric(metric, label string) string {
	if metric == "" {
		return label
	}
	return metric + "{" + label + "}"
}

// OfMetric takes apart what InMetric wrote; metric is "" for a label alone.
func OfMetric(of string) (metric, label string) {
	if metric, label, ok := strings.Cut(of, "{"); ok {
		return metric, strings.TrimSuffix(label, "}")
	}
	return "", of
}

// Checker examines its system for the doctor: is it reachable, is gameday authorised, does its clock agree, are the
// links between the pillars there (exemplars, trace IDs in logs). It changes nothing.
type Checker interface {
	Check(ctx context.Context) []Finding
}

// Finding is one thing that a Checker found out.
type Finding struct {
	Name   string // "reachable", "authorised", "clock", "exemplars", "trace IDs"
	State  FindingState
	Says   string // one sentence
	Advice string // what to change on the system; "" when nothing
}

// FindingState says whether a finding is good.
type FindingState uint8

// The states of a finding. Unknown is what could not be found out, such as when there is no data yet.
const (
	FindingGood FindingState = iota
	FindingPoor
	FindingBad
	FindingUnknown
)

// Silencer can keep alerts quiet.
type Silencer interface {
	// Silence keeps alerts quiet that have these labels, until then, and returns the silence's ID. The reason and by stand
	// beside it for everybody.
	Silence(ctx context.Context, match signal.Attrs, until time.Time, by, reason string) (id string, err error)
	// Expire ends a silence at once.
	Expire(ctx context.Context, id string) error
	// Silences are those that are in force or will be, the ones that end first first.
	Silences(ctx context.Context) ([]Silence, error)
}

// Silence keeps alerts quiet.
type Silence struct {
	ID         string
	Match      string // {service="payment"}, as the system writes it
	From, To   time.Time
	By, Reason string
}

// Exporter takes what gameday itself has to tell: its timeline, and the requests of its load that are worth looking at.
// Export is called from one goroutine and may take as long as ctx allows; what it cannot deliver is an error, and is
// not sent again.
type Exporter interface {
	Export(ctx context.Context, b signal.Batch) error
}

// Grapher knows who calls whom.
type Grapher interface {
	Dependencies(ctx context.Context, w signal.Window) ([]Edge, error)
}

// Edge is one caller and whom it calls.
type Edge struct {
	From, To string
	Calls    uint64 // in the window; 0 when the system does not count
}

// ErrNotFound is returned when the system answered that it does not know what was asked for.
var ErrNotFound = errors.New("not found")

// Settings is one source of the configuration, as its driver gets it.
type Settings struct {
	Name    string // unique; what the operator calls it
	Address string
	Client  client.Config // how it is reached: authorisation, TLS, headers, limits
	// Every is how often a driver asks what its system does not push: alerts, whether it still answers. Zero lets the driver
	// choose; 5 s is usual.
	Every time.Duration
	// Fields are the attributes whose values join signals besides the trace ID.
	Fields []string
	// Rename maps the system's own label or field names to those that gameday knows: service, severity, trace_id, span_id,
	// body, time.
	Rename map[string]string
	// Options is what the kind alone knows; nil when the configuration has none. The driver decodes it into a struct of its own
	// and reports there what is wrong.
	Options *spec.Document
}

// Kind is one kind of source that a configuration can name.
type Kind struct {
	Name    string   // "prometheus": what stands at kind:
	Help    string   // one sentence
	Signals []string // of "metrics", "logs", "traces", "alerts": what it brings
	Usual   string   // the address it has on the machine of somebody who has just installed it; "" when there is none
	// Schema is a pointer to the zero value of the struct that Options decodes into, for schemas and docs; nil when the kind
	// has no options.
	Schema any
	// Open makes a driver. It reaches for nothing yet: an error is a fault of the settings.
	Open func(s Settings) (Driver, error)
}
