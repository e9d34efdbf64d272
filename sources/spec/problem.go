package spec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problem is one thing that is wrong in a document.
type Problem struct {
	File    string // "" prints as "input"
	Line    int    // from 1
	Col     int    // from 1
	Path    string // "method[0].fault"; "" is the document itself
	Message string
}

// String is "file:LINE:COL: path: message", as editors and compilers have it.
func (p Problem) String() string {
	file := p.File
	if file == "" {
		file = "input"
	}
	s := fmt.Sprintf("%s:%d:%d: ", file, p.Line, p.Col)
	if p.Path != "" {
		s += p.Path + ": "
	}
	return s + p.Message
}

// Problems is everything that is wrong in a document, sorted by position.
type Problems struct{ List []Problem }

const maxPrinted = 50

const emptyFile = "the file is empty"

// IsEmpty reports whether all that is wrong is that the document has nothing in it but comments.
func IsEmpty(err error) bool {
	var p *Problems
	return errors.As(err, &p) && len(p.List) == 1 && p.List[0].Message == emptyFile
}

// Error lists the problems one a line; beyond 50 it says how many more there are.
func (p *Problems) Error() string {
	var b strings.Builder
	for i, one := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxPrinted {
			fmt.Fprintf(&b, "and %d more", len(p.List)-i)
			break
		}
		b.WriteString(one.String())
	}
	return b.String()
}

// Quote shows text from a document in a message: in quotes, harmless to a terminal, cut after 60 bytes.
func Quote(s string) string {
	const max = 60
	cut := ""
	if len(s) > max {
		n := max
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s, cut = s[:n], "…"
	}
	q := strconv.Quote(s)
	return q[:len(q)-1] + cut + `"`
}

// didYouMean is the tail of a message about an unknown word: the nearest known one, or the list while it is short.
func didYouMean(word string, known []string) string {
	if near, ok := Nearest(word, known); ok {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	if n := len(known); n > 0 && n <= 12 {
		return " (known: " + strings.Join(known, ", ") + ")"
	}
	return ""
}

// DidYouMean is what follows the message about an unknown word: ` (did you mean "x"?)` with the nearest known word, the
// whole list when nothing is near and the list is short, or "".
func DidYouMean(word string, known []string) string { return didYouMean(word, known) }

// printable replaces what would disturb a terminal in a message made by the YAML library.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}
