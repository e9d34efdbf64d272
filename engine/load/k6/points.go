package k6

import (
	"fmt"
	"math"
	"sort"
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
		add("errors_total", failed, with("kind", failure)...)
	}
	count, failed, groups := total["http_reqs"]["count"], total.failures(""), 0
	for metric, values := range total {
		suffix, label, ok := groupOf(metric)
		if !ok {
			continue
		}
		groups++
		requests(label, values["count"], total.failures(suffix))
		latency("step_latency_seconds", period["http_req_duration"+suffix], attr("scenario", scenario), attr("step", label))
		count, failed = count-values["count"], failed-total.failures(suffix)
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

// count is one of k6's numbers as a whole one; what is none is 0.
func count(v float64) uint64 {
	if !(v > 0) || v > 1e18 {
		return 0
	}
	return uint64(v + 0.5)
}

// failures are the requests of a metric's suffix that have failed.
func (v series) failures(suffix string) float64 {
	return math.Round(v["http_reqs"+suffix]["count"] * v["http_req_failed"+suffix]["rate"])
}

// ms is a duration that k6 tells in milliseconds; 0 when it tells none.
func (v series) ms(metric, key string) time.Duration {
	return max(digest.Milliseconds(v[metric][key]), 0)
}

// second is one period for the charts over time. k6 tells percentiles of it and no histogram, so there is no heat.
func second(period, total, before series) signal.LoadSecond {
	const d = "http_req_duration"
	to := period.time()
	grown := func(f func(v series) float64) uint64 { return count(f(total) - f(before)) }
	failed := grown(func(v series) float64 { return v.failures("") })
	s := signal.LoadSecond{
		From: to.Add(-every), To: to, Failed: failed, Done: grown(func(v series) float64 { return v["http_reqs"]["count"] }),
		Missed: grown(func(v series) float64 { return v["dropped_iterations"]["count"] }), Users: users(period),
		P50: period.ms(d, "med"), P90: period.ms(d, "p(90)"), P95: period.ms(d, "p(95)"), P99: period.ms(d, "p(99)"), Max: period.ms(d, "max"),
	}
	if failed > 0 {
		s.Errors = []signal.ErrorCount{{Kind: failure, Count: failed}}
	}
	return s
}

func users(period series) int { return int(min(max(period["vus"]["value"], 0), 1e9)) }

// failure is what every failed request is called: k6's events do not tell kinds apart.
const failure = "request failed"

// phases are where the time of a request went, on average. k6 tells nothing of looking names up.
func phases(of series) signal.LoadPhases {
	avg := func(part string) time.Duration { return of.ms("http_req_"+part, "avg") }
	return signal.LoadPhases{Connect: avg("connecting"), TLS: avg("tls_handshaking"), Write: avg("sending"), Wait: avg("waiting"), Read: avg("receiving")}
}

// steps are the groups of the script, as far as it has metrics by group, and then the other requests.
func steps(period, total series) (out []signal.LoadStep) {
	add := func(name, suffix string, done, failed float64) {
		d := "http_req_duration" + suffix
		out = append(out, signal.LoadStep{Name: name, Rate: period["http_reqs"+suffix]["rate"], Done: count(done), Failed: count(failed),
			P50: period.ms(d, "med"), P90: period.ms(d, "p(90)"), P95: period.ms(d, "p(95)"), P99: period.ms(d, "p(99)")})
	}
	for metric, values := range total {
		if suffix, label, ok := groupOf(metric); ok {
			add(label, suffix, values["count"], total.failures(suffix))
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	if len(out) == 0 && total != nil {
		add(ungrouped, "", total["http_reqs"]["count"], total.failures(""))
	}
	return out
}

// spectrum is what k6 tells of all latencies so far.
func spectrum(total series) (out []signal.LatencyShare) {
	for _, q := range []struct {
		share float64
		key   string
	}{{0.5, "med"}, {0.9, "p(90)"}, {0.95, "p(95)"}, {0.99, "p(99)"}, {1, "max"}} {
		if ms, ok := total["http_req_duration"][q.key]; ok && total["http_reqs"]["count"] > 0 {
			out = append(out, signal.LatencyShare{Share: q.share, Latency: max(digest.Milliseconds(ms), 0)})
		}
	}
	return out
}

// checked is how the script's checks stand. k6 judges a run by them only where a threshold says so.
func checked(total series) []signal.LoadThreshold {
	c, ok := total["checks"]
	if !ok {
		return nil
	}
	return []signal.LoadThreshold{{Name: "checks", Expect: "-", Value: fmt.Sprintf("%.4g %%", 100*c["rate"]), Check: signal.CheckPending,
		Why: "k6 judges by them where a threshold says so"}}
}

// state is what a progress line and the cockpit show.
func state(name string, started time.Time, period, total series, thresholds []signal.LoadThreshold) signal.LoadState {
	ms := func(key string) time.Duration { return period.ms("http_req_duration", key) }
	done := count(total["http_reqs"]["count"])
	out := signal.LoadState{
		Name: name, Scenario: scenario, Running: true, Started: started, Elapsed: time.Since(started),
		Rate: period["http_reqs"]["rate"], Users: users(period),
		Sent: done, Done: done, Failed: count(float64(done) * total["http_req_failed"]["rate"]), Missed: count(total["dropped_iterations"]["count"]),
		ErrorRate: period["http_req_failed"]["rate"], P50: ms("med"), P90: ms("p(90)"), P95: ms("p(95)"), P99: ms("p(99)"), Max: ms("max"),
		Thresholds: append(thresholds, checked(total)...), Steps: steps(period, total), Phases: phases(period), PhasesTotal: phases(total), Spectrum: spectrum(total),
	}
	if out.Failed > 0 {
		out.Errors = []signal.ErrorCount{{Kind: failure, Count: out.Failed}}
	}
	return out
}
