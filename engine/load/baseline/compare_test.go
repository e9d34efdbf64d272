package baseline

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func usual() shape {
	return shape{rate: 100, median: 20 * time.Millisecond, errors: 0.005, wander: 0.03, memory: 0.4, seconds: 120}
}

func (c *Comparison) of(step string, s Stat) (out Difference) {
	c.all(func(k *Compared, d *Difference) {
		if k.Step == step && d.Stat == s {
			out = *d
		}
	})
	return out
}

// Two runs of the same system are called different in at most alpha of all cases, over all figures together, with even the
// smallest difference counting.
func TestNoFalseAlarms(t *testing.T) {
	const rounds, alpha = 50, 0.1
	for _, memory := range []float64{0, 0.6} {
		rng, alarms := seeded(10), 0
		for range rounds {
			s := usual()
			s.memory, s.seconds, s.rate = memory, 60, 40
			c := Compare(made(rng, s), made(rng, s), Options{Alpha: alpha, Least: 1e-9, LeastErrors: 1e-9})
			different := false
			c.all(func(_ *Compared, d *Difference) { different = different || d.Verdict == Worse || d.Verdict == Better })
			if different {
				alarms++
			}
		}
		t.Logf("memory %v: %.3f", memory, float64(alarms)/rounds)
		require.LessOrEqual(t, float64(alarms)/rounds, 1.3*alpha)
	}
}

// And with the default size that matters, practically never.
func TestSameIsSame(t *testing.T) {
	rng := seeded(11)
	verdicts := map[Verdict]int{}
	for range 10 {
		s := usual()
		s.rate, s.errors = 300, 0
		verdicts[Compare(made(rng, s), made(rng, s), Options{}).Verdict]++
	}
	t.Log(verdicts)
	require.Zero(t, verdicts[Worse])
	require.Zero(t, verdicts[Better])
	require.Greater(t, verdicts[Same], 6)
}

func TestTenPercentAreFound(t *testing.T) {
	rng := seeded(12)
	found, covered := 0, 0
	const rounds = 20
	for range rounds {
		slower := usual()
		slower.median = 22 * time.Millisecond
		c := Compare(made(rng, usual()), made(rng, slower), Options{})
		d := c.of("total", P50)
		if d.Verdict == Worse && c.Verdict == Worse {
			found++
		}
		if d.Lo <= 0.1 && d.Hi >= 0.1 {
			covered++
		}
		require.NotEqual(t, Better, c.of("total", P95).Verdict)
	}
	t.Logf("found %d, covered %d of %d", found, covered, rounds)
	require.GreaterOrEqual(t, found, rounds*9/10)
	require.GreaterOrEqual(t, covered, rounds*8/10)
}

func TestAComparisonIsTold(t *testing.T) {
	rng := seeded(13)
	good, slow := usual(), usual()
	slow.median = 30 * time.Millisecond
	c := Compare(made(rng, good, good), made(rng, good, slow), Options{})
	require.Equal(t, Worse, c.Verdict)
	require.Len(t, c.Steps, 2)
	require.Equal(t, Worse, c.of("step2", P95).Verdict)
	require.NotEqual(t, Worse, c.of("step1", P95).Verdict)
	require.InDelta(t, 0.5, c.of("step2", P50).Effect, 0.05)
	require.Equal(t, 15, c.Tests)
	text := strings.Join(c.Lines(), "\n")
	require.Contains(t, text, "worse than the baseline of 2026-11-01 10:00: ")
	require.Regexp(t, `step2 p50 worse: [\d.]+ ms → [\d.]+ ms, \+[\d.]+ % \(95 % CI \+[\d.]+ % to \+[\d.]+ %\), p < 0.001`, text)
	require.Contains(t, text, "judged by Mann-Whitney U")
	require.Empty(t, c.Reasons)

	back := Compare(made(rng, slow), made(rng, good), Options{})
	require.Equal(t, Better, back.of("total", P95).Verdict)
	require.Empty(t, back.Steps, "one step is the total")
}

func TestErrorsAndRates(t *testing.T) {
	rng := seeded(14)
	failing, none := usual(), usual()
	failing.errors, none.errors = 0.02, 0
	d := Compare(made(rng, usual()), made(rng, failing), Options{}).of("total", Errors)
	require.Equal(t, Worse, d.Verdict, d.String())
	require.InDelta(t, 0.015, d.Effect, 0.004)
	require.Contains(t, d.String(), " points (95 % CI ")

	d = Compare(made(rng, none), made(rng, none), Options{}).of("total", Errors)
	require.Equal(t, Same, d.Verdict)
	require.Equal(t, "nothing failed in either run", d.Why)
	require.Positive(t, d.Hi, "which does not show that nothing ever fails")

	slow := usual()
	slow.rate = 80
	c := Compare(made(rng, usual()), made(rng, slow), Options{})
	require.Equal(t, Worse, c.of("total", Rate).Verdict)
	require.InDelta(t, -0.2, c.of("total", Rate).Effect, 0.03)
	require.Contains(t, strings.Join(c.Reasons, "\n"), "the load differs (1")
}

func TestTooLittleIsInconclusive(t *testing.T) {
	rng := seeded(15)
	short := usual()
	short.seconds = 5
	c := Compare(made(rng, usual()), made(rng, short), Options{})
	require.Equal(t, Inconclusive, c.Verdict)
	require.Contains(t, c.of("total", P50).Why, "fewer than the 8 it takes")

	thin := usual()
	thin.rate, thin.seconds = 5, 60
	c = Compare(made(rng, thin), made(rng, thin), Options{})
	d := c.of("total", P99)
	require.Equal(t, Inconclusive, d.Verdict)
	require.Greater(t, d.Block, 30*time.Second, "a P99 takes 200 requests in each block")

	empty := NewRecorder("step1").Baseline(head())
	for _, c := range []*Comparison{Compare(empty, made(rng, usual()), Options{}), Compare(made(rng, usual()), empty, Options{}), Compare(empty, empty, Options{})} {
		require.Equal(t, Inconclusive, c.Verdict)
		require.NotEmpty(t, c.Lines())
	}
}

func TestWhatMakesRunsIncomparable(t *testing.T) {
	rng := seeded(16)
	slow := usual()
	slow.median *= 2
	base, now := made(rng, usual()), made(rng, slow)
	now.Plan, now.Machine.CPUs, now.Gameday = "p2", 128, ""
	now.Steps[0].Name = "renamed"
	c := Compare(base, now, Options{})
	require.Equal(t, Inconclusive, c.Verdict)
	text := strings.Join(c.Reasons, "\n")
	for _, want := range []string{"the plans differ", "another machine", "0.3 then and is unknown now", "gone: step1", "does not have: renamed"} {
		require.Contains(t, text, want)
	}
	require.Equal(t, Worse, Compare(base, now, Options{AnyPlan: true}).Verdict)
}

func TestMissedArrivalsAreDistrusted(t *testing.T) {
	rng := seeded(17)
	slow := usual()
	slow.median *= 2
	fast, late := made(rng, usual()), made(rng, slow)
	fast.Missed = 100
	require.Equal(t, Inconclusive, Compare(late, fast, Options{}).of("total", P95).Verdict, "too good to be believed")
	require.Equal(t, Inconclusive, Compare(fast, late, Options{}).of("total", P95).Verdict, "the base was too good")
	fast.Missed, late.Missed = 0, 100
	require.Equal(t, Worse, Compare(fast, late, Options{}).of("total", P95).Verdict, "it is even worse than it looks")
}

func TestRunsOfDifferentLengthsAndBlocks(t *testing.T) {
	rng := seeded(18)
	long := usual()
	long.seconds, long.rate = 1200, 40
	short := usual()
	short.rate = 40
	base := made(rng, long)
	require.Greater(t, base.Blocks[0].To, time.Second, "it was joined")
	c := Compare(base, made(rng, short), Options{})
	d := c.of("total", P50)
	require.NotEqual(t, Worse, d.Verdict)
	require.Greater(t, d.Blocks[0], d.Blocks[1])
	require.NotEqual(t, Worse, c.Verdict)
}

// A ramp makes a run of its own seconds incomparable to each other, and still two runs of it are told apart.
func TestRampsAreComparedInPairs(t *testing.T) {
	rng := seeded(21)
	ramp := func(slower float64) *Baseline {
		r := NewRecorder("a")
		for sec := range 150 {
			s := shape{rate: 20 + 2*sec, median: time.Duration(slower * float64(10+sec) * float64(time.Millisecond))}
			r.Add(time.Duration(sec)*time.Second, time.Duration(sec+1)*time.Second, 0, []Block{s.second(rng, 0)})
		}
		return r.Baseline(head())
	}
	base := ramp(1)
	d := Compare(base, ramp(1.1), Options{}).of("total", P50)
	require.True(t, d.Paired)
	require.Equal(t, Worse, d.Verdict, d.String())
	require.InDelta(t, 0.1, d.Effect, 0.02)
	alarms := 0
	for range 8 {
		if d := Compare(base, ramp(1), Options{Least: 1e-9}).of("total", P50); d.Verdict == Worse || d.Verdict == Better {
			alarms++
		}
	}
	require.LessOrEqual(t, alarms, 1)
	rate := Compare(base, ramp(1), Options{}).of("total", Rate)
	require.Equal(t, Same, rate.Verdict, rate.String())
}

func BenchmarkCompare(b *testing.B) {
	shapes := make([]shape, 20)
	for i := range shapes {
		shapes[i] = usual()
	}
	base, now := made(seeded(19), shapes...), made(seeded(20), shapes...)
	for b.Loop() {
		Compare(base, now, Options{})
	}
}
