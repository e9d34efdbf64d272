package slo_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/slo"
	"gameday/sources/metrics"
	"gameday/sources/signal"
)

const document = `apiVersion: gameday/v1
kind: SLO
metadata: {name: availability}
target: 99
window: 1h
good: sum(increase(requests_total{code="200"}[${window}]))
total: sum(increase(requests_total[${window}]))
alerts:
  - {rate: 14.4, long: 5m, short: 1m}
  - {rate: 2, long: 20m, short: 5m, severity: ticket}
`

func TestFaultsAreReportedTogether(t *testing.T) {
	_, err := slo.Parse("x.yaml", []byte("apiVersion: gameday/v1\nkind: SLO\nmetadata: {name: a}\ntarget: 100\nwindow: 1s\ngood: up\ntotal: up\nalerts: [{rate: 0, long: 1m, short: 2m}]\n"))
	for _, want := range []string{"target", "window", "good", "total", "alerts[0].rate", "alerts[0]", "${window}"} {
		require.ErrorContains(t, err, want)
	}
	o, err := slo.Parse("x.yaml", []byte("apiVersion: gameday/v1\nkind: SLO\nmetadata: {name: a}\ntarget: 99.9\nwindow: 24h\ngood: 'a[${window}]'\ntotal: 'b[${window}]'\n"))
	require.NoError(t, err)
	require.Len(t, o.Alerts, 3, "those that fit into a day")
}

func TestBudgetsAndBurnRates(t *testing.T) {
	o, err := slo.Parse("x.yaml", []byte(document))
	require.NoError(t, err)
	db, err := metrics.Open(metrics.Config{OutOfOrder: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	now := time.Now().Truncate(time.Second)
	var batch []signal.MetricPoint
	good, bad := 0.0, 0.0
	for at := now.Add(-30 * time.Minute); !at.After(now); at = at.Add(5 * time.Second) {
		good += 50
		if at.After(now.Add(-6 * time.Minute)) { // a fifth fails
			bad += 12.5
		}
		for code, v := range map[string]float64{"200": good, "500": bad} {
			batch = append(batch, signal.MetricPoint{Name: "requests_total", T: at, V: v, Labels: signal.Attrs{{Key: "code", Value: code}}})
		}
	}
	require.NoError(t, db.Append(context.Background(), batch))
	s := slo.Judge(t.Context(), db, o, now.Add(-30*time.Minute), now)
	require.Empty(t, s.Err)
	share := 12.5 * 72 / (12.5*72 + 50*360)
	require.InDelta(t, 1-share, s.Good, 0.005)
	require.InDelta(t, 1-share/0.01*0.5, s.Budget, 0.1, "half of the window was covered, so it weighs half")
	require.InDelta(t, 20, s.Burns[0].NowLong, 1)
	require.True(t, s.Burns[0].Firing)
	require.True(t, s.Burns[1].Firing)
	require.Equal(t, 2, s.Firing())
	s = slo.Judge(t.Context(), db, o, now.Add(-2*time.Minute), now)
	require.False(t, s.Burns[0].Firing, "its long window reaches further back than anything was measured")
	require.True(t, math.IsNaN(s.Burns[0].NowLong))
	s = slo.Judge(t.Context(), db, o, now, now)
	require.NotEmpty(t, s.Err)
	o.Total = `up[${window}]`
	require.NotEmpty(t, slo.Judge(t.Context(), db, o, now.Add(-time.Minute), now).Err)
}

func TestTheScorecardLeavesOutWhatIsNotKnown(t *testing.T) {
	now := time.Now()
	card := slo.Score(nil, nil, now)
	require.Equal(t, "-", card.Grade)
	card = slo.Score([]signal.SLO{{Budget: 1}, {Budget: -3}, {Budget: math.NaN()}}, []slo.Run{
		{Experiment: "a", At: now.Add(-2 * time.Hour), Verdict: signal.VerdictBroken},
		{Experiment: "a", At: now.Add(-time.Hour), Verdict: signal.VerdictHeld, Recovered: true, Recovery: 5 * time.Second},
		{Experiment: "a", At: now, Verdict: signal.VerdictAborted},
		{Experiment: "b", At: now, Verdict: signal.VerdictBroken, Recovered: true, Recovery: time.Hour},
		{Experiment: "c", At: now.AddDate(0, -3, 0), Verdict: signal.VerdictRollbackFailed},
	}, now)
	require.InDelta(t, 40*0.5+30*0.5+20*0.5+10, card.Points, 1e-9)
	require.Equal(t, "F", card.Grade)
	require.Equal(t, "A", slo.Score([]signal.SLO{{Budget: 0.95}}, nil, now).Grade)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(document))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o, err := slo.Parse("x", data); err == nil {
			require.Greater(t, o.Budget(), 0.0)
		}
	})
}
