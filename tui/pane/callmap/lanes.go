package callmap

import (
	"cmp"
	"slices"
)

// net is the lines that leave one vertex for the next layer: they share a lane, from which each turns to where it arrives.
type net struct {
	from     int
	links    []int
	top, end int // rows that the lane covers
	lane     int // -1: straight through, no lane is needed
}

// nets are the lines between a layer and the next, with their lanes, and how many lanes there are. A line turns into its lane
// before another one arrives in its row from further left, so that no two lines lie upon each other.
func (p *plan) nets(layer int) (list []net, lanes int) {
	for _, v := range p.layers[layer] {
		x := &p.vertices[v]
		if len(x.out) == 0 {
			continue
		}
		n := net{from: v, links: x.out, top: x.port(), end: x.port(), lane: -1}
		for _, k := range n.links {
			n.top, n.end = min(n.top, p.links[k].row), max(n.end, p.links[k].row)
		}
		list = append(list, n)
	}
	turning := make([]int, 0, len(list))
	for i := range list {
		if list[i].top != list[i].end {
			turning = append(turning, i)
		}
	}
	// of lines that go down the lower ones turn first, of those that go up the upper ones: so they do not cross
	slices.SortStableFunc(turning, func(a, b int) int {
		return cmp.Or(cmp.Compare(p.rising(&list[a]), p.rising(&list[b])), p.rising(&list[a])*cmp.Compare(list[a].top, list[b].top))
	})
	for len(turning) > 0 {
		at := 0
		for i, n := range turning { // the first that need not wait for another; in a circle the first
			if !slices.ContainsFunc(turning, func(o int) bool { return o != n && p.arrives(&list[n], p.vertices[list[o].from].port()) }) {
				at = i
				break
			}
		}
		n := turning[at]
		turning = slices.Delete(turning, at, at+1)
		lane := 0
		for i := range list {
			if o := &list[i]; i != n && o.lane >= lane && (o.top <= list[n].end && list[n].top <= o.end || p.arrives(&list[n], p.vertices[o.from].port())) {
				lane = o.lane + 1
			}
		}
		list[n].lane = lane
		lanes = max(lanes, lane+1)
	}
	return list, lanes
}

// rising is 1 for lines that go up, and -1 for those that go down.
func (p *plan) rising(n *net) int {
	if port := p.vertices[n.from].port(); n.end-port > port-n.top {
		return -1
	}
	return 1
}

// arrives reports whether one of the net's lines arrives in the row.
func (p *plan) arrives(n *net, row int) bool {
	return slices.ContainsFunc(n.links, func(k int) bool { return p.links[k].row == row })
}
