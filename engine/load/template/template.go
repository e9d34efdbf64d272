// Package template fills the values of a load plan in: ${name} once before the run, {{value}} for each request.
//
// It is not text/template: the hot path of a load engine appends a few bytes per value and allocates nothing, and a plan
// has no use for conditions. The values are
//
//	{{n}}             number of the iteration, from 0
//	{{user}}          number of the virtual user, from 1
//	{{count 1 5 100}} the number of the iteration as a count: from 1, by 5, and after 100 from 1 again
//	{{lastok}}        whether this user's last request was good: true or false
//	{{uuid}}          a random UUID, different in every run
//	{{random 1 100}}  a whole number from 1 to 100, the same for the same seed
//	{{text 8}}        so many random letters and digits, the same for the same seed
//	{{pick a b c}}    one of the words, the same for the same seed
//	{{time}}          milliseconds since 1970; {{time s}}, {{time ns}} and {{time iso}} are seconds, nanoseconds, RFC 3339
//	{{name}}          a variable: a column of a feeder, or what a step before has extracted
//	{{url name}}      a variable, percent-encoded for a path or a query
//	{{json name}}     a variable, escaped to stand inside a JSON string
package template

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Functions are the names that may stand in {{ }} and are no variables.
var Functions = []string{"n", "user", "uuid", "random", "text", "pick", "time", "url", "json", "count", "lastok"}

const maxText = 1 << 20

// Values are what one request's templates are filled with. They belong to the user who makes the request.
type Values struct {
	N     uint64     // number of the iteration
	User  uint64     // number of the virtual user
	Plan  *rand.Rand // repeats with the plan's seed: what is asked for
	Fresh *rand.Rand // differs in every run: what must be unique, such as {{uuid}}
	Slots [][]byte   // of the variables; nil is not set

	Failed bool // the user's last request was not good
}

// Names tells in which slot a variable's value is. It may be nil: there are no variables.
type Names func(name string) (slot int, ok bool)

// Template is a compiled text. It is immutable and safe for concurrent use.
type Template struct{ parts []part }

type partKind uint8

const (
	static partKind = iota
	number
	user
	uuid
	random
	text
	pick
	clock
	count
	lastOK
	variable
	urlVariable
	jsonVariable
)

type part struct {
	kind  partKind
	text  string // of the text itself, or the clock's unit
	low   int64
	by    uint64
	span  uint64 // of a random number: how many there are; of a count: the same, 0 for no end; of a text: its length
	words []string
	slot  int
}

// Compile reads a text with {{values}}. Its errors say which value is wrong and what would be right.
func Compile(text string, names Names) (*Template, error) {
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
		p, err := compileCall(call, names)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, p)
		rest = tail
	}
	return t, nil
}

func compileCall(call string, names Names) (part, error) {
	words := strings.Fields(call)
	if len(words) == 0 {
		return part{}, fmt.Errorf("{{}} is empty: use one of %s, or a variable", strings.Join(Functions, ", "))
	}
	args := words[1:]
	switch words[0] {
	case "n":
		return bare(number, words)
	case "user":
		return bare(user, words)
	case "uuid":
		return bare(uuid, words)
	case "lastok":
		return bare(lastOK, words)
	case "count":
		return compileCount(args)
	case "random":
		return compileRandom(args)
	case "text":
		n, err := strconv.ParseUint(strings.Join(args, " "), 10, 64)
		if err != nil || n > maxText {
			return part{}, fmt.Errorf("{{text LENGTH}} takes one whole number up to %d", maxText)
		}
		return part{kind: text, span: n}, nil
	case "pick":
		if len(args) == 0 {
			return part{}, fmt.Errorf("{{pick A B ...}} takes at least one word")
		}
		return part{kind: pick, words: args}, nil
	case "time":
		unit := strings.Join(args, " ")
		switch unit {
		case "", "ms", "s", "ns", "iso":
			return part{kind: clock, text: unit}, nil
		}
		return part{}, fmt.Errorf("{{time %s}}: the unit is ms, s, ns or iso", clip(unit))
	}
	kind, name := variable, words[0]
	if len(args) == 1 && name == "url" {
		kind, name, args = urlVariable, args[0], nil
	} else if len(args) == 1 && name == "json" {
		kind, name, args = jsonVariable, args[0], nil
	}
	if names != nil && len(args) == 0 {
		if slot, ok := names(name); ok {
			return part{kind: kind, slot: slot}, nil
		}
	}
	return part{}, fmt.Errorf("unknown value {{%s}}: use one of %s, a feeder's column, or what a step has extracted",
		clip(name), strings.Join(Functions, ", "))
}

// bare is a value without arguments.
func bare(kind partKind, words []string) (part, error) {
	if len(words) > 1 {
		return part{}, fmt.Errorf("{{%s}} takes no arguments, got %d", words[0], len(words)-1)
	}
	return part{kind: kind}, nil
}

func compileRandom(args []string) (part, error) {
	if len(args) != 2 {
		return part{}, fmt.Errorf("{{random LOW HIGH}} takes two whole numbers, got %d arguments", len(args))
	}
	low, err1 := strconv.ParseInt(args[0], 10, 64)
	high, err2 := strconv.ParseInt(args[1], 10, 64)
	if err1 != nil || err2 != nil || low > high || uint64(high-low) == 1<<64-1 {
		return part{}, fmt.Errorf("{{random %s %s}}: want two whole numbers, the lower one first", clip(args[0]), clip(args[1]))
	}
	return part{kind: random, low: low, span: uint64(high-low) + 1}, nil
}

func compileCount(args []string) (part, error) {
	v := []int64{1, 1, math.MaxInt64}
	if len(args) > len(v) {
		return part{}, fmt.Errorf("{{count FROM BY TO}} takes up to three whole numbers, got %d", len(args))
	}
	for i, arg := range args {
		var err error
		if v[i], err = strconv.ParseInt(arg, 10, 64); err != nil {
			return part{}, fmt.Errorf("{{count FROM BY TO}}: %s is no whole number", clip(arg))
		}
	}
	if v[0] < 0 || v[1] < 1 || v[2] < v[0] {
		return part{}, fmt.Errorf("{{count FROM BY TO}}: want FROM of at least 0, BY of at least 1, and TO not below FROM")
	}
	return part{kind: count, low: v[0], by: uint64(v[1]), span: uint64(v[2]-v[0])/uint64(v[1]) + 1}, nil
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

// Needs appends the slots of the variables that the text holds.
func (t *Template) Needs(slots []int) []int {
	for _, p := range t.parts {
		if p.kind >= variable {
			slots = append(slots, p.slot)
		}
	}
	return slots
}

// Each calls f with the words that can come from the plan's author: static text and the words of {{pick}}. It is for
// checking that they are fit for where they will stand. The other values only make letters, digits, "-" and ":"; what
// variables hold is only known while the load runs.
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

// Append appends the text of one request. Variables that are not set are empty.
func (t *Template) Append(dst []byte, v *Values) []byte {
	for i := range t.parts {
		p := &t.parts[i]
		switch p.kind {
		case static:
			dst = append(dst, p.text...)
		case number:
			dst = strconv.AppendUint(dst, v.N, 10)
		case user:
			dst = strconv.AppendUint(dst, v.User, 10)
		case uuid:
			dst = appendUUID(dst, v.Fresh.Uint64(), v.Fresh.Uint64())
		case random:
			dst = strconv.AppendInt(dst, p.low+int64(v.Plan.Uint64N(p.span)), 10)
		case text:
			const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			for range p.span {
				dst = append(dst, letters[v.Plan.Uint64N(uint64(len(letters)))])
			}
		case pick:
			dst = append(dst, p.words[v.Plan.Uint64N(uint64(len(p.words)))]...)
		case count:
			dst = strconv.AppendInt(dst, p.low+int64(v.N%p.span*p.by), 10)
		case lastOK:
			dst = strconv.AppendBool(dst, !v.Failed)
		case clock:
			dst = appendTime(dst, p.text, time.Now())
		case variable:
			dst = append(dst, v.slot(p.slot)...)
		case urlVariable:
			dst = append(dst, url.QueryEscape(string(v.slot(p.slot)))...)
		case jsonVariable:
			dst = appendJSON(dst, v.slot(p.slot))
		}
	}
	return dst
}

func (v *Values) slot(n int) []byte {
	if n < len(v.Slots) {
		return v.Slots[n]
	}
	return nil
}

// appendJSON appends what stands between the quotes of a JSON string.
func appendJSON(dst, text []byte) []byte {
	quoted, err := json.Marshal(string(text))
	if err != nil {
		return dst // a string can always be written
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}

func appendTime(dst []byte, unit string, now time.Time) []byte {
	switch unit {
	case "s":
		return strconv.AppendInt(dst, now.Unix(), 10)
	case "ns":
		return strconv.AppendInt(dst, now.UnixNano(), 10)
	case "iso":
		return now.UTC().AppendFormat(dst, time.RFC3339Nano)
	}
	return strconv.AppendInt(dst, now.UnixMilli(), 10)
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
