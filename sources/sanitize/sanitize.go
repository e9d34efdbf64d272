// Package sanitize makes text from outside harmless to a terminal: one event stays one row, nothing in it moves the
// cursor, changes the direction of reading or hides. What was there stays visible as a mark, never silently removed.
//
// It is called once per signal, at the store's door (Batch), and by whoever shows text that did not come that way
// (Line). Everything behind the door may be drawn as it is.
package sanitize

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	ellipsis = "…"
	// maxMarks is how many combining marks may sit on one character. Real scripts need three or four.
	maxMarks = 4
)

// Line returns s as one harmless row of at most max bytes; max <= 0 means no limit. Text that is clean and short
// enough comes back as it is, without an allocation. Otherwise:
//
//   - a trailing newline is dropped, others become ␤; a tab becomes a space; other control characters become their
//     picture (ESC is ␛, DEL is ␡), C1 controls, line separators, bidi controls and everything invisible ‹U+XXXX›;
//   - each byte that is not UTF-8 becomes \xNN;
//   - more than four combining marks on one character become ‹+N marks›;
//   - what is too long is cut and ends in "…". Only the first max bytes are ever looked at.
//
// The result is valid UTF-8 and Line leaves it alone. When max is below 3 there is no room for "…": text that would
// have to be cut comes back empty.
func Line(s string, max int) string {
	s = trimNewline(s)
	long := false
	if max > 0 && len(s) > max {
		s, long = prefix(s, max), true
	}
	n := cleanASCII(s)
	if n == len(s) && !long {
		return s
	}
	w := writer{src: s, max: max, from: n, cut: long}
	return w.run()
}

// trimNewline drops one line ending.
func trimNewline(s string) string {
	if n := len(s); n > 0 && s[n-1] == '\n' {
		s = s[:n-1]
		if n > 1 && s[n-2] == '\r' {
			s = s[:n-2]
		}
	}
	return s
}

// prefix is the first max bytes of s, without the beginning of a rune that does not fit.
func prefix(s string, max int) string {
	for i := max - 1; i >= 0 && i > max-utf8.UTFMax; i-- {
		if !utf8.RuneStart(s[i]) {
			continue
		}
		if !utf8.FullRuneInString(s[i:max]) {
			return s[:i]
		}
		break
	}
	return s[:max]
}

// cleanASCII is the length of the leading run of printable ASCII.
func cleanASCII(s string) int {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return i
		}
	}
	return len(s)
}

// writer builds a row. Until the first character that must change it only remembers how far the source is clean.
type writer struct {
	src  string
	max  int
	from int // everything before is printable ASCII
	cut  bool
	out  strings.Builder
	fit  int // length up to which the row and the ellipsis fit
	full bool
}

// put appends a piece that is never cut in two.
func (w *writer) put(piece string) {
	w.out.WriteString(piece)
	switch {
	case w.max <= 0 || w.out.Len() <= w.max-len(ellipsis):
		w.fit = w.out.Len()
	case w.out.Len() > w.max:
		w.full = true
	}
}

func (w *writer) run() string {
	i, j := w.scanClean()
	if i == len(w.src) && !w.cut {
		return w.src
	}
	w.putCopy(w.src[:i])
	for marks := j; i < len(w.src) && !w.full; {
		r, n := utf8.DecodeRuneInString(w.src[i:])
		switch {
		case r < utf8.RuneSelf && n == 1 && r >= 0x20 && r != 0x7f:
			marks = 0
			k := i + cleanASCII(w.src[i:])
			w.putCopy(w.src[i:k])
			i = k
			continue
		case r == '\r' && strings.HasPrefix(w.src[i+1:], "\n"):
			w.put("␤")
			n, marks = 2, 0
		case isMark(r) && i > 0:
			marks++
			if marks <= maxMarks {
				w.put(w.src[i : i+n])
				break
			}
			size, count := markRun(w.src[i:])
			w.put(fmt.Sprintf("‹+%d marks›", count))
			n, marks = size, 0
		default:
			marks = 0
			if m := mark(r, n, w.src, i); m != "" {
				w.put(m)
			} else {
				w.put(w.src[i : i+n])
			}
		}
		i += n
	}
	return w.result()
}

// putCopy puts a run of clean text that may be cut anywhere between two characters.
func (w *writer) putCopy(s string) {
	if w.max > 0 && w.out.Len()+len(s) > w.max-len(ellipsis) {
		if room := w.max - len(ellipsis) - w.out.Len(); room > 0 {
			head := prefix(s, room)
			w.put(head)
			s = s[len(head):]
		}
	}
	if s != "" {
		w.put(s)
	}
}

// scanClean finds how much of the source can stay as it is, and how many marks sit on the last character of that.
func (w *writer) scanClean() (end, marks int) {
	i := w.from
	for i < len(w.src) {
		r, n := utf8.DecodeRuneInString(w.src[i:])
		if isMark(r) && i > 0 {
			if marks++; marks > maxMarks {
				return i, marks - 1
			}
		} else {
			if mark(r, n, w.src, i) != "" {
				return i, marks
			}
			marks = 0
		}
		i += n
	}
	return i, marks
}

func (w *writer) result() string {
	s := w.out.String()
	if !w.cut && !w.full {
		return s
	}
	if w.max > 0 && w.max < len(ellipsis) {
		return ""
	}
	return s[:w.fit] + ellipsis
}

// mark is what stands for rune r (n bytes at s[i:]) on screen, "" when it may stay.
func mark(r rune, n int, s string, i int) string {
	switch {
	case r == utf8.RuneError && n <= 1:
		return fmt.Sprintf(`\x%02x`, s[i])
	case r == '\n':
		return "␤"
	case r == '\t':
		return " "
	case r < 0x20:
		return string(0x2400 + r)
	case r == 0x7f:
		return "␡"
	case r < 0x7f:
		return ""
	case isVariation(r):
		if i > 0 && plainVariation(r) && !endsInMark(s[:i]) {
			return ""
		}
	case isMark(r): // only at the beginning of a row, where it would sit on the pane's border
	case !hidden(r):
		return ""
	}
	return fmt.Sprintf("‹U+%04X›", r)
}

// hidden reports whether a rune controls or deceives rather than shows: C1, format characters (bidi, zero width,
// tags), line and paragraph separators, fillers, and code points that are no characters.
func hidden(r rune) bool {
	switch {
	case r < 0xa0:
		return r >= 0x7f
	case r < 0x300:
		return r == 0xad
	case r == 0x2028, r == 0x2029, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0:
		return true
	case r >= 0x2065 && r <= 0x2069, r >= 0xfff0 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
		return true
	case r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

// isVariation reports the code points that choose a glyph: in runs they carry hidden text.
func isVariation(r rune) bool {
	return r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef || r >= 0x180b && r <= 0x180f || r == 0x34f ||
		r == 0x17b4 || r == 0x17b5
}

// plainVariation are the two that choose between text and picture; one of them may follow a character.
func plainVariation(r rune) bool { return r == 0xfe0e || r == 0xfe0f }

func endsInMark(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return isVariation(r) || isMark(r)
}

// isMark reports what a terminal draws onto the character before: combining marks, conjoining vowels, skin tones.
func isMark(r rune) bool {
	switch {
	case r < 0x300 || isVariation(r) || hidden(r):
		return false
	case r >= 0x1161 && r <= 0x11ff, r >= 0xd7b0 && r <= 0xd7ff, r >= 0x1f3fb && r <= 0x1f3ff:
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me)
}

// markRun is the length in bytes and the number of the combining marks s begins with.
func markRun(s string) (size, count int) {
	for size < len(s) {
		r, n := utf8.DecodeRuneInString(s[size:])
		if !isMark(r) {
			break
		}
		size += n
		count++
	}
	return size, count
}
