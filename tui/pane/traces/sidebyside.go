package traces

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

func (p *Pane) drawCompared(ctx pane.Context) []string {
	pen := ctx.Pen()
	x := p.compared(ctx)
	switch {
	case x == nil:
		return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Muted, Text: "Putting the two traces side by side."})
	case x.Err != "":
		return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: strings.ToUpper(x.Err[:1]) + x.Err[1:] + "."}, widget.Seg{Role: themes.Muted, Text: "Press esc to go back."})
	}
	c := &p.cmp
	order := c.sorted(x)
	head := compareHead(pen, ctx, x)
	row := &x.Rows[order[min(max(c.rows.Cursor, 0), len(order)-1)]]
	below := p.compareBelow(pen, ctx, row)
	if room := ctx.Height - len(head) - 4; len(below) > room {
		if c.all && room > 2 {
			below = append(below[:room-1:room-1], pen.Row(ctx.Width, widget.Seg{Role: themes.Accent, Text: " and more, for which there is no room"}))
		} else {
			below = nil
		}
	}
	if len(head)+2 > ctx.Height {
		head = head[:1]
	}
	t := compareTable(ctx.Width - 3)
	rows := append(head, pen.Row(ctx.Width, append([]widget.Seg{{Role: themes.Text, Text: "  "}}, t.Header(pen)...)...))
	height := ctx.Height - len(rows) - len(below)
	c.rows.Clamp(len(order), height)
	c.first, c.shown = len(rows), height
	most := time.Nanosecond
	for i := range x.Rows {
		most = max(most, x.Rows[i].Self.Abs())
	}
	for y := range height {
		i := c.rows.Top + y
		if i >= len(order) {
			break
		}
		rows = append(rows, p.compareRow(pen, ctx, t, &x.Rows[order[i]], most, i == c.rows.Cursor, pen.ScrollMark(y, height, c.rows.Top, len(order))))
	}
	rows = pen.Page(rows, ctx.Width, ctx.Height-len(below))
	return pen.Page(append(rows, below...), ctx.Width, ctx.Height)
}

// compareHead says what is compared, and where the difference comes from.
func compareHead(pen widget.Pen, ctx pane.Context, x *signal.Comparison) []string {
	zone := ctx.Frame.Now.Location()
	diff := x.B.Duration - x.A.Duration
	role := themes.OK
	if diff > 0 {
		role = themes.Warning
	}
	times := ""
	if x.A.Duration > 0 && x.B.Duration > x.A.Duration*3/2 {
		times = fmt.Sprintf(", %s times as long", widget.Number(math.Round(10*float64(x.B.Duration)/float64(x.A.Duration))/10))
	}
	one := func(name string, t *signal.TraceSummary) []widget.Seg {
		segs := []widget.Seg{{Role: themes.Title, Text: " " + name + " "}, {Role: themes.Focus, Text: t.ID.Short()}, {Role: themes.Muted, Text: " " + t.Start.In(zone).Format(time.TimeOnly) + " "}, {Role: themes.Text, Text: duration(t.Duration)}}
		if t.Errors > 0 {
			segs = append(segs, widget.Seg{Role: themes.Failed, Text: fmt.Sprintf(" %s %d failed", pen.Glyph(widget.Failed), t.Errors)})
		}
		return segs
	}
	first := append(one("A", &x.A), one("  B", &x.B)...)
	total := 0
	for _, f := range first {
		total += widget.Width(f.Text)
	}
	if last := "   " + signed(diff) + times; total+widget.Width(last) <= ctx.Width {
		first = append(first, widget.Seg{Role: role, Text: last})
	} else {
		first = append(first, widget.Seg{Role: role, Text: "  " + signed(diff)})
	}
	out := []string{pen.Row(ctx.Width, first...)}
	if x.How != "" && ctx.Height >= 12 {
		out = append(out, pen.Row(ctx.Width, widget.Seg{Role: themes.Muted, Text: " A is " + x.How}))
	}
	return append(out, pen.Row(ctx.Width, contributors(pen, x)...))
}

// contributors names the steps that the difference comes from, the greatest first.
func contributors(pen widget.Pen, x *signal.Comparison) []widget.Seg {
	if len(x.Top) == 0 {
		return []widget.Seg{{Role: themes.Muted, Text: " no step takes longer or shorter by itself"}}
	}
	segs := []widget.Seg{{Role: themes.Muted, Text: " by itself: "}}
	for i, at := range x.Top {
		r := &x.Rows[at]
		role := themes.Warning
		if r.Self < 0 {
			role = themes.OK
		}
		if i > 0 {
			segs = append(segs, widget.Seg{Role: themes.Muted, Text: " " + pen.Glyph(widget.Dot) + " "})
		}
		s := r.Any().Span
		segs = append(segs, widget.Seg{Role: pen.Service(s.Service), Text: s.Service + " "}, widget.Seg{Role: themes.Text, Text: s.Name + " "}, widget.Seg{Role: role, Text: signed(r.Self)})
	}
	return segs
}

func compareTable(width int) widget.Table {
	half := (barWidth(width) - 1) / 2
	t := compareColumns(width, strings.Repeat(" ", half-len("faster"))+"faster|slower") // over the middle of the bar
	if t.ColumnWidth(4) == 0 {                                                          // the bar stands for the figure
		t = compareColumns(width, "by itself")
	}
	return t
}

func compareColumns(width int, bar string) widget.Table {
	return widget.NewTable(width,
		widget.Column{Title: "step", Min: 24},
		widget.Column{Title: "A", Width: 9, Right: true}, widget.Column{Title: "B", Width: 9, Right: true},
		widget.Column{Title: "difference", Width: 10, Right: true},
		widget.Column{Title: "by itself", Width: 9, Right: true, Drop: 2},
		widget.Column{Title: bar, Width: barWidth(width), Drop: 1})
}

// barWidth is odd: the middle is a cell of its own.
func barWidth(width int) int { return min(max(width/6, 13), 33) | 1 }

func (p *Pane) compareRow(pen widget.Pen, ctx pane.Context, t widget.Table, r *signal.CompareRow, most time.Duration, at bool, scroll widget.Seg) string {
	s := r.Any().Span
	sign, signRole := " ", themes.Muted
	switch {
	case r.A == nil:
		sign, signRole = "+", themes.Warning
	case r.B == nil:
		sign, signRole = "-", themes.Warning
	}
	width := t.ColumnWidth(0)
	pre := indent(r.Depth, width)
	if p.cmp.steps {
		pre = ""
	}
	name := themes.Text
	if r.A == nil || r.B == nil {
		name = themes.Muted
	}
	service := pen.Fit(s.Service, max(width-widget.Width(pre)-1, 1))
	label := pen.Left(pre+service+" "+s.Name, width)
	diff, self := themes.Muted, themes.Muted
	if r.Self.Abs() > most/20 {
		self = themes.Warning
		if r.Self < 0 {
			self = themes.OK
		}
	}
	if r.Took().Abs() > most/20 {
		diff = themes.Text
	}
	cells := t.Segs(pen, widget.Seg{Role: name, Text: label}, sideSeg(pen, r.A), sideSeg(pen, r.B), widget.Seg{Role: diff, Text: signed(r.Took())},
		widget.Seg{Role: self, Text: signed(r.Self)}, widget.Seg{Role: self, Text: diverging(pen, r.Self, most, t.ColumnWidth(5))})
	split := len(pre) + len(service)
	cells = append([]widget.Seg{{Role: themes.Muted, Text: pre}, {Role: pen.Service(s.Service), Text: label[len(pre):min(split, len(label))]}, {Role: name, Text: label[min(split, len(label)):]}}, cells[1:]...)
	mark := " "
	if at {
		mark = pen.Glyph(widget.Cursor)
	}
	segs := append([]widget.Seg{{Role: themes.Accent, Text: mark}, {Role: signRole, Text: sign}}, cells...)
	return pen.Line(at && ctx.Active, ctx.Width-1, segs...) + pen.Row(1, scroll)
}

// sideSeg is how long a step took in one of the traces.
func sideSeg(pen widget.Pen, s *signal.CompareSide) widget.Seg {
	switch {
	case s == nil:
		return widget.Seg{Role: themes.Muted, Text: pen.Glyph(widget.Pending)}
	case s.Span.Failed:
		return widget.Seg{Role: themes.Failed, Text: pen.Glyph(widget.Failed) + duration(max(s.Span.Duration, 0))}
	}
	return widget.Seg{Role: themes.Text, Text: duration(max(s.Span.Duration, 0))}
}

// diverging is a bar from the middle: to the right what is slower, to the left what is faster.
func diverging(pen widget.Pen, d, most time.Duration, width int) string {
	if width < 3 {
		return ""
	}
	half := (width - 1) / 2
	share := float64(d.Abs()) / float64(most)
	if share < 0.005 { // less than can be seen
		share, d = 0, 0
	}
	wall := pen.Glyph(widget.Wall)
	if d >= 0 {
		return pen.Left("", half) + wall + pen.Bar(share, half)
	}
	halves := min(int(math.Round(2*share*float64(half))), 2*half)
	bar := strings.Repeat(pen.Glyph(widget.BarFull), halves/2)
	switch {
	case halves%2 == 1:
		bar = pen.Glyph(widget.BarRightHalf) + bar
	case halves == 0 && !pen.ASCII:
		bar = "▕"
	}
	return pen.Right(bar, half) + wall + pen.Left("", half)
}

// compareBelow is what the two spans under the cursor do not share.
func (p *Pane) compareBelow(pen widget.Pen, ctx pane.Context, r *signal.CompareRow) []string {
	diffs, same := attrDiffs(r)
	most := 4
	if p.cmp.all {
		most = max(ctx.Height/2, most)
	}
	if ctx.Height < 16 && !p.cmp.all {
		most = 2
	}
	out := []string{pen.Row(ctx.Width, widget.Seg{Role: themes.Border, Text: strings.Repeat(pen.Glyph(widget.Rule), ctx.Width)})}
	where := ""
	switch {
	case r.A == nil:
		where = "only in B"
	case r.B == nil:
		where = "only in A"
	default:
		where = fmt.Sprintf("%d attributes differ, %d are the same", len(diffs), same)
	}
	s := r.Any().Span
	out = append(out, pen.Row(ctx.Width, widget.Seg{Role: themes.Title, Text: " " + s.Service + " " + s.Name}, widget.Seg{Role: themes.Muted, Text: "  " + where}))
	key := 0
	for _, d := range diffs {
		key = max(key, min(widget.Width(d.key), 28))
	}
	room := max(ctx.Width-key-7, 8)
	for i, d := range diffs {
		if i == most-1 && len(diffs) > most {
			out = append(out, pen.Row(ctx.Width, widget.Seg{Role: themes.Accent, Text: fmt.Sprintf(" and %d more", len(diffs)-i)}))
			break
		}
		a, b := d.a, d.b
		if !d.inA {
			a = pen.Glyph(widget.Pending)
		}
		if !d.inB {
			b = pen.Glyph(widget.Pending)
		}
		role := themes.Text
		if d.key == "status" && d.b == "failed" {
			role = themes.Failed
		}
		label := widget.Seg{Role: themes.Muted, Text: " " + pen.Left(d.key, key) + "  "}
		if p.cmp.all && widget.Width(a)+widget.Width(b) > room {
			out = append(out, bothSides(pen, ctx.Width, label, a, b, role)...)
			continue
		}
		// Each has half of the room, and what the other one leaves of its own.
		left := min(widget.Width(a), max(room-widget.Width(b), room/2))
		out = append(out, pen.Row(ctx.Width, label, widget.Seg{Role: themes.Text, Text: pen.Fit(a, left)}, widget.Seg{Role: themes.Muted, Text: " " + pen.Glyph(widget.Arrow) + " "}, widget.Seg{Role: role, Text: pen.Fit(b, room-left)}))
	}
	return out
}

// bothSides are two values that do not fit beside each other: one below the other, whole.
func bothSides(pen widget.Pen, width int, label widget.Seg, a, b string, role themes.Role) (out []string) {
	for i, text := range []string{a, b} {
		name := [...]string{"A ", "B "}[i]
		for _, w := range widget.Wrap(text, max(width-widget.Width(label.Text)-3, 8)) {
			out = append(out, pen.Row(width, label, widget.Seg{Role: themes.Muted, Text: name}, widget.Seg{Role: [...]themes.Role{themes.Text, role}[i], Text: w}))
			label.Text, name = pen.Left("", widget.Width(label.Text)), "  "
		}
	}
	return out
}
