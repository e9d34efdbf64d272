package alertmanager_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/alertmanager"
	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/prometheus/promtest"
	"gameday/sources/signal"
)

const config = "route: {receiver: nobody, group_wait: 1s}\nreceivers: [{name: nobody}, {name: on-call}]\n"

// post gives alerts to a server, which are active until it hears of their end.
func post(t *testing.T, address string, events []signal.Event) {
	t.Helper()
	type wire struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		StartsAt    time.Time         `json:"startsAt"`
		EndsAt      time.Time         `json:"endsAt"`
	}
	var list []wire
	for _, e := range events {
		w := wire{Labels: map[string]string{"alertname": e.Title, "service": e.Target}, Annotations: map[string]string{"summary": e.Detail}, StartsAt: e.Start, EndsAt: time.Now().Add(time.Hour)}
		if !e.Open {
			w.EndsAt = e.End
		}
		list = append(list, w)
	}
	data, err := json.Marshal(list)
	require.NoError(t, err)
	resp, err := http.Post(address+"/api/v2/alerts", "application/json", bytes.NewReader(data))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
}

func TestConformance(t *testing.T) {
	drivertest.RunHTTP(t, drivertest.HTTP{
		Kind: alertmanager.Kind(), Events: true,
		System: func(t *testing.T, known signal.Batch) http.Handler {
			address := promtest.Alertmanager(t, config)
			post(t, address, known.Events)
			to, err := url.Parse(address)
			require.NoError(t, err)
			return httputil.NewSingleHostReverseProxy(to)
		},
		Huge:  drivertest.Huge{Head: "[", Item: `{"labels":{"alertname":"` + drivertest.Filler + `"},"startsAt":"2026-01-01T00:00:00Z"}`, Separator: ",", Tail: "]"},
		NoIDs: "alerts carry no IDs",
	})
}

func TestAgainstTheRealServer(t *testing.T) {
	address := promtest.Alertmanager(t, config)
	opened, err := alertmanager.Open(driver.Settings{Name: "am", Address: address, Every: 20 * time.Millisecond})
	require.NoError(t, err)
	d := opened.(*alertmanager.Driver)
	defer d.Close()
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan signal.Event, 100)
	done := make(chan error, 1)
	go func() {
		done <- d.Run(ctx, func(b signal.Batch) {
			for _, e := range b.Events {
				events <- e
			}
		})
	}()
	next := func() signal.Event {
		select {
		case e := <-events:
			return e
		case <-time.After(time.Minute):
			require.FailNow(t, "nothing was told")
			return signal.Event{}
		}
	}
	began := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	slow := signal.Event{Title: "Slow", Target: "payment", Detail: "p95 is 1 s", Start: began, Open: true}
	post(t, address, []signal.Event{slow})
	e := next()
	require.Equal(t, "Slow", e.Title)
	require.Equal(t, signal.Bad, e.Outcome)
	require.True(t, e.Start.Equal(began))

	_, err = d.Silence(ctx, nil, time.Now().Add(time.Hour), "ada", "a game day")
	require.ErrorContains(t, err, "that would silence every alert")
	_, err = d.Silence(ctx, e.Attrs, time.Now().Add(-time.Hour), "ada", "a game day")
	require.ErrorContains(t, err, "is over")
	_, err = d.Silence(ctx, e.Attrs, time.Now().Add(time.Hour), "ada", " ")
	require.ErrorContains(t, err, "no reason is given")
	id, err := d.Silence(ctx, e.Attrs, time.Now().Add(time.Hour), "ada", "a game day")
	require.NoError(t, err)
	quiet := next()
	require.Equal(t, e.Key, quiet.Key)
	require.Equal(t, signal.Neutral, quiet.Outcome)
	require.Equal(t, "silenced by "+id+": p95 is 1 s", quiet.Detail)
	list, err := d.Silences(ctx)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, `{alertname="Slow", service="payment"}`, list[0].Match)
	require.Equal(t, "ada: a game day", list[0].By+": "+list[0].Reason)

	require.NoError(t, d.Expire(ctx, id))
	require.Equal(t, signal.Bad, next().Outcome, "it is loud again")
	list, err = d.Silences(ctx)
	require.NoError(t, err)
	require.Empty(t, list)
	require.ErrorIs(t, d.Expire(ctx, "00000000-0000-0000-0000-000000000000"), driver.ErrNotFound)

	names, err := d.Receivers(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"nobody", "on-call"}, names)

	for text, want := range map[string]int{`{service="payment", alertname=~"S.*"}`: 1, `service!="payment"`: 0, "": 1} {
		a, err := d.Query(ctx, driver.Query{Text: text})
		require.NoError(t, err)
		require.Len(t, a.Events, want, text)
	}
	_, err = d.Query(ctx, driver.Query{Text: "payment is slow"})
	require.ErrorContains(t, err, `"payment is slow" is no list of matchers`)

	slow.Open, slow.End = false, time.Now()
	post(t, address, []signal.Event{slow})
	over := next()
	require.Equal(t, signal.Good, over.Outcome)
	require.False(t, over.End.IsZero())
	cancel()
	require.NoError(t, <-done)
}
