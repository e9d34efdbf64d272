package board

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/pane/metrics"
	"gameday/tui/widget"
)

// panel draws one panel in exactly h rows of w cells.
func (p *Pane) panel(pen widget.Pen, ctx pane.Context, b *signal.BoardPanel, x, y, w, h int) []string {
	p.places = append(p.places, place{b.ID, x, y, w, h})
	sel := ctx.Active && b == p.current(ctx)
	if h <= 0 || w <= 0 {
		return nil
	}
	head := p.head(pen, ctx, b, sel, w)
	says := func(role themes.Role, text string) []string {
		rows := []string{head}
		for _, l := range widget.Wrap(text, max(w-2, 1)) {
			rows = append(rows, pen.Row(w, widget.Seg{Role: themes.Text, Text: "  "}, widget.Seg{Role: role, Text: l}))
		}
		return pen.Page(rows, w, h)
	}
	switch {
	case b.Kind == signal.BoardText:
		return says(themes.Text, b.Text)
	case b.Kind == signal.BoardUnknown:
		return says(themes.Muted, fmt.Sprintf("a panel of the type %s, which gameday does not draw", b.Foreign))
	case !b.Evaluated:
		return says(themes.Muted, "being evaluated")
	case b.Err != "" && len(b.Series) == 0 && len(b.Records) == 0:
		role := themes.Muted
		if strings.Contains(b.Err, ":") { // an error names what failed; that nothing is there does not
			role = themes.Failed
		}
		return says(role, b.Err)
	}
	switch b.Kind {
	case signal.BoardStat:
		return pen.Page(append([]string{head}, stat(pen, b, ctx.Frame.Window, w, h-1)...), w, h)
	case signal.BoardGauge:
		return pen.Page(append([]string{head}, gauges(pen, b, w, h-1)...), w, h)
	case signal.BoardBars:
		return pen.Page(append([]string{head}, bars(pen, b, w, h-1)...), w, h)
	case signal.BoardHeatmap:
		return pen.Buckets(head, b.Series, b.Unit, ctx.Frame.Window, w, h)
	case signal.BoardTable:
		return pen.Page(append([]string{head}, table(pen, b, w, h-1)...), w, h)
	case signal.BoardLogs:
		return pen.Page(append([]string{head}, records(pen, b, ctx.Frame, w, h-1)...), w, h)
	}
	return p.chart(pen, ctx, b, sel, w, h)
}

func (p *Pane) head(pen widget.Pen, ctx pane.Context, b *signal.BoardPanel, sel bool, w int) string {
	segs := []widget.Seg{{Role: themes.Text, Text: "  "}, {Role: themes.Title, Text: b.Title}}
	if sel {
		segs = []widget.Seg{{Role: themes.Accent, Text: pen.Glyph(widget.Cursor) + " "}, {Role: themes.Accent, Text: b.Title}}
	}
	if !b.Stale.IsZero() {
		segs = append(segs, widget.Seg{Role: themes.Warning, Text: "  " + b.Note(ctx.Frame.Now.Location())})
	}
	return pen.Row(w, segs...)
}

// chart draws series over time.
func (p *Pane) chart(pen widget.Pen, ctx pane.Context, b *signal.BoardPanel, sel bool, w, h int) []string {
	c := p.charts[b.ID]
	if c == nil {
		if len(p.charts) > 64 { // of panels that came and went
			clear(p.charts)
		}
		c = &widget.Chart{}
		p.charts[b.ID] = c
	}
	d := widget.ChartData{Panel: b.Panel, Window: ctx.Frame.Window, Bands: metrics.Bands(ctx.Frame), Exemplars: exemplars(b), Picked: -1, Selected: sel,
		Log: p.isLog(b), Min: b.Min, Max: b.Max, Limits: limits(b)}
	if b.Stacked {
		d.Panel.Title += ", one on another"
		for i := range b.Series {
			d.Figures = append(d.Figures, valueIn(b, i, valueAt(b, i)))
		}
	}
	if note := b.Note(ctx.Frame.Now.Location()); note != "" { // a part of it came, or it is old: that is drawn, and the rest said
		d.Note, d.Panel.Err = note, ""
	}
	if p.anyHidden(b) {
		d.Hidden = func(i int) bool { return p.hidden[p.seriesKey(b, i)] }
	}
	if f := ctx.Frame; f.Focus != "" && f.Detail != nil && string(f.Focus) == f.Detail.ID.String() {
		d.Mark = f.Detail.Start
	}
	if i := p.pickedIn(d.Exemplars); sel && i >= 0 {
		e := d.Exemplars[i]
		d.Picked, d.Mark = i, e.T
		d.Note = fmt.Sprintf("%s %s  %s  enter: trace %s", pen.Glyph(widget.ExemplarPicked), e.T.In(ctx.Frame.Now.Location()).Format("15:04:05"),
			widget.Value(e.V, b.Unit), e.TraceID.Short())
	}
	return c.Rows(pen, d, w, h)
}

func limits(b *signal.BoardPanel) []widget.Limit {
	var out []widget.Limit
	for _, t := range b.Thresholds {
		if !math.IsInf(t.From, 0) && t.Level != signal.Neutral {
			out = append(out, widget.Limit{At: t.From, Role: roleOf(t.Level)})
		}
	}
	return out
}

// valueIn is a figure of series i as it is written: with the series' own unit and digits, or the word that stands for it.
func valueIn(b *signal.BoardPanel, i int, v float64) string {
	if m := b.Mapping(v); m != nil && m.Text != "" {
		return m.Text
	}
	if i < len(b.Formats) {
		own := *b
		if f := b.Formats[i]; f.Unit != "" {
			own.Unit = f.Unit
		}
		if f := b.Formats[i]; f.Decimals != nil {
			own.Decimals = f.Decimals
		}
		b = &own
	}
	return valueOf(b, v)
}

func valueOf(b *signal.BoardPanel, v float64) string {
	if b.Decimals != nil {
		return widget.Decimals(v, b.Unit, *b.Decimals)
	}
	return widget.Value(v, b.Unit)
}

func lastOf(s signal.Series) float64 {
	if n := len(s.Samples); n > 0 {
		return s.Samples[n-1].V
	}
	return math.NaN()
}

func reach(s signal.Series) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range s.Samples {
		if !math.IsNaN(v.V) {
			lo, hi = min(lo, v.V), max(hi, v.V)
		}
	}
	if lo > hi {
		return math.NaN(), math.NaN()
	}
	return lo, hi
}

func seriesRole(i int) themes.Role { return themes.Series0 + themes.Role(i%8) }

func roleOf(o signal.Outcome) themes.Role {
	switch o {
	case signal.Good:
		return themes.OK
	case signal.Warning:
		return themes.Warning
	case signal.Bad:
		return themes.Failed
	}
	return themes.Text
}

// sign is a glyph beside a value that is judged, for colour is never the only sign.
func sign(pen widget.Pen, o signal.Outcome) string {
	switch o {
	case signal.Good:
		return pen.Glyph(widget.Passed) + " "
	case signal.Warning:
		return pen.Glyph(widget.Warn) + " "
	case signal.Bad:
		return pen.Glyph(widget.Failed) + " "
	}
	return ""
}

// valueAt is the figure of series i, NaN when there is none.
func valueAt(b *signal.BoardPanel, i int) float64 {
	if i < len(b.Values) {
		return b.Values[i]
	}
	return math.NaN()
}

// table has a column for each label that tells rows apart, and one for the value.
func table(pen widget.Pen, b *signal.BoardPanel, width, height int) []string {
	labels, alike := columnsOf(b.Series)
	title := map[string]string{"Value": "value"}
	for _, c := range b.Columns {
		if c.Hidden {
			labels = slices.DeleteFunc(labels, func(l string) bool { return l == c.Name })
		} else if c.Title != "" {
			title[c.Name] = c.Title
		}
	}
	cols := []widget.Column{}
	for i, l := range labels {
		c := widget.Column{Title: cmp.Or(title[l], l), Min: 6, Drop: i}
		cols = append(cols, c)
	}
	if len(cols) == 0 {
		cols, labels = append(cols, widget.Column{Title: "", Min: 6}), append(labels, "")
	}
	cols = append(cols, widget.Column{Title: title["Value"], Width: 12, Right: true})
	t := widget.NewTable(max(width-2, 1), cols...)
	order := make([]int, len(b.Series))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return worth(valueAt(b, order[i])) > worth(valueAt(b, order[j])) })
	rows := []string{pen.Row(width, append([]widget.Seg{{Role: themes.Text, Text: "  "}}, t.Header(pen)...)...)}
	for n, i := range order {
		if len(rows) == height-1 && len(order)-n > 1 {
			rows = append(rows, pen.Row(width, widget.Seg{Role: themes.Muted, Text: fmt.Sprintf("  +%d more", len(order)-n)}))
			break
		}
		s, v := b.Series[i], valueAt(b, i)
		var cells []widget.Seg
		for _, l := range labels {
			text := s.Labels.Get(l)
			if l == "" || alike && len(labels) == 1 && text == "" {
				text = s.Name
			}
			cells = append(cells, widget.Seg{Role: themes.Text, Text: text})
		}
		level := b.Level(v)
		cells = append(cells, widget.Seg{Role: roleOf(level), Text: sign(pen, level) + valueIn(b, i, v)})
		rows = append(rows, pen.Row(width, append([]widget.Seg{{Role: themes.Text, Text: "  "}}, t.Segs(pen, cells...)...)...))
	}
	return rows
}

func worth(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(-1)
	}
	return v
}

// columnsOf are the labels whose values differ between the series; all of them when none does, and alike is true.
func columnsOf(series []signal.Series) (out []string, alike bool) {
	values := map[string]map[string]bool{}
	var names []string
	for _, s := range series {
		for _, l := range s.Labels {
			if values[l.Key] == nil {
				values[l.Key] = map[string]bool{}
				names = append(names, l.Key)
			}
			values[l.Key][l.Value] = true
		}
	}
	for _, n := range names {
		missing := slices.ContainsFunc(series, func(s signal.Series) bool { return s.Labels.Get(n) == "" })
		if len(values[n]) > 1 || missing {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		for _, n := range names {
			if n != "__name__" {
				out = append(out, n)
			}
		}
		alike = true
	}
	return out, alike
}

// records are the newest lines, the newest at the end.
func records(pen widget.Pen, b *signal.BoardPanel, f *signal.Frame, width, height int) []string {
	list := b.Records[max(len(b.Records)-height, 0):]
	var rows []string
	for _, r := range list {
		role := themes.Text
		switch {
		case r.Severity >= signal.SeverityError:
			role = themes.Failed
		case r.Severity >= signal.SeverityWarn:
			role = themes.Warning
		}
		rows = append(rows, pen.Row(width, widget.Seg{Role: themes.Muted, Text: "  " + r.Time.In(f.Now.Location()).Format("15:04:05") + " "},
			widget.Seg{Role: role, Text: pen.Left(r.Severity.String(), 5) + " "}, widget.Seg{Role: themes.Muted, Text: r.Service + " "}, widget.Seg{Role: themes.Text, Text: r.Body}))
	}
	return rows
}
