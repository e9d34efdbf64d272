package format

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gameday/chaos/probe"
)

// TextIs is the expectation that a text is exactly this one, spaces around it aside.
func TextIs(s string) string {
	s = strings.TrimSpace(s)
	if regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_ .:/-]*$`).MatchString(s) {
		return "= " + s
	}
	return "matches (?s)^" + regexp.QuoteMeta(s) + "$"
}

// TextHas is the expectation that a text contains this one.
func TextHas(s string) string { return "matches (?s)" + regexp.QuoteMeta(s) }

// Checked returns an expectation when it is one.
func Checked(expect string) (string, error) {
	_, err := probe.ParseExpect(expect)
	return expect, err
}

// Range is the expectation that a number lies between two, ends included.
func Range(lo, hi float64) string { return fmt.Sprintf("in %s..%s", Decimal(lo), Decimal(hi)) }

// Decimal writes a number without an exponent.
func Decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Literal reports whether a text stands for itself, although gameday fills ${name} in.
func Literal(s string) bool { return !strings.Contains(s, "${") }
