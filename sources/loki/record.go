package loki

import (
	"slices"
	"strings"
	"time"

	"gameday/sources/driver"
	"gameday/sources/mention"
	"gameday/sources/signal"
)

// services are the labels that say which service wrote a line, the best first.
var services = []string{"service_name", "service", "app", "app_kubernetes_io_name", "job", "container"}

// mapping is what labels and metadata mean.
type mapping struct {
	source   string
	services []string
	rename   map[string]string // to what gameday knows
	ids      []string          // labels and metadata that may hold a correlation ID
}

func newMapping(s driver.Settings) mapping {
	m := mapping{source: s.Name, services: services, rename: s.Rename, ids: []string{"trace_id", "traceID", "traceId", "traceid", "TraceID", "trace", "dd_trace_id"}}
	for name, to := range s.Rename {
		switch {
		case to == "service":
			m.services = append([]string{name}, m.services...)
		case to == "trace_id":
			m.ids = append(m.ids, plainName(name))
		}
	}
	for _, f := range s.Fields {
		m.ids = append(m.ids, plainName(f))
	}
	slices.Sort(m.ids)
	m.ids = slices.Compact(m.ids)
	return m
}

// plainName is a field as Loki calls it.
func plainName(s string) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, s)
}

// entry is one line as Loki gives it.
type entry struct {
	at     int64 // nanoseconds
	line   string
	labels signal.Attrs // of the stream, shared
	meta   signal.Attrs
}

// key tells entries of one instant apart.
func (e *entry) key() string {
	var b strings.Builder
	for _, list := range []signal.Attrs{e.labels, e.meta} {
		for _, a := range list {
			b.WriteString(a.Key + "\x00" + a.Value + "\x00")
		}
		b.WriteByte(1)
	}
	b.WriteString(e.line)
	return b.String()
}

// record makes a record of an entry. What became the record's service, level, trace and span is not among its attributes.
func (m *mapping) record(e *entry, lines *mention.Reader) signal.Record {
	r := signal.Record{Time: time.Unix(0, e.at), Body: e.line, Source: m.source}
	by := ""
	for _, name := range m.services {
		if v := e.labels.Get(name); v != "" && v != "unknown_service" {
			r.Service, by = v, name
		} else if v := e.meta.Get(name); v != "" {
			r.Service, by = v, name
		}
		if by != "" {
			break
		}
	}
	r.Attrs = make(signal.Attrs, 0, len(e.labels)+len(e.meta))
	for _, list := range []signal.Attrs{e.meta, e.labels} {
		for _, a := range list {
			name := a.Key
			if to := m.rename[name]; to != "" {
				name = to
			}
			switch {
			case a.Key == by || name == "service" && a.Value == r.Service, name == "service_name" && a.Value == "unknown_service":
			case name == "trace" && field(&r, "trace_id", a.Value):
			case field(&r, name, a.Value):
			default:
				r.Attrs = append(r.Attrs, signal.Attr{Key: name, Value: a.Value})
			}
		}
	}
	lines.Complete(&r)
	return r
}

// field takes what is a level, a trace or a span. A level that gameday does not know stays an attribute.
func field(r *signal.Record, name, value string) bool {
	if !mention.Field(r, name, value) {
		return false
	}
	return r.Severity != signal.SeverityUnset || !r.TraceID.IsZero() || !r.SpanID.IsZero() || value == "unknown"
}
