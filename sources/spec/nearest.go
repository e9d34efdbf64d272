package spec

import (
	"strings"

	"github.com/agext/levenshtein"
)

// Nearest finds the known word that was most likely meant: by edit distance, without regard to case and to the
// characters - _ and space, and by the last part of a dotted word ("latency" for "network.latency"). ok is false when
// nothing is near enough to be worth saying. Of several equally near words it takes the first.
func Nearest(word string, known []string) (nearest string, ok bool) {
	const maxWord = 100 // nobody mistypes more, and the distance is quadratic
	if word == "" || len(word) > maxWord {
		return "", false
	}
	plain := plainWord(word)
	best := -1
	for _, k := range known {
		d := levenshtein.Distance(plain, plainWord(k), nil)
		if i := strings.LastIndexByte(k, '.'); i >= 0 && !strings.Contains(word, ".") {
			d = min(d, levenshtein.Distance(plain, plainWord(k[i+1:]), nil))
		}
		if best < 0 || d < best {
			best, nearest = d, k
		}
	}
	if best < 0 || best > tolerated(plain) {
		return "", false
	}
	return nearest, true
}

// tolerated is how many edits still make a typing mistake of a word: two letters swapped cost two.
func tolerated(word string) int {
	switch n := len(word); {
	case n <= 2:
		return 0
	case n == 3:
		return 1
	case n <= 6:
		return 2
	default:
		return n / 3
	}
}

func plainWord(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}
