package analysis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/histogram"
)

func TestTrackIsBoundedAndLosesNothing(t *testing.T) {
	var track Track
	var want histogram.Histogram
	rng := seeded(1)
	const n = 3*mostTracked + 7
	for i := range n {
		var h histogram.Histogram
		d := time.Duration(rng.Int64N(int64(time.Second)))
		h.Record(d)
		want.Record(d)
		at := time.Duration(i) * time.Second
		track.Add(Second{From: at, To: at + time.Second, Planned: float64(2 * i), Users: 7, Done: 1, Missed: 2, Latency: h.Sparse()})
	}
	got := track.Seconds()
	require.LessOrEqual(t, len(got), mostTracked)
	require.Greater(t, len(got), mostTracked/2)
	all := &window{}
	for i := range got {
		all.add(&got[i])
		require.Equal(t, 7.0, got[i].Users)
		if i > 0 {
			require.Equal(t, got[i-1].To, got[i].From)
		}
	}
	require.Equal(t, want, all.latency)
	require.EqualValues(t, n, all.done)
	require.EqualValues(t, 2*n, all.missed)
	require.InEpsilon(t, n*(n-1.0), all.due, 1e-9)

	track.Add(Second{From: time.Second, To: 2 * time.Second})
	require.Equal(t, got, track.Seconds(), "time does not go back")
}
