package dashboard

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"gameday/sources/spec"
)

// promDuration reads a distance in time such as 30s, or >30s, where it is given as such.
func promDuration(s string) (time.Duration, bool) {
	d, err := model.ParseDuration(strings.TrimPrefix(strings.TrimSpace(s), ">"))
	if err != nil || time.Duration(d) <= 0 || time.Duration(d) > 24*time.Hour {
		return 0, false
	}
	return time.Duration(d), true
}

func number(o obj, key string) *float64 {
	if v, ok := o.num(key); ok && !math.IsInf(v, 0) && !math.IsNaN(v) {
		return &v
	}
	return nil
}

// field is how values are written and judged, from before Grafana 8 and after.
func (im *importer) field(p *Panel, o obj, at string) {
	defaults := o.obj("fieldConfig", "defaults")
	p.Unit, p.Min, p.Max = clean(defaults.str("unit")), number(defaults, "min"), number(defaults, "max")
	if d, ok := defaults.num("decimals"); ok && d >= 0 && d <= 10 {
		n := int(d)
		p.Decimals = &n
	}
	p.Log = defaults.obj("custom", "scaleDistribution").str("type") == "log"
	p.Thresholds = steps(defaults.obj("thresholds"))
	if calcs := words(o.obj("options", "reduceOptions")["calcs"]); len(calcs) > 0 {
		p.Reduce = reduction(calcs[0])
	}
	im.oldField(p, o)
	if defaults.obj("thresholds").str("mode") == "percentage" {
		im.shares(p, at)
	}
	if p.Unit == "none" {
		p.Unit = ""
	}
	if p.Min != nil && p.Max != nil && *p.Min >= *p.Max {
		p.Min, p.Max = nil, nil
	}
}

// oldField reads the settings of graph, singlestat and old heatmap panels.
func (im *importer) oldField(p *Panel, o obj) {
	axis := o.obj("yAxis")
	if axes := o.list("yaxes"); len(axes) > 0 {
		axis = axes[0]
	}
	if p.Unit == "" {
		if p.Unit = clean(axis.str("format")); p.Unit == "" {
			p.Unit = clean(o.str("format"))
		}
	}
	if p.Min == nil {
		p.Min = number(axis, "min")
	}
	if p.Max == nil {
		p.Max = number(axis, "max")
	}
	p.Log = p.Log || axis.int("logBase") > 1
	if g := o.obj("gauge"); g.bool("show") {
		p.Min, p.Max = number(g, "minValue"), number(g, "maxValue")
	}
	if v := o.str("valueName"); v != "" {
		p.Reduce = reduction(v)
	}
	if text, ok := o["thresholds"].(string); ok && strings.TrimSpace(text) != "" {
		p.Thresholds = oldSteps(text, words(o["colors"]))
	}
	for _, t := range o.list("thresholds") { // of a graph: lines with a direction
		v := number(t, "value")
		if v == nil {
			continue
		}
		level := map[string]string{"critical": "bad", "warning": "warning", "ok": "good"}[t.str("colorMode")]
		if level == "" {
			level = "warning"
		}
		if t.str("op") == "lt" {
			continue // what is below is not good: such a range has no beginning
		}
		p.Thresholds = append(p.Thresholds, Threshold{From: v, Level: level})
	}
}

func reduction(calc string) string {
	switch calc {
	case "avg", "mean":
		return "mean"
	case "min", "max", "sum", "first", "range", "count":
		return calc
	case "total":
		return "sum"
	case "firstNotNull":
		return "first"
	}
	return "last"
}

// shares makes values of thresholds that are percentages of the way from the panel's smallest to its largest value.
func (im *importer) shares(p *Panel, at string) {
	if len(p.Thresholds) == 0 {
		return
	}
	from, to, why := p.Min, p.Max, ""
	if whole, ok := map[string]float64{"percent": 100, "percentunit": 1}[p.Unit]; ok && (from == nil || to == nil) {
		zero := 0.0
		from, to = cmp.Or(from, &zero), cmp.Or(to, &whole)
		why = fmt.Sprintf("counted from %g to %g", *from, *to)
	}
	if from == nil || to == nil || *from >= *to {
		p.Thresholds = nil
		im.cover.Add("percentage thresholds", at, spec.NotConverted, "they are shares of a range that is in the answer only: give the panel min and max")
		return
	}
	for i := range p.Thresholds {
		if t := &p.Thresholds[i]; t.From != nil {
			v := *from + (*to-*from)**t.From/100
			t.From = &v
		}
	}
	im.cover.Add("percentage thresholds", at, map[bool]spec.Outcome{true: spec.Converted, false: spec.Approximated}[why == ""], why)
}

// steps are thresholds since Grafana 7.
func steps(o obj) []Threshold {
	var out []Threshold
	for i, s := range o.list("steps") {
		t := Threshold{From: number(s, "value"), Level: levelOf(s.str("color"))}
		if i == 0 {
			t.From = nil
		} else if t.From == nil {
			continue
		}
		out = append(out, t)
	}
	if len(out) == 1 { // one colour for all says nothing
		return nil
	}
	return out
}

// oldSteps are thresholds of singlestat: "80,90" with three colours.
func oldSteps(text string, colours []string) []Threshold {
	level := func(i int) string {
		if i < len(colours) {
			return levelOf(colours[i])
		}
		return []string{"good", "warning", "bad"}[min(i, 2)]
	}
	out := []Threshold{{Level: level(0)}}
	for i, part := range strings.Split(text, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || i > 20 {
			return nil
		}
		out = append(out, Threshold{From: &v, Level: level(i + 1)})
	}
	return out
}

// levelOf is what a colour says: green is good, red is bad, yellow and orange are in between.
func levelOf(colour string) string {
	colour = strings.ToLower(strings.TrimSpace(colour))
	for _, c := range []struct{ word, level string }{{"green", "good"}, {"red", "bad"}, {"orange", "warning"}, {"yellow", "warning"}} {
		if strings.Contains(colour, c.word) {
			return c.level
		}
	}
	var r, g, b int
	if strings.HasPrefix(colour, "#") && len(colour) >= 7 {
		if n, err := strconv.ParseUint(colour[1:7], 16, 32); err == nil {
			r, g, b = int(n>>16), int(n>>8&0xff), int(n&0xff)
		}
	} else if i := strings.IndexByte(colour, '('); strings.HasPrefix(colour, "rgb") && i > 0 {
		if n, err := fmt.Sscanf(strings.ReplaceAll(colour[i:], " ", ""), "(%d,%d,%d", &r, &g, &b); err != nil || n < 3 {
			return "none"
		}
	}
	switch {
	case r+g+b == 0 || b > max(r, g):
		return "none"
	case g > r+r/4:
		return "good"
	case r > 2*g:
		return "bad"
	case r > b+b/4 && r >= g:
		return "warning"
	}
	return "none"
}

// variables are the dashboard's, with what became of each.
func (im *importer) variables(all []obj) {
	of := map[string]obj{}
	for i, o := range all {
		at := fmt.Sprintf("templating.list[%d]", i)
		name := o.str("name")
		if _, ok := of[name]; !ok {
			of[name] = o
		}
		what := clean(o.str("type")) + " variable"
		if !isName(name) || len(im.out.Variables) >= maxVariables || im.has(name) {
			im.cover.Add(what, at, spec.NotConverted, "its name "+spec.Quote(name)+" cannot be used")
			continue
		}
		v := Variable{Name: name, Label: clean(o.str("label")), Type: o.str("type"), Regex: o.str("regex"), Multi: o.bool("multi"), IncludeAll: o.bool("includeAll"),
			AllValue: o.str("allValue"), Hidden: o.int("hide") == 2}
		outcome, why := im.variable(&v, o)
		if outcome != spec.NotConverted || v.Type != "" {
			im.out.Variables = append(im.out.Variables, v)
		}
		im.cover.Add(what, at, outcome, why)
	}
	for i := range im.out.Variables {
		v := &im.out.Variables[i]
		if v.Type == "query" {
			v.Source = im.source(of[v.Name]["datasource"])
		}
	}
}

func (im *importer) has(name string) bool {
	for i := range im.out.Variables {
		if im.out.Variables[i].Name == name {
			return true
		}
	}
	return false
}

func (im *importer) variable(v *Variable, o obj) (spec.Outcome, string) {
	v.Default = words(o.obj("current")["value"])
	for i, d := range v.Default {
		if d == "$__all" || d == "All" && v.IncludeAll {
			v.Default[i] = All
		}
	}
	text := o.str("query")
	if v.Type != "query" {
		v.Regex = "" // it picks among values that were asked for
	}
	switch v.Type {
	case "query":
		if q := o.obj("query"); q != nil {
			text = q.str("query")
		}
		v.Query, v.Sort = strings.TrimSpace(text), []string{"", "asc", "desc", "numAsc", "numDesc", "caseAsc", "caseDesc", "numAsc", "numDesc"}[min(max(o.int("sort"), 0), 8)]
		if _, err := parseQuery(v.Query); err != nil {
			return im.fixed(v, o, "its query is none of Prometheus': what was chosen when it was saved stays")
		}
		if _, err := filterOf(v.Regex); err != nil {
			return im.fixed(v, o, err.Error())
		}
	case "custom", "interval":
		v.Values = customValues(text)
		if v.Type == "interval" && o.bool("auto") {
			v.Auto = min(max(o.int("auto_count"), 1), 1000)
			for i, d := range v.Default {
				if strings.HasPrefix(d, "$__auto_interval") {
					v.Default[i] = "auto"
				}
			}
		}
		if len(v.Values) == 0 && v.Auto == 0 {
			return im.fixed(v, o, "it has no values but the one that was chosen")
		}
	case "constant", "textbox":
		if v.Query = text; v.Query == "" && len(v.Default) > 0 {
			v.Query = v.Default[0]
		}
		v.Hidden = v.Hidden || v.Type == "constant"
		v.Default = nil
	case "datasource":
		v.Default, v.Regex = nil, "" // names of somebody else's sources
		if text != "prometheus" && text != "" {
			return im.fixed(v, o, "it chooses among sources of the kind "+clean(text))
		}
	default:
		return im.fixed(v, o, "this type of variable is not known: what was chosen when it was saved stays")
	}
	return spec.Converted, ""
}

// fixed makes a variable that cannot be asked for into one with the values that the file has.
func (im *importer) fixed(v *Variable, o obj, why string) (spec.Outcome, string) {
	v.Type, v.Query, v.Regex, v.Values = "custom", "", "", nil
	for _, opt := range o.list("options") {
		value := opt.str("value")
		if value == "" || value == "$__all" || len(v.Values) == maxOptions {
			continue
		}
		text := clean(opt.str("text"))
		if text == "" {
			text = value
		}
		v.Values = append(v.Values, Option{Text: text, Value: value})
	}
	if len(v.Values) == 0 {
		for _, d := range v.Default {
			if d != All && d != "" {
				v.Values = append(v.Values, Option{Text: clean(d), Value: d})
			}
		}
	}
	if len(v.Values) == 0 {
		v.Type, v.Hidden = "constant", true
		return spec.NotConverted, why
	}
	return spec.Approximated, why
}

// customValues reads "a, b, text : value", where a comma within a value is written \,.
func customValues(text string) []Option {
	var out []Option
	var part strings.Builder
	flush := func() {
		s := strings.TrimSpace(part.String())
		part.Reset()
		if s == "" || len(out) == maxOptions {
			return
		}
		o := Option{Text: clean(s), Value: s}
		if t, v, ok := strings.Cut(s, " : "); ok {
			o = Option{Text: clean(t), Value: strings.TrimSpace(v)}
		}
		out = append(out, o)
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == ',':
			part.WriteByte(',')
			i++
		case text[i] == ',':
			flush()
		default:
			part.WriteByte(text[i])
		}
	}
	flush()
	return out
}
