package picture

import (
	"fmt"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
)

// Lines, blocks and braille are drawn rather than written. Fonts have them in other widths than their letters, or not at
// all, and leave gaps between rows: a border would fall apart, and a chart would run out of its pane.

// The sides of a cell that a line leaves it by.
const (
	up = 1 << iota
	down
	left
	right
)

// arms of the line characters that the cockpit uses, and whether they are heavy.
var arms = map[rune]struct {
	to    int
	heavy bool
}{
	'─': {left | right, false}, '│': {up | down, false}, '━': {left | right, true}, '┃': {up | down, true},
	'┌': {down | right, false}, '┐': {down | left, false}, '└': {up | right, false}, '┘': {up | left, false},
	'├': {up | down | right, false}, '┤': {up | down | left, false}, '┬': {left | right | down, false}, '┴': {left | right | up, false},
	'┼': {up | down | left | right, false},
}

// rounded are the corners; the two sides that each joins.
var rounded = map[rune][2]int{'╭': {down, right}, '╮': {down, left}, '╰': {up, right}, '╯': {up, left}}

// dashes per cell of the broken lines; across when positive, down when negative.
var dashes = map[rune]int{'┄': 3, '┈': 4, '╌': 2, '┆': -3, '┊': -4, '╎': -2}

// shade is how much of the ground a block covers.
var shade = map[rune]float64{'░': 0.25, '▒': 0.5, '▓': 0.75}

// position is the sign of the focused ID. Few fonts have it, and those that stand in for them are wide.
const position = '⌖'

// drawn reports whether a cell's content is a shape.
func drawn(content string) bool {
	r := []rune(content)
	if len(r) != 1 {
		return false
	}
	c := r[0]
	_, line := arms[c]
	_, corner := rounded[c]
	_, broken := dashes[c]
	return line || corner || broken || c == position || c >= '▀' && c <= '▟' || c > '\u2800' && c <= '\u28ff'
}

// shapes draws a run of cells of one style that stand side by side; other content is passed over.
func shapes(b *strings.Builder, x, y int, content []string, s uv.Style, front string) {
	var thin, thick, fill strings.Builder
	for i, c := range content {
		if !drawn(c) {
			continue
		}
		r := []rune(c)[0]
		l, t := margin+float64(x+i)*cellWidth, margin+float64(y)*cellHeight
		a, line := arms[r]
		corner, round := rounded[r]
		n, broken := dashes[r]
		switch {
		case line && a.heavy:
			strokes(&thick, l, t, a.to)
		case line:
			strokes(&thin, l, t, a.to)
		case r == position:
			aim(&thin, l, t)
		case round:
			from, to := side(l, t, corner[0]), side(l, t, corner[1])
			fmt.Fprintf(&thin, "M%.1f %.1fQ%.1f %.1f %.1f %.1f", from[0], from[1], l+cellWidth/2, t+cellHeight/2, to[0], to[1])
		case broken:
			dashed(&thin, l, t, n)
		case shade[r] > 0:
			fmt.Fprintf(b, `<path d="%s" fill="%s" opacity="%.2f"/>`, box(l, t, 0, 0, 1, 1), front, shade[r])
		case r > '\u2800':
			dots(&fill, l, t, int(r-'\u2800'))
		default:
			fill.WriteString(block(l, t, r))
		}
	}
	style := ""
	if s.Attrs&uv.AttrFaint != 0 {
		style = ` opacity="0.6"`
	}
	for _, p := range []struct{ d, how string }{{thin.String(), `fill="none" stroke-width="1.1" stroke`}, {thick.String(), `fill="none" stroke-width="2.2" stroke`}, {fill.String(), "fill"}} {
		if p.d != "" {
			fmt.Fprintf(b, `<path d="%s" %s="%s"%s/>`+"\n", p.d, p.how, front, style)
		}
	}
}

// side is the middle of one side of a cell.
func side(l, t float64, which int) [2]float64 {
	switch which {
	case up:
		return [2]float64{l + cellWidth/2, t}
	case down:
		return [2]float64{l + cellWidth/2, t + cellHeight}
	case left:
		return [2]float64{l, t + cellHeight/2}
	}
	return [2]float64{l + cellWidth, t + cellHeight/2}
}

func strokes(b *strings.Builder, l, t float64, to int) {
	for _, which := range []int{up, down, left, right} {
		if to&which != 0 {
			p := side(l, t, which)
			fmt.Fprintf(b, "M%.1f %.1fL%.1f %.1f", l+cellWidth/2, t+cellHeight/2, p[0], p[1])
		}
	}
}

// aim draws a ring with a cross through it.
func aim(b *strings.Builder, l, t float64) {
	const r = cellWidth * 0.3
	x, y := l+cellWidth/2, t+cellHeight/2
	fmt.Fprintf(b, "M%.1f %.1fa%.1f %.1f 0 1 0 %.1f 0a%.1f %.1f 0 1 0 %.1f 0", x-r, y, r, r, 2*r, r, r, -2*r)
	fmt.Fprintf(b, "M%.1f %.1fh%.1fM%.1f %.1fv%.1f", x-cellWidth*0.48, y, cellWidth*0.96, x, y-cellWidth*0.48, cellWidth*0.96)
}

func dashed(b *strings.Builder, l, t float64, n int) {
	for i := range max(n, -n) {
		if n > 0 {
			step := cellWidth / float64(n)
			fmt.Fprintf(b, "M%.1f %.1fh%.1f", l+step*(float64(i)+0.2), t+cellHeight/2, step*0.6)
			continue
		}
		step := cellHeight / float64(-n)
		fmt.Fprintf(b, "M%.1f %.1fv%.1f", l+cellWidth/2, t+step*(float64(i)+0.2), step*0.6)
	}
}

// dots draws a braille pattern: bits 0 to 2 and 6 are the left column from above, 3 to 5 and 7 the right one.
func dots(b *strings.Builder, l, t float64, pattern int) {
	const r = 1.1
	rows := [8]int{0, 1, 2, 0, 1, 2, 3, 3}
	for bit, row := range rows {
		if pattern&(1<<bit) == 0 {
			continue
		}
		column := 0.25
		if bit >= 3 && bit != 6 {
			column = 0.75
		}
		fmt.Fprintf(b, "M%.1f %.1fa%.1f %.1f 0 1 0 %.1f 0a%.1f %.1f 0 1 0 %.1f 0", l+cellWidth*column-r, t+cellHeight*(float64(row)+0.5)/4, r, r, 2*r, r, r, -2*r)
	}
}

// quarters of the cell that the quadrant characters from U+2596 fill: 1 upper left, 2 upper right, 4 lower left, 8 lower right.
var quarters = [10]int{4, 8, 1, 1 | 4 | 8, 1 | 8, 1 | 2 | 4, 1 | 2 | 8, 2, 2 | 4, 2 | 4 | 8}

// block is the path of a block character: eighths from below or from the left, halves and quadrants.
func block(l, t float64, r rune) string {
	switch {
	case r == '▀':
		return box(l, t, 0, 0, 1, 0.5)
	case r >= '▁' && r <= '█':
		return box(l, t, 0, 1-float64(r-'▀')/8, 1, 1)
	case r >= '▉' && r <= '▏':
		return box(l, t, 0, 0, float64('▐'-r)/8, 1)
	case r == '▐':
		return box(l, t, 0.5, 0, 1, 1)
	case r == '▔':
		return box(l, t, 0, 0, 1, 0.125)
	case r == '▕':
		return box(l, t, 0.875, 0, 1, 1)
	}
	var out string
	for i := range 4 {
		if quarters[r-'▖']&(1<<i) != 0 {
			x, y := float64(i%2)/2, float64(i/2)/2
			out += box(l, t, x, y, x+0.5, y+0.5)
		}
	}
	return out
}

// box is a rectangle within a cell, in shares of it.
func box(l, t, x0, y0, x1, y1 float64) string {
	return fmt.Sprintf("M%.1f %.1fH%.1fV%.1fH%.1fZ", l+x0*cellWidth, t+y0*cellHeight, l+x1*cellWidth, t+y1*cellHeight, l+x0*cellWidth)
}
