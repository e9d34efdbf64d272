package format

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gameday/sources/spec"
)

// Map is a map of the experiment in the order in which it is written. Values are text, bool, int, float64,
// time.Duration, Map, []Map, []string and []any of these; what is empty (but not false or 0) is left out.
type Map []Field

// Field is one entry of a Map.
type Field struct {
	Key   string
	Value any
}

// Get is the value of a key, nil when there is none.
func (m Map) Get(key string) any {
	for _, f := range m {
		if f.Key == key {
			return f.Value
		}
	}
	return nil
}

// Set replaces the value of a key, or adds it.
func (m Map) Set(key string, v any) Map {
	for i := range m {
		if m[i].Key == key {
			m[i].Value = v
			return m
		}
	}
	return append(m, Field{key, v})
}

// MapOf is a map of texts, sorted by its keys.
func MapOf(m map[string]string) (out Map) {
	for _, k := range sortedKeys(m) {
		out = append(out, Field{k, m[k]})
	}
	return out
}

// Without leaves a key out.
func (m Map) Without(key string) Map {
	var out Map
	for _, f := range m {
		if f.Key != key {
			out = append(out, f)
		}
	}
	return out
}

// Duration is the value of a key as a duration, 0 when it is none.
func (m Map) Duration(key string) time.Duration {
	d, _ := m.Get(key).(time.Duration)
	return d
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case Map:
		return len(v) == 0
	case []Map:
		return len(v) == 0
	case []string:
		return len(v) == 0
	case []any:
		return len(v) == 0
	case time.Duration:
		return v == 0
	}
	return false
}

const maxLine = 110 // characters of a map or list that is written in one line

// flow writes a value in one line.
func flow(v any) string {
	switch v := v.(type) {
	case string:
		return spec.Text(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Duration:
		return short(v)
	case Map:
		var parts []string
		for _, f := range v {
			if !empty(f.Value) {
				parts = append(parts, spec.Text(f.Key)+": "+flow(f.Value))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case nil:
		return "null"
	}
	var parts []string
	for _, e := range elements(v) {
		parts = append(parts, flow(e))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// short writes 1m0s as 1m.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func elements(v any) (out []any) {
	switch v := v.(type) {
	case []any:
		return v
	case []string:
		for _, e := range v {
			out = append(out, e)
		}
	case []Map:
		for _, e := range v {
			out = append(out, e)
		}
	}
	return out
}

// block writes the entries of a map, one a line or more.
func block(b *bytes.Buffer, indent string, m Map) {
	for _, f := range m {
		if empty(f.Value) {
			continue
		}
		fmt.Fprintf(b, "%s%s:", indent, spec.Text(f.Key))
		value(b, indent, f.Value)
	}
}

// value writes what follows a key: on the same line when it fits.
func value(b *bytes.Buffer, indent string, v any) {
	line := flow(v)
	list := elements(v)
	inner, isMap := v.(Map)
	switch {
	case !isMap && list == nil || len(indent)+len(line) <= maxLine && !deep(v):
		fmt.Fprintf(b, " %s\n", line)
	case isMap:
		b.WriteByte('\n')
		block(b, indent+"  ", inner)
	default:
		b.WriteByte('\n')
		for _, e := range list {
			item(b, indent+"  ", e)
		}
	}
}

// deep says that a value is easier to read over several lines: a list of maps, or something that holds one.
func deep(v any) bool {
	if m, ok := v.(Map); ok {
		for _, f := range m {
			if deep(f.Value) {
				return true
			}
		}
		return false
	}
	for _, e := range elements(v) {
		if _, ok := e.(Map); ok || deep(e) {
			return true
		}
	}
	return false
}

func item(b *bytes.Buffer, indent string, v any) {
	m, ok := v.(Map)
	if line := flow(v); !ok || len(indent)+len(line) <= maxLine && !deep(m) {
		fmt.Fprintf(b, "%s- %s\n", indent, line)
		return
	}
	var inner bytes.Buffer
	block(&inner, indent+"  ", m)
	text := inner.String()
	b.WriteString(indent + "- " + strings.TrimPrefix(text, indent+"  "))
}
