package widget

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

var (
	sparkBlocks = []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}
	sparkASCII  = []string{"_", ".", ",", "-", "=", "+", "*", "#"}
)

// Spark draws the last width values as blocks of height 1 to 8, scaled from zero or the smallest value to the largest.
// A NaN is a gap. The result is exactly width cells; missing values leave blanks on the left.
func (p Pen) Spark(values []float64, width int) string {
	if width <= 0 {
		return ""
	}
	if len(values) > width {
		values = values[len(values)-width:]
	}
	lo, hi := span(values)
	steps := sparkBlocks
	if p.ASCII {
		steps = sparkASCII
	}
	var b strings.Builder
	b.WriteString(spaces(width - len(values)))
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b.WriteByte(' ')
			continue
		}
		b.WriteString(steps[level(v, lo, hi, len(steps))])
	}
	return b.String()
}

// Squash makes n values of many, each the mean of an equal part, so that a sparkline shows the whole history. Fewer
// values stay as they are.
func Squash(values []float64, n int) []float64 {
	if n <= 0 || len(values) <= n {
		return values
	}
	out := make([]float64, n)
	for i := range out {
		sum, count := 0.0, 0
		for _, v := range values[i*len(values)/n : (i+1)*len(values)/n] {
			if !math.IsNaN(v) {
				sum += v
				count++
			}
		}
		out[i] = sum / float64(count) // NaN when the part had none
	}
	return out
}

// span is the range a sparkline is scaled to: from zero when all values are positive and vary by more than a tenth.
func span(values []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo > hi {
		return 0, 1
	}
	if lo > 0 && lo < 0.9*hi {
		lo = 0
	}
	// what hardly varies is drawn flat: a ripple of one per cent must not look like a storm
	return lo, max(hi, lo+0.2*math.Abs(hi))
}

func level(v, lo, hi float64, n int) int {
	if hi-lo <= 1e-9*math.Abs(hi) {
		return 0
	}
	i := int((v - lo) / (hi - lo) * float64(n-1))
	return min(max(i, 0), n-1)
}

// SparkDots is Spark in braille: two values a cell, four heights. Without braille it is Spark.
func (p Pen) SparkDots(values []float64, width int) string {
	if p.ASCII {
		return p.Spark(values, width)
	}
	if width <= 0 {
		return ""
	}
	if len(values) > 2*width {
		values = values[len(values)-2*width:]
	}
	lo, hi := span(values)
	left := [5]rune{0, 0x40, 0x44, 0x46, 0x47}
	right := [5]rune{0, 0x80, 0xa0, 0xb0, 0xb8}
	cells := make([]rune, width)
	start := 2*width - len(values)
	for i, v := range values {
		h := 0
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			h = 1 + level(v, lo, hi, 4)
		}
		at := start + i
		if at%2 == 0 {
			cells[at/2] |= left[h]
		} else {
			cells[at/2] |= right[h]
		}
	}
	var b strings.Builder
	for _, c := range cells {
		if c == 0 {
			b.WriteByte(' ')
		} else {
			b.WriteRune(0x2800 + c)
		}
	}
	return b.String()
}

// Area is SparkDots of several rows, the uppermost first: what is below the values is filled, from zero when all are positive.
func (p Pen) Area(values []float64, width, rows int) []string {
	if rows <= 1 || width <= 0 {
		return []string{p.SparkDots(values, width)}
	}
	per, steps := 2, 4 // values and heights of a cell
	if p.ASCII {
		per, steps = 1, len(sparkASCII)
	}
	if len(values) > per*width {
		values = values[len(values)-per*width:]
	}
	lo, hi := span(values)
	if lo > 0 {
		lo, hi = 0, slices.MaxFunc(values, func(a, b float64) int { return cmp.Compare(finite(a), finite(b)) })
	}
	heights := make([]int, per*width) // from below, in steps
	for i, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			heights[per*width-len(values)+i] = 1 + level(v, lo, hi, steps*rows)
		}
	}
	out := make([]string, rows)
	for y := range out {
		var b strings.Builder
		below := steps * (rows - 1 - y)
		for x := range width {
			if p.ASCII {
				b.WriteString(append([]string{" "}, sparkASCII...)[min(max(heights[x]-below, 0), steps)])
				continue
			}
			cell := [5]rune{0, 0x40, 0x44, 0x46, 0x47}[min(max(heights[2*x]-below, 0), 4)] | [5]rune{0, 0x80, 0xa0, 0xb0, 0xb8}[min(max(heights[2*x+1]-below, 0), 4)]
			if cell == 0 {
				b.WriteByte(' ')
			} else {
				b.WriteRune(0x2800 + cell)
			}
		}
		out[y] = b.String()
	}
	return out
}

func finite(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// Bar is a horizontal bar of exactly width cells that fills the given share, 0 to 1; anything above nothing shows.
func (p Pen) Bar(share float64, width int) string {
	if width <= 0 {
		return ""
	}
	if math.IsNaN(share) || share < 0 {
		share = 0
	}
	share = min(share, 1)
	if p.ASCII {
		n := int(math.Round(share * float64(width)))
		if n == 0 && share > 0 {
			n = 1
		}
		return strings.Repeat("#", n) + spaces(width-n)
	}
	n := int(math.Round(share * float64(8*width)))
	if n == 0 && share > 0 {
		n = 1
	}
	b := strings.Repeat("█", n/8) + eighths[n%8]
	return b + spaces(width-(n+7)/8)
}

// Progress is a bar of exactly width cells whose unfilled part shows too: ███████░░░░.
func (p Pen) Progress(share float64, width int) string {
	if width <= 0 {
		return ""
	}
	if math.IsNaN(share) {
		share = 0
	}
	n := int(math.Round(min(max(share, 0), 1) * float64(width)))
	return strings.Repeat(p.Glyph(BarFull), n) + strings.Repeat(p.Glyph(BarLight), width-n)
}

// SpanBar places a bar from share from to share to within exactly width cells, at a resolution of half a cell; it is
// never shorter than half a cell, and never outside, whatever the clocks said.
func (p Pen) SpanBar(from, to float64, width int) string {
	if width <= 0 {
		return ""
	}
	halves := 2 * width
	a := clampInt(int(math.Floor(from*float64(halves))), 0, halves-1)
	z := clampInt(int(math.Ceil(to*float64(halves))), a+1, halves)
	var b strings.Builder
	b.WriteString(spaces(a / 2))
	at := a / 2
	if a%2 == 1 {
		b.WriteString(p.Glyph(BarRightHalf))
		at++
	}
	for ; 2*at+2 <= z; at++ {
		b.WriteString(p.Glyph(BarFull))
	}
	if 2*at < z {
		b.WriteString(p.Glyph(BarLeftHalf))
		at++
	}
	b.WriteString(spaces(width - at))
	return b.String()
}

func clampInt(v, lo, hi int) int { return min(max(v, lo), hi) }
