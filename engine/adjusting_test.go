package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load"
	"gameday/sources/signal"
)

const steadyLoad = `
apiVersion: gameday/v1
kind: Load
metadata: {name: steady}
target: http://127.0.0.1:1
executor: {kind: constant-rate, rate: 20}
scenarios: [{name: s, steps: [{path: /}]}]
`

// TestLoadIsAdjustedAndTheTimelineSaysSo, and what cannot be adjusted says why.
func TestLoadIsAdjustedAndTheTimelineSaysSo(t *testing.T) {
	cfg := config(t, startOne(t), "1s")
	cfg.LoadPlans = []Document{{ID: "steady", File: "steady.yaml", Data: []byte(steadyLoad)}}
	s := session(t, cfg)
	s.Start()
	_, err := s.AdjustLoad(load.Adjustment{Factor: 2})
	require.ErrorContains(t, err, "no load runs")
	require.NoError(t, s.StartLoad(t.Context(), "steady"))
	frame := func() *signal.Frame {
		now := time.Now()
		return s.Frame(signal.View{Window: signal.Window{From: now.Add(-time.Minute), To: now.Add(time.Second)}, Live: true})
	}
	require.True(t, frame().Load.Adjustable)
	said, err := s.AdjustLoad(load.Adjustment{Factor: 2})
	require.NoError(t, err)
	require.Equal(t, "the rate from 20/s to 40/s", said)
	require.InDelta(t, 40, frame().Load.Target, 0.01)
	_, err = s.AdjustLoad(load.Adjustment{})
	require.NoError(t, err)
	require.True(t, frame().Load.Paused)
	_, err = s.AdjustLoad(load.Adjustment{Resume: true})
	require.NoError(t, err)
	require.False(t, frame().Load.Paused)
	var titles []string
	for _, e := range frame().Events {
		if e.Kind == signal.EventLoad {
			titles = append(titles, e.Title)
		}
	}
	require.Equal(t, []string{"steady", "load changed", "load held", "load goes on"}, titles)
	require.True(t, s.StopLoad())
	_, err = s.AdjustLoad(load.Adjustment{Factor: 2})
	require.ErrorContains(t, err, "has ended")
}
