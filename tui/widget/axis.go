package widget

import (
	"math"
	"time"
)

// Ticks are round values from at or below lo to at or above hi, about n of them; the first and the last are the axis'
// ends. Sizes in bytes are stepped in powers of two.
func Ticks(lo, hi float64, n int, unit string) []float64 {
	if math.IsNaN(lo) || math.IsNaN(hi) || math.IsInf(lo, 0) || math.IsInf(hi, 0) {
		lo, hi = 0, 1
	}
	if hi <= lo {
		hi = lo + math.Max(math.Abs(lo), 1)
	}
	n = max(n, 2)
	step := niceStep((hi-lo)/float64(n-1), unit)
	first := math.Floor(lo/step) * step
	ticks := []float64{first}
	for v := first; v < hi-step*1e-6 && len(ticks) < 64; {
		v += step
		if math.Abs(v) < step*1e-9 {
			v = 0
		}
		ticks = append(ticks, v)
	}
	return ticks
}

// Ceiling is the next round value at or above v, which must be positive: the top of an axis that starts at zero.
func Ceiling(v float64, unit string) float64 {
	if v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 1
	}
	base, steps := 10.0, []float64{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10}
	if unit == "bytes" || unit == "B" || unit == "bytes/s" || unit == "B/s" {
		base, steps = 2, []float64{1, 1.25, 1.5, 1.75, 2}
	}
	mag := math.Pow(base, math.Floor(math.Log(v)/math.Log(base)+1e-12))
	for _, s := range steps {
		if s*mag >= v*(1-1e-9) {
			return s * mag
		}
	}
	return base * mag
}

// niceStep is the smallest round step of at least raw.
func niceStep(raw float64, unit string) float64 {
	if raw <= 0 || math.IsNaN(raw) {
		return 1
	}
	base, steps := 10.0, []float64{1, 2, 5, 10}
	switch {
	case (unit == "bytes" || unit == "B" || unit == "bytes/s" || unit == "B/s") && raw >= 1:
		return math.Pow(2, math.Ceil(math.Log2(raw)))
	case unit == "s" && raw > 30:
		for _, s := range []float64{60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400} {
			if s >= raw {
				return s
			}
		}
	}
	mag := math.Pow(base, math.Floor(math.Log10(raw)))
	for _, s := range steps {
		if s*mag >= raw*(1-1e-9) {
			return s * mag
		}
	}
	return base * mag
}

// TimeTicks are round instants within [from, to), far enough apart for labels in width cells, and the layout to write
// them in.
func TimeTicks(from, to time.Time, width int) ([]time.Time, string) {
	length := to.Sub(from)
	n := width / 14
	if length <= 0 || n < 1 {
		return nil, ""
	}
	steps := []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
	}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if length/s <= time.Duration(n) {
			step = s
			break
		}
	}
	layout := "15:04:05"
	if step >= 24*time.Hour {
		layout = "Jan 02"
	} else if step >= time.Minute {
		layout = "15:04"
	}
	_, offset := from.Zone()
	local := time.Duration(offset) * time.Second
	t := from.Add(local).Truncate(step).Add(-local)
	var out []time.Time
	for ; t.Before(to) && len(out) <= n+1; t = t.Add(step) {
		if !t.Before(from) {
			out = append(out, t)
		}
	}
	return out, layout
}
