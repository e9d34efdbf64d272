package callmap

import (
	"slices"
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/layout"
	"gameday/tui/widget"
)

// box draws a service: its name in the border, what visits it below, the calls that lead back, and the fault that acts on it.
func (s *scene) box(v *vertex) {
	svc := &s.p.m.Services[v.svc]
	x, w := s.x[v.layer], s.w[v.layer]
	at := spot{to: v.name}
	s.p.areas[at] = layout.Rect{X: x, Y: v.y, W: w, H: v.h}
	here := s.p.at == at
	border := themes.Border
	mark := " "
	if here {
		border, mark = themes.Accent, s.pen.Glyph(widget.Cursor)
	}
	if v.name == signal.Outside {
		role := themes.Muted
		if here {
			role = themes.Accent
		}
		s.canvas.write(s.pen, x, v.y, w, role, mark+"outside"[:min(w-1, 7)])
		return
	}
	rule := "─"
	if svc.Kind != signal.MapTold {
		rule = "┄" // it sends no spans
	}
	rows := s.inside(v, svc, w-3)
	active := slices.ContainsFunc(s.faults[at], func(f signal.MapFault) bool { return f.Active })
	if active && !here {
		border = themes.Fault
	}
	name := s.pen.Fit(v.name, w-5)
	n := widget.Width(name)
	s.canvas.write(s.pen, x, v.y, 2, border, "╭"+mark)
	s.canvas.write(s.pen, x+2, v.y, n, s.pen.Service(v.name), name)
	s.canvas.write(s.pen, x+2+n, v.y, w-2-n, border, " "+strings.Repeat(rule, w-4-n)+"╮")
	for i := range v.h - 2 {
		y := v.y + 1 + i
		right := "│"
		if y == v.port() && len(v.out) > 0 {
			right = "├"
		}
		s.canvas.write(s.pen, x, y, 1, border, "│")
		text, role := "", themes.Muted
		if i < len(rows) {
			text, role = rows[i].Text, rows[i].Role
		}
		s.canvas.write(s.pen, x+1, y, w-2, role, " "+s.pen.Fit(text, w-3))
		s.canvas.write(s.pen, x+w-1, y, 1, border, right)
	}
	foot, role := "", border
	for _, f := range s.faults[at] {
		if foot == "" || f.Active {
			foot, role = " "+s.pen.Fit(s.faultNote(f), w-4)+" ", themes.Fault
			if !f.Active {
				role = themes.Muted
			}
		}
		if f.Active {
			break
		}
	}
	n = widget.Width(foot)
	s.canvas.write(s.pen, x, v.y+v.h-1, 1, border, "╰")
	s.canvas.write(s.pen, x+1, v.y+v.h-1, n, role, foot)
	s.canvas.write(s.pen, x+1+n, v.y+v.h-1, w-1-n, border, strings.Repeat(rule, w-2-n)+"╯")
}

// inside is what stands in a box: the visits, or each call that arrives; the calls that lead back, and what kind of thing it is.
func (s *scene) inside(v *vertex, svc *signal.MapService, room int) []widget.Seg {
	var out []widget.Seg
	if s.mode == inBox {
		out = s.arriving(v, room)
	} else if f := &svc.Served; f.Count > 0 {
		role := themes.Muted
		if failing(f) {
			role = themes.Failed
		}
		text := rate(f.Rate) + " " + share(f.ErrorShare())
		if long := text + " " + widget.Duration(f.P95); widget.Width(long) <= room {
			text = long
		}
		out = append(out, widget.Seg{Role: role, Text: text})
	}
	for _, c := range v.backs {
		m := &s.p.m.Calls[c]
		at := spotOf(m)
		sign, to := s.pen.Glyph(widget.Back)+" ", m.To
		if m.To == m.From {
			to = "itself"
		}
		role := themes.Muted
		switch {
		case s.p.at == at:
			role, sign = themes.Accent, s.pen.Glyph(widget.Cursor)+sign
		case len(s.faults[at]) > 0:
			role, sign = themes.Fault, s.pen.Bolt()+sign
		case failing(&m.MapFigures):
			role = themes.Failed
		}
		out = append(out, widget.Seg{Role: role, Text: s.marksOf(c) + sign + to + " " + rate(m.Rate)})
	}
	if svc.Kind != signal.MapTold {
		out = append(out, widget.Seg{Role: themes.Muted, Text: svc.Kind.String()})
	}
	return out
}

// arriving are the figures of the calls whose lines arrive at a service, in the rows in which they do.
func (s *scene) arriving(v *vertex, room int) []widget.Seg {
	var out []widget.Seg
	for _, k := range v.in {
		call := s.p.plan.links[k].call
		c := &s.p.m.Calls[call]
		at := spotOf(c)
		_, role := s.style(call)
		if role == themes.Muted && c.By == "" {
			role = themes.Text
		}
		text := s.marks(at, call)
		if s.p.at == at {
			text = s.pen.Glyph(widget.Cursor) + text
		}
		said := c.By
		if said == "" {
			said = share(c.ErrorShare()) + " " + widget.Duration(c.P95)
			if s.rates {
				said = rate(c.Rate) + " " + said
			}
			if widget.Width(text)+widget.Width(said) > room { // what fails says more than how long it took
				if said = widget.Duration(c.P95); failing(&c.MapFigures) {
					said = share(c.ErrorShare())
				}
			}
		}
		out = append(out, widget.Seg{Role: role, Text: text + said})
	}
	return out
}

// marksOf is the mark of the worst call where it leads back.
func (s *scene) marksOf(call int) string {
	if call == s.p.m.Worst {
		return s.pen.Glyph(widget.UpTri)
	}
	return ""
}
