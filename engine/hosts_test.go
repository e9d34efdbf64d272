package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestATrendIsOneThatChanceDoesNotMake(t *testing.T) {
	x := make([]float64, 60)
	series := func(f func(i int) float64) []float64 {
		y := make([]float64, len(x))
		for i := range x {
			x[i] = float64(5 * i)
			y[i] = f(i)
		}
		return y
	}
	wobble := func(i int) float64 { return 0.01 * float64((i*7919)%13-6) }
	for name, c := range map[string]struct {
		y     []float64
		whole float64
		want  signal.Trend
	}{
		"rising":        {series(func(i int) float64 { return 0.3 + 0.005*float64(i) + wobble(i) }), 1, signal.TrendDegrading},
		"falling":       {series(func(i int) float64 { return 0.8 - 0.005*float64(i) + wobble(i) }), 1, signal.TrendImproving},
		"noise":         {series(func(i int) float64 { return 0.5 + wobble(i) }), 1, signal.TrendStable},
		"hardly moving": {series(func(i int) float64 { return 0.5 + 0.0002*float64(i) }), 1, signal.TrendStable},
		"bytes":         {series(func(i int) float64 { return 1e6 + 1e5*float64(i) }), 0, signal.TrendDegrading},
		"constant":      {series(func(int) float64 { return 0.5 }), 1, signal.TrendStable},
		"too short":     {[]float64{1, 2, 3}, 1, signal.TrendUnknown},
	} {
		require.Equal(t, c.want, trendOf(x[:len(c.y)], c.y, c.whole), name)
	}
}
