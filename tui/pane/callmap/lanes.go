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

// weave finds the lines between a layer and the next, with their lanes, and how many lanes there are. A line turns into its lane
// before another one arrives in its row from further left, so that no two lines lie upon each other.
func (p *plan) weave(layer int) (list []net, lanes int) {
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
	waiting := map[int]int{} // by the row in which they leave, those that have no lane yet
	for i := range list {
		if list[i].top != list[i].end {
			turning = append(turning, i)
			waiting[p.vertices[list[i].from].port()] = i
		}
	}
	// of lines that go down the lower ones turn first, of those that go up the upper ones: so they do not cross
	slices.SortStableFunc(turning, func(a, b int) int {
		return cmp.Or(cmp.Compare(p.rising(&list[a]), p.rising(&list[b])), p.rising(&list[a])*cmp.Compare(list[a].top, list[b].top))
	})
	waits := func(n int) bool {
		return slices.ContainsFunc(list[n].links, func(k int) bool {
			o, ok := waiting[p.links[k].row]
			return ok && o != n
		})
	}
	leaves := map[int]int{} // by the row in which they leave, the lanes of those that have one
	for len(turning) > 0 {
		at := max(slices.IndexFunc(turning, func(n int) bool { return !waits(n) }), 0) // in a circle the first
		n := turning[at]
		turning = slices.Delete(turning, at, at+1)
		lane := 0
		for i := range list {
			if o := &list[i]; o.lane >= lane && o.top <= list[n].end && list[n].top <= o.end {
				lane = o.lane + 1
			}
		}
		for _, k := range list[n].links {
			if l, ok := leaves[p.links[k].row]; ok && l >= lane {
				lane = l + 1
			}
		}
		list[n].lane = lane
		port := p.vertices[list[n].from].port()
		leaves[port] = lane
		delete(waiting, port)
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
