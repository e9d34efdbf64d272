package traces

import (
	"fmt"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

func (p *Pane) actFall(ctx pane.Context, a keymap.Action) tea.Cmd {
	if a == keymap.Leave {
		p.show(signal.TraceID{})
		return pane.Wish(pane.FocusMsg{})
	}
	tr := p.detail(ctx)
	if tr == nil {
		return nil
	}
	t := p.tree(ctx, tr)
	height := ctx.Height - p.headRows(ctx)
	p.land(t, height)
	p.moved = true
	p.rows.Clamp(len(p.items), height)
	if by, moves := a.Rows(max(height-1, 1), len(p.items)); moves {
		p.rows.Move(by, len(p.items))
		return nil
	}
	switch a {
	case keymap.Walk:
		return p.steps(ctx, t).Wish("trace " + tr.ID.Short())
	case keymap.NextError:
		p.fallError(t, 1)
	case keymap.PrevError:
		p.fallError(t, -1)
	case keymap.Left, keymap.Right:
		p.fold(t, a == keymap.Left)
	case keymap.Open:
		p.toggleDetails(t, height)
	case keymap.FocusIt:
		return pane.Wish(pane.FocusMsg{ID: signal.CorrelationID(tr.ID.String())})
	case keymap.Copy, keymap.CopyRow:
		if len(p.items) > 0 {
			return pane.Wish(pane.CopyMsg{Text: copied(t, p.items[p.rows.Cursor], a == keymap.CopyRow)})
		}
	}
	return nil
}

// fallError goes to the next failed span or line of level error.
func (p *Pane) fallError(t *tree, by int) {
	for i := p.rows.Cursor + by; i >= 0 && i < len(p.items); i += by {
		it := p.items[i]
		if it.kind == spanItem && t.trace.Spans[it.index].Failed || it.kind == logItem && t.trace.Logs[it.index].Severity >= signal.SeverityError {
			p.rows.Cursor = i
			return
		}
	}
}

// fold hides what is below the span under the cursor; on a leaf, and on what is hidden already, it goes to the parent.
func (p *Pane) fold(t *tree, hide bool) {
	if len(p.items) == 0 {
		return
	}
	it := p.items[p.rows.Cursor]
	if it.kind != spanItem {
		if hide {
			p.toParent(it.depth)
		}
		return
	}
	n := &t.nodes[it.index]
	id := t.trace.Spans[it.index].SpanID
	leaf := len(n.children)+len(n.logs) == 0
	if hide && (leaf || p.folds.collapsed[id]) {
		p.toParent(it.depth)
		return
	}
	if hide {
		p.folds.collapsed[id] = true
	} else {
		delete(p.folds.collapsed, id)
	}
	p.items = t.items(&p.folds)
}

func (p *Pane) toParent(depth int) {
	for i := p.rows.Cursor - 1; i >= 0; i-- {
		if p.items[i].kind == spanItem && p.items[i].depth < depth {
			p.rows.Cursor = i
			return
		}
	}
}

func copied(t *tree, it item, row bool) string {
	switch it.kind {
	case logItem:
		r := t.trace.Logs[it.index]
		if !row {
			return r.Body
		}
		return fmt.Sprintf("%s %s %s %s %s", r.Time.Format(time.RFC3339Nano), r.Severity, r.Service, r.Body, r.Attrs)
	case detailItem, factItem:
		a := t.facts(it)[it.attr]
		if !row {
			return a.Value
		}
		return a.Key + "=" + a.Value
	}
	s := t.trace.Spans[it.index]
	if !row {
		return s.SpanID.String()
	}
	return fmt.Sprintf("%s trace_id=%s span_id=%s service=%s name=%q duration=%s failed=%t %s",
		s.Start.Format(time.RFC3339Nano), s.TraceID, s.SpanID, s.Service, s.Name, s.Duration, s.Failed, s.Attrs)
}

// geometry is how a row of the waterfall is divided.
type geometry struct{ label, bar int }

func divide(width int) geometry {
	const duration, gaps = 8, 4 // cursor, two blanks, scroll mark
	free := max(width-duration-gaps, 2)
	g := geometry{label: free * 45 / 100}
	if width < 70 {
		g.label = free * 54 / 100
	}
	g.label = min(max(g.label, 14), 48, free)
	g.bar = max(free-g.label, 0)
	return g
}

func (p *Pane) drawFall(ctx pane.Context) []string {
	pen := ctx.Pen()
	tr := p.detail(ctx)
	if tr == nil && (ctx.Frame == nil || string(ctx.Frame.Focus) != p.open.String()) {
		return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Muted, Text: "Looking for trace " + p.open.String()})
	}
	if tr == nil {
		return pen.Message(ctx.Width, ctx.Height,
			widget.Seg{Role: themes.Text, Text: fmt.Sprintf("Trace %s is not held: evicted or not sampled.", p.open)},
			widget.Seg{Role: themes.Muted, Text: "Its log lines, if any are held, are in the logs pane. Press esc to go back to the list."})
	}
	t := p.tree(ctx, tr)
	height := ctx.Height - p.headRows(ctx)
	p.land(t, height)
	p.rows.Clamp(len(p.items), height)
	g := divide(ctx.Width)
	rows := []string{fallHeader(pen, ctx.Width, g, t)}
	for i, text := range p.rootless(ctx) {
		sign := " " + pen.Glyph(widget.Unknown) + " "
		if i > 0 {
			sign = "   "
		}
		rows = append(rows, pen.Row(ctx.Width, widget.Seg{Role: themes.Warning, Text: sign + text}))
	}
	if ctx.Frame != nil && len(ctx.Frame.Meanwhile) > 0 && ctx.Height >= 5 {
		rows = append(rows, meanwhileRow(pen, ctx))
	}
	for y := range height {
		i := p.rows.Top + y
		if i >= len(p.items) {
			break
		}
		rows = append(rows, p.fallRow(pen, ctx, t, g, i, pen.ScrollMark(y, height, p.rows.Top, len(p.items))))
	}
	return pen.Page(rows, ctx.Width, ctx.Height)
}

// fallHeader names the request and marks the time scale.
func fallHeader(pen widget.Pen, width int, g geometry, t *tree) string {
	scale := ""
	if g.bar >= 16 {
		mid := duration(t.total / 2)
		scale = pen.Left("0", g.bar/2-widget.Width(mid)/2) + mid
	}
	head := " " + pen.Left(t.trace.Service+" "+t.trace.Name, g.label) + " "
	return pen.Row(width, widget.Seg{Role: themes.Title, Text: head}, widget.Seg{Role: themes.Muted, Text: pen.Left(scale, g.bar) + " " + pen.Right(duration(t.total), 8)})
}

func (p *Pane) fallRow(pen widget.Pen, ctx pane.Context, t *tree, g geometry, i int, scroll widget.Seg) string {
	it := p.items[i]
	var segs []widget.Seg
	switch it.kind {
	case spanItem:
		segs = p.spanSegs(pen, t, g, it)
	case logItem:
		segs = logSegs(pen, ctx, t, g, it)
	case detailItem, factItem:
		segs = factSegs(g, t.facts(it)[it.attr].Key, it)
	}
	return rowWithCursor(pen, ctx, i == p.rows.Cursor, segs, scroll)
}

// indent is the room before a label; very deep levels show their number instead of pushing the label out.
func indent(depth, label int) string {
	most := max(label/3, 2)
	if depth <= most {
		return "                                "[:depth]
	}
	n := strconv.Itoa(depth)
	if len(n)+1 > most {
		return n + " "
	}
	return n + "                                "[:most-len(n)]
}

func (p *Pane) spanSegs(pen widget.Pen, t *tree, g geometry, it item) []widget.Seg {
	s, n := &t.trace.Spans[it.index], &t.nodes[it.index]
	fold := " "
	if len(n.children)+len(n.logs) > 0 {
		fold = pen.Glyph(widget.Opened)
		if p.folds.collapsed[s.SpanID] {
			fold = pen.Glyph(widget.Closed)
		}
	}
	colour := pen.Service(s.Service)
	pre := indent(it.depth, g.label) + fold
	room := g.label - widget.Width(pre)
	segs := []widget.Seg{{Role: themes.Muted, Text: pre}}
	add := func(r themes.Role, text string) {
		text = pen.Fit(text, room)
		room -= widget.Width(text)
		segs = append(segs, widget.Seg{Role: r, Text: text})
	}
	name := themes.Text
	barRole := colour
	if s.Failed {
		add(themes.Failed, pen.Glyph(widget.Failed)+" ")
		name, barRole = themes.Failed, themes.Failed
	}
	add(colour, s.Service+" ")
	add(name, s.Name)
	from, to := t.share(t.begin(s)), t.share(t.end(s))
	bar := pen.SpanBar(from, to, g.bar)
	segs = append(segs, widget.Seg{Role: themes.Text, Text: pen.Left("", room) + " "})
	segs = append(segs, noted(pen, barRole, bar, t, s, n)...)
	on, took := " ", themes.Muted
	if n.critical {
		on, took = pen.Glyph(widget.Link), themes.Text
	}
	return append(segs, widget.Seg{Role: themes.Accent, Text: on}, widget.Seg{Role: took, Text: pen.Right(duration(max(s.Duration, 0)), 8)})
}

// noted writes the word for what is odd about a span beside its bar, where the bar leaves room.
func noted(pen widget.Pen, role themes.Role, bar string, t *tree, s *signal.Span, n *node) []widget.Seg {
	word, wordRole := "", themes.Warning
	switch {
	case s.Failed && s.Message != "":
		word, wordRole = "failed: "+s.Message, themes.Failed
	case s.Failed:
		word, wordRole = "failed", themes.Failed
	case n.orphan:
		word = "orphan: its parent is missing"
	case n.moved:
		word = "clock " + skewWord(t.skews[s.Service])
	case n.skewed:
		word = "clock skew"
	}
	if word == "" {
		return []widget.Seg{{Role: role, Text: bar}}
	}
	cells := []rune(bar)
	left, right := 0, len(cells)
	for left < len(cells) && cells[left] == ' ' {
		left++
	}
	for right > left && cells[right-1] == ' ' {
		right--
	}
	if room := len(cells) - right - 1; room >= min(widget.Width(word), 8) {
		return []widget.Seg{{Role: role, Text: string(cells[:right]) + " "}, {Role: wordRole, Text: pen.Left(word, room)}}
	}
	if room := left - 1; room >= min(widget.Width(word), 8) {
		return []widget.Seg{{Role: wordRole, Text: pen.Right(word, room)}, {Role: role, Text: " " + string(cells[left:])}}
	}
	return []widget.Seg{{Role: role, Text: bar}}
}

// skewWord says by how much a clock is wrong.
func skewWord(d time.Duration) string {
	if d < 0 {
		return duration(-d) + " behind"
	}
	return duration(d) + " ahead"
}

// logSegs is a log line at its instant: level and service under the label, the body from where the instant lies, if
// that leaves room to read it.
func logSegs(pen widget.Pen, ctx pane.Context, t *tree, g geometry, it item) []widget.Seg {
	r := &t.trace.Logs[it.index]
	glyph, role := widget.LevelGlyph(r.Severity)
	pre := indent(it.depth, g.label) + pen.Glyph(glyph) + " "
	label := pen.Left(pre+r.Severity.String()+" "+r.Service, g.label) + " "
	body := role
	if r.Severity < signal.SeverityWarn {
		body = themes.Muted
	}
	width := g.bar + 9
	at := min(max(int(t.share(t.wrote(r))*float64(g.bar)), 0), max(g.bar-1, 0))
	start := min(at, max(width-widget.Width(r.Body)-2, 0))
	lead := pen.Left("", start)
	offset := "+" + duration(t.wrote(r).Sub(t.start))
	segs := []widget.Seg{{Role: body, Text: label + lead + pen.Glyph(widget.Wall)}, {Role: body, Text: r.Body}}
	if used := widget.Width(r.Body) + start + 1; width-used > len(offset)+1 {
		segs = append(segs, widget.Seg{Role: themes.Muted, Text: " " + offset})
	}
	return segs
}
