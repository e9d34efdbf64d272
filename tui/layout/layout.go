// Package layout turns a split tree into rectangles. It is pure: it knows sizes and names, and nothing of what is drawn.
package layout

import "math"

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

// The bounds of a ratio: no part can be pushed off the screen. PlaceAtLeast keeps closer ones, in cells.
const (
	minRatio = 0.05
	maxRatio = 0.95
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

// Path is the way from the root to a pane, as a string of 'a' and 'b'; ok is false when the pane is not there.
func (n *Node) Path(pane string) (path string, ok bool) {
	switch {
	case n == nil:
		return "", false
	case n.A == nil:
		return "", n.Pane == pane
	}
	if path, ok = n.A.Path(pane); ok {
		return "a" + path, true
	}
	path, ok = n.B.Path(pane)
	return "b" + path, ok
}

// Least is the smallest room in which each pane of the tree has w by h cells.
func (n *Node) Least(w, h int) (width, height int) {
	if n == nil {
		return 0, 0
	}
	if n.A == nil {
		return w, h
	}
	aw, ah := n.A.Least(w, h)
	bw, bh := n.B.Least(w, h)
	if n.Across {
		return aw + bw, max(ah, bh)
	}
	return max(aw, bw), ah + bh
}

// Shares lists the ratios of the tree's splits. A split goes by the two panes that its parts begin with, "metrics|traces"
// side by side and "metrics/logs" one above the other, so that a list still means something for a tree that has changed.
func (n *Node) Shares() map[string]float64 {
	out := map[string]float64{}
	n.shares(func(key string, s *Node) *Node { out[key] = s.Ratio; return s })
	return out
}

// WithShares returns a tree with the ratios of a list as Shares makes it. What is missing stays, what is unknown or out of
// bounds is left out or brought within.
func (n *Node) WithShares(list map[string]float64) *Node {
	return n.shares(func(key string, s *Node) *Node {
		r, ok := list[key]
		if !ok || math.IsNaN(r) || clampRatio(r) == s.Ratio {
			return s
		}
		next := *s
		next.Ratio = clampRatio(r)
		return &next
	})
}

// shares visits every split, the inner ones first, and puts what visit returns into its place.
func (n *Node) shares(visit func(key string, s *Node) *Node) *Node {
	if n == nil || n.A == nil {
		return n
	}
	sign := "/"
	if n.Across {
		sign = "|"
	}
	a, b := n.A.shares(visit), n.B.shares(visit)
	if a != n.A || b != n.B {
		next := *n
		next.A, next.B = a, b
		n = &next
	}
	return visit(n.A.Panes()[0]+sign+n.B.Panes()[0], n)
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
