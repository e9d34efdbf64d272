package probe_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/probe"
	"gameday/sources/signal"
)

func number(v float64) probe.Reading { return probe.Reading{Value: v, Known: true} }

func word(s string) probe.Reading { return probe.Reading{Value: math.NaN(), Raw: s, Known: true} }

func TestExpectJudges(t *testing.T) {
	for _, c := range []struct {
		expect string
		passed []probe.Reading
		failed []probe.Reading
	}{
		{"> 99%", []probe.Reading{number(0.991), number(1)}, []probe.Reading{number(0.99), number(0)}},
		{">= 0.99", []probe.Reading{number(0.99)}, []probe.Reading{number(0.98)}},
		{"≥ 99 %", []probe.Reading{number(0.99)}, []probe.Reading{number(0.98)}},
		{"< 200ms", []probe.Reading{number(0.199)}, []probe.Reading{number(0.2), number(812)}},
		{"<=1.5 s", []probe.Reading{number(1.5)}, []probe.Reading{number(1.51)}},
		{"in 1..3", []probe.Reading{number(1), number(2.5), number(3)}, []probe.Reading{number(0.9), number(3.1)}},
		{"in 10..200ms", []probe.Reading{number(0.01), number(0.2)}, []probe.Reading{number(0.009), number(10)}},
		{"in 10ms..1s", []probe.Reading{number(0.5)}, []probe.Reading{number(1.1)}},
		{"in -2..-1", []probe.Reading{number(-1.5)}, []probe.Reading{number(0)}},
		{"= 200", []probe.Reading{number(200)}, []probe.Reading{number(500), number(math.NaN())}},
		{"== 2e2", []probe.Reading{number(200)}, []probe.Reading{number(2)}},
		{"!= 0", []probe.Reading{number(1)}, []probe.Reading{number(0), number(math.NaN())}},
		{"> 35/s", []probe.Reading{number(36)}, []probe.Reading{number(35)}},
		{"< 64MiB", []probe.Reading{number(64<<20 - 1)}, []probe.Reading{number(64 << 20)}},
		{"= up", []probe.Reading{word("up")}, []probe.Reading{word("down"), word("UP")}},
		{"!= down", []probe.Reading{word("up")}, []probe.Reading{word("down")}},
		{"matches ^ok$", []probe.Reading{word("ok")}, []probe.Reading{word("not ok")}},
		{"matches a b", []probe.Reading{word("xa bx")}, []probe.Reading{word("ab")}},
		{"connects", []probe.Reading{number(0.001)}, nil},
	} {
		e, err := probe.ParseExpect(c.expect)
		require.NoError(t, err, c.expect)
		require.Equal(t, c.expect, e.String())
		for _, r := range c.passed {
			require.Equal(t, signal.CheckPassed, e.Judge(r), "%s on %v %q", c.expect, r.Value, r.Raw)
		}
		for _, r := range c.failed {
			require.Equal(t, signal.CheckFailed, e.Judge(r), "%s on %v %q", c.expect, r.Value, r.Raw)
		}
		down := probe.Reading{Value: math.NaN(), Known: true, Down: true}
		require.Equal(t, signal.CheckFailed, e.Judge(down), "%s when nobody answers", c.expect)
		require.Equal(t, signal.CheckUnknown, e.Judge(probe.Reading{}), "%s without data", c.expect)
	}
	require.Equal(t, signal.CheckFailed, probe.Expect{}.Judge(number(1)), "no expectation passes nothing")
}

func TestExpectRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":               `is empty; write for example "> 99%", "< 200ms" or "in 1..3"`,
		"99%":            `"99%" does not begin with >, >=, <, <=, =, !=, in, one of, matches, json, baseline or connects`,
		"around 3":       `"around 3" does not begin with >, >=, <, <=, =, !=, in, one of, matches, json, baseline or connects`,
		">":              "a value must follow >",
		"> fast":         `"fast" is not a number`,
		"< 200 msec":     `the unit "msec" is not known; use %, ms, s, m, h, /s, kB, MB or none`,
		"= 1.2.3":        `"1.2.3" is not a number`,
		"in 3":           `"3" is not a range; write it as "in 1..3" or "in 10ms..200ms"`,
		"in 3..1":        `the range "3..1" is empty: its first end is the larger one`,
		"in 1%..2ms":     `the two ends of "1%..2ms" have different units`,
		"in ..2":         "a number is missing",
		"matches":        `a regular expression must follow matches, as in "matches ^ok$"`,
		"matches a(":     "\"a(\" is not a regular expression: missing closing ): `a(`",
		"connects twice": `nothing may follow connects, found "twice"`,
	} {
		_, err := probe.ParseExpect(text)
		require.EqualError(t, err, want, text)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit probe.Unit
		want string
	}{
		{0.9987, probe.UnitShare, "99.87 %"}, {1, probe.UnitShare, "100.00 %"}, {0, probe.UnitShare, "0.00 %"},
		{0.412, probe.UnitSeconds, "412 ms"}, {0.0041, probe.UnitSeconds, "4.10 ms"}, {1.314, probe.UnitSeconds, "1.31 s"},
		{0.000042, probe.UnitSeconds, "42.0 µs"}, {0, probe.UnitSeconds, "0 s"}, {300, probe.UnitSeconds, "5.00 min"},
		{41.23, probe.UnitRate, "41.2/s"}, {40, probe.UnitRate, "40/s"},
		{12e6, probe.UnitBytes, "12.0 MB"}, {512, probe.UnitBytes, "512 B"},
		{17, probe.UnitNone, "17"}, {0.12345, probe.UnitNone, "0.123"}, {-3, probe.UnitNone, "-3"}, {2.5e12, probe.UnitNone, "2.5e+12"},
		{math.NaN(), probe.UnitNone, "no value"}, {math.Inf(1), probe.UnitSeconds, "no value"},
	} {
		require.Equal(t, c.want, probe.Format(c.v, c.unit))
	}
}

// TestFormatNeverHidesAFailure: a value that misses its bound by a hair is not printed as the bound.
func TestFormatNeverHidesAFailure(t *testing.T) {
	for _, c := range []struct {
		expect string
		v      float64
		unit   probe.Unit
		want   string
	}{
		{">= 99%", 0.98999, probe.UnitShare, "98.999 %"},
		{"> 99%", 0.99000001, probe.UnitShare, "99.000001 %"},
		{"< 200ms", 0.19996, probe.UnitSeconds, "199.96 ms"},
		{"< 200ms", 0.2003, probe.UnitSeconds, "200 ms"},
		{"< 200ms", 0.412, probe.UnitAny, "412 ms"},
		{"= 1", 1.0004, probe.UnitAny, "1.0004"},
	} {
		e, err := probe.ParseExpect(c.expect)
		require.NoError(t, err)
		require.Equal(t, c.want, e.Format(c.v, c.unit), c.expect)
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		expect string
		unit   probe.Unit
		want   string
	}{
		{"< 200ms", probe.UnitSeconds, ""}, {"< 0", probe.UnitSeconds, ""}, {"> 0.99", probe.UnitShare, ""}, {"> 3", probe.UnitRate, ""},
		{"> 3 kB", probe.UnitAny, ""}, {"= up", probe.UnitAny, ""}, {"matches 2..", probe.UnitNone, ""}, {"connects", probe.UnitSeconds, ""},
		{"< 200", probe.UnitSeconds, `x is a time; write its unit, as in "< 200ms"`},
		{"> 99", probe.UnitShare, `x is a share; write it as in "> 99%" or "> 0.99"`},
		{"in 0..2", probe.UnitShare, `x is a share; write it as in "> 99%" or "> 0.99"`},
		{"> 3%", probe.UnitNone, "x is counted in plain numbers, not in %"},
		{"= up", probe.UnitNone, `x is a number, and "up" is not one`},
		{"> 3", probe.UnitText, `x is text; write "= word" or "matches regexp"`},
	} {
		e, err := probe.ParseExpect(c.expect)
		require.NoError(t, err)
		if err := e.Fits("x", c.unit); c.want == "" {
			require.NoError(t, err, c.expect)
		} else {
			require.EqualError(t, err, c.want)
		}
	}
}

func TestTolerance(t *testing.T) {
	var tol probe.Tolerance
	at := time.Now()
	require.False(t, tol.Exceeded(0, at, at))
	require.True(t, tol.Exceeded(1, at, at), "nothing is tolerated by default")
	require.NoError(t, tol.UnmarshalScalar("2"))
	require.False(t, tol.Exceeded(2, at, at.Add(time.Hour)))
	require.True(t, tol.Exceeded(3, at, at))
	require.NoError(t, tol.UnmarshalScalar("3s"))
	require.False(t, tol.Exceeded(100, at, at.Add(2*time.Second)))
	require.True(t, tol.Exceeded(2, at, at.Add(3*time.Second)))
	for _, bad := range []string{"", "-1", "often", "-3s", "99999"} {
		require.Error(t, tol.UnmarshalScalar(bad), bad)
	}
}

func FuzzParseExpect(f *testing.F) {
	for _, s := range []string{"> 99%", "in 10ms..200ms", "matches ^ok$", "= up", "!= 0", "connects", "< 1e309", "in 1..", "= 1e", "≥ 3"} {
		f.Add(s, 0.5)
	}
	f.Fuzz(func(t *testing.T, s string, v float64) {
		e, err := probe.ParseExpect(s)
		if err != nil {
			return
		}
		for _, r := range []probe.Reading{number(v), word(s), {Known: true, Down: true}} {
			if r.Down {
				require.Equal(t, signal.CheckFailed, e.Judge(r))
			}
			require.NotEqual(t, signal.CheckUnknown, e.Judge(r))
		}
		require.Equal(t, signal.CheckUnknown, e.Judge(probe.Reading{Value: v, Raw: s}))
		for u := probe.UnitNone; u <= probe.UnitText; u++ {
			require.Less(t, len(e.Format(v, u)), 400)
			_ = e.Fits("x", u)
		}
	})
}

func TestBounds(t *testing.T) {
	inf := math.Inf(1)
	for expect, want := range map[string][2]float64{
		"> 99%": {0.99, inf}, ">= 3": {3, inf}, "< 200ms": {-inf, 0.2}, "<= 1": {-inf, 1}, "= 200": {200, 200}, "in 10..200ms": {0.01, 0.2},
	} {
		e, err := probe.ParseExpect(expect)
		require.NoError(t, err)
		lo, hi, ok := e.Bounds()
		require.True(t, ok, expect)
		require.Equal(t, want, [2]float64{lo, hi}, expect)
	}
	for _, expect := range []string{"!= 0", "= up", "matches ^ok$", "connects"} {
		e, err := probe.ParseExpect(expect)
		require.NoError(t, err)
		_, _, ok := e.Bounds()
		require.False(t, ok, expect)
	}
}
