// Package template fills the values of a load plan in: ${name} once before the run, {{value}} for each request.
//
// It is not text/template: the hot path of a load engine appends a few bytes per value and allocates nothing, and a plan
// has no use for conditions. The values are
//
//	{{n}}             number of the iteration, from 0
//	{{uuid}}          a random UUID, different in every run
//	{{random 1 100}}  a whole number from 1 to 100, the same for the same seed
//	{{pick a b c}}    one of the words, the same for the same seed
package template

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Functions are the names that may stand in {{ }}.
var Functions = []string{"n", "uuid", "random", "pick"}

// Template is a compiled text. It is immutable and safe for concurrent use.
type Template struct{ parts []part }

type partKind uint8

const (
	static partKind = iota
	number
	uuid
	random
	pick
)

type part struct {
	kind  partKind
	text  string
	low   int64
	span  uint64 // of a random number: how many there are
	words []string
}

// Compile reads a text with {{values}}. Its errors say which value is wrong and what would be right.
func Compile(text string) (*Template, error) {
	t := &Template{}
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "{{")
		if before != "" {
			t.parts = append(t.parts, part{text: before})
		}
		if !found {
			break
		}
		call, tail, closed := strings.Cut(after, "}}")
		if !closed {
			return nil, fmt.Errorf("{{%s is not closed: add }}", clip(after))
		}
		p, err := compileCall(call)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, p)
		rest = tail
	}
	return t, nil
}

func compileCall(call string) (part, error) {
	words := strings.Fields(call)
	if len(words) == 0 {
		return part{}, fmt.Errorf("{{}} is empty: use one of %s", strings.Join(Functions, ", "))
	}
	args := words[1:]
	switch words[0] {
	case "n", "uuid":
		if len(args) > 0 {
			return part{}, fmt.Errorf("{{%s}} takes no arguments, got %d", words[0], len(args))
		}
		if words[0] == "n" {
			return part{kind: number}, nil
		}
		return part{kind: uuid}, nil
	case "random":
		if len(args) != 2 {
			return part{}, fmt.Errorf("{{random LOW HIGH}} takes two whole numbers, got %d arguments", len(args))
		}
		low, err1 := strconv.ParseInt(args[0], 10, 64)
		high, err2 := strconv.ParseInt(args[1], 10, 64)
		if err1 != nil || err2 != nil || low > high || uint64(high-low) == 1<<64-1 {
			return part{}, fmt.Errorf("{{random %s %s}}: want two whole numbers, the lower one first", clip(args[0]), clip(args[1]))
		}
		return part{kind: random, low: low, span: uint64(high-low) + 1}, nil
	case "pick":
		if len(args) == 0 {
			return part{}, fmt.Errorf("{{pick A B ...}} takes at least one word")
		}
		return part{kind: pick, words: args}, nil
	}
	return part{}, fmt.Errorf("unknown value {{%s}}: use one of %s", clip(words[0]), strings.Join(Functions, ", "))
}

// Static reports whether the text is the same for every request.
func (t *Template) Static() bool {
	for _, p := range t.parts {
		if p.kind != static {
			return false
		}
	}
	return true
}

// Each calls f with the words that can come from the plan's author: static text and the words of {{pick}}. It is for
// checking that they are fit for where they will stand; the other values only make letters, digits and "-".
func (t *Template) Each(f func(text string)) {
	for _, p := range t.parts {
		if p.kind == static {
			f(p.text)
		}
		for _, w := range p.words {
			f(w)
		}
	}
}

// Append appends the text of one request. plan decides {{random}} and {{pick}}, fresh makes {{uuid}}.
func (t *Template) Append(dst []byte, n uint64, plan, fresh *rand.Rand) []byte {
	for i := range t.parts {
		p := &t.parts[i]
		switch p.kind {
		case static:
			dst = append(dst, p.text...)
		case number:
			dst = strconv.AppendUint(dst, n, 10)
		case uuid:
			dst = appendUUID(dst, fresh.Uint64(), fresh.Uint64())
		case random:
			dst = strconv.AppendInt(dst, p.low+int64(plan.Uint64N(p.span)), 10)
		case pick:
			dst = append(dst, p.words[plan.Uint64N(uint64(len(p.words)))]...)
		}
	}
	return dst
}

// appendUUID appends a version 4 UUID.
func appendUUID(dst []byte, hi, lo uint64) []byte {
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	const digits = "0123456789abcdef"
	for i := range 32 {
		v := hi
		if i >= 16 {
			v = lo
		}
		switch i {
		case 8, 12, 16, 20:
			dst = append(dst, '-')
		}
		dst = append(dst, digits[v>>(60-4*(uint(i)&15))&15])
	}
	return dst
}

// clip keeps a quoted piece of somebody's file short and on one line.
func clip(s string) string {
	s = strconv.Quote(s)
	s = s[1 : len(s)-1]
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return s
}
