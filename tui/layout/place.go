package layout

import "math"

// Placed is one pane's rectangle, border included.
type Placed struct {
	Pane string
	Rect
}

// Divider is the line between two parts: dragging it changes the ratio of the split at Path.
type Divider struct {
	Path   string
	Across bool
	Area   Rect // of the whole split
	At     int  // first column or row of the second part
	Min    int  // the bounds of At: beyond them a pane would become too small
	Max    int
}

// Ratio is the ratio that puts the line at the cell, as far as the panes beside it let it.
func (d Divider) Ratio(x, y int) float64 {
	if d.Across {
		return d.ratio(x)
	}
	return d.ratio(y)
}

func (d Divider) ratio(at int) float64 {
	from, whole := d.Area.Y, d.Area.H
	if d.Across {
		from, whole = d.Area.X, d.Area.W
	}
	return clampRatio(float64(max(min(at, d.Max), d.Min)-from) / float64(max(whole, 1)))
}

// step is a share of the split in cells, one at least.
func (d Divider) step(share float64) int {
	whole := d.Area.H
	if d.Across {
		whole = d.Area.W
	}
	return max(int(math.Round(float64(whole)*share)), 1)
}

// Placement says where everything is. The rectangles tile the area exactly.
type Placement struct {
	Area     Rect
	Panes    []Placed
	Dividers []Divider
	w, h     int // of a pane at least
}

// Place gives every pane of the tree its rectangle.
func Place(n *Node, area Rect) Placement { return PlaceAtLeast(n, area, 1, 1) }

// PlaceAtLeast is Place, but where there is room for it no pane becomes smaller than w by h cells, whatever the ratios say.
func PlaceAtLeast(n *Node, area Rect, w, h int) Placement {
	p := Placement{Area: area, w: w, h: h}
	p.place(n, area, "")
	return p
}

func (p *Placement) place(n *Node, r Rect, path string) {
	if n == nil {
		return
	}
	if n.A == nil {
		p.Panes = append(p.Panes, Placed{n.Pane, r})
		return
	}
	a, b := r, r
	aw, ah := n.A.Least(p.w, p.h)
	bw, bh := n.B.Least(p.w, p.h)
	if n.Across {
		var lo, hi int
		a.W, lo, hi = part(r.W, n.Ratio, aw, bw)
		b.X, b.W = r.X+a.W, r.W-a.W
		p.Dividers = append(p.Dividers, Divider{path, true, r, b.X, r.X + lo, r.X + hi})
	} else {
		var lo, hi int
		a.H, lo, hi = part(r.H, n.Ratio, ah, bh)
		b.Y, b.H = r.Y+a.H, r.H-a.H
		p.Dividers = append(p.Dividers, Divider{path, false, r, b.Y, r.Y + lo, r.Y + hi})
	}
	p.place(n.A, a, path+"a")
	p.place(n.B, b, path+"b")
}

// part is the first part's cells, and their bounds; both parts get what they need at least where there is room, and one
// cell where there are two.
func part(whole int, ratio float64, needA, needB int) (cells, lo, hi int) {
	if whole < 2 {
		return whole, whole, whole
	}
	lo, hi = min(needA, whole-1), max(whole-needB, 1)
	if lo > hi { // there is no room for what they need
		lo, hi = 1, whole-1
	}
	return min(max(int(float64(whole)*ratio+0.5), lo), hi), lo, hi
}

// Grown returns the tree of the placement with the pane larger by a share of each split that it stands in and that is its
// nearest of that direction (negative: smaller). It is the same tree when nothing can move.
func (p Placement) Grown(n *Node, pane string, share float64) *Node {
	path, ok := n.Path(pane)
	if !ok {
		return n
	}
	var done [2]bool
	for i := len(path) - 1; i >= 0; i-- {
		d, ok := p.divider(path[:i])
		if !ok || done[side(d.Across)] {
			continue
		}
		done[side(d.Across)] = true
		step := d.step(math.Abs(share))
		if (share < 0) != (path[i] == 'b') {
			step = -step
		}
		n = p.moved(n, d, step)
	}
	return n
}

func side(across bool) int {
	if across {
		return 1
	}
	return 0
}

// Pushed returns the tree of the placement with the pane's border to the right, or below, moved a share of its split in
// the direction; a pane at the edge of the screen has its other border moved. It is the same tree when nothing can move.
func (p Placement) Pushed(n *Node, pane string, dir Direction, share float64) *Node {
	path, ok := n.Path(pane)
	if !ok {
		return n
	}
	across := dir == ToLeft || dir == ToRight
	for _, part := range []byte{'a', 'b'} {
		for i := len(path) - 1; i >= 0; i-- {
			d, ok := p.divider(path[:i])
			if !ok || d.Across != across || path[i] != part {
				continue
			}
			step := d.step(share)
			if dir == ToLeft || dir == Above {
				step = -step
			}
			return p.moved(n, d, step)
		}
	}
	return n
}

// moved is the tree with a line moved so many cells.
func (p Placement) moved(n *Node, d Divider, cells int) *Node {
	if at := max(min(d.At+cells, d.Max), d.Min); at != d.At {
		return n.WithRatio(d.Path, d.ratio(at))
	}
	return n
}

func (p Placement) divider(path string) (Divider, bool) {
	for _, d := range p.Dividers {
		if d.Path == path {
			return d, true
		}
	}
	return Divider{}, false
}

// Stack is a tree with the panes one above the other in equal parts: what is shown where another would be too small.
func Stack(panes ...string) *Node {
	if len(panes) == 0 {
		return nil
	}
	return Rows(1/float64(len(panes)), Leaf(panes[0]), Stack(panes[1:]...))
}

// Fits reports whether every pane has at least w by h cells, border included.
func (p Placement) Fits(w, h int) bool {
	for _, pl := range p.Panes {
		if pl.W < w || pl.H < h {
			return false
		}
	}
	return true
}

// Find is the rectangle of a pane; ok is false when it is not on the screen.
func (p Placement) Find(pane string) (Rect, bool) {
	for _, pl := range p.Panes {
		if pl.Pane == pane {
			return pl.Rect, true
		}
	}
	return Rect{}, false
}

// At is the pane at a cell.
func (p Placement) At(x, y int) (Placed, bool) {
	for _, pl := range p.Panes {
		if pl.Contains(x, y) {
			return pl, true
		}
	}
	return Placed{}, false
}

// DividerAt is the line at a cell: the two border cells that meet there.
func (p Placement) DividerAt(x, y int) (Divider, bool) {
	for _, d := range p.Dividers {
		at := y
		if d.Across {
			at = x
		}
		if d.Area.Contains(x, y) && (at == d.At || at == d.At-1) {
			return d, true
		}
	}
	return Divider{}, false
}

// Direction is where a neighbour is looked for.
type Direction uint8

// The directions.
const (
	ToLeft Direction = iota
	Below
	Above
	ToRight
)

// Neighbour is the pane next to another in a direction: the one that shares the longest edge with it. ok is false at the
// edge of the screen.
func (p Placement) Neighbour(pane string, d Direction) (name string, ok bool) {
	from, found := p.Find(pane)
	if !found {
		return "", false
	}
	best := 0
	for _, pl := range p.Panes {
		var edge int
		switch d {
		case ToLeft:
			edge = touch(pl.X+pl.W == from.X, pl.Y, pl.H, from.Y, from.H)
		case ToRight:
			edge = touch(from.X+from.W == pl.X, pl.Y, pl.H, from.Y, from.H)
		case Above:
			edge = touch(pl.Y+pl.H == from.Y, pl.X, pl.W, from.X, from.W)
		case Below:
			edge = touch(from.Y+from.H == pl.Y, pl.X, pl.W, from.X, from.W)
		}
		if edge > best {
			best, name = edge, pl.Pane
		}
	}
	return name, best > 0
}

// touch is how much two spans have in common, when they touch at all.
func touch(adjacent bool, a, aLen, b, bLen int) int {
	if !adjacent {
		return 0
	}
	return min(a+aLen, b+bLen) - max(a, b)
}
