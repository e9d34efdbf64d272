// Package mention finds in the text of a log line what the system that kept it did not say: how severe it is, and which
// request it belongs to.
package mention

import (
	"regexp"
	"strings"

	"gameday/sources/logql"
	"gameday/sources/signal"
)

// Reader reads lines; the zero value is ready. It is for one goroutine.
type Reader struct{ fields logql.Fields }

// Complete fills what a record lacks of severity, trace and span, from its body.
func (r *Reader) Complete(rec *signal.Record) {
	if rec.Severity != signal.SeverityUnset && !rec.TraceID.IsZero() && !rec.SpanID.IsZero() {
		return
	}
	r.fields.Read(rec.Body, func(name, value string) bool {
		Field(rec, name, value)
		return true
	})
	if rec.TraceID.IsZero() {
		plain(rec)
	}
}

// Field takes a field whose name says that it is a severity, a trace or a span into a record that has none, and reports
// whether it was one.
func Field(rec *signal.Record, name, value string) bool {
	switch Plain(name) {
	case "level", "severity", "lvl", "loglevel", "severitytext", "detectedlevel", "logseverity":
		if s := signal.ParseSeverity(value); rec.Severity == signal.SeverityUnset {
			rec.Severity = s
		}
		return true
	case "traceid", "ddtraceid", "traceparent", "xb3traceid", "b3", "ubertraceid", "xamzntraceid", "xraytraceid":
		if !rec.TraceID.IsZero() {
			return true
		}
		id, span, ok := signal.ParseTraceField(name, value)
		if rec.TraceID = id; ok && rec.SpanID.IsZero() {
			rec.SpanID = span
		}
		return ok
	case "spanid", "ddspanid", "xb3spanid":
		id, ok := signal.ParseSpanField(name, value)
		if ok && rec.SpanID.IsZero() {
			rec.SpanID = id
		}
		return ok
	}
	return false
}

// Plain is a name without what writers disagree about: case, and the signs between its words.
func Plain(name string) string {
	clean := true
	for i := 0; i < len(name) && clean; i++ {
		clean = name[i] >= 'a' && name[i] <= 'z' || name[i] >= '0' && name[i] <= '9'
	}
	if clean {
		return name
	}
	return strings.Map(func(c rune) rune {
		if c == '_' || c == '-' || c == '.' || c == ' ' {
			return -1
		}
		return c
	}, strings.ToLower(name))
}

// written is how lines without a format name a trace: trace_id: 4bf9…, [traceId=4bf9…], "trace-id":"…".
var written = regexp.MustCompile(`(?i)\btrace[_. -]?id["']?\s*[=:]\s*["']?([0-9a-f][0-9a-f-]{14,38}[0-9a-f])\b`)

func plain(rec *signal.Record) {
	const most = 8 << 10 // of a line are looked at
	text := rec.Body[:min(len(rec.Body), most)]
	if !strings.Contains(text, "race") && !strings.Contains(text, "RACE") {
		return
	}
	if m := written.FindStringSubmatch(text); m != nil {
		rec.TraceID, _ = signal.ParseAnyTraceID(m[1]) // what is none leaves the record without one
	}
}
