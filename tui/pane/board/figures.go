package board

import (
	"fmt"
	"math"
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// mostArea is how many rows the course below a figure has at most: it is no chart, which has an axis.
const mostArea = 3

// stat is figures, and below a single one how it came about.
func stat(pen widget.Pen, b *signal.BoardPanel, w signal.Window, width, height int) []string {
	var rows []string
	for i, s := range b.Series {
		if len(rows) >= height {
			break
		}
		v := valueAt(b, i)
		level := b.Level(v)
		segs := []widget.Seg{{Role: themes.Text, Text: "  "}, {Role: roleOf(level), Text: sign(pen, level) + valueIn(b, i, v)}}
		if len(b.Series) > 1 {
			segs = append(segs, widget.Seg{Role: themes.Muted, Text: "  " + s.Name})
		}
		rows = append(rows, pen.Row(width, segs...))
	}
	if len(b.Series) == 1 && len(b.Series[0].Samples) > 1 {
		values := make([]float64, 0, len(b.Series[0].Samples))
		for _, s := range b.Series[0].Samples {
			if !s.T.Before(w.From) {
				values = append(values, s.V)
			}
		}
		cells := max(width-4, 1)
		for _, row := range pen.Area(widget.Squash(values, 2*cells), cells, min(height-len(rows), mostArea)) {
			rows = append(rows, pen.Row(width, widget.Seg{Role: themes.Text, Text: "  "}, widget.Seg{Role: themes.Series0, Text: row}))
		}
	}
	return rows
}

// shareOf is where a value lies between the ends of its range.
func shareOf(b *signal.BoardPanel, v float64) float64 {
	lo, hi := rangeOf(b)
	if hi <= lo {
		return 0
	}
	return (v - lo) / (hi - lo)
}

// rangeOf are the ends of a panel's values: its own, those of its unit, or those of what there is.
func rangeOf(b *signal.BoardPanel) (lo, hi float64) {
	for i := range b.Values {
		if v := b.Values[i]; !math.IsNaN(v) && !math.IsInf(v, 0) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if b.Kind == signal.BoardGauge && b.Max == nil {
		switch b.Unit {
		case "percentunit":
			hi = max(hi, 1)
		case "percent", "%":
			hi = max(hi, 100)
		}
	}
	if b.Min != nil {
		lo = *b.Min
	}
	if b.Max != nil {
		hi = *b.Max
	}
	return lo, hi
}

// gauges are figures, each with a bar between the ends of its range.
func gauges(pen widget.Pen, b *signal.BoardPanel, width, height int) []string {
	var rows []string
	lo, hi := rangeOf(b)
	for i, s := range b.Series {
		if len(rows)+2 > height && i > 0 {
			break
		}
		v := valueAt(b, i)
		level := b.Level(v)
		role := roleOf(level)
		segs := []widget.Seg{{Role: themes.Text, Text: "  "}, {Role: role, Text: sign(pen, level) + valueIn(b, i, v)}}
		if len(b.Series) > 1 {
			segs = append(segs, widget.Seg{Role: themes.Muted, Text: "  " + s.Name})
		}
		if role == themes.Text {
			role = themes.Series0
		}
		rows = append(rows, pen.Row(width, segs...), pen.Row(width, widget.Seg{Role: themes.Text, Text: "  "},
			widget.Seg{Role: role, Text: pen.Progress(shareOf(b, v), max(width-4, 1))}))
	}
	if len(b.Series) == 1 && height > 2 {
		left, right := valueOf(b, lo), valueOf(b, hi)
		rows = append(rows, pen.Row(width, widget.Seg{Role: themes.Muted, Text: "  " + left + strings.Repeat(" ", max(width-4-widget.Width(left)-widget.Width(right), 1)) + right}))
	}
	return rows
}

// bars are figures side by side, one row each.
func bars(pen widget.Pen, b *signal.BoardPanel, width, height int) []string {
	names, values := 6, 4
	for i, s := range b.Series {
		names, values = max(names, widget.Width(s.Name)), max(values, widget.Width(valueIn(b, i, valueAt(b, i)))+2)
	}
	const shortest = 6 // cells that a bar is not made smaller than for the sake of names
	names = min(names, max((width-6)/3, width-values-4-shortest, 6))
	room := max(width-names-values-4, 1)
	var rows []string
	for i, s := range b.Series {
		if len(rows) == height-1 && len(b.Series) > height {
			rows = append(rows, pen.Row(width, widget.Seg{Role: themes.Muted, Text: fmt.Sprintf("  +%d more: enter shows all", len(b.Series)-i)}))
			break
		}
		v := valueAt(b, i)
		level := b.Level(v)
		role := roleOf(level)
		bar := role
		if bar == themes.Text {
			bar = themes.Series0
		}
		rows = append(rows, pen.Row(width, widget.Seg{Role: themes.Muted, Text: "  " + pen.Left(pen.Name(s.Name, names), names) + " "},
			widget.Seg{Role: role, Text: pen.Right(sign(pen, level)+valueIn(b, i, v), values) + " "}, widget.Seg{Role: bar, Text: pen.Bar(shareOf(b, v), room)}))
	}
	return rows
}
