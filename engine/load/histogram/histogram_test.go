package histogram

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"
)

func TestSameAsHdrHistogram(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ours, theirs := &Histogram{}, hdrhistogram.New(1, highest, 3)
	for range 200_000 {
		d := time.Duration(math.Exp(rng.Float64()*20+5)) * time.Nanosecond
		ours.Record(d)
		require.NoError(t, theirs.RecordValue(int64(d/unit)))
	}
	require.EqualValues(t, theirs.TotalCount(), ours.Count())
	for _, q := range []float64{0.001, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.99999} {
		require.EqualValues(t, theirs.ValueAtQuantile(q*100), ours.Quantile(q)/unit, "quantile %v", q)
	}
	require.Equal(t, ours.Max(), ours.Quantile(1))
	require.True(t, theirs.Equals(ours.HDR()), "the export has the same counts")
}

func TestThreeSignificantDigits(t *testing.T) {
	for d := time.Microsecond; d < 10*time.Minute; d += d/7 + 1 {
		h := &Histogram{}
		h.Record(d)
		h.Record(14 * time.Minute) // so that Max does not give the answer away
		require.InEpsilon(t, float64(d), float64(h.Quantile(0.5)), 0.1, "%v", d)
		if d > 100*time.Microsecond {
			require.InEpsilon(t, float64(d), float64(h.Quantile(0.5)), 0.0011, "%v", d)
		}
	}
}

func TestExtremes(t *testing.T) {
	h := &Histogram{}
	require.Zero(t, h.Quantile(0.5))
	require.Zero(t, h.Mean())
	h.Record(-time.Second)
	h.Record(math.MaxInt64)
	require.EqualValues(t, 2, h.Count())
	require.Zero(t, h.Min())
	require.EqualValues(t, math.MaxInt64, h.Max())
	require.Zero(t, h.Quantile(math.Inf(-1)))
	require.Equal(t, upper(index(math.MaxInt64)), h.Quantile(7))
}

func TestMergeIsRecordingBoth(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var a, b, both, viaSparse Histogram
	for i := range 10_000 {
		d := time.Duration(rng.Int64N(int64(3 * time.Second)))
		both.Record(d)
		if i%3 == 0 {
			a.Record(d)
		} else {
			b.Record(d)
		}
	}
	viaSparse.MergeSparse(a.Sparse())
	viaSparse.MergeSparse(b.Sparse())
	viaSparse.MergeSparse(Sparse{})
	a.Merge(&b)
	a.Merge(&Histogram{})
	require.Equal(t, both, a)
	require.Equal(t, both, viaSparse)
	a.Reset()
	require.Zero(t, a.Count())
	require.Zero(t, a.Quantile(1))
	a.Record(time.Second)
	require.Equal(t, time.Second, a.Min())
}

func TestRecordDoesNotAllocate(t *testing.T) {
	h := &Histogram{}
	h.Record(time.Millisecond)
	require.Zero(t, testing.AllocsPerRun(100, func() { h.Record(time.Millisecond) }))
}

func BenchmarkRecord(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := make([]time.Duration, 4096)
	for i := range values {
		values[i] = time.Duration(math.Exp(rng.Float64()*6+10)) * time.Nanosecond
	}
	b.Run("ours", func(b *testing.B) {
		h := &Histogram{}
		for i := 0; b.Loop(); i++ {
			h.Record(values[i&4095])
		}
	})
	b.Run("hdrhistogram-go", func(b *testing.B) {
		h := hdrhistogram.New(1, highest, 3)
		for i := 0; b.Loop(); i++ {
			if err := h.RecordValue(int64(values[i&4095] / unit)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestShare(t *testing.T) {
	var h Histogram
	require.Zero(t, h.Share(time.Second))
	for i := range 1000 {
		h.Record(time.Duration(i) * time.Millisecond)
	}
	require.Zero(t, h.Share(-1))
	require.InDelta(t, 0.001, h.Share(0), 1e-9)
	require.InDelta(t, 0.5, h.Share(499*time.Millisecond), 0.001)
	require.InDelta(t, 1, h.Share(time.Hour), 1e-9)
}

func TestRecordN(t *testing.T) {
	var once, many Histogram
	for _, d := range []time.Duration{-1, 0, 3 * time.Millisecond, 2 * time.Second} {
		for range 5 {
			once.Record(d)
		}
		many.RecordN(d, 5)
		many.RecordN(time.Hour, 0)
	}
	require.Equal(t, once, many)
}
