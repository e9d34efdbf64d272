package callmap

import (
	"slices"

	"gameday/sources/signal"
	"gameday/tui/widget"
)

// The widths of a label, marks included, from the most to the fewest figures: rate, share of failures, P95.
var labelWidths = [...]int{20, 13, 9}

// inBox is the mode after those of labelWidths: lines carry nothing, and a call's figures stand in the box that it leads to, beside
// the head of its line.
const inBox = len(labelWidths)

// sayings are the ways to say what calls are like, the best first: a mode, and what a box measures at least in it.
var sayings = [...]struct{ mode, box int }{{0, leastBox}, {1, leastBox}, {inBox, ratesBox}, {inBox, callsBox}, {inBox, tightBox}, {2, leastBox}}

// The widths of boxes.
const (
	leastBox   = 14 // a rate and a share of failures fit
	ratesBox   = 26 // all signs, a rate, a share of failures and a P95 fit
	callsBox   = 19 // all signs, a share of failures and a P95 fit
	tightBox   = 15 // a sign, a share of failures and a P95 fit
	mostBox    = 24 // for a name's sake
	outsideBox = 8
)

// measure chooses how much each label says, so that as many layers as can be stand beside each other.
func (s *scene) measure() {
	ways, most := sayings[:], 0
	if !s.calledInBoxes() {
		ways = slices.DeleteFunc(slices.Clone(ways), func(way struct{ mode, box int }) bool { return way.mode == inBox })
	}
	for _, way := range ways {
		if s.spread(way.mode, way.box) {
			return
		}
		most = max(most, s.fits(min(s.p.left, len(s.x)-1)))
	}
	for _, way := range ways { // not all fit: as much as can be said of as many as would fit anyway
		if s.spread(way.mode, way.box); s.fits(min(s.p.left, len(s.x)-1)) == most {
			return
		}
	}
}

// calledInBoxes reports whether every box has a row for each line that arrives, beside those for calls that lead back.
func (s *scene) calledInBoxes() bool {
	return !slices.ContainsFunc(s.p.plan.vertices, func(v vertex) bool { return v.svc >= 0 && len(v.in)+len(v.backs) > max(v.h-2, 0) })
}

// spread gives each layer its place, with boxes of a least width, and reports whether all of them fit.
func (s *scene) spread(mode, least int) (all bool) {
	p := s.p.plan
	s.mode, s.rates, s.x, s.w, s.gaps = mode, least == ratesBox, s.x[:0], s.w[:0], s.gaps[:0]
	x := 0
	for l := range p.layers {
		wide := 1
		for _, v := range p.layers[l] {
			switch v := &p.vertices[v]; {
			case v.svc >= 0 && v.name == signal.Outside:
				wide = max(wide, outsideBox)
			case v.svc >= 0:
				wide = max(wide, least, min(s.wants(v), mostBox))
			}
		}
		gap := 2 + 2*p.lanes[l]
		if mode < inBox {
			gap += labelWidths[mode] + 3
		}
		s.x, s.w, s.gaps = append(s.x, x), append(s.w, wide), append(s.gaps, gap)
		x += wide + gap
	}
	return x-s.gaps[len(s.gaps)-1] <= s.ctx.Width
}

// fits is the last layer that is on the screen when it begins with that one.
func (s *scene) fits(from int) int {
	x := s.x[from]
	if from > 0 {
		x -= s.gaps[from-1]
	}
	to := from
	for to+1 < len(s.x) && s.x[to+1]+s.w[to+1]-x <= s.ctx.Width-1 || to+2 == len(s.x) && s.x[to+1]+s.w[to+1]-x <= s.ctx.Width {
		to++
	}
	return to
}

// wants is the width of a box in which nothing of a service is cut, whatever its figures.
func (s *scene) wants(v *vertex) int {
	const back, rate = 2, 7 // the sign before the name, and a rate behind
	wide := widget.Width(v.name) + 5
	for _, c := range v.backs {
		to := "itself"
		if s.p.m.Calls[c].To != v.name {
			to = s.p.m.Calls[c].To
		}
		wide = max(wide, back+widget.Width(to)+rate+3)
	}
	return wide
}

// scroll has the spot under the cursor on the screen, and returns the last layer that is.
func (s *scene) scroll(height int) (last int) {
	p := s.p
	first, end, y, h := p.place(p.at)
	p.left = min(p.left, max(first, 0), len(s.x)-1)
	for p.left < end && s.fits(p.left) < end {
		p.left++
	}
	for p.left > 0 && s.fits(p.left-1) == len(s.x)-1 { // no more is scrolled than must be
		p.left--
	}
	p.top = min(max(p.top, y+h-height), max(p.plan.height-height, 0))
	p.top = max(min(p.top, y), 0)
	return s.fits(p.left)
}

// place is where a spot lies: its layers and rows.
func (p *Pane) place(s spot) (first, last, y, h int) {
	to, ok := p.plan.byName[s.to]
	if !ok {
		return 0, 0, 0, 1
	}
	v := &p.plan.vertices[to]
	if !s.call {
		return v.layer, v.layer, v.y, v.h
	}
	c := p.call(s)
	if i := slices.IndexFunc(v.in, func(k int) bool { return p.plan.links[k].call == c }); i >= 0 {
		return v.layer - 1, v.layer, p.plan.links[v.in[i]].row, 1
	}
	from := &p.plan.vertices[p.plan.byName[s.from]]
	return from.layer, from.layer, from.y, from.h
}
