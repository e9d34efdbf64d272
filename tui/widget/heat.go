package widget

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
)

// heatLevels is how many shades are told apart, nothing not counted.
const heatLevels = 7

// heatBlocks stand for shades where there are no colours, and heatASCII where there are no blocks either.
var (
	heatBlocks = [heatLevels + 1]string{" ", "·", "░", "░", "▒", "▒", "▓", "█"}
	heatASCII  = [heatLevels + 1]string{" ", ".", ":", "-", "=", "+", "#", "@"}
)

// noHeat says why there is nothing to draw.
func noHeat(seconds []signal.LoadSecond, w signal.Window) string {
	for i := range seconds {
		if s := &seconds[i]; s.Done > 0 && !s.To.Before(w.From) && !s.From.After(w.To) {
			return "of this load only percentiles are told"
		}
	}
	return "no request was answered in this window"
}

// Heat draws how many requests took how long, second by second: time goes to the right, latency goes up on a logarithmic
// axis, and the more there were the stronger the colour. It is exactly height rows of width cells.
func (p Pen) Heat(title string, seconds []signal.LoadSecond, w signal.Window, width, height int) []string {
	rows := []string{p.Row(width, Seg{themes.Text, "  "}, Seg{themes.Title, title})}
	const labels = 7
	cols, body := width-labels-2, height-2
	if cols < 8 || body < 2 {
		return p.Page(rows, width, height)
	}
	g := newHeat(seconds, w, cols)
	if g == nil {
		return p.Page(append(rows, p.Row(width, Seg{themes.Text, "  "}, Seg{themes.Muted, noHeat(seconds, w)})), width, height)
	}
	ramp := p.ramp(themes.Load)
	halves := 1
	if ramp != nil {
		halves = 2
	}
	levels := g.levels(body * halves)
	names := g.labels(body)
	for y := range body {
		var b strings.Builder
		b.WriteString(p.Row(labels+1, Seg{themes.Muted, p.Right(names[y], labels)}, Seg{themes.Border, p.edge(names[y])}))
		b.WriteByte(' ')
		if ramp != nil {
			paintHalves(&b, ramp, levels[2*y], levels[2*y+1])
		} else {
			b.WriteString(p.Theme.Paint(themes.Load, p.blocks(levels[y])))
		}
		rows = append(rows, b.String())
	}
	axis := []byte(strings.Repeat(" ", cols))
	at, layout := TimeTicks(g.from, g.from.Add(time.Duration(cols)*g.step), cols)
	next := 0
	for _, t := range at {
		text := t.Format(layout)
		x := clampInt(int(t.Sub(g.from)/g.step)-len(text)/2, 0, cols-len(text))
		if x >= next {
			copy(axis[x:], text)
			next = x + len(text) + 2
		}
	}
	rows = append(rows, p.Row(width, Seg{themes.Text, spaces(labels + 2)}, Seg{themes.Muted, string(axis)}))
	return p.Page(rows, width, height)
}

func (p Pen) edge(label string) string {
	if label == "" {
		return p.Glyph(Wall)
	}
	return p.Glyph(Tick)
}

// heat is requests by column and bucket.
type heat struct {
	from   time.Time // of the first column
	step   time.Duration
	counts [][signal.LatencyBuckets]uint64
	lo, hi int // the buckets that are drawn, ends included
}

// newHeat sorts the seconds of a window into columns, which lie fast in time, so that the picture moves in whole steps.
// It is nil when there is nothing to draw.
func newHeat(seconds []signal.LoadSecond, w signal.Window, cols int) *heat {
	step := w.Length() / time.Duration(cols)
	if step <= 0 {
		return nil
	}
	g := &heat{from: w.From.Truncate(step).Add(step), step: step, counts: make([][signal.LatencyBuckets]uint64, cols),
		lo: signal.LatencyBuckets, hi: -1}
	for i := range seconds {
		s := &seconds[i]
		first, last := floorDiv(s.From.Sub(g.from), step), floorDiv(s.To.Sub(g.from)-1, step)
		if last < 0 || first >= cols || len(s.Heat.Counts) == 0 {
			continue
		}
		for x := max(first, 0); x <= min(last, cols-1); x++ {
			for b, n := range s.Heat.Counts {
				if at := s.Heat.First + b; n > 0 && at >= 0 && at < signal.LatencyBuckets {
					g.counts[x][at] += uint64(n)
					g.lo, g.hi = min(g.lo, at), max(g.hi, at)
				}
			}
		}
	}
	if g.hi < 0 {
		return nil
	}
	const fifth = 5 // ends that are not moved by every request
	g.lo, g.hi = g.lo/fifth*fifth, min((g.hi/fifth+1)*fifth, signal.LatencyBuckets)-1
	return g
}

func floorDiv(d, by time.Duration) int {
	if d < 0 {
		return -int((-d + by - 1) / by)
	}
	return int(d / by)
}

// levels are the shades of each row, from the top, by column.
func (g *heat) levels(rows int) [][]uint8 {
	out := make([][]uint8, rows)
	sums := make([][]uint64, rows)
	span, most := g.hi-g.lo+1, uint64(0)
	for y := range sums {
		sums[y], out[y] = make([]uint64, len(g.counts)), make([]uint8, len(g.counts))
		up := rows - 1 - y
		from := g.lo + up*span/rows
		to := max(g.lo+(up+1)*span/rows, from+1)
		for x := range g.counts {
			for b := from; b < to; b++ {
				sums[y][x] += g.counts[x][b]
			}
			most = max(most, sums[y][x])
		}
	}
	for y := range sums {
		for x, n := range sums[y] {
			if n > 0 { // a single one among thousands must be seen
				out[y][x] = uint8(clampInt(int(math.Ceil(math.Pow(float64(n)/float64(most), 0.4)*heatLevels)), 1, heatLevels))
			}
		}
	}
	return out
}

// labels are round latencies beside the rows they lie in.
func (g *heat) labels(rows int) []string {
	out := make([]string, rows)
	span := g.hi - g.lo + 1
	last := -2
	for _, v := range latencyTicks(signal.LatencyBound(g.lo-1), signal.LatencyBound(g.hi), rows/2) {
		y := rows - 1 - (signal.LatencyBucket(v)-g.lo)*rows/span
		if y >= 0 && y < rows && out[y] == "" && (last < 0 || last-y > 1) {
			out[y], last = roundDuration(v), y
		}
	}
	return out
}

// latencyTicks are round latencies between two, about n of them, evenly on a logarithmic axis.
func latencyTicks(lo, hi time.Duration, n int) []time.Duration {
	steps := []float64{1, 2, 5}
	if decades := math.Log10(float64(hi) / float64(max(lo, 1))); decades*3 > float64(max(n, 1)) {
		if steps = []float64{1, 3}; decades*2 > float64(max(n, 1)) {
			steps = []float64{1}
		}
	}
	var out []time.Duration
	for unit := float64(time.Microsecond); unit <= float64(hi); unit *= 10 {
		for _, s := range steps {
			if v := time.Duration(s * unit); v >= lo && v <= hi {
				out = append(out, v)
			}
		}
	}
	return out
}

// roundDuration is a duration that is round already, in as few characters as it takes.
func roundDuration(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Second, " s"}, {time.Millisecond, " ms"}, {time.Microsecond, " µs"}} {
		if d >= u.of && d%u.of == 0 {
			return fmt.Sprint(int64(d/u.of)) + u.name
		}
	}
	return Duration(d)
}

// blocks are levels as characters.
func (p Pen) blocks(levels []uint8) string {
	var b strings.Builder
	for _, l := range levels {
		if p.ASCII {
			b.WriteString(heatASCII[l])
		} else {
			b.WriteString(heatBlocks[l])
		}
	}
	return b.String()
}

// ramp is the colours of the levels, "r;g;b"; nil where there are none.
func (p Pen) ramp(role themes.Role) []string {
	var ground, full, text [3]int
	if p.Theme.Mono || p.ASCII || !rgb(p.Theme.Background, &ground) || !rgb(p.Theme.Styles[role].FG, &full) || !rgb(p.Theme.Foreground, &text) {
		return nil
	}
	out := make([]string, heatLevels+1)
	mix := func(a, b [3]int, share float64) (c [3]int) {
		for i := range c {
			c[i] = a[i] + int(math.Round(share*float64(b[i]-a[i])))
		}
		return c
	}
	for l := 1; l <= heatLevels; l++ {
		at := float64(l) / float64(heatLevels-1)
		c := mix(ground, full, 0.15+0.85*min(at, 1))
		if l == heatLevels {
			c = mix(full, text, 0.55)
		}
		out[l] = fmt.Sprintf("%d;%d;%d", c[0], c[1], c[2])
	}
	return out
}

// paintHalves draws two rows of levels as one row of half blocks, with a sequence only where the colours change.
func paintHalves(b *strings.Builder, ramp []string, upper, lower []uint8) {
	var u, l uint8
	for x := range upper {
		if upper[x] != u || lower[x] != l {
			u, l = upper[x], lower[x]
			switch {
			case u == 0 && l == 0:
				b.WriteString("\x1b[m")
			case l == 0:
				b.WriteString("\x1b[0;38;2;" + ramp[u] + "m")
			case u == 0 || u == l:
				b.WriteString("\x1b[0;38;2;" + ramp[l] + "m")
			default:
				b.WriteString("\x1b[0;38;2;" + ramp[u] + ";48;2;" + ramp[l] + "m")
			}
		}
		switch {
		case u == 0 && l == 0:
			b.WriteByte(' ')
		case u == 0:
			b.WriteString("▄")
		case u == l:
			b.WriteString("█")
		default:
			b.WriteString("▀")
		}
	}
	if u != 0 || l != 0 {
		b.WriteString("\x1b[m")
	}
}
