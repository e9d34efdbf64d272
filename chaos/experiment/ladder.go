package experiment

import (
	"math"
	"time"

	"gameday/chaos/probe"
	"gameday/sources/signal"
)

// A reading tells about a span of time: from the beginning of its look-back window to the instant it was taken. How it
// counts follows from how that span lies to the phases:
//
//   - before and after: only readings whose whole span lies in the phase count. What looks back to the warm-up, or to the
//     time of the fault, says nothing about the phase.
//   - during: a good reading counts when its whole span lies in the time of the fault. A bad one counts from the first
//     touch: the steady state held right before, so what is bad in it came with the fault.

// span is a phase's time; an open end is the zero time.
type span struct{ from, to time.Time }

func (s span) begun() bool { return !s.from.IsZero() }

func (s span) ended() bool { return !s.to.IsZero() }

// contains reports whether all that a reading tells about lies in the span.
func (s span) contains(r probe.Reading) bool {
	return s.begun() && !r.From.Before(s.from) && (!s.ended() || !r.At.After(s.to))
}

// touches reports whether a reading was taken in the span.
func (s span) touches(r probe.Reading) bool {
	return s.begun() && r.At.After(s.from) && (!s.ended() || !r.At.After(s.to))
}

// tally judges one probe in one phase.
type tally struct {
	known, unknown int // readings whose span lies in the phase
	run            badRun
	failed         bool // beyond what is tolerated, at some time
	failedAt       time.Time
	failedText     string
	lastGood       time.Time
}

// badRun is a run of bad readings without a good one between them.
type badRun struct {
	count int
	first time.Time
}

func (b *badRun) add(at time.Time) {
	if b.count == 0 {
		b.first = at
	}
	b.count++
}

func (t *tally) add(c signal.Check, r probe.Reading, whole bool, tolerate probe.Tolerance) {
	if whole {
		if c == signal.CheckUnknown {
			t.unknown++
		} else {
			t.known++
		}
	}
	switch c {
	case signal.CheckPassed:
		t.run = badRun{}
		if whole {
			t.lastGood = r.At
		}
	case signal.CheckFailed:
		t.run.add(r.At)
		if !t.failed && tolerate.Exceeded(t.run.count, t.run.first, r.At) {
			t.failed, t.failedAt, t.failedText = true, r.At, r.Text
		}
	}
}

// throughout is the check of a phase in which the condition must hold all the time. Fewer known readings than unknown
// ones are no ground for a judgement.
func (t *tally) throughout(over bool) signal.Check {
	switch {
	case t.failed:
		return signal.CheckFailed
	case t.known > t.unknown && t.known > 0:
		return signal.CheckPassed
	case t.unknown > 0 || over:
		return signal.CheckUnknown
	}
	return signal.CheckPending
}

// atEnd is the check of a phase at whose end the condition must hold: the run of bad readings at the end, if any, is
// within what is tolerated, and there was a good reading.
func (t *tally) atEnd(over bool, tolerate probe.Tolerance, now time.Time) signal.Check {
	switch {
	case t.known == 0 && (t.unknown > 0 || over), t.unknown > t.known:
		return signal.CheckUnknown
	case t.known == 0:
		return signal.CheckPending
	case t.lastGood.IsZero(), tolerate.Exceeded(t.run.count, t.run.first, now):
		return signal.CheckFailed
	}
	return signal.CheckPassed
}

// history is how many readings a sparkline can show.
const history = 120

// rung is one probe on the ladder. It is guarded by the runner's mu.
type rung struct {
	probe    *probe.Probe
	expect   probe.Expect
	tolerate probe.Tolerance

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
}

func newRung(p *probe.Probe) *rung {
	c := p.Config()
	return &rung{probe: p, expect: c.Expect, tolerate: c.Tolerate}
}

// observe takes a reading in and returns its judgement.
func (g *rung) observe(r probe.Reading, before, during, after span) signal.Check {
	c := g.expect.Judge(r)
	if c != g.now || g.since.IsZero() {
		g.now, g.since = c, r.At
	}
	g.value, g.err, g.last = r.Text, r.Err, r.At
	g.remember(r, c)
	if before.contains(r) {
		g.before.add(c, r, true, g.tolerate)
	}
	whole := during.contains(r)
	if during.touches(r) && (whole || c != signal.CheckUnknown) {
		g.during.add(c, r, whole, g.tolerate)
	}
	if after.contains(r) {
		g.after.add(c, r, true, g.tolerate)
	}
	if after.touches(r) {
		switch {
		case c == signal.CheckFailed:
			g.badAt, g.goodAt = r.At, time.Time{}
		case c == signal.CheckPassed && g.goodAt.IsZero():
			g.goodAt = r.At
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
		if g.tolerate.Exceeded(g.run.count, g.run.first, at) {
			g.counted = c
		}
	case signal.CheckUnknown:
		g.counted = c
	}
	return g.counted != was && (was != signal.CheckPending || g.counted != signal.CheckPassed)
}

func (g *rung) state(before, during, after span) signal.ProbeState {
	s := signal.ProbeState{Name: g.probe.Name(), Expect: g.expect.String(), Value: g.value, Now: g.now, Since: g.since,
		TraceID: g.trace, Err: g.err, History: append([]float64(nil), g.values...)}
	if before.begun() {
		s.Before = g.before.throughout(before.ended())
	}
	if during.begun() {
		s.During = g.during.throughout(during.ended())
	}
	if after.begun() {
		now := g.last
		if after.ended() {
			now = after.to
		}
		s.After = g.after.atEnd(after.ended(), g.tolerate, now)
	}
	return s
}

// guard is an abort condition. It is guarded by the runner's mu.
type guard struct {
	name  string
	probe *probe.Probe // a measurement of its own; nil when it watches a rung
	rung  *rung        // the rung it watches; nil when it measures
	when  probe.Expect // zero: it fires when the rung's own expectation is not met
	hold  time.Duration
	since time.Time // of the run of readings that fire
	fired bool
}

// observe reports whether the condition fires with this reading.
func (g *guard) observe(r probe.Reading) bool {
	var fires bool
	switch {
	case !r.Known: // no data says neither yes nor no
		return false
	case g.when.IsZero():
		fires = g.rung.expect.Judge(r) == signal.CheckFailed
	default:
		fires = g.when.Judge(r) == signal.CheckPassed
	}
	if !fires {
		g.since = time.Time{}
		return false
	}
	if g.since.IsZero() {
		g.since = r.At
	}
	if g.fired || r.At.Sub(g.since) < g.hold {
		return false
	}
	g.fired = true
	return true
}

// reason is the sentence for the verdict.
func (g *guard) reason(r probe.Reading) string {
	s := "abort condition " + g.name + ": "
	if g.when.IsZero() {
		s += r.Text + ", expected " + g.rung.expect.String()
	} else {
		s += r.Text + ", it fires when " + g.when.String()
	}
	if g.hold > 0 {
		s += " for " + g.hold.String()
	}
	return s
}
