package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/theory/jsonpath"
)

// oneOf is the set of an expectation "one of 200, 204".
type oneOf struct {
	words   []string
	numbers []float64 // in base units; nil when not all of them are numbers
}

// parseOneOf reads the values that are let pass. They are numbers when all of them are.
func (e *Expect) parseOneOf(rest string) error {
	list, ok := strings.CutPrefix(rest, "of ")
	if !ok {
		return errors.New(`write it as "one of 200, 204" or "one of up, starting"`)
	}
	set := &oneOf{}
	numeric := true
	for i, word := range strings.Split(list, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			return errors.New("a value between two commas is missing")
		}
		set.words = append(set.words, word)
		v, suffix, err := parseNumber(word)
		if err != nil {
			numeric = false
			continue
		}
		unit, factor, err := unitOf(suffix)
		if err != nil {
			numeric = false
			continue
		}
		if i > 0 && unit != e.unit && numeric {
			return fmt.Errorf("the values of %q have different units", list)
		}
		e.unit = unit
		set.numbers = append(set.numbers, v*factor)
	}
	if !numeric {
		set.numbers, e.unit = nil, UnitText
	} else {
		e.lo, e.hi = slices.Min(set.numbers), slices.Max(set.numbers)
	}
	e.op, e.set = opOneOf, set
	return nil
}

func (s *oneOf) meets(r Reading) bool {
	if s.numbers == nil || math.IsNaN(r.Value) {
		return slices.Contains(s.words, r.Raw)
	}
	return slices.ContainsFunc(s.numbers, func(v float64) bool { return v == r.Value })
}

// inJSON is an expectation on what stands at a path: everything there must meet it, and something must be there; or how
// many values stand there; or which, in their order.
type inJSON struct {
	path   *jsonpath.Path
	want   Expect
	count  bool
	values []any // not nil: exactly these
}

// parseJSON reads `$.state = up`. A path may hold spaces, so it ends at the first place where an expectation follows.
func (e *Expect) parseJSON(rest string) error {
	rest = strings.TrimSpace(rest)
	var pathErr, wantErr error
	for i, c := range rest {
		if c != ' ' {
			continue
		}
		path, err := jsonpath.Parse(rest[:i])
		if err != nil {
			pathErr = err
			continue
		}
		j, err := parseAt(path, strings.TrimSpace(rest[i+1:]))
		switch want := j.want; {
		case err != nil:
			wantErr = err
			continue
		case j.values != nil:
		case j.count && !want.numeric():
			return fmt.Errorf("%q cannot be expected of a number of values", want.source)
		case want.op == opJSON, want.op == opConnects, want.op == opBaseline:
			return fmt.Errorf("%q cannot be expected of a JSON value", want.source)
		}
		e.op, e.unit, e.json = opJSON, UnitText, &j
		return nil
	}
	switch {
	case wantErr != nil:
		return wantErr
	case pathErr != nil:
		return fmt.Errorf("%q does not begin with a JSON path: %s", clean(rest), clean(strings.TrimPrefix(pathErr.Error(), "jsonpath: ")))
	}
	return errors.New(`write it as "json $.state = up", "json $.queue.length < 10", "json $.nodes[*] count = 3" or "json $.nodes[*].name values [\"a\", \"b\"]"`)
}

// parseAt reads what follows a path.
func parseAt(path *jsonpath.Path, rest string) (inJSON, error) {
	j := inJSON{path: path}
	word, more, _ := strings.Cut(rest, " ")
	var err error
	switch word {
	case "values":
		var v any
		if v, err = decode(more); err == nil {
			var is bool
			if j.values, is = v.([]any); !is {
				err = errors.New("a list must follow values")
			}
		}
		if err != nil {
			err = fmt.Errorf(`after values stands a list in JSON, as in values ["a", 2]: %w`, err)
		}
	case "count":
		j.count = true
		j.want, err = ParseExpect(more)
	default:
		j.want, err = ParseExpect(rest)
	}
	return j, err
}

// meets judges a text. What is no JSON, or has nothing at the path, does not meet it.
func (j *inJSON) meets(raw string) bool {
	if j.count || j.values != nil {
		doc, err := decode(raw)
		if err != nil {
			return false
		}
		found := j.path.Select(doc)
		if j.count {
			return j.want.meets(Reading{Value: float64(len(found)), Raw: strconv.Itoa(len(found)), Known: true})
		}
		return same([]any(found), j.values)
	}
	found, err := at(j.path, raw)
	if err != nil || len(found) == 0 {
		return false
	}
	for _, s := range found {
		r := Reading{Value: math.NaN(), Raw: s, Known: true}
		if v, suffix, err := parseNumber(s); err == nil {
			if _, factor, err := unitOf(suffix); err == nil {
				r.Value = v * factor
			}
		}
		if !j.want.meets(r) {
			return false
		}
	}
	return true
}

// same compares JSON values: numbers by their value, objects without regard to order.
func same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, errX := a.Float64()
		y, errY := b.Float64()
		return a == b || errX == nil && errY == nil && x == y && math.Abs(x) < 1<<53
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	}
	return a == b
}

// baseline is an expectation that is relative to what was measured before the fault.
type baseline struct {
	op     operator // opIn for ±, else the comparison
	sign   float64  // of the amount, for a comparison
	amount float64
	kind   baselineKind
}

type baselineKind uint8

const (
	baselinePercent baselineKind = iota // of the mean
	baselineSigma                       // standard deviations
	baselineValue                       // in the expectation's unit
)

// leastSigma is the smallest standard deviation that is reckoned with, as a share of the mean: a flat line would fail at
// its first ripple.
const leastSigma = 0.01

// parseBaseline reads what follows the operator: "baseline + 20%", or, for ±, "20%".
func (e *Expect) parseBaseline(op operator, rest string) error {
	b := &baseline{op: op, sign: 1}
	if op != opIn {
		rest = strings.TrimSpace(strings.TrimPrefix(rest, "baseline"))
		switch {
		case strings.HasPrefix(rest, "+"):
		case strings.HasPrefix(rest, "-"), strings.HasPrefix(rest, "−"):
			b.sign = -1
		case rest == "":
			rest = "+0%"
		default:
			return fmt.Errorf(`after baseline comes + or -, as in "< baseline + 20%%", not %q`, clean(rest))
		}
		rest = strings.TrimLeft(rest, "+-−")
	}
	v, suffix, err := parseNumber(rest)
	if err != nil {
		return err
	}
	if v < 0 {
		return fmt.Errorf("the distance from the baseline is not negative: %q", clean(rest))
	}
	switch suffix {
	case "%":
		b.kind, b.amount, e.unit = baselinePercent, v/100, UnitAny
	case "sigma", "σ":
		b.kind, b.amount, e.unit = baselineSigma, v, UnitAny
	default:
		unit, factor, err := unitOf(suffix)
		if err != nil {
			return fmt.Errorf("%w, or sigma", err)
		}
		b.kind, b.amount, e.unit = baselineValue, v*factor, unit
		e.lo, e.hi = b.amount, b.amount
	}
	e.op, e.base = opBaseline, b
	return nil
}

// NeedsBaseline reports whether the expectation is relative to what is measured before the fault. Until Over has told it,
// every reading that is a value meets it.
func (e Expect) NeedsBaseline() bool { return e.op == opBaseline }

// Over is the expectation with its bounds, given what was measured before: the mean and the standard deviation. unit is
// what the values count. An expectation that needs no baseline is returned as it is.
func (e Expect) Over(mean, sigma float64, unit Unit) Expect {
	if e.op != opBaseline {
		return e
	}
	by := e.base.amount
	switch e.base.kind {
	case baselinePercent:
		by *= math.Abs(mean)
	case baselineSigma:
		by *= max(sigma, leastSigma*math.Abs(mean))
	}
	if unit == UnitAny {
		unit = UnitNone
	}
	out := Expect{op: e.base.op, unit: unit}
	if e.base.op == opIn {
		out.lo, out.hi = mean-by, mean+by
		out.source = fmt.Sprintf("in %s..%s (%s)", Format(out.lo, unit), Format(out.hi, unit), e.source)
		return out
	}
	out.lo = mean + e.base.sign*by
	word, _, _ := strings.Cut(e.source, "baseline")
	out.source = fmt.Sprintf("%s %s (%s)", strings.TrimSpace(word), Format(out.lo, unit), strings.TrimSpace(strings.TrimPrefix(e.source, strings.TrimSpace(word))))
	return out
}

// numeric reports whether the expectation can be judged on numbers only.
func (e Expect) numeric() bool {
	switch e.op {
	case opGreater, opAtLeast, opLess, opAtMost, opEqual, opNotEqual, opIn, opBaseline:
		return true
	case opOneOf:
		return e.set.numbers != nil
	}
	return false
}
