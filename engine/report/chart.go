package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The size of a chart in its own units. It is that of a phone's screen, so that its text is readable there and grows on
// larger ones.
const (
	chartWidth  = 360
	chartHeight = 168
	plotLeft    = 46
	plotRight   = 352
	plotTop     = 16
	plotBottom  = 146
)

// seriesStyles is how many lines are told apart by colour and dashes before they repeat.
const seriesStyles = 16

// chart is a drawing made of numbers: everything in it is in the units of the chart, texts are told apart from them.
type chart struct {
	Title, Label string // Label says in words what is drawn, for those who do not see it
	Lines        []chartLine
	Bands        []chartBand
	XTicks       []chartTick
	YTicks       []chartTick
	Bound        []chartTick // lines that values should not cross
	Dots         []chartDot
	Err          string
}

type chartLine struct {
	Name, Peak string
	Style      int
	Path       string
}

type chartBand struct {
	X, Width float64
	Label    string
}

type chartTick struct {
	At   float64
	Text string
}

type chartDot struct {
	X, Y  float64
	Class string
	Text  string
}

// plot maps time and value to the chart.
type plot struct {
	from   time.Time
	length float64 // seconds
	lo, hi float64
}

func (d *Document) newPlot() plot {
	return plot{from: d.Summary.Started, length: max(d.Summary.Ended.Sub(d.Summary.Started).Seconds(), 1), lo: math.Inf(1), hi: math.Inf(-1)}
}

// take widens the plot for a value.
func (p *plot) take(v Number) {
	if v.Known() {
		v = max(min(v, 1e200), -1e200) // so that the distance of any two is a number
		p.lo, p.hi = math.Min(p.lo, float64(v)), math.Max(p.hi, float64(v))
	}
}

// settle chooses the ends of the value axis: from zero, unless that would hide all differences.
func (p *plot) settle(unit string) {
	if p.lo > p.hi {
		p.lo, p.hi = 0, 1
	}
	room := (p.hi - p.lo) * 0.12
	if room == 0 {
		if room = math.Abs(p.hi) * 0.1; room == 0 { // nothing but zeros
			room = 1
		}
	}
	low := p.lo
	switch {
	case unit == "share" && p.lo > 0.5:
		p.lo -= room
	case p.lo > 0.75*p.hi && unit == "": // a status, a count that hardly moves
		p.lo -= room
	case p.lo < 0:
		p.lo -= room
	default:
		p.lo = 0
	}
	p.hi += room
	if unit == "share" && low >= 0 { // there is nothing above all of it
		p.hi = math.Min(p.hi, math.Max(1+(1-p.lo)*0.06, p.lo+1e-6))
	}
}

func (p *plot) x(seconds float64) float64 {
	return round1(plotLeft + (plotRight-plotLeft)*math.Min(1, math.Max(0, seconds/p.length)))
}

func (p *plot) y(v float64) float64 {
	return round1(plotBottom - (plotBottom-plotTop)*math.Min(1, math.Max(0, (v-p.lo)/(p.hi-p.lo))))
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }

// path draws points; gaps and steps back in time begin a new stroke.
func (p *plot) path(at []float64, v []Number) string {
	var b strings.Builder
	pen, last := false, math.Inf(-1)
	for i := range at {
		if !v[i].Known() || !Number(at[i]).Known() || at[i] < last || at[i] < -0.001 || at[i] > p.length+0.001 {
			pen = false
			continue
		}
		last = at[i]
		op := "L"
		if !pen {
			op = "M"
		}
		pen = true
		fmt.Fprintf(&b, "%s%s %s", op, coordinate(p.x(at[i])), coordinate(p.y(float64(v[i]))))
		if i+1 == len(at) || !v[i+1].Known() {
			b.WriteString("h0.1") // a point on its own is seen as well
		}
	}
	return b.String()
}

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// axes adds the ticks of both axes.
func (c *chart) axes(p *plot, unit string) {
	step := niceStep(p.hi-p.lo, 4)
	for i := math.Ceil(p.lo / step); i*step <= p.hi && len(c.YTicks) < 10; i++ {
		v := i * step
		if unit == "share" && v > 1+1e-9 {
			break
		}
		c.YTicks = append(c.YTicks, chartTick{p.y(v), tickText(v, step, unit)})
	}
	every := timeStep(p.length)
	for s := 0.0; s <= p.length && len(c.XTicks) < 12; s += every {
		c.XTicks = append(c.XTicks, chartTick{p.x(s), clock(s)})
	}
}

// frame adds axes and fault bands.
func (d *Document) frame(c *chart, p *plot, unit string) {
	c.axes(p, unit)
	for _, f := range d.Faults {
		if f.Injected.IsZero() {
			continue
		}
		from, to := p.x(f.Injected.Sub(p.from).Seconds()), p.x(f.over(d.Summary.Ended).Sub(p.from).Seconds())
		c.Bands = append(c.Bands, chartBand{X: from, Width: math.Max(round1(to-from), 1), Label: cut(f.Title, 24)})
	}
	for i := range c.Bands { // labels of bands that begin close together would lie on each other
		for _, b := range c.Bands[:i] {
			if b.Label != "" && math.Abs(b.X-c.Bands[i].X) < 110 {
				c.Bands[i].Label = ""
			}
		}
	}
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// niceStep is a round distance of ticks, so that about n fit.
func niceStep(length float64, n int) float64 {
	if !(length > 0) || math.IsInf(length, 0) {
		return 1
	}
	raw := length / float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, f := range []float64{1, 2, 2.5, 5} {
		if raw <= f*unit*1.0001 {
			return f * unit
		}
	}
	return 10 * unit
}

// timeStep is a distance of ticks on the time axis, in seconds, so that about five fit.
func timeStep(length float64) float64 {
	for _, s := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400} {
		if length/s <= 6.5 {
			return s
		}
	}
	return length / 5
}

// clock is seconds since the start as m:ss, or h:mm:ss.
func clock(s float64) string {
	n := int(math.Round(s))
	if n >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
	}
	return fmt.Sprintf("%d:%02d", n/60, n%60)
}

// tickText writes a tick's value short: as many digits as the distance to the next one needs.
func tickText(v, step float64, unit string) string {
	suffix := ""
	switch unit {
	case "s":
		if top := math.Max(math.Abs(v), step); top < 1 {
			v, step, suffix = v*1e3, step*1e3, " ms"
		} else {
			suffix = " s"
		}
	case "share":
		v, step, suffix = v*100, step*100, " %"
	case "%":
		suffix = " %"
	case "req/s", "/s":
		suffix = "/s"
	case "bytes":
		for _, u := range []struct {
			size float64
			name string
		}{{1e9, " GB"}, {1e6, " MB"}, {1e3, " kB"}} {
			if step >= u.size || math.Abs(v) >= u.size {
				v, step, suffix = v/u.size, step/u.size, u.name
				break
			}
		}
	}
	if math.Abs(v) < step/1e6 {
		return "0"
	}
	digits := 0
	for s := step; digits < 6 && math.Abs(s-math.Round(s)) > 1e-6*s; digits++ {
		s *= 10
	}
	if math.Abs(v) >= 1e6 {
		return strconv.FormatFloat(v, 'g', 3, 64) + suffix
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + suffix
}

// probeChart draws the readings of a probe, its bounds, and where it failed.
func (d *Document) probeChart(p Probe) chart {
	c := chart{Title: p.Name, Label: fmt.Sprintf("readings of %s over the run, expected %s", p.Name, p.Expect)}
	pl := d.newPlot()
	var at []float64
	var v []Number
	for _, r := range p.Readings {
		at, v = append(at, r.At.Sub(pl.from).Seconds()), append(v, r.Value)
		pl.take(r.Value)
	}
	if pl.lo > pl.hi {
		c.Err = "there are no numbers to draw"
		return c
	}
	for _, b := range []Number{p.Lo, p.Hi} {
		pl.take(b)
	}
	pl.settle(p.Unit)
	d.frame(&c, &pl, p.Unit)
	for i, b := range []Number{p.Lo, p.Hi} {
		if b.Known() && (i == 0 || b != p.Lo) {
			c.Bound = append(c.Bound, chartTick{pl.y(float64(b)), p.Expect})
		}
	}
	c.Lines = []chartLine{{Name: p.Name, Path: pl.path(at, v)}}
	judged := d.begin("before")
	for i, r := range p.Readings {
		if r.Check == failed || (r.Check == unknown || r.Check == errored) && at[i] >= 0 {
			dot := chartDot{X: pl.x(at[i]), Y: plotBottom, Class: r.Check, Text: d.since(r.At) + " " + r.Text}
			if r.Check == errored {
				dot.Class = unknown
			}
			if r.At.Before(judged) {
				dot.Class = "early"
			}
			if r.Value.Known() {
				dot.Y = pl.y(float64(r.Value))
			}
			c.Dots = append(c.Dots, dot)
		}
	}
	return c
}

// begin is when a phase began; the zero time when it did not.
func (d *Document) begin(phase string) time.Time {
	for _, p := range d.Phases {
		if p.Name == phase {
			return p.From
		}
	}
	return time.Time{}
}

// panelChart draws a chart of the cockpit.
func (d *Document) panelChart(p Panel) chart {
	c := chart{Title: p.Title, Label: "chart of " + p.Title, Err: p.Err}
	if c.Err != "" {
		return c
	}
	pl := d.newPlot()
	peaks := make([]float64, len(p.Series))
	for i, s := range p.Series {
		peaks[i] = math.Inf(-1)
		for _, pt := range s.Points {
			pl.take(pt[1])
			if pt[1].Known() {
				peaks[i] = math.Max(peaks[i], float64(pt[1]))
			}
		}
	}
	if p.Bound > 0 && pl.hi > p.Bound/4 { // a bound far above everything would flatten the lines
		pl.take(Number(p.Bound))
	}
	pl.take(0)
	pl.settle(p.Unit)
	d.frame(&c, &pl, p.Unit)
	if p.Bound > 0 && p.Bound <= pl.hi {
		c.Bound = []chartTick{{pl.y(p.Bound), value(p.Bound, p.Unit)}}
	}
	start := float64(pl.from.UnixMilli()) / 1000
	for i, s := range p.Series {
		at, v := make([]float64, len(s.Points)), make([]Number, len(s.Points))
		for j, pt := range s.Points {
			at[j], v[j] = float64(pt[0])-start, pt[1]
		}
		l := chartLine{Name: s.Name, Style: i % seriesStyles, Path: pl.path(at, v)}
		if !math.IsInf(peaks[i], 0) {
			l.Peak = value(peaks[i], p.Unit)
		}
		c.Lines = append(c.Lines, l)
	}
	return c
}
