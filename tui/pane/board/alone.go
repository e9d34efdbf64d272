package board

import (
	"fmt"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// hasCourse reports whether a panel of figures also has how they came about, which there is room for when it is alone.
func hasCourse(b *signal.BoardPanel) bool {
	switch b.Kind {
	case signal.BoardStat, signal.BoardGauge, signal.BoardBars:
		for _, s := range b.Series {
			if len(s.Samples) > 1 {
				return true
			}
		}
	}
	return false
}

// charted reports whether a panel has an axis, as it is shown now.
func (p *Pane) charted(b *signal.BoardPanel) bool {
	return b.Kind == signal.BoardSeries || p.large && hasCourse(b)
}

// exemplarsOf are those of a panel that has an axis.
func (p *Pane) exemplarsOf(b *signal.BoardPanel) []signal.Exemplar {
	if !p.charted(b) {
		return nil
	}
	course := *b
	course.Kind = signal.BoardSeries
	return exemplars(&course)
}

// question is what the panel asks, at the lower edge of a screen that has room for it.
func question(pen widget.Pen, b *signal.BoardPanel, width, height int) []string {
	if b.Query == "" || height < 12 {
		return nil
	}
	const most = 3
	lines := widget.Wrap(b.Query, max(width-9, 8))
	out := make([]string, 0, most)
	for i, l := range lines[:min(len(lines), most)] {
		label := "  asks   "
		if i > 0 {
			label = "         "
		}
		if i == most-1 && len(lines) > most {
			l = pen.Fit(l, max(width-11, 8)) + pen.Glyph(widget.Ellipsis)
		}
		out = append(out, pen.Row(width, widget.Seg{Role: themes.Muted, Text: label}, widget.Seg{Role: themes.Text, Text: l}))
	}
	return out
}

// alone draws one panel on the whole screen, with every series in its legend.
func (p *Pane) alone(pen widget.Pen, ctx pane.Context, b *signal.BoardPanel, y, h int) []string {
	asked := question(pen, b, ctx.Width, h)
	h -= len(asked)
	if hasCourse(b) {
		n := usual(b, h)
		if b.Kind == signal.BoardStat { // the chart takes the place of the area below the figure
			n = 1 + len(b.Series)
		}
		figures := p.panel(pen, ctx, b, 0, y, ctx.Width, min(n, h/2))
		course := *b
		course.Kind, course.Title = signal.BoardSeries, "over the window"
		return append(append(figures, p.whole(pen, ctx, &course, y+len(figures), h-len(figures))...), asked...)
	}
	return append(p.whole(pen, ctx, b, y, h), asked...)
}

// whole is the panel, and every series of it.
func (p *Pane) whole(pen widget.Pen, ctx pane.Context, b *signal.BoardPanel, y, h int) []string {
	n := 0
	if b.Kind == signal.BoardSeries && len(b.Series) > 1 {
		n = min(len(b.Series), max((h-8)/2, 0))
	}
	rows := p.panel(pen, ctx, b, 0, y, ctx.Width, h-n)
	if n == 0 {
		return rows
	}
	p.series = min(max(p.series, 0), len(b.Series)-1)
	first := min(max(p.series-n/2, 0), len(b.Series)-n)
	for i := first; i < first+n; i++ {
		s := b.Series[i]
		state, role := pen.Glyph(widget.Passed), seriesRole(i)
		if p.hidden[p.seriesKey(b, i)] {
			state, role = pen.Glyph(widget.Pending), themes.Muted
		}
		lo, hi := reach(s)
		facts := fmt.Sprintf("%10s  min %10s  max %10s", valueIn(b, i, lastOf(s)), valueIn(b, i, lo), valueIn(b, i, hi))
		if b.Stacked {
			facts = fmt.Sprintf("%10s", valueIn(b, i, valueAt(b, i)))
		} else if ctx.Width < 80 {
			facts = fmt.Sprintf("%10s", valueIn(b, i, lastOf(s)))
		}
		room := max(ctx.Width-widget.Width(facts)-10, 4)
		rows = append(rows, pen.Line(i == p.series, ctx.Width, widget.Seg{Role: role, Text: fmt.Sprintf("  %s %2d ", state, i+1)},
			widget.Seg{Role: themes.Text, Text: pen.Left(s.Name, room) + "  "}, widget.Seg{Role: role, Text: facts}))
	}
	return rows
}
