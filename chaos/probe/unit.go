package probe

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Unit is what a number counts. Values are kept in base units: seconds, shares of 1, bytes, per second.
type Unit uint8

// The units.
const (
	UnitNone    Unit = iota // a plain number
	UnitAny                 // not known beforehand: whatever the expectation says
	UnitShare               // 0..1, written and shown in %
	UnitSeconds             //
	UnitRate                // per second
	UnitBytes               //
	UnitText                // no number at all
)

// String names the unit in messages.
func (u Unit) String() string {
	return [...]string{"plain numbers", "any unit", "%", "time", "/s", "bytes", "text"}[u]
}

// unitOf reads a suffix and says by how much a number with it is multiplied to be in the base unit.
func unitOf(suffix string) (Unit, float64, error) {
	switch suffix {
	case "":
		return UnitNone, 1, nil
	case "%":
		return UnitShare, 0.01, nil
	case "ns":
		return UnitSeconds, 1e-9, nil
	case "us", "µs", "μs":
		return UnitSeconds, 1e-6, nil
	case "ms":
		return UnitSeconds, 1e-3, nil
	case "s":
		return UnitSeconds, 1, nil
	case "m", "min":
		return UnitSeconds, 60, nil
	case "h":
		return UnitSeconds, 3600, nil
	case "/s":
		return UnitRate, 1, nil
	case "B":
		return UnitBytes, 1, nil
	case "kB":
		return UnitBytes, 1e3, nil
	case "MB":
		return UnitBytes, 1e6, nil
	case "GB":
		return UnitBytes, 1e9, nil
	case "KiB":
		return UnitBytes, 1 << 10, nil
	case "MiB":
		return UnitBytes, 1 << 20, nil
	case "GiB":
		return UnitBytes, 1 << 30, nil
	}
	return 0, 0, fmt.Errorf("the unit %q is not known; use %%, ms, s, m, h, /s, kB, MB or none", suffix)
}

// parseNumber splits "99.5%" or "200 ms" into number and suffix.
func parseNumber(s string) (v float64, suffix string, err error) {
	s = strings.TrimSpace(s)
	end := 0
	for end < len(s) && strings.IndexByte("+-.0123456789", s[end]) >= 0 {
		end++
	}
	// An exponent, but not the beginning of a unit.
	if end > 0 && end+1 < len(s) && (s[end] == 'e' || s[end] == 'E') && strings.IndexByte("+-0123456789", s[end+1]) >= 0 {
		end += 2
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
	}
	if end == 0 {
		if s == "" {
			return 0, "", errors.New("a number is missing")
		}
		return 0, "", fmt.Errorf("%q is not a number", s)
	}
	v, err = strconv.ParseFloat(s[:end], 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, "", fmt.Errorf("%q is not a number", s[:end])
	}
	return v, strings.TrimSpace(s[end:]), nil
}

// Format shows a value the way people read it: "99.87 %", "412 ms", "1.31 s", "41.2/s", "12 MB", "17".
func Format(v float64, u Unit) string { return format(v, u, 0) }

// Format shows a value in the expectation's unit when the value has none of its own. It takes more digits where fewer
// would print a failed value as if it had met the expectation.
func (e Expect) Format(v float64, u Unit) string {
	if u == UnitAny {
		u = e.unit
	}
	text := format(v, u, 0)
	for more := 1; more <= 6; more++ {
		shown, suffix, err := parseNumber(text)
		if err != nil {
			return text
		}
		if _, factor, err := unitOf(suffix); err != nil || e.holds(shown*factor) == e.holds(v) {
			return text
		}
		text = format(v, u, more)
	}
	return text
}

// format renders with so many digits more than usual.
func format(v float64, u Unit, more int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "no value"
	}
	switch u {
	case UnitShare:
		return fixed(v*100, 2+more) + " %"
	case UnitSeconds:
		return seconds(v, more)
	case UnitRate:
		return short(v, more) + "/s"
	case UnitBytes:
		return bytes(v, more)
	}
	return short(v, more)
}

func seconds(v float64, more int) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0 s"
	case a < 1e-3:
		return digits(v*1e6, 3+more) + " µs"
	case a < 1:
		return digits(v*1e3, 3+more) + " ms"
	case a < 120:
		return digits(v, 3+more) + " s"
	case a < 2*3600:
		return digits(v/60, 3+more) + " min"
	}
	return digits(v/3600, 3+more) + " h"
}

func bytes(v float64, more int) string {
	a := math.Abs(v)
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, " GB"}, {1e6, " MB"}, {1e3, " kB"}} {
		if a >= unit.size {
			return digits(v/unit.size, 3+more) + unit.name
		}
	}
	return short(v, more) + " B"
}

// short is a plain number: whole ones whole, others to three digits.
func short(v float64, more int) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e9 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	if a := math.Abs(v); a >= 1e9 || a < 1e-3 {
		return strconv.FormatFloat(v, 'g', 3+more, 64)
	}
	return digits(v, 3+more)
}

// digits shows n significant digits and no exponent.
func digits(v float64, n int) string {
	before := 1 // digits before the point; negative for zeros after it
	if a := math.Abs(v); a > 0 {
		before = int(math.Floor(math.Log10(a))) + 1
	}
	return fixed(v, max(0, n-before))
}

func fixed(v float64, n int) string {
	s := strconv.FormatFloat(v, 'f', n, 64)
	if n > 2 { // beyond what people expect, zeros say nothing
		for strings.HasSuffix(s, "0") && len(s)-strings.IndexByte(s, '.')-1 > 2 {
			s = s[:len(s)-1]
		}
	}
	return s
}
