package rank

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 99)) }

// wandering is a first-order autoregressive series of variance 1.
func wandering(rng *rand.Rand, n int, rho float64) []float64 {
	out := make([]float64, n)
	v := rng.NormFloat64()
	for i := range out {
		v = rho*v + math.Sqrt(1-rho*rho)*rng.NormFloat64()
		out[i] = v
	}
	return out
}

func upTo(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	return x
}

func TestRanksShareTies(t *testing.T) {
	ranks, ties := Ranks([]float64{3, 1, 3, 2, 3})
	require.Equal(t, []float64{4, 1, 4, 2, 4}, ranks)
	require.Equal(t, 24.0, ties)
	ranks, ties = Ranks(nil)
	require.Empty(t, ranks)
	require.Zero(t, ties)
}

func TestMedianAndSpread(t *testing.T) {
	require.True(t, math.IsNaN(Median(nil)))
	require.True(t, math.IsNaN(Spread(nil)))
	require.Equal(t, 2.5, Median([]float64{4, 1, 3, 2}))
	require.Equal(t, 3.0, Median([]float64{100, 1, 3}))
	rng := seeded(1)
	require.InDelta(t, 2, Spread(scaled(wandering(rng, 20_000, 0), 2)), 0.05)
}

func scaled(v []float64, by float64) []float64 {
	for i := range v {
		v[i] *= by
	}
	return v
}

// The figures are those of every printed table of the t distribution.
func TestStudentAsInTables(t *testing.T) {
	for _, c := range []struct{ df, t, p float64 }{
		{1, 12.7062, 0.05}, {2, 4.30265, 0.05}, {10, 2.228139, 0.05}, {10, 3.169273, 0.01}, {30, 2.042272, 0.05},
		{120, 2.617421, 0.01}, {5, 0, 1}, {1e9, 1.959964, 0.05}, {3.5, 2.939, 0.05},
	} {
		require.InDelta(t, c.p, Student(c.t, c.df), 0.0003, "t %v, df %v", c.t, c.df)
		if c.t > 0 {
			require.InEpsilon(t, c.t, Within(1-c.p, c.df), 0.002, "df %v", c.df)
		}
	}
	require.Zero(t, Student(math.Inf(-1), 5))
	require.True(t, math.IsNaN(Student(math.NaN(), 5)))
	require.True(t, math.IsNaN(Within(math.NaN(), 5)))
	require.InDelta(t, 0.05, Normal(-1.959964), 1e-6)
}

func TestHolm(t *testing.T) {
	got := Holm([]float64{0.01, math.NaN(), 0.04, 0.03, 0.9})
	require.True(t, math.IsNaN(got[1]))
	require.InDeltaSlice(t, []float64{0.04, 0.09, 0.09, 0.9}, []float64{got[0], got[2], got[3], got[4]}, 1e-12)
	require.Empty(t, Holm(nil))
}

// Turtles and hares: Mann and Whitney's U of this example of this example counts 9 of 36 pairs, by hand.
func TestMannWhitneyByHand(t *testing.T) {
	hares, turtles := []float64{6, 8, 10, 11, 12, 1}, []float64{2, 3, 4, 5, 7, 9}
	s := MannWhitney(hares, turtles, 0.95)
	require.InDelta(t, 9.0/36, s.Greater, 1e-12)
	require.InDelta(t, -3.5, s.By, 1e-12)
	require.Less(t, s.Lo, s.By)
	require.Greater(t, s.Hi, s.By)
	back := MannWhitney(turtles, hares, 0.95)
	require.InDelta(t, s.P, back.P, 1e-12, "it makes no difference which is which")
	require.InDelta(t, -s.By, back.By, 1e-12)
}

func TestMannWhitneyWithoutData(t *testing.T) {
	for _, c := range [][2][]float64{{nil, nil}, {{1}, {1, 2, 3}}, {{1, 2, math.NaN()}, {1, 2, 3}}, {{1, math.Inf(1)}, {1, 2}}} {
		require.True(t, math.IsNaN(MannWhitney(c[0], c[1], 0.95).P))
	}
	same := MannWhitney([]float64{5, 5, 5}, []float64{5, 5, 5, 5}, 0.95)
	require.Equal(t, 1.0, same.P)
	require.Zero(t, same.By)
}

// Two pieces of the same process differ significantly in about alpha of all cases, also when their seconds hang together.
func TestMannWhitneyFalseAlarms(t *testing.T) {
	const alpha, rounds = 0.05, 400
	for _, c := range []struct {
		n    int
		rho  float64
		most float64
	}{{20, 0, 1.2}, {60, 0, 1.2}, {60, 0.3, 1.4}, {60, 0.6, 1.5}, {120, 0.8, 1.5}} {
		rng := seeded(uint64(c.n))
		alarms, missed := 0, 0
		for range rounds {
			s := MannWhitney(wandering(rng, c.n, c.rho), wandering(rng, c.n, c.rho), 1-alpha)
			if s.P < alpha {
				alarms++
			}
			if s.Lo > 0 || s.Hi < 0 {
				missed++
			}
		}
		t.Logf("n %d, rho %v: %.3f alarms, %.3f intervals beside the truth", c.n, c.rho, float64(alarms)/rounds, float64(missed)/rounds)
		require.Less(t, float64(alarms)/rounds, c.most*alpha, "n %d, rho %v", c.n, c.rho)
		require.Less(t, float64(missed)/rounds, c.most*alpha+0.005, "n %d, rho %v", c.n, c.rho)
	}
}

func TestMannWhitneyFindsAShift(t *testing.T) {
	const rounds = 300
	rng := seeded(5)
	found, covered := 0, 0
	for range rounds {
		b := wandering(rng, 60, 0.3)
		for i := range b {
			b[i] += 1
		}
		s := MannWhitney(wandering(rng, 60, 0.3), b, 0.95)
		if s.P < 0.01 && s.By > 0 {
			found++
		}
		if s.Lo <= 1 && s.Hi >= 1 {
			covered++
		}
	}
	t.Logf("found %.2f, covered %.2f", float64(found)/rounds, float64(covered)/rounds)
	require.Greater(t, float64(found)/rounds, 0.8)
	require.Greater(t, float64(covered)/rounds, 0.92)
}

func TestRisingByHand(t *testing.T) {
	// Nine pairs rise and one falls; the slopes, sorted, are -1 0.5 1 1 1 1.25 1.33 2 2 3.
	tr := Rising([]float64{0, 1, 2, 3, 4}, []float64{1, 2, 5, 4, 6}, 0.95)
	require.InDelta(t, 0.8, tr.Tau, 1e-12)
	require.InDelta(t, 1.125, tr.Slope, 1e-12)
	flat := Rising(upTo(10), make([]float64, 10), 0.95)
	require.Equal(t, 1.0, flat.P)
	require.Zero(t, flat.Slope)
}

func TestRisingWithoutData(t *testing.T) {
	require.True(t, math.IsNaN(Rising(upTo(3), upTo(3), 0.95).P))
	require.True(t, math.IsNaN(Rising(upTo(5), upTo(4), 0.95).P))
	require.True(t, math.IsNaN(Rising(upTo(5), []float64{1, 2, math.NaN(), 3, 4}, 0.95).P))
	require.True(t, math.IsNaN(Rising(make([]float64, 5), upTo(5), 0.95).P), "all at one time")
	require.True(t, math.IsNaN(Rising(upTo(MaxTrend+1), upTo(MaxTrend+1), 0.95).P))
}

func TestRisingFalseAlarms(t *testing.T) {
	const alpha, rounds = 0.05, 300
	for _, c := range []struct {
		n         int
		rho, most float64
	}{{12, 0, 1.3}, {30, 0, 1.3}, {100, 0, 1.3}, {60, 0.3, 1.5}, {100, 0.5, 1.6}, {100, 0.7, 1.8}, {200, 0.8, 2}} {
		rng := seeded(uint64(c.n) + 7)
		alarms, missed := 0, 0
		for range rounds {
			tr := Rising(upTo(c.n), wandering(rng, c.n, c.rho), 1-alpha)
			if tr.P < alpha {
				alarms++
			}
			if tr.Lo > 0 || tr.Hi < 0 {
				missed++
			}
		}
		t.Logf("n %d, rho %v: %.3f alarms, %.3f intervals beside the truth", c.n, c.rho, float64(alarms)/rounds, float64(missed)/rounds)
		require.Less(t, float64(alarms)/rounds, c.most*alpha, "n %d, rho %v", c.n, c.rho)
	}
}

func TestRisingFindsATrend(t *testing.T) {
	const rounds = 200
	rng := seeded(11)
	found, covered := 0, 0
	for range rounds {
		y := wandering(rng, 100, 0.4)
		for i := range y {
			y[i] += 0.03 * float64(i)
		}
		tr := Rising(upTo(100), y, 0.95)
		if tr.P < 0.01 {
			found++
		}
		if tr.Lo <= 0.03 && tr.Hi >= 0.03 {
			covered++
		}
	}
	t.Logf("found %.2f, covered %.2f", float64(found)/rounds, float64(covered)/rounds)
	require.Greater(t, float64(found)/rounds, 0.9)
	require.Greater(t, float64(covered)/rounds, 0.9)
}

// The signed ranks of this example are +1 +2 -3 +4 +5 +6, by hand.
func TestWilcoxonByHand(t *testing.T) {
	s := Wilcoxon([]float64{1, 2, -3, 4, 5, 6}, 0.95)
	sigma := math.Sqrt(6 * 7 * 13 / 24.0 * 6 / s.NA) // widened, since they rise
	require.InDelta(t, Student((18-10.5-0.5)/sigma, s.NA-1), s.P, 1e-12)
	require.InDelta(t, 3, s.By, 0.5)
	require.True(t, math.IsNaN(Wilcoxon([]float64{1}, 0.95).P))
	require.True(t, math.IsNaN(Wilcoxon([]float64{1, math.NaN()}, 0.95).P))
	require.Equal(t, 1.0, Wilcoxon(make([]float64, 9), 0.95).P)
}

func TestWilcoxonFalseAlarms(t *testing.T) {
	const alpha, rounds = 0.05, 400
	for _, rho := range []float64{0, 0.5} {
		rng := seeded(21)
		alarms, missed := 0, 0
		for range rounds {
			s := Wilcoxon(wandering(rng, 60, rho), 1-alpha)
			if s.P < alpha {
				alarms++
			}
			if s.Lo > 0 || s.Hi < 0 {
				missed++
			}
		}
		t.Logf("rho %v: %.3f alarms, %.3f intervals beside the truth", rho, float64(alarms)/rounds, float64(missed)/rounds)
		require.Less(t, float64(alarms)/rounds, 1.5*alpha)
		require.Less(t, float64(missed)/rounds, 1.5*alpha)
	}
}
