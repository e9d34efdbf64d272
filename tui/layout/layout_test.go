package layout

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// tree is a random split tree with n panes.
func tree(r *rand.Rand, n, from int) *Node {
	if n == 1 {
		return Leaf(fmt.Sprint(from))
	}
	k := 1 + r.IntN(n-1)
	return split(r.IntN(2) == 0, r.Float64(), tree(r, k, from), tree(r, n-k, from+k))
}

// requireTiled fails unless every cell of the area belongs to exactly one pane.
func requireTiled(t *testing.T, p Placement) {
	t.Helper()
	cells := map[[2]int]int{}
	for _, pl := range p.Panes {
		for x := pl.X; x < pl.X+pl.W; x++ {
			for y := pl.Y; y < pl.Y+pl.H; y++ {
				cells[[2]int{x, y}]++
			}
		}
	}
	require.Len(t, cells, p.Area.W*p.Area.H)
	for c, n := range cells {
		if n != 1 || !p.Area.Contains(c[0], c[1]) {
			t.Fatalf("cell %v belongs to %d panes of %v", c, n, p.Area)
		}
	}
}

func TestRectanglesTileTheArea(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := tree(r, 1+r.IntN(6), 0)
		area := Rect{r.IntN(5), r.IntN(5), 8 + r.IntN(200), 8 + r.IntN(60)}
		p := Place(n, area)
		requireTiled(t, p)
		require.Len(t, p.Panes, len(n.Panes()))
		names := n.Panes()
		requireTiled(t, Place(Stack(names[:1+r.IntN(min(len(names), 3))]...), area))
		requireTiled(t, PlaceAtLeast(n, area, 1+r.IntN(60), 1+r.IntN(20)))
	}
}

func TestResizingKeepsTheTilingAndTheBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		n := tree(r, 2+r.IntN(5), 0)
		names := n.Panes()
		for range 20 {
			p := PlaceAtLeast(n, Rect{0, 0, 120, 40}, 8, 4)
			name := names[r.IntN(len(names))]
			if r.IntN(2) == 0 {
				n = p.Grown(n, name, r.Float64()-0.5)
			} else {
				n = p.Pushed(n, name, Direction(r.IntN(4)), r.Float64())
			}
		}
		require.True(t, PlaceAtLeast(n, Rect{0, 0, 120, 40}, 8, 4).Fits(8, 4))
		require.Equal(t, names, n.Panes())
		requireTiled(t, Place(n, Rect{0, 0, 120, 40}))
		var check func(*Node)
		check = func(n *Node) {
			if n.A != nil {
				require.GreaterOrEqual(t, n.Ratio, minRatio)
				require.LessOrEqual(t, n.Ratio, maxRatio)
				check(n.A)
				check(n.B)
			}
		}
		check(n)
	}
}

func quad() *Node {
	return Columns(0.5, Rows(0.5, Leaf("a"), Leaf("b")), Rows(0.5, Leaf("c"), Leaf("d")))
}

func TestGrownMakesThePaneLargerBothWays(t *testing.T) {
	before := Place(quad(), Rect{0, 0, 100, 40})
	after := Place(before.Grown(quad(), "d", 0.1), Rect{0, 0, 100, 40})
	b, _ := before.Find("d")
	a, _ := after.Find("d")
	require.Equal(t, Rect{50, 20, 50, 20}, b)
	require.Equal(t, Rect{40, 16, 60, 24}, a)
	left, _ := after.Find("a")
	require.Equal(t, 20, left.H, "the other column keeps its rows")
}

// TestEverySplitCanBeMovedByKeys pushes each pane each way until nothing moves: every line of the tree has then been at
// both of its ends.
func TestEverySplitCanBeMovedByKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	area := Rect{0, 0, 200, 90}
	for range 60 {
		n := tree(r, 2+r.IntN(5), 0)
		reached := map[string][2]bool{}
		for _, name := range n.Panes() {
			for _, dir := range []Direction{ToLeft, ToRight, Above, Below} {
				for {
					p := PlaceAtLeast(n, area, 12, 5)
					next := p.Pushed(n, name, dir, 0.05)
					if next == n {
						break
					}
					n = next
				}
				for _, d := range PlaceAtLeast(n, area, 12, 5).Dividers {
					ends := reached[d.Path]
					reached[d.Path] = [2]bool{ends[0] || d.At == d.Min, ends[1] || d.At == d.Max}
				}
			}
		}
		for path, ends := range reached {
			require.Equal(t, [2]bool{true, true}, ends, "split %q of %v", path, n.Panes())
		}
	}
}

func TestPushedMovesTheNearestBorder(t *testing.T) {
	n := quad()
	p := PlaceAtLeast(n, Rect{0, 0, 100, 40}, 20, 5)
	at := func(n *Node, pane string) Rect { r, _ := Place(n, p.Area).Find(pane); return r }
	require.Equal(t, Rect{0, 0, 60, 20}, at(p.Pushed(n, "a", ToRight, 0.1), "a"))
	require.Equal(t, Rect{60, 0, 40, 20}, at(p.Pushed(n, "c", ToRight, 0.1), "c"), "at the edge the border on the left moves")
	require.Equal(t, Rect{0, 0, 50, 16}, at(p.Pushed(n, "a", Above, 0.1), "a"))
	require.Equal(t, Rect{0, 24, 50, 16}, at(p.Pushed(n, "b", Below, 0.1), "b"))
	require.Same(t, n, p.Pushed(n, "nobody", Below, 0.1))
	for range 20 {
		n = PlaceAtLeast(n, p.Area, 20, 5).Pushed(n, "a", ToLeft, 0.1)
	}
	require.Equal(t, 20, at(n, "a").W)
	require.Same(t, n, PlaceAtLeast(n, p.Area, 20, 5).Pushed(n, "a", ToLeft, 0.1))
	back := PlaceAtLeast(n, p.Area, 20, 5).Pushed(n, "a", ToRight, 0.1)
	require.Equal(t, 30, at(back, "a").W, "the first key back moves it")
}

func TestSharesComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for range 200 {
		n := tree(r, 1+r.IntN(6), 0)
		even := n.WithShares(map[string]float64{})
		require.Same(t, n, even, "nothing to change")
		list := n.Shares()
		require.Len(t, list, len(n.Panes())-1, "each split has a name of its own")
		for k := range list {
			list[k] = 0.3
		}
		flat := n.WithShares(list)
		require.Equal(t, list, flat.Shares())
		require.Equal(t, n.Shares(), flat.WithShares(n.Shares()).Shares())
	}
	odd := quad().WithShares(map[string]float64{"a|c": 7, "a/b": math.NaN(), "c/d": -1, "x|y": 0.5})
	require.Equal(t, map[string]float64{"a|c": maxRatio, "a/b": 0.5, "c/d": minRatio}, odd.Shares())
}

func TestNeighbours(t *testing.T) {
	p := Place(quad(), Rect{0, 1, 100, 40})
	for _, c := range []struct {
		from string
		dir  Direction
		want string
	}{{"a", ToRight, "c"}, {"a", Below, "b"}, {"d", ToLeft, "b"}, {"d", Above, "c"}, {"a", ToLeft, ""}, {"nobody", Below, ""}} {
		got, ok := p.Neighbour(c.from, c.dir)
		require.Equal(t, c.want, got)
		require.Equal(t, c.want != "", ok)
	}
}

func TestHits(t *testing.T) {
	p := Place(quad(), Rect{0, 1, 100, 40})
	pl, ok := p.At(60, 30)
	require.True(t, ok)
	require.Equal(t, "d", pl.Pane)
	_, ok = p.At(60, 0)
	require.False(t, ok)

	d, ok := p.DividerAt(49, 5)
	require.True(t, ok)
	require.True(t, d.Across)
	n := quad().WithRatio(d.Path, d.Ratio(30, 5))
	moved, _ := Place(n, p.Area).Find("a")
	require.Equal(t, 30, moved.W)

	d, ok = p.DividerAt(80, 21)
	require.True(t, ok)
	require.Equal(t, "b", d.Path)
	_, ok = p.DividerAt(10, 10)
	require.False(t, ok)
}

func TestOnlyGivesTheRoomToTheRest(t *testing.T) {
	n := quad().Only(func(p string) bool { return p != "b" })
	require.Equal(t, []string{"a", "c", "d"}, n.Panes())
	require.Nil(t, quad().Only(func(string) bool { return false }))
	require.True(t, Place(quad(), Rect{0, 0, 104, 24}).Fits(52, 12))
	require.False(t, Place(quad(), Rect{0, 0, 103, 24}).Fits(52, 12))
}
