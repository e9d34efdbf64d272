package probe_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/chaos/probe"
	"gameday/sources/signal"
)

func TestExpectChoicesAndJSON(t *testing.T) {
	for _, c := range []struct {
		expect string
		passed []probe.Reading
		failed []probe.Reading
	}{
		{"one of 200, 204", []probe.Reading{number(200), number(204), word("204")}, []probe.Reading{number(201), word("ok")}},
		{"one of 10ms, 2s", []probe.Reading{number(0.01), number(2)}, []probe.Reading{number(10)}},
		{"one of up, starting", []probe.Reading{word("up"), word("starting")}, []probe.Reading{word("down"), number(1)}},
		{`json $.state = up`, []probe.Reading{word(`{"state":"up"}`)}, []probe.Reading{word(`{"state":"down"}`), word(`{}`), word(`<html>`), word(`{"state":"up"} {}`)}},
		{`json $.queue.length < 10`, []probe.Reading{word(`{"queue":{"length":3}}`), word(`{"queue":{"length":"3"}}`)}, []probe.Reading{word(`{"queue":{"length":10}}`), word(`{"queue":{"length":"many"}}`)}},
		{`json $.all[*].up = true`, []probe.Reading{word(`{"all":[{"up":true},{"up":true}]}`)}, []probe.Reading{word(`{"all":[{"up":true},{"up":false}]}`), word(`{"all":[]}`)}},
		{`json $["a b"] one of x, y`, []probe.Reading{word(`{"a b":"y"}`)}, []probe.Reading{word(`{"a b":"z"}`)}},
		{`json $.a[?@.n == 2].v matches ^ok$`, []probe.Reading{word(`{"a":[{"n":1,"v":"no"},{"n":2,"v":"ok"}]}`)}, []probe.Reading{word(`{"a":[{"n":2,"v":"no"}]}`)}},
		{`json $.size in 1kB..2kB`, []probe.Reading{word(`{"size":1500}`)}, []probe.Reading{word(`{"size":1.5}`)}},
	} {
		e, err := probe.ParseExpect(c.expect)
		require.NoError(t, err, c.expect)
		for _, r := range c.passed {
			require.Equal(t, signal.CheckPassed, e.Judge(r), "%s on %v %q", c.expect, r.Value, r.Raw)
		}
		for _, r := range c.failed {
			require.Equal(t, signal.CheckFailed, e.Judge(r), "%s on %v %q", c.expect, r.Value, r.Raw)
		}
		require.Equal(t, signal.CheckError, e.Judge(probe.Reading{Faulty: true}), c.expect)
	}
}

func TestExpectRefusesMore(t *testing.T) {
	for text, want := range map[string]string{
		"one 200":              `write it as "one of 200, 204" or "one of up, starting"`,
		"one of 200,,204":      "a value between two commas is missing",
		"one of 1ms, 2B":       `the values of "1ms, 2B" have different units`,
		"json":                 `write it as "json $.state = up", "json $.queue.length < 10", "json $.nodes[*] count = 3" or "json $.nodes[*].name values [\"a\", \"b\"]"`,
		"json $.a":             `write it as "json $.state = up", "json $.queue.length < 10", "json $.nodes[*] count = 3" or "json $.nodes[*].name values [\"a\", \"b\"]"`,
		"json $.a = ":          "a value must follow =",
		"json $.a up":          `"up" does not begin with >, >=, <, <=, =, !=, in, one of, matches, json, baseline or connects`,
		"json $.a connects":    `"connects" cannot be expected of a JSON value`,
		"baseline":             `write it as "baseline ± 20%", "baseline +- 3 sigma" or "< baseline + 20%"`,
		"baseline ± 3 fathoms": `the unit "fathoms" is not known; use %, ms, s, m, h, /s, kB, MB or none, or sigma`,
		"< baseline * 2":       `after baseline comes + or -, as in "< baseline + 20%", not "* 2"`,
		"baseline ± -3%":       `the distance from the baseline is not negative: "-3%"`,
	} {
		_, err := probe.ParseExpect(text)
		require.EqualError(t, err, want, text)
	}
	_, err := probe.ParseExpect("json a.b = up")
	require.ErrorContains(t, err, `"a.b = up" does not begin with a JSON path`)
}

func TestBaseline(t *testing.T) {
	for _, c := range []struct {
		expect, shown string
		mean, sigma   float64
		unit          probe.Unit
		lo, hi        float64
	}{
		{"baseline ± 20%", "in 40.0 ms..60.0 ms (baseline ± 20%)", 0.05, 0.001, probe.UnitSeconds, 0.04, 0.06},
		{"baseline +- 3 sigma", "in 47.0 ms..53.0 ms (baseline +- 3 sigma)", 0.05, 0.001, probe.UnitSeconds, 0.047, 0.053},
		{"baseline ± 2 sigma", "in 98..102 (baseline ± 2 sigma)", 100, 0, probe.UnitNone, 98, 102}, // a flat line
		{"< baseline + 20%", "< 60.0 ms (baseline + 20%)", 0.05, 0, probe.UnitSeconds, math.Inf(-1), 0.06},
		{">= baseline - 5", ">= 95 (baseline - 5)", 100, 0, probe.UnitAny, 95, math.Inf(1)},
		{"> baseline - 2σ", "> 90 (baseline - 2σ)", 100, 5, probe.UnitNone, 90, math.Inf(1)},
		{"<= baseline", "<= 100 (baseline)", 100, 5, probe.UnitNone, math.Inf(-1), 100},
	} {
		e, err := probe.ParseExpect(c.expect)
		require.NoError(t, err, c.expect)
		require.True(t, e.NeedsBaseline())
		require.Equal(t, signal.CheckPassed, e.Judge(number(1e9)), "before there is one, a value is enough")
		require.Equal(t, signal.CheckFailed, e.Judge(word("up")))
		over := e.Over(c.mean, c.sigma, c.unit)
		require.Equal(t, c.shown, over.String())
		lo, hi, ok := over.Bounds()
		require.True(t, ok)
		require.InDelta(t, c.lo, lo, 1e-9)
		require.InDelta(t, c.hi, hi, 1e-9)
		require.False(t, over.NeedsBaseline())
	}
	plain, err := probe.ParseExpect("< 3")
	require.NoError(t, err)
	require.Equal(t, plain, plain.Over(1, 1, probe.UnitNone))
}

func TestHysteresis(t *testing.T) {
	for _, c := range []struct {
		expect, margin string
		unit           probe.Unit
		value          float64 // good at first, and not good enough once it was bad
		good           float64
	}{
		{"< 200ms", "20ms", probe.UnitSeconds, 0.19, 0.179},
		{"< 200ms", "5%", probe.UnitSeconds, 0.195, 0.189},
		{"> 99%", "0.5%", probe.UnitShare, 0.992, 0.996},
		{"> 99%", "0.005", probe.UnitShare, 0.992, 0.996},
		{"in 10..20", "2", probe.UnitNone, 19, 17},
		{"> 100/s", "10", probe.UnitRate, 105, 111},
		{">= 3", "50%", probe.UnitAny, 4, 4.5},
	} {
		e, err := probe.ParseExpect(c.expect)
		require.NoError(t, err)
		var m probe.Margin
		require.NoError(t, m.UnmarshalScalar(c.margin))
		tight, err := e.Tightened(m, c.unit)
		require.NoError(t, err, c.expect)
		require.Equal(t, signal.CheckPassed, e.Judge(number(c.value)), c.expect)
		require.Equal(t, signal.CheckFailed, tight.Judge(number(c.value)), c.expect)
		require.Equal(t, signal.CheckPassed, tight.Judge(number(c.good)), c.expect)
	}
	for _, c := range [][3]string{
		{"> 99%", "2%", "no share is better than > 99% by 2%"},
		{"in 10..20", "6", "nothing is left of in 10..20 within a margin of 6"},
		{"= 200", "5", "a margin is for >, >=, <, <= and ranges"},
		{"< 200ms", "3B", "< 200ms is counted in time, not as bytes"},
	} {
		e, err := probe.ParseExpect(c[0])
		require.NoError(t, err)
		var m probe.Margin
		require.NoError(t, m.UnmarshalScalar(c[1]))
		_, err = e.Tightened(m, e.Unit())
		require.EqualError(t, err, c[2])
	}
	require.EqualError(t, new(probe.Margin).UnmarshalScalar("-3ms"), "a margin is not negative; write it as 3ms")
	require.EqualError(t, new(probe.Margin).UnmarshalScalar("lots"), `"lots" is not a number`)
}
