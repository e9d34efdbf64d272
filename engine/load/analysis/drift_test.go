package analysis

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// series wanders around level with the given spread and memory, and rises by slope each second; one sample in ten seconds.
func series(rng *rand.Rand, n int, level, slope, spread, rho float64) []Sample {
	out := make([]Sample, n)
	v := rng.NormFloat64()
	for i := range out {
		v = rho*v + math.Sqrt(1-rho*rho)*rng.NormFloat64()
		at := time.Duration(i) * 10 * time.Second
		out[i] = Sample{At: at, Value: level + slope*at.Seconds() + spread*v}
	}
	return out
}

const mb = 1 << 20

func TestDriftOfMemoryIsTold(t *testing.T) {
	limit := 1024.0 * mb
	d := Drifting(Series{Name: "memory of checkout", Unit: Bytes, Limit: &limit, Samples: series(seeded(1), 360, 600*mb, 2.1*mb/60, 3*mb, 0.3)}, Judge{})
	require.Equal(t, Found, d.Verdict)
	require.InEpsilon(t, 2.1*mb/60, d.Slope, 0.03)
	require.LessOrEqual(t, d.Lo, d.Slope)
	require.GreaterOrEqual(t, d.Hi, d.Slope)
	require.Contains(t, d.Sentence, "memory of checkout rises 2.1")
	require.Contains(t, d.Sentence, "full in about 2.4 h")
	require.InEpsilon(t, (1024-600-2.1*60)/2.1*60, d.Full.Seconds(), 0.05)
	require.LessOrEqual(t, d.FullLo, d.Full)
	require.GreaterOrEqual(t, d.FullHi, d.Full)
	require.Empty(t, d.Doubts)

	low := 100.0 * mb
	over := Drifting(Series{Name: "memory", Unit: Bytes, Limit: &low, Samples: series(seeded(1), 360, 600*mb, 2.1*mb/60, 3*mb, 0.3)}, Judge{})
	require.Contains(t, over.Sentence, "has reached its limit of 100 MB")
}

func TestDriftDownwards(t *testing.T) {
	none := 0.0
	disk := Drifting(Series{Name: "free disk", Unit: Bytes, Limit: &none, Shrinks: true, Samples: series(seeded(2), 200, 1000*mb, -mb/10, 5*mb, 0)}, Judge{})
	require.Equal(t, Found, disk.Verdict)
	require.Contains(t, disk.Sentence, "free disk falls")
	require.Contains(t, disk.Sentence, "empty in about")
	require.LessOrEqual(t, disk.FullLo, disk.FullHi)

	better := Drifting(Series{Name: "p95", Unit: Seconds, Samples: series(seeded(2), 200, 0.3, -0.00005, 0.005, 0)}, Judge{})
	require.Equal(t, Clear, better.Verdict, "falling latency hurts nobody")
	require.Contains(t, better.Sentence, "p95 falls")
}

func TestNoDrift(t *testing.T) {
	tight := Drifting(Series{Name: "p95", Unit: Seconds, Samples: series(seeded(3), 300, 0.1, 0, 0.002, 0.2)}, Judge{})
	require.Equal(t, Clear, tight.Verdict, tight.Sentence)
	require.Contains(t, tight.Sentence, "does not drift by 5 % or more")

	loose := Drifting(Series{Name: "p95", Unit: Seconds, Samples: series(seeded(4), 15, 0.1, 0, 0.05, 0)}, Judge{})
	require.Equal(t, Inconclusive, loose.Verdict, loose.Sentence)
	require.Contains(t, loose.Sentence, "cannot be told from its ups and downs")

	tiny := Drifting(Series{Name: "p95", Unit: Seconds, Samples: series(seeded(5), 300, 0.1, 0.000001, 0.0005, 0)}, Judge{})
	require.Less(t, tiny.P, 0.001, "it is significant")
	require.Equal(t, Clear, tiny.Verdict, "and does not matter")

	flat := Drifting(Series{Name: "threads", Samples: series(seeded(6), 50, 12, 0, 0, 0)}, Judge{})
	require.Equal(t, Clear, flat.Verdict)
	require.Contains(t, flat.Sentence, "threads does not drift over 8 min 10 s")
}

func TestDriftWithoutData(t *testing.T) {
	for _, s := range [][]Sample{nil, series(seeded(7), 9, 1, 1, 1, 0), {{0, math.NaN()}, {1, math.Inf(1)}}, make([]Sample, 100)} {
		d := Drifting(Series{Name: "x", Samples: s}, Judge{})
		require.Equal(t, Inconclusive, d.Verdict)
		require.Contains(t, d.Sentence, "it takes at least 10")
		require.EqualValues(t, -1, d.Full)
	}
}

func TestDriftThatLevelsOff(t *testing.T) {
	s := series(seeded(8), 200, 100, 0, 0.5, 0)
	for i := range s {
		s[i].Value += 40 * (1 - math.Exp(-float64(i)/60))
	}
	d := Drifting(Series{Name: "heap", Samples: s}, Judge{})
	require.Equal(t, Found, d.Verdict)
	require.Contains(t, strings.Join(d.Lines(), "\n"), "levelling off")
}

func TestDriftOfRareErrors(t *testing.T) {
	rng := seeded(9)
	s := series(rng, 150, 0, 0, 0, 0)
	for i := range s {
		if i > 110 && i%3 == 0 {
			s[i].Value = 0.05
		}
	}
	d := Drifting(Series{Name: "error share", Unit: Share, Samples: s}, Judge{})
	require.Equal(t, Found, d.Verdict, d.Sentence)
	require.Positive(t, d.Slope)

	for i := range s {
		s[i].Value /= 1000
	}
	d = Drifting(Series{Name: "error share", Unit: Share, Samples: s}, Judge{})
	require.Equal(t, Clear, d.Verdict, "one in a hundred thousand is nothing: %s", d.Sentence)
}

// What does not drift but wanders is called a drift about as often as was agreed.
func TestDriftFalseAlarms(t *testing.T) {
	const rounds = 120
	for _, rho := range []float64{0, 0.6} {
		rng, alarms := seeded(10), 0
		for range rounds {
			if Drifting(Series{Name: "x", Samples: series(rng, 120, 100, 0, 30, rho)}, Judge{Least: 0.0001}).Verdict == Found {
				alarms++
			}
		}
		// Only rises count, which are half of what the two-sided test calls.
		t.Logf("rho %v: %.3f", rho, float64(alarms)/rounds)
		require.Less(t, float64(alarms)/rounds, 0.06, "rho %v", rho)
	}
}

func TestEndurance(t *testing.T) {
	leak := func(i int) target {
		return target{planned: 60, rate: 60, p95: 40*ms + time.Duration(i)*20*time.Microsecond, errors: 0.001}
	}
	memory := Series{Name: "memory of cart", Unit: Bytes, Samples: series(seeded(12), 180, 200*mb, 0, mb, 0.2)}
	e := Endurance(run(seeded(11), 1800, leak), []Series{memory}, Judge{})
	require.Equal(t, Found, e.Verdict)
	require.Len(t, e.Drifts, 6)
	require.Equal(t, Found, e.Drifts[1].Verdict)
	require.InEpsilon(t, 20e-6, e.Drifts[1].Slope, 0.1)
	require.Contains(t, e.Sentence, "p95 rises 1.")
	require.Equal(t, Clear, e.Drifts[4].Verdict, e.Drifts[4].Sentence)
	require.Equal(t, Clear, e.Drifts[5].Verdict)
	require.GreaterOrEqual(t, e.Drifts[1].Adjusted, e.Drifts[1].P)
	require.Contains(t, strings.Join(e.Lines(), "\n"), "p99 rises")

	calm := Endurance(run(seeded(13), 1800, func(int) target { return target{planned: 60, rate: 60, p95: 40 * ms} }), nil, Judge{})
	require.Equal(t, Clear, calm.Verdict, calm.Sentence)
	require.Contains(t, calm.Sentence, "nothing drifts over 29 min")

	short := Endurance(run(seeded(14), 5, func(int) target { return target{rate: 60, p95: 40 * ms} }), nil, Judge{})
	require.Equal(t, Inconclusive, short.Verdict)
	require.Equal(t, Inconclusive, Endurance(nil, nil, Judge{Settle: time.Minute}).Verdict)
}
