package host

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/signal"
)

func TestTheMachineIsMeasured(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	got := map[string][]signal.MetricPoint{}
	rounds := 0
	err := New(100*time.Millisecond).Run(ctx, func(b signal.Batch) {
		for _, p := range b.Metrics {
			got[p.Name] = append(got[p.Name], p)
		}
		if rounds++; rounds == 3 {
			cancel()
		}
	})
	require.NoError(t, err)
	for _, name := range []string{"host_cpu_usage_ratio", "host_memory_used_ratio"} {
		require.NotEmpty(t, got[name], name)
		for _, p := range got[name] {
			require.GreaterOrEqual(t, p.V, 0.0, name)
			require.LessOrEqual(t, p.V, 1.0, name)
		}
	}
	require.Greater(t, got["host_memory_total_bytes"][0].V, float64(64<<20))
}

func TestOnlyThisMachine(t *testing.T) {
	_, err := Kind().Open(driver.Settings{Address: "10.0.0.1"})
	require.ErrorContains(t, err, "local")
	d, err := Kind().Open(driver.Settings{Address: "local"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, d.Run(ctx, func(signal.Batch) { t.Error("emitted although it was cancelled before it began") }))
}
