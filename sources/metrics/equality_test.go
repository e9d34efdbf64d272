package metrics_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/driver"
	"gameday/sources/metrics"
	"gameday/sources/prometheus"
	"gameday/sources/prometheus/promtest"
	"gameday/sources/signal"
)

// suiteMinutes is how much of time the samples cover.
const suiteMinutes = 8

// suiteSamples are counters with resets, gauges with gaps, histograms, and odd values, every five seconds. They lie beside
// the instants that are asked for: Prometheus 2, which Debian has, counted both ends of a range, Prometheus 3, which is
// embedded, the later one only, and only a sample on an end can tell them apart. For the same reason no subquery's range is
// a multiple of its step.
func suiteSamples(from time.Time) []signal.MetricPoint {
	var out []signal.MetricPoint
	add := func(i int, name string, v float64, labels ...string) {
		p := signal.MetricPoint{Name: name, T: from.Add(time.Duration(i)*5*time.Second + 1300*time.Millisecond), V: v}
		for k := 0; k < len(labels); k += 2 {
			p.Labels = append(p.Labels, signal.Attr{Key: labels[k], Value: labels[k+1]})
		}
		out = append(out, p)
	}
	les := []string{"0.005", "0.01", "0.05", "0.1", "0.5", "1", "5", "+Inf"}
	for i := range suiteMinutes * 12 {
		x := float64(i)
		for s, service := range []string{"cart", "checkout", "payment"} {
			for z, zone := range []string{"a", "b"} {
				add(i, "requests_total", math.Mod(x*float64(3+s+2*z), 300), "service", service, "zone", zone, "code", strconv.Itoa(200+100*((s+z)%3)))
				if (i+s)%17 > 3 { // gaps
					add(i, "temperature", 20+10*math.Sin(x/7+float64(s))+float64(z), "service", service, "zone", zone)
				}
				for b, le := range les {
					add(i, "latency_seconds_bucket", x*float64((b+1)*(s+1)), "service", service, "zone", zone, "le", le)
				}
				add(i, "latency_seconds_count", x*float64(len(les)*(s+1)), "service", service, "zone", zone)
				add(i, "latency_seconds_sum", x*float64(s+1)*0.7, "service", service, "zone", zone)
			}
			add(i, "limit", float64(100*(s+1)), "service", service)
			add(i, "build_info", 1, "service", service, "version", fmt.Sprintf("1.%d.0", s))
		}
		add(i, "odd", [...]float64{1, math.NaN(), math.Inf(1), -5, 0, math.Inf(-1), 1e300}[i%7], "kind", "mixed")
		add(i, "negative", -x*x, "kind", "curve")
		add(i, "start_seconds", float64(from.Unix()), "service", "cart")
	}
	return out
}

// suiteQueries is the table: templates and what stands in the place of each %s.
func suiteQueries() []string {
	var out []string
	each := func(template string, words ...string) {
		for _, w := range words {
			out = append(out, strings.ReplaceAll(template, "%s", w))
		}
	}
	each("%s", "requests_total", `requests_total{service="cart"}`, `requests_total{service!="cart"}`, `requests_total{service=~"c.*"}`, `requests_total{service!~"c.*|x"}`,
		`{__name__=~"limit|temperature"}`, `{service="cart",zone=""}`, "1", "pi()", "time()", "vector(3)", "scalar(limit{service='cart'})", "absent(nothing)", "absent(limit)", "nothing", "odd", "negative", "-limit", "+limit")
	each("%s(requests_total[1m])", "rate", "irate", "increase", "delta", "idelta", "deriv", "resets", "changes", "absent_over_time")
	each("%s(temperature[1m])", "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "stddev_over_time", "stdvar_over_time", "last_over_time", "present_over_time", "deriv", "changes")
	each("quantile_over_time(%s, temperature[2m])", "0", "0.5", "0.99", "1", "-1", "2")
	each("predict_linear(temperature[2m], %s)", "60", "-30")
	each("sum by (%s) (rate(requests_total[1m]))", "service", "zone", "code", "service, zone", "missing", "")
	each("sum without (%s) (rate(requests_total[1m]))", "service", "zone, code")
	each("%s(temperature)", "sum", "avg", "min", "max", "count", "stddev", "stdvar", "group")
	each("%s by (zone) (temperature)", "sum", "avg", "min", "max", "count", "stddev", "stdvar", "group")
	each("%s(2, limit)", "topk", "bottomk")
	each("quantile(%s, limit)", "0", "0.5", "0.9", "1")
	each(`count_values("%s", limit)`, "value")
	each("histogram_quantile(%s, sum by (le, service) (rate(latency_seconds_bucket[1m])))", "0", "0.5", "0.9", "0.95", "0.99", "1", "1.5", "-0.5")
	each("histogram_quantile(%s, latency_seconds_bucket)", "0.5", "0.999")
	each("limit %s 150", "+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "== bool", "!= bool", "> bool", "< bool", ">= bool", "<= bool")
	each("(limit * 1) %s 150", "atan2") // without a name, which Prometheus 2.42 forgets to take away from atan2's answer
	each("150 %s limit", "+", "-", "*", "/", "%", "^")
	each("sum by (service) (temperature) %s on (service) limit", "+", "-", "*", "/", ">", "> bool", "and", "or", "unless")
	each("temperature %s on (service) group_left limit", "+", "-", "*", "/", ">", "< bool")
	each("temperature * on (service) group_left (%s) build_info", "version", "")
	each("limit %s ignoring (version) build_info", "*", "and", "unless")
	each("%s(negative)", "abs", "ceil", "floor", "exp", "sgn", "sqrt", "ln", "log2", "log10", "round", "timestamp", "sort", "sort_desc")
	each("%s(temperature / 50)", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh", "deg", "rad")
	each("clamp%s", "(temperature, 15, 25)", "_min(temperature, 20)", "_max(temperature, 20)", "(temperature, 25, 15)")
	each("round(temperature, %s)", "0.1", "5", "100")
	each("%s(start_seconds)", "minute", "hour", "day_of_month", "day_of_week", "day_of_year", "days_in_month", "month", "year")
	each("limit offset %s", "1m", "30s", "-30s", "1h")
	each("rate(requests_total[1m] offset %s)", "1m", "2m30s")
	each("limit @ %s", "start()", "end()", "0")
	each("max_over_time(rate(requests_total[1m])[%s])", "112s:10s", "62s:20s", "172s:15s")
	each("%s", "avg_over_time(temperature[112s:10s] offset 30s)", "sum(sum_over_time(temperature[52s:15s] @ end()))",
		`label_replace(limit, "team", "$1-team", "service", "(.*)t")`, `label_replace(limit, "service", "", "service", ".*")`, `label_join(temperature, "where", "/", "service", "zone")`,
		`sum(rate(requests_total{code=~"4.."}[1m])) / sum(rate(requests_total[1m]))`, "odd > 0", "odd * 0", "sum_over_time(odd[1m])", "max(odd)", "limit > 150 or limit < 120",
		"(limit > 150) + 1", "temperature > on (service) group_left avg by (service) (temperature)", "1 - (limit / 400)", "-2 ^ 2", "2 ^ 3 ^ 2", "count(temperature > 20) or vector(0)",
		"absent(temperature{service=\"nobody\"})", "time() - start_seconds", "rate(latency_seconds_sum[1m]) / rate(latency_seconds_count[1m])", "holt_winters_is_no_function + 1")
	return out
}

// TestAnswersAreThoseOfPrometheus gives the same samples to the embedded engine and to the real server, and asks both.
func TestAnswersAreThoseOfPrometheus(t *testing.T) {
	// the embedded engine counts a series as present for a minute by default, the server for five
	address := promtest.Prometheus(t, "", "--query.lookback-delta=1m")
	db, err := metrics.Open(metrics.Config{})
	require.NoError(t, err)
	defer db.Close()
	from := time.Now().Add(-(suiteMinutes + 2) * time.Minute).Truncate(time.Minute)
	samples := suiteSamples(from)
	promtest.Write(t, address, samples)
	require.NoError(t, db.Append(context.Background(), samples))
	require.Zero(t, db.Stats().Dropped())
	opened, err := prometheus.Open(driver.Settings{Address: address})
	require.NoError(t, err)
	server := opened.(*prometheus.Driver)
	defer server.Close()

	queries := suiteQueries()
	require.GreaterOrEqual(t, len(queries), 200)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(queries))), len(queries), "each is asked once")
	w := signal.Window{From: from.Add(2 * time.Minute), To: from.Add(suiteMinutes * time.Minute)}
	answered := 0
	for _, q := range queries {
		for name, ask := range map[string]func(m driver.Metrics) ([]signal.Series, error){
			"range": func(m driver.Metrics) ([]signal.Series, error) {
				return m.Range(context.Background(), q, w, 20*time.Second)
			},
			"instant": func(m driver.Metrics) ([]signal.Series, error) { return m.Instant(context.Background(), q, w.To) },
		} {
			here, herr := ask(db)
			there, terr := ask(server)
			require.Equal(t, terr == nil, herr == nil, "%s of %s: here %v, there %v", name, q, herr, terr)
			same(t, name+" of "+q, there, here)
			if len(there) > 0 {
				answered++
			}
		}
	}
	require.Greater(t, answered, 2*len(queries)*9/10, "a suite of empty answers would prove nothing")
	t.Logf("%d queries, %d answers with series, all equal", len(queries), answered)
}

func same(t *testing.T, what string, want, got []signal.Series) {
	t.Helper()
	order := func(list []signal.Series) map[string]signal.Series {
		out := map[string]signal.Series{}
		for _, s := range list {
			out[s.Labels.String()] = s
		}
		require.Len(t, out, len(list), what)
		return out
	}
	there, here := order(want), order(got)
	require.Len(t, here, len(there), "%s: %v there, %v here", what, want, got)
	for labels, a := range there {
		b, ok := here[labels]
		require.True(t, ok, "%s: %s is there only", what, labels)
		require.Len(t, b.Samples, len(a.Samples), "%s: %s", what, labels)
		for i := range a.Samples {
			require.Equal(t, a.Samples[i].T.UnixMilli(), b.Samples[i].T.UnixMilli(), "%s: %s", what, labels)
			require.True(t, near(a.Samples[i].V, b.Samples[i].V), "%s: %s at %s: %v there, %v here", what, labels, a.Samples[i].T, a.Samples[i].V, b.Samples[i].V)
		}
	}
}

// near is equal but for the last digits: the two versions sum in different orders.
func near(a, b float64) bool {
	if math.IsNaN(a) || math.IsNaN(b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return a == b || math.IsNaN(a) && math.IsNaN(b)
	}
	return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b), 1e-3)
}
