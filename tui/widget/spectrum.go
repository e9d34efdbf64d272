package widget

import (
	"math"
	"time"

	"github.com/NimbleMarkets/ntcharts/canvas"
	"github.com/NimbleMarkets/ntcharts/canvas/graph"

	"gameday/sources/signal"
	"gameday/themes"
)

// Spectrum draws latencies at ever higher percentiles, as HdrHistogram plots them: to the right each further nine has the
// same width, and latency goes up on a logarithmic axis too. It is exactly height rows of width cells.
func (p Pen) Spectrum(title string, points []signal.LatencyShare, width, height int) []string {
	head := []Seg{{themes.Text, "  "}, {themes.Title, title}}
	const labels = 7
	w, h := width-labels-2, height-2
	if len(points) < 2 || w < 8 || h < 2 {
		rows := []string{p.Row(width, head...)}
		if len(points) < 2 {
			rows = append(rows, p.Row(width, Seg{themes.Text, "  "}, Seg{themes.Muted, "too few requests were measured so far"}))
		}
		return p.Page(rows, width, height)
	}
	longest := points[len(points)-1].Latency
	for _, s := range points {
		if s.Share > 0.9989 {
			if note := "p99.9 " + Duration(s.Latency) + "  max " + Duration(longest); s.Share < 1 && Width(title)+Width(note)+6 < width {
				head = []Seg{{themes.Text, "  "}, {themes.Title, p.Left(title, width-Width(note)-3)}, {themes.Text, note}}
			}
			break
		}
	}
	var pl plot
	pl.reset(width, height-1)
	lo, hi := bounds(points)
	nines := max(nine(points[len(points)-2].Share), 1)
	// The longest has no share of its own on this axis: it stands at the end.
	x := func(share float64) int {
		return clampInt(int(math.Round(min(nine(share)/nines, 1)*float64(2*w-1))), 0, 2*w-1)
	}
	y := func(d time.Duration) int {
		return clampInt(int(math.Round((1-(math.Log(float64(d))-lo)/(hi-lo))*float64(4*h-1))), 0, 4*h-1)
	}
	p.curve(&pl, points, labels+2, w, h, x, y)
	for row := range h {
		pl.put(labels, row, themes.Border, p.Glyph(Wall))
	}
	last := -2
	for _, v := range latencyTicks(time.Duration(math.Exp(lo)), time.Duration(math.Exp(hi)), h/2) {
		if row := y(v) / 4; last < 0 || last-row > 1 {
			pl.put(0, row, themes.Muted, p.Right(roundDuration(v), labels))
			pl.put(labels, row, themes.Border, p.Glyph(Tick))
			last = row
		}
	}
	next := 0
	for _, t := range []struct {
		share float64
		name  string
	}{{0, "0"}, {0.5, "p50"}, {0.9, "p90"}, {0.99, "p99"}, {0.999, "p99.9"}, {0.9999, "p99.99"}, {0.99999, "p99.999"}, {0.999999, "p99.9999"}} {
		if nine(t.share) > nines+1e-9 {
			break
		}
		at := clampInt(x(t.share)/2-len(t.name)/2, 0, w-len(t.name))
		if at >= next {
			pl.put(labels+2+at, h, themes.Muted, t.name)
			next = at + len(t.name) + 1
		}
	}
	return append([]string{p.Row(width, head...)}, pl.rows(p, "")...)
}

// curve joins the points.
func (p Pen) curve(pl *plot, points []signal.LatencyShare, left, w, h int, x func(float64) int, y func(time.Duration) int) {
	grid := graph.NewBrailleGrid(w, h, 0, 1, 0, 1)
	var prev canvas.Point
	for i, s := range points {
		if s.Latency <= 0 {
			s.Latency = 1
		}
		at := canvas.Point{X: x(s.Share), Y: y(s.Latency)}
		if p.ASCII {
			pl.put(left+at.X/2, at.Y/4, themes.Load, "*")
			continue
		}
		if i == 0 {
			grid.Set(at)
		} else {
			for _, q := range graph.GetLinePoints(prev, at) {
				grid.Set(q)
			}
		}
		prev = at
	}
	if !p.ASCII {
		graph.DrawBraillePatterns(&pl.cv, canvas.Point{X: left, Y: 0}, grid.BraillePatterns(), carriers[themes.Load])
	}
}

// nine is how many nines a share has: 1 for 0.9, 2 for 0.99.
func nine(share float64) float64 {
	if share >= 1 {
		return math.Inf(1)
	}
	return -math.Log10(1 - share)
}

// bounds are the logarithms of the ends of the axis, at a half of a decade at least around the points.
func bounds(points []signal.LatencyShare) (lo, hi float64) {
	first, last := max(points[0].Latency, time.Microsecond), max(points[len(points)-1].Latency, time.Microsecond)
	lo, hi = math.Log(float64(first)), math.Log(float64(last))
	if room := (math.Log(math.Sqrt(10)) - (hi - lo)) / 2; room > 0 {
		lo, hi = lo-room, hi+room
	}
	return lo, hi
}
