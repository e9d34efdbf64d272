package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/alert"
	"gameday/sources/signal"
)

// TestAnAlertThatTwoSourcesTellOfIsOne, from pending to its end, also when the Alertmanager has external labels besides; others, and
// those of the same source, stay apart.
func TestAnAlertThatTwoSourcesTellOfIsOne(t *testing.T) {
	var a alerts
	begin := time.Unix(1_800_000_000, 0)
	prom, am := alert.NewTracker("prom/eu"), alert.NewTracker("am")
	byKey := map[string]signal.Event{} // as the timeline keeps them
	tell := func(tr *alert.Tracker, at int, active ...alert.Alert) {
		for _, e := range tr.Changes(active, begin.Add(time.Duration(at)*time.Second)) {
			e = a.merge(e)
			byKey[e.Key] = e
		}
	}
	slow := map[string]string{"alertname": "Slow", "service": "payment"}
	outside := map[string]string{"alertname": "Slow", "service": "payment", "cluster": "eu"}
	cart := map[string]string{"alertname": "Slow", "service": "cart"}
	at := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Second) }
	pending := alert.Alert{State: alert.Pending, Labels: slow, Since: at(0)}
	firing := alert.Alert{State: alert.Firing, Labels: slow, Since: at(0), Annotations: map[string]string{"summary": "p95 is high"}}
	received := alert.Alert{State: alert.Firing, Labels: outside, Since: at(60), Annotations: firing.Annotations}
	silenced := received
	silenced.State, silenced.Note = alert.Suppressed, "silenced by 7"
	other := alert.Alert{State: alert.Firing, Labels: cart, Since: at(5)}

	tell(prom, 0, pending, other)
	require.Len(t, byKey, 2)
	tell(prom, 60, firing, other)
	tell(am, 62, received)
	require.Len(t, byKey, 2, "one, with both named")
	one := func() signal.Event {
		for _, e := range byKey {
			if e.Target == "payment" {
				return e
			}
		}
		t.Fatal("it is gone")
		return signal.Event{}
	}
	require.Equal(t, "through am and prom/eu: p95 is high", one().Detail)
	require.Equal(t, signal.Bad, one().Outcome)
	require.Equal(t, at(0), one().Start)
	require.Equal(t, "eu", one().Attrs.Get("cluster"))
	tell(am, 70, silenced)
	require.Equal(t, signal.Neutral, one().Outcome)
	require.Contains(t, one().Detail, "silenced by 7")
	tell(prom, 80, other) // over, which the Alertmanager hears of a little later
	require.True(t, one().Open)
	tell(prom, 82, pending, other)
	require.Len(t, byKey, 2, "it comes again before it was over for all")
	tell(prom, 85, other)
	tell(am, 90)
	require.False(t, one().Open)
	require.Equal(t, at(90), one().End)
	require.Equal(t, 1, a.going)

	pending.Since = at(100)
	tell(prom, 100, pending, other)
	require.Len(t, byKey, 3, "a new one")
	tell(prom, 110)
	require.Zero(t, a.going)
	require.Equal(t, signal.Event{Kind: signal.EventNote, Title: "x"}, a.merge(signal.Event{Kind: signal.EventNote, Title: "x"}))
}

// TestAlertsWithOtherLabelsStayApart, and the same labels are preferred to some of them.
func TestAlertsWithOtherLabelsStayApart(t *testing.T) {
	var a alerts
	now := time.Unix(1_800_000_000, 0)
	first := a.merge(alert.Event("one", alert.Alert{State: alert.Firing, Labels: map[string]string{"alertname": "Down", "instance": "a"}, Since: now}))
	second := a.merge(alert.Event("two", alert.Alert{State: alert.Firing, Labels: map[string]string{"alertname": "Down", "instance": "b"}, Since: now}))
	require.NotEqual(t, first.Key, second.Key)
	third := a.merge(alert.Event("three", alert.Alert{State: alert.Firing, Labels: map[string]string{"alertname": "Down"}, Since: now}))
	exact := a.merge(alert.Event("four", alert.Alert{State: alert.Firing, Labels: map[string]string{"alertname": "Down", "instance": "b"}, Since: now}))
	require.Equal(t, second.Key, exact.Key)
	require.Contains(t, []string{first.Key, second.Key}, third.Key)
}

// TestMoreAlertsThanAreJoined: none is lost, each entry gets its end, and what is held is bounded.
func TestMoreAlertsThanAreJoined(t *testing.T) {
	var a alerts
	open := map[string]bool{} // on the timeline
	tell := func(source, name string, n int, goes bool) {
		key := fmt.Sprintf("%s/%s-%d/0", source, name, n)
		e := a.merge(signal.Event{Kind: signal.EventAlert, Key: key, Open: goes, Outcome: signal.Bad, Attrs: signal.Attrs{{Key: "alertname", Value: name}, {Key: "n", Value: fmt.Sprint(n)}}})
		if e.Open {
			open[e.Key] = true
		} else {
			delete(open, e.Key)
		}
	}
	for n := range maxGoing {
		tell("prom", fmt.Sprint("a", n%100), n, true)
	}
	require.False(t, a.overflowed())
	for n := range 1000 {
		tell("prom", "late", n, true)
		tell("am", "late", n, true)
	}
	require.True(t, a.overflowed())
	require.False(t, a.overflowed(), "it is told once")
	require.Len(t, open, maxGoing+2000)
	for n := range maxGoing { // what went on before is joined as ever
		tell("am", fmt.Sprint("a", n%100), n, true)
	}
	require.Len(t, open, maxGoing+2000)
	require.Equal(t, maxGoing, a.going)
	require.Len(t, a.byKey, 2*maxGoing)
	for n := range maxGoing {
		tell("prom", fmt.Sprint("a", n%100), n, false)
		tell("am", fmt.Sprint("a", n%100), n, false)
	}
	require.Len(t, open, 2000)
	require.Empty(t, a.byKey)
	require.Empty(t, a.byName)
	for n := range 1000 { // there is room again, but what has two entries needs two ends
		tell("am", "late", n, true)
		tell("prom", "late", n, true)
		tell("prom", "late", n, false)
		tell("am", "late", n, false)
	}
	require.Empty(t, open)
}
