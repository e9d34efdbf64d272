package store

import (
	"strings"
	"unicode/utf8"
)

// folder finds a word in text without regard to case. For ASCII words it jumps from one occurrence of the word's rarest
// letter to the next, which is several times faster than folding the text.
type folder struct {
	word  string // lower case
	ascii bool
	pos   int // of the rarest byte
	lo    byte
	up    byte
}

// common lists bytes by how often they occur in log lines, the most frequent first; others are rare.
const common = " etaoinsr0h1ld2cu3m4f5p6g7w8y9b.v-k/x:j=q_z\""

func newFolder(word string) folder {
	f := folder{word: strings.ToLower(word), ascii: true}
	best := -1
	for i := 0; i < len(f.word); i++ {
		c := f.word[i]
		if c >= utf8.RuneSelf {
			f.ascii = false
			return f
		}
		rank := strings.IndexByte(common, c)
		if rank < 0 {
			rank = len(common)
		}
		if rank > best {
			best, f.pos = rank, i
		}
	}
	if f.word != "" {
		f.lo = f.word[f.pos]
		f.up = f.lo
		if f.lo >= 'a' && f.lo <= 'z' {
			f.up = f.lo - 'a' + 'A'
		}
	}
	return f
}

// in reports whether s contains the word.
func (f *folder) in(s string) bool {
	if f.word == "" {
		return true
	}
	if !f.ascii {
		return strings.Contains(strings.ToLower(s), f.word)
	}
	tail := len(f.word) - f.pos - 1
	if len(s) < len(f.word) {
		return false
	}
	hay := s[:len(s)-tail]
	lo := nextByte(hay, f.pos, f.lo)
	up := len(hay)
	if f.up != f.lo {
		up = nextByte(hay, f.pos, f.up)
	}
	for {
		at := min(lo, up)
		if at == len(hay) {
			return false
		}
		if equalFold(s[at-f.pos:at+tail+1], f.word) {
			return true
		}
		if at == lo {
			lo = nextByte(hay, at+1, f.lo)
		} else {
			up = nextByte(hay, at+1, f.up)
		}
	}
}

// nextByte is the index of c in s from i on, len(s) when there is none.
func nextByte(s string, i int, c byte) int {
	if n := strings.IndexByte(s[i:], c); n >= 0 {
		return i + n
	}
	return len(s)
}

// equalFold compares s with a lower-case ASCII word of the same length.
func equalFold(s, lower string) bool {
	for i := 0; i < len(lower); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
