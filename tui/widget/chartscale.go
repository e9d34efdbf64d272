package widget

import (
	"math"
	"time"
)

// frame is the geometry of one drawing: where the plot's cells lie and what they stand for.
type frame struct {
	x0, w, h int // the plot's first column, and its size in cells; its first row is 0
	lo, hi   float64
	from     time.Time
	length   time.Duration
	log      bool // lo and hi are above zero, and lie on a logarithmic axis
}

// align moves the plot's beginning to a whole number of half cells, so that a window that moves on with the clock moves
// the picture in whole steps, and lines do not shimmer between them.
func (f *frame) align() {
	dot := f.length / time.Duration(max(2*f.w-1, 1))
	if dot <= 0 {
		return
	}
	if at := f.from.Truncate(dot); at.Before(f.from) {
		f.from = at.Add(dot)
	}
}

// dotX is the column of half cells for an instant; false when it lies outside.
func (f frame) dotX(t time.Time) (int, bool) {
	d := t.Sub(f.from)
	if d < 0 || d > f.length || f.length <= 0 {
		return 0, false
	}
	return int(math.Round(float64(d) / float64(f.length) * float64(2*f.w-1))), true
}

// dotY is the row of quarter cells for a value, counted from the top, clamped to the plot.
func (f frame) dotY(v float64) int {
	share := (v - f.lo) / (f.hi - f.lo)
	if f.log {
		share = math.Log(math.Max(v, f.lo)/f.lo) / math.Log(f.hi/f.lo)
	}
	if math.IsNaN(share) {
		share = 0
	}
	share = math.Min(math.Max(share, 0), 1)
	return int(math.Round((1 - share) * float64(4*f.h-1)))
}

// scale chooses the range of the y axis: from zero when nothing is negative, and with the limit in sight unless that
// would press the lines flat.
func (c *Chart) scale(f *frame, d ChartData) []float64 {
	if d.Log {
		if ticks := logScale(f, d); ticks != nil {
			return ticks
		}
	}
	lo, hi := 0.0, math.Inf(-1)
	for i, s := range d.Panel.Series {
		if d.hidden(i) {
			continue
		}
		for _, v := range s.Samples {
			if !math.IsNaN(v.V) && !math.IsInf(v.V, 0) {
				lo, hi = math.Min(lo, v.V), math.Max(hi, v.V)
			}
		}
	}
	if hi <= lo {
		hi = lo + 1
		if d.Panel.Unit == "s" {
			hi = lo + 0.1
		}
	}
	if b := d.Panel.Bound; b > hi && b < 6*hi {
		hi = b * 1.05
	}
	if d.Panel.Unit == "%" && hi > 80 && hi <= 100 {
		hi = 100
	}
	if d.Min != nil {
		lo = *d.Min
	}
	if d.Max != nil && *d.Max > lo {
		hi = *d.Max
	}
	if hi <= lo {
		hi = lo + 1
	}
	var ticks []float64
	if lo != 0 {
		ticks = Ticks(lo, hi, clampInt(f.h/2+1, 2, 7), d.Panel.Unit)
	} else {
		top := Ceiling(hi, d.Panel.Unit)
		parts := divisions(top, f.h)
		for i := range parts + 1 {
			ticks = append(ticks, top*float64(i)/float64(parts))
		}
	}
	f.lo, f.hi = ticks[0], ticks[len(ticks)-1]
	return ticks
}

// logScale is the range of a logarithmic axis, in whole decades or halves of one; nil when nothing is above zero.
func logScale(f *frame, d ChartData) []float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, s := range d.Panel.Series {
		if d.hidden(i) {
			continue
		}
		for _, v := range s.Samples {
			if v.V > 0 && !math.IsInf(v.V, 0) {
				lo, hi = math.Min(lo, v.V), math.Max(hi, v.V)
			}
		}
	}
	if hi <= 0 {
		return nil
	}
	lo = math.Max(lo, hi*1e-12)
	f.lo, f.hi = math.Pow(10, math.Floor(math.Log10(lo)+1e-9)), math.Pow(10, math.Ceil(math.Log10(hi)-1e-9))
	if f.hi <= f.lo {
		f.hi = f.lo * 10
	}
	f.log = true
	decades := int(math.Round(math.Log10(f.hi / f.lo)))
	each := max(1, (2*decades+f.h-1)/max(f.h, 1))
	var ticks []float64
	for n := 0; n <= decades; n += each {
		ticks = append(ticks, f.lo*math.Pow(10, float64(n)))
	}
	return ticks
}

// divisions is into how many parts an axis from zero to top is divided, so that h rows are not crowded and the labels
// have two digits at most.
func divisions(top float64, h int) int {
	choice := []int{1}
	switch {
	case h >= 9:
		choice = []int{4, 5, 3, 2}
	case h >= 4:
		choice = []int{2, 3}
	}
	for _, n := range choice {
		step := top / float64(n)
		digits := step / math.Pow(10, math.Floor(math.Log10(step))-1)
		if math.Abs(digits-math.Round(digits)) < 1e-6 {
			return n
		}
	}
	return choice[0]
}
