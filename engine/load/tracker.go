package load

import (
	"fmt"
	"math"
	"time"

	"gameday/engine/load/analysis"
	"gameday/engine/load/baseline"
	"gameday/sources/signal"
)

// tracker follows the measured part of a run second by second, for what is said about it as a whole, and ends the run when
// a threshold or the test says so. It belongs to the collector, and to who concludes after it.
type tracker struct {
	run    *Run
	steps  []int // that are requests, in the order of the blocks
	track  analysis.Track
	blocks *baseline.Recorder

	looked time.Duration            // when a breaking point was looked for last
	broke  *analysis.Break          // it was found while the run went on
	endAt  time.Duration            // with broke: when the run is to end
	failed map[int]*ThresholdResult // thresholds that have ended the run
	ended  string                   // why the run was ended; empty when it was not, or not from here
}

func newTracker(r *Run) *tracker {
	t := &tracker{run: r, failed: map[int]*ThresholdResult{}}
	scenarios := map[string]bool{}
	for _, st := range r.plan.steps {
		scenarios[st.scenario] = true
	}
	var names []string
	for i, st := range r.plan.steps {
		if st.group {
			continue
		}
		name := st.name
		if len(scenarios) > 1 {
			name = st.scenario + "/" + name
		}
		t.steps, names = append(t.steps, i), append(names, name)
	}
	t.blocks = baseline.NewRecorder(names...)
	return t
}

// add takes a second in. The warm-up, what was only waiting for the last answers, and the second in which the run was
// stopped say nothing about the plan.
func (t *tracker) add(s *second) {
	r := t.run
	if s.from < r.warmup || r.total > 0 && s.from >= r.total || r.soft.Err() != nil {
		return
	}
	whole := analysis.Second{From: s.from, To: s.to, Missed: s.missed}
	whole.Planned, whole.Users = r.planned(s.from, s.to)
	blocks := make([]baseline.Block, len(t.steps))
	for k, i := range t.steps {
		st := &s.steps[i]
		blocks[k] = baseline.Block{Done: st.done, Failed: st.failed, Latency: st.latency}
		whole.Done += st.done
		whole.Failed += st.failed
	}
	t.blocks.Add(s.from, s.to, s.missed, blocks)
	if r.test != nil {
		whole.Latency = r.picture.last.latency.Sparse()
		t.track.Add(whole)
		t.breaking(s.to)
	}
	t.guard(s.to)
}

// planned is what this part of the plan intends from one instant to another: requests per second of its open executors, on
// average, and the users of the closed ones, at the beginning.
func (r *Run) planned(from, to time.Duration) (rate, users float64) {
	for _, g := range r.plan.groups {
		if !g.executor.Kind.Open() {
			users += float64(r.shards.users(int(math.Round(g.profile.level(from)))))
			continue
		}
		arrivals := g.profile.mass(min(to, g.profile.end())) - g.profile.mass(from)
		rate += max(arrivals, 0) / (to - from).Seconds() * g.perIteration() / float64(r.shards.of())
	}
	return rate, users
}

// guard ends the run when a threshold that may do that has failed.
func (t *tracker) guard(now time.Duration) {
	r := t.run
	for i, th := range r.thresh {
		span := now - r.warmup
		if !th.Abort || t.ended != "" || span < th.Delay {
			continue
		}
		j := &r.picture.judged[i]
		res := th.judge(&Summary{Done: j.done, Failed: j.failed, Rate: float64(j.done) / span.Seconds(), Response: &j.latency}, r.missed.Load(), span)
		if res.Check != signal.CheckFailed {
			continue
		}
		after := analysis.Span(now.Round(time.Second))
		res.Aborted, res.Why = now, "it ended the run after "+after
		t.failed[i] = &res
		t.end(fmt.Sprintf("the run was ended after %s by a threshold: %s %s: %s", after, th.Name(), th.Expect, th.Expect.Format(res.Value, UnitOf(th.Stat))))
	}
}

func (t *tracker) end(why string) {
	t.ended = why
	t.run.stop()
}

// breaking ends a stress test a little after it has broken the target.
func (t *tracker) breaking(now time.Duration) {
	test := t.run.test
	if test.Type != StressTest {
		return
	}
	limits := test.limits()
	limits.Window = t.run.window()
	if t.broke == nil && now-t.looked >= limits.Window {
		t.looked = now
		if b := analysis.FindBreak(t.track.Seconds(), limits); b.Verdict == analysis.Found && b.Lasting {
			t.broke, t.endAt = &b, max(now, b.At+test.After)
		}
	}
	if t.broke != nil && now >= t.endAt && t.ended == "" {
		t.end(fmt.Sprintf("the run was ended after %s, because the target had broken", analysis.Span(now.Round(time.Second))))
	}
}

// window is the least that a stress test judges at once, by how long it was to last: what is found must not depend on when
// it is looked for.
func (r *Run) window() time.Duration {
	return min(max(((r.total-r.warmup)/40).Truncate(time.Second), time.Second), 10*time.Second)
}
