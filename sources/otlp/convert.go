package otlp

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"gameday/sources/signal"
)

// converter turns one decoded request into a batch.
type converter struct {
	keep   []string // attributes of resources that are kept
	source string
	now    time.Time // for what carries no time

	batch    signal.Batch
	rejected int64
	why      string // why the first of them was rejected
}

func (c *converter) reject(n int, why string) {
	c.rejected += int64(n)
	if c.why == "" {
		c.why = why
	}
}

func (c *converter) convert(kind signalKind, body []byte, asJSON bool) error {
	type message interface {
		UnmarshalProto(data []byte) error
		UnmarshalJSON(data []byte) error
	}
	read := func(m message) error {
		if asJSON {
			return m.UnmarshalJSON(body)
		}
		return m.UnmarshalProto(body)
	}
	switch kind {
	case kindTraces:
		req := ptraceotlp.NewExportRequest()
		if err := read(req); err != nil {
			return err
		}
		c.traces(req.Traces())
	case kindLogs:
		req := plogotlp.NewExportRequest()
		if err := read(req); err != nil {
			return err
		}
		c.logs(req.Logs())
	default:
		req := pmetricotlp.NewExportRequest()
		if err := read(req); err != nil {
			return err
		}
		c.metrics(req.Metrics())
	}
	return nil
}

// unknownService is what OpenTelemetry calls a service without a name.
const unknownService = "unknown_service"

// resource returns the service's name and the attributes that are kept.
func (c *converter) resource(r pcommon.Resource) (service string, kept signal.Attrs) {
	service = unknownService
	for key, v := range r.Attributes().All() {
		switch {
		case key == "service.name":
			if s := v.AsString(); s != "" {
				service = s
			}
		case slices.Contains(c.keep, key):
			kept = append(kept, signal.Attr{Key: key, Value: v.AsString()})
		}
	}
	return service, kept
}

// attrs copies a map and appends the resource's; a key that the map has already is not repeated.
func attrs(m pcommon.Map, resource signal.Attrs) signal.Attrs {
	n := m.Len() + len(resource)
	if n == 0 {
		return nil
	}
	out := make(signal.Attrs, 0, n)
	for key, v := range m.All() {
		out = append(out, signal.Attr{Key: key, Value: v.AsString()})
	}
	for _, a := range resource {
		if _, twice := m.Get(a.Key); !twice {
			out = append(out, a)
		}
	}
	return out
}

func (c *converter) traces(td ptrace.Traces) {
	c.batch.Spans = make([]signal.Span, 0, td.SpanCount())
	for _, rs := range td.ResourceSpans().All() {
		service, kept := c.resource(rs.Resource())
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				c.span(s, service, kept)
			}
		}
	}
}

func (c *converter) span(s ptrace.Span, service string, kept signal.Attrs) {
	if s.TraceID().IsEmpty() || s.SpanID().IsEmpty() {
		c.reject(1, "a span without a trace ID or span ID cannot be found again")
		return
	}
	start := s.StartTimestamp().AsTime()
	if s.StartTimestamp() == 0 {
		start = c.now
	}
	out := signal.Span{
		TraceID: signal.TraceID(s.TraceID()), SpanID: signal.SpanID(s.SpanID()), ParentID: signal.SpanID(s.ParentSpanID()),
		Service: service, Name: s.Name(), Kind: spanKind(s.Kind()),
		Start: start, Duration: max(s.EndTimestamp().AsTime().Sub(start), 0),
		Failed: s.Status().Code() == ptrace.StatusCodeError, Message: s.Status().Message(),
		Attrs: attrs(s.Attributes(), kept), Source: c.source,
	}
	if n := s.Events().Len(); n > 0 {
		out.Events = make([]signal.SpanEvent, 0, n)
		for _, e := range s.Events().All() {
			out.Events = append(out.Events, signal.SpanEvent{Time: e.Timestamp().AsTime(), Name: e.Name(), Attrs: attrs(e.Attributes(), nil)})
		}
	}
	c.batch.Spans = append(c.batch.Spans, out)
}

// spanKind relies on our numbers being OpenTelemetry's, and maps what is beyond them to "unspecified".
func spanKind(k ptrace.SpanKind) signal.SpanKind {
	if k < ptrace.SpanKindUnspecified || k > ptrace.SpanKindConsumer {
		return signal.SpanUnspecified
	}
	return signal.SpanKind(k)
}

func (c *converter) logs(ld plog.Logs) {
	c.batch.Logs = make([]signal.Record, 0, ld.LogRecordCount())
	for _, rl := range ld.ResourceLogs().All() {
		service, kept := c.resource(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				c.batch.Logs = append(c.batch.Logs, c.record(lr, service, kept))
			}
		}
	}
}

func (c *converter) record(lr plog.LogRecord, service string, kept signal.Attrs) signal.Record {
	r := signal.Record{
		Time: c.now, Severity: severity(lr), Service: service, Body: lr.Body().AsString(),
		TraceID: signal.TraceID(lr.TraceID()), SpanID: signal.SpanID(lr.SpanID()),
		Attrs: attrs(lr.Attributes(), kept), Source: c.source,
	}
	switch {
	case lr.Timestamp() != 0:
		r.Time = lr.Timestamp().AsTime()
	case lr.ObservedTimestamp() != 0:
		r.Time = lr.ObservedTimestamp().AsTime()
	}
	if name := lr.EventName(); name != "" {
		r.Attrs = append(r.Attrs, signal.Attr{Key: "event.name", Value: name})
		if r.Body == "" {
			r.Body = name
		}
	}
	// A record that went through a log library without OpenTelemetry carries its IDs as text.
	if r.TraceID.IsZero() {
		if id, ok := signal.ParseAnyTraceID(r.Attrs.Get("trace_id")); ok {
			r.TraceID = id
			r.SpanID, _ = signal.ParseSpanID(r.Attrs.Get("span_id"))
		}
	}
	return r
}

func severity(lr plog.LogRecord) signal.Severity {
	if n := lr.SeverityNumber(); n > 0 && n <= 24 {
		return signal.Severity(n)
	}
	return signal.ParseSeverity(lr.SeverityText())
}
