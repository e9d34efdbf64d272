package layout

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
}

// Ratio is the ratio that puts the line at the cell.
func (d Divider) Ratio(x, y int) float64 {
	if d.Across {
		return clampRatio(float64(x-d.Area.X) / float64(max(d.Area.W, 1)))
	}
	return clampRatio(float64(y-d.Area.Y) / float64(max(d.Area.H, 1)))
}

// Placement says where everything is. The rectangles tile the area exactly.
type Placement struct {
	Area     Rect
	Panes    []Placed
	Dividers []Divider
}

// Place gives every pane of the tree its rectangle.
func Place(n *Node, area Rect) Placement {
	p := Placement{Area: area}
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
	if n.Across {
		a.W = part(r.W, n.Ratio)
		b.X, b.W = r.X+a.W, r.W-a.W
		p.Dividers = append(p.Dividers, Divider{path, true, r, b.X})
	} else {
		a.H = part(r.H, n.Ratio)
		b.Y, b.H = r.Y+a.H, r.H-a.H
		p.Dividers = append(p.Dividers, Divider{path, false, r, b.Y})
	}
	p.place(n.A, a, path+"a")
	p.place(n.B, b, path+"b")
}

// part is the first part's cells; both parts get at least one where there are two.
func part(whole int, ratio float64) int {
	if whole < 2 {
		return whole
	}
	return min(max(int(float64(whole)*ratio+0.5), 1), whole-1)
}

// Stack places panes one above the other in equal parts: what is shown where a split tree would be too small. The first
// one takes the row that is left over.
func Stack(panes []string, area Rect) Placement {
	p := Placement{Area: area}
	y := area.Y
	for i, name := range panes {
		h := area.H / len(panes)
		if i < area.H%len(panes) {
			h++
		}
		p.Panes = append(p.Panes, Placed{name, Rect{area.X, y, area.W, h}})
		y += h
	}
	return p
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
