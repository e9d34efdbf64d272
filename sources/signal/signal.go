// Package signal is the vocabulary of gameday: what sources emit, what the store keeps and what panes draw.
//
// It imports the standard library only, so that chaos, the load engine, drivers and panes can all speak it without
// knowing of each other. Values in here are data: once handed on, nobody changes them.
package signal

import (
	"sort"
	"strings"
	"time"
)

// Window is a half-open span of time [From, To).
type Window struct{ From, To time.Time }

// Contains reports whether t lies in the window.
func (w Window) Contains(t time.Time) bool { return !t.Before(w.From) && t.Before(w.To) }

// Length is the window's duration.
func (w Window) Length() time.Duration { return w.To.Sub(w.From) }

// Attr is one attribute of a record or span, or one label of a series. Values are sanitised before a pane sees them.
type Attr struct{ Key, Value string }

// Attrs is a list of attributes. Sources keep the order they received; labels of a series are sorted by key.
type Attrs []Attr

// Get returns the value of the first attribute with that key, or "".
func (a Attrs) Get(key string) string {
	for i := range a {
		if a[i].Key == key {
			return a[i].Value
		}
	}
	return ""
}

// Sorted returns a copy sorted by key.
func (a Attrs) Sorted() Attrs {
	out := append(Attrs(nil), a...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}

// String renders the attributes as {k="v", …}, the notation of Prometheus.
func (a Attrs) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, at := range a {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(at.Key + `="` + at.Value + `"`)
	}
	b.WriteByte('}')
	return b.String()
}

// Severity is a log record's level. The numbers are those of OpenTelemetry's SeverityNumber, at the start of each range.
type Severity uint8

// The levels, as OpenTelemetry numbers them. SeverityUnset is a record that carried none.
const (
	SeverityUnset Severity = 0
	SeverityTrace Severity = 1
	SeverityDebug Severity = 5
	SeverityInfo  Severity = 9
	SeverityWarn  Severity = 13
	SeverityError Severity = 17
	SeverityFatal Severity = 21
)

// String is the four-letter-or-so name shown in a column: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or "-" when unset.
func (s Severity) String() string {
	switch {
	case s == 0:
		return "-"
	case s < SeverityDebug:
		return "TRACE"
	case s < SeverityInfo:
		return "DEBUG"
	case s < SeverityWarn:
		return "INFO"
	case s < SeverityError:
		return "WARN"
	case s < SeverityFatal:
		return "ERROR"
	}
	return "FATAL"
}

// ParseSeverity reads the usual names in any case ("warn", "WARNING", "err", "critical" …); unknown names are unset.
func ParseSeverity(s string) Severity {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "trace":
		return SeverityTrace
	case "debug", "dbg":
		return SeverityDebug
	case "info", "information", "notice":
		return SeverityInfo
	case "warn", "warning":
		return SeverityWarn
	case "error", "err":
		return SeverityError
	case "fatal", "critical", "crit", "panic", "emerg", "alert":
		return SeverityFatal
	}
	return SeverityUnset
}

// Record is one log record: one row, whatever it contained.
type Record struct {
	Seq      uint64 // order of arrival, given by the store; 0 before that
	Time     time.Time
	Severity Severity
	Service  string
	Body     string
	TraceID  TraceID
	SpanID   SpanID
	Attrs    Attrs
	Source   string // name of the source that delivered it
	// Near is set in an answer about one request: the record carries no ID of any request, and stands here only because a
	// service of the request wrote it at that time. It may belong to the request, or not.
	Near bool
}

// SpanKind follows OpenTelemetry's numbering.
type SpanKind uint8

// The kinds of span.
const (
	SpanUnspecified SpanKind = iota
	SpanInternal
	SpanServer
	SpanClient
	SpanProducer
	SpanConsumer
)

// Span is one operation within a trace.
type Span struct {
	TraceID  TraceID
	SpanID   SpanID
	ParentID SpanID // zero for a root
	Service  string
	Name     string
	Kind     SpanKind
	Start    time.Time
	Duration time.Duration
	Failed   bool   // the span's status is Error
	Message  string // the status' description
	Attrs    Attrs
	Events   []SpanEvent
	Source   string
}

// End is the instant the span ended.
func (s *Span) End() time.Time { return s.Start.Add(s.Duration) }

// SpanEvent is something that happened inside a span.
type SpanEvent struct {
	Time  time.Time
	Name  string
	Attrs Attrs
}

// Trace is every span known of one trace ID, with the log records that carry it. Spans are sorted by start.
type Trace struct {
	TraceSummary
	Spans []Span
	Logs  []Record // sorted by time
}

// TraceSummary is one row in a list of traces.
type TraceSummary struct {
	ID       TraceID
	Service  string // of the root span, or of the earliest span while the root has not arrived
	Name     string
	Start    time.Time
	Duration time.Duration // from the earliest start to the latest end
	Spans    int
	Errors   int  // spans whose status is Error
	Rooted   bool // the root span has arrived, or the way in: a server's span whose caller sends no spans here
	Status   string
}

// Sample is one value at one instant.
type Sample struct {
	T time.Time
	V float64
}

// Exemplar is a measured request behind a metric sample: how the operator gets from a number to a trace.
type Exemplar struct {
	T       time.Time
	V       float64
	TraceID TraceID
	Labels  Attrs
}

// Series is one line in a chart.
type Series struct {
	Name      string // legend
	Labels    Attrs
	Samples   []Sample // by time; a NaN value is a gap
	Exemplars []Exemplar
}

// MetricPoint is one sample on its way into the metric memory.
type MetricPoint struct {
	Name     string
	Labels   Attrs
	T        time.Time
	V        float64
	Exemplar *Exemplar
}

// Batch is what a driver emits at once. The receiver owns it.
type Batch struct {
	Logs    []Record
	Spans   []Span
	Metrics []MetricPoint
	Events  []Event
}

// Len is the number of signals in the batch.
func (b *Batch) Len() int { return len(b.Logs) + len(b.Spans) + len(b.Metrics) + len(b.Events) }
