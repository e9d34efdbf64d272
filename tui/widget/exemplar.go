package widget

import (
	"math"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
)

// exemplars draws measured requests beside the line, the few that matter; the picked one is drawn whatever it hides. All
// of them can be picked.
func (c *Chart) exemplars(p Pen, d ChartData, f frame) {
	for _, i := range c.matter(d, f) {
		if i == d.Picked {
			continue
		}
		x, y, ok := c.beside(d.Exemplars[i], f)
		if !ok {
			continue
		}
		c.plot.put(x, y, themes.Focus, p.Glyph(Exemplar))
		c.hits = append(c.hits, hit{x, y + 1, i}) // below the title row
	}
	if d.Picked < 0 || d.Picked >= len(d.Exemplars) {
		return
	}
	e := d.Exemplars[d.Picked]
	if x, ok := f.dotX(e.T); ok && !math.IsNaN(e.V) {
		h := hit{f.x0 + x/2, f.dotY(e.V) / 4, d.Picked}
		c.plot.put(h.x, h.y, themes.Focus, p.Glyph(ExemplarPicked))
		h.y++
		c.hits = append(c.hits, h)
	}
}

// beside is the cell for an exemplar: its own, or the nearest above or below that holds no piece of a line.
func (c *Chart) beside(e signal.Exemplar, f frame) (x, y int, ok bool) {
	half, ok := f.dotX(e.T)
	if !ok {
		return 0, 0, false
	}
	x = f.x0 + half/2
	row := f.dotY(e.V) / 4
	for _, y := range []int{row, row - 1, row + 1, row - 2} {
		if y >= 0 && y < f.h && c.clear(f, x-f.x0, x-f.x0, y) {
			return x, y, true
		}
	}
	return 0, 0, false
}

// matter chooses which exemplars are drawn: the largest of each stretch of time, of those that are above the limit, or
// that stand out when nothing is. The stretches lie fast in time, so that the choice does not change as the window moves.
func (c *Chart) matter(d ChartData, f frame) []int {
	const stretches = 6
	long := f.length / stretches
	if long <= 0 {
		return nil
	}
	largest := math.Inf(-1)
	best := make(map[time.Time]int, stretches+1)
	for i, e := range d.Exemplars {
		if _, ok := f.dotX(e.T); !ok || math.IsNaN(e.V) {
			continue
		}
		largest = math.Max(largest, e.V)
		at := e.T.Truncate(long)
		if b, ok := best[at]; !ok || e.V > d.Exemplars[b].V {
			best[at] = i
		}
	}
	least := largest / 2
	if b := d.Panel.Bound; b > 0 && largest > b {
		least = b
	}
	var out []int
	for i, e := range d.Exemplars { // by time, not in the order of a map
		if b, ok := best[e.T.Truncate(long)]; ok && b == i && e.V >= least {
			out = append(out, i)
		}
	}
	return out
}
