package load

import (
	"strings"
	"time"

	"gameday/sources/signal"
)

// statNames are the statistics that Stat and thresholds know.
var statNames = []string{"rate", "count", "errors", "success", "mean", "p50", "p75", "p90", "p95", "p99", "p999", "max", "missed"}

// Stats lists the statistics that Stat and thresholds know. Latencies are in seconds from the intended instant, rates in
// answers per second, errors and success shares from 0 to 1, count and missed are numbers.
func Stats() []string { return append([]string(nil), statNames...) }

var quantiles = map[string]float64{"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1}

// Stat is a statistic over the last so many seconds of the run, for the steps of that name ("step" or "scenario/step"; ""
// is all of them). Only whole seconds count, so that it lags by up to one. over is cut to the five minutes that are kept;
// 0 means all of these. ok is false when there is no such statistic or step, or no data: nothing was answered in that
// time. exemplar is a traced request behind the figure: for errors one of the last that failed, for a latency one near or
// above it; zero when none was kept.
func (r *Run) Stat(stat, step string, over time.Duration) (v float64, ok bool, exemplar signal.TraceID) {
	match, any := r.matcher(step)
	if !any {
		return 0, false, exemplar
	}
	after, most := time.Duration(-1), len(r.history.seconds)
	if over > 0 {
		most = int((over + time.Second - 1) / time.Second)
		after = r.now() - over - time.Second // the latest whole second ended up to a second ago
	}
	w := r.history.window(after, most, match)
	if w.span == 0 {
		return 0, false, exemplar
	}
	switch stat {
	case "missed":
		return float64(w.missed), true, exemplar
	case "rate":
		return float64(w.done) / w.span.Seconds(), true, exemplar
	case "count":
		return float64(w.done), true, exemplar
	}
	if w.done == 0 {
		return 0, false, exemplar
	}
	switch stat {
	case "errors", "success":
		if exemplar = w.traced(); exemplar.IsZero() {
			exemplar = w.nearTrace(w.latency.Max())
		}
		v = float64(w.failed) / float64(w.done)
		if stat == "success" {
			v = 1 - v
		}
		return v, true, exemplar
	case "mean":
		return w.latency.Mean().Seconds(), true, w.nearTrace(w.latency.Mean())
	}
	q, known := quantiles[stat]
	if !known {
		return 0, false, exemplar
	}
	value := w.latency.Quantile(q)
	return value.Seconds(), true, w.nearTrace(value)
}

// traced is the last failed request that was traced.
func (s *summary) traced() (id signal.TraceID) {
	for _, f := range s.fails {
		if f.sampled {
			return f.trace
		}
	}
	return id
}

func (s *summary) nearTrace(v time.Duration) (id signal.TraceID) {
	if kept, ok := s.near(v); ok {
		return kept.trace
	}
	return id
}

// requests tells the steps that are requests from the groups of them.
func (r *Run) requests(step int) bool { return !r.plan.steps[step].group }

// matcher tells which steps a name means; any is false when it means none.
func (r *Run) matcher(name string) (match func(int) bool, any bool) {
	if name == "" {
		return r.requests, true
	}
	hits := make([]bool, len(r.plan.steps))
	scenario, step, both := strings.Cut(name, "/")
	for i, st := range r.plan.steps {
		hits[i] = st.name == name || both && st.scenario == scenario && st.name == step
		any = any || hits[i]
	}
	return func(i int) bool { return hits[i] }, any
}
