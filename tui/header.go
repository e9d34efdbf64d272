package tui

import (
	"fmt"
	"strings"

	"gameday/themes"
	"gameday/tui/widget"
)

// item is a piece of the header or footer. When there is too little room, the piece with the highest rank goes first.
type item struct {
	segs  []widget.Seg
	brief []widget.Seg // what stands there instead when the whole does not fit; nil: nothing
	rank  int
	right bool // stands on the right
	tag   string
}

func (it item) width() int { return widthOf(it.segs) }

func piece(rank int, segs ...widget.Seg) item { return item{segs: segs, rank: rank} }

func onRight(rank int, segs ...widget.Seg) item { return item{segs: segs, rank: rank, right: true} }

func sg(r themes.Role, s string) widget.Seg { return widget.Seg{Role: r, Text: s} }

// fitItems says the least important items in brief, or drops them, until the rest fits into width with gap cells between them.
func fitItems(items []item, width, gap int) []item {
	for {
		total, worst := 0, -1
		for i, it := range items {
			total += it.width() + gap
			if worst < 0 || it.rank >= items[worst].rank {
				worst = i
			}
		}
		if total-gap <= width || worst < 0 {
			return items
		}
		if items[worst].brief != nil {
			items[worst].segs, items[worst].brief = items[worst].brief, nil
			continue
		}
		items = append(items[:worst:worst], items[worst+1:]...)
	}
}

// bar draws items on the header's ground, left and right aligned. The rectangles of tagged items are reported.
func (m *Model) bar(items []item, gap int, hit func(tag string, x, w int)) string {
	width := m.width - 2
	items = fitItems(items, width, gap)
	used := 0
	for i, it := range items {
		if i > 0 {
			used += gap
		}
		used += it.width()
	}
	segs := []widget.Seg{sg(themes.Header, " ")}
	x, spare := 1, width-used
	for i, it := range items {
		if i > 0 {
			segs = append(segs, sg(themes.Header, strings.Repeat(" ", gap)))
			x += gap
		}
		if it.right && spare > 0 {
			segs = append(segs, sg(themes.Header, strings.Repeat(" ", spare)))
			x += spare
			spare = 0
		}
		segs = append(segs, it.segs...)
		if hit != nil && it.tag != "" {
			hit(it.tag, x, it.width())
		}
		x += it.width()
	}
	return m.onBar(segs)
}

// onBar paints segments on the header's ground; a production chip keeps its own.
func (m *Model) onBar(segs []widget.Seg) string {
	var b strings.Builder
	pen, used := m.pen(), 0
	for _, s := range segs {
		w := widget.Width(s.Text)
		if used+w > m.width {
			s.Text = pen.Fit(s.Text, m.width-used)
			w = widget.Width(s.Text)
		}
		used += w
		if s.Role == themes.Production {
			b.WriteString(m.theme.Paint(s.Role, s.Text))
			continue
		}
		b.WriteString(m.theme.PaintOn(s.Role, themes.Header, s.Text))
	}
	b.WriteString(m.theme.PaintOn(themes.Header, themes.Header, strings.Repeat(" ", max(m.width-used, 0))))
	return b.String()
}

// header is the first row: what system, which environment, live or paused, the focus, the four figures, active faults.
func (m *Model) header() string {
	f := m.frame
	items := []item{piece(9, sg(themes.Accent, "gameday"))}
	if f.System != "" {
		items = append(items, piece(6, sg(themes.Title, f.System)))
	}
	items = append(items, m.environment()...)
	items = append(items, piece(2, m.clockSegs()...), piece(7, sg(themes.Muted, "last "+lengthText(m.length))))
	if id := m.focus.current; id != "" {
		items = append(items, piece(2, sg(themes.Focus, m.pen().Glyph(widget.FocusMark)+" "+id.Short())))
	}
	items = append(items, m.people()...)
	items = append(items, m.figures()...)
	if n := activeFaults(f); n > 0 {
		text := m.bolt() + plural(n, "fault")
		if m.aborting {
			text = m.bolt() + fmt.Sprint(n) + " undoing"
		}
		items = append(items, onRight(1, sg(themes.Fault, text)))
	}
	if inc := openIncident(f); inc != nil {
		role := themes.Failed
		if !inc.Acknowledged.IsZero() {
			role = themes.Warning
		}
		items = append(items, onRight(1, sg(role, incidentMark(m.pen(), inc, m.width >= 100))))
	}
	return m.bar(items, m.gap(), nil)
}

// gap is the room between the pieces of header and footer.
func (m *Model) gap() int {
	if m.width < 100 {
		return 2
	}
	return 3
}

func (m *Model) bolt() string { return m.pen().Bolt() }

func (m *Model) environment() []item {
	env := m.frame.Environment
	switch strings.ToLower(env) {
	case "":
		return nil
	case "production", "prod", "live":
		return []item{piece(0, sg(themes.Production, " "+m.pen().Glyph(widget.Warn)+" "+strings.ToUpper(env)+" "))}
	}
	dot := "●"
	if m.ascii {
		dot = "*"
	}
	return []item{piece(0, sg(themes.OK, dot), sg(themes.Header, " "+env))}
}

func (m *Model) clockSegs() []widget.Seg {
	switch {
	case !m.seen:
		return []widget.Seg{sg(themes.Muted, "waiting for the first picture")}
	case m.play != nil:
		return m.replaySegs()
	case m.paused && m.ascii:
		return []widget.Seg{sg(themes.Warning, "|| paused "+m.at.Local().Format("15:04:05"))}
	case m.paused:
		return []widget.Seg{sg(themes.Warning, "‖ paused "+m.at.Local().Format("15:04:05"))}
	case m.ascii:
		return []widget.Seg{sg(themes.OK, "> live")}
	}
	return []widget.Seg{sg(themes.OK, "▶ live")}
}

// figures are the four numbers, each of a fixed width so that nothing jumps.
func (m *Model) figures() []item {
	h, pen := m.frame.Headline, m.pen()
	num := func(known bool, text string, width int) string {
		if !known {
			text = "–"
			if m.ascii {
				text = "-"
			}
		}
		return pen.Right(text, width)
	}
	errRole, budgetRole := themes.Header, themes.Header
	if h.ErrorRate >= 0.05 {
		errRole = themes.Failed
	} else if h.ErrorRate >= 0.01 {
		errRole = themes.Warning
	}
	switch {
	case h.Budget < 0:
	case h.Budget == 0:
		budgetRole = themes.Failed
	case h.Budget < 0.25:
		budgetRole = themes.Warning
	}
	return []item{
		onRight(5, sg(themes.Header, num(h.Rate >= 0, widget.Number(h.Rate), 5)), sg(themes.Muted, " rps")),
		onRight(4, sg(themes.Muted, "p95 "), sg(themes.Header, num(h.P95 >= 0, widget.Value(h.P95, "s"), 7))),
		onRight(3, sg(themes.Muted, "err "), sg(errRole, num(h.ErrorRate >= 0, widget.Percent(100*h.ErrorRate), 6))),
		onRight(8, sg(themes.Muted, "budget "), sg(budgetRole, num(h.Budget >= 0, widget.Percent(100*h.Budget), 5))),
	}
}
