package board

import (
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// line is some panels side by side, or a heading.
type line struct {
	heading string
	panels  []*signal.BoardPanel
	height  int
	grows   bool // it takes what is left of the screen
}

const gap = 2

// least is how many cells a panel needs to say something.
func least(p *signal.BoardPanel) int {
	switch p.Kind {
	case signal.BoardStat, signal.BoardGauge:
		return 19
	case signal.BoardBars, signal.BoardText, signal.BoardUnknown:
		return 28
	}
	return 44
}

// usual is how many rows a panel takes on a screen of so many.
func usual(p *signal.BoardPanel, screen int) int {
	chart := 9
	switch {
	case screen >= 40:
		chart = 12
	case screen >= 28:
		chart = 10
	}
	switch p.Kind {
	case signal.BoardStat, signal.BoardGauge:
		return 4
	case signal.BoardBars:
		return min(max(len(p.Series)+1, 4), chart)
	case signal.BoardText:
		return min(1+(len(p.Text)+60)/60, 6)
	case signal.BoardUnknown:
		return 3
	}
	if p.Height > 12 { // taller than a chart usually is
		return chart + chart/2
	}
	return chart
}

// lines puts panels into lines: as the dashboard has them where there is room, else fewer side by side.
func lines(panels []*signal.BoardPanel, width, screen int) []line {
	var out []line
	var cur line
	parts, need := 0, 0
	flush := func() {
		if len(cur.panels) > 0 {
			out = append(out, cur)
		}
		cur, parts, need = line{}, 0, 0
	}
	for _, p := range panels {
		if p.NewRow {
			flush()
			if p.Row != "" {
				out = append(out, line{heading: p.Row, height: 1})
			}
		}
		w := max(p.Width, 1)
		if len(cur.panels) > 0 && (parts+w > 24 || need+gap+least(p) > width) {
			flush()
		}
		if len(cur.panels) > 0 {
			need += gap
		}
		cur.panels, parts, need = append(cur.panels, p), parts+w, need+least(p)
		cur.height = max(cur.height, usual(p, screen))
		cur.grows = cur.grows || p.Kind == signal.BoardSeries || p.Kind == signal.BoardHeatmap || p.Kind == signal.BoardLogs || p.Kind == signal.BoardTable
	}
	flush()
	return out
}

// stretch gives lines of charts what is left of the screen.
func stretch(all []line, height int) {
	total, grow := 0, 0
	for _, l := range all {
		total += l.height
		if l.grows {
			grow++
		}
	}
	left := height - total
	if left <= 0 || grow == 0 {
		return
	}
	for i := range all {
		if all[i].grows {
			more := left / grow
			all[i].height += more
			left -= more
			grow--
		}
	}
}

// grid draws the part of the dashboard around the cursor, from row y of the pane on.
func (p *Pane) grid(pen widget.Pen, ctx pane.Context, panels []*signal.BoardPanel, y, height int) []string {
	all := lines(panels, ctx.Width, ctx.Height)
	stretch(all, height)
	total := 0
	for _, l := range all {
		total += l.height
	}
	bar := total > height && ctx.Width >= 60
	if bar {
		ctx.Width--
	}
	p.scroll(all, panels, height)
	p.from, p.to = 1<<30, 0
	rows := make([]string, 0, height)
	at := 0
	for _, l := range all {
		if at+l.height > p.top && at < p.top+height {
			part := p.line(pen, ctx, l, y+at-p.top)
			for i, row := range part {
				if at+i >= p.top && at+i < p.top+height {
					rows = append(rows, row)
				}
			}
			for _, panel := range l.panels {
				if panel.ID >= 0 {
					p.from, p.to = min(p.from, panel.ID), max(p.to, panel.ID+1)
				}
			}
		}
		at += l.height
	}
	p.from = min(p.from, p.to)
	rows = pen.Page(rows, ctx.Width, height)
	if bar { // where the screen stands
		for i := range rows {
			rows[i] += pen.Row(1, pen.ScrollMark(i, len(rows), p.top, total))
		}
	}
	return rows
}

// scroll moves the screen so far that the panel under the cursor is on it.
func (p *Pane) scroll(all []line, panels []*signal.BoardPanel, height int) {
	total, at, from, to := 0, p.index(panels), 0, 0
	for i, l := range all {
		for _, panel := range l.panels {
			if panel == panels[at] {
				from, to = total, total+l.height
				if i > 0 && all[i-1].heading != "" {
					from--
				}
				if i == 1 && len(all[0].panels) == 0 || i == 0 {
					from = 0
				}
			}
		}
		total += l.height
	}
	p.top = max(p.top, to-height)
	p.top = min(p.top, from)
	p.top = max(min(p.top, total-height), 0)
}

// line draws panels side by side, their widths as the dashboard has them but none too narrow.
func (p *Pane) line(pen widget.Pen, ctx pane.Context, l line, y int) []string {
	width := ctx.Width
	if l.heading != "" {
		return []string{pen.Row(width, widget.Seg{Role: themes.Border, Text: pen.Glyph(widget.Rule) + pen.Glyph(widget.Rule) + " "}, widget.Seg{Role: themes.Title, Text: pen.Fit(l.heading, width-4)})}
	}
	widths := shares(l.panels, width)
	rows := make([]string, l.height)
	x := 0
	for i, panel := range l.panels {
		part := p.panel(pen, ctx, panel, x, y, widths[i], l.height)
		for r := range rows {
			if i > 0 {
				rows[r] += pen.Blank(gap)
			}
			rows[r] += part[r]
		}
		x += widths[i] + gap
	}
	if rest := width - (x - gap); rest > 0 {
		for r := range rows {
			rows[r] += pen.Blank(rest)
		}
	}
	return rows
}

// shares deals a width out to panels.
func shares(panels []*signal.BoardPanel, width int) []int {
	out := make([]int, len(panels))
	left := width - gap*(len(panels)-1)
	weights, need := 0, 0
	for _, p := range panels {
		weights += max(p.Width, 1)
		need += least(p)
	}
	for i, p := range panels {
		w := max(p.Width, 1)
		need -= least(p)
		out[i] = left
		if i < len(panels)-1 {
			out[i] = max(min(left*w/weights, left-need), min(least(p), left))
		}
		left -= out[i]
		weights -= w
	}
	return out
}
