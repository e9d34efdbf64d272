package callmap

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/tui/widget/sample"
)

func everything(*signal.MapCall) bool { return true }

// random is a map of n services of which each calls some others, itself and in circles too.
func random(n int, rng *rand.Rand) *signal.ServiceMap {
	m := &signal.ServiceMap{Worst: -1}
	name := func(i int) string { return fmt.Sprintf("s%02d", i) }
	for i := range n {
		m.Services = append(m.Services, signal.MapService{Name: name(i)})
		for k := range n {
			if rng.IntN(n) < 2 {
				m.Calls = append(m.Calls, signal.MapCall{From: name(i), To: name(k)})
			}
		}
	}
	if rng.IntN(2) == 0 {
		m.Services = append([]signal.MapService{{Name: "", Kind: signal.MapOutside}}, m.Services...)
		m.Calls = append([]signal.MapCall{{From: "", To: name(0)}}, m.Calls...)
	}
	return m
}

// TestPlansAreSound: every call is drawn once, forward from layer to layer or in its caller's box; nothing lies upon anything else.
func TestPlansAreSound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	maps := []*signal.ServiceMap{sample.Map(), sample.BigMap(140)}
	for i := range 150 {
		maps = append(maps, random(1+i%25, rng))
	}
	for i, m := range maps {
		p := lay(m, everything, true, "")
		drawn := make([]int, len(m.Calls))
		for _, k := range p.links {
			require.Equal(t, p.vertices[k.from].layer+1, p.vertices[k.to].layer)
			if p.vertices[k.to].svc >= 0 {
				drawn[k.call]++
			}
		}
		for _, c := range p.backs {
			drawn[c]++
		}
		for c, n := range drawn {
			require.Equal(t, 1, n, "map %d: call %v", i, m.Calls[c])
		}
		for l, layer := range p.layers {
			rows := map[int]bool{}
			for _, v := range layer {
				x := &p.vertices[v]
				require.Equal(t, l, x.layer)
				for y := x.y; y < x.y+x.h; y++ {
					require.False(t, rows[y], "map %d, layer %d: two things in row %d", i, l, y)
					rows[y] = true
				}
				require.GreaterOrEqual(t, x.y, 0)
				require.LessOrEqual(t, x.y+x.h, p.height)
				for n, k := range x.in {
					require.GreaterOrEqual(t, p.links[k].row, x.y)
					require.Less(t, p.links[k].row, x.y+x.h)
					require.False(t, n > 0 && p.links[k].row == p.links[x.in[n-1]].row)
				}
			}
			nets, lanes := p.nets[l], p.lanes[l]
			for a := range nets {
				require.Less(t, nets[a].lane, lanes)
				for b := range nets[:a] {
					x, y := &nets[a], &nets[b]
					require.False(t, x.lane >= 0 && x.lane == y.lane && x.top <= y.end && y.top <= x.end, "map %d, layer %d: two lines in one lane", i, l)
				}
			}
		}
		again := lay(m, everything, true, "")
		require.Equal(t, p, again, "the same map is laid the same")
	}
}

// TestLayersGoFromTheOutsideIn and a call that leads back does not push its target away.
func TestLayersGoFromTheOutsideIn(t *testing.T) {
	m := sample.Map()
	p := lay(m, everything, true, "")
	layer := func(name string) int { return p.vertices[p.byName[name]].layer }
	for i, names := range [][]string{{""}, {"gateway"}, {"catalog", "checkout"}, {"cart", "inventory", "kafka", "payment"}, {"bank.example:443", "mailer", "postgresql db:5432"}} {
		for _, n := range names {
			require.Equal(t, i, layer(n), n)
		}
	}
	var backs []string
	for _, c := range p.backs {
		backs = append(backs, m.Calls[c].From+">"+m.Calls[c].To)
	}
	slices.Sort(backs)
	require.Equal(t, []string{"catalog>catalog", "payment>checkout"}, backs)
}

// TestDeepMapsAreBounded: a chain of five hundred services of which each calls many further down is not drawn line by line.
func TestDeepMapsAreBounded(t *testing.T) {
	m := deep()
	p := lay(m, everything, true, "")
	require.Len(t, p.layers, 500)
	require.LessOrEqual(t, len(p.vertices), 500+maxThrough)
	require.Equal(t, len(m.Calls), len(p.backs)+func() (n int) {
		for _, k := range p.links {
			if p.vertices[k.to].svc >= 0 {
				n++
			}
		}
		return n
	}())
}

func deep() *signal.ServiceMap {
	m := &signal.ServiceMap{Worst: -1}
	name := func(i int) string { return fmt.Sprintf("s%03d", i) }
	for i := range 500 {
		m.Services = append(m.Services, signal.MapService{Name: name(i)})
		for k := 1; i+k*k*k < 500; k++ {
			m.Calls = append(m.Calls, signal.MapCall{From: name(i), To: name(i + k*k*k)})
		}
	}
	return m
}

func BenchmarkLay(b *testing.B) {
	for name, m := range map[string]*signal.ServiceMap{"deep": deep(), "broad": sample.BigMap(500)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				lay(m, everything, true, "")
			}
		})
	}
}
