package spec

import (
	"slices"
	"strings"
)

// Nearest finds the known word that was most likely meant: by edit distance, in which two neighbours that changed places
// are one mistake, without regard to case and to the characters - _ and space, and by the last part of a dotted word
// ("latency" for "network.latency"). ok is false when nothing is near enough to be worth saying. Of several equally near
// words it takes one with the same letters, or else the first.
func Nearest(word string, known []string) (nearest string, ok bool) {
	const maxWord = 100 // nobody mistypes more, and the distance is quadratic
	if word == "" || len(word) > maxWord {
		return "", false
	}
	plain := plainWord(word)
	const none = 1 << 30
	best := none
	try := func(k, candidate string) {
		d := 2 * distance([]rune(plain), []rune(candidate))
		if d > 2*tolerated(plain) {
			return
		}
		if sameLetters(plain, candidate) {
			d--
		}
		if d < best {
			best, nearest = d, k
		}
	}
	for _, k := range known {
		if len(k) > maxWord {
			continue
		}
		try(k, plainWord(k))
		if i := strings.LastIndexByte(k, '.'); i >= 0 && !strings.Contains(word, ".") {
			try(k, plainWord(k[i+1:]))
		}
	}
	return nearest, best < none
}

// distance counts the insertions, deletions, replacements and swaps of neighbours between two words.
func distance(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

func sameLetters(a, b string) bool {
	x, y := []byte(a), []byte(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// tolerated is how many edits still make a typing mistake of a word.
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
