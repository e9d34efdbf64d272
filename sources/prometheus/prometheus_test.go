package prometheus_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/prometheus"
	"gameday/sources/prometheus/promtest"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

func open(t *testing.T, s driver.Settings) *prometheus.Driver {
	t.Helper()
	d, err := prometheus.Open(s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.(*prometheus.Driver).Close()) })
	return d.(*prometheus.Driver)
}

func TestOptionsAreChecked(t *testing.T) {
	doc, err := spec.Parse("gameday.yaml", []byte("alert: false"))
	require.NoError(t, err)
	_, err = prometheus.Open(driver.Settings{Address: "http://x", Options: doc})
	require.ErrorContains(t, err, "alerts")
	_, err = prometheus.Open(driver.Settings{Address: "ftp://x"})
	require.ErrorContains(t, err, "address: ")
}

const rules = `
groups:
- name: shop
  interval: 200ms
  rules:
  - alert: Broken
    expr: shop_broken > 0
    for: 1s
    labels: {severity: page}
    annotations: {summary: "{{ $labels.service }} is broken: {{ $value }}"}
  - alert: Odd
    expr: shop_broken * on(service) shop_twice > 0
`

// The real server: what it holds, and every question that the driver asks.
func TestAgainstTheRealServer(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules.yml")
	require.NoError(t, os.WriteFile(file, []byte(rules), 0o600))
	address := promtest.Prometheus(t, "global: {scrape_interval: 1s, evaluation_interval: 200ms}\nstorage: {exemplars: {max_exemplars: 1000}}\nrule_files: ["+file+"]\n")
	ctx := context.Background()
	from := time.Now().Add(-2 * time.Minute).Truncate(time.Second)
	trace := signal.TraceID{1, 2, 3}
	var ps []signal.MetricPoint
	for i := range 60 {
		at := from.Add(time.Duration(i) * time.Second)
		if i < 20 || i > 40 {
			ps = append(ps, signal.MetricPoint{Name: "gaps", T: at, V: float64(i), Labels: signal.Attrs{{Key: "app", Value: "a\x1b[2J"}}})
		}
		p := signal.MetricPoint{Name: "latency_bucket", T: at, V: float64(i), Labels: signal.Attrs{{Key: "le", Value: "1"}, {Key: "service", Value: "checkout"}}}
		if i == 30 {
			p.Exemplar = &signal.Exemplar{T: at, V: 0.8, TraceID: trace}
		}
		ps = append(ps, p, signal.MetricPoint{Name: "latency_bucket", T: at, V: 1, Labels: signal.Attrs{{Key: "le", Value: "1"}, {Key: "service", Value: "payment"}}})
	}
	promtest.Write(t, address, ps)
	d := open(t, driver.Settings{Name: "prom", Address: address, Every: 20 * time.Millisecond, Rename: map[string]string{"app": "service"}})
	w := signal.Window{From: from, To: from.Add(59 * time.Second)}

	got, err := d.Range(ctx, "rate(latency_bucket[5s])", w, time.Second)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "checkout", got[0].Name)
	require.Len(t, got[0].Exemplars, 1)
	require.Equal(t, trace, got[0].Exemplars[0].TraceID)
	require.Empty(t, got[1].Exemplars)
	es, err := d.Exemplars(ctx, "latency_bucket", w)
	require.NoError(t, err)
	require.Len(t, es, 1)

	// between the samples: Prometheus 2 counted both ends of [1s], Prometheus 3 counts the later one only
	between := signal.Window{From: w.From.Add(500 * time.Millisecond), To: w.To.Add(-500 * time.Millisecond)}
	got, err = d.Range(ctx, "last_over_time(gaps[1s])", between, time.Second)
	require.NoError(t, err)
	require.Equal(t, "gaps", got[0].Name)
	require.Equal(t, "a␛[2J", got[0].Labels.Get("service"), "the label is called what gameday calls it, and is harmless")
	nan := 0
	for _, s := range got[0].Samples {
		if math.IsNaN(s.V) {
			nan++
			require.Equal(t, from.Add(20500*time.Millisecond).UnixMilli(), s.T.UnixMilli())
		}
	}
	require.Equal(t, 1, nan)

	got, err = d.Instant(ctx, "scalar(vector(7))", w.To)
	require.NoError(t, err)
	require.Equal(t, 7.0, got[0].Samples[0].V)
	require.Equal(t, w.To.UnixMilli(), got[0].Samples[0].T.UnixMilli())

	got, err = d.Instant(ctx, "sum(latency_bucket) + 0*("+strings.Repeat("1+", 1500)+"1)", w.To) // too long for a URL
	require.NoError(t, err)
	require.Equal(t, 60.0, got[0].Samples[0].V)

	for query, want := range map[string]string{
		"sum(":       `query "sum(": unclosed left parenthesis at character `,
		"rat(x[1m])": `unknown function with name "rat" at character 1`,
		"":           "the query is empty",
		`"text"`:     "gives a string, wanted a number",
		"x[1m]":      "gives a matrix, wanted a number",
	} {
		_, err := d.Instant(ctx, query, w.To)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}

	words, err := d.Complete(ctx, driver.WordMetric, "", "lat", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"latency_bucket"}, words)
	words, err = d.Complete(ctx, driver.WordLabel, "latency_bucket", "", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"__name__", "le", "service"}, words)
	words, err = d.Complete(ctx, driver.WordLabelValue, "service", "", 1)
	require.NoError(t, err)
	require.Equal(t, []string{"checkout"}, words)
	words, err = d.Complete(ctx, driver.WordLabelValue, driver.InMetric("latency_bucket", "service"), "", 10)
	require.NoError(t, err)
	require.NotEmpty(t, words)
	words, err = d.Complete(ctx, driver.WordLabelValue, driver.InMetric("another", "service"), "", 10)
	require.NoError(t, err)
	require.Empty(t, words, "that metric has no such label")
	words, err = d.Complete(ctx, driver.WordService, "", "p", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"payment"}, words)
	kind, _, _, err := d.Describe(ctx, "latency_bucket")
	require.NoError(t, err)
	require.Empty(t, kind, "what is written remotely has no metadata here")

	found := map[string]driver.Finding{}
	for _, f := range d.Check(ctx) {
		found[f.Name] = f
	}
	require.Equal(t, driver.FindingGood, found[examine.Reachable].State)
	require.Equal(t, driver.FindingGood, found[examine.Exemplars].State, "%+v", found)
	require.Equal(t, driver.FindingUnknown, found["targets"].State)

	require.Equal(t, driver.FindingGood, found["rules"].State, "%+v", found)
	bare := open(t, driver.Settings{Address: promtest.Prometheus(t, "global: {}\n")})
	for _, f := range bare.Check(ctx) {
		if f.Name == examine.Exemplars {
			require.Equal(t, driver.FindingPoor, f.State)
			require.Equal(t, "let the services expose OpenMetrics with exemplars that carry trace_id", f.Advice, "the server itself would keep them")
		}
	}

	alertsComeAndGo(t, d, address)
}

// alertsComeAndGo breaks something, waits for the alert to fire, and mends it.
func alertsComeAndGo(t *testing.T, d *prometheus.Driver, address string) {
	events := make(chan signal.Event, 100)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- d.Run(ctx, func(b signal.Batch) {
			for _, e := range b.Events {
				events <- e
			}
		})
	}()
	broken := func(v float64) {
		promtest.Write(t, address, []signal.MetricPoint{{Name: "shop_broken", Labels: signal.Attrs{{Key: "service", Value: "payment"}}, T: time.Now(), V: v}})
	}
	wait := func(o signal.Outcome) signal.Event {
		for {
			select {
			case e := <-events:
				if e.Outcome == o {
					return e
				}
			case err := <-done:
				require.FailNow(t, "the driver ended", "%v", err)
			case <-time.After(time.Minute):
				require.FailNow(t, "nothing was told of the alert", "outcome %d", o)
			}
		}
	}
	broken(3)
	pending := wait(signal.Warning)
	require.Equal(t, "Broken", pending.Title)
	require.True(t, pending.Open)
	firing := wait(signal.Bad)
	require.Equal(t, pending.Key, firing.Key, "it replaces the other on the timeline")
	require.Equal(t, "payment is broken: 3", firing.Detail)
	require.Equal(t, "payment", firing.Target)
	require.Equal(t, "page", firing.Attrs.Get("severity"))
	require.WithinDuration(t, time.Now(), firing.Start, time.Minute)
	time.Sleep(2 * time.Millisecond) // a sample needs another instant
	broken(0)
	over := wait(signal.Good)
	require.Equal(t, firing.Key, over.Key)
	require.False(t, over.Open)
	require.True(t, over.End.After(over.Start))
	cancel()
	require.NoError(t, <-done)
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(s.Close)
	return s.URL
}

func TestWhatOlderAndOtherServersAnswer(t *testing.T) {
	body, status, asked := "", 200, ""
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	d := open(t, driver.Settings{Address: address + "/workspaces/x"})
	ctx, at := context.Background(), time.Now()
	w := signal.Window{From: at.Add(-time.Minute), To: at}

	body = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"1","sum":"2","buckets":[[0,"1","2","3"]]}]}]}}`
	_, err := d.Instant(ctx, "h", at)
	require.ErrorContains(t, err, `query "h": gives native histograms, which are no line: wrap it in histogram_quantile(0.95, …)`)
	require.Equal(t, "/workspaces/x/api/v1/query", asked)

	body = `{"data":{"result":[{"value":[1,"NaN"],"metric":{"b":"2","a":"1"}},{"metric":null,"value":[1.5,"+Inf"]}],"resultType":"vector"},"warnings":["w"],"status":"success"}`
	_, err = d.Instant(ctx, "x", at)
	require.NoError(t, err, "the order of members is nobody's promise")

	status, body = 422, `{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in \u001bquery execution"}`
	_, err = d.Range(ctx, "x", w, time.Second)
	require.ErrorContains(t, err, `query "x": query processing would load too many samples into memory in ␛query execution (`+address)
	var refused *client.StatusError
	require.ErrorAs(t, err, &refused)

	status, body = 404, "nothing here"
	done := make(chan error, 1)
	runs, cancel := context.WithCancel(ctx)
	go func() { done <- d.Run(runs, func(signal.Batch) {}) }()
	require.ErrorContains(t, <-done, "404", "without alerts it still must answer queries")
	cancel()
	require.Equal(t, "/workspaces/x/api/v1/query", asked)

	_, err = d.Range(ctx, "x", w, time.Millisecond)
	require.ErrorContains(t, err, "60000 points per series asked for, 11000 are allowed")
	_, err = d.Range(ctx, "x", signal.Window{From: at, To: at.Add(-1)}, 0)
	require.ErrorContains(t, err, "the window ends before it begins")
	_, err = d.Range(ctx, strings.Repeat("x", 9000), w, 0)
	require.ErrorContains(t, err, "9000 bytes long")
}

func TestAServerWithoutExemplarsIsNotAskedEachTime(t *testing.T) {
	var asked atomic.Int32
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/query_exemplars" {
			asked.Add(1)
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"]]}]}}`))
	})
	d := open(t, driver.Settings{Address: address})
	w := signal.Window{From: time.Unix(0, 0), To: time.Unix(10, 0)}
	for range 5 {
		got, err := d.Range(context.Background(), "x", w, time.Second)
		require.NoError(t, err, "a chart without exemplars is a chart")
		require.Len(t, got, 1)
	}
	require.EqualValues(t, 1, asked.Load())
	_, err := d.Exemplars(context.Background(), "x", w)
	require.ErrorContains(t, err, "404", "whoever asks for them is told")
}

func TestTooManySeriesGiveTheFirstThousand(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[`)
		for i := range 1500 {
			_, _ = fmt.Fprintf(w, `{"metric":{"i":"%d"},"value":[1,"1"]},`, i)
		}
		_, _ = fmt.Fprint(w, `{"metric":{},"value":[1,"1"]}]}}`)
	})
	got, err := open(t, driver.Settings{Address: address}).Instant(context.Background(), "x", time.Now())
	require.ErrorIs(t, err, client.ErrTruncated)
	require.ErrorContains(t, err, "more than 1000 series or 250000 points: aggregate")
	require.Len(t, got, 1000)
}
