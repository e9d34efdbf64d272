package widget

import (
	"math"
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
)

// Buckets draws how much fell into each of several buckets over time: one series a bucket, the lowest first, time to the
// right; the more there was the stronger the colour. It is exactly height rows of width cells; the first is left to the
// caller's title.
func (p Pen) Buckets(title string, series []signal.Series, unit string, w signal.Window, width, height int) []string {
	rows := []string{title}
	names := make([]string, len(series))
	labels := 5
	for i, s := range series {
		names[i] = bucketName(s, unit)
		labels = min(max(labels, Width(names[i])), 12)
	}
	cols, body := width-labels-2, height-2
	if len(series) == 0 || cols < 8 || body < 1 {
		return p.Page(rows, width, height)
	}
	lo, hi := occupied(series)
	series, names = series[lo:hi], names[lo:hi]
	levels := make([][]uint8, len(series))
	values, most := make([][]float64, len(series)), 0.0
	for i, s := range series {
		values[i] = columns(s, w, cols)
		for _, v := range values[i] {
			if !math.IsNaN(v) {
				most = max(most, v)
			}
		}
	}
	for i := range values {
		levels[i] = make([]uint8, cols)
		for x, v := range values[i] {
			if v > 0 && most > 0 {
				levels[i][x] = uint8(clampInt(int(math.Ceil(math.Pow(v/most, 0.4)*heatLevels)), 1, heatLevels))
			}
		}
	}
	ramp := p.ramp(themes.Load)
	halves := 1
	if ramp != nil {
		halves = 2
	}
	at := func(half int) []uint8 { // from the top
		return levels[clampInt(len(series)-1-half*len(series)/(body*halves), 0, len(series)-1)]
	}
	last := ""
	for y := range body {
		name := names[clampInt(len(series)-1-y*len(series)/body, 0, len(series)-1)]
		if name == last {
			name = ""
		} else {
			last = name
		}
		var b strings.Builder
		b.WriteString(p.Row(labels+1, Seg{themes.Muted, p.Right(name, labels)}, Seg{themes.Border, p.edge(name)}))
		b.WriteByte(' ')
		if ramp != nil {
			paintHalves(&b, ramp, at(2*y), at(2*y+1))
		} else {
			b.WriteString(p.Theme.Paint(themes.Load, p.blocks(at(y))))
		}
		rows = append(rows, b.String())
	}
	rows = append(rows, p.Row(width, Seg{themes.Text, spaces(labels + 2)}, Seg{themes.Muted, timeAxis(w, cols)}))
	return p.Page(rows, width, height)
}

// occupied is the range of series that have anything, with one beside it where there is one.
func occupied(series []signal.Series) (lo, hi int) {
	lo, hi = len(series), 0
	for i, s := range series {
		for _, v := range s.Samples {
			if v.V > 0 {
				lo, hi = min(lo, i), max(hi, i+1)
				break
			}
		}
	}
	if lo >= hi {
		return 0, len(series)
	}
	return max(lo-1, 0), min(hi+1, len(series))
}

// bucketName is the upper bound of a bucket in its unit, or the series' own name.
func bucketName(s signal.Series, unit string) string {
	switch le := s.Labels.Get("le"); le {
	case "":
		return s.Name
	case "+Inf":
		return "more"
	default:
		if v, ok := parseNumber(le); ok {
			return Value(v, unit)
		}
		return le
	}
}

// timeAxis is a row of times below cols columns.
func timeAxis(w signal.Window, cols int) string {
	axis := []byte(strings.Repeat(" ", cols))
	at, layout := TimeTicks(w.From, w.To, cols)
	next := 0
	for _, t := range at {
		text := t.Format(layout)
		if len(text) > cols {
			break
		}
		x := clampInt(int(float64(t.Sub(w.From))/float64(w.Length())*float64(cols))-len(text)/2, 0, cols-len(text))
		if x >= next {
			copy(axis[x:], text)
			next = x + len(text) + 2
		}
	}
	return string(axis)
}
