package otlp

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"gameday/sources/signal"
)

// ownService is the service that gameday's own timeline is told as.
const ownService = "gameday"

// encoded is a batch as the protocol has it. Values are texts: that is what a signal holds.
type encoded struct {
	traces  ptrace.Traces
	logs    plog.Logs
	metrics pmetric.Metrics
}

func encode(b signal.Batch) encoded {
	e := encoded{ptrace.NewTraces(), plog.NewLogs(), pmetric.NewMetrics()}
	spans, records := map[string]ptrace.SpanSlice{}, map[string]plog.LogRecordSlice{}
	keep := Keep()
	span := func(service string, attrs signal.Attrs) ptrace.Span {
		key := resourceKey(service, attrs, keep)
		if _, ok := spans[key]; !ok {
			rs := e.traces.ResourceSpans().AppendEmpty()
			putResource(rs.Resource(), service, attrs, keep)
			spans[key] = rs.ScopeSpans().AppendEmpty().Spans()
		}
		return spans[key].AppendEmpty()
	}
	record := func(service string, attrs signal.Attrs) plog.LogRecord {
		key := resourceKey(service, attrs, keep)
		if _, ok := records[key]; !ok {
			rl := e.logs.ResourceLogs().AppendEmpty()
			putResource(rl.Resource(), service, attrs, keep)
			records[key] = rl.ScopeLogs().AppendEmpty().LogRecords()
		}
		return records[key].AppendEmpty()
	}
	for i := range b.Spans {
		putSpan(span(b.Spans[i].Service, b.Spans[i].Attrs), &b.Spans[i], keep)
	}
	for i := range b.Logs {
		putRecord(record(b.Logs[i].Service, b.Logs[i].Attrs), &b.Logs[i], keep)
	}
	for i := range b.Events {
		ev := &b.Events[i]
		putEventRecord(record(ownService, nil), ev)
		if !ev.Open && ev.End.After(ev.Start) {
			putEventSpan(span(ownService, nil), ev)
		}
	}
	putMetrics(e.metrics, b.Metrics)
	return e
}

// resourceKey tells resources apart: the service and what of the attributes is the resource's.
func resourceKey(service string, attrs signal.Attrs, keep []string) string {
	key := service
	for _, a := range attrs {
		if slices.Contains(keep, a.Key) {
			key += "\x00" + a.Key + "\x00" + a.Value
		}
	}
	return key
}

func putResource(r pcommon.Resource, service string, attrs signal.Attrs, keep []string) {
	r.Attributes().PutStr("service.name", service)
	for _, a := range attrs {
		if slices.Contains(keep, a.Key) {
			r.Attributes().PutStr(a.Key, a.Value)
		}
	}
}

func putAttrs(m pcommon.Map, attrs signal.Attrs, without []string) {
	for _, a := range attrs {
		if !slices.Contains(without, a.Key) {
			m.PutStr(a.Key, a.Value)
		}
	}
}

// stamp is a time as the protocol has it; one before 1970 is none.
func stamp(t time.Time) pcommon.Timestamp {
	if t.Before(time.Unix(0, 0)) || t.After(time.Unix(0, math.MaxInt64)) {
		return 0
	}
	return pcommon.NewTimestampFromTime(t)
}

func putSpan(out ptrace.Span, s *signal.Span, keep []string) {
	out.SetTraceID(pcommon.TraceID(s.TraceID))
	out.SetSpanID(pcommon.SpanID(s.SpanID))
	out.SetParentSpanID(pcommon.SpanID(s.ParentID))
	out.SetName(s.Name)
	out.SetKind(ptrace.SpanKind(s.Kind)) // our numbers are the protocol's
	out.SetStartTimestamp(stamp(s.Start))
	out.SetEndTimestamp(stamp(s.End()))
	if s.Failed {
		out.Status().SetCode(ptrace.StatusCodeError)
	}
	out.Status().SetMessage(s.Message)
	putAttrs(out.Attributes(), s.Attrs, keep)
	for _, e := range s.Events {
		ev := out.Events().AppendEmpty()
		ev.SetName(e.Name)
		ev.SetTimestamp(stamp(e.Time))
		putAttrs(ev.Attributes(), e.Attrs, nil)
	}
}

func putRecord(out plog.LogRecord, r *signal.Record, keep []string) {
	out.SetTimestamp(stamp(r.Time))
	out.SetSeverityNumber(plog.SeverityNumber(r.Severity))
	if r.Severity != signal.SeverityUnset {
		out.SetSeverityText(r.Severity.String())
	}
	out.Body().SetStr(r.Body)
	out.SetTraceID(pcommon.TraceID(r.TraceID))
	out.SetSpanID(pcommon.SpanID(r.SpanID))
	putAttrs(out.Attributes(), r.Attrs, keep)
}

var eventKinds = [...]string{"note", "fault", "probe", "load", "experiment", "abort", "process", "source", "switch"}

func eventKind(k signal.EventKind) string {
	if int(k) < len(eventKinds) {
		return eventKinds[k]
	}
	return "other"
}

func eventAttrs(e *signal.Event) signal.Attrs {
	out := signal.Attrs{{Key: "gameday.event", Value: eventKind(e.Kind)}}
	for _, a := range []signal.Attr{{Key: "gameday.target", Value: e.Target}, {Key: "gameday.detail", Value: e.Detail}} {
		if a.Value != "" {
			out = append(out, a)
		}
	}
	return out
}

// putEventRecord tells that something began, happened or ended.
func putEventRecord(out plog.LogRecord, e *signal.Event) {
	r := signal.Record{Time: e.Start, Body: e.Title, TraceID: e.TraceID, Attrs: eventAttrs(e),
		Severity: [...]signal.Severity{signal.SeverityInfo, signal.SeverityInfo, signal.SeverityWarn, signal.SeverityError}[min(e.Outcome, signal.Bad)]}
	if !e.End.IsZero() {
		r.Time, r.Body = e.End, e.Title+" ended"
	}
	putRecord(out, &r, nil)
}

// putEventSpan tells of something that took time, such as a fault or a load run, as a trace of its own: its IDs are made of
// the event's number and start, so that telling it twice makes one.
func putEventSpan(out ptrace.Span, e *signal.Event) {
	s := signal.Span{Name: e.Title, Kind: signal.SpanInternal, Start: e.Start, Duration: e.End.Sub(e.Start), Failed: e.Outcome == signal.Bad, Attrs: eventAttrs(e)}
	binary.BigEndian.PutUint64(s.TraceID[:8], uint64(e.Start.UnixNano())|1)
	binary.BigEndian.PutUint64(s.TraceID[8:], e.ID)
	binary.BigEndian.PutUint64(s.SpanID[:], uint64(e.Start.UnixNano())^e.ID|1)
	putSpan(out, &s, nil)
	if !e.TraceID.IsZero() { // the request behind it
		out.Links().AppendEmpty().SetTraceID(pcommon.TraceID(e.TraceID))
	}
}

// putMetrics writes points as gauges: whether they only ever rise is not known any more, except by their names.
func putMetrics(out pmetric.Metrics, points []signal.MetricPoint) {
	if len(points) == 0 {
		return
	}
	services := map[string]pmetric.MetricSlice{}
	metrics := map[[2]string]pmetric.NumberDataPointSlice{}
	for i := range points {
		p := &points[i]
		service := p.Labels.Get("service_name")
		if service == "" {
			service = p.Labels.Get("job")
		}
		if service == "" {
			service = ownService
		}
		if _, ok := services[service]; !ok {
			rm := out.ResourceMetrics().AppendEmpty()
			rm.Resource().Attributes().PutStr("service.name", service)
			services[service] = rm.ScopeMetrics().AppendEmpty().Metrics()
		}
		key := [2]string{service, p.Name}
		if _, ok := metrics[key]; !ok {
			m := services[service].AppendEmpty()
			m.SetName(p.Name)
			if strings.HasSuffix(p.Name, "_total") {
				sum := m.SetEmptySum()
				sum.SetIsMonotonic(true)
				sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
				metrics[key] = sum.DataPoints()
			} else {
				metrics[key] = m.SetEmptyGauge().DataPoints()
			}
		}
		d := metrics[key].AppendEmpty()
		d.SetTimestamp(stamp(p.T))
		d.SetDoubleValue(p.V)
		putAttrs(d.Attributes(), p.Labels, nil)
		if p.Exemplar != nil {
			x := d.Exemplars().AppendEmpty()
			x.SetTimestamp(stamp(p.Exemplar.T))
			x.SetDoubleValue(p.Exemplar.V)
			x.SetTraceID(pcommon.TraceID(p.Exemplar.TraceID))
		}
	}
}
