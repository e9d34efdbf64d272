package dashboard

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"gameday/sources/driver"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// Asker answers what a dashboard asks. Its text has been through the sanitiser.
type Asker interface {
	// Metrics is who answers PromQL under the name of a source; "" is the session's own choice.
	Metrics(source string) (driver.Metrics, error)
	// Words lists known names, as driver.Completer does.
	Words(ctx context.Context, source string, kind driver.WordKind, of, prefix string, limit int) ([]string, error)
	// Logs are the newest records of a window that a filter or LogQL lets through.
	Logs(ctx context.Context, query string, w signal.Window, limit int) ([]signal.Record, error)
	// Sources are the names of those that answer PromQL.
	Sources() []string
}

// maxOptions is how many values a variable can have.
const maxOptions = 1000

// query is what a query variable asks for.
type query struct {
	kind  string // label_values, label_names, metrics, query_result
	expr  string
	label string
}

var (
	labelValues = regexp.MustCompile(`(?s)^label_values\((?:(.+),\s*)?([a-zA-Z_$][a-zA-Z0-9_${}]*)\s*\)$`)
	called      = regexp.MustCompile(`(?s)^(label_names|metrics|query_result)\((.*)\)$`)
)

func parseQuery(text string) (query, error) {
	text = strings.TrimSpace(text)
	if m := labelValues.FindStringSubmatch(text); m != nil {
		return query{kind: "label_values", expr: strings.TrimSpace(m[1]), label: m[2]}, nil
	}
	if m := called.FindStringSubmatch(text); m != nil {
		return query{kind: m[1], expr: strings.TrimSpace(m[2])}, nil
	}
	if text == "" {
		return query{}, fmt.Errorf("the query is missing: label_values(metric, label), label_values(label), label_names(), metrics(regex) or query_result(expression)")
	}
	return query{}, fmt.Errorf("%s is none of label_values(metric, label), label_values(label), label_names(), metrics(regex), query_result(expression)", spec.Quote(text))
}

// filter keeps and cuts values.
type filter struct{ re *regexp.Regexp }

// filterOf reads a regular expression, which may stand between slashes with flags behind it, as in JavaScript.
func filterOf(text string) (filter, error) {
	if text == "" {
		return filter{}, nil
	}
	if strings.HasPrefix(text, "/") {
		if end := strings.LastIndex(text, "/"); end > 0 {
			flags := ""
			for _, f := range text[end+1:] {
				if strings.ContainsRune("ims", f) {
					flags += string(f)
				}
			}
			text = text[1:end]
			if flags != "" {
				text = "(?" + flags + ")" + text
			}
		}
	}
	text = strings.ReplaceAll(text, `\/`, "/")
	re, err := regexp.Compile(text)
	if err != nil {
		return filter{}, fmt.Errorf("%s is no regular expression that Go knows, which has no look-around: %v", spec.Quote(text), err)
	}
	return filter{re}, nil
}

// option is what remains of a value; ok is false when it does not count.
func (f filter) option(o signal.BoardOption) (signal.BoardOption, bool) {
	if f.re == nil {
		return o, true
	}
	m := f.re.FindStringSubmatch(o.Value)
	if m == nil {
		return o, false
	}
	if len(m) < 2 {
		return o, true
	}
	text, value := f.re.SubexpIndex("text"), f.re.SubexpIndex("value")
	switch {
	case text > 0 && value > 0:
		return signal.BoardOption{Text: m[text], Value: m[value]}, true
	case value > 0:
		return signal.BoardOption{Text: m[value], Value: m[value]}, true
	}
	return signal.BoardOption{Text: m[1], Value: m[1]}, m[1] != ""
}

// Resolve asks for the values of all variables, each after those that stand in it, and settles what is chosen: what the
// operator chose as far as it can be chosen, else the file's default, else the first. What could not be asked is said with
// the variable.
func (d *Dashboard) Resolve(ctx context.Context, ask Asker, chosen map[string][]string, s Span) ([]signal.BoardVar, Values) {
	s.Title = d.Title()
	vars, values := make([]signal.BoardVar, len(d.Variables)), Values{}
	sequence, err := order(d.Variables)
	if err != nil { // a file with such a fault is not read
		return nil, values
	}
	for _, i := range sequence {
		v := &d.Variables[i]
		out := signal.BoardVar{Name: v.Name, Label: v.Label, Type: v.Type, Multi: v.Multi, All: v.IncludeAll, Hidden: v.Hidden}
		options, err := v.options(ctx, ask, values, s)
		if err != nil {
			out.Err = err.Error()
		}
		if len(options) > maxOptions {
			options = options[:maxOptions]
			out.Err = fmt.Sprintf("more than %d values: the first of them are offered", maxOptions)
		}
		out.Options = options
		out.Chosen = v.choose(options, chosen[v.Name])
		values[v.Name] = v.stands(options, out.Chosen, s)
		vars[i] = out
	}
	return vars, values
}

func (v *Variable) options(ctx context.Context, ask Asker, values Values, s Span) ([]signal.BoardOption, error) {
	var words []string
	switch v.Type {
	case "query":
		found, err := v.ask(ctx, ask, values, s)
		if err != nil {
			return nil, err
		}
		words = found
	case "datasource":
		words = ask.Sources()
	case "constant", "textbox":
		return []signal.BoardOption{{Text: clean(v.Query), Value: v.Query}}, nil
	default:
		var out []signal.BoardOption
		for _, o := range v.Values {
			out = append(out, signal.BoardOption{Text: clean(o.Text), Value: o.Value})
		}
		if v.Auto > 0 {
			out = append([]signal.BoardOption{{Text: "auto", Value: "auto"}}, out...)
		}
		return out, nil
	}
	keep, err := filterOf(Expand(v.Regex, values, s))
	if err != nil {
		return nil, err
	}
	var out []signal.BoardOption
	seen := map[string]bool{}
	for _, w := range words {
		o, ok := keep.option(signal.BoardOption{Text: w, Value: w})
		if ok && !seen[o.Value] {
			seen[o.Value] = true
			out = append(out, o)
		}
	}
	sortOptions(out, v.Sort)
	return out, nil
}

func (v *Variable) ask(ctx context.Context, ask Asker, values Values, s Span) ([]string, error) {
	q, err := parseQuery(Expand(v.Query, values, s))
	if err != nil {
		return nil, err
	}
	source := Expand(v.Source, values, s)
	switch {
	case q.kind == "label_values" && q.expr == "":
		return ask.Words(ctx, source, driver.WordLabelValue, q.label, "", maxOptions+1)
	case q.kind == "label_names":
		return ask.Words(ctx, source, driver.WordLabel, "", "", maxOptions+1)
	case q.kind == "metrics":
		return metricNames(ctx, ask, source, q.expr)
	}
	m, err := ask.Metrics(source)
	if err != nil {
		return nil, err
	}
	expr := q.expr
	if q.kind == "label_values" {
		expr = "group by (" + q.label + ") (" + expr + ")"
	}
	found, err := m.Instant(ctx, expr, s.To)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, one := range found {
		if q.kind == "label_values" {
			if value := one.Labels.Get(q.label); value != "" {
				out = append(out, value)
			}
			continue
		}
		out = append(out, resultText(one))
	}
	slices.Sort(out)
	return out, nil
}

// metricNames are those that a regular expression finds.
func metricNames(ctx context.Context, ask Asker, source, pattern string) ([]string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("metrics(%s): %w", pattern, err)
	}
	all, err := ask.Words(ctx, source, driver.WordMetric, "", "", 10*maxOptions)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(w string) bool { return !re.MatchString(w) }), nil
}

// resultText is one line of query_result: name{label="value"} value timestamp.
func resultText(s signal.Series) string {
	var b strings.Builder
	b.WriteString(s.Labels.Get("__name__") + "{")
	first := true
	for _, l := range s.Labels {
		if l.Key == "__name__" {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(&b, "%s=%q", l.Key, l.Value)
	}
	b.WriteByte('}')
	if n := len(s.Samples); n > 0 {
		last := s.Samples[n-1]
		fmt.Fprintf(&b, " %s %d", strconv.FormatFloat(last.V, 'f', -1, 64), last.T.UnixMilli())
	}
	return b.String()
}

func sortOptions(out []signal.BoardOption, by string) {
	number := func(s string) float64 {
		if m := digits.FindString(s); m != "" {
			v, err := strconv.ParseFloat(m, 64)
			if err == nil {
				return v
			}
		}
		return math.Inf(-1)
	}
	var less func(a, b string) bool
	switch by {
	case "asc":
		less = func(a, b string) bool { return a < b }
	case "desc":
		less = func(a, b string) bool { return a > b }
	case "numAsc":
		less = func(a, b string) bool { return number(a) < number(b) }
	case "numDesc":
		less = func(a, b string) bool { return number(a) > number(b) }
	case "caseAsc":
		less = func(a, b string) bool { return strings.ToLower(a) < strings.ToLower(b) }
	case "caseDesc":
		less = func(a, b string) bool { return strings.ToLower(a) > strings.ToLower(b) }
	default:
		return
	}
	sort.SliceStable(out, func(i, j int) bool { return less(out[i].Text, out[j].Text) })
}

var digits = regexp.MustCompile(`\d+(?:\.\d+)?`)

// choose settles what is chosen among the options.
func (v *Variable) choose(options []signal.BoardOption, want []string) []string {
	if v.Type == "textbox" && len(want) > 0 {
		return want[:1]
	}
	for _, try := range [][]string{want, v.Default} {
		var out []string
		for _, w := range try {
			if w == All && v.IncludeAll {
				return []string{All}
			}
			known := slices.ContainsFunc(options, func(o signal.BoardOption) bool { return o.Value == w })
			if known && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
		if len(out) > 0 {
			if !v.Multi {
				out = out[:1]
			}
			return out
		}
	}
	switch {
	case v.IncludeAll && v.Multi:
		return []string{All}
	case len(options) > 0:
		return []string{options[0].Value}
	case v.IncludeAll:
		return []string{All}
	}
	return nil
}

// stands is what the variable stands for in queries.
func (v *Variable) stands(options []signal.BoardOption, chosen []string, s Span) Chosen {
	c := Chosen{Many: v.Multi || v.IncludeAll}
	for _, w := range chosen {
		if w == All {
			c.Texts = []string{"All"}
			if v.AllValue != "" {
				return Chosen{Values: []string{v.AllValue}, Texts: c.Texts, Many: true, Raw: true}
			}
			c.Values = nil
			for _, o := range options {
				c.Values = append(c.Values, o.Value)
			}
			if len(c.Values) == 0 { // nothing is known: let everything through rather than nothing
				return Chosen{Values: []string{".*"}, Texts: c.Texts, Many: true, Raw: true}
			}
			return c
		}
		text := w
		if i := slices.IndexFunc(options, func(o signal.BoardOption) bool { return o.Value == w }); i >= 0 {
			text = options[i].Text
		}
		if v.Type == "interval" && w == "auto" {
			w = PromDuration(max((s.To.Sub(s.From) / time.Duration(max(v.Auto, 1))).Round(time.Second), time.Second))
		}
		c.Values, c.Texts = append(c.Values, w), append(c.Texts, text)
	}
	return c
}
