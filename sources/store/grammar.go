package store

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Bounds on what an operator can type, so that one filter cannot cost the cockpit its frames.
const (
	maxFilterText  = 4 << 10
	maxFilterTerms = 32
)

// term is one part of a filter as it was written: a word, or key, operator and value.
type term struct {
	raw    string
	not    bool
	key    string // "" for a word
	op     string
	value  string
	quoted bool
}

// operators in the order in which they are tried: the longer before their beginnings.
var operators = [...]string{"=~", "!~", "!=", ">=", "<=", "=", ">", "<"}

// split takes a filter's text apart. What is wrong is reported and left out.
func split(text string) ([]term, error) {
	if len(text) > maxFilterText {
		return nil, fmt.Errorf("the filter is %d bytes long: %d are allowed", len(text), maxFilterText)
	}
	var terms []term
	var errs []error
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		var t term
		var err error
		t, rest, err = nextTerm(rest)
		switch {
		case err != nil:
			errs = append(errs, err)
		case t.key == "" && !t.quoted && !t.not && strings.EqualFold(t.value, "and"):
		case t.key == "" && !t.quoted && t.value == "OR":
			errs = append(errs, errors.New(`OR is not understood: all terms must hold; quote it ("OR") to search for the word`))
		case len(terms) == maxFilterTerms:
			return terms, fmt.Errorf("the filter has more than %d terms", maxFilterTerms)
		default:
			terms = append(terms, t)
		}
	}
	return terms, errors.Join(errs...)
}

// nextTerm reads one term; rest is not empty and begins with no space.
func nextTerm(text string) (t term, rest string, err error) {
	s := text
	if len(s) > 1 && s[0] == '-' && s[1] != ' ' {
		t.not, s = true, s[1:]
	}
	n := keyLength(s)
	if op := operatorAt(s[n:]); n > 0 && op != "" {
		t.key, t.op = s[:n], op
		s = s[n+len(op):]
	} else if n > 0 && n < len(s) && s[n] == ':' && strings.EqualFold(s[:n], "level") {
		t.key, t.op = s[:n], "="
		s = s[n+1:]
	}
	t.value, s, t.quoted, err = readValue(s)
	t.raw = text[:len(text)-len(s)]
	switch {
	case err != nil:
		return t, s, err
	case t.key != "" && t.value == "" && !t.quoted:
		return t, s, fmt.Errorf(`%s: the value is missing; write %s%s"" for an empty one`, t.raw, t.key, t.op)
	case t.key == "" && t.value == "":
		return t, s, fmt.Errorf(`%s: there is no word to look for`, t.raw)
	}
	return t, s, nil
}

// keyLength is the length of the key s begins with: letters, digits and _ . - / as attribute keys have them.
func keyLength(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-', c == '/':
		default:
			return i
		}
	}
	return len(s)
}

func operatorAt(s string) string {
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

// readValue reads up to the next space, or a "quoted phrase" in which \" and \\ stand for themselves.
func readValue(s string) (value, rest string, quoted bool, err error) {
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexAny(s, " \t\r\n"); i >= 0 {
			return s[:i], s[i:], false, nil
		}
		return s, "", false, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:], true, nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", true, fmt.Errorf(`%s: the closing quote is missing`, s)
}

// test compares a value with what the filter asks for.
type test struct {
	op     string
	text   string
	re     *regexp.Regexp
	number float64
}

// newTest understands =, !=, =~, !~ for text and >, >=, <, <= for numbers.
func newTest(t term) (test, error) {
	v := test{op: t.op, text: t.value}
	switch t.op {
	case "=~", "!~":
		re, err := regexp.Compile(t.value)
		if err != nil {
			return v, fmt.Errorf("%s: %q is no regular expression: %w", t.raw, t.value, err)
		}
		v.re = re
	case ">", ">=", "<", "<=":
		n, err := strconv.ParseFloat(t.value, 64)
		if err != nil || n != n {
			return v, fmt.Errorf("%s: %s compares numbers and %q is none", t.raw, t.op, t.value)
		}
		v.number = n
	}
	return v, nil
}

// ok judges a value. One that is absent is like an empty one for = and !=, matches no expression, and is no number.
func (v *test) ok(value string, present bool) bool {
	switch v.op {
	case "=":
		return value == v.text
	case "!=":
		return value != v.text
	case "=~":
		return present && v.re.MatchString(value)
	case "!~":
		return !present || !v.re.MatchString(value)
	}
	n, err := strconv.ParseFloat(value, 64)
	return present && err == nil && compare(v.op, n, v.number)
}

// compare applies one of the ordering operators, or = and !=.
func compare[T int64 | float64](op string, a, b T) bool {
	switch op {
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case "!=":
		return a != b
	}
	return a == b
}
