package widget

import (
	"math"
	"strconv"
	"time"

	"github.com/NimbleMarkets/ntcharts/canvas"
	"github.com/NimbleMarkets/ntcharts/canvas/graph"

	"gameday/sources/signal"
	"gameday/themes"
)

// lines draws every series, and its number at the end of its line: colour is never the only way to tell them apart.
func (c *Chart) lines(p Pen, d ChartData, f frame) {
	if c.grid == nil || c.gw != f.w || c.gh != f.h {
		c.grid, c.gw, c.gh = graph.NewBrailleGrid(f.w, f.h, 0, 1, 0, 1), f.w, f.h
	}
	taken := make(map[int]bool)
	for i := len(d.Panel.Series) - 1; i >= 0; i-- { // the first series ends on top
		if d.hidden(i) {
			continue
		}
		s := d.Panel.Series[i]
		if p.ASCII {
			c.lineASCII(s, f, i)
		} else {
			c.grid.Clear()
			c.line(s, f)
			graph.DrawBraillePatterns(&c.plot.cv, canvas.Point{X: f.x0, Y: 0}, c.grid.BraillePatterns(), carriers[seriesRole(i)])
		}
	}
	if len(d.Panel.Series) < 2 {
		return
	}
	for i, s := range d.Panel.Series {
		v := last(s)
		if math.IsNaN(v) || i > 8 || d.hidden(i) {
			continue
		}
		row := f.dotY(v) / 4
		for _, y := range []int{row, row - 1, row + 1} {
			if y >= 0 && y < f.h && !taken[y] {
				taken[y] = true
				c.plot.put(f.x0+f.w, y, seriesRole(i), strconv.Itoa(i+1))
				break
			}
		}
	}
}

// line joins the samples; a NaN, or a pause of several steps, is a gap.
func (c *Chart) line(s signal.Series, f frame) {
	gap := 4 * medianStep(s.Samples)
	var prev canvas.Point
	var prevT time.Time
	joined := false
	for _, v := range s.Samples {
		x, ok := f.dotX(v.T)
		if !ok || math.IsNaN(v.V) {
			joined = false
			continue
		}
		pt := canvas.Point{X: x, Y: f.dotY(v.V)}
		if joined && v.T.Sub(prevT) <= gap {
			if pt == prev {
				prevT = v.T
				continue
			}
			for _, q := range graph.GetLinePoints(prev, pt) {
				c.grid.Set(q)
			}
		} else {
			c.grid.Set(pt)
		}
		prev, prevT, joined = pt, v.T, true
	}
}

// medianStep estimates the distance of two samples from the first few.
func medianStep(s []signal.Sample) time.Duration {
	if len(s) < 2 {
		return time.Hour
	}
	n := min(len(s)-1, 16)
	best := s[1].T.Sub(s[0].T)
	for i := 1; i < n; i++ {
		if d := s[i+1].T.Sub(s[i].T); d > 0 && d < best {
			best = d
		}
	}
	return max(best, time.Millisecond)
}

// lineASCII marks each column with the series' number, or a star when there is only one.
func (c *Chart) lineASCII(s signal.Series, f frame, i int) {
	sign := "*"
	if i > 0 {
		sign = strconv.Itoa((i + 1) % 10)
	}
	for x, v := range columns(s, signal.Window{From: f.from, To: f.from.Add(f.length)}, f.w) {
		if !math.IsNaN(v) {
			c.plot.put(f.x0+x, f.dotY(v)/4, seriesRole(i), sign)
		}
	}
}

// axes draws the values on the left, the limit across, and the times below.
func (c *Chart) axes(p Pen, d ChartData, f frame, ticks []float64, labels int, times bool) {
	for y := range f.h {
		c.plot.put(f.x0-1, y, themes.Border, p.Glyph(Wall))
	}
	used := make(map[int]bool)
	label := func(v float64, role themes.Role) {
		y := f.dotY(v) / 4
		if used[y] {
			return
		}
		used[y] = true
		c.plot.put(0, y, role, p.Right(Value(v, d.Panel.Unit), labels))
		c.plot.put(f.x0-1, y, themes.Border, p.Glyph(Tick))
	}
	if b := d.Panel.Bound; b > 0 && b >= f.lo && b <= f.hi {
		label(b, themes.Warning)
		y := f.dotY(b) / 4
		for x := f.x0; x < f.x0+f.w; x++ {
			if c.plot.free(x, y) {
				c.plot.put(x, y, themes.Warning, p.Glyph(Dotted))
			}
		}
	}
	for _, l := range d.Limits {
		if math.IsNaN(l.At) || l.At < f.lo || l.At > f.hi {
			continue
		}
		y := f.dotY(l.At) / 4
		for x := f.x0; x < f.x0+f.w; x++ {
			if c.plot.free(x, y) {
				c.plot.put(x, y, l.Role, p.Glyph(Dotted))
			}
		}
	}
	for _, t := range ticks {
		label(t, themes.Muted)
	}
	if !times {
		return
	}
	at, layout := TimeTicks(f.from, f.from.Add(f.length), f.w)
	next := 0
	for _, t := range at {
		x, ok := f.dotX(t)
		if !ok {
			continue
		}
		text := t.Format(layout)
		start := clampInt(f.x0+x/2-len(text)/2, f.x0, f.x0+f.w-len(text))
		if start < next {
			continue
		}
		c.plot.put(start, f.h, themes.Muted, text)
		next = start + len(text) + 2
	}
}

// bands shade the time a fault was active, with a label; the newest band's label chooses its place first.
func (c *Chart) bands(p Pen, d ChartData, f frame) {
	end := f.from.Add(f.length)
	type extent struct {
		label string
		a, z  int
	}
	var drawn []extent
	for i := len(d.Bands) - 1; i >= 0; i-- {
		b := d.Bands[i]
		from, to := b.From, b.To
		if to.IsZero() || to.After(end) {
			to = end
		}
		if from.Before(f.from) {
			from = f.from
		}
		a, okA := f.dotX(from)
		z, okZ := f.dotX(to)
		if !okA || !okZ || to.Before(from) {
			continue
		}
		e := extent{b.Label, a / 2, min(z/2, f.w-1)}
		c.band(p, f, e.a, e.z)
		drawn = append(drawn, e)
	}
	for _, e := range drawn {
		c.bandLabel(p, e.label, f, e.a, e.z)
	}
}

// band marks the columns a to z: with a shaded background and edges, or with a pattern where there are no colours.
func (c *Chart) band(p Pen, f frame, a, z int) {
	colours := p.Shade(themes.Fault) != ""
	for x := a; x <= z; x++ {
		for y := range f.h {
			free := c.plot.free(f.x0+x, y)
			switch {
			case colours && free && (x == a || x == z):
				c.plot.put(f.x0+x, y, themes.Fault, "╎")
			case !colours && free:
				c.plot.put(f.x0+x, y, themes.Fault, p.Glyph(BarLight))
			}
			if colours {
				c.plot.shade(f.x0+x, y)
			}
		}
	}
}

// bandLabel writes a band's label where it hides nothing: in the highest row that no line, exemplar or other label
// crosses there, a cell of air on both sides. A short band's label sticks out to the side that has room. When every row is
// full it is left out, for half a word is worse than none: the timeline names the fault too.
func (c *Chart) bandLabel(p Pen, label string, f frame, a, z int) {
	n := Width(label)
	if n == 0 || n+2 > f.w {
		return
	}
	for _, left := range []int{a + 1, z - n, a - n - 1, z + 2} {
		if left < 0 || left+n > f.w {
			continue
		}
		for y := range f.h {
			if !c.clear(f, left-1, left+n, y) {
				continue
			}
			c.plot.put(f.x0+left, y, themes.Fault, label)
			if p.Shade(themes.Fault) != "" {
				for x := max(left, a); x <= min(left+n-1, z); x++ {
					c.plot.shade(f.x0+x, y)
				}
			}
			return
		}
	}
}

// clear reports whether nothing but the ground lies in the cells a to z of a row.
func (c *Chart) clear(f frame, a, z, y int) bool {
	for x := max(a, 0); x <= min(z, f.w-1); x++ {
		switch c.plot.cv.Cell(canvas.Point{X: f.x0 + x, Y: y}).Rune {
		case 0, ' ', '╎', '░', '-', '┄', '│', '|':
		default:
			return false
		}
	}
	return true
}

// mark draws the vertical line of the instant under the cursor.
func (c *Chart) mark(p Pen, d ChartData, f frame) {
	if d.Mark.IsZero() {
		return
	}
	x, ok := f.dotX(d.Mark)
	if !ok {
		return
	}
	for y := range f.h {
		if c.plot.free(f.x0+x/2, y) {
			c.plot.put(f.x0+x/2, y, themes.Focus, p.Glyph(Wall))
		}
	}
}
