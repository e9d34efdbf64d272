// Package widget holds what every pane draws with: rows of an exact width, tables, sparklines, bars and charts.
// Everything is a function from values to rows; nothing here knows what a trace or an experiment is about.
package widget

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Width is how many cells s takes when a Pen draws it.
func Width(s string) int { return widthTo(s, math.MaxInt) }

// widthTo is Width, but stops counting above most: nobody needs to know how far a long text would reach.
func widthTo(s string, most int) int {
	if plain(s) {
		return len(s)
	}
	w := 0
	for len(s) > 0 && w <= most {
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
// the row. A cluster whose two usual widths differ is therefore drawn as its first rune alone, or as a dot; and so is
// one that would melt into its neighbour, such as a combining mark at the beginning of a text.
func next(s string) (draw string, cells, size int) {
	if s[0] < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		if s[0] < 0x20 || s[0] == 0x7f {
			return "·", 1, 1
		}
		return s[:1], 1, 1
	}
	if r, n := utf8.DecodeRuneInString(s); simple(r) > 0 {
		if after, _ := utf8.DecodeRuneInString(s[n:]); n == len(s) || simple(after) > 0 || after >= 0x20 && after < 0x7f {
			return s[:n], simple(r), n
		}
	}
	if r, n := utf8.DecodeRuneInString(s[1:]); s[0] >= 0x20 && s[0] < 0x7f && r == utf8.RuneError && n == 1 {
		return s[:1], 1, 1
	}
	cluster, _ := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
	if len(cluster) == 0 {
		return "·", 1, 1
	}
	if w, ok := agreed(cluster); ok {
		return cluster, w, len(cluster)
	}
	_, n := utf8.DecodeRuneInString(cluster)
	if w, ok := agreed(cluster[:n]); ok {
		return cluster[:n], w, len(cluster)
	}
	return "·", 1, len(cluster)
}

// simple is the width of a rune that has it everywhere and joins with nothing: most of what the screen itself is drawn
// with, and the bulk of Chinese, Japanese and Korean text. 0 is for all others.
func simple(r rune) int {
	switch {
	case r < 0xa1:
		return 0
	case r <= 0x2af && r != 0xad, r >= 0x2010 && r <= 0x2027, r >= 0x2500 && r <= 0x25fc, r >= 0x2800 && r <= 0x28ff:
		return 1
	case r >= 0x3041 && r <= 0x3096, r >= 0x30a1 && r <= 0x30fa, r >= 0x4e00 && r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3:
		return 2
	}
	return 0
}

// agreed is a cluster's width when everyone agrees on it, whatever stands before and after it.
func agreed(cluster string) (cells int, ok bool) {
	r, n := utf8.DecodeRuneInString(cluster)
	switch {
	case r == utf8.RuneError,
		!utf8.ValidString(cluster),
		strings.ContainsRune(cluster, '\u200d'),           // joins with what comes next
		n == len(cluster) && r >= 0x1f1e6 && r <= 0x1f1ff, // half a flag
		r >= 0x1100 && r <= 0x11ff:                        // a part of a Hangul syllable
		return 0, false
	}
	w := ansi.StringWidth(cluster)
	if w < 1 || w > 2 || ansi.StringWidthWc(cluster) != w {
		return 0, false
	}
	for _, neighbour := range []string{"x", "\u0915"} { // Devanagari letters join with what ends in a virama
		if ansi.StringWidth(neighbour+cluster) != w+1 || ansi.StringWidth(cluster+neighbour) != w+1 {
			return 0, false
		}
	}
	return w, true
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

// Widest is the width of the widest of n texts, in cells, most at most: what a column of a list needs.
func Widest(most, n int, text func(i int) string) int {
	w := 0
	for i := range n {
		w = max(w, Width(text(i)))
	}
	return min(w, most)
}
