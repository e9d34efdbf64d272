package load

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConstantSchedule(t *testing.T) {
	p := newProfile(&Executor{Kind: ConstantRate, Rate: 4}, 0, time.Second)
	s := newSchedule(&Executor{}, p, 1)
	for n, want := range []time.Duration{0, 250, 500, 750} {
		due, ok := s.At(uint64(n))
		require.True(t, ok)
		require.Equal(t, want*time.Millisecond, due)
	}
	_, ok := s.At(4)
	require.False(t, ok, "the fifth belongs to the next second")
}

func TestRampSchedule(t *testing.T) {
	// From 0 to 10 in 2 s: the integral is 2.5 t².
	e := &Executor{Kind: RampingRate, Stages: []Stage{{To: 10, For: 2 * time.Second}}}
	s := newSchedule(e, newProfile(e, 0, 0), 1)
	for n := range uint64(10) {
		due, ok := s.At(n)
		require.True(t, ok, n)
		require.InDelta(t, math.Sqrt(float64(n)/2.5), due.Seconds(), 1e-6)
	}
	_, ok := s.At(10)
	require.False(t, ok)
}

func TestEndlessSchedule(t *testing.T) {
	s := newSchedule(&Executor{}, newProfile(&Executor{Kind: ConstantRate, Rate: 40}, 5*time.Second, 0), 1)
	due, ok := s.At(40 * 3600 * 24 * 365)
	require.True(t, ok)
	require.InDelta(t, (365 * 24 * time.Hour).Seconds(), due.Seconds(), 0.001)
}

func TestProfileShapes(t *testing.T) {
	at := func(p *profile, seconds ...float64) (out []float64) {
		for _, s := range seconds {
			out = append(out, p.level(time.Duration(s*1e9)))
		}
		return out
	}
	e := &Executor{Kind: RampingUsers, Users: 10, Stages: []Stage{{20, 10 * time.Second}, {50, 0}, {0, 10 * time.Second}}}
	require.Equal(t, []float64{10, 10, 15, 50, 25, 0}, at(newProfile(e, 5*time.Second, 0), 0, 5, 10, 15, 20, 26))
	require.Equal(t, []float64{0, 0}, at(newProfile(e, 0, 30*time.Second), 25, 40), "the last level is held to the end")
	cold := &Executor{Kind: RampingRate, Stages: []Stage{{100, time.Second}}}
	require.Equal(t, []float64{10, 50}, at(newProfile(cold, time.Second, 0), 0.5, 1.5), "a warm-up before a ramp from nothing warms something")
	require.Zero(t, (&profile{}).level(0))
	_, ok := (&profile{}).at(0)
	require.False(t, ok)
	_, ok = newProfile(&Executor{Kind: RampingRate, Stages: []Stage{{0, time.Second}}}, 0, 0).at(0)
	require.False(t, ok, "a rate of nothing brings nobody")
}

// randomExecutor draws an open executor with up to five stages, among them jumps, flat pieces and pauses.
func randomExecutor(rng *rand.Rand) *Executor {
	e := &Executor{Kind: RampingRate, Rate: float64(rng.IntN(3)) * 50}
	for range rng.IntN(5) + 1 {
		e.Stages = append(e.Stages, Stage{To: float64(rng.IntN(4)) * 60, For: time.Duration(rng.IntN(4)) * time.Second})
	}
	return e
}

func TestEverySchedule(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for round := range 300 {
		e := randomExecutor(rng)
		p := newProfile(e, time.Duration(rng.IntN(2))*time.Second, time.Duration(rng.IntN(2)*30)*time.Second)
		var dues []time.Duration
		s := newSchedule(e, p, uint64(round))
		for n := uint64(0); ; n++ {
			due, ok := s.At(n)
			if !ok {
				break
			}
			if len(dues) > 0 {
				require.GreaterOrEqual(t, due, dues[len(dues)-1], "never back: %+v", e)
			}
			require.Less(t, due, p.end())
			require.InDelta(t, float64(n), p.mass(due), 1e-4, "due when the integral has reached n: %+v", e)
			dues = append(dues, due)
		}
		require.InDelta(t, p.mass(p.end()), len(dues), 1.001, "as many as the integral says: %+v", e)
		for range 10 {
			from := time.Duration(rng.Int64N(int64(p.end()) + 1))
			to := from + time.Duration(rng.Int64N(int64(p.end()-from)+1))
			count := 0
			for _, d := range dues {
				if d >= from && d < to {
					count++
				}
			}
			require.InDelta(t, p.mass(to)-p.mass(from), count, 1.001)
		}
	}
}

func TestPoissonSchedule(t *testing.T) {
	e := &Executor{Kind: ConstantRate, Rate: 1000, Spacing: "poisson"}
	p := newProfile(e, 0, 100*time.Second)
	s, same, other := newSchedule(e, p, 5), newSchedule(e, p, 5), newSchedule(e, p, 6)
	var last time.Duration
	var gaps []float64
	differs := false
	for n := uint64(0); ; n++ {
		due, ok := s.At(n)
		again, _ := same.At(n)
		require.Equal(t, due, again, "the seed repeats it")
		if elsewhere, _ := other.At(n); elsewhere != due {
			differs = true
		}
		if !ok {
			break
		}
		require.GreaterOrEqual(t, due, last)
		gaps = append(gaps, (due - last).Seconds())
		last = due
	}
	require.True(t, differs)
	require.InDelta(t, 100_000, len(gaps), 1500, "within five standard deviations")
	mean, square := 0.0, 0.0
	for _, g := range gaps {
		mean += g / float64(len(gaps))
		square += g * g / float64(len(gaps))
	}
	require.InDelta(t, 1, math.Sqrt(square-mean*mean)/mean, 0.03, "exponential gaps deviate by their mean")
	forward, _ := s.At(1000)
	s.At(5)
	back, _ := s.At(1000)
	require.Equal(t, forward, back, "the answer depends on n alone")
}

func TestShardsTogetherAreTheWhole(t *testing.T) {
	for _, spacing := range []string{"even", "poisson"} {
		e := &Executor{Kind: ConstantRate, Rate: 50, Spacing: spacing}
		p := newProfile(e, 0, 10*time.Second)
		whole := newSchedule(e, p, 9)
		shards := []Schedule{newSchedule(e, p, 9), newSchedule(e, p, 9), newSchedule(e, p, 9)}
		for n := uint64(0); n < 600; n++ {
			want, ok := whole.At(n)
			got, gotOK := shards[n%3].At(n)
			require.Equal(t, ok, gotOK)
			require.Equal(t, want, got)
		}
	}
}
