package tui

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Symbols is what a terminal's font and encoding can show.
type Symbols uint8

// The sets of symbols, from all to the fewest.
const (
	AutoSymbols Symbols = iota // chosen by the terminal's environment
	Braille                    // everything, charts in braille
	Blocks                     // a font of 256 characters, such as the Linux console's: lines and blocks, no braille
	ASCII                      // nothing beyond ASCII
)

// SymbolNames lists the sets as ParseSymbols takes them.
func SymbolNames() []string { return []string{"auto", "braille", "blocks", "ascii"} }

// ParseSymbols finds a set by its name; "" is auto.
func ParseSymbols(name string) (Symbols, error) {
	if name == "" {
		return AutoSymbols, nil
	}
	for i, n := range SymbolNames() {
		if n == name {
			return Symbols(i), nil
		}
	}
	return 0, fmt.Errorf("symbols %q: choose one of %s", name, strings.Join(SymbolNames(), ", "))
}

// String is the set's name.
func (s Symbols) String() string { return SymbolNames()[min(int(s), len(SymbolNames())-1)] }

// SymbolsFor says what a terminal can show, going by its environment, and why. A locale that says it is not UTF-8 is
// believed; none at all, as in a container, is not taken for one: hardly a terminal is left that could not.
func SymbolsFor(getenv func(string) string) (s Symbols, why string) {
	name, locale := "", ""
	for _, name = range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale = getenv(name); locale != "" {
			break
		}
	}
	folded := strings.ReplaceAll(strings.ToLower(locale), "-", "")
	console := getenv("TERM") == "linux"
	switch {
	case locale != "" && !strings.Contains(folded, "utf8"):
		return ASCII, name + "=" + locale + " is not UTF-8"
	case console && locale == "":
		return ASCII, "the console has no locale"
	case console:
		return Blocks, "the Linux console's font has no braille"
	case locale == "":
		return Braille, "no locale is set, which is taken for UTF-8"
	}
	return Braille, name + "=" + locale + " is UTF-8"
}

// stands are what stands for a symbol: in a console's font of 256 characters, and in ASCII. Lines, blocks and what Latin-1
// has are in such a font.
var stands = map[rune][2]rune{
	'╭': {'┌', '+'}, '╮': {'┐', '+'}, '╰': {'└', '+'}, '╯': {'┘', '+'}, '─': {'─', '-'}, '│': {'│', '|'}, '┤': {'┤', '|'}, '├': {'├', '|'},
	'┌': {'┌', '+'}, '┐': {'┐', '+'}, '└': {'└', '`'}, '┘': {'┘', '+'}, '┬': {'┬', '+'}, '┴': {'┴', '+'}, '┼': {'┼', '+'},
	'━': {'═', '='}, '═': {'═', '='}, '┃': {'║', '#'}, '║': {'║', '#'}, '┄': {'-', '-'}, '╎': {'│', '|'}, '‖': {'║', '|'}, '┆': {'│', '|'},
	'█': {'█', '#'}, '▓': {'▓', '='}, '▒': {'▒', '='}, '░': {'░', '-'}, '▀': {'▀', '\''}, '▄': {'▄', '_'}, '▌': {'▌', '#'}, '▐': {'▐', '#'},
	'▁': {'_', '_'}, '▂': {'_', '_'}, '▃': {'▄', '='}, '▅': {'▄', '='}, '▆': {'█', '#'}, '▇': {'█', '#'},
	'▏': {'│', '|'}, '▎': {'▌', '|'}, '▍': {'▌', '#'}, '▋': {'█', '#'}, '▊': {'█', '#'}, '▉': {'█', '#'}, '▕': {'│', '|'},
	'✔': {'√', '+'}, '✓': {'√', '+'}, '√': {'√', '+'}, '✘': {'x', 'x'}, '✗': {'x', 'x'}, '■': {'■', '#'}, '□': {'o', 'o'}, '◇': {'o', 'o'}, '◆': {'@', '@'},
	'⌖': {'@', '@'}, '▸': {'►', '>'}, '►': {'►', '>'}, '▶': {'►', '>'}, '▹': {'>', '>'}, '▾': {'▼', 'v'}, '▲': {'▲', '^'}, '▼': {'▼', 'v'}, '◀': {'◄', '<'}, '◄': {'◄', '<'}, '◂': {'◄', '<'},
	'⏎': {'>', '>'}, '⇢': {'>', '>'}, '→': {'→', '>'}, '←': {'←', '<'}, '↑': {'↑', '^'}, '↓': {'↓', 'v'}, '⇄': {'~', '~'}, '↳': {'└', '`'},
	'•': {'·', '.'}, '·': {'·', '.'}, '●': {'*', '*'}, '○': {'o', 'o'}, '◌': {'o', 'o'}, '⚡': {'!', '!'}, '⚑': {'!', '!'}, '⚐': {'o', 'o'}, '✎': {'*', '*'}, '★': {'*', '*'}, '☆': {'*', '*'}, '†': {'+', '+'},
	'…': {'»', '~'}, '–': {'-', '-'}, '—': {'-', '-'}, '‹': {'<', '<'}, '›': {'>', '>'}, '«': {'«', '<'}, '»': {'»', '>'},
	'“': {'"', '"'}, '”': {'"', '"'}, '„': {'"', '"'}, '‘': {'\'', '\''}, '’': {'\'', '\''}, '≥': {'≥', '>'}, '≤': {'≤', '<'}, '≠': {'#', '#'}, '≈': {'≈', '~'}, '∞': {'∞', '8'},
	'×': {'x', 'x'}, '±': {'±', '~'}, 'µ': {'µ', 'u'}, 'μ': {'µ', 'u'}, '°': {'°', 'o'}, '²': {'²', '2'}, '³': {'³', '3'}, 'Δ': {'d', 'd'}, 'σ': {'σ', 's'}, 'Σ': {'Σ', 'S'},
	'\u00a0': {' ', ' '}, '�': {'?', '?'},
}

// braille turns a cell of 2 by 4 dots into what is left of it in halves of a cell, or in ASCII.
func braille(r rune, level Symbols) rune {
	const top, bottom, left = 0x1b, 0xe4, 0x47 // Unicode numbers the dots down the columns, the last row last
	dots := r - 0x2800
	up, down := dots&top != 0, dots&bottom != 0
	if level == ASCII {
		switch {
		case up && down:
			return ':'
		case up:
			return '\''
		case down:
			return '.'
		}
		return ' '
	}
	switch {
	case up && down && dots&left == dots:
		return '▌'
	case up && down && dots&left == 0:
		return '▐'
	case up && down:
		return '█'
	case up:
		return '▀'
	case down:
		return '▄'
	}
	return ' '
}

// plainer is styled text in the symbols that the terminal has, in the same cells. What has no stand-in is a question mark.
func plainer(s string, level Symbols) string {
	if level != Blocks && level != ASCII {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			j := i + 1
			for j < len(s) && s[j] < utf8.RuneSelf {
				j++
			}
			// a character that combines belongs to the one before it
			b.WriteString(s[i:j])
			i = j
			continue
		}
		cluster, width := ansi.FirstGraphemeCluster(s[i:], ansi.GraphemeWidth)
		i += max(len(cluster), 1)
		r, size := utf8.DecodeRuneInString(cluster)
		if width == 1 && size == len(cluster) {
			b.WriteRune(standIn(r, level))
			continue
		}
		first := '?'
		if _, ok := stands[r]; ok { // a sign of the screen's own that takes two cells, such as the bolt
			first = standIn(r, level)
		}
		for i := range width {
			switch {
			case i == 0:
				b.WriteRune(first)
			case first != '?':
				b.WriteByte(' ')
			default:
				b.WriteByte('?')
			}
		}
	}
	return b.String()
}

// standIn is a character of one cell as the terminal can show it.
func standIn(r rune, level Symbols) rune {
	if r >= 0x2800 && r < 0x2900 {
		return braille(r, level)
	}
	if two, ok := stands[r]; ok {
		return two[level-Blocks]
	}
	if level == Blocks && r < 0x2000 && (unicode.IsLetter(r) || r >= 0xa0 && r < 0x100) {
		return r // in a font for those who write so
	}
	return '?'
}
