package metrics

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gameday/sources/signal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// start is a round second in the recent past, so that the retention keeps it.
func start() time.Time { return time.Now().Add(-2 * time.Minute).Truncate(time.Second) }

func point(name string, at time.Time, v float64, kv ...string) signal.MetricPoint {
	p := signal.MetricPoint{Name: name, T: at, V: v}
	for i := 0; i < len(kv); i += 2 {
		p.Labels = append(p.Labels, signal.Attr{Key: kv[i], Value: kv[i+1]})
	}
	return p
}

func TestRangeGivesRatesPerSeriesWithShortNames(t *testing.T) {
	db := open(t, Config{})
	t0, ctx := start(), context.Background()
	var ps []signal.MetricPoint
	for i := range 60 {
		at := t0.Add(time.Duration(i) * time.Second)
		ps = append(ps, point("requests_total", at, float64(i*10), "service", "checkout", "job", "shop"),
			point("requests_total", at, float64(i*20), "service", "payment", "job", "shop"))
	}
	require.NoError(t, db.Append(ctx, ps))
	require.Equal(t, 2, db.SeriesCount())

	w := signal.Window{From: t0.Add(20 * time.Second), To: t0.Add(50 * time.Second)}
	got, err := db.Range(ctx, `sum by (service) (rate(requests_total[10s]))`, w, 5*time.Second)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, []string{"checkout", "payment"}, []string{got[0].Name, got[1].Name})
	require.Len(t, got[0].Samples, 7)
	require.InDelta(t, 10, got[0].Samples[0].V, 0.001)
	require.InDelta(t, 20, got[1].Samples[6].V, 0.001)
	require.True(t, got[0].Samples[0].T.Equal(w.From))

	one, err := db.Range(ctx, `requests_total{service="payment"}`, w, 5*time.Second)
	require.NoError(t, err)
	require.Equal(t, "requests_total", one[0].Name)

	none, err := db.Range(ctx, `nothing_here`, w, time.Second)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestInstantGivesOneSampleEach(t *testing.T) {
	db := open(t, Config{})
	t0, ctx := start(), context.Background()
	require.NoError(t, db.Append(ctx, []signal.MetricPoint{point("up", t0, 1, "job", "a"), point("up", t0, 0, "job", "b")}))
	got, err := db.Instant(ctx, `up`, t0.Add(time.Second))
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "a", got[0].Name)
	require.Len(t, got[0].Samples, 1)
	require.Equal(t, 1.0, got[0].Samples[0].V)

	scalar, err := db.Instant(ctx, `1 + 1`, t0)
	require.NoError(t, err)
	require.Equal(t, 2.0, scalar[0].Samples[0].V)

	_, err = db.Instant(ctx, `up[1m]`, t0)
	require.ErrorContains(t, err, "range vector")
}

func TestGapsAreNaN(t *testing.T) {
	db := open(t, Config{Lookback: 2 * time.Second})
	t0, ctx := start(), context.Background()
	var ps []signal.MetricPoint
	for i := range 60 {
		if i < 20 || (i >= 40 && i < 50) {
			ps = append(ps, point("g", t0.Add(time.Duration(i)*time.Second), 1))
		}
	}
	require.NoError(t, db.Append(ctx, ps))
	got, err := db.Range(ctx, `g`, signal.Window{From: t0, To: t0.Add(59 * time.Second)}, time.Second)
	require.NoError(t, err)
	var gaps []int
	for _, s := range got[0].Samples {
		if math.IsNaN(s.V) {
			gaps = append(gaps, int(s.T.Sub(t0)/time.Second))
		}
	}
	require.Equal(t, []int{21, 51}, gaps) // the lookback is half open: the sample of second 19 counts for second 20
}

func TestExemplarsFindTheirSeries(t *testing.T) {
	db := open(t, Config{})
	t0, ctx := start(), context.Background()
	id := signal.TraceID{1, 2, 3}
	var ps []signal.MetricPoint
	for i := range 30 {
		at := t0.Add(time.Duration(i) * time.Second)
		for _, service := range []string{"checkout", "payment"} {
			for _, le := range []string{"0.1", "1", "+Inf"} {
				p := point("latency_bucket", at, float64(i), "service", service, "le", le)
				if service == "checkout" && i == 15 && le != "+Inf" {
					v := map[string]float64{"0.1": 0.05, "1": 0.8}[le]
					p.Exemplar = &signal.Exemplar{T: at, V: v, TraceID: id, Labels: signal.Attrs{{Key: "path", Value: "/pay"}}}
				}
				ps = append(ps, p)
			}
		}
	}
	require.NoError(t, db.Append(ctx, ps))
	w := signal.Window{From: t0, To: t0.Add(30 * time.Second)}
	query := `histogram_quantile(0.95, sum by (service, le) (rate(latency_bucket[5s])))`
	got, err := db.Range(ctx, query, w, time.Second)
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "checkout", got[0].Name)
	require.Len(t, got[0].Exemplars, 1, "one per step: the slowest")
	require.Equal(t, id, got[0].Exemplars[0].TraceID)
	require.Equal(t, 0.8, got[0].Exemplars[0].V)
	require.Equal(t, "/pay", got[0].Exemplars[0].Labels.Get("path"))
	require.Empty(t, got[1].Exemplars, "payment's requests are others")

	all, err := db.Exemplars(ctx, query, w)
	require.NoError(t, err)
	require.Len(t, all, 2)
	outside, err := db.Exemplars(ctx, query, signal.Window{From: t0, To: t0.Add(time.Second)})
	require.NoError(t, err)
	require.Empty(t, outside)
}

func TestWhatCannotBeKeptIsCounted(t *testing.T) {
	db := open(t, Config{MaxSeries: 3, OutOfOrder: 5 * time.Second})
	ctx, t0 := context.Background(), start()
	ps := []signal.MetricPoint{
		point("a", t0.Add(20*time.Second), 1),
		point("a", t0.Add(18*time.Second), 2),   // late, but within the window
		point("a", t0, 3),                       // too late
		point("a", t0.Add(20*time.Second), 4),   // a second value for the same instant
		point("a", t0.Add(1000*time.Hour), 5),   // the future
		point("a", time.Unix(0, 0), 6),          // the distant past
		point("", t0, 7),                        // no name
		point("bad\xff", t0, 8),                 // not text
		point("b", t0.Add(20*time.Second), 9),   // second series
		point("c", t0.Add(20*time.Second), 10),  // third
		point("d", t0.Add(20*time.Second), 11),  // one too many
		point("b", t0.Add(21*time.Second), 1.5), // and the honest ones still get in
	}
	require.NoError(t, db.Append(ctx, ps))
	s := db.Stats()
	require.Equal(t, Stats{Received: 12, Kept: 5, Future: 1, Refused: 1, Invalid: 2}, s)
	require.EqualValues(t, 7, s.Dropped())
	got, err := db.Range(ctx, "a", signal.Window{From: t0.Add(18 * time.Second), To: t0.Add(20 * time.Second)}, time.Second)
	require.NoError(t, err)
	require.Equal(t, 2.0, got[0].Samples[0].V, "the late sample is in its place")
	require.Equal(t, 1.0, got[0].Samples[2].V)
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	db := open(t, Config{MaxSamples: 50, Timeout: 30 * time.Second})
	ctx, t0 := context.Background(), start()
	w := signal.Window{From: t0, To: t0.Add(time.Minute)}
	for query, want := range map[string]string{
		`sum(rat(x[1m]))`:               `query "sum(rat(x[1m]))": unknown function with name "rat" at character 5 near "rat"`,
		`sum(`:                          `character 5`,
		``:                              `no expression found`,
		`rate(x)`:                       `expected type range vector`,
		`x{a="` + "\x1b[2J" + `"`:       `query "x{a=`,
		strings.Repeat("(", 9000):       `bytes long`,
		strings.Repeat("-", 8000) + "1": ``,
	} {
		_, err := db.Range(ctx, query, w, time.Second)
		if want == "" {
			continue // any answer will do, as long as there is one
		}
		require.Error(t, err, query)
		require.Contains(t, err.Error(), want)
		require.NotContains(t, err.Error(), "\x1b")
		require.NotContains(t, err.Error(), "\n")
	}
	_, err := db.Range(ctx, "x", signal.Window{From: t0, To: t0.Add(24 * time.Hour)}, time.Second)
	require.ErrorContains(t, err, "take a longer step")

	var ps []signal.MetricPoint
	for i := range 100 {
		ps = append(ps, point("x", t0.Add(time.Second), 1, "i", fmt.Sprint(i)))
	}
	require.NoError(t, db.Append(ctx, ps))
	_, err = db.Range(ctx, "x", w, time.Second)
	require.ErrorContains(t, err, "needs more than 50 samples at once")

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = db.Range(cancelled, "vector(1)", w, time.Second)
	require.ErrorIs(t, err, context.Canceled)
}

func TestQueriesTimeOut(t *testing.T) {
	db := open(t, Config{Timeout: time.Nanosecond})
	_, err := db.Instant(context.Background(), "vector(1)", time.Now())
	require.ErrorContains(t, err, "took longer than 1ns")
}

func TestNativeHistogramsAreKeptAndExplained(t *testing.T) {
	db := open(t, Config{})
	ctx, t0 := context.Background(), start()
	for i := range 20 {
		app := db.Appendable().AppenderV2(ctx)
		h := &histogram.Histogram{Schema: 0, Count: uint64(10 * i), Sum: float64(10 * i), ZeroThreshold: 1e-9,
			PositiveSpans: []histogram.Span{{Offset: 0, Length: 1}}, PositiveBuckets: []int64{int64(10 * i)}}
		_, err := app.Append(0, labels.FromStrings("__name__", "h"), 0, t0.Add(time.Duration(i)*time.Second).UnixMilli(), 0, h, nil, storage.AOptions{})
		require.NoError(t, err)
		require.NoError(t, app.Commit())
	}
	w := signal.Window{From: t0.Add(10 * time.Second), To: t0.Add(19 * time.Second)}
	_, err := db.Range(ctx, "h", w, time.Second)
	require.ErrorContains(t, err, "histogram_quantile")
	_, err = db.Instant(ctx, "h", w.From)
	require.ErrorContains(t, err, "histogram_quantile")
	got, err := db.Range(ctx, "histogram_quantile(0.5, rate(h[5s]))", w, time.Second)
	require.NoError(t, err)
	require.InDelta(t, 0.7, got[0].Samples[0].V, 0.3)
}

func TestHostileTextIsHarmlessOnTheWayOut(t *testing.T) {
	db := open(t, Config{})
	ctx, t0 := context.Background(), start()
	evil := "pay\x1b]0;pwned\x07\nment\u202e"
	p := point("x", t0, 1, "service", evil)
	p.Exemplar = &signal.Exemplar{T: t0, V: 1, TraceID: signal.TraceID{9}, Labels: signal.Attrs{{Key: "user", Value: "\x1b[31m"}}}
	require.NoError(t, db.Append(ctx, []signal.MetricPoint{p, point("x", t0, 2, "service", "fine")}))
	w := signal.Window{From: t0, To: t0.Add(time.Second)}
	check := func(ss []signal.Series) {
		require.NotEmpty(t, ss)
		for _, s := range ss {
			text := fmt.Sprint(s.Name, s.Labels, s.Exemplars)
			require.NotContains(t, text, "\x1b")
			require.NotContains(t, text, "\n")
			require.NotContains(t, text, "\u202e")
		}
	}
	got, err := db.Range(ctx, "x", w, time.Second)
	require.NoError(t, err)
	check(got)
	exemplars := 0
	for _, s := range got {
		exemplars += len(s.Exemplars)
	}
	require.Equal(t, 1, exemplars, "a sanitised label still finds its exemplar")
	got, err = db.Range(ctx, `label_replace(x{service="fine"}, "service", "\u001b[2J", "", "")`, w, time.Second)
	require.NoError(t, err)
	check(got)
}

func TestCloseRemovesItsOwnDirectoryAndSweepsAbandonedOnes(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	abandoned := filepath.Join(tmp, prefix+"abandoned")
	require.NoError(t, os.Mkdir(abandoned, 0o700))
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.WriteFile(filepath.Join(abandoned, "x"), nil, 0o600))
	require.NoError(t, os.Chtimes(abandoned, old, old))

	first, err := Open(Config{})
	require.NoError(t, err)
	require.NoDirExists(t, abandoned)
	require.NoError(t, os.Chtimes(first.dir, old, old))
	second, err := Open(Config{})
	require.NoError(t, err)
	require.DirExists(t, first.dir, "in use: not swept")
	require.NoError(t, first.Close())
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, left)

	own := filepath.Join(tmp, "mine")
	db, err := Open(Config{Dir: own})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	require.DirExists(t, own)
	require.NoError(t, os.WriteFile(filepath.Join(own, "file"), nil, 0o600))
	_, err = Open(Config{Dir: filepath.Join(own, "file", "below")})
	require.Error(t, err)
}

func TestQueriesReachIntoBlocksAndTheRetentionEnds(t *testing.T) {
	db := open(t, Config{Retention: time.Minute})
	ctx := context.Background()
	t0 := time.Now().Add(-50 * time.Second).Truncate(time.Second)
	for i := range 50 {
		at := t0.Add(time.Duration(i) * time.Second)
		require.NoError(t, db.Append(ctx, []signal.MetricPoint{point("c_total", at, float64(2*i), "service", "a"), point("late", at, 1)}))
		if i > 5 { // out of order, into the head or into what was compacted
			require.NoError(t, db.Append(ctx, []signal.MetricPoint{point("late", at.Add(-3500*time.Millisecond), 1)}))
		}
		if i%10 == 9 {
			require.NoError(t, db.tsdb.Compact(ctx))
		}
	}
	require.NotEmpty(t, db.tsdb.Blocks(), "the heap holds the newest samples only")
	got, err := db.Range(ctx, `rate(c_total[5s])`, signal.Window{From: t0.Add(5 * time.Second), To: t0.Add(49 * time.Second)}, time.Second)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Len(t, got[0].Samples, 45)
	for _, s := range got[0].Samples {
		require.InDelta(t, 2, s.V, 0.001)
	}
	total, err := db.Instant(ctx, `count_over_time(late[1m])`, t0.Add(50*time.Second))
	require.NoError(t, err)
	require.Equal(t, 50.0+44, total[0].Samples[0].V)
	require.Zero(t, db.Stats().Dropped())
}

func TestClosedSeriesMakeRoom(t *testing.T) {
	db := open(t, Config{Retention: time.Minute, MaxSeries: 10})
	ctx := context.Background()
	t0 := time.Now().Add(-55 * time.Second).Truncate(time.Second)
	for i := range 10 {
		require.NoError(t, db.Append(ctx, []signal.MetricPoint{point("old", t0, 1, "i", fmt.Sprint(i))}))
	}
	require.NoError(t, db.Append(ctx, []signal.MetricPoint{point("new", t0, 1)}))
	require.EqualValues(t, 1, db.Stats().Refused)
	for i := range 40 {
		require.NoError(t, db.Append(ctx, []signal.MetricPoint{point("old", t0.Add(time.Duration(i+1)*time.Second), 1, "i", "0")}))
	}
	require.NoError(t, db.tsdb.Compact(ctx))
	require.Less(t, db.SeriesCount(), 10, "series without new samples have left the head")
	require.NoError(t, db.Append(ctx, []signal.MetricPoint{point("new", t0.Add(41*time.Second), 1)}))
	require.EqualValues(t, 1, db.Stats().Refused)
}

func BenchmarkRange(b *testing.B) {
	db, err := Open(Config{})
	require.NoError(b, err)
	defer db.Close()
	ctx, t0 := context.Background(), time.Now().Add(-5*time.Minute).Truncate(time.Second)
	for i := range 300 {
		var ps []signal.MetricPoint
		for s := range 8 {
			for _, le := range []string{"0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf"} {
				p := point("latency_bucket", t0.Add(time.Duration(i)*time.Second), float64(i), "service", fmt.Sprint("s", s), "le", le)
				p.Exemplar = &signal.Exemplar{T: p.T, V: 0.1, TraceID: signal.TraceID{byte(i), byte(s), 1}}
				ps = append(ps, p)
			}
		}
		require.NoError(b, db.Append(ctx, ps))
	}
	w := signal.Window{From: t0, To: t0.Add(5 * time.Minute)}
	for name, q := range map[string]string{
		"quantile of 88 buckets": `histogram_quantile(0.95, sum by (le, service) (rate(latency_bucket[10s])))`,
		"rate of 8":              `sum by (service) (rate(latency_bucket{le="+Inf"}[10s]))`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got, err := db.Range(ctx, q, w, 3*time.Second)
				require.NoError(b, err)
				require.Len(b, got, 8)
			}
		})
	}
}
