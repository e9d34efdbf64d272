package load

import (
	"sort"
	"strings"
	"time"

	"gameday/engine/load/histogram"
	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

const shownExemplars = 10 // of each kind, slow and failed

// State is the run as an operator sees it. Percentiles, rates and steps are those of the last whole second; what can be
// read off counters is of this instant.
func (r *Run) State() signal.LoadState {
	s := *r.state.Load()
	if s.Running {
		s.Elapsed = r.now()
		s.Target = r.targetRate(s.Elapsed)
	}
	s.Sent = r.rec.sent()
	s.InFlight = int(r.rec.inFlight())
	s.Users = int(r.users.Load())
	s.Missed = r.missed.Load()
	s.Paused = s.Running && s.Adjustable && r.paused()
	return s
}

// targetRate is the sum of what the open executors intend, in requests per second.
func (r *Run) targetRate(at time.Duration) (rate float64) {
	for _, g := range r.plan.groups {
		if g.executor.Kind.Open() {
			rate += g.profile.level(at) * g.perIteration()
		}
	}
	return rate / float64(r.shards.of())
}

// publish makes the picture that State hands out until the next one. It is called by the collector only.
func (r *Run) publish(running bool) {
	now := r.now()
	s := &signal.LoadState{
		Name: r.name, Scenario: r.scenarios(), Running: running, Started: r.epoch, Elapsed: now, Total: r.total,
	}
	var kinds [protocol.Kinds]uint64
	totals := r.history.totals()
	for i, c := range totals {
		if !r.requests(i) {
			continue
		}
		s.Done += c.done
		s.Failed += c.failed
		for k, n := range c.kinds {
			kinds[k] += n
		}
	}
	s.Errors = errorCounts(&kinds)
	last := r.picture.last
	if last.span > 0 {
		s.Rate = float64(last.done) / last.span.Seconds()
	}
	if last.done > 0 {
		s.ErrorRate = float64(last.failed) / float64(last.done)
	}
	s.P50, s.P90, s.P95, s.P99 = four(&last.latency)
	s.Max = last.latency.Max()
	for i, st := range r.plan.steps {
		s.Steps = append(s.Steps, r.stepState(i, st, &totals[i]))
	}
	s.Exemplars = r.exemplars(now)
	r.picture.complete(r, s, totals)
	r.state.Store(s)
}

func (r *Run) stepState(i int, st *step, total *counts) signal.LoadStep {
	out := signal.LoadStep{Name: st.name, Done: total.done, Failed: total.failed, Extras: extrasOf(st, &total.extras)}
	w := r.history.window(-1, 1, func(step int) bool { return step == i })
	if w.span > 0 {
		out.Rate = float64(w.done) / w.span.Seconds()
	}
	out.P50, out.P90, out.P95, out.P99 = four(&w.latency)
	return out
}

func four(h *histogram.Histogram) (p50, p90, p95, p99 time.Duration) {
	return h.Quantile(0.5), h.Quantile(0.9), h.Quantile(0.95), h.Quantile(0.99)
}

// scenarios names what is being run, in one line.
func (r *Run) scenarios() string {
	var names []string
	for _, g := range r.plan.groups {
		for _, sc := range g.scenarios {
			names = append(names, sc.name)
		}
	}
	return strings.Join(names, ", ")
}

// errorCounts lists the kinds of failure that occurred, the most frequent first.
func errorCounts(kinds *[protocol.Kinds]uint64) (out []signal.ErrorCount) {
	for k, n := range kinds {
		if kind := protocol.Kind(k); n > 0 && kind.Failed() {
			out = append(out, signal.ErrorCount{Kind: kind.String(), Count: n})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Count > out[j].Count })
	return out
}

// exemplars are the slowest and the last failed requests of the last minute, the latest first.
func (r *Run) exemplars(now time.Duration) (out []signal.RequestExemplar) {
	seen := map[signal.TraceID]bool{}
	var slow, failed []kept
	r.history.last(max(now-exemplarSpan, -1), func(s *second) {
		for i := range s.steps {
			for _, one := range s.steps[i].slow {
				slow = append(slow, kept{i, one})
			}
			for _, one := range s.steps[i].fails {
				failed = append(failed, kept{i, one})
			}
		}
	})
	sort.SliceStable(slow, func(i, j int) bool { return slow[i].latency > slow[j].latency })
	sort.SliceStable(failed, func(i, j int) bool { return failed[i].at > failed[j].at })
	for _, list := range [][]kept{failed, slow} {
		n := 0
		for _, k := range list {
			if n < shownExemplars && !seen[k.trace] {
				seen[k.trace] = true
				out = append(out, r.exemplar(k))
				n++
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].At.After(out[j].At) })
	return out
}

// kept is a sample with the step it belongs to.
type kept struct {
	step int
	sample
}

func (r *Run) exemplar(k kept) signal.RequestExemplar {
	out := signal.RequestExemplar{
		At: r.epoch.Add(k.at), Step: r.plan.steps[k.step].name, Latency: k.latency, Status: k.status,
		CorrelationID: k.trace.String(),
	}
	if k.sampled {
		out.TraceID = k.trace
	}
	if k.kind.Failed() {
		if out.Err = k.kind.String(); k.err != nil {
			out.Err += ": " + k.err.Error()
		}
	}
	return out
}
