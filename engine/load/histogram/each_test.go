package histogram

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEachBucketHoldsWhatWasRecorded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2_000 {
		var h Histogram
		d := time.Duration(rng.Int64N(int64(1) << (1 + rng.IntN(39))))
		h.Record(d)
		var got []Bucket
		h.Each(func(b Bucket) { got = append(got, b) })
		require.Len(t, got, 1)
		b := got[0]
		require.Equal(t, uint64(1), b.Count)
		require.True(t, b.Low <= d && d <= b.High, "%v in %v to %v", d, b.Low, b.High)
		require.True(t, b.High-b.Low < unit || float64(b.High-b.Low) <= float64(b.Low)/1000, "%v to %v", b.Low, b.High)
		require.Equal(t, d, h.Sum())
	}
}

func TestEachGoesUpward(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{time.Second, 0, time.Hour, 50 * time.Nanosecond, time.Millisecond, time.Millisecond} {
		h.Record(d)
	}
	last, n := Bucket{Low: -1, High: -1}, uint64(0)
	h.Each(func(b Bucket) {
		require.Greater(t, b.Low, last.High)
		last, n = b, n+b.Count
	})
	require.Equal(t, h.Count(), n)
}
