// Package layout turns a split tree into rectangles. It is pure: it knows sizes and names, and nothing of what is drawn.
package layout

// Rect is a rectangle of cells; X and Y count from the top left corner of the screen.
type Rect struct{ X, Y, W, H int }

// Contains reports whether the cell lies in the rectangle.
func (r Rect) Contains(x, y int) bool {
	return x >= r.X && x < r.X+r.W && y >= r.Y && y < r.Y+r.H
}

// Node is a split tree: a leaf with the name of a pane, or two parts side by side or one above the other. A Node does
// not change once made.
type Node struct {
	Pane   string
	Across bool    // the parts stand side by side
	Ratio  float64 // the first part's share, 0..1
	A, B   *Node
}

// The bounds of a ratio: no part can be pushed off the screen.
const (
	minRatio = 0.15
	maxRatio = 0.85
)

// Leaf is one pane.
func Leaf(pane string) *Node { return &Node{Pane: pane} }

// Columns puts a to the left of b. A nil part leaves the other one alone.
func Columns(ratio float64, a, b *Node) *Node { return split(true, ratio, a, b) }

// Rows puts a above b. A nil part leaves the other one alone.
func Rows(ratio float64, a, b *Node) *Node { return split(false, ratio, a, b) }

func split(across bool, ratio float64, a, b *Node) *Node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &Node{Across: across, Ratio: clampRatio(ratio), A: a, B: b}
}

func clampRatio(r float64) float64 { return min(max(r, minRatio), maxRatio) }

// Panes lists the names in the order in which they stand: left to right, top to bottom within a part.
func (n *Node) Panes() []string {
	if n == nil {
		return nil
	}
	if n.A == nil {
		return []string{n.Pane}
	}
	return append(n.A.Panes(), n.B.Panes()...)
}

// Only keeps the panes for which keep is true; the others' room goes to their neighbours. It is nil when none is left.
func (n *Node) Only(keep func(pane string) bool) *Node {
	if n == nil {
		return nil
	}
	if n.A == nil {
		if keep(n.Pane) {
			return n
		}
		return nil
	}
	return split(n.Across, n.Ratio, n.A.Only(keep), n.B.Only(keep))
}

// Resized returns a tree in which the pane has grown by the share by (negative: shrunk) in each split it stands in that
// is its nearest of that direction.
func (n *Node) Resized(pane string, by float64) *Node {
	out, _, _ := n.resized(pane, by)
	return out
}

// resized reports with has that the pane is below n; done says which directions have been changed already.
func (n *Node) resized(pane string, by float64) (out *Node, has bool, done [2]bool) {
	if n == nil {
		return nil, false, done
	}
	if n.A == nil {
		return n, n.Pane == pane, done
	}
	dir := 0
	if n.Across {
		dir = 1
	}
	next := *n
	var a, b *Node
	if a, has, done = n.A.resized(pane, by); has {
		next.A = a
	} else if b, has, done = n.B.resized(pane, by); has {
		next.B, by = b, -by
	} else {
		return n, false, done
	}
	if !done[dir] {
		next.Ratio = clampRatio(n.Ratio + by)
		done[dir] = true
	}
	return &next, true, done
}

// WithRatio returns a tree in which the split at the path has another ratio. A path is a string of 'a' and 'b', from
// the root down.
func (n *Node) WithRatio(path string, ratio float64) *Node {
	if n == nil || n.A == nil {
		return n
	}
	next := *n
	switch {
	case path == "":
		next.Ratio = clampRatio(ratio)
	case path[0] == 'a':
		next.A = n.A.WithRatio(path[1:], ratio)
	default:
		next.B = n.B.WithRatio(path[1:], ratio)
	}
	return &next
}
