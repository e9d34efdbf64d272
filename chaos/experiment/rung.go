package experiment

import (
	"fmt"
	"math"
	"time"

	"gameday/chaos/probe"
	"gameday/sources/signal"
)

// history is how many readings a sparkline can show.
const history = 120

// rung is one probe on the ladder. It is guarded by the runner's mu.
type rung struct {
	probe  *probe.Probe
	mode   probe.Mode
	expect probe.Expect // with its baseline once that is known
	tight  probe.Expect // what it takes to be good again
	limits limits
	base   baseline

	now     signal.Check
	since   time.Time
	value   string
	err     string
	trace   signal.TraceID
	values  []float64
	last    time.Time
	before  tally
	during  tally
	after   tally
	run     badRun       // whatever the phase
	counted signal.Check // what the timeline was told: with tolerance
	badAt   time.Time    // last bad reading after the undo
	goodAt  time.Time    // first good one since then
	bad     bool         // the last reading that was judged was bad
}

func newRung(p *probe.Probe) *rung {
	c := p.Config()
	g := &rung{probe: p, mode: c.Mode, expect: c.Expect, limits: limits{tolerate: c.Tolerate, failures: c.FailureLimit, errors: c.ErrorsOrDefault(), minSamples: c.MinSamples}}
	g.tighten()
	return g
}

// tighten works out what it takes to be good again. A margin that leaves nothing of a baseline's range is none.
func (g *rung) tighten() {
	c := g.probe.Config()
	tight, err := g.expect.Tightened(c.Hysteresis, c.Unit())
	if err != nil {
		tight = g.expect
	}
	g.tight = tight
}

// baseline sums up what was measured before the fault, by Welford's method.
type baseline struct {
	n        int
	mean, m2 float64
}

func (b *baseline) add(v float64) {
	b.n++
	d := v - b.mean
	b.mean += d / float64(b.n)
	b.m2 += d * (v - b.mean)
}

// sigma is the standard deviation of the sample.
func (b *baseline) sigma() float64 {
	if b.n < 2 {
		return 0
	}
	return math.Sqrt(b.m2 / float64(b.n-1))
}

// settle fixes an expectation that is relative to what was measured before. It reports whether that was enough.
func (g *rung) settle() bool {
	if !g.expect.NeedsBaseline() {
		return true
	}
	if g.base.n < leastBaseline {
		return false
	}
	c := g.probe.Config()
	g.expect = g.expect.Over(g.base.mean, g.base.sigma(), c.Unit())
	g.tighten()
	return true
}

// judge judges a reading; one that follows a bad one must be better by the margin to be good.
func (g *rung) judge(r probe.Reading) signal.Check {
	c := g.expect.Judge(r)
	if c == signal.CheckPassed && g.bad {
		c = g.tight.Judge(r)
	}
	if c == signal.CheckPassed || c == signal.CheckFailed {
		g.bad = c == signal.CheckFailed
	}
	return c
}

// observe takes a reading in and returns its judgement.
func (g *rung) observe(r probe.Reading, before, during, after span) signal.Check {
	wasBad := g.bad
	c := g.judge(r)
	if c != g.now || g.since.IsZero() {
		g.now, g.since = c, r.At
	}
	g.value, g.err, g.last = r.Text, r.Err, r.At
	g.remember(r, c)
	if g.mode.JudgedBefore() && before.contains(r) {
		g.before.add(c, r, true, g.limits)
		if c == signal.CheckPassed {
			g.base.add(r.Value)
		}
	}
	whole := during.contains(r)
	if g.mode.JudgedDuring() && during.touches(r) && (whole || c != signal.CheckUnknown) {
		g.during.add(c, r, whole, g.limits)
	}
	if g.mode.JudgedAfter() && after.contains(r) {
		g.after.add(c, r, true, g.limits)
	}
	if after.touches(r) {
		switch {
		case c == signal.CheckFailed:
			g.badAt, g.goodAt = r.At, time.Time{}
		case c == signal.CheckPassed && g.goodAt.IsZero():
			g.goodAt = r.At
			if wasBad && g.badAt.IsZero() { // it was bad up to the undo
				g.badAt = after.from
			}
		}
	}
	if c == signal.CheckFailed && !r.TraceID.IsZero() && (during.touches(r) || g.trace.IsZero()) {
		g.trace = r.TraceID
	}
	return c
}

func (g *rung) remember(r probe.Reading, c signal.Check) {
	v := r.Value
	if r.Known && math.IsNaN(v) && !r.Down { // a word: the sparkline shows whether it was the right one
		v = 0
		if c == signal.CheckPassed {
			v = 1
		}
	}
	if len(g.values) == history {
		g.values = append(g.values[:0:0], g.values[1:]...)
	}
	g.values = append(g.values, v)
}

// transition says whether the timeline has to be told of a change, with tolerance applied.
func (g *rung) transition(c signal.Check, at time.Time) (changed bool) {
	was := g.counted
	switch c {
	case signal.CheckPassed:
		g.run = badRun{}
		g.counted = c
	case signal.CheckFailed:
		g.run.add(at)
		if g.limits.exceeded(g.run, g.during.bad, at) {
			g.counted = c
		}
	case signal.CheckUnknown, signal.CheckError:
		g.counted = c
	}
	return g.counted != was && (was != signal.CheckPending || g.counted != signal.CheckPassed)
}

func (g *rung) state(before, during, after span) signal.ProbeState {
	s := signal.ProbeState{Name: g.probe.Name(), Expect: g.expect.String(), Value: g.value, Now: g.now, Since: g.since,
		TraceID: g.trace, Err: g.err, History: append([]float64(nil), g.values...), Mode: string(g.mode)}
	if s.Mode == "" {
		s.Mode = string(probe.Continuous)
	}
	if before.begun() && g.mode.JudgedBefore() {
		s.Before = g.before.throughout(before.ended(), g.limits)
	}
	if during.begun() && g.mode.JudgedDuring() {
		s.During = g.during.throughout(during.ended(), g.limits)
	}
	if after.begun() && g.mode.JudgedAfter() {
		s.After = g.atEnd(after)
	}
	if !g.badAt.IsZero() && !g.goodAt.IsZero() {
		s.Recovered, s.Recovery = true, g.goodAt.Sub(after.from)
	}
	return s
}

// atEnd is the check of the phase after.
func (g *rung) atEnd(after span) signal.Check {
	now := g.last
	if after.ended() {
		now = after.to
	}
	return g.after.atEnd(after.ended(), g.limits, now)
}

// wanted is what is expected of a reading now, in words.
func (g *rung) wanted() string {
	if m := g.probe.Config().Hysteresis; g.bad && m.String() != "" {
		return fmt.Sprintf("%s, by %s once it was bad", g.expect, m)
	}
	return g.expect.String()
}
