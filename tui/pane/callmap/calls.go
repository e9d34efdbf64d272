package callmap

import (
	"fmt"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// examples are the calls that are known one by one of the call under the cursor.
func (p *Pane) examples() []signal.MapExample {
	if i := p.call(p.at); i >= 0 {
		return p.m.Calls[i].Examples
	}
	return nil
}

// drawCalls lists them: the failed ones, then the slowest.
func (p *Pane) drawCalls(pen widget.Pen, ctx pane.Context, height int) []string {
	list := p.examples()
	c := &p.m.Calls[p.call(p.at)]
	t := widget.NewTable(ctx.Width-3,
		widget.Column{Title: "time", Width: 12, Drop: 3}, widget.Column{Title: "duration", Width: 8, Right: true}, widget.Column{Title: "", Width: min(max(ctx.Width/5, 4), 30), Drop: 2},
		widget.Column{Title: "", Width: 8}, widget.Column{Title: "operation", Min: 12}, widget.Column{Title: "trace", Width: 8, Drop: 1})
	var rows []string
	if height >= 4 {
		head := append([]widget.Seg{{Role: themes.Text, Text: " "}}, t.Header(pen)...)
		what := fmt.Sprintf(" the failed and the slowest of %d calls, as far as they are remembered", c.Count)
		rows = append(rows, pen.Row(ctx.Width, widget.Seg{Role: themes.Muted, Text: what}), pen.Row(ctx.Width, head...))
	}
	room := height - len(rows)
	p.rows.Clamp(len(list), room)
	for y := range room {
		i := p.rows.Top + y
		if i >= len(list) {
			break
		}
		x := &list[i]
		mark, state, role := " ", "", themes.Muted
		if i == p.rows.Cursor {
			mark = pen.Glyph(widget.Cursor)
		}
		bar := themes.Series0
		if x.Failed {
			state, role, bar = pen.Glyph(widget.Failed)+" failed", themes.Failed, themes.Failed
		}
		cells := t.Segs(pen, widget.Seg{Role: themes.Muted, Text: x.At.In(ctx.Frame.Now.Location()).Format("15:04:05.000")}, widget.Seg{Role: themes.Text, Text: widget.Duration(x.Duration)},
			widget.Seg{Role: bar, Text: pen.Bar(float64(x.Duration)/float64(max(c.Max, 1)), t.ColumnWidth(2))}, widget.Seg{Role: role, Text: state},
			widget.Seg{Role: themes.Text, Text: x.Name}, widget.Seg{Role: themes.Focus, Text: x.Trace.Short()})
		segs := append([]widget.Seg{{Role: themes.Accent, Text: mark}}, cells...)
		rows = append(rows, pen.Line(i == p.rows.Cursor && ctx.Active, ctx.Width-1, segs...)+pen.Row(1, pen.ScrollMark(y, room, p.rows.Top, len(list))))
	}
	return rows
}
