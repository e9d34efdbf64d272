package jaeger

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"

	"gameday/sources/signal"
)

// Tags that say what a signal.Span has a field for, or nothing about the request.
var internalTags = map[string]bool{
	"span.kind": true, "error": true, "otel.status_code": true, "otel.status_description": true,
	"internal.span.format": true, "sampler.type": true, "sampler.param": true, "w3c.tracestate": true,
}

// Attributes of the process that are kept with each of its spans: those that tell instances apart.
var processTags = map[string]bool{
	"service.version": true, "service.instance.id": true, "service.namespace": true, "deployment.environment.name": true,
	"host.name": true, "hostname": true, "ip": true, "k8s.pod.name": true, "cloud.availability_zone": true,
}

// convert makes our span of Jaeger's; ok is false when it has no IDs, so that it could not be found again.
func (d *Driver) convert(s *model.Span) (out signal.Span, ok bool) {
	out = signal.Span{
		TraceID: traceID(s.TraceID), SpanID: spanIDOf(s.SpanID), Name: s.OperationName, Start: s.StartTime,
		Duration: max(s.Duration, 0), Source: d.settings.Name,
	}
	for _, r := range s.References { // the first of this trace; a child's reference goes before that of a follower
		if r.TraceID == s.TraceID && (out.ParentID.IsZero() || r.RefType == model.ChildOf) {
			out.ParentID = spanIDOf(r.SpanID)
			if r.RefType == model.ChildOf {
				break
			}
		}
	}
	if s.Process != nil {
		out.Service = s.Process.ServiceName
	}
	for i := range s.Tags {
		d.tag(&out, &s.Tags[i])
	}
	for _, w := range s.Warnings {
		out.Attrs = append(out.Attrs, signal.Attr{Key: "jaeger.warning", Value: w})
	}
	if s.Process != nil {
		for i := range s.Process.Tags {
			if t := &s.Process.Tags[i]; processTags[t.Key] {
				out.Attrs = append(out.Attrs, d.attr(t))
			}
		}
	}
	for i := range s.Logs {
		out.Events = append(out.Events, d.event(&s.Logs[i]))
	}
	return out, !out.TraceID.IsZero() && !out.SpanID.IsZero()
}

func (d *Driver) tag(out *signal.Span, t *model.KeyValue) {
	switch text := t.AsStringLossy(); t.Key {
	case "span.kind":
		out.Kind = kindOf(text)
	case "error":
		if text != "false" && text != "" {
			out.Failed = true
			if text != "true" && out.Message == "" {
				out.Message = text // some put the reason there
			}
		}
	case "otel.status_code":
		out.Failed = out.Failed || text == "ERROR"
	case "otel.status_description":
		out.Message = text
	}
	if !internalTags[t.Key] {
		out.Attrs = append(out.Attrs, d.attr(t))
	}
}

func (d *Driver) attr(t *model.KeyValue) signal.Attr {
	key := t.Key
	if own, ok := d.settings.Rename[key]; ok {
		key = own
	}
	return signal.Attr{Key: key, Value: t.AsString()}
}

// event names an event as OpenTelemetry's and OpenTracing's conventions do.
func (d *Driver) event(l *model.Log) signal.SpanEvent {
	e := signal.SpanEvent{Time: l.Timestamp}
	for i := range l.Fields {
		f := &l.Fields[i]
		if f.Key == "event" && e.Name == "" {
			e.Name = f.AsString()
			continue
		}
		e.Attrs = append(e.Attrs, d.attr(f))
	}
	if e.Name == "" {
		e.Name = "log"
		if m := e.Attrs.Get("message"); m != "" {
			e.Name = m
		}
	}
	return e
}

func kindOf(text string) signal.SpanKind {
	switch strings.ToLower(text) {
	case "internal":
		return signal.SpanInternal
	case "server":
		return signal.SpanServer
	case "client":
		return signal.SpanClient
	case "producer":
		return signal.SpanProducer
	case "consumer":
		return signal.SpanConsumer
	}
	return signal.SpanUnspecified
}

func traceID(id model.TraceID) (out signal.TraceID) {
	binary.BigEndian.PutUint64(out[:8], id.High)
	binary.BigEndian.PutUint64(out[8:], id.Low)
	return out
}

func modelID(id signal.TraceID) model.TraceID {
	return model.TraceID{High: binary.BigEndian.Uint64(id[:8]), Low: binary.BigEndian.Uint64(id[8:])}
}

func spanIDOf(id model.SpanID) (out signal.SpanID) {
	binary.BigEndian.PutUint64(out[:], uint64(id))
	return out
}

// micros is a time as the HTTP API writes it.
func micros(us int64) time.Time { return time.UnixMicro(us) }

// microseconds is a duration as the HTTP API writes it; what does not fit is none.
func microseconds(us int64) time.Duration {
	if us < 0 || us > math.MaxInt64/int64(time.Microsecond) {
		return 0
	}
	return time.Duration(us) * time.Microsecond
}
