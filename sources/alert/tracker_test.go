package alert_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/alert"
	"gameday/sources/signal"
)

func TestChangesAreToldOnce(t *testing.T) {
	k := alert.NewTracker("prom")
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	labels := map[string]string{"alertname": "Slow", "service": "payment"}
	one := alert.Alert{State: alert.Pending, Labels: labels, Since: at, Annotations: map[string]string{"summary": "p95 is 1 s"}}
	got := k.Changes([]alert.Alert{one}, at)
	require.Len(t, got, 1)
	first := got[0]
	require.Equal(t, signal.Event{Kind: signal.EventAlert, Outcome: signal.Warning, Start: at, Open: true, Key: first.Key, Title: "Slow", Target: "payment",
		Detail: "p95 is 1 s", Attrs: signal.Attrs{{Key: "alertname", Value: "Slow"}, {Key: "service", Value: "payment"}}}, first)
	require.Empty(t, k.Changes([]alert.Alert{one}, at.Add(time.Second)))

	one.State = alert.Firing
	other := alert.Alert{State: alert.Firing, Labels: map[string]string{"job": "x"}}
	got = k.Changes([]alert.Alert{one, other}, at.Add(2*time.Second))
	require.Len(t, got, 2)
	require.Equal(t, first.Key, got[0].Key)
	require.Equal(t, signal.Bad, got[0].Outcome)
	require.Equal(t, at.Add(2*time.Second), got[1].Start, "it began when it was first seen")
	require.Equal(t, "alert", got[1].Title)
	other.Annotations = map[string]string{"summary": "new"}
	got = k.Changes([]alert.Alert{one, other}, at.Add(3*time.Second))
	require.Len(t, got, 1)
	require.Equal(t, at.Add(2*time.Second), got[0].Start, "and did not begin again")

	one.State, one.Note = alert.Suppressed, "silenced by ada"
	got = k.Changes([]alert.Alert{one}, at.Add(5*time.Second))
	require.Len(t, got, 2)
	require.Equal(t, "silenced by ada: p95 is 1 s", got[0].Detail)
	require.Equal(t, signal.Good, got[1].Outcome, "the other is over")
	require.Equal(t, at.Add(5*time.Second), got[1].End)
	got = k.Changes(nil, at.Add(6*time.Second))
	require.Len(t, got, 1)
	require.Equal(t, signal.Neutral, got[0].Outcome, "nobody was called")
	require.False(t, got[0].Open)
	require.Empty(t, k.Changes(nil, at.Add(7*time.Second)))

	one.Since = at.Add(time.Hour) // the same alert another time is another event
	require.NotEqual(t, first.Key, k.Changes([]alert.Alert{one}, at)[0].Key)
}
