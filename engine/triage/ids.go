package triage

import (
	"net/url"
	"slices"
	"strings"

	"gameday/sources/correlate"
	"gameday/sources/signal"
)

// ID is one correlation ID that a person's text holds, and why it was taken for one.
type ID struct {
	Value signal.CorrelationID `json:"id"`
	Why   string               `json:"why"` // "trace ID", "request_id", "as given"
}

// maxIDs is how many IDs of one text are followed.
const maxIDs = 8

// IDs takes the correlation IDs out of a text: a trace ID in any form, the value of a configured field, a URL of a trace in
// some other tool, log lines that hold any of them. When nothing is recognised and the text is one word and no URL, that word is
// the ID: a request ID may look like anything.
func IDs(text string, fields []string) []ID {
	text = strings.TrimSpace(text)
	var out []ID
	for line := range strings.Lines(text) {
		for _, id := range inLine(strings.TrimSpace(line), fields) {
			if len(out) < maxIDs && !slices.ContainsFunc(out, func(o ID) bool { return o.Value == id.Value }) {
				out = append(out, id)
			}
		}
	}
	if len(out) == 0 && text != "" && !strings.ContainsAny(text, " \t\r\n") && !strings.Contains(text, "://") {
		out = append(out, ID{signal.CorrelationID(text), "as given"})
	}
	return out
}

func inLine(text string, fields []string) (out []ID) {
	add := func(value, why string) {
		if trace, ok := signal.ParseAnyTraceID(value); ok && why == "trace ID" {
			value = trace.String()
		}
		if value != "" && len(out) < maxIDs && !slices.ContainsFunc(out, func(o ID) bool { return string(o.Value) == value }) {
			out = append(out, ID{signal.CorrelationID(value), why})
		}
	}
	if _, ok := signal.ParseAnyTraceID(text); ok {
		add(text, "trace ID")
		return out
	}
	if u, err := url.Parse(text); err == nil && u.Scheme != "" && u.Host != "" {
		fromURL(u, fields, add)
		if len(out) > 0 {
			return out
		}
	}
	rec := signal.Record{Body: text}
	correlate.New(fields).Record(&rec)
	if !rec.TraceID.IsZero() {
		add(rec.TraceID.String(), "trace ID")
	}
	for _, f := range fields {
		if v := rec.Attrs.Get(strings.ToLower(f)); v != "" {
			add(v, f)
		}
	}
	if len(out) == 0 {
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\"'[](){}<>,;", r) }) {
			if _, ok := signal.ParseAnyTraceID(word); ok {
				add(word, "trace ID")
			}
		}
	}
	return out
}

// fromURL looks where tools put the ID of a trace: in the path, a query parameter, or the fragment.
func fromURL(u *url.URL, fields []string, add func(value, why string)) {
	query := u.Query()
	for _, key := range append([]string{"traceID", "traceId", "trace_id", "trace", "id"}, fields...) {
		for k, values := range query {
			if !strings.EqualFold(k, key) {
				continue
			}
			for _, v := range values {
				if _, ok := signal.ParseAnyTraceID(v); ok {
					add(v, "trace ID")
				} else if slices.Contains(fields, key) {
					add(v, key)
				}
			}
		}
	}
	parts := func(r rune) bool { return strings.ContainsRune("/?&=\"':,{}[]", r) }
	for _, text := range []string{u.Path, u.Fragment, u.RawQuery} {
		if plain, err := url.QueryUnescape(text); err == nil {
			text = plain // Grafana's explore keeps its state as JSON in the query
		}
		for _, word := range strings.FieldsFunc(text, parts) {
			if _, ok := signal.ParseAnyTraceID(word); ok {
				add(word, "trace ID")
			}
		}
	}
}
