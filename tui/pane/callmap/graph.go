package callmap

import (
	"fmt"
	"slices"
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/layout"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// scene is a plan at the size of a screen.
type scene struct {
	p      *Pane
	pen    widget.Pen
	ctx    pane.Context
	mode   int  // of labelWidths, or inBox
	rates  bool // boxes have room for the rates of calls
	x, w   []int
	gaps   []int // widths between layers
	canvas *canvas
	faults map[spot][]signal.MapFault
}

func (p *Pane) drawGraph(pen widget.Pen, ctx pane.Context, height int) []string {
	s := &scene{p: p, pen: pen, ctx: ctx, faults: map[spot][]signal.MapFault{}}
	if ctx.Frame != nil && ctx.Frame.Map != nil {
		for _, f := range ctx.Frame.Map.Faults {
			at := spot{f.Call, f.From, f.To}
			s.faults[at] = append(s.faults[at], f)
		}
	}
	s.measure()
	last := s.scroll(height)
	if p.top > 0 || last < len(p.plan.layers)-1 || p.left > 0 || p.plan.height > height {
		height--
		last = s.scroll(height)
	}
	from := s.x[p.left]
	if p.left > 0 {
		from -= s.gaps[p.left-1]
	}
	width := s.x[last] + s.w[last] - from
	if last < len(p.plan.layers)-1 {
		width++ // how lines go on
	}
	s.canvas = newCanvas(from, p.top, min(width, ctx.Width), height)
	p.areas = map[spot]layout.Rect{}
	s.draw()
	margin := max(height-p.plan.height, 0) / 3
	rows := make([]string, 0, height+1)
	for range margin {
		rows = append(rows, pen.Blank(ctx.Width))
	}
	indent := ""
	if wide := s.x[len(s.x)-1] + s.w[len(s.w)-1]; wide < ctx.Width {
		indent = strings.Repeat(" ", min((ctx.Width-wide)/2, 6))
	}
	for at, r := range p.areas { // from the plan's cells to the screen's
		r.X, r.Y = r.X-from+len(indent), r.Y-p.top+margin
		p.areas[at] = r
	}
	for y := range min(height-margin, max(p.plan.height-p.top, 0)) {
		rows = append(rows, pen.Row(ctx.Width, append([]widget.Seg{{Role: themes.Text, Text: indent}}, s.canvas.row(y)...)...))
	}
	rows = pen.Page(rows, ctx.Width, height)
	if more := s.more(height, last); more != nil {
		rows = append(rows, pen.Row(ctx.Width, more...))
	}
	return rows
}

// more says what is not on the screen; nil when all of it is.
func (s *scene) more(height, last int) []widget.Seg {
	p := s.p
	above, below := 0, 0
	for i := range p.plan.vertices {
		v := &p.plan.vertices[i]
		switch {
		case v.svc < 0 || v.layer < p.left || v.layer > last:
		case v.y < p.top:
			above++
		case v.y+v.h > p.top+height:
			below++
		}
	}
	var words []string
	if above > 0 {
		words = append(words, fmt.Sprintf("%s %d more above", s.pen.Glyph(widget.UpTri), above))
	}
	if below > 0 {
		words = append(words, fmt.Sprintf("%s %d more below", s.pen.Glyph(widget.DownTri), below))
	}
	layers := func(from, to int) (n int) {
		for _, l := range p.plan.layers[from:to] {
			for _, v := range l {
				if p.plan.vertices[v].svc >= 0 {
					n++
				}
			}
		}
		return n
	}
	if n := layers(0, p.left); n > 0 {
		words = append(words, fmt.Sprintf("%s %d more to the left", s.pen.Glyph(widget.LeftTri), n))
	}
	if n := layers(last+1, len(p.plan.layers)); n > 0 {
		words = append(words, fmt.Sprintf("%d more to the right %s", n, s.pen.Glyph(widget.RightTri)))
	}
	if words == nil {
		return nil
	}
	return []widget.Seg{{Role: themes.Accent, Text: " " + strings.Join(words, "   ")}}
}

// draw draws the lines, those that matter most last, then the boxes over them.
func (s *scene) draw() {
	p := s.p.plan
	type part struct {
		net  *net
		link int
		rank int
	}
	var parts []part
	seen := func(top, end int) bool { return top < s.canvas.y+s.canvas.h && end >= s.canvas.y }
	for l := range p.nets {
		for i := range p.nets[l] {
			n := &p.nets[l][i]
			if !seen(n.top, n.end) {
				continue
			}
			for _, k := range n.links {
				rank, _ := s.style(p.links[k].call)
				parts = append(parts, part{n, k, rank})
			}
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return a.rank - b.rank })
	for _, x := range parts {
		s.wire(x.net, x.link)
	}
	for _, x := range parts {
		if k := p.links[x.link]; p.vertices[k.to].svc >= 0 {
			s.tag(k)
		}
	}
	for i := range p.vertices {
		if v := &p.vertices[i]; v.svc >= 0 && seen(v.y, v.y+v.h) {
			s.box(v)
		}
	}
}

// style is how the line of a call is drawn, and how much it matters.
func (s *scene) style(call int) (rank int, role themes.Role) {
	c := &s.p.m.Calls[call]
	at := spotOf(c)
	switch {
	case s.p.at == at:
		return 4, themes.Accent
	case !s.p.at.call && (s.p.at.to == c.From || s.p.at.to == c.To):
		return 3, themes.Accent
	case slices.ContainsFunc(s.faults[at], func(f signal.MapFault) bool { return f.Active }):
		return 2, themes.Fault
	case failing(&c.MapFigures):
		return 1, themes.Failed
	case c.By != "":
		return -1, themes.Muted
	}
	return 0, themes.Muted
}

// failing reports whether so many fail that it is shown as a failure: one in a hundred.
func failing(f *signal.MapFigures) bool { return f.ErrorShare() >= 0.01 }

// wire draws a call's line between two layers.
func (s *scene) wire(n *net, k int) {
	p := s.p.plan
	link := p.links[k]
	from, to := &p.vertices[link.from], &p.vertices[link.to]
	call := &s.p.m.Calls[link.call]
	_, role := s.style(link.call)
	pc := pencil{net: link.from + 1, role: role}
	switch {
	case slices.ContainsFunc(s.faults[spotOf(call)], func(f signal.MapFault) bool { return f.Active }):
		pc.look = strong
	case call.By != "":
		pc.look = dotted
	}
	x := s.x[from.layer] + s.w[from.layer]
	end := s.x[to.layer] - 2
	if to.svc < 0 { // on through the layer
		end = s.x[to.layer] + s.w[to.layer] - 1
	}
	row := from.port()
	if row == link.row {
		s.canvas.across(x, end, row, pc)
	} else {
		lane := x + 1 + 2*n.lane
		s.canvas.across(x, lane-1, row, pc)
		leave, arrive := uint8(south), uint8(north)
		if link.row < row {
			leave, arrive = north, south
		}
		s.canvas.line(lane, row, west|leave, pc)
		s.canvas.down(lane, min(row, link.row), max(row, link.row), pc)
		s.canvas.line(lane, link.row, arrive|east, pc)
		s.canvas.across(lane+1, end, link.row, pc)
	}
	if to.svc >= 0 {
		s.canvas.write(s.pen, s.x[to.layer]-1, link.row, 1, role, s.pen.Glyph(widget.RightTri))
	}
}

// tag writes a call's figures onto its line, and the name of a fault above or below it where nothing is in the way.
func (s *scene) tag(link link) {
	p := s.p.plan
	c := &s.p.m.Calls[link.call]
	_, role := s.style(link.call)
	at := spotOf(c)
	if s.mode == inBox {
		to := &p.vertices[link.to]
		s.p.areas[at] = layout.Rect{X: s.x[to.layer] - 1, Y: link.row, W: s.w[to.layer], H: 1}
		s.notes(at, s.x[to.layer]-1, link.row, notedInGap)
		return
	}
	if role == themes.Muted {
		role = themes.Text
	}
	text := ""
	for mode := s.mode; mode < len(labelWidths); mode++ { // a mark takes the room of a figure
		text = figures(&c.MapFigures, mode)
		if c.By != "" {
			text = s.pen.Fit(c.By, labelWidths[s.mode]-2)
		}
		if m := s.marks(at, link.call); m != "" && mode < len(labelWidths)-1 {
			text = m + " " + text
		} else {
			text = m + text
		}
		if widget.Width(text) <= labelWidths[s.mode] {
			break
		}
	}
	if s.p.at == at {
		text = s.pen.Glyph(widget.Cursor) + text
	} else {
		text = " " + text
	}
	text += " "
	right := s.x[p.vertices[link.to].layer] - 2 // the last cell before the head
	w := widget.Width(text)
	s.p.areas[at] = layout.Rect{X: right - w, Y: link.row, W: w + 2, H: 1}
	s.canvas.write(s.pen, right-w, link.row, w, role, text)
	s.notes(at, right+1, link.row, labelWidths[s.mode]+3)
}

// notedInGap are the cells for a fault's name at a line that carries nothing.
const notedInGap = 18

// notes writes the names of the faults that act on a call, up to a column, above or below its line where nothing is in the way.
func (s *scene) notes(at spot, end, row, room int) {
	for _, f := range s.faults[at] {
		note := s.faultNote(f)
		w := widget.Width(note)
		if w > room {
			note, w = s.pen.Fit(note, room), room
		}
		role := themes.Fault
		if !f.Active {
			role = themes.Muted
		}
		for _, y := range []int{row - 1, row + 1} {
			if s.canvas.free(end-w, y, w) {
				s.canvas.write(s.pen, end-w, y, w, role, note)
				break
			}
		}
	}
}

// faultNote is a fault in a few words.
func (s *scene) faultNote(f signal.MapFault) string {
	title := strings.Join(strings.Fields(f.Title), " ")
	if !f.Active {
		return "was " + title
	}
	return s.pen.Bolt() + " " + title
}

// marks stand before a call's figures.
func (s *scene) marks(at spot, call int) string {
	out := ""
	if slices.ContainsFunc(s.faults[at], func(f signal.MapFault) bool { return f.Active }) {
		out += s.pen.Bolt()
	}
	if call == s.p.m.Worst {
		out += s.pen.Glyph(widget.UpTri)
	}
	return out
}

// figures are as many as a label has room for.
func figures(f *signal.MapFigures, mode int) string {
	p95 := widget.Duration(f.P95)
	switch {
	case mode == 0:
		return fmt.Sprintf("%s %4s %7s", rate(f.Rate), share(f.ErrorShare()), p95)
	case mode == 1:
		return fmt.Sprintf("%s %7s", share(f.ErrorShare()), p95)
	case failing(f):
		return share(f.ErrorShare())
	}
	return p95
}

// rate is a rate in at most six cells.
func rate(v float64) string { return widget.Number(round(v)) + "/s" }

// round leaves a rate the digits that mean something.
func round(v float64) float64 {
	switch {
	case v >= 10:
		return float64(int(v + 0.5))
	case v >= 1:
		return float64(int(10*v+0.5)) / 10
	}
	return float64(int(100*v+0.5)) / 100
}

// share is a share of failures in at most four cells.
func share(v float64) string {
	switch v *= 100; {
	case v == 0:
		return "0%"
	case v < 0.1:
		return "<.1%"
	case v < 9.95:
		return fmt.Sprintf("%.1f%%", v)
	case v < 100:
		return fmt.Sprintf("%.0f%%", min(v, 99))
	}
	return "100%"
}
