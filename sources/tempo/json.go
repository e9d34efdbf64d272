package tempo

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/client"
	"gameday/sources/jsonstream"
	"gameday/sources/otlp"
	"gameday/sources/signal"
)

// json reads {"trace": {"resourceSpans": […]}} or {"batches": […]}, one span after the other.
func (d *Driver) json(body io.Reader) (spans []signal.Span, err error) {
	r := jsonReader{in: jsonstream.NewReader(body, jsonstream.Limits{}), source: d.settings.Name, keep: otlp.Keep(), out: &spans}
	member := func(key string) error {
		if key == "resourceSpans" || key == "batches" {
			return r.in.Array(r.resourceSpans)
		}
		return r.in.Skip()
	}
	err = r.in.Object(func(key string) error {
		if key == "trace" {
			return r.in.Object(member)
		}
		return member(key)
	})
	return spans, err
}

type jsonReader struct {
	in     *jsonstream.Reader
	source string
	keep   []string
	out    *[]signal.Span
}

func (r *jsonReader) resourceSpans() error {
	began := len(*r.out)
	var resource struct{ Attributes []jsonAttr }
	err := r.in.Object(func(key string) error {
		switch key {
		case "resource":
			return r.in.Decode(&resource)
		case "scopeSpans", "instrumentationLibrarySpans":
			return r.in.Array(func() error {
				return r.in.Object(func(key string) error {
					if key != "spans" {
						return r.in.Skip()
					}
					return r.in.Array(r.span)
				})
			})
		}
		return r.in.Skip()
	})
	service, kept := "unknown_service", signal.Attrs(nil)
	for _, a := range resource.Attributes {
		switch {
		case a.Key == "service.name":
			service = a.Value.text()
		case slices.Contains(r.keep, a.Key):
			kept = append(kept, signal.Attr{Key: a.Key, Value: a.Value.text()})
		}
	}
	for i := began; i < len(*r.out); i++ {
		s := &(*r.out)[i]
		s.Service = service
		s.Attrs = append(s.Attrs, kept...)
	}
	return err
}

// jsonSpan is OTLP's span in protobuf's JSON: IDs in base64 (or hex, as OTLP itself has them), 64-bit numbers as texts.
type jsonSpan struct {
	TraceID, SpanID, ParentSpanID, Name string
	Kind                                json.RawMessage
	StartTimeUnixNano, EndTimeUnixNano  json.RawMessage
	Attributes                          []jsonAttr
	Events                              []struct {
		TimeUnixNano json.RawMessage
		Name         string
		Attributes   []jsonAttr
	}
	Status struct {
		Message string
		Code    json.RawMessage
	}
}

type jsonAttr struct {
	Key   string
	Value jsonValue
}

// jsonValue is {"stringValue": "x"} or another of its kind.
type jsonValue map[string]json.RawMessage

// text is a value as an attribute shows it.
func (v jsonValue) text() string {
	for _, raw := range v { // there is one
		return plain(raw)
	}
	return ""
}

// plain takes a text out of its quotation marks.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func attrs(list []jsonAttr) signal.Attrs {
	out := make(signal.Attrs, 0, len(list))
	for _, a := range list {
		out = append(out, signal.Attr{Key: a.Key, Value: a.Value.text()})
	}
	return out
}

func nanos(raw json.RawMessage) time.Time {
	n, err := strconv.ParseInt(plain(raw), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(0, n)
}

// span reads one; one without IDs could not be found again and is left out.
func (r *jsonReader) span() error {
	if len(*r.out) >= maxPageSpans {
		return client.ErrTruncated
	}
	var w jsonSpan
	if err := r.in.Decode(&w); err != nil {
		return err
	}
	out := signal.Span{Name: w.Name, Start: nanos(w.StartTimeUnixNano), Source: r.source, Attrs: attrs(w.Attributes), Message: w.Status.Message}
	copy(out.TraceID[:], idBytes(w.TraceID, len(out.TraceID)))
	copy(out.SpanID[:], idBytes(w.SpanID, len(out.SpanID)))
	copy(out.ParentID[:], idBytes(w.ParentSpanID, len(out.ParentID)))
	if out.TraceID.IsZero() || out.SpanID.IsZero() {
		return nil
	}
	out.Duration = max(nanos(w.EndTimeUnixNano).Sub(out.Start), 0)
	out.Kind = kindOf(plain(w.Kind))
	code := plain(w.Status.Code)
	out.Failed = code == "STATUS_CODE_ERROR" || code == "2"
	for _, e := range w.Events {
		out.Events = append(out.Events, signal.SpanEvent{Time: nanos(e.TimeUnixNano), Name: e.Name, Attrs: attrs(e.Attributes)})
	}
	*r.out = append(*r.out, out)
	return nil
}

// idBytes reads base64 or hex of so many bytes; nil for anything else.
func idBytes(s string, n int) []byte {
	if len(s) == 2*n {
		if out, err := hex.DecodeString(s); err == nil {
			return out
		}
	}
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(out) != n {
		return nil
	}
	return out
}

func kindOf(text string) signal.SpanKind {
	names := []string{"UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"}
	if n := slices.Index(names, strings.TrimPrefix(text, "SPAN_KIND_")); n >= 0 {
		return signal.SpanKind(n)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n >= len(names) {
		return signal.SpanUnspecified
	}
	return signal.SpanKind(n)
}
