package grafana_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/grafana"
	"gameday/sources/reference"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// reading answers as Grafana's API does, for reading: the newest first.
func reading(known []map[string]any) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/annotations", func(w http.ResponseWriter, r *http.Request) {
		number := func(key string, otherwise int64) int64 {
			if n, err := strconv.ParseInt(r.FormValue(key), 10, 64); err == nil {
				return n
			}
			return otherwise
		}
		out := []map[string]any{}
		for _, a := range slices.Backward(known) {
			at := a["time"].(int64)
			if at >= number("from", 0) && at <= number("to", 1<<60) && int64(len(out)) < number("limit", 100) {
				out = append(out, a)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(out); err != nil {
			panic(err)
		}
	})
	return mux
}

func TestAnnotationsAreRead(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	at := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	srv := httptest.NewServer(reading([]map[string]any{
		{"id": 1, "time": at(-2 * time.Hour), "text": "long ago"},
		{"id": 2, "time": at(-10 * time.Minute), "timeEnd": at(-9 * time.Minute), "text": "deploy checkout\n\u001b[31mv2", "tags": []string{"deploy", "checkout"}},
		{"id": 3, "time": at(-5 * time.Minute), "timeEnd": at(-5 * time.Minute), "text": "gameday: payment", "tags": []string{"gameday", "fault"}},
		{"id": 4, "time": at(-4 * time.Minute), "alertName": "HighLatency"},
	}))
	t.Cleanup(srv.Close)
	d := open(t, srv.URL, `{}`)
	got, err := d.(driver.Querier).Query(t.Context(), driver.Query{Window: signal.Window{From: now.Add(-time.Hour), To: now}})
	require.NoError(t, err)
	require.Len(t, got.Events, 2, "what gameday wrote is its own timeline's already")
	require.Equal(t, "HighLatency", got.Events[0].Title)
	deploy := got.Events[1]
	require.Equal(t, "deploy checkout", deploy.Title)
	require.NotContains(t, deploy.Detail, "\x1b")
	require.True(t, deploy.Start.Equal(now.Add(-10*time.Minute)))
	require.True(t, deploy.End.Equal(now.Add(-9*time.Minute)))
	require.Equal(t, "deploy, checkout", deploy.Attrs.Get("tags"))
	got, err = d.(driver.Querier).Query(t.Context(), driver.Query{Limit: 1})
	require.NoError(t, err)
	require.True(t, got.Truncated)

	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan signal.Batch, 10)
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, func(b signal.Batch) { told <- b }) }()
	require.Len(t, (<-told).Events, 2, "of the last hour")
	cancel()
	require.NoError(t, <-done)
}

// TestConformance: the suite's events are alerts that go on, which annotations cannot be; all else of it fits.
func TestConformance(t *testing.T) {
	drivertest.RunHTTP(t, drivertest.HTTP{
		Kind: grafana.Kind(), System: func(*testing.T, signal.Batch) http.Handler { return reading(nil) },
		Huge:  drivertest.Huge{Head: `[`, Item: `{"id":1,"time":1,"text":"` + drivertest.Filler + `"}`, Separator: `,`, Tail: `]`},
		NoIDs: "annotations know of no request", NoLimit: "the limit is tested with annotations, above",
	})
}

// written is what arrived.
type written struct {
	method, path, auth string
	body               map[string]any
}

// grafanaOf takes annotations and answers with IDs; status may refuse.
func grafanaOf(t *testing.T, status func(n int) int) (address string, arrived func() []written) {
	var mu sync.Mutex
	var all []written
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		one := written{method: r.Method, path: r.URL.Path, auth: r.Header.Get("Authorization")}
		if err := json.Unmarshal(data, &one.body); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		mu.Lock()
		all = append(all, one)
		n := len(all)
		mu.Unlock()
		if code := status(n); code != http.StatusOK {
			http.Error(w, `{"message":"no"}`, code)
			return
		}
		fmt.Fprintf(w, `{"message":"Annotation added","id":%d}`, 40+n)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() []written {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

func open(t *testing.T, address, options string) driver.Driver {
	t.Helper()
	doc, err := spec.Parse("options", []byte(options))
	require.NoError(t, err)
	token := reference.NewSecret(reference.Env("GAMEDAY_TEST_GRAFANA"))
	t.Setenv("GAMEDAY_TEST_GRAFANA", "glsa_x")
	d, err := grafana.Open(driver.Settings{Name: "g", Address: address, Client: client.Config{Auth: client.Auth{Bearer: token}}, Options: doc})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.(interface{ Close() error }).Close()) })
	return d
}

func always(int) int { return http.StatusOK }

func TestAFaultIsAnnotatedWhenItBeginsAndWhenItEnds(t *testing.T) {
	address, arrived := grafanaOf(t, always)
	x := open(t, address, `{annotate: true, tags: [shop], dashboardUID: abc, panelID: 3}`).(driver.Exporter)
	start := time.UnixMilli(1_800_000_000_000)
	e := signal.Event{ID: 7, Kind: signal.EventFault, Start: start, Open: true, Title: "payment <+800ms>", Target: "payment", By: "ann"}
	require.NoError(t, x.Export(t.Context(), signal.Batch{Events: []signal.Event{e, {ID: 8, Kind: signal.EventNote, Start: start, Title: "hello"}}}))
	require.NoError(t, x.Export(t.Context(), signal.Batch{Events: []signal.Event{e}}), "told again while it goes on")
	e.Open, e.End = false, start.Add(30*time.Second)
	require.NoError(t, x.Export(t.Context(), signal.Batch{Events: []signal.Event{e}}))
	all := arrived()
	require.Len(t, all, 2)
	require.Equal(t, "POST /api/annotations", all[0].method+" "+all[0].path)
	require.Equal(t, "Bearer glsa_x", all[0].auth)
	require.Equal(t, map[string]any{"time": 1.8e12, "text": "gameday: payment &lt;+800ms&gt; | on payment | by ann", "tags": []any{"gameday", "fault", "shop"},
		"dashboardUID": "abc", "panelId": 3.0}, all[0].body)
	require.Equal(t, "PATCH /api/annotations/41", all[1].method+" "+all[1].path)
	require.InDelta(t, 1.8e12+30_000, all[1].body["timeEnd"], 0)
	require.NotContains(t, all[1].body, "tags", "what a person added meanwhile stays")
}

func TestAnEndWritesBothWhenTheBeginningWasLost(t *testing.T) {
	address, arrived := grafanaOf(t, func(n int) int {
		if n == 1 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	x := open(t, address, `{annotate: true}`).(driver.Exporter)
	start := time.UnixMilli(1_800_000_000_000)
	e := signal.Event{ID: 7, Kind: signal.EventFault, Start: start, Open: true, Title: "f"}
	err := x.Export(t.Context(), signal.Batch{Events: []signal.Event{e}})
	require.ErrorContains(t, err, "annotate that f began")
	require.NotContains(t, err.Error(), "glsa_x")
	e.Open, e.End = false, start.Add(time.Second)
	require.NoError(t, x.Export(t.Context(), signal.Batch{Events: []signal.Event{e}}))
	last := arrived()[1]
	require.Equal(t, "POST", last.method)
	require.InDelta(t, 1.8e12, last.body["time"], 0)
	require.InDelta(t, 1.8e12+1000, last.body["timeEnd"], 0)
}

func TestNothingIsWrittenUnlessItIsAskedFor(t *testing.T) {
	_, writes := open(t, "http://127.0.0.1:1", `{}`).(driver.Exporter)
	require.False(t, writes)
	doc, err := spec.Parse("options", []byte(`{panelID: 3}`))
	require.NoError(t, err)
	_, err = grafana.Open(driver.Settings{Name: "g", Address: "http://127.0.0.1:1", Options: doc})
	require.ErrorContains(t, err, "dashboardUID")
}
