// Package correlate finds the IDs that join a log record to a request where a source has not said them itself: in
// attributes under any of the usual names, in a JSON body, and in plain lines.
//
// Precedence for the trace ID: the record's own, then attributes, then the body; within each, the first that is one.
// Configured fields (request_id, order_id, …) are taken from attributes as they are, and copied out of the body into
// attributes, where the memory indexes them. What was found in text says so in the attribute JoinedBy, so that a person
// can see why a record belongs to a request.
package correlate

import (
	"net/http"
	"slices"
	"strings"

	"gameday/sources/signal"
)

// JoinedBy is the attribute that says where in a record's text its IDs were found.
const JoinedBy = "joined_by"

const (
	maxScan  = 8 << 10 // bytes of a body that are looked at
	maxFound = 8       // fields that are taken out of one body
)

// traceKeys are the names under which libraries write trace IDs, in lower case.
var traceKeys = map[string]bool{
	"trace_id": true, "traceid": true, "trace-id": true, "trace.id": true, "trace": true, "traceparent": true, "oteltraceid": true, "otel.trace_id": true,
	"dd.trace_id": true, "dd_trace_id": true, "x-datadog-trace-id": true, "datadog.trace_id": true, "x-amzn-trace-id": true, "xray_trace_id": true, "x-b3-traceid": true,
	"b3": true, "uber-trace-id": true, "x-cloud-trace-context": true, "logging.googleapis.com/trace": true, "trace.trace_id": true, "context.trace_id": true,
}

// spanKeys are those of span IDs.
var spanKeys = map[string]bool{
	"span_id": true, "spanid": true, "span-id": true, "span.id": true, "otelspanid": true, "dd.span_id": true, "dd_span_id": true, "x-b3-spanid": true,
	"logging.googleapis.com/spanid": true,
}

// Reader finds IDs. It does not change and may be used from any goroutine.
type Reader struct {
	fields  map[string]bool
	written []string // the fields as texts have them: what is looked for before a text is taken apart
}

// New makes a reader for the configured fields, whose names count in any case in attributes; in texts they are found as
// they are configured, in lower and upper case, and as headers are written.
func New(fields []string) *Reader {
	r := &Reader{fields: make(map[string]bool, len(fields))}
	for _, f := range fields {
		f = strings.TrimSpace(f)
		r.fields[strings.ToLower(f)] = true
		for _, w := range []string{f, strings.ToLower(f), strings.ToUpper(f), http.CanonicalHeaderKey(f)} {
			if !slices.Contains(r.written, w) {
				r.written = append(r.written, w)
			}
		}
	}
	return r
}

// Batch gives every record of a batch the IDs that only its text has.
func (r *Reader) Batch(b *signal.Batch) {
	for i := range b.Logs {
		r.Record(&b.Logs[i])
	}
}

// Record gives a record the IDs that only its attributes or its text have. The attribute list is copied before anything is
// added, since drivers share them.
func (r *Reader) Record(rec *signal.Record) {
	f := finding{reader: r, rec: rec}
	if rec.TraceID.IsZero() {
		for _, a := range rec.Attrs {
			if key := strings.ToLower(a.Key); traceKeys[key] && f.trace(key, a.Value) {
				break
			}
		}
	}
	if rec.SpanID.IsZero() && !rec.TraceID.IsZero() {
		for _, a := range rec.Attrs {
			if key := strings.ToLower(a.Key); spanKeys[key] {
				f.span(key, a.Value)
			}
		}
	}
	if body := rec.Body[:min(len(rec.Body), maxScan)]; r.worthScanning(body, rec.TraceID.IsZero()) {
		scan(body, f.pair)
		if rec.TraceID.IsZero() {
			f.bare(body)
		}
	}
	f.done()
}

// worthScanning is a cheap look for any of the names, since nearly every record has its IDs already.
func (r *Reader) worthScanning(body string, noTrace bool) bool {
	if noTrace && (strings.Contains(body, "race") || strings.Contains(body, "RACE") || strings.Contains(body, "b3") || strings.Contains(body, "00-")) {
		return true
	}
	for _, f := range r.written {
		if strings.Contains(body, f) {
			return true
		}
	}
	return false
}

// finding is what was found in one record.
type finding struct {
	reader *Reader
	rec    *signal.Record
	added  signal.Attrs
	why    []string
}

func (f *finding) trace(key, value string) bool {
	id, span, ok := signal.ParseTraceField(key, value)
	if !ok {
		return false
	}
	f.rec.TraceID = id
	if f.rec.SpanID.IsZero() {
		f.rec.SpanID = span
	}
	return true
}

func (f *finding) span(key, value string) {
	if id, ok := signal.ParseSpanField(key, value); ok && f.rec.SpanID.IsZero() {
		f.rec.SpanID = id
	}
}

// pair takes one key and value of the body.
func (f *finding) pair(key, value string) {
	key = strings.ToLower(key)
	switch {
	case traceKeys[key]:
		if f.rec.TraceID.IsZero() && f.trace(key, value) {
			f.why = append(f.why, key)
		}
	case spanKeys[key]:
		if !f.rec.TraceID.IsZero() {
			f.span(key, value)
		}
	case f.reader.fields[key] && value != "" && len(f.added) < maxFound && !f.has(key):
		f.added = append(f.added, signal.Attr{Key: key, Value: value})
		f.why = append(f.why, key)
	}
}

func (f *finding) has(key string) bool {
	for _, list := range []signal.Attrs{f.rec.Attrs, f.added} {
		for _, a := range list {
			if strings.EqualFold(a.Key, key) {
				return true
			}
		}
	}
	return false
}

// bare finds a traceparent that stands in a line without a name: its shape is not to be mistaken for anything else.
func (f *finding) bare(body string) {
	for at := 0; ; {
		i := strings.Index(body[at:], "00-")
		if i < 0 {
			return
		}
		at += i
		if at+55 <= len(body) && (at == 0 || !isWord(body[at-1])) {
			if id, span, ok := signal.ParseTraceContext(body[at : at+55]); ok && (at+55 == len(body) || !isWord(body[at+55])) {
				f.rec.TraceID, f.rec.SpanID = id, span
				f.why = append(f.why, "traceparent")
				return
			}
		}
		at += 3
	}
}

func (f *finding) done() {
	if len(f.why) == 0 {
		return
	}
	attrs := make(signal.Attrs, 0, len(f.rec.Attrs)+len(f.added)+1)
	attrs = append(append(attrs, f.rec.Attrs...), f.added...)
	f.rec.Attrs = append(attrs, signal.Attr{Key: JoinedBy, Value: strings.Join(f.why, ", ") + " in the text"})
}
