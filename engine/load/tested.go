package load

import (
	"fmt"
	"time"

	"gameday/engine/load/analysis"
	"gameday/sources/signal"
)

// TestResult is what a test of a known type has found out: the finding, and the figures behind it in the field of its type.
type TestResult struct {
	Type TestType
	analysis.Finding
	Lines []string // the finding and what weakens it, for a summary; names in them are as the plan gave them

	Hold        *analysis.Hold
	Break       *analysis.Break
	Spike       *analysis.Spike
	Endurance   *analysis.Steadiness
	Scalability *analysis.USL
}

// Check is the verdict as a threshold's: a load that is held, a spike that is recovered from and an endurance run in which
// nothing drifts have passed. Stress and scalability only tell, so theirs is pending.
func (t *TestResult) Check() signal.Check {
	if t.Type == StressTest || t.Type == ScalabilityTest {
		return signal.CheckPending
	}
	switch t.Verdict {
	case analysis.Clear:
		return signal.CheckPassed
	case analysis.Found:
		return signal.CheckFailed
	}
	return signal.CheckUnknown
}

// tested answers the question of the plan's test; nil when it has none. gauges are of the target, for endurance.
func (t *tracker) tested(res *Result, gauges []analysis.Series) *TestResult {
	test, warmup := t.run.test, t.run.warmup
	if test == nil {
		return nil
	}
	out := &TestResult{Type: test.Type}
	seconds := t.track.Seconds()
	switch test.Type {
	case LoadTest:
		from := warmup + test.Ramp
		h := analysis.Held(seconds, from, from+test.Hold, test.limits())
		out.Hold, out.Finding = &h, h.Finding
	case StressTest:
		limits := test.limits()
		limits.Window = t.run.window()
		b := analysis.FindBreak(seconds, limits)
		out.Break, out.Finding = &b, b.Finding
	case SpikeTest:
		from := warmup + test.Before
		s := analysis.Recovery(seconds, from, from+test.Burst, test.tolerance())
		out.Spike, out.Finding = &s, s.Finding
	case EnduranceTest:
		s := analysis.Endurance(seconds, gauges, analysis.Judge{Least: float64(test.Least), Settle: warmup + test.Settle})
		out.Endurance, out.Finding = &s, s.Finding
	case ScalabilityTest:
		u := analysis.FitUSL(analysis.Levels(seconds, test.Settle))
		out.Scalability, out.Finding = &u, u.Finding
	}
	t.doubts(out, res)
	out.Lines = out.Finding.Lines()
	if out.Endurance != nil {
		out.Endurance.Finding = out.Finding
		out.Lines = out.Endurance.Lines()
	}
	return out
}

// doubts says what became of the run that the figures do not know.
func (t *tracker) doubts(out *TestResult, res *Result) {
	r := t.run
	add := func(format string, args ...any) { out.Doubts = append(out.Doubts, fmt.Sprintf(format, args...)) }
	if r.total > 0 && t.broke == nil && res.Elapsed+time.Second < r.total {
		add("the run ended after %s of %s", analysis.Span(res.Elapsed.Round(time.Second)), analysis.Span(r.total))
	}
	if r.shards.of() > 1 {
		add("this is part %s of a run: its figures are those of this part, while the target has the load of all", r.shards)
	}
	r.adjusting.Lock()
	defer r.adjusting.Unlock()
	if len(r.adjustments) > 0 {
		add("an operator changed the load while it ran")
	}
}
