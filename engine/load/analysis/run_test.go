package analysis

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/histogram"
)

// target is how a made-up target answers in one second.
type target struct {
	planned, users float64
	rate           float64 // done
	errors         float64
	p95            time.Duration
}

// run makes seconds of a target: arrivals by chance, latencies log-normal with the wanted P95.
func run(rng *rand.Rand, n int, at func(i int) target) []Second {
	out := make([]Second, n)
	for i := range out {
		c := at(i)
		var h histogram.Histogram
		done := uint64(max(math.Round(c.rate+math.Sqrt(c.rate)*rng.NormFloat64()), 0))
		s := Second{From: time.Duration(i) * time.Second, To: time.Duration(i+1) * time.Second, Planned: c.planned, Users: c.users, Done: done}
		for range done {
			if rng.Float64() < c.errors {
				s.Failed++
			}
			h.Record(time.Duration(float64(c.p95) * math.Exp(0.4*(rng.NormFloat64()-1.645))))
		}
		s.Latency = h.Sparse()
		out[i] = s
	}
	return out
}

const ms = time.Millisecond

// rising is a target under 10/s more each second, which does what broken says from the given rate on.
func rising(from float64, broken func(planned float64, c *target)) func(int) target {
	return func(i int) target {
		planned := 10 * float64(i+1)
		c := target{planned: planned, rate: planned, p95: 40 * ms}
		if planned >= from {
			broken(planned, &c)
		}
		return c
	}
}

func TestBreakingPoints(t *testing.T) {
	for name, c := range map[string]struct {
		broken  func(planned float64, c *target)
		symptom Symptom
		limits  Limits
		words   string
	}{
		"errors":  {func(_ float64, c *target) { c.errors = 0.12 }, SymptomErrors, Limits{}, "(limit 5 %)"},
		"latency": {func(_ float64, c *target) { c.p95 = 400 * ms }, SymptomP95, Limits{}, "times its 4"},
		"limit":   {func(_ float64, c *target) { c.p95 = 100 * ms }, SymptomP95, Limits{P95: 80 * ms}, "(limit 80 ms)"},
		"rate":    {func(_ float64, c *target) { c.rate = 450 }, SymptomBehind, Limits{}, "/s were done"},
	} {
		b := FindBreak(run(seeded(1), 100, rising(600, c.broken)), c.limits)
		require.Equal(t, Found, b.Verdict, name)
		require.Equal(t, []Symptom{c.symptom}, b.Symptoms, name)
		require.InDelta(t, 600, b.Load, 30, name)
		require.Less(t, b.Held, b.Load, name)
		require.Contains(t, b.Sentence, c.words, name)
		require.True(t, strings.HasPrefix(b.Sentence, "broke at "), b.Sentence)
	}
}

func TestBreakSaysWhatWeakensIt(t *testing.T) {
	all := FindBreak(run(seeded(2), 60, rising(0, func(_ float64, c *target) { c.errors = 0.3 })), Limits{})
	require.Equal(t, Found, all.Verdict)
	require.Contains(t, strings.Join(all.Lines(), "\n"), "broken from the start")

	seconds := run(seeded(2), 60, rising(300, func(_ float64, c *target) { c.rate = 200 }))
	for i := 29; i < 60; i++ {
		seconds[i].Missed = 50
	}
	require.Contains(t, strings.Join(FindBreak(seconds, Limits{}).Doubts, "\n"), "the generator may have been the limit")

	late := FindBreak(run(seeded(2), 60, rising(600, func(_ float64, c *target) { c.errors = 0.5 })), Limits{})
	require.Contains(t, strings.Join(late.Doubts, "\n"), "last window")
}

func TestNoBreak(t *testing.T) {
	b := FindBreak(run(seeded(3), 100, rising(2000, nil)), Limits{P95: time.Second})
	require.Equal(t, Clear, b.Verdict)
	require.Contains(t, b.Sentence, "did not break up to 995/s")

	// One bad moment is no breaking point.
	b = FindBreak(run(seeded(3), 400, func(i int) target {
		c := target{planned: float64(i), rate: float64(i), p95: 40 * ms}
		if i >= 200 && i < 210 {
			c.errors = 0.5
		}
		return c
	}), Limits{Window: 10 * time.Second})
	require.Equal(t, Clear, b.Verdict, b.Sentence)
}

func TestBreakOfAClosedRun(t *testing.T) {
	b := FindBreak(run(seeded(4), 100, func(i int) target {
		c := target{users: float64(i + 1), rate: 300, p95: 50 * ms}
		if i >= 70 {
			c.errors = 0.2
		}
		return c
	}), Limits{})
	require.Equal(t, Found, b.Verdict)
	require.Equal(t, " users", b.Unit)
	require.InDelta(t, 71, b.Load, 3)
}

func TestBreakWithoutARise(t *testing.T) {
	require.Equal(t, Inconclusive, FindBreak(nil, Limits{}).Verdict)
	flat := FindBreak(run(seeded(5), 60, func(int) target { return target{planned: 100, rate: 100, p95: ms} }), Limits{})
	require.Equal(t, Inconclusive, flat.Verdict)
	require.Contains(t, flat.Sentence, "takes a rising load")
	require.Equal(t, Inconclusive, FindBreak(make([]Second, 100), Limits{}).Verdict)
}

// A target at half its limit is never called broken.
func TestBreakHasNoFalseAlarms(t *testing.T) {
	for seed := range uint64(20) {
		b := FindBreak(run(seeded(100+seed), 60, func(i int) target {
			return target{planned: float64(10 + 2*i), rate: float64(10 + 2*i), errors: 0.02, p95: 40 * ms}
		}), Limits{})
		require.Equal(t, Clear, b.Verdict, b.Sentence)
	}
}

// spiky is 60 s at 50/s, 20 s at ten times that, and back to P95 and errors of before after so many seconds.
func spiky(hurts bool, after int) func(int) target {
	return func(i int) target {
		c := target{planned: 50, rate: 50, p95: 40 * ms, errors: 0.002}
		switch {
		case i >= 60 && i < 80:
			c.planned, c.rate = 500, 500
			if hurts {
				c.p95, c.errors = 900*ms, 0.08
			}
		case i >= 80 && i < 80+after:
			c.p95, c.errors = 500*ms, 0.03
		}
		return c
	}
}

func TestRecovery(t *testing.T) {
	from, to := 60*time.Second, 80*time.Second
	s := Recovery(run(seeded(6), 140, spiky(true, 17)), from, to, Tolerance{})
	require.Equal(t, Clear, s.Verdict)
	require.True(t, s.Recovered)
	require.False(t, s.Absorbed)
	require.InDelta(t, 17, s.Recovery.Seconds(), 2, s.Sentence)
	require.InEpsilon(t, 0.9, s.During.P95, 0.1)
	require.InEpsilon(t, 0.04, s.Before.P95, 0.1)
	require.Contains(t, s.Sentence, "back to normal")

	never := Recovery(run(seeded(6), 140, spiky(true, 100)), from, to, Tolerance{})
	require.Equal(t, Found, never.Verdict)
	require.False(t, never.Recovered)
	require.Contains(t, never.Sentence, "did not recover from")
	require.Contains(t, never.Sentence, "within 1 min after it")

	calm := Recovery(run(seeded(6), 140, spiky(false, 0)), from, to, Tolerance{P95: 0.5})
	require.True(t, calm.Absorbed, calm.Sentence)
	require.Zero(t, calm.Recovery)
}

func TestRecoveryWithoutData(t *testing.T) {
	seconds := run(seeded(7), 140, spiky(true, 10))
	for name, s := range map[string]Spike{
		"no base":    Recovery(seconds[58:], 60*time.Second, 80*time.Second, Tolerance{}),
		"no burst":   Recovery(seconds, 60*time.Second, 60*time.Second, Tolerance{}),
		"no after":   Recovery(seconds[:83], 60*time.Second, 80*time.Second, Tolerance{}),
		"nothing":    Recovery(nil, 1, 2, Tolerance{}),
		"no traffic": Recovery(run(seeded(1), 140, func(int) target { return target{} }), 60*time.Second, 80*time.Second, Tolerance{}),
	} {
		require.Equal(t, Inconclusive, s.Verdict, name)
		require.Contains(t, s.Sentence, "recovery cannot be told", name)
	}
	silent := Recovery(run(seeded(8), 140, func(i int) target {
		if i < 60 {
			return target{rate: 50, p95: 40 * ms}
		}
		return target{}
	}), 60*time.Second, 80*time.Second, Tolerance{})
	require.Equal(t, Found, silent.Verdict, "a target that answers nothing has not recovered")
}

func TestRecoveryTellsARelapse(t *testing.T) {
	s := Recovery(run(seeded(9), 160, func(i int) target {
		c := spiky(true, 5)(i)
		if i > 120 && i < 140 {
			c.errors = 0.5
		}
		return c
	}), 60*time.Second, 80*time.Second, Tolerance{})
	require.True(t, s.Recovered)
	require.Contains(t, strings.Join(s.Doubts, "\n"), "left the tolerance again")
}
