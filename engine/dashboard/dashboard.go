// Package dashboard is the model of dashboards: rows of panels with their queries, and variables that stand in them. It reads
// gameday's own documents and the JSON that people publish for Grafana, resolves variables, and evaluates panels one at a
// time. It keeps nothing and starts nothing.
package dashboard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gameday/sources/sanitize"
	"gameday/sources/spec"
)

// Kind is what stands at kind: in a document.
const Kind = "Dashboard"

// The bounds of one dashboard.
const (
	maxPanels    = 500
	maxTargets   = 26 // as many as have a letter
	maxVariables = 64
)

// Dashboard is one, as a document has it. It is not changed once read.
type Dashboard struct {
	APIVersion string     `yaml:"apiVersion,required" enum:"gameday/v1" doc:"gameday/v1"`
	Kind       string     `yaml:"kind,required" enum:"Dashboard" doc:"Dashboard"`
	Metadata   Metadata   `yaml:"metadata,required" doc:"What it is called."`
	Variables  []Variable `yaml:"variables" doc:"What an operator can choose; they stand in queries as $name or ${name}."`
	Rows       []Row      `yaml:"rows,required" doc:"The panels, from the top."`
}

// Metadata names it.
type Metadata struct {
	Name        string   `yaml:"name,required" doc:"Short and unique, such as shop."`
	Title       string   `yaml:"title" doc:"What stands above it. Default: the name."`
	Description string   `yaml:"description" doc:"What it is for, in a sentence."`
	Tags        []string `yaml:"tags" doc:"Words to find it by."`
}

// Row is some panels with a heading.
type Row struct {
	Title  string  `yaml:"title" doc:"The heading; without it the panels follow the ones above."`
	Repeat string  `yaml:"repeat" doc:"A variable: the row comes once for each of its chosen values."`
	Panels []Panel `yaml:"panels,required" doc:"The panels, side by side where there is room."`
}

// Panel is one chart.
type Panel struct {
	Title      string        `yaml:"title" doc:"What stands above it."`
	Type       string        `yaml:"type" enum:"timeseries,stat,gauge,bargauge,heatmap,table,logs,text,unknown" doc:"How it is drawn. Default timeseries."`
	Unit       string        `yaml:"unit" doc:"As Grafana names units: s, ms, bytes, percent (0 to 100), percentunit (0 to 1), reqps, short; any other word stands behind the number."`
	Min        *float64      `yaml:"min" doc:"Where the axis begins."`
	Max        *float64      `yaml:"max" doc:"Where the axis ends."`
	Log        bool          `yaml:"log" doc:"The axis is logarithmic from the start."`
	Decimals   *int          `yaml:"decimals" doc:"Digits after the point, 0 to 10."`
	Thresholds []Threshold   `yaml:"thresholds" doc:"From which value on something is good, a warning, or bad."`
	Reduce     string        `yaml:"reduce" enum:"last,first,mean,min,max,sum,range,count" doc:"What one figure is made of, for stat, gauge and bargauge. Default last."`
	Width      int           `yaml:"width" doc:"Of 24 parts of the screen, 1 to 24. Default 12."`
	Height     int           `yaml:"height" doc:"In Grafana's units, of which a chart has 8. 0 goes by the type."`
	Step       time.Duration `yaml:"step" doc:"The least distance of two points."`
	Stack      string        `yaml:"stack" enum:"normal,percent" doc:"timeseries: the lines stand on one another, as sums or as shares of the whole."`
	Mappings   []Mapping     `yaml:"mappings" doc:"Words in place of values, the first that fits."`
	Overrides  []Override    `yaml:"overrides" doc:"How single series are named and written."`
	Columns    []Column      `yaml:"columns" doc:"table: other titles for columns, and which are not shown."`
	Repeat     string        `yaml:"repeat" doc:"A variable: the panel comes once for each of its chosen values."`
	Targets    []Target      `yaml:"targets" doc:"The queries."`
	Text       string        `yaml:"text" doc:"What a text panel says."`
	Foreign    string        `yaml:"foreign" doc:"Of an unknown panel: what its type was called where it came from."`
}

// Target is one query of a panel.
type Target struct {
	Expr    string `yaml:"expr,required" doc:"PromQL, or for a logs panel LogQL or words to look for. Variables are written $name, ${name} or ${name:format}."`
	Legend  string `yaml:"legend" doc:"What each series is called, with {{label}} for values of labels. Default: what tells them apart."`
	Source  string `yaml:"source" doc:"The name of the source that is asked, or a variable with it. Default: the session's own."`
	Instant bool   `yaml:"instant" doc:"Ask for the end of the window only."`
}

// Threshold begins a range of values.
type Threshold struct {
	From  *float64 `yaml:"from" doc:"The first value; without it everything below the next one."`
	Level string   `yaml:"level,required" enum:"none,good,warning,bad" doc:"none, good, warning or bad."`
}

// Variable is one thing that can be chosen.
type Variable struct {
	Name       string   `yaml:"name,required" doc:"What stands behind the $: letters, digits and _."`
	Label      string   `yaml:"label" doc:"What stands on the screen. Default: the name."`
	Type       string   `yaml:"type" enum:"query,custom,interval,constant,textbox,datasource" doc:"Where its values come from. Default custom."`
	Query      string   `yaml:"query" doc:"query: label_values(metric, label), label_values(label), label_names(), metrics(regex) or query_result(expression); constant and textbox: the value."`
	Regex      string   `yaml:"regex" doc:"query and datasource: which values count; a group in it is what counts of each. Groups named text and value tell the two apart."`
	Sort       string   `yaml:"sort" enum:"none,asc,desc,numAsc,numDesc,caseAsc,caseDesc" doc:"query: the order of the values. Default none."`
	Values     []Option `yaml:"values" doc:"custom and interval: the values, as words or as text and value."`
	Multi      bool     `yaml:"multi" doc:"Several may be chosen."`
	IncludeAll bool     `yaml:"includeAll" doc:"All may be chosen at once."`
	AllValue   string   `yaml:"allValue" doc:"What stands in queries when all are chosen, such as .*; default: every value."`
	Default    []string `yaml:"default" doc:"What is chosen at first; $__all for all. Default: the first value, or all when there are several to choose."`
	Hidden     bool     `yaml:"hidden" doc:"It is not shown."`
	Source     string   `yaml:"source" doc:"query: the source that is asked."`
	Auto       int      `yaml:"auto" doc:"interval: offer auto, which parts the window in so many steps."`
}

// Option is a value that can be chosen.
type Option struct {
	Text  string `yaml:"text" doc:"What stands on the screen. Default: the value."`
	Value string `yaml:"value,required" doc:"What stands in queries."`
}

// UnmarshalSpec reads a word, or text and value.
func (o *Option) UnmarshalSpec(part *spec.Document) {
	if text, ok := part.Scalar(); ok {
		o.Text, o.Value = text, text
		return
	}
	type plain Option
	part.Decode((*plain)(o))
	if o.Text == "" {
		o.Text = o.Value
	}
}

// JSONSchema says that an option is a word, or text and value.
func (*Option) JSONSchema() map[string]any {
	type plain Option
	return map[string]any{"anyOf": []any{map[string]any{"type": []any{"string", "number"}}, spec.Ref{V: &plain{}}}}
}

// All is the value that stands for every one.
const All = "$__all"

// Title is what stands above the dashboard.
func (d *Dashboard) Title() string {
	if d.Metadata.Title != "" {
		return d.Metadata.Title
	}
	return d.Metadata.Name
}

// Parse reads one document of gameday's own. Every fault is reported at once, in a *spec.Problems.
func Parse(file string, data []byte) (*Dashboard, error) {
	doc, err := spec.Parse(file, data)
	if err != nil {
		return nil, err
	}
	d := &Dashboard{}
	doc.Decode(d)
	d.check(doc)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	d.complete()
	return d, nil
}

// Schema is the JSON Schema of a dashboard.
func Schema() ([]byte, error) { return spec.Schema("gameday dashboard", &Dashboard{}) }

func (d *Dashboard) check(doc *spec.Document) {
	if len(d.Variables) > maxVariables {
		doc.Reportf("variables", "%d variables are more than the %d a dashboard may have", len(d.Variables), maxVariables)
	}
	names := map[string]bool{}
	for i := range d.Variables {
		v := &d.Variables[i]
		at := fmt.Sprintf("variables[%d]", i)
		if v.Name != "" && !isName(v.Name) {
			doc.Reportf(at+".name", "%s is no name: letters, digits and _, not beginning with a digit", spec.Quote(v.Name))
		}
		if names[v.Name] {
			doc.Reportf(at+".name", "there is a variable %s already", spec.Quote(v.Name))
		}
		names[v.Name] = true
		v.check(doc, at)
	}
	if _, err := order(d.Variables); err != nil {
		doc.Reportf("variables", "%v", err)
	}
	n := 0
	for i := range d.Rows {
		for j := range d.Rows[i].Panels {
			d.Rows[i].Panels[j].check(doc, fmt.Sprintf("rows[%d].panels[%d]", i, j))
			n++
		}
	}
	if n > maxPanels {
		doc.Reportf("rows", "%d panels are more than the %d a dashboard may have", n, maxPanels)
	}
}

func (v *Variable) check(doc *spec.Document, at string) {
	if _, err := filterOf(v.Regex); err != nil {
		doc.Reportf(at+".regex", "%v", err)
	}
	switch v.Type {
	case "query":
		if _, err := parseQuery(v.Query); err != nil {
			doc.Reportf(at+".query", "%v", err)
		}
	case "", "custom", "interval":
		if len(v.Values) == 0 && v.Auto <= 0 {
			doc.Reportf(at+".values", "a variable of this type needs values to choose from")
		}
	}
	if v.Auto < 0 || v.Auto > 1000 {
		doc.Reportf(at+".auto", "%d is no number of steps from 1 to 1000", v.Auto)
	}
}

func (p *Panel) check(doc *spec.Document, at string) {
	if p.Width < 0 || p.Width > 24 {
		doc.Reportf(at+".width", "%d is not within 1 and 24", p.Width)
	}
	if p.Height < 0 || p.Height > 100 {
		doc.Reportf(at+".height", "%d is not within 0 and 100", p.Height)
	}
	if p.Decimals != nil && (*p.Decimals < 0 || *p.Decimals > 10) {
		doc.Reportf(at+".decimals", "%d is not within 0 and 10", *p.Decimals)
	}
	if p.Min != nil && p.Max != nil && *p.Min >= *p.Max {
		doc.Reportf(at+".max", "the axis ends where it begins, or before")
	}
	p.checkShape(doc, at)
	if p.Step < 0 {
		doc.Reportf(at+".step", "a distance in time is not negative")
	}
	if len(p.Targets) > maxTargets {
		doc.Reportf(at+".targets", "%d queries are more than the %d a panel may have", len(p.Targets), maxTargets)
	}
	if len(p.Targets) == 0 && p.Type != "text" && p.Type != "unknown" {
		doc.Reportf(at+".targets", "the panel has no query: give targets, or say type: text")
	}
}

// complete fills in what goes without saying, and makes text that is shown harmless.
func (d *Dashboard) complete() {
	d.Metadata.Title = clean(d.Metadata.Title)
	for i := range d.Variables {
		v := &d.Variables[i]
		if v.Type == "" {
			v.Type = "custom"
		}
		if v.Label = clean(v.Label); v.Label == "" {
			v.Label = v.Name
		}
	}
	for i := range d.Rows {
		d.Rows[i].Title = clean(d.Rows[i].Title)
		for j := range d.Rows[i].Panels {
			p := &d.Rows[i].Panels[j]
			p.Title, p.Unit, p.Foreign, p.Text = clean(p.Title), clean(p.Unit), clean(p.Foreign), clean(p.Text)
			for k := range p.Mappings {
				p.Mappings[k].Text = clean(p.Mappings[k].Text)
			}
			for k := range p.Overrides {
				p.Overrides[k].Unit = clean(p.Overrides[k].Unit)
			}
			for k := range p.Columns {
				p.Columns[k].Title = clean(p.Columns[k].Title)
			}
			if p.Type == "" {
				p.Type = "timeseries"
			}
			if p.Reduce == "" {
				p.Reduce = "last"
			}
			if p.Width == 0 {
				p.Width = 12
			}
		}
	}
}

func clean(s string) string {
	return strings.TrimSpace(sanitize.Line(strings.Join(strings.Fields(s), " "), sanitize.MaxValue))
}

func isName(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// Panels are all panels, in the order of the screen. The heading stands with the first of each row.
func (d *Dashboard) Panels() []*Panel {
	var out []*Panel
	for i := range d.Rows {
		for j := range d.Rows[i].Panels {
			out = append(out, &d.Rows[i].Panels[j])
		}
	}
	return out
}

// order sorts variables so that each comes after those that stand in it. It fails when they stand in each other.
func order(all []Variable) ([]int, error) {
	index := map[string]int{}
	for i := range all {
		index[all[i].Name] = i
	}
	var out []int
	state := make([]uint8, len(all)) // 1: being visited, 2: done
	var visit func(i int) error
	visit = func(i int) error {
		switch state[i] {
		case 1:
			return fmt.Errorf("the variable %s stands in itself, by way of others", spec.Quote(all[i].Name))
		case 2:
			return nil
		}
		state[i] = 1
		for _, name := range mentioned(all[i].Query + " " + all[i].Regex + " " + all[i].Source) {
			if j, ok := index[name]; ok {
				if err := visit(j); err != nil {
					return err
				}
			}
		}
		state[i] = 2
		out = append(out, i)
		return nil
	}
	for i := range all {
		if err := visit(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// mentioned are the names of variables in a text.
func mentioned(text string) []string {
	var out []string
	expand(text, func(ref reference) (string, bool) {
		if !slices.Contains(out, ref.name) {
			out = append(out, ref.name)
		}
		return "", true
	})
	return out
}
