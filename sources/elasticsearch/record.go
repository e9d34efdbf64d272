package elasticsearch

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/mention"
	"gameday/sources/signal"
)

const maxFlat = 512 // fields of one document that are looked at

// document is a document's fields, flat: names joined by dots, in the order of the names.
type document signal.Attrs

// flatten reads a document. It may have been written nested or with dots in its names.
func flatten(raw json.RawMessage) document {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v map[string]any
	if dec.Decode(&v) != nil {
		return nil // a source that is no map has no fields
	}
	var out document
	out.add("", v)
	slices.SortFunc(out, func(a, b signal.Attr) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func (d *document) add(name string, v any) {
	if len(*d) >= maxFlat {
		return
	}
	text := ""
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if name != "" {
				key = name + "." + key
			}
			d.add(key, inner)
		}
		return
	case nil:
		return
	case string:
		text = v
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	case []any:
		if len(v) == 1 {
			d.add(name, v[0])
			return
		}
		data, err := json.Marshal(v)
		if err != nil {
			return
		}
		text = string(data)
	}
	*d = append(*d, signal.Attr{Key: name, Value: text})
}

// take removes the first of the fields that is there and returns it.
func (d *document) take(names []string) (name, value string) {
	for _, n := range names {
		for i, a := range *d {
			if a.Key == n && a.Value != "" {
				*d = slices.Delete(*d, i, i+1)
				return n, a.Value
			}
		}
	}
	return "", ""
}

// record makes a record of a document. ok is false when it has no time.
func (f *fields) record(h *hit, lines *mention.Reader) (r signal.Record, ok bool) {
	doc := flatten(h.Source)
	_, at := doc.take([]string{f.time})
	if r.Time, ok = parseTime(at); !ok {
		return r, false
	}
	r.Source = f.source
	_, r.Body = doc.take(f.body)
	_, r.Service = doc.take(f.service)
	if name, level := doc.take(f.severity); level != "" {
		if r.Severity = signal.ParseSeverity(level); r.Severity == signal.SeverityUnset {
			doc = append(doc, signal.Attr{Key: name, Value: level}) // its own word for it
		}
	}
	if name, id := doc.take(f.trace); id != "" {
		var known bool
		if r.TraceID, r.SpanID, known = signal.ParseTraceField(name, id); !known {
			doc = append(doc, signal.Attr{Key: name, Value: id})
		}
	}
	if name, id := doc.take(f.span); id != "" {
		span, known := signal.ParseSpanField(name, id)
		if known {
			r.SpanID = span
		} else {
			doc = append(doc, signal.Attr{Key: name, Value: id})
		}
	}
	r.Attrs = signal.Attrs(doc)
	lines.Complete(&r)
	return r, true
}

// parseTime reads what date fields are written as: ISO 8601 with or without a zone, milliseconds, or nanoseconds.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || n <= 0 || n >= 9e18:
		return time.Time{}, false
	case n > 1e17:
		i, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(0, i), err == nil
	}
	return time.UnixMicro(int64(n * 1000)), true
}
