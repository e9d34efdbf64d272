package load

import (
	"fmt"
	"time"

	"gameday/engine/load/analysis"
	"gameday/engine/load/baseline"
	"gameday/engine/load/histogram"
	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// Result is a run that has ended. Everything but Sent and Missed is about the requests that were due after the warm-up.
type Result struct {
	Name        string
	Shards      Shards // which part of the plan it was
	Started     time.Time
	Elapsed     time.Duration
	Measured    time.Duration // the part after the warm-up
	Sent        uint64        // since the start of the run
	Missed      uint64        // arrivals that were due and never sent: percentiles are too good by them
	Interrupted uint64        // broken off when the run was stopped
	Total       Summary
	Steps       []StepResult
	Errors      []signal.ErrorCount // by kind, the most frequent first
	Thresholds  []ThresholdResult
	Exemplars   []signal.RequestExemplar // of the last minute
	Notes       []string                 // what must be known to read the figures
	Target      string                   // without passwords
	Seconds     []analysis.Second        // the whole run, warm-up included; neighbours are joined in long ones
	Test        *TestResult              // what a test of a known type has found out; nil for other plans
	Baseline    *baseline.Baseline       // the measured part as it is kept and compared; who keeps it fills in machine and version
}

// Summary is the figures of some requests. Response counts from the intended instant, Service from when the worker turned
// to the request, Lag is what lies between.
type Summary struct {
	Done, Failed           uint64
	Rate                   float64 // per second
	Response, Service, Lag *histogram.Histogram
	Retried                uint64 // sent again because a kept connection had been closed
	Dials                  uint64 // connections opened
	Bytes                  int64  // of bodies received
	Mean                   protocol.Phases
	Extras                 []ExtraFigure // of its protocol, for single steps
}

// ExtraFigure is a figure of a protocol's own.
type ExtraFigure struct {
	protocol.Extra
	Value float64 // the sum, or the largest
}

// StepResult is one step's part of the result.
type StepResult struct {
	Scenario, Name string
	Group          bool // steps measured as one: not part of the total
	Summary
}

// Check is the verdict of all thresholds together, and of the test where it has one.
func (r *Result) Check() signal.Check {
	checks := make([]signal.Check, len(r.Thresholds))
	for i, t := range r.Thresholds {
		checks[i] = t.Check
	}
	if r.Test != nil {
		checks = append(checks, r.Test.Check())
	}
	return Together(checks)
}

// Together is the verdict of several thresholds: failed when one failed, unknown when none failed but one had too few
// samples, pending when there are none that are not pending themselves.
func Together(checks []signal.Check) signal.Check {
	out := signal.CheckPending
	for _, c := range checks {
		switch {
		case c == signal.CheckPending:
		case c == signal.CheckFailed:
			return signal.CheckFailed
		case c == signal.CheckUnknown, out == signal.CheckPending:
			out = c
		}
	}
	return out
}

func (r *Run) conclude() Result {
	out := Result{
		Name: r.name, Shards: r.shards, Started: r.epoch, Elapsed: r.now(), Sent: r.rec.sent(), Missed: r.missed.Load(),
	}
	out.Measured = max(out.Elapsed-r.warmup, 0)
	if r.total > 0 {
		// What came after the plan's end was only waiting for the last answers.
		out.Measured = min(out.Measured, r.total-r.warmup)
	}
	var all measured
	for i, st := range r.plan.steps {
		one := &measured{}
		r.rec.total(i, one)
		figures := one.summary(out.Measured)
		for i, x := range st.extras {
			figures.Extras = append(figures.Extras, ExtraFigure{x, one.extras[i]})
		}
		out.Steps = append(out.Steps, StepResult{Scenario: st.scenario, Name: st.name, Group: st.group, Summary: figures})
		if st.group {
			continue
		}
		all.add(&one.counts, nil)
		all.response.Merge(&one.response)
		all.service.Merge(&one.service)
		all.lag.Merge(&one.lag)
	}
	out.Total = all.summary(out.Measured)
	out.Interrupted = all.kinds[protocol.Interrupted]
	out.Errors = errorCounts(&all.kinds)
	out.Exemplars = r.state.Load().Exemplars
	out.Target, out.Seconds = r.plan.shown, r.picture.track.Seconds()
	for i, t := range r.thresh {
		if ended := r.tracker.failed[i]; ended != nil {
			out.Thresholds = append(out.Thresholds, *ended)
			continue
		}
		out.Thresholds = append(out.Thresholds, t.judge(r.thresholdSummary(t, &out), out.Missed, out.Measured))
	}
	out.Notes = r.notes(&out)
	var gauges []analysis.Series
	if r.gauges != nil && r.test != nil && r.test.Type == EnduranceTest {
		gauges = r.gauges()
	}
	out.Test = r.tracker.tested(&out, gauges)
	out.Baseline = r.tracker.blocks.Baseline(baseline.Head{Name: r.name, Started: r.epoch, Elapsed: out.Measured, Plan: r.sends})
	return out
}

// thresholdSummary is the part of the result that a threshold is about.
func (r *Run) thresholdSummary(t Threshold, res *Result) *Summary {
	if t.Step == "" {
		return &res.Total
	}
	match, _ := r.matcher(t.Step)
	var all measured
	for i := range r.plan.steps {
		if match(i) {
			r.rec.total(i, &all)
		}
	}
	s := all.summary(res.Measured)
	return &s
}

func (m *measured) summary(span time.Duration) Summary {
	s := Summary{
		Done: m.done, Failed: m.failed, Retried: m.retried, Dials: m.dials, Bytes: m.bytes,
		Response: &m.response, Service: &m.service, Lag: &m.lag,
	}
	if span > 0 {
		s.Rate = float64(m.done) / span.Seconds()
	}
	if n := time.Duration(m.done); n > 0 {
		s.Mean = m.phases.Over(n)
	}
	return s
}

func (r *Run) notes(res *Result) (out []string) {
	if r.tracker.ended != "" {
		out = append(out, r.tracker.ended)
	}
	if res.Missed > 0 {
		out = append(out, fmt.Sprintf("generator saturated: %d arrivals were due and could not be sent, so the percentiles are too good; "+
			"raise maxConnections or maxQueue, or lower the rate", res.Missed))
	}
	if res.Total.Retried > 0 {
		out = append(out, fmt.Sprintf("%d requests were sent twice, because the target had closed the connection that was kept", res.Total.Retried))
	}
	if lag := res.Total.Lag.Quantile(0.99); lag > 5*time.Millisecond {
		out = append(out, fmt.Sprintf("1 %% of the requests began more than %v after they were due", lag.Round(100*time.Microsecond)))
	}
	if res.Interrupted > 0 {
		out = append(out, fmt.Sprintf("%d requests were broken off when the run was stopped; they count as neither answered nor failed", res.Interrupted))
	}
	r.adjusting.Lock()
	out = append(out, r.adjustments...)
	r.adjusting.Unlock()
	out = append(out, r.plan.remarks...)
	if r.sending != "" {
		out = append(out, r.sending)
	}
	return out
}
