// Package logline makes a log record of one line of text: JSON, logfmt, the common and combined log formats of web
// servers, the lines of container runtimes (CRI and Docker's json-file), and plain text, of which it finds the time and
// the level. Nothing of a line is lost: what is not understood stays in the body.
package logline

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"gameday/sources/signal"
)

// Format says how lines are to be read.
type Format uint8

// The formats. Auto looks at each line by itself.
const (
	Auto Format = iota
	JSON
	Logfmt
	CLF // common and combined log format
	CRI // Kubernetes: time, stream, F or P, text
	Docker
	Plain
)

// Names are the formats as a configuration has them, in the order of their numbers.
var names = [...]string{"auto", "json", "logfmt", "clf", "cri", "docker", "plain"}

// Names are the formats as a configuration has them.
func Names() []string { return names[:] }

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	for i, n := range names {
		if s == n || s == "" && i == 0 {
			return Format(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no format of log lines: write one of %s", s, strings.Join(names[:], ", "))
}

// UnmarshalScalar reads it from a document.
func (f *Format) UnmarshalScalar(text string) (err error) {
	*f, err = ParseFormat(text)
	return err
}

// JSONSchema says what a document may have in its place.
func (*Format) JSONSchema() map[string]any { return map[string]any{"type": "string", "enum": names[:]} }

// String is the name.
func (f Format) String() string { return names[f] }

// Parser reads the lines of one file or stream. It does not change and may be used from any goroutine.
type Parser struct {
	Format  Format
	Service string            // of lines that name none
	Rename  map[string]string // the lines' own names for service, severity, trace_id, span_id, body and time
	Zone    *time.Location    // of times without one; nil is the machine's
}

// maxKeys is how many attributes are taken out of one line.
const maxKeys = 64

// Parse makes a record. now is its time when the line has none. partial is true for a piece of a line that its container
// runtime cut in parts: the rest follows in the next line.
func (p *Parser) Parse(line string, now time.Time) (r signal.Record, partial bool) {
	line = strings.TrimRight(line, "\r\n")
	r = signal.Record{Time: now, Service: p.Service}
	switch f := p.Format; {
	case f == CRI || f == Auto && looksCRI(line):
		if text, at, stream, more, ok := cri(line); ok {
			inner := *p
			inner.Format = Auto
			r, _ = inner.Parse(text, at)
			r.Attrs = append(r.Attrs, signal.Attr{Key: "stream", Value: stream})
			return r, more
		}
	case f == Docker || f == Auto && strings.HasPrefix(line, `{"log":"`):
		if text, at, stream, ok := docker(line); ok {
			inner := *p
			inner.Format = Auto
			r, _ = inner.Parse(text, at)
			r.Attrs = append(r.Attrs, signal.Attr{Key: "stream", Value: stream})
			return r, !strings.HasSuffix(text, "\n")
		}
	}
	switch f := p.Format; {
	case (f == JSON || f == Auto) && strings.HasPrefix(line, "{") && p.json(&r, line):
	case (f == CLF || f == Auto) && p.clf(&r, line):
	case (f == Logfmt || f == Auto && looksLogfmt(line)) && p.logfmt(&r, line):
	default:
		p.plain(&r, line)
	}
	return r, false
}

// The usual names of what every record has, in the order in which they count.
var (
	timeKeys     = []string{"time", "timestamp", "@timestamp", "ts", "t", "datetime", "date", "eventtime", "asctime"}
	severityKeys = []string{"level", "severity", "lvl", "loglevel", "log.level", "levelname", "severity_text", "severitytext", "priority"}
	bodyKeys     = []string{"msg", "message", "body", "event", "log", "text", "@message", "short_message"}
	serviceKeys  = []string{"service", "service.name", "service_name", "servicename", "app", "application", "app.kubernetes.io/name", "component", "logger_service"}
)

// pairs are what a line holds, in its order.
type pairs []signal.Attr

// take removes the first of the keys that is there.
func (l *pairs) take(renamed string, keys []string) (value string, ok bool) {
	if renamed != "" {
		keys = []string{strings.ToLower(renamed)}
	}
	for _, k := range keys {
		for i, a := range *l {
			if strings.ToLower(a.Key) == k {
				*l = append((*l)[:i:i], (*l)[i+1:]...)
				return a.Value, true
			}
		}
	}
	return "", false
}

// fill makes the record of the pairs of a line. A line without a text of its own keeps itself as body.
func (p *Parser) fill(r *signal.Record, all pairs, line string) {
	if v, ok := all.take(p.Rename["time"], timeKeys); ok {
		if at, ok := parseTime(v, p.zone()); ok {
			r.Time = at
		} else {
			all = append(all, signal.Attr{Key: "time", Value: v})
		}
	}
	if v, ok := all.take(p.Rename["severity"], severityKeys); ok {
		r.Severity = severity(v)
		if r.Severity == signal.SeverityUnset {
			all = append(all, signal.Attr{Key: "level", Value: v})
		}
	}
	if v, ok := all.take(p.Rename["service"], serviceKeys); ok && v != "" {
		r.Service = v
	}
	if own := p.Rename["trace_id"]; own != "" {
		if v, ok := all.take(own, nil); ok {
			all = append(all, signal.Attr{Key: "trace_id", Value: v})
		}
	}
	if own := p.Rename["span_id"]; own != "" {
		if v, ok := all.take(own, nil); ok {
			all = append(all, signal.Attr{Key: "span_id", Value: v})
		}
	}
	if v, ok := all.take(p.Rename["body"], bodyKeys); ok {
		r.Body = v
	} else {
		r.Body = line
	}
	r.Attrs = signal.Attrs(all)
	r.TraceID, r.SpanID = ids(all)
}

// ids takes the IDs that a line names in the usual way.
func ids(all pairs) (trace signal.TraceID, span signal.SpanID) {
	for _, a := range all {
		switch key := strings.ToLower(a.Key); key {
		case "trace_id", "traceid", "trace.id", "dd.trace_id", "traceparent":
			if id, s, ok := signal.ParseTraceField(key, a.Value); ok && trace.IsZero() {
				trace = id
				if span.IsZero() {
					span = s
				}
			}
		case "span_id", "spanid", "span.id", "dd.span_id":
			if id, ok := signal.ParseSpanField(key, a.Value); ok {
				span = id
			}
		}
	}
	return trace, span
}

func (p *Parser) zone() *time.Location {
	if p.Zone == nil {
		return time.Local
	}
	return p.Zone
}

// json reads an object. Nested objects become outer.inner, as deep as two levels; what is deeper stays JSON.
func (p *Parser) json(r *signal.Record, line string) bool {
	dec := json.NewDecoder(strings.NewReader(line))
	dec.UseNumber()
	var object map[string]any
	if dec.Decode(&object) != nil || dec.More() {
		return false
	}
	var all pairs
	flatten(&all, "", object, 0)
	p.fill(r, all, line)
	return true
}

func flatten(out *pairs, prefix string, object map[string]any, depth int) {
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	sort.Strings(keys) // a map has lost the order of the line
	for _, k := range keys {
		if len(*out) >= maxKeys {
			return
		}
		switch v := object[k].(type) {
		case nil:
		case string:
			*out = append(*out, signal.Attr{Key: prefix + k, Value: v})
		case map[string]any:
			if depth < 2 {
				flatten(out, prefix+k+".", v, depth+1)
				continue
			}
			*out = append(*out, signal.Attr{Key: prefix + k, Value: jsonText(v)})
		case json.Number:
			*out = append(*out, signal.Attr{Key: prefix + k, Value: v.String()})
		default:
			*out = append(*out, signal.Attr{Key: prefix + k, Value: jsonText(v)})
		}
	}
}

func jsonText(v any) string {
	data, err := json.Marshal(v)
	if err != nil { // it came out of JSON
		return fmt.Sprint(v)
	}
	return string(data)
}

// looksLogfmt reports that a line begins with key=.
func looksLogfmt(line string) bool {
	i := 0
	for i < len(line) && isKeyByte(line[i]) {
		i++
	}
	return i > 0 && i < len(line) && line[i] == '='
}

func isKeyByte(c byte) bool { return c > ' ' && c != '=' && c != '"' && c < 0x7f }

// logfmt reads key=value and key="quoted value"; a word without = is a key without a value.
func (p *Parser) logfmt(r *signal.Record, line string) bool {
	var all pairs
	for i := 0; i < len(line) && len(all) < maxKeys; {
		for i < len(line) && !isKeyByte(line[i]) {
			i++
		}
		start := i
		for i < len(line) && isKeyByte(line[i]) {
			i++
		}
		key := line[start:i]
		if key == "" {
			break
		}
		value := ""
		if i < len(line) && line[i] == '=' {
			value, i = logfmtValue(line, i+1)
		}
		all = append(all, signal.Attr{Key: key, Value: value})
	}
	if len(all) == 0 {
		return false
	}
	p.fill(r, all, line)
	return true
}

func logfmtValue(line string, i int) (value string, next int) {
	if i >= len(line) || line[i] != '"' {
		start := i
		for i < len(line) && line[i] > ' ' {
			i++
		}
		return line[start:i], i
	}
	end := i + 1
	for end < len(line) && line[end] != '"' {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(line) {
		return line[i+1:], len(line)
	}
	quoted := line[i : end+1]
	if text, err := strconv.Unquote(quoted); err == nil {
		return text, end + 1
	}
	return quoted[1 : len(quoted)-1], end + 1
}
