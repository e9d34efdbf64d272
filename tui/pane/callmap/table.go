package callmap

import (
	"cmp"
	"slices"
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// order is how the table's calls are sorted.
type order uint8

const (
	byDepth order = iota
	byFailures
	bySlowness
	byRate
	byTime
	numOrders
)

func (o order) String() string {
	return [...]string{"from the outside in", "failures", "P95", "rate", "time spent"}[o]
}

// sorted are the calls that are shown, in the table's order.
func (p *Pane) sorted() []int {
	var out []int
	for i := range p.m.Calls {
		if p.shown(&p.m.Calls[i]) {
			out = append(out, i)
		}
	}
	layer := func(name string) int { return p.plan.vertices[p.plan.byName[name]].layer }
	slices.SortStableFunc(out, func(i, k int) int {
		a, b := &p.m.Calls[i], &p.m.Calls[k]
		switch p.order {
		case byFailures:
			return cmp.Or(cmp.Compare(b.ErrorShare(), a.ErrorShare()), cmp.Compare(b.Failed, a.Failed))
		case bySlowness:
			return cmp.Compare(b.P95, a.P95)
		case byRate:
			return cmp.Compare(b.Count, a.Count)
		case byTime:
			return cmp.Compare(b.Own, a.Own)
		}
		return cmp.Or(cmp.Compare(layer(a.From), layer(b.From)), strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
	return out
}

func (p *Pane) drawTable(pen widget.Pen, ctx pane.Context, height int) []string {
	calls := p.sorted()
	t := widget.NewTable(ctx.Width-4,
		widget.Column{Title: "caller", Min: 11}, widget.Column{Title: "calls", Min: 14},
		widget.Column{Title: "rate", Width: 6, Right: true, Drop: 2}, widget.Column{Title: "errors", Width: 6, Right: true},
		widget.Column{Title: "P50", Width: 7, Right: true, Drop: 4}, widget.Column{Title: "P95", Width: 7, Right: true},
		widget.Column{Title: "P99", Width: 7, Right: true, Drop: 5}, widget.Column{Title: "time", Width: 4, Right: true, Drop: 3}, widget.Column{Title: "", Width: 7, Drop: 1})
	head := append([]widget.Seg{{Role: themes.Text, Text: "   "}}, t.Header(pen)...)
	rows := []string{pen.Row(ctx.Width, head...)}
	if height < 3 {
		rows = nil
	}
	room := height - len(rows)
	p.list.Cursor = max(slices.Index(calls, p.call(p.at)), 0)
	p.list.Clamp(len(calls), room)
	for y := range room {
		i := p.list.Top + y
		if i >= len(calls) {
			break
		}
		rows = append(rows, p.tableRow(pen, ctx, t, calls[i], pen.ScrollMark(y, room, p.list.Top, len(calls))))
	}
	return rows
}

func (p *Pane) tableRow(pen widget.Pen, ctx pane.Context, t widget.Table, call int, scroll widget.Seg) string {
	c := &p.m.Calls[call]
	at := spotOf(c)
	here := p.at == at
	mark := " "
	if here {
		mark = pen.Glyph(widget.Cursor)
	}
	sign, role := "  ", themes.Text
	fs := append(faults(ctx, at), faults(ctx, spot{to: c.To})...)
	active := slices.ContainsFunc(fs, func(f signal.MapFault) bool { return f.Active })
	switch {
	case active:
		sign, role = pen.Bolt(), themes.Fault
	case call == p.m.Worst:
		sign, role = pen.Glyph(widget.UpTri), themes.Warning
	case failing(&c.MapFigures):
		sign, role = pen.Glyph(widget.Failed), themes.Failed
	}
	errors := themes.Muted
	if failing(&c.MapFigures) {
		errors = themes.Failed
	}
	word, wordRole := "", themes.Muted
	switch {
	case call == p.m.Worst:
		word, wordRole = pen.Glyph(widget.UpTri)+" worst", themes.Warning
	case active:
		word, wordRole = "fault", themes.Fault
	case len(fs) > 0:
		word = "was " + pen.Bolt()
	}
	figure := func(text string) string {
		if c.By != "" {
			return pen.Glyph(widget.Pending) // nobody measured it
		}
		return text
	}
	if c.By != "" && word == "" {
		word = c.By
	}
	cells := t.Segs(pen, widget.Seg{Role: pen.Service(c.From), Text: serviceName(c.From)}, widget.Seg{Role: pen.Service(c.To), Text: serviceName(c.To)},
		widget.Seg{Role: themes.Text, Text: figure(rate(c.Rate))}, widget.Seg{Role: errors, Text: figure(share(c.ErrorShare()))},
		widget.Seg{Role: themes.Muted, Text: figure(widget.Duration(c.P50))}, widget.Seg{Role: themes.Text, Text: figure(widget.Duration(c.P95))}, widget.Seg{Role: themes.Muted, Text: figure(widget.Duration(c.P99))},
		widget.Seg{Role: themes.Muted, Text: figure(share(c.Share))}, widget.Seg{Role: wordRole, Text: word})
	segs := append([]widget.Seg{{Role: themes.Accent, Text: mark}, {Role: role, Text: pen.Left(sign, 2)}}, cells...)
	return pen.Line(here && ctx.Active, ctx.Width-1, segs...) + pen.Row(1, scroll)
}
