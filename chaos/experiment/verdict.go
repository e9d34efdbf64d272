package experiment

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gameday/sources/signal"
)

// Result is how a run ended.
type Result struct {
	State  signal.ExperimentState // phase done, with verdict and reason
	Faults []signal.FaultState    // of this run, in the order of the steps, as they ended

	Detected bool // a probe failed while a fault was in force, or was failing when the run was cut short
	// TimeToDetect is from the first fault in force to the first probe that counted as failed. When the run was aborted
	// while the faults were in force, bad readings that would still have been tolerated count from the first in their row,
	// and so does an abort condition from the moment it fired.
	TimeToDetect time.Duration
	// Recovered says that the steady state returned. TimeToRecover counts from the moment when all faults were undone to
	// the first good reading after the last bad one, of the slowest probe; how far a probe looks back is part of it.
	Recovered     bool
	TimeToRecover time.Duration

	Remains []string // for each fault that could not be undone: what it is and the command that remains
	Stack   string   // where gameday itself failed, if it did
}

// ExitCode is the process exit code for the verdict.
func (r Result) ExitCode() int { return r.State.Verdict.ExitCode() }

// finish decides the verdict. What is wrong with the rollback beats everything, then why the run ended early, then what
// the probes say.
func (r *Runner) finish(end *ending, failures []error) Result {
	res, event := r.conclude(end, failures, r.states())
	r.tell(event)
	return res
}

func (r *Runner) conclude(end *ending, failures []error, faults []signal.FaultState) (Result, signal.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(failures) > 0:
		r.verdict, r.reason = signal.VerdictRollbackFailed, errors.Join(failures...).Error()
		if end != nil && end.verdict != signal.VerdictRollbackFailed {
			r.reason += "; before that: " + end.reason
		}
	case end != nil && end.verdict == signal.VerdictRollbackFailed:
		// An undo failed within the method and the rollback mended it: nothing is left, but the run was cut short.
		r.verdict, r.reason = signal.VerdictError, "an undo had to be repeated: "+end.reason
	case end != nil:
		r.verdict, r.reason = end.verdict, end.reason
	default:
		r.verdict, r.reason = r.judge(faults)
	}
	r.phase, r.ended = signal.PhaseDone, time.Now()
	res := Result{State: r.stateLocked(), Faults: faults, Stack: r.stack}
	r.timing(&res)
	for _, f := range failures {
		res.Remains = append(res.Remains, f.Error())
	}
	return res, signal.Event{ID: r.event, Start: r.started, End: r.ended, Kind: signal.EventExperiment, Outcome: outcome(r.verdict),
		Title: r.exp.Title() + ": " + r.verdict.String(), Detail: r.reason}
}

func outcome(v signal.Verdict) signal.Outcome {
	switch v {
	case signal.VerdictHeld:
		return signal.Good
	case signal.VerdictAborted, signal.VerdictInconclusive:
		return signal.Warning
	}
	return signal.Bad
}

// judge reads the ladder of a run that came to its end. One probe that failed refutes the hypothesis as soon as any
// fault touched something; to hold, every fault must have touched something and every probe must be known. A probe that
// could not be measured is an error of the experiment, one without data leaves it open: neither says anything about the
// system.
func (r *Runner) judge(faults []signal.FaultState) (signal.Verdict, string) {
	var idle []string
	for _, f := range faults {
		if f.Touched == 0 {
			idle = append(idle, fmt.Sprintf("%s touched no traffic (0 %s)", f.Title, orElse(f.Unit, "requests")))
		}
	}
	broken, errs, unknown := r.verdicts()
	nothing := len(idle) == len(faults)
	skipped := ""
	if len(r.skipped) > 0 {
		skipped = "; skipped: " + strings.Join(r.skipped, ", ")
	}
	switch {
	case len(faults) == 0:
		return signal.VerdictInconclusive, "no fault was in force, so nothing was tested" + skipped
	case nothing || len(idle) > 0 && len(broken) == 0:
		reason := strings.Join(idle, "; ") + ": nothing was tested"
		if !nothing {
			reason = strings.Join(idle, "; ") + ": the hypothesis was tested in part only"
		}
		return signal.VerdictInconclusive, reason + skipped
	case len(broken) > 0:
		return signal.VerdictBroken, strings.Join(broken, "; ") + skipped
	case len(errs) > 0:
		return signal.VerdictError, strings.Join(append(errs, unknown...), "; ") + skipped
	case len(unknown) > 0:
		return signal.VerdictInconclusive, strings.Join(unknown, "; ") + skipped
	}
	return signal.VerdictHeld, fmt.Sprintf("%s stayed as expected while %s%s", plural(len(r.rungs), "probe"), touched(faults), skipped)
}

// verdicts says of each probe that did not pass why.
func (r *Runner) verdicts() (broken, errs, unknown []string) {
	for _, g := range r.rungs {
		s := g.state(r.before, r.during, r.after)
		name := g.probe.Name()
		switch {
		case s.During == signal.CheckFailed:
			broken = append(broken, fmt.Sprintf("%s was %s, expected %s, %s after the first fault", name, g.during.failedText, g.expect, round(g.during.failedAt.Sub(r.during.from))))
			continue
		case s.After == signal.CheckFailed:
			broken = append(broken, fmt.Sprintf("%s did not return within %s: it is %s, expected %s", name, r.exp.Durations.After, g.value, g.wanted()))
			continue
		}
		for _, ph := range []struct {
			when   string
			judged bool
			check  signal.Check
			tally  *tally
		}{{"during", g.mode.JudgedDuring(), s.During, &g.during}, {"after", g.mode.JudgedAfter(), s.After, &g.after}} {
			if !ph.judged || ph.check == signal.CheckPassed {
				continue
			}
			why := ph.tally.why(g.limits, g.err)
			if ph.check == signal.CheckError {
				errs = append(errs, fmt.Sprintf("%s could not be measured %s the fault: %s", name, ph.when, why))
			} else {
				unknown = append(unknown, fmt.Sprintf("%s is unknown %s the fault: %s", name, ph.when, why))
			}
			break
		}
	}
	return broken, errs, unknown
}

// timing works out time to detect and time to recover.
func (r *Runner) timing(res *Result) {
	recovered := r.after.ended()
	var back time.Time
	detected := func(at time.Time) {
		if d := at.Sub(r.during.from); !res.Detected || d < res.TimeToDetect {
			res.Detected, res.TimeToDetect = true, d
		}
	}
	for _, g := range r.guards {
		if g.fired && r.during.begun() && g.at.After(r.during.from) {
			detected(g.at)
		}
	}
	for _, g := range r.rungs {
		switch {
		case g.during.failed:
			detected(g.during.failedAt)
		case r.cut && g.during.run.count > 0:
			detected(g.during.run.first)
		}
		if !g.mode.JudgedAfter() {
			continue
		}
		recovered = recovered && g.atEnd(r.after) == signal.CheckPassed && !g.goodAt.IsZero()
		if !g.badAt.IsZero() && g.goodAt.After(back) {
			back = g.goodAt
		}
	}
	if recovered {
		res.Recovered = true
		if !back.IsZero() {
			res.TimeToRecover = back.Sub(r.after.from)
		}
	}
}

func touched(faults []signal.FaultState) string {
	var parts []string
	for _, f := range faults {
		parts = append(parts, fmt.Sprintf("%s touched %d %s", f.Title, f.Touched, f.Unit))
	}
	return strings.Join(parts, ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	if strings.HasSuffix(word, "s") {
		return fmt.Sprintf("%d %ses", n, word)
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
