package report

import (
	"fmt"
	"math"
	"strings"
)

// loadLine is one line of a chart of seconds.
type loadLine struct {
	name string
	of   func(s *LoadSecond) float64
}

// secondsChart draws lines over the time of the run.
func (d *LoadRun) secondsChart(title, unit string, lines ...loadLine) chart {
	c := chart{Title: title, Label: title + " over the time of the run"}
	pl := plot{from: d.Started, length: math.Max(float64(d.Elapsed), 1), lo: math.Inf(1), hi: math.Inf(-1)}
	at := make([]float64, len(d.Seconds))
	values := make([][]Number, len(lines))
	for i := range d.Seconds {
		s := &d.Seconds[i]
		at[i] = math.Min(float64(s.To), pl.length)
		for j, l := range lines {
			v := Number(l.of(s))
			values[j] = append(values[j], v)
			pl.take(v)
		}
	}
	if pl.lo > pl.hi {
		c.Err = "there are no numbers to draw"
		return c
	}
	pl.take(0)
	pl.settle(unit)
	c.axes(&pl, unit)
	for j, l := range lines {
		peak := math.Inf(-1)
		for _, v := range values[j] {
			if v.Known() {
				peak = math.Max(peak, float64(v))
			}
		}
		c.Lines = append(c.Lines, chartLine{Name: l.name, Peak: value(peak, unit), Style: j, Path: pl.path(at, values[j])})
	}
	return c
}

// logAxis maps latencies to the chart on a logarithmic axis.
type logAxis struct{ lo, hi float64 }

func (a logAxis) y(v float64) float64 {
	share := (math.Log(v) - a.lo) / (a.hi - a.lo)
	return round1(plotBottom - (plotBottom-plotTop)*math.Min(1, math.Max(0, share)))
}

// ticks are 1, 2 and 5 of each decade, or fewer where there are many.
func (a logAxis) ticks() (out []chartTick) {
	steps := []float64{1, 2, 5}
	if a.hi-a.lo > math.Log(100) {
		steps = []float64{1}
	}
	for unit := 1e-6; unit < 1e4; unit *= 10 {
		for _, s := range steps {
			if v := s * unit; math.Log(v) >= a.lo-1e-9 && math.Log(v) <= a.hi+1e-9 {
				out = append(out, chartTick{a.y(v), tickText(v, v, "s")})
			}
		}
	}
	return out
}

// spectrum draws latency against the percentile, each further nine as wide as the one before.
func (d *LoadRun) spectrum() chart {
	c := chart{Title: "percentile spectrum", Label: "latency at ever higher percentiles"}
	var nines float64
	a := logAxis{math.Inf(1), math.Inf(-1)}
	for _, p := range d.Spectrum {
		if p[0] < 1 {
			nines = math.Max(nines, -math.Log10(1-p[0]))
		}
		a.lo, a.hi = math.Min(a.lo, math.Log(math.Max(p[1], 1e-6))), math.Max(a.hi, math.Log(math.Max(p[1], 1e-6)))
	}
	if nines == 0 || a.lo > a.hi {
		c.Err = "too few requests were measured"
		return c
	}
	if a.hi-a.lo < 1 {
		a.lo, a.hi = a.lo-0.5, a.hi+0.5
	}
	x := func(n float64) float64 { return round1(plotLeft + (plotRight-plotLeft)*math.Min(n/nines, 1)) }
	var path strings.Builder
	for i, p := range d.Spectrum {
		op, n := "L", nines
		if i == 0 {
			op = "M"
		}
		if p[0] < 1 {
			n = -math.Log10(1 - p[0])
		}
		fmt.Fprintf(&path, "%s%s %s", op, coordinate(x(n)), coordinate(a.y(math.Max(p[1], 1e-6))))
	}
	c.Lines, c.YTicks = []chartLine{{Name: "of all requests", Path: path.String()}}, a.ticks()
	for i, name := range []string{"0", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"} {
		if float64(i) <= nines+1e-9 && (nines < 5 || i != 4) {
			c.XTicks = append(c.XTicks, chartTick{x(float64(i)), name})
		}
	}
	return c
}

// heatmap is how many requests took how long, over time.
type heatmap struct {
	chart
	Levels []heatLevel
}

type heatLevel struct {
	Level int
	Path  string
}

const (
	heatColumns = 120 // of the picture
	heatShades  = 6
	perDecade   = 20 // buckets of LoadSecond.Heat
)

func (d *LoadRun) heatmap() heatmap {
	c := heatmap{chart: chart{Title: "latency heatmap", Label: "how many requests took how long over the time of the run"}}
	pl := plot{from: d.Started, length: math.Max(float64(d.Elapsed), 1), hi: 1}
	cols := min(max(len(d.Seconds), 1), heatColumns)
	type cell struct{ x, bucket int }
	counts, most := map[cell]float64{}, 0.0
	lo, hi := math.MaxInt, math.MinInt
	for i := range d.Seconds {
		s := &d.Seconds[i]
		x := min(max(int(float64(s.From+s.To)/2/pl.length*float64(cols)), 0), cols-1)
		for _, h := range s.Heat {
			b := int(math.Round(math.Log10(math.Max(h[0], 1e-6)) * perDecade))
			lo, hi = min(lo, b), max(hi, b)
			counts[cell{x, b}] += h[1]
			most = math.Max(most, counts[cell{x, b}])
		}
	}
	if most == 0 {
		c.Err = "no request was answered"
		return c
	}
	width := float64(plotRight-plotLeft) / float64(cols)
	a := logAxis{float64(lo-1) / perDecade * math.Ln10, float64(hi) / perDecade * math.Ln10}
	paths := make([]strings.Builder, heatShades)
	for b := lo; b <= hi; b++ {
		top, bottom := a.y(math.Pow(10, float64(b)/perDecade)), a.y(math.Pow(10, float64(b-1)/perDecade))
		for x := range cols {
			if n := counts[cell{x, b}]; n > 0 {
				l := min(max(int(math.Ceil(math.Pow(n/most, 0.4)*heatShades)), 1), heatShades) - 1
				fmt.Fprintf(&paths[l], "M%s %sh%sv%sh-%sz", coordinate(round1(plotLeft+float64(x)*width)), coordinate(top), coordinate(round1(width+0.1)),
					coordinate(round1(bottom-top)), coordinate(round1(width+0.1)))
			}
		}
	}
	for l := range paths {
		c.Levels = append(c.Levels, heatLevel{l + 1, paths[l].String()})
	}
	c.axes(&pl, "")
	c.YTicks = a.ticks()
	return c
}
