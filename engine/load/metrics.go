package load

import (
	"math"
	"time"

	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// pointed are the quantiles that become series.
var pointed = []struct {
	label string
	q     float64
}{{"0.5", 0.5}, {"0.9", 0.9}, {"0.95", 0.95}, {"0.99", 0.99}}

// pointMaker collects the metrics of one second.
type pointMaker struct {
	run  *Run
	at   time.Time
	list []signal.MetricPoint
}

func (m *pointMaker) add(name string, v float64, labels ...signal.Attr) *signal.MetricPoint {
	all := append(signal.Attrs{{Key: "plan", Value: m.run.name}}, labels...)
	m.list = append(m.list, signal.MetricPoint{Name: "gameday_load_" + name, Labels: all.Sorted(), T: m.at, V: v})
	return &m.list[len(m.list)-1]
}

// points are the run's metrics at this instant. Counters are since the start of the run, gauges and quantiles are of the
// last second; a quantile without a request is NaN, so that a chart has a gap and not an old value. running false makes
// the last ones, in which all gauges have come to rest.
func (r *Run) points(running bool) []signal.MetricPoint {
	m := &pointMaker{run: r, at: time.Now()}
	state := r.State()
	m.add("target_rate", state.Target)
	m.add("inflight", float64(state.InFlight))
	m.add("users", float64(state.Users))
	m.add("missed_total", float64(state.Missed))
	if running {
		m.add("rate", state.Rate)
	} else {
		m.add("rate", 0)
	}
	m.latency("latency_seconds", nil, running, m.run.requests)
	totals := r.history.totals()
	for i, st := range r.plan.steps {
		m.step(i, st, &totals[i], running)
	}
	return m.list
}

func (m *pointMaker) step(i int, st *step, total *counts, running bool) {
	labels := signal.Attrs{{Key: "scenario", Value: st.scenario}, {Key: "step", Value: st.name}}
	with := func(key, value string) []signal.Attr {
		return append(append([]signal.Attr(nil), labels...), signal.Attr{Key: key, Value: value})
	}
	for class, n := range total.classes {
		if n > 0 || class == 2 {
			m.add("requests_total", float64(n), with("status", classNames[class])...)
		}
	}
	for k, n := range total.kinds {
		if kind := protocol.Kind(k); n > 0 && kind.Failed() {
			m.add("errors_total", float64(n), with("kind", kind.String())...)
		}
	}
	m.latency("step_latency_seconds", labels, running, func(step int) bool { return step == i })
}

// latency adds the quantiles of the steps that are wanted, each with a request behind it.
func (m *pointMaker) latency(name string, labels signal.Attrs, running bool, wanted func(step int) bool) {
	w := m.run.history.window(-1, 1, wanted)
	for _, p := range pointed {
		all := append(append([]signal.Attr(nil), labels...), signal.Attr{Key: "quantile", Value: p.label})
		if w.latency.Count() == 0 || !running {
			m.add(name, math.NaN(), all...)
			continue
		}
		v := w.latency.Quantile(p.q)
		point := m.add(name, v.Seconds(), all...)
		if s, ok := w.near(v); ok {
			point.Exemplar = &signal.Exemplar{
				T: m.run.epoch.Add(s.at), V: s.latency.Seconds(), TraceID: s.trace,
				Labels: signal.Attrs{{Key: "trace_id", Value: s.trace.String()}},
			}
		}
	}
}
