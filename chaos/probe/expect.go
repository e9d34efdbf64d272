package probe

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"gameday/sources/signal"
)

// Expect is what a probe's readings must be: a comparison ("> 99%", ">= 0.99", "< 200ms", "= 200", "!= 0"), a range
// ("in 1..3", "in 10ms..200ms", ends included), a text ("= up", "!= down", "matches ^ok$"), a choice ("one of 200, 204"),
// what stands in a JSON text ("json $.state = up", "json $.nodes[*] count >= 3", "json $.nodes[*].up values [true, true]"), a distance from what was measured before the fault ("baseline ± 20%",
// "< baseline + 3 sigma"), or "connects".
// Numbers carry their unit: %, ns, us, ms, s, m, h, /s, B, kB, MB, GB, KiB, MiB, GiB or none. The zero value is no
// expectation and judges nothing as passed.
type Expect struct {
	source string
	op     operator
	lo, hi float64 // in base units; comparisons use lo
	unit   Unit
	text   string
	re     *regexp.Regexp
	set    *oneOf
	json   *inJSON
	base   *baseline
}

type operator uint8

const (
	opNone operator = iota
	opGreater
	opAtLeast
	opLess
	opAtMost
	opEqual
	opNotEqual
	opIn
	opTextEqual
	opTextNotEqual
	opMatches
	opConnects
	opOneOf
	opJSON
	opBaseline
)

// symbols are tried in this order, so that ">=" is not read as ">".
var symbols = []struct {
	text string
	op   operator
}{
	{">=", opAtLeast}, {"<=", opAtMost}, {"!=", opNotEqual}, {"==", opEqual},
	{"≥", opAtLeast}, {"≤", opAtMost}, {"≠", opNotEqual},
	{">", opGreater}, {"<", opLess}, {"=", opEqual},
}

const maxExpect = 1000 // bytes; a regular expression of that length is no tolerance any more

// ParseExpect reads an expectation. The error says what is wrong with which part.
func ParseExpect(s string) (Expect, error) {
	e := Expect{source: strings.TrimSpace(s)}
	if len(e.source) > maxExpect {
		return Expect{}, fmt.Errorf("an expectation has at most %d characters", maxExpect)
	}
	word, rest, _ := strings.Cut(e.source, " ")
	var err error
	switch word {
	case "":
		return Expect{}, errors.New(`is empty; write for example "> 99%", "< 200ms" or "in 1..3"`)
	case "connects":
		e.op = opConnects
		if rest != "" {
			err = fmt.Errorf("nothing may follow connects, found %q", rest)
		}
	case "in":
		err = e.parseRange(rest)
	case "matches":
		err = e.parseMatch(rest)
	case "one":
		err = e.parseOneOf(rest)
	case "json":
		err = e.parseJSON(rest)
	case "baseline":
		by, ok := strings.CutPrefix(strings.TrimSpace(rest), "±")
		if !ok {
			by, ok = strings.CutPrefix(strings.TrimSpace(rest), "+-")
		}
		if !ok {
			return Expect{}, errors.New(`write it as "baseline ± 20%", "baseline +- 3 sigma" or "< baseline + 20%"`)
		}
		err = e.parseBaseline(opIn, by)
	default:
		err = e.parseComparison()
	}
	if err != nil {
		return Expect{}, err
	}
	return e, nil
}

func (e *Expect) parseMatch(pattern string) error {
	pattern = strings.TrimSpace(pattern)
	if pattern == "" {
		return errors.New(`a regular expression must follow matches, as in "matches ^ok$"`)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("%q is not a regular expression: %s", pattern, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	e.op, e.re = opMatches, re
	return nil
}

func (e *Expect) parseRange(rest string) error {
	lo, hi, ok := strings.Cut(rest, "..")
	if !ok {
		return fmt.Errorf(`%q is not a range; write it as "in 1..3" or "in 10ms..200ms"`, rest)
	}
	low, lowUnit, err := parseNumber(lo)
	if err != nil {
		return err
	}
	high, highUnit, err := parseNumber(hi)
	if err != nil {
		return err
	}
	// The unit may be written once: 10..200ms.
	if lowUnit == "" && highUnit != "" {
		lowUnit = highUnit
	}
	unit, loFactor, err := unitOf(lowUnit)
	if err != nil {
		return err
	}
	other, hiFactor, err := unitOf(highUnit)
	if err != nil {
		return err
	}
	if unit != other {
		return fmt.Errorf("the two ends of %q have different units", rest)
	}
	e.op, e.unit, e.lo, e.hi = opIn, unit, low*loFactor, high*hiFactor
	if e.lo > e.hi {
		return fmt.Errorf("the range %q is empty: its first end is the larger one", rest)
	}
	return nil
}

func (e *Expect) parseComparison() error {
	for _, s := range symbols {
		rest, ok := strings.CutPrefix(e.source, s.text)
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return fmt.Errorf("a value must follow %s", s.text)
		}
		if strings.HasPrefix(rest, "baseline") && (s.op == opGreater || s.op == opAtLeast || s.op == opLess || s.op == opAtMost) {
			return e.parseBaseline(s.op, rest)
		}
		number, unit, err := parseNumber(rest)
		if err != nil {
			return e.textual(s.op, rest, err)
		}
		base, factor, err := unitOf(unit)
		if err != nil {
			return err
		}
		e.op, e.unit, e.lo = s.op, base, number*factor
		return nil
	}
	return fmt.Errorf(`%q does not begin with >, >=, <, <=, =, !=, in, one of, matches, json, baseline or connects`, e.source)
}

// textual is a comparison with a word rather than with a number.
func (e *Expect) textual(op operator, text string, notNumber error) error {
	switch {
	case strings.IndexByte("+-.0123456789", text[0]) >= 0: // meant as a number
		return notNumber
	case op == opEqual:
		e.op = opTextEqual
	case op == opNotEqual:
		e.op = opTextNotEqual
	default:
		return notNumber
	}
	e.text, e.unit = text, UnitText
	return nil
}

// UnmarshalScalar lets documents carry expectations.
func (e *Expect) UnmarshalScalar(text string) (err error) {
	*e, err = ParseExpect(text)
	return err
}

// JSONSchema is what editors check an expectation with.
func (*Expect) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^\s*(>=|<=|!=|==|≥|≤|≠|>|<|=|in |one of |matches |json |baseline |connects)`,
		"examples": []string{"> 99%", "< 200ms", "in 1..3", "= 200", "!= 0", "matches ^ok$", "= up", "one of 200, 204", "json $.state = up", "json $.nodes[*] count >= 3", "baseline ± 20%", "< baseline + 3 sigma", "connects"}}
}

// String is the expectation as it was written.
func (e Expect) String() string { return e.source }

// IsZero reports whether nothing is expected.
func (e Expect) IsZero() bool { return e.op == opNone }

// Bounds is the range of numbers that meet the expectation, ends infinite where it is open, for a chart to draw. ok is
// false when that is not a range.
func (e Expect) Bounds() (lo, hi float64, ok bool) {
	switch e.op {
	case opGreater, opAtLeast:
		return e.lo, math.Inf(1), true
	case opLess, opAtMost:
		return math.Inf(-1), e.lo, true
	case opEqual:
		return e.lo, e.lo, true
	case opIn:
		return e.lo, e.hi, true
	}
	return math.Inf(-1), math.Inf(1), false
}

// Unit is the unit that the expectation was written with.
func (e Expect) Unit() Unit { return e.unit }

// Judge says how a reading stands to the expectation. A measurement that went wrong is an error, a reading that is not
// known is unknown; one that is known but has no value, because the target did not answer, has failed whatever was
// expected.
func (e Expect) Judge(r Reading) signal.Check {
	if r.Faulty {
		return signal.CheckError
	}
	if !r.Known {
		return signal.CheckUnknown
	}
	if r.Down || e.op == opNone || !e.meets(r) {
		return signal.CheckFailed
	}
	return signal.CheckPassed
}

func (e Expect) meets(r Reading) bool {
	switch e.op {
	case opConnects:
		return true
	case opTextEqual:
		return r.Raw == e.text
	case opTextNotEqual:
		return r.Raw != e.text
	case opMatches:
		return e.re.MatchString(r.Raw)
	case opOneOf:
		return e.set.meets(r)
	case opJSON:
		return e.json.meets(r.Raw)
	case opBaseline: // a value is all that can be asked for before there is one
		return !math.IsNaN(r.Value)
	}
	return e.holds(r.Value)
}

// holds compares a number. What is not a number meets nothing.
func (e Expect) holds(v float64) bool {
	if math.IsNaN(v) {
		return false
	}
	switch e.op {
	case opGreater:
		return v > e.lo
	case opAtLeast:
		return v >= e.lo
	case opLess:
		return v < e.lo
	case opAtMost:
		return v <= e.lo
	case opEqual:
		return v == e.lo
	case opNotEqual:
		return v != e.lo
	case opIn:
		return v >= e.lo && v <= e.hi
	}
	return false
}

// Fits says why the expectation cannot be judged on values of a unit, nil when it can.
func (e Expect) Fits(what string, natural Unit) error {
	switch e.op {
	case opNone, opConnects:
		return nil
	case opJSON:
		if natural != UnitText && natural != UnitAny {
			return fmt.Errorf("%s is no JSON text", what)
		}
		return nil
	case opOneOf:
		if e.set.numbers == nil {
			if natural != UnitText && natural != UnitAny {
				return fmt.Errorf("%s is a number, and not all of %q are", what, strings.Join(e.set.words, ", "))
			}
			return nil
		}
		if natural == UnitText { // words that look like numbers
			return nil
		}
	case opBaseline:
		if natural == UnitText {
			return fmt.Errorf("%s is text; only numbers have a baseline", what)
		}
		if e.unit == UnitAny {
			return nil
		}
	case opMatches, opTextEqual, opTextNotEqual:
		if natural != UnitText && natural != UnitAny && e.op != opMatches {
			return fmt.Errorf("%s is a number, and %q is not one", what, e.text)
		}
		return nil
	}
	switch {
	case natural == UnitAny || natural == e.unit:
		return nil
	case natural == UnitText:
		return fmt.Errorf(`%s is text; write "= word" or "matches regexp"`, what)
	case natural == UnitSeconds:
		if e.unit == UnitNone && e.lo == 0 && e.hi == 0 {
			return nil
		}
		return fmt.Errorf(`%s is a time; write its unit, as in "< 200ms"`, what)
	case natural == UnitShare:
		if e.unit == UnitNone && e.lo >= 0 && e.lo <= 1 && e.hi <= 1 {
			return nil
		}
		return fmt.Errorf(`%s is a share; write it as in "> 99%%" or "> 0.99"`, what)
	case natural == UnitRate && e.unit == UnitNone:
		return nil
	}
	return fmt.Errorf("%s is counted in %s, not in %s", what, natural, e.unit)
}
