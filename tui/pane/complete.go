package pane

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"gameday/sources/signal"
)

// Completer is a Filterer that knows words of its filter's notation.
type Completer interface {
	// Completion is asked for when the operator begins to type. What it gives tells words that go on from what stands before the
	// byte at of a text, after every key, and must be quick.
	Completion(ctx Context) func(text string, at int) signal.Words
}

// maxWords bounds the words that are offered: more than stand in a row are no help.
const maxWords = 40

// Vocabulary is what a filter can ask.
type Vocabulary struct {
	Names  []string                   // with the comparison that they usually stand with, such as "level>="
	Values func(name string) []string // what a name was seen to have; nil when that is not known
	Quoted bool                       // every value stands in quotes
}

// Complete offers names where a term begins, and values behind a comparison. Terms are divided by blanks, braces, commas and bars;
// what stands in quotes is one.
func (v Vocabulary) Complete(text string, at int) signal.Words {
	w := signal.Words{Typed: text[:at], From: at}
	from, name := 0, ""
	inQuotes := false
	for i := 0; i < at; i++ {
		switch c := text[i]; {
		case c == '"':
			inQuotes = !inQuotes
		case inQuotes:
		case strings.IndexByte(" {,|(", c) >= 0:
			from, name = i+1, ""
		case strings.IndexByte("=!<>~", c) >= 0:
			switch {
			case name == "":
				name = strings.TrimLeft(text[from:i], "-")
				from = i + 1
			case i == from: // a comparison of two signs
				from = i + 1
			}
		}
	}
	typed := text[from:at]
	if name == "" {
		if n := len(typed) - len(strings.TrimLeft(typed, "-")); n > 0 {
			from, typed = from+n, typed[n:]
		}
		w.From, w.List = from, matching(v.Names, typed)
		return w
	}
	w.From = from
	for _, x := range matching(v.Values(name), strings.Trim(typed, `"`)) {
		if v.Quoted || strings.ContainsAny(x, " {,|()\t") {
			x = `"` + x + `"`
		}
		w.List = append(w.List, x)
	}
	return w
}

// Seen counts what was seen, so that what is met most is offered first.
type Seen map[string]map[string]int

// maxSeen bounds the values of one name, and how long one may be: an ID, or a sentence, is not typed.
const (
	maxSeen    = 500
	maxSeenLen = 48
)

// Add counts a value of a name.
func (s Seen) Add(name, value string) {
	of := s[name]
	if of == nil {
		of = map[string]int{}
		s[name] = of
	}
	if n, ok := of[value]; ok || len(of) < maxSeen && value != "" && len(value) <= maxSeenLen {
		of[value] = n + 1
	}
}

// Names are those that were seen, the one met most first.
func (s Seen) Names() []string {
	count := map[string]int{}
	for name, of := range s {
		for _, n := range of {
			count[name] += n
		}
	}
	return byCount(count)
}

// Values are those of a name, the one met most first.
func (s Seen) Values(name string) []string { return byCount(s[name]) }

func byCount(count map[string]int) []string {
	return slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
}

// matching are those that begin with what was typed, in any case, each once and in their order; what was typed whole is none.
func matching(words []string, typed string) []string {
	var out []string
	for _, x := range words {
		if len(x) > len(typed) && strings.EqualFold(x[:len(typed)], typed) && !slices.Contains(out, x) && !strings.Contains(x, `"`) {
			out = append(out, x)
		}
		if len(out) == maxWords {
			break
		}
	}
	return out
}
