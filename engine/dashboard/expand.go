package dashboard

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Values are what is chosen, by the variable's name.
type Values map[string]Chosen

// Chosen is what one variable stands for.
type Chosen struct {
	Values []string
	Texts  []string
	Many   bool // it may have several values: what is written into queries is a regular expression
	Raw    bool // it is written as it is: the author's own text for all values
}

// reference is one mention of a variable.
type reference struct{ name, format string }

// mention is how variables are written: $name, ${name}, ${name:format}, ${name.field:format}, [[name]], [[name:format]].
var mention = regexp.MustCompile(`\$(\w+)|\$\{(\w+)(?:\.[^:^}]+)?(?::([^}]+))?\}|\[\[(\w+?)(?::(\w+))?\]\]`)

// maxExpanded bounds what a text becomes when variables stand in it.
const maxExpanded = 64 << 10

// expand replaces every mention that value knows.
func expand(text string, value func(reference) (string, bool)) string {
	if !strings.ContainsAny(text, "$[") {
		return text
	}
	var b strings.Builder
	last := 0
	for _, m := range mention.FindAllStringSubmatchIndex(text, -1) {
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		ref := reference{name: group(1) + group(2) + group(4), format: group(3) + group(5)}
		b.WriteString(text[last:m[0]])
		last = m[1]
		with, ok := value(ref)
		if !ok {
			with = text[m[0]:m[1]]
		}
		if b.Len()+len(with) > maxExpanded {
			break
		}
		b.WriteString(with)
	}
	b.WriteString(text[last:])
	return b.String()
}

// Span is what the built-in variables are made of.
type Span struct {
	From, To time.Time
	Step     time.Duration // of the points of a chart: $__interval
	Scrape   time.Duration // how often metrics are measured
	Title    string        // of the dashboard: $__dashboard
}

// rateInterval is how far rate() must look back to find enough samples whatever happens: Grafana's rule, the step and one
// scrape, but four scrapes at least.
func (s Span) rateInterval() time.Duration {
	return max(s.Step+s.Scrape, 4*s.Scrape, time.Second)
}

func (s Span) builtin(name string) (string, bool) {
	length := s.To.Sub(s.From)
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	switch name {
	case "__interval", "interval":
		return PromDuration(s.Step), true
	case "__interval_ms":
		return ms(s.Step), true
	case "__rate_interval":
		return PromDuration(s.rateInterval()), true
	case "__rate_interval_ms":
		return ms(s.rateInterval()), true
	case "__range":
		return PromDuration(length), true
	case "__range_s":
		return strconv.FormatInt(int64(length.Seconds()), 10), true
	case "__range_ms":
		return ms(length), true
	case "__from":
		return strconv.FormatInt(s.From.UnixMilli(), 10), true
	case "__to":
		return strconv.FormatInt(s.To.UnixMilli(), 10), true
	case "__dashboard":
		return s.Title, true
	case "timeFilter", "__timeFilter":
		return "", true
	}
	return "", false
}

// PromDuration writes d as PromQL does, whole milliseconds at least one.
func PromDuration(d time.Duration) string {
	d = max(d.Truncate(time.Millisecond), time.Millisecond)
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= u.of && d%u.of == 0 {
			return strconv.FormatInt(int64(d/u.of), 10) + u.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

// Expand writes what is chosen into a query. Values without a format are escaped as Grafana's Prometheus source does it: a
// variable with one value for a quoted string, one with several for a regular expression within a quoted string.
func Expand(text string, values Values, s Span) string {
	return expandAs(text, values, s, promFormat)
}

// ExpandText writes what is chosen into a title or a legend.
func ExpandText(text string, values Values, s Span) string {
	return expandAs(text, values, s, func(c Chosen) string { return strings.Join(c.Texts, " + ") })
}

func expandAs(text string, values Values, s Span, plain func(Chosen) string) string {
	return expand(text, func(r reference) (string, bool) {
		if c, ok := values[r.name]; ok {
			if r.format != "" {
				return formatted(c, r.name, r.format), true
			}
			return plain(c), true
		}
		v, ok := s.builtin(r.name)
		if ok && (r.name == "__from" || r.name == "__to") && strings.HasPrefix(r.format, "date") {
			return s.date(r), true
		}
		return v, ok
	})
}

// date is ${__from:date}, which is ISO 8601, or ${__from:date:seconds}.
func (s Span) date(r reference) string {
	at := s.From
	if r.name == "__to" {
		at = s.To
	}
	if r.format == "date:seconds" {
		return strconv.FormatInt(at.Unix(), 10)
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}

func promFormat(c Chosen) string {
	if c.Raw {
		return strings.Join(c.Values, "|")
	}
	if !c.Many {
		return quoteEscape.Replace(strings.Join(c.Values, ","))
	}
	parts := make([]string, len(c.Values))
	for i, v := range c.Values {
		parts[i] = promRegex(v)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, "|") + ")"
}

var quoteEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`)

// promRegex escapes a value for a regular expression that stands in a quoted string.
func promRegex(v string) string {
	var b strings.Builder
	for _, r := range v {
		switch {
		case r == '\\':
			b.WriteString(`\\\\`)
		case r == '"':
			b.WriteString(`\"`)
		case strings.ContainsRune(`$^*{}[]+?.()|`, r):
			b.WriteString(`\\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// formatted writes values in a format that was asked for, as Grafana's documentation of "advanced variable format options"
// has them.
func formatted(c Chosen, name, format string) string {
	each := func(sep string, f func(string) string) string {
		out := make([]string, len(c.Values))
		for i, v := range c.Values {
			out[i] = f(v)
		}
		return strings.Join(out, sep)
	}
	same := func(v string) string { return v }
	switch format, arg, _ := strings.Cut(format, ":"); format {
	case "regex":
		if c.Raw {
			return each("|", same)
		}
		out := each("|", jsRegex)
		if len(c.Values) > 1 {
			out = "(" + out + ")"
		}
		return out
	case "pipe":
		return each("|", same)
	case "raw", "csv":
		return each(",", same)
	case "json":
		out, _ := json.Marshal(c.Values) // strings can always be written
		return string(out)
	case "distributed":
		out := make([]string, len(c.Values))
		for i, v := range c.Values {
			if out[i] = v; i > 0 {
				out[i] = name + "=" + v
			}
		}
		return strings.Join(out, ",")
	case "glob":
		if len(c.Values) > 1 {
			return "{" + each(",", same) + "}"
		}
		return each(",", same)
	case "lucene":
		quoted := each(" OR ", func(v string) string { return `"` + strings.ReplaceAll(v, `"`, `\"`) + `"` })
		if len(c.Values) > 1 {
			return "(" + quoted + ")"
		}
		return quoted
	case "singlequote":
		return each(",", func(v string) string { return "'" + strings.ReplaceAll(v, "'", `\'`) + "'" })
	case "doublequote":
		return each(",", func(v string) string { return `"` + strings.ReplaceAll(v, `"`, `\"`) + `"` })
	case "sqlstring":
		return each(",", func(v string) string { return "'" + strings.ReplaceAll(v, "'", "''") + "'" })
	case "percentencode":
		return url.PathEscape(each(",", same))
	case "queryparam":
		return each("&", func(v string) string { return "var-" + url.QueryEscape(name) + "=" + url.QueryEscape(v) })
	case "join":
		if arg == "" {
			arg = ","
		}
		return each(arg, same)
	case "text":
		return strings.Join(c.Texts, " + ")
	}
	return promFormat(c)
}

// jsRegex escapes a value for a regular expression that does not stand in a string.
func jsRegex(v string) string {
	var b strings.Builder
	for _, r := range v {
		if strings.ContainsRune(`\$^*{}[]+?.()|/`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
