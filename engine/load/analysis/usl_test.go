package analysis

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 17)) }

// measuredLaw is seconds at each level of a target that follows the law, with relative noise.
func measuredLaw(rng *rand.Rand, l, s, k, noise float64, each int, levels ...float64) (out []Point) {
	for _, n := range levels {
		for range each {
			out = append(out, Point{Users: n, Rate: uslAt(l, s, k, n) * (1 + noise*rng.NormFloat64())})
		}
	}
	return out
}

func TestFitUSLExactly(t *testing.T) {
	u := FitUSL(measuredLaw(seeded(1), 40, 0.03, 0.0001, 0, 1, 1, 5, 10, 25, 50, 100, 150, 200))
	require.InEpsilon(t, 40, u.Lambda, 1e-6)
	require.InEpsilon(t, 0.03, u.Sigma, 1e-5)
	require.InEpsilon(t, 0.0001, u.Kappa, 1e-5)
	require.InEpsilon(t, math.Sqrt(0.97/0.0001), u.Peak, 1e-4)
	require.InDelta(t, 1, u.R2, 1e-9)
	require.Equal(t, Found, u.Verdict)
	require.Contains(t, u.Sentence, "throughput peaks at about 98")
	require.Contains(t, u.Sentence, "contention 3 %, coherency 0.01 %; beyond")
	require.InDelta(t, 0.5*40, (u.At(u.Knee+0.01)-u.At(u.Knee-0.01))/0.02, 0.01, "the knee is where the slope is half of the first")
}

func TestFitUSLUnderNoise(t *testing.T) {
	rng := seeded(2)
	const rounds = 200
	good, covered := 0, 0
	truth := math.Sqrt(0.96 / 0.00008)
	for range rounds {
		u := FitUSL(measuredLaw(rng, 25, 0.04, 0.00008, 0.04, 20, 1, 5, 10, 20, 40, 80, 120, 160, 200))
		if math.Abs(u.Sigma-0.04) < 0.006 && math.Abs(u.Kappa-0.00008) < 0.000016 && math.Abs(u.Peak-truth) < 0.1*truth && u.Verdict == Found {
			good++
		}
		if u.PeakLo <= truth && truth <= u.PeakHi {
			covered++
		}
	}
	t.Logf("within 15 and 20 %%: %.2f, interval covers: %.2f", float64(good)/rounds, float64(covered)/rounds)
	require.Greater(t, float64(good)/rounds, 0.9)
	require.Greater(t, float64(covered)/rounds, 0.88)
}

func TestFitUSLForgivesOddSeconds(t *testing.T) {
	points := measuredLaw(seeded(3), 25, 0.04, 0.00008, 0.02, 20, 1, 5, 10, 20, 40, 80, 120, 160, 200)
	for i := range points {
		if i%20 < 6 { // somebody else's backup
			points[i].Rate /= 5
		}
	}
	u := FitUSL(points)
	require.InEpsilon(t, math.Sqrt(0.96/0.00008), u.Peak, 0.15)
	// And a whole level that went wrong.
	points = measuredLaw(seeded(3), 25, 0.04, 0.00008, 0.01, 20, 1, 5, 10, 20, 40, 60, 80, 120, 160, 200)
	for i := range points {
		if points[i].Users == 60 {
			points[i].Rate *= 0.4
		}
	}
	u = FitUSL(points)
	require.InEpsilon(t, math.Sqrt(0.96/0.00008), u.Peak, 0.15)
}

func TestFitUSLStaysInItsBounds(t *testing.T) {
	linear := FitUSL(measuredLaw(seeded(4), 10, 0, 0, 0.002, 10, 1, 10, 20, 50, 100, 200))
	require.GreaterOrEqual(t, linear.Sigma, 0.0)
	require.GreaterOrEqual(t, linear.Kappa, 0.0)
	require.InEpsilon(t, 10, linear.Lambda, 0.02)
	require.Equal(t, Clear, linear.Verdict)
	require.Contains(t, linear.Sentence, "throughput grows with the users up to 200")

	// Better than linear: no law with such parameters, and none is made up.
	super := []Point{{1, 10}, {2, 21}, {4, 45}, {8, 98}, {16, 210}}
	u := FitUSL(super)
	require.Zero(t, u.Sigma)
	require.Zero(t, u.Kappa)

	amdahl := FitUSL(measuredLaw(seeded(5), 10, 0.05, 0, 0, 1, 1, 5, 10, 20, 50, 100))
	require.InDelta(t, 0.05, amdahl.Sigma, 1e-4)
	require.Equal(t, Clear, amdahl.Verdict)
	require.Contains(t, amdahl.Sentence, "still rises at 100 users")
}

func TestFitUSLSaysWhenNotToTrustIt(t *testing.T) {
	few := FitUSL(measuredLaw(seeded(6), 10, 0.05, 0.001, 0, 50, 1, 10, 20))
	require.Equal(t, Inconclusive, few.Verdict)
	require.Contains(t, few.Sentence, "3 levels of users: it takes at least 4")
	require.Equal(t, Inconclusive, FitUSL(nil).Verdict)
	require.Equal(t, Inconclusive, FitUSL([]Point{{1, 0}, {2, 0}, {3, 0}, {4, 0}}).Verdict)
	require.Equal(t, Inconclusive, FitUSL([]Point{{math.NaN(), 1}, {-1, 1}, {math.Inf(1), 2}, {3, math.NaN()}}).Verdict)

	beyond := FitUSL(measuredLaw(seeded(7), 40, 0.03, 0.0001, 0, 1, 1, 5, 10, 20, 30, 40, 50))
	require.Equal(t, Clear, beyond.Verdict)
	require.Contains(t, strings.Join(beyond.Lines(), "\n"), "it is an extrapolation")

	rng := seeded(8)
	var noise []Point
	for n := 1.0; n <= 12; n++ {
		noise = append(noise, Point{n * 10, 100 + 400*rng.Float64()})
	}
	u := FitUSL(noise)
	require.Equal(t, Inconclusive, u.Verdict)
	require.Contains(t, u.Sentence, "does not follow")
}

func TestFitUSLOfTargetsThatDoNotScale(t *testing.T) {
	limited := FitUSL([]Point{{10, 100}, {20, 100}, {30, 100}, {40, 101}, {80, 99}})
	require.Equal(t, Found, limited.Verdict)
	require.Contains(t, limited.Sentence, "throughput stays at about 101/s from 10 to 80 users")

	worse := FitUSL(measuredLaw(seeded(1), 9, 1.1, 0.01, 0.02, 20, 1, 5, 10, 25, 50, 100))
	require.Equal(t, Found, worse.Verdict)
	require.Equal(t, 1.0, worse.Peak)
	require.Contains(t, worse.Sentence, "throughput falls with every user")
}

func TestFitUSLSurvivesAnything(t *testing.T) {
	rng := seeded(9)
	for range 500 {
		var points []Point
		for range rng.IntN(15) {
			points = append(points, Point{math.Exp(rng.NormFloat64() * 8), math.Exp(rng.NormFloat64() * 8)})
		}
		u := FitUSL(points)
		require.NotEmpty(t, u.Sentence)
		if u.Levels >= leastLevels {
			require.GreaterOrEqual(t, u.Sigma, 0.0)
			require.GreaterOrEqual(t, u.Kappa, 0.0)
			require.Greater(t, u.Lambda, 0.0)
		}
	}
}

func TestLevelsLeaveOutTheSettling(t *testing.T) {
	var seconds []Second
	for i := range 30 {
		at := time.Duration(i) * time.Second
		seconds = append(seconds, Second{From: at, To: at + time.Second, Users: float64(10 * (1 + i/10)), Done: uint64(100 * (1 + i/10))})
	}
	points := Levels(seconds, 0)
	require.Len(t, points, 24)
	require.Equal(t, Point{10, 100}, points[0])
	require.Equal(t, Point{30, 300}, points[23])
	require.Empty(t, Levels(nil, 0))
}
