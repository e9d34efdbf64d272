// Package widget holds what every pane draws with: rows of an exact width, tables, sparklines, bars and charts.
// Everything is a function from values to rows; nothing here knows what a trace or an experiment is about.
package widget

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Width is how many cells s takes when a Pen draws it.
func Width(s string) int {
	if plain(s) {
		return len(s)
	}
	w := 0
	for len(s) > 0 {
		_, cells, size := next(s)
		w += cells
		s = s[size:]
	}
	return w
}

// plain reports whether every byte is printable ASCII: one byte, one cell.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// next splits off the first character of s: what is drawn for it, its cells (1 or 2), and its bytes.
//
// Terminals disagree about clusters such as emoji joined with zero-width joiners, and one wrong guess shifts the rest of
// the row. A cluster whose two usual widths differ is therefore drawn as its first rune alone, or as a dot.
func next(s string) (draw string, cells, size int) {
	if s[0] < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		if s[0] < 0x20 || s[0] == 0x7f {
			return "·", 1, 1
		}
		return s[:1], 1, 1
	}
	cluster, w := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
	if len(cluster) == 0 {
		return "·", 1, 1
	}
	if w > 0 && w <= 2 && ansi.StringWidthWc(cluster) == w && ansi.StringWidth(cluster) == w {
		return cluster, w, len(cluster)
	}
	r, n := utf8.DecodeRuneInString(cluster)
	base := cluster[:n]
	if w := ansi.StringWidth(base); r != utf8.RuneError && (w == 1 || w == 2) && ansi.StringWidthWc(base) == w {
		return base, w, len(cluster)
	}
	return "·", 1, len(cluster)
}

// take returns what is drawn of the beginning of s within at most width cells, and how many cells that is.
func take(s string, width int) (string, int) {
	if plain(s) {
		if len(s) <= width {
			return s, len(s)
		}
		return s[:max(width, 0)], max(width, 0)
	}
	var b strings.Builder
	used := 0
	for len(s) > 0 {
		draw, cells, size := next(s)
		if used+cells > width {
			break
		}
		b.WriteString(draw)
		used += cells
		s = s[size:]
	}
	return b.String(), used
}

const blanks = "                                                                                                                                "

// spaces returns n blanks, without allocating for the usual widths.
func spaces(n int) string {
	switch {
	case n <= 0:
		return ""
	case n <= len(blanks):
		return blanks[:n]
	}
	return strings.Repeat(" ", n)
}
