package dashboard

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"time"

	"gameday/sources/signal"
	"gameday/sources/spec"
)

// The bounds of what a panel does to its answer.
const (
	maxRepeats   = 24 // of one row or panel
	maxMappings  = 100
	maxOverrides = 64
	maxColumns   = 64
)

// Mapping writes a word in place of a value: of one value, of a range, or of none at all.
type Mapping struct {
	Value *float64 `yaml:"value" doc:"The value that is meant."`
	From  *float64 `yaml:"from" doc:"Or: the first value of a range; without it everything up to its end."`
	To    *float64 `yaml:"to" doc:"The last value of the range."`
	Match string   `yaml:"match" doc:"Or: a regular expression that is looked for in the value, written as a plain decimal number."`
	Null  bool     `yaml:"null" doc:"Or: no value."`
	Text  string   `yaml:"text" doc:"What is written; of match in place of what fits, ${1} for its first group. Default: the value, judged by the level."`
	Level string   `yaml:"level" enum:"none,good,warning,bad" doc:"What it means: none, good, warning or bad."`
}

// Override changes how single series of a panel are written.
type Override struct {
	Series   string `yaml:"series" doc:"Which series: a regular expression of their whole names. Default: all."`
	Query    int    `yaml:"query" doc:"Only those of one query: its number among the targets, from 1."`
	Name     string `yaml:"name" doc:"What they are called; $1 stands for the first group of the expression."`
	Unit     string `yaml:"unit" doc:"Their unit, where it is not the panel's."`
	Decimals *int   `yaml:"decimals" doc:"Digits after the point, 0 to 10."`
	Hide     bool   `yaml:"hide" doc:"They are not shown."`
	Others   bool   `yaml:"others" doc:"Instead: all series that the expression does not fit."`
}

// Column is one column of a table: a label, or the values.
type Column struct {
	Name  string `yaml:"name,required" doc:"The label, or Value."`
	Title string `yaml:"title" doc:"What stands above it. Default: the name."`
	Hide  bool   `yaml:"hide" doc:"It is not shown."`
}

func (p *Panel) checkShape(doc *spec.Document, at string) {
	if len(p.Mappings) > maxMappings || len(p.Overrides) > maxOverrides || len(p.Columns) > maxColumns {
		doc.Reportf(at, "a panel has at most %d mappings, %d overrides and %d columns", maxMappings, maxOverrides, maxColumns)
	}
	for i, m := range p.Mappings {
		if m.Value == nil && m.From == nil && m.To == nil && m.Match == "" && !m.Null {
			doc.Reportf(fmt.Sprintf("%s.mappings[%d]", at, i), "says of no value what to write: give value, from and to, match, or null: true")
		}
		if _, err := regexp.Compile(m.Match); err != nil {
			doc.Reportf(fmt.Sprintf("%s.mappings[%d].match", at, i), "%v", err)
		}
	}
	for i, o := range p.Overrides {
		if _, err := wholeName(o.Series); err != nil {
			doc.Reportf(fmt.Sprintf("%s.overrides[%d].series", at, i), "%v", err)
		}
		if o.Series == "" && o.Query == 0 {
			doc.Reportf(fmt.Sprintf("%s.overrides[%d]", at, i), "says of no series what to change: give series or query")
		}
		if o.Query < 0 || o.Query > len(p.Targets) {
			doc.Reportf(fmt.Sprintf("%s.overrides[%d].query", at, i), "there is no query %d: the panel has %d", o.Query, len(p.Targets))
		}
		if o.Decimals != nil && (*o.Decimals < 0 || *o.Decimals > 10) {
			doc.Reportf(fmt.Sprintf("%s.overrides[%d].decimals", at, i), "%d is not within 0 and 10", *o.Decimals)
		}
	}
	if p.Stack != "" && p.Type != "" && p.Type != "timeseries" {
		doc.Reportf(at+".stack", "only the lines of a timeseries panel stand on one another")
	}
}

func wholeName(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile("^(?:" + pattern + ")$")
}

// shape is what does not depend on the answer.
func (p *Panel) shape(out *signal.BoardPanel) {
	for _, m := range p.Mappings {
		b := signal.BoardMapping{From: math.Inf(-1), To: math.Inf(1), Null: m.Null, Text: m.Text, Level: levels[m.Level]}
		if m.From != nil {
			b.From = *m.From
		}
		if m.To != nil {
			b.To = *m.To
		}
		if m.Value != nil {
			b.From, b.To = *m.Value, *m.Value
		}
		if m.Match != "" {
			re, err := regexp.Compile(m.Match)
			if err != nil {
				continue // what was imported was checked, and so was what was parsed
			}
			b.Match = re
		}
		out.Mappings = append(out.Mappings, b)
	}
	for _, c := range p.Columns {
		out.Columns = append(out.Columns, signal.BoardColumn{Name: c.Name, Title: c.Title, Hidden: c.Hide})
	}
}

// override names, counts and hides single series, before figures are made of them. query says which target each is of; nil when that is
// not known any more.
func (p *Panel) override(out *signal.BoardPanel, query []int) {
	if len(p.Overrides) == 0 {
		return
	}
	formats := make([]signal.BoardFormat, len(out.Series))
	hidden := make([]bool, len(out.Series))
	for _, o := range p.Overrides {
		if o.Query > 0 && query == nil {
			continue
		}
		re, err := wholeName(cmp.Or(o.Series, "(?s).*"))
		if err != nil {
			continue // what was imported was checked, and so was what was parsed
		}
		for i := range out.Series {
			s := &out.Series[i]
			at := re.FindStringSubmatchIndex(s.Name)
			if (at == nil) != o.Others || o.Query > 0 && query[i] != o.Query-1 {
				continue
			}
			if o.Unit != "" {
				formats[i].Unit = o.Unit
			}
			if o.Decimals != nil {
				formats[i].Decimals = o.Decimals
			}
			hidden[i] = hidden[i] || o.Hide
			if o.Name != "" && at != nil {
				s.Name = clean(string(re.ExpandString(nil, o.Name, s.Name, at)))
			}
		}
	}
	series := out.Series[:0]
	for i, s := range out.Series {
		if !hidden[i] {
			series = append(series, s)
			out.Formats = append(out.Formats, formats[i])
		}
	}
	out.Series = series
	if !slices.ContainsFunc(out.Formats, func(f signal.BoardFormat) bool { return f != signal.BoardFormat{} }) {
		out.Formats = nil
	}
}

// stacked makes lines that stand on one another: each is the sum of those up to it, or its share of all of them.
func (p *Panel) stacked(out *signal.BoardPanel) {
	if p.Stack == "" || out.Kind != signal.BoardSeries || len(out.Series) < 2 {
		return
	}
	out.Stacked = true
	whole := map[int64]float64{}
	for _, s := range out.Series {
		for _, v := range s.Samples {
			if !math.IsNaN(v.V) {
				whole[v.T.UnixNano()] += v.V
			}
		}
	}
	times := slices.Sorted(maps.Keys(whole))
	below := map[int64]float64{}
	for i := range out.Series {
		s := &out.Series[i]
		own := map[int64]signal.Sample{}
		for _, v := range s.Samples {
			own[v.T.UnixNano()] = v
		}
		line := make([]signal.Sample, 0, len(times))
		for _, at := range times {
			v, ok := own[at]
			if ok && !math.IsNaN(v.V) {
				below[at] += v.V
			}
			if !ok { // it has no point there, and stands on the others all the same
				v.T = time.Unix(0, at)
			}
			v.V = below[at]
			if p.Stack == "percent" {
				if v.V = math.NaN(); whole[at] != 0 {
					v.V = 100 * below[at] / whole[at]
				}
			}
			line = append(line, v)
		}
		s.Samples, s.Exemplars = line, nil
	}
	if p.Stack == "percent" { // the figures too are shares, of the last instant
		out.Unit = "percent"
		under := 0.0
		for i := range out.Series {
			top := math.NaN()
			if n := len(times); n > 0 {
				top = out.Series[i].Samples[n-1].V
			}
			if out.Values[i] = top - under; !math.IsNaN(top) {
				under = top
			}
		}
	}
}

// Laid is a panel in its place on the screen, with what its variables stand for there.
type Laid struct {
	Panel  *Panel
	Values Values
	Row    string // the heading of the row that it is the first of
	NewRow bool
}

// Lay puts the panels in the order of the screen. Rows and panels that repeat come once for each chosen value of their variable.
// vars are the variables as they were resolved; before that nothing repeats.
func (d *Dashboard) Lay(vars []signal.BoardVar, values Values) []Laid {
	var out []Laid
	add := func(row *Row, p *Panel, values Values, first bool) bool {
		if len(out) == maxPanels {
			return false
		}
		l := Laid{Panel: p, Values: values, NewRow: first}
		if first {
			l.Row = row.Title
		}
		out = append(out, l)
		return true
	}
	for r := range d.Rows {
		row := &d.Rows[r]
		for _, whole := range scopes(row.Repeat, vars, values) {
			if whole.left > 0 {
				add(&Row{}, more(row.Repeat, whole.left), whole.values, true)
				continue
			}
			first := true
			for i := range row.Panels {
				p := &row.Panels[i]
				for _, one := range scopes(p.Repeat, vars, whole.values) {
					shown := p
					if one.left > 0 {
						shown = more(p.Repeat, one.left)
					}
					if !add(row, shown, one.values, first) {
						return out
					}
					first = false
				}
			}
		}
	}
	return out
}

// more stands where there are more values than a dashboard repeats for.
func more(variable string, n int) *Panel {
	return &Panel{Title: fmt.Sprintf("%d more", n), Type: "text", Reduce: "last", Width: 6,
		Text: fmt.Sprintf("There are %d values more of %s: choose fewer of them.", n, variable)}
}

// scope is one value of a variable that something repeats for; left is how many values come after the last one that counts.
type scope struct {
	values Values
	left   int
}

func scopes(repeat string, vars []signal.BoardVar, values Values) []scope {
	i := slices.IndexFunc(vars, func(v signal.BoardVar) bool { return v.Name == repeat })
	if repeat == "" || i < 0 || values == nil {
		return []scope{{values: values}}
	}
	v := &vars[i]
	chosen := v.Chosen
	if slices.Contains(chosen, All) {
		chosen = nil
		for _, o := range v.Options {
			if o.Value != All {
				chosen = append(chosen, o.Value)
			}
		}
	}
	if len(chosen) == 0 {
		return []scope{{values: values}}
	}
	var out []scope
	for n, value := range chosen {
		if n == maxRepeats {
			return append(out, scope{values: values, left: len(chosen) - n})
		}
		text := value
		if at := slices.IndexFunc(v.Options, func(o signal.BoardOption) bool { return o.Value == value }); at >= 0 {
			text = v.Options[at].Text
		}
		scoped := maps.Clone(values)
		scoped[repeat] = Chosen{Values: []string{value}, Texts: []string{text}, Many: values[repeat].Many}
		out = append(out, scope{values: scoped})
	}
	return out
}
