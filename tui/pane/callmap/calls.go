package callmap

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

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

// further is how many calls there are that are not among the examples.
func (p *Pane) further() int {
	i := p.call(p.at)
	if i < 0 || p.through() == "" {
		return 0
	}
	return max(p.m.Calls[i].Count-len(p.m.Calls[i].Examples), 0)
}

// through is the filter of traces that finds every request which the call may be part of: those that pass both of its services,
// as far as these send spans. "" when neither does.
func (p *Pane) through() string {
	var terms []string
	for _, name := range []string{p.at.from, p.at.to} {
		i := slices.IndexFunc(p.m.Services, func(s signal.MapService) bool { return s.Name == name })
		if name != signal.Outside && i >= 0 && p.m.Services[i].Kind == signal.MapTold {
			terms = append(terms, ofService(name))
		}
	}
	return strings.Join(terms, " ")
}

// ofService is the filter of traces that pass a service.
func ofService(name string) string {
	if strings.ContainsAny(name, " \t\"") {
		name = `"` + strings.ReplaceAll(name, `"`, "") + `"`
	}
	return "service=" + name
}

// callRows is how many rows the list of calls has: the examples, and one that leads to the others.
func (p *Pane) callRows() int { return len(p.examples()) + min(p.further(), 1) }

// all shows the traces of the requests that a call may be part of.
func (p *Pane) all() tea.Cmd {
	return pane.Wish(pane.FilterPaneMsg{Pane: "traces", Text: p.through()})
}

// remembered says which of the calls are listed.
func remembered(c *signal.MapCall) string {
	failed := 0
	for i := range c.Examples {
		if c.Examples[i].Failed {
			failed++
		}
	}
	others := len(c.Examples) - failed
	switch {
	case c.Count <= len(c.Examples):
		return fmt.Sprintf(" all %d calls, failed ones first, then the slowest", c.Count)
	case failed == 0:
		return fmt.Sprintf(" the %d slowest of %d calls; none failed", others, c.Count)
	case others == 0:
		return fmt.Sprintf(" the %d slowest of %d calls; all failed", failed, c.Count)
	}
	if failed == c.Failed {
		return fmt.Sprintf(" of %d calls the %d that failed, and the %d slowest others", c.Count, failed, others)
	}
	return fmt.Sprintf(" of %d calls the %d slowest of %d that failed, and the %d slowest others", c.Count, failed, c.Failed, others)
}

// drawCalls lists them: the failed ones, then the slowest, and last how many more there are.
func (p *Pane) drawCalls(pen widget.Pen, ctx pane.Context, height int) []string {
	list := p.examples()
	c := &p.m.Calls[p.call(p.at)]
	t := widget.NewTable(ctx.Width-3,
		widget.Column{Title: "time", Width: 12, Drop: 3}, widget.Column{Title: "duration", Width: 8, Right: true}, widget.Column{Title: "", Width: min(max(ctx.Width/5, 4), 30), Drop: 2},
		widget.Column{Title: "", Width: 8}, widget.Column{Title: "operation", Min: 12}, widget.Column{Title: "trace", Width: 8, Drop: 1})
	var rows []string
	if height >= 4 {
		head := append([]widget.Seg{{Role: themes.Text, Text: " "}}, t.Header(pen)...)
		rows = append(rows, pen.Row(ctx.Width, widget.Seg{Role: themes.Muted, Text: remembered(c)}), pen.Row(ctx.Width, head...))
	}
	room := height - len(rows)
	n := p.callRows()
	p.rows.Clamp(n, room)
	for y := range room {
		i := p.rows.Top + y
		if i >= n {
			break
		}
		mark, state, role := " ", "", themes.Muted
		if i == p.rows.Cursor {
			mark = pen.Glyph(widget.Cursor)
		}
		if i == len(list) {
			text := fmt.Sprintf("%s %d more: the traces with %s", pen.Glyph(widget.Closed), p.further(), p.through())
			rows = append(rows, pen.Line(i == p.rows.Cursor && ctx.Active, ctx.Width-1, widget.Seg{Role: themes.Accent, Text: mark}, widget.Seg{Role: themes.Key, Text: text})+pen.Row(1, pen.ScrollMark(y, room, p.rows.Top, n)))
			break
		}
		x := &list[i]
		bar := themes.Series0
		if x.Failed {
			state, role, bar = pen.Glyph(widget.Failed)+" failed", themes.Failed, themes.Failed
		}
		cells := t.Segs(pen, widget.Seg{Role: themes.Muted, Text: x.At.In(ctx.Frame.Now.Location()).Format("15:04:05.000")}, widget.Seg{Role: themes.Text, Text: widget.Duration(x.Duration)},
			widget.Seg{Role: bar, Text: pen.Bar(float64(x.Duration)/float64(max(c.Max, 1)), t.ColumnWidth(2))}, widget.Seg{Role: role, Text: state},
			widget.Seg{Role: themes.Text, Text: x.Name}, widget.Seg{Role: themes.Focus, Text: x.Trace.Short()})
		segs := append([]widget.Seg{{Role: themes.Accent, Text: mark}}, cells...)
		rows = append(rows, pen.Line(i == p.rows.Cursor && ctx.Active, ctx.Width-1, segs...)+pen.Row(1, pen.ScrollMark(y, room, p.rows.Top, n)))
	}
	return rows
}
