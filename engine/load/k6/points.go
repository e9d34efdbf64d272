package k6

import (
	"math"
	"strings"
	"time"

	"gameday/engine/load/format/digest"
	"gameday/sources/signal"
)

// quantiles are k6's names of those that become series.
var quantiles = []struct{ label, key string }{{"0.5", "med"}, {"0.9", "p(90)"}, {"0.95", "p(95)"}, {"0.99", "p(99)"}}

// scenario is what k6's requests are labelled with: its event stream does not tell scenarios apart.
const scenario = "k6"

// points are the metrics of one period under the names that gameday's own load has, so that the same charts show them.
// Counters are since the start, the others of the period.
func points(plan string, period, total series) (out []signal.MetricPoint) {
	at := period.time()
	add := func(name string, v float64, labels ...signal.Attr) {
		all := append(signal.Attrs{{Key: "plan", Value: plan}}, labels...)
		out = append(out, signal.MetricPoint{Name: "gameday_load_" + name, Labels: all.Sorted(), T: at, V: v})
	}
	attr := func(key, value string) signal.Attr { return signal.Attr{Key: key, Value: value} }
	add("rate", period["http_reqs"]["rate"])
	add("users", period["vus"]["value"])
	add("missed_total", total["dropped_iterations"]["count"])
	latency := func(name string, of map[string]float64, labels ...signal.Attr) {
		for _, q := range quantiles {
			v, ok := of[q.key]
			if v /= 1000; !ok || period["http_reqs"]["count"] == 0 {
				v = math.NaN()
			}
			add(name, v, append(append([]signal.Attr(nil), labels...), attr("quantile", q.label))...)
		}
	}
	latency("latency_seconds", period["http_req_duration"])
	requests := func(step string, count, failed float64) {
		labels := []signal.Attr{attr("scenario", scenario), attr("step", step)}
		with := func(key, value string) []signal.Attr {
			return append(append([]signal.Attr(nil), labels...), attr(key, value))
		}
		add("requests_total", count-failed, with("status", "good")...)
		add("requests_total", failed, with("status", "failed")...)
		add("errors_total", failed, with("kind", "request failed")...)
	}
	failures := func(suffix string) float64 {
		return math.Round(total["http_reqs"+suffix]["count"] * total["http_req_failed"+suffix]["rate"])
	}
	count, failed, groups := total["http_reqs"]["count"], failures(""), 0
	for metric, values := range total {
		suffix, label, ok := groupOf(metric)
		if !ok {
			continue
		}
		groups++
		requests(label, values["count"], failures(suffix))
		latency("step_latency_seconds", period["http_req_duration"+suffix], attr("scenario", scenario), attr("step", label))
		count, failed = count-values["count"], failed-failures(suffix)
	}
	requests(ungrouped, max(count, 0), max(failed, 0))
	if groups == 0 {
		latency("step_latency_seconds", period["http_req_duration"], attr("scenario", scenario), attr("step", ungrouped))
	}
	if checks, ok := total["checks"]; ok {
		add("checks_success", checks["rate"])
	}
	return out
}

// ungrouped is the step of all requests that belong to no group of the script.
const ungrouped = "requests"

// groupOf tells which group of requests a metric counts.
func groupOf(metric string) (suffix, label string, ok bool) {
	suffix, ok = strings.CutPrefix(metric, "http_reqs")
	group, tagged := strings.CutPrefix(suffix, "{group:")
	group = strings.TrimPrefix(strings.TrimSuffix(group, "}"), "::")
	return suffix, digest.Clean(group), ok && tagged && group != ""
}

// state is what a progress line and the cockpit show.
func state(name string, started time.Time, period, total series, thresholds []signal.LoadThreshold) signal.LoadState {
	ms := func(key string) time.Duration { return max(digest.Milliseconds(period["http_req_duration"][key]), 0) }
	count := func(v float64) uint64 {
		if !(v > 0) || v > 1e18 {
			return 0
		}
		return uint64(v + 0.5)
	}
	done := count(total["http_reqs"]["count"])
	return signal.LoadState{
		Name: name, Scenario: scenario, Running: true, Started: started, Elapsed: time.Since(started),
		Rate: period["http_reqs"]["rate"], Users: int(min(max(period["vus"]["value"], 0), 1e9)),
		Sent: done, Done: done, Failed: count(float64(done) * total["http_req_failed"]["rate"]), Missed: count(total["dropped_iterations"]["count"]),
		ErrorRate: period["http_req_failed"]["rate"], P50: ms("med"), P90: ms("p(90)"), P95: ms("p(95)"), P99: ms("p(99)"), Max: ms("max"),
		Thresholds: thresholds,
	}
}
