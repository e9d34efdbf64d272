package load

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/histogram"
	"gameday/sources/signal"
)

func TestSpectrumIsTheHistogramsQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 9, 1000, 30_000} {
		var h histogram.Histogram
		for range n {
			h.Record(time.Duration(math.Exp(rng.NormFloat64()) * float64(20*time.Millisecond)))
		}
		points := Spectrum(&h)
		last := points[len(points)-1]
		require.Equal(t, signal.LatencyShare{Share: 1, Latency: h.Max()}, last)
		before := signal.LatencyShare{Share: -1}
		for _, p := range points {
			require.Greater(t, p.Share, before.Share)
			require.GreaterOrEqual(t, p.Latency, before.Latency)
			if p.Share < 1 {
				require.LessOrEqual(t, p.Share, 1-1/float64(n)+1e-12, "no more nines than there are requests")
				require.InDelta(t, float64(h.Quantile(p.Share)), float64(p.Latency), 100, "%d requests, %v", n, p.Share)
			}
			before = p
		}
	}
	require.Empty(t, Spectrum(&histogram.Histogram{}))
}

func TestHeatCountsEveryRequestInItsBucket(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var h histogram.Histogram
	want := map[int]uint32{}
	for range 5000 {
		d := time.Duration(math.Pow(10, 2+9*rng.Float64()))
		h.Record(d)
		want[signal.LatencyBucket(d)]++
	}
	heat := Heat(&h)
	var sum, moved uint32
	for i, n := range heat.Counts {
		sum += n
		moved += max(n, want[heat.First+i]) - min(n, want[heat.First+i])
	}
	require.EqualValues(t, 5000, sum)
	require.Less(t, moved, uint32(100), "three digits of precision move few over an edge")
	require.Empty(t, Heat(&histogram.Histogram{}).Counts)
	for i := range signal.LatencyBuckets - 1 {
		require.Equal(t, i, signal.LatencyBucket(signal.LatencyBound(i)))
		require.Equal(t, i+1, signal.LatencyBucket(signal.LatencyBound(i)+1))
	}
	require.Equal(t, signal.LatencyBuckets-1, signal.LatencyBucket(time.Hour))
}

func TestShownTargetHoldsNoSecret(t *testing.T) {
	for target, want := range map[string]string{
		"http://127.0.0.1:8080":                       "http://127.0.0.1:8080",
		"https://user:hunter2@shop.example/a?key=abc": "https://shop.example/a",
		"postgres://u:p@db:5432/shop?sslmode=off":     "postgres://db:5432/shop",
		"u:secret@tcp(db:3306)/shop":                  "",
		"":                                            "",
	} {
		require.Equal(t, want, shownTarget(target), target)
	}
}

// TestStateTellsTheRunOverTime: what the screen draws adds up to what the result says.
func TestStateTellsTheRunOverTime(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	p := plan(t, `
duration: 2500ms
executor: {kind: constant-rate, rate: 80}
sampling: 100%
scenarios:
  - name: shop
    steps: [{name: good, path: /}, {name: bad, path: /bad}]
thresholds:
  - {stat: p95, expect: "< 30s"}
  - {stat: errors, step: bad, expect: "< 1%"}
  - {stat: count, expect: "> 1", minSamples: 100000}
`)
	r, err := Start(context.Background(), p, Options{Target: srv.URL})
	require.NoError(t, err)
	early := r.State()
	require.True(t, early.Adjustable)
	require.False(t, early.Paused)
	res := r.Wait()
	s := r.State()

	var done, failed, heat uint64
	for i, sec := range s.Seconds {
		done, failed = done+sec.Done, failed+sec.Failed
		for _, n := range sec.Heat.Counts {
			heat += uint64(n)
		}
		require.True(t, sec.To.After(sec.From))
		if i > 0 {
			require.Equal(t, s.Seconds[i-1].To, sec.From)
		}
	}
	require.NotZero(t, done)
	require.Equal(t, done, heat)
	require.Equal(t, 2*failed, done)
	require.Equal(t, signal.ErrorCount{Kind: "status 5xx", Count: s.Seconds[0].Failed}, s.Seconds[0].Errors[0])
	require.InDelta(t, 160, s.Seconds[0].Target, 1)
	require.Positive(t, s.Phases.Wait+s.PhasesTotal.Wait)
	require.Equal(t, s.Spectrum[len(s.Spectrum)-1].Latency, res.Total.Response.Max())

	require.Len(t, s.Thresholds, 3)
	require.Equal(t, signal.CheckPassed, s.Thresholds[0].Check)
	require.Equal(t, "errors of bad", s.Thresholds[1].Name)
	require.Equal(t, signal.CheckFailed, s.Thresholds[1].Check)
	require.False(t, s.Thresholds[1].TraceID.IsZero(), "a request that failed is behind it")
	require.Equal(t, signal.CheckUnknown, s.Thresholds[2].Check)
	require.Contains(t, s.Thresholds[2].Why, "fewer")

	var all uint64
	for _, sec := range res.Seconds {
		all += sec.Done
	}
	require.Equal(t, res.Total.Done, all)
	require.Equal(t, srv.URL, res.Target)
}

// TestSecondsAreBounded and those who hold the list keep what they hold.
func TestSecondsAreBounded(t *testing.T) {
	p := plan(t, "executor: {kind: constant-users, users: 1}\nduration: 1s\nscenarios: [{name: s, steps: [{path: /}]}]\n")
	c, err := compile(p, &Options{Target: "http://127.0.0.1:1"})
	require.NoError(t, err)
	r := &Run{plan: c, rec: newRecorder(1, c.steps), history: newHistory(c.steps, historySpan), epoch: time.Now()}
	pic := newPicture(r)
	var held []signal.LoadSecond
	for i := range 3*signal.LoadSecondsKept + 5 {
		at := time.Duration(i) * time.Second
		r.history.collect(r.rec, make([]*counters, len(c.steps)), at, at+time.Second, 0)
		pic.second(r, at, at+time.Second)
		if i == signal.LoadSecondsKept {
			held = pic.seconds.Latest()
		}
	}
	list := pic.seconds.Latest()
	require.Len(t, list, signal.LoadSecondsKept)
	require.Equal(t, r.epoch.Add(time.Duration(2*signal.LoadSecondsKept+5)*time.Second), list[0].From)
	require.Equal(t, r.epoch.Add(time.Second), held[0].From)
	require.LessOrEqual(t, cap(pic.seconds.list), 3*signal.LoadSecondsKept)
	require.LessOrEqual(t, len(pic.track.Seconds()), 2048)
}

// BenchmarkPicture is what the picture of a second costs the collector: once a second, beside the requests.
func BenchmarkPicture(b *testing.B) {
	p := plan(b, "executor: {kind: constant-users, users: 1}\nduration: 1s\nscenarios: [{name: s, steps: [{path: /}]}]\nthresholds: [{stat: p95, expect: \"< 1s\"}]\n")
	c, err := compile(p, &Options{Target: "http://127.0.0.1:1"})
	require.NoError(b, err)
	r := &Run{plan: c, rec: newRecorder(1, c.steps), history: newHistory(c.steps, historySpan), thresh: p.Thresholds, epoch: time.Now()}
	r.picture = newPicture(r)
	rng := rand.New(rand.NewPCG(1, 2))
	var h histogram.Histogram
	for range 50_000 {
		h.Record(time.Duration(math.Exp(rng.NormFloat64()) * float64(5*time.Millisecond)))
	}
	one := second{to: time.Second, steps: []stepSecond{{counts: counts{done: 50_000}, latency: h.Sparse()}}}
	for i := range r.history.seconds {
		r.history.seconds[i] = one
	}
	r.history.full = true
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := time.Duration(i) * time.Second
		r.picture.second(r, at, at+time.Second)
		r.publish(true)
	}
}
