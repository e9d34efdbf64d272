package callmap

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"gameday/sources/signal"
)

// plan is where everything stands on the map: services in layers by how many calls away from the outside they are. It depends on
// the names of services and on who calls whom, and on no figure, so that nothing jumps while figures change.
type plan struct {
	sig      string
	vertices []vertex
	layers   [][]int // vertices, from top to bottom
	links    []link
	calls    int   // that are drawn, back ones included
	backs    []int // calls that lead back, to the service itself, or too far: they are written in the caller's box
	height   int
	byName   map[string]int
	nets     [][]net // between a layer and the next
	lanes    []int   // how many lanes each of them needs
}

// maxThrough bounds the places where lines go through a layer. Calls over the most layers are written in their caller's box when
// there would be more: nobody could follow their lines.
const maxThrough = 1500

// vertex is a service, or a place where the line of a call goes through a layer.
type vertex struct {
	name  string
	svc   int // of Services; -1 for a line that goes through
	layer int
	y, h  int
	in    []int // links, from top to bottom
	out   []int
	backs []int // calls
}

// link is the part of a call's line between two neighbouring layers.
type link struct {
	call     int
	from, to int // vertices
	row      int // where it arrives
}

// port is the row in which a vertex' lines go out.
func (v *vertex) port() int {
	if v.svc < 0 || v.h == 1 {
		return v.y
	}
	return v.y + 1
}

// signature tells maps apart that are drawn differently.
func signature(m *signal.ServiceMap, shown func(*signal.MapCall) bool) string {
	var b strings.Builder
	for i := range m.Calls {
		c := &m.Calls[i]
		b.WriteString(c.From + "\x00" + c.To)
		if shown(c) {
			b.WriteByte('\x01')
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for i := range m.Services {
		b.WriteString(m.Services[i].Name + "\n")
	}
	return b.String()
}

// lay places the calls that are shown, and the services at their ends; services without calls only when all is shown.
func lay(m *signal.ServiceMap, shown func(*signal.MapCall) bool, all bool, sig string) *plan {
	p := &plan{sig: sig, byName: map[string]int{}}
	var calls []int
	used := map[string]bool{}
	for i := range m.Calls {
		if c := &m.Calls[i]; shown(c) {
			calls = append(calls, i)
			used[c.From], used[c.To] = true, true
		}
	}
	for i := range m.Services {
		if n := m.Services[i].Name; used[n] || all {
			p.byName[n] = len(p.vertices)
			p.vertices = append(p.vertices, vertex{name: n, svc: i})
		}
	}
	p.calls = len(calls)
	forward := p.cut(m, calls)
	p.deepen(m, forward)
	p.join(m, p.shorten(m, forward))
	p.order()
	p.settle()
	for l := range p.layers {
		nets, lanes := p.weave(l)
		p.nets, p.lanes = append(p.nets, nets), append(p.lanes, lanes)
	}
	return p
}

// shorten takes out the calls over the most layers when there are too many long ones.
func (p *plan) shorten(m *signal.ServiceMap, forward []int) []int {
	through := func(c int) int {
		return p.vertices[p.byName[m.Calls[c].To]].layer - p.vertices[p.byName[m.Calls[c].From]].layer - 1
	}
	sum := 0
	for _, c := range forward {
		sum += through(c)
	}
	if sum <= maxThrough {
		return forward
	}
	slices.SortStableFunc(forward, func(a, b int) int { return cmp.Compare(through(a), through(b)) })
	for sum > maxThrough {
		c := forward[len(forward)-1]
		forward = forward[:len(forward)-1]
		sum -= through(c)
		from := &p.vertices[p.byName[m.Calls[c].From]]
		from.backs = append(from.backs, c)
		p.backs = append(p.backs, c)
	}
	slices.Sort(forward)
	return forward
}

// cut takes out the calls that lead back to a service on the way to the caller. Services are gone through from those that nobody
// calls, by name.
func (p *plan) cut(m *signal.ServiceMap, calls []int) (forward []int) {
	out := make([][]int, len(p.vertices))
	called := make([]bool, len(p.vertices))
	for _, c := range calls {
		from, to := p.byName[m.Calls[c].From], p.byName[m.Calls[c].To]
		out[from] = append(out[from], c)
		called[to] = called[to] || from != to
	}
	back := map[int]bool{}
	state := make([]uint8, len(p.vertices)) // 1 on the way, 2 done
	type visit struct{ v, next int }
	walk := func(root int) {
		for stack := []visit{{root, 0}}; len(stack) > 0; {
			at := &stack[len(stack)-1]
			state[at.v] = 1
			if at.next == len(out[at.v]) {
				state[at.v] = 2
				stack = stack[:len(stack)-1]
				continue
			}
			c := out[at.v][at.next]
			at.next++
			switch to := p.byName[m.Calls[c].To]; state[to] {
			case 0:
				stack = append(stack, visit{to, 0})
			case 1:
				back[c] = true
			}
		}
	}
	for _, unreached := range []bool{false, true} {
		for i := range p.vertices {
			if state[i] == 0 && (unreached || !called[i]) {
				walk(i)
			}
		}
	}
	for _, c := range calls {
		if back[c] {
			from := &p.vertices[p.byName[m.Calls[c].From]]
			from.backs = append(from.backs, c)
			p.backs = append(p.backs, c)
		} else {
			forward = append(forward, c)
		}
	}
	return forward
}

// deepen gives each service its layer: one more than the deepest of its callers. The outside is the first one.
func (p *plan) deepen(m *signal.ServiceMap, forward []int) {
	waits := make([]int, len(p.vertices))
	out := make([][]int, len(p.vertices))
	for _, c := range forward {
		from, to := p.byName[m.Calls[c].From], p.byName[m.Calls[c].To]
		out[from] = append(out[from], to)
		waits[to]++
	}
	first := 0
	if _, outside := p.byName[signal.Outside]; outside {
		first = 1
	}
	var ready []int
	for i := range p.vertices {
		if waits[i] == 0 {
			ready = append(ready, i)
			if p.vertices[i].name != signal.Outside {
				p.vertices[i].layer = first
			}
		}
	}
	for ; len(ready) > 0; ready = ready[1:] {
		for _, to := range out[ready[0]] {
			p.vertices[to].layer = max(p.vertices[to].layer, p.vertices[ready[0]].layer+1)
			if waits[to]--; waits[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
}

// join draws the line of each call from layer to layer, and gives every vertex its height: a row for each line that arrives, and
// one for each call that leads back.
func (p *plan) join(m *signal.ServiceMap, forward []int) {
	deepest := 0
	for i := range p.vertices {
		deepest = max(deepest, p.vertices[i].layer)
	}
	p.layers = make([][]int, deepest+1)
	for i := range p.vertices {
		p.layers[p.vertices[i].layer] = append(p.layers[p.vertices[i].layer], i)
	}
	connect := func(call, from, to int) {
		n := len(p.links)
		p.links = append(p.links, link{call: call, from: from, to: to})
		p.vertices[from].out = append(p.vertices[from].out, n)
		p.vertices[to].in = append(p.vertices[to].in, n)
	}
	for _, c := range forward {
		at, to := p.byName[m.Calls[c].From], p.byName[m.Calls[c].To]
		for l := p.vertices[at].layer + 1; l < p.vertices[to].layer; l++ {
			n := len(p.vertices)
			p.vertices = append(p.vertices, vertex{name: m.Calls[c].To, svc: -1, layer: l, h: 1})
			p.layers[l] = append(p.layers[l], n)
			connect(c, at, n)
			at = n
		}
		connect(c, at, to)
	}
	for i := range p.vertices {
		v := &p.vertices[i]
		switch {
		case v.svc < 0 || v.name == signal.Outside:
			v.h = 1
		default:
			v.h = max(3+len(v.backs), 2+len(v.in))
		}
	}
}

// sweeps is how often the layers are gone through to put what is joined near to each other.
const sweeps = 4

// order sorts each layer by where its neighbours stand, so that few lines cross.
func (p *plan) order() {
	place := make([]float64, len(p.vertices))
	number := func(layer []int) {
		for i, v := range layer {
			place[v] = float64(i)
		}
	}
	for _, l := range p.layers {
		number(l)
	}
	middle := func(v int, links []int, far func(link) int) float64 {
		if len(links) == 0 {
			return place[v]
		}
		sum := 0.0
		for _, k := range links {
			sum += place[far(p.links[k])]
		}
		return sum / float64(len(links))
	}
	sortBy := func(layer []int, of func(v int) float64) {
		want := make(map[int]float64, len(layer))
		for _, v := range layer {
			want[v] = of(v)
		}
		slices.SortStableFunc(layer, func(a, b int) int { return cmp.Compare(want[a], want[b]) })
		number(layer)
	}
	callers := func(v int) float64 {
		return middle(v, p.vertices[v].in, func(k link) int { return k.from })
	}
	callees := func(v int) float64 {
		return middle(v, p.vertices[v].out, func(k link) int { return k.to })
	}
	for range sweeps {
		for _, l := range p.layers[1:] {
			sortBy(l, callers)
		}
		for i := len(p.layers) - 2; i >= 0; i-- {
			sortBy(p.layers[i], callees)
		}
	}
	for _, l := range p.layers[1:] {
		sortBy(l, callers)
	}
}

// settle gives each vertex its row: beside what it is joined to, as far as its neighbours in the layer let it.
func (p *plan) settle() {
	for _, l := range p.layers {
		y := 0
		for i, v := range l {
			if i > 0 {
				y += p.gap(l[i-1], v)
			}
			p.vertices[v].y = y
			y += p.vertices[v].h
		}
	}
	fromCallers := func(l []int) {
		p.sortPorts(l)
		p.pull(l, func(v *vertex) (float64, bool) {
			sum := 0.0
			for i, k := range v.in {
				sum += float64(p.vertices[p.links[k].from].port() - v.entry(i, 0))
			}
			return sum / float64(len(v.in)), len(v.in) > 0
		})
	}
	for _, l := range p.layers[1:] {
		fromCallers(l)
	}
	for i := len(p.layers) - 2; i >= 0; i-- {
		p.pull(p.layers[i], func(v *vertex) (float64, bool) {
			sum := 0.0
			for _, k := range v.out {
				to := &p.vertices[p.links[k].to]
				sum += float64(to.entry(slices.Index(to.in, k), to.y) - (v.port() - v.y))
			}
			return sum / float64(len(v.out)), len(v.out) > 0
		})
	}
	for _, l := range p.layers[1:] {
		fromCallers(l)
	}
	least := math.MaxInt
	for i := range p.vertices {
		least = min(least, p.vertices[i].y)
	}
	for i := range p.vertices {
		v := &p.vertices[i]
		v.y -= least
		p.height = max(p.height, v.y+v.h)
	}
	for i := range p.vertices {
		v := &p.vertices[i]
		for n, k := range v.in {
			p.links[k].row = v.entry(n, v.y)
		}
	}
}

// entry is the row in which the nth line arrives at a vertex that begins in row y.
func (v *vertex) entry(n, y int) int {
	if v.h == 1 {
		return y
	}
	return y + 1 + n
}

// sortPorts has the lines that arrive at a vertex in the order in which they come.
func (p *plan) sortPorts(layer []int) {
	for _, v := range layer {
		slices.SortStableFunc(p.vertices[v].in, func(a, b int) int {
			return cmp.Compare(p.vertices[p.links[a].from].port(), p.vertices[p.links[b].from].port())
		})
	}
}

// gap is how many rows are left free between two neighbours of a layer.
func (p *plan) gap(a, b int) int {
	if p.vertices[a].svc < 0 || p.vertices[b].svc < 0 {
		return 0
	}
	return 1
}

// pull moves the vertices of a layer as near to the rows that they want as their order lets them, in the sense of least squares
// (pool adjacent violators).
func (p *plan) pull(layer []int, want func(*vertex) (float64, bool)) {
	type block struct {
		sum float64
		n   int
	}
	offset := make([]int, len(layer))
	var blocks []block
	for i, at := range layer {
		if i > 0 {
			offset[i] = offset[i-1] + p.vertices[layer[i-1]].h + p.gap(layer[i-1], at)
		}
		w, ok := want(&p.vertices[at])
		if !ok {
			w = float64(p.vertices[at].y)
		}
		blocks = append(blocks, block{w - float64(offset[i]), 1})
		for n := len(blocks); n > 1 && blocks[n-2].sum/float64(blocks[n-2].n) > blocks[n-1].sum/float64(blocks[n-1].n); n = len(blocks) {
			blocks[n-2].sum += blocks[n-1].sum
			blocks[n-2].n += blocks[n-1].n
			blocks = blocks[:n-1]
		}
	}
	i := 0
	for _, b := range blocks {
		at := int(math.Round(b.sum / float64(b.n)))
		for range b.n {
			p.vertices[layer[i]].y = at + offset[i]
			i++
		}
	}
}
