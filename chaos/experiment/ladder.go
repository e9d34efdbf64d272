package experiment

import (
	"fmt"
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

// limits are a probe's rules for what may go wrong.
type limits struct {
	tolerate   probe.Tolerance
	failures   *int // bad readings in all; nil: tolerate alone decides
	errors     int  // measurements in a row that may go wrong
	minSamples int
}

// exceeded reports whether a run of bad readings that is still going on at now, or so many of them in all, are too much.
func (l limits) exceeded(run badRun, all int, now time.Time) bool {
	if run.count == 0 {
		return false
	}
	if l.failures != nil && all > *l.failures {
		return true
	}
	if l.failures != nil && l.tolerate == (probe.Tolerance{}) {
		return false
	}
	return l.tolerate.Exceeded(run.count, run.first, now)
}

// tally judges one probe in one phase.
type tally struct {
	known, unknown, errors int // readings whose span lies in the phase
	early                  int // bad readings that count although their span does not
	run                    badRun
	errorRun               int  // measurements that went wrong, in a row
	bad                    int  // in all
	failed                 bool // beyond what is allowed, at some time
	failedAt               time.Time
	failedText             string
	broken                 bool // more went wrong in a row than is allowed
	brokenText             string
	lastGood               time.Time
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

func (t *tally) add(c signal.Check, r probe.Reading, whole bool, l limits) {
	switch {
	case c == signal.CheckFailed && !whole:
		t.early++
	case !whole:
	case c == signal.CheckUnknown:
		t.unknown++
	case c == signal.CheckError:
		t.errors++
	default:
		t.known++
	}
	if c != signal.CheckError {
		t.errorRun = 0
	}
	switch c {
	case signal.CheckPassed:
		t.run = badRun{}
		if whole {
			t.lastGood = r.At
		}
	case signal.CheckFailed:
		t.run.add(r.At)
		t.bad++
		if !t.failed && l.exceeded(t.run, t.bad, r.At) {
			t.failed, t.failedAt, t.failedText = true, r.At, r.Text
		}
	case signal.CheckError:
		if t.errorRun++; t.errorRun > l.errors {
			t.broken, t.brokenText = true, r.Err
		}
	}
}

// samples are the readings that the phase can be judged by.
func (t *tally) samples() int { return t.known + t.early }

// onlyErrors reports whether measuring never worked.
func (t *tally) onlyErrors() bool { return t.errors > 0 && t.samples() == 0 && t.unknown == 0 }

// throughout is the check of a phase in which the condition must hold all the time. Fewer known readings than unknown
// ones are no ground for a judgement, and neither are fewer than the probe asks for.
func (t *tally) throughout(over bool, l limits) signal.Check {
	enough := t.samples() >= l.minSamples
	switch {
	case t.failed && enough:
		return signal.CheckFailed
	case t.broken, over && t.onlyErrors():
		return signal.CheckError
	case !enough && !over:
		return signal.CheckPending
	case !over && t.run.count > 0: // tolerated so far: nobody may read "passed" beside a reading that is bad
		return signal.CheckPending
	case enough && t.known > t.unknown+t.errors && t.known > 0:
		return signal.CheckPassed
	case t.unknown > 0 || t.errors > 0 || over:
		return signal.CheckUnknown
	}
	return signal.CheckPending
}

// atEnd is the check of a phase at whose end the condition must hold: the run of bad readings at the end, if any, is
// within what is allowed, and there was a good reading.
func (t *tally) atEnd(over bool, l limits, now time.Time) signal.Check {
	lost := t.unknown + t.errors
	switch {
	case t.errorRun > l.errors, over && t.onlyErrors():
		return signal.CheckError
	case over && t.samples() < l.minSamples:
		return signal.CheckUnknown
	case t.samples() < l.minSamples:
		return signal.CheckPending
	case t.known == 0 && (lost > 0 || over), lost > t.known:
		return signal.CheckUnknown
	case t.known == 0:
		return signal.CheckPending
	case t.lastGood.IsZero(), l.exceeded(t.run, t.run.count, now):
		return signal.CheckFailed
	}
	return signal.CheckPassed
}

// why says what a phase lacks to be judged.
func (t *tally) why(l limits, lastErr string) string {
	switch {
	case t.broken:
		return t.brokenText
	case t.samples() < l.minSamples:
		return fmt.Sprintf("it has %d of the %d readings it needs", t.samples(), l.minSamples)
	}
	return orElse(lastErr, "there were too few readings")
}
