package probe

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Margin is by how much a reading must be better than expected to be good again after it was bad, so that a value on the
// edge does not flap. The zero value is no margin.
type Margin struct {
	source string
	v      float64 // in base units
	unit   Unit
}

// UnmarshalScalar reads "20ms", "5%" or "3".
func (m *Margin) UnmarshalScalar(text string) error {
	v, suffix, err := parseNumber(text)
	if err != nil {
		return err
	}
	unit, factor, err := unitOf(suffix)
	if err != nil {
		return err
	}
	if v < 0 {
		return fmt.Errorf("a margin is not negative; write it as %s", strings.TrimPrefix(strings.TrimSpace(text), "-"))
	}
	*m = Margin{source: strings.TrimSpace(text), v: v * factor, unit: unit}
	return nil
}

// JSONSchema admits a number with or without its unit.
func (*Margin) JSONSchema() map[string]any {
	return map[string]any{"type": []string{"string", "number"}, "examples": []string{"20ms", "5%", "0.5%"}}
}

// String is the margin as it was written.
func (m Margin) String() string { return m.source }

// Tightened is the expectation that a reading must meet to be good again after a bad one. A share's margin is in points,
// that of anything else in its unit or, with %, relative to the bound.
func (e Expect) Tightened(m Margin, natural Unit) (Expect, error) {
	if m.v == 0 {
		return e, nil
	}
	if e.op == opBaseline { // its bounds come later, and are checked then
		return e, nil
	}
	if natural == UnitAny {
		natural = e.unit
	}
	share := natural == UnitShare || e.unit == UnitShare
	relative := m.unit == UnitShare && !share
	if !relative && m.unit != e.unit && !(share && m.unit == UnitNone) && !(natural == UnitRate && m.unit == UnitNone) {
		return e, fmt.Errorf("%s is counted in %s, not as %s", e.source, e.unit, m.unit)
	}
	by := func(bound float64) float64 {
		if relative {
			return m.v * math.Abs(bound)
		}
		return m.v
	}
	out := e
	switch e.op {
	case opGreater, opAtLeast:
		out.lo = e.lo + by(e.lo)
	case opLess, opAtMost:
		out.lo = e.lo - by(e.lo)
	case opIn:
		out.lo, out.hi = e.lo+by(e.lo), e.hi-by(e.hi)
		if out.lo > out.hi {
			return e, fmt.Errorf("nothing is left of %s within a margin of %s", e.source, m.source)
		}
		return out, nil
	default:
		return e, errors.New("a margin is for >, >=, <, <= and ranges")
	}
	if share && (out.lo > 1 || out.lo < 0 || out.lo == 1 && e.op == opGreater || out.lo == 0 && e.op == opLess) {
		return e, fmt.Errorf("no share is better than %s by %s", e.source, m.source)
	}
	return out, nil
}
