package openapi

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"gameday/engine/load/format"
)

// value is what is sent for a parameter: text that stands for itself, or one of the plan's values in {{ }}.
type value struct {
	literal string
	call    string
}

func (v value) query() string {
	if v.call != "" {
		return v.call
	}
	return format.Literal(format.FormEscape(v.literal))
}

// segment is the value as a part of a path, where a space is no plus.
func (v value) segment() string {
	if v.call != "" {
		return v.call
	}
	return format.Literal(strings.ReplaceAll(format.FormEscape(v.literal), "+", "%20"))
}

func (v value) plain() string {
	if v.call != "" {
		return v.call
	}
	return format.Literal(v.literal)
}

// value finds something to send for a parameter: its examples first, then its schema.
func (c *converter) value(p object, at string) value {
	if v, ok := c.example(p); ok {
		return value{literal: show(v)}
	}
	schema, err := c.resolve(p["schema"])
	if err != nil {
		c.cov.Add("parameter", at, format.Approximated, err.Error()+": sent as 1")
		return value{literal: "1"}
	}
	if v, ok := c.example(schema); ok {
		return value{literal: show(v)}
	}
	if v, ok := schema["default"]; ok {
		return value{literal: show(v)}
	}
	if words := choices(schema); words != "" {
		return value{call: words}
	}
	switch kind(schema) {
	case "integer", "number":
		low, high := bounds(schema)
		c.cov.Add("parameter without an example", at, format.Approximated, "a random number within its bounds")
		return value{call: fmt.Sprintf("{{random %d %d}}", low, high)}
	case "boolean":
		return value{call: "{{pick true false}}"}
	}
	if text(schema["format"]) == "uuid" {
		c.cov.Add("parameter without an example", at, format.Approximated, "a random UUID")
		return value{call: "{{uuid}}"}
	}
	if v, ok := dated[text(schema["format"])]; ok {
		return value{literal: v}
	}
	c.cov.Add("parameter without an example", at, format.Approximated, "the number of the iteration")
	return value{call: "{{n}}"}
}

// dated are examples for formats of strings.
var dated = map[string]string{
	"date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z", "time": "12:00:00Z", "email": "user@example.com",
	"uri": "https://example.com/", "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "byte": "Z2FtZWRheQ==",
}

// kind is a schema's type; OpenAPI 3.1 allows several, of which null is not the one to send.
func kind(schema object) string {
	if s := text(schema["type"]); s != "" {
		return s
	}
	for _, v := range list(schema["type"]) {
		if s := text(v); s != "null" {
			return s
		}
	}
	if _, ok := schema["properties"]; ok {
		return "object"
	}
	return ""
}

// choices writes an enum as {{pick ...}} when its words can stand in one.
func choices(schema object) string {
	var words []string
	for _, v := range list(schema["enum"]) {
		w := show(v)
		if w == "" || len(words) >= 50 || strings.ContainsFunc(w, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.~", r))
		}) {
			return ""
		}
		words = append(words, w)
	}
	if len(words) == 0 {
		return ""
	}
	return "{{pick " + strings.Join(words, " ") + "}}"
}

// bounds are a number's, as far as they are given.
func bounds(schema object) (low, high int64) {
	low, high = 1, 100
	from, hasLow := whole(schema["minimum"])
	to, hasHigh := whole(schema["maximum"])
	if hasLow {
		low, high = from, max(high, from+100)
	}
	if hasHigh {
		high = to
		if !hasLow {
			low = min(low, to)
		}
	}
	if low > high {
		high = low
	}
	return low, high
}

func whole(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return min(max(n, -1e12), 1e12), true
	case float64:
		if math.IsNaN(n) {
			return 0, false
		}
		return int64(min(max(n, -1e12), 1e12)), true
	}
	return 0, false
}

// show writes a value as it stands in a URL or a header.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return fmt.Sprintf("%.0f", v)
		}
		return fmt.Sprint(v)
	case object, []any:
		out, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(out)
	}
	return fmt.Sprint(v)
}

// example is the one a document gives.
func (c *converter) example(holder object) (any, bool) {
	if v, ok := holder["example"]; ok {
		return v, true
	}
	if l := list(holder["examples"]); len(l) > 0 {
		return l[0], true
	}
	named := dict(holder["examples"])
	for _, name := range keys(named) {
		one, err := c.resolve(named[name])
		if v, ok := one["value"]; err == nil && ok {
			return v, true
		}
	}
	return nil, false
}
