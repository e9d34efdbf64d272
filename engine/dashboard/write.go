package dashboard

import (
	"fmt"
	"strconv"
	"strings"

	"gameday/sources/spec"
)

// YAML writes the dashboard as a document that Parse reads back as it is.
func (d *Dashboard) YAML() []byte {
	w := &writer{}
	w.line(0, "apiVersion: gameday/v1")
	w.line(0, "kind: %s", Kind)
	w.line(0, "metadata:")
	w.text(1, "name", d.Metadata.Name)
	w.text(1, "title", d.Metadata.Title)
	w.text(1, "description", d.Metadata.Description)
	w.list(1, "tags", d.Metadata.Tags)
	w.head(0, "variables", len(d.Variables))
	for i := range d.Variables {
		w.variable(&d.Variables[i])
	}
	w.line(0, "rows:")
	for i := range d.Rows {
		w.line(0, "- panels:")
		for j := range d.Rows[i].Panels {
			w.panel(&d.Rows[i].Panels[j])
		}
		w.text(1, "title", d.Rows[i].Title)
		w.text(1, "repeat", d.Rows[i].Repeat)
	}
	return []byte(w.b.String())
}

type writer struct{ b strings.Builder }

func (w *writer) line(depth int, format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

func (w *writer) text(depth int, key, value string) {
	if value != "" {
		w.line(depth, "%s: %s", key, spec.Text(value))
	}
}

func (w *writer) flag(depth int, key string, on bool) {
	if on {
		w.line(depth, "%s: true", key)
	}
}

func (w *writer) number(depth int, key string, v *float64) {
	if v != nil {
		w.line(depth, "%s: %s", key, strconv.FormatFloat(*v, 'g', -1, 64))
	}
}

func (w *writer) whole(depth int, key string, v *int) {
	if v != nil {
		w.line(depth, "%s: %d", key, *v)
	}
}

// head begins a list of n, if there is any.
func (w *writer) head(depth int, key string, n int) {
	if n > 0 {
		w.line(depth, "%s:", key)
	}
}

func (w *writer) list(depth int, key string, values []string) {
	w.head(depth, key, len(values))
	for _, v := range values {
		w.line(depth, "- %s", spec.Text(v))
	}
}

func (w *writer) variable(v *Variable) {
	w.line(0, "- name: %s", spec.Text(v.Name))
	if v.Label != v.Name {
		w.text(1, "label", v.Label)
	}
	w.text(1, "type", v.Type)
	w.text(1, "query", v.Query)
	w.text(1, "regex", v.Regex)
	w.text(1, "sort", v.Sort)
	w.head(1, "values", len(v.Values))
	for _, o := range v.Values {
		if o.Text == o.Value && o.Value != "" {
			w.line(1, "- %s", spec.Text(o.Value))
			continue
		}
		w.line(1, "- value: %s", spec.Text(o.Value))
		w.text(2, "text", o.Text)
	}
	w.flag(1, "multi", v.Multi)
	w.flag(1, "includeAll", v.IncludeAll)
	w.text(1, "allValue", v.AllValue)
	w.list(1, "default", v.Default)
	w.flag(1, "hidden", v.Hidden)
	w.text(1, "source", v.Source)
	if v.Auto > 0 {
		w.line(1, "auto: %d", v.Auto)
	}
}

func (w *writer) panel(p *Panel) {
	w.line(1, "- type: %s", spec.Text(p.Type))
	w.text(2, "title", p.Title)
	w.text(2, "foreign", p.Foreign)
	w.text(2, "unit", p.Unit)
	w.number(2, "min", p.Min)
	w.number(2, "max", p.Max)
	w.flag(2, "log", p.Log)
	w.whole(2, "decimals", p.Decimals)
	if p.Reduce != "last" {
		w.text(2, "reduce", p.Reduce)
	}
	w.line(2, "width: %d", p.Width)
	if p.Height > 0 {
		w.line(2, "height: %d", p.Height)
	}
	if p.Step > 0 {
		w.line(2, "step: %s", p.Step)
	}
	w.text(2, "text", p.Text)
	w.head(2, "thresholds", len(p.Thresholds))
	for _, t := range p.Thresholds {
		w.line(2, "- level: %s", t.Level)
		w.number(3, "from", t.From)
	}
	w.text(2, "repeat", p.Repeat)
	w.shape(p)
	w.head(2, "targets", len(p.Targets))
	for _, t := range p.Targets {
		w.line(2, "- expr: %s", spec.Text(t.Expr))
		w.text(3, "legend", t.Legend)
		w.text(3, "source", t.Source)
		w.flag(3, "instant", t.Instant)
	}
}

func (w *writer) shape(p *Panel) {
	w.text(2, "stack", p.Stack)
	w.head(2, "mappings", len(p.Mappings))
	for _, m := range p.Mappings {
		w.line(2, "- text: %s", spec.Text(m.Text))
		w.number(3, "value", m.Value)
		w.number(3, "from", m.From)
		w.number(3, "to", m.To)
		w.text(3, "match", m.Match)
		w.flag(3, "null", m.Null)
		w.text(3, "level", m.Level)
	}
	w.head(2, "overrides", len(p.Overrides))
	for _, o := range p.Overrides {
		w.line(2, "- series: %s", spec.Text(o.Series))
		if o.Query > 0 {
			w.line(3, "query: %d", o.Query)
		}
		w.text(3, "name", o.Name)
		w.text(3, "unit", o.Unit)
		w.whole(3, "decimals", o.Decimals)
		w.flag(3, "hide", o.Hide)
		w.flag(3, "others", o.Others)
	}
	w.head(2, "columns", len(p.Columns))
	for _, c := range p.Columns {
		w.line(2, "- name: %s", spec.Text(c.Name))
		w.text(3, "title", c.Title)
		w.flag(3, "hide", c.Hide)
	}
}
