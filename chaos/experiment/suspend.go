package experiment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gameday/chaos/probe"
	"gameday/sources/signal"
)

// GoAhead says who answers when a method asks for a go-ahead.
type GoAhead uint8

// The ways to answer.
const (
	GoAheadRefuse GoAhead = iota // nobody: an experiment that asks is not started
	GoAheadAsk                   // an operator, through Runner.Proceed
	GoAheadGiven                 // it was given beforehand (--yes): the method goes on by itself
)

// conditionEvery is how often a condition that is waited for is looked at.
const conditionEvery = 200 * time.Millisecond

// suspend waits for the operator's go-ahead. Faults in force stay so, each until its own time is over.
func (m *method) suspend(ctx context.Context, s *Suspend) bool {
	r := m.r
	if r.cfg.GoAhead == GoAheadGiven {
		r.tell(signal.Event{Kind: signal.EventNote, Title: "go-ahead given beforehand", Detail: s.Message})
		return true
	}
	select {
	case r.asking <- struct{}{}: // one question at a time
		defer func() { <-r.asking }()
	case <-ctx.Done():
		return false
	}
	now := time.Now()
	answer := make(chan struct{})
	r.mu.Lock()
	r.suspended, r.answer = &signal.Suspension{Message: s.Message, Since: now, Until: now.Add(s.timeout())}, answer
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.suspended, r.answer = nil, nil
		r.mu.Unlock()
	}()
	r.tell(signal.Event{Kind: signal.EventNote, Outcome: signal.Warning, Title: "waiting for your go-ahead", Detail: s.Message})
	timer := time.NewTimer(s.timeout())
	defer timer.Stop()
	select {
	case <-answer:
		r.tell(signal.Event{Kind: signal.EventNote, Title: "go-ahead", Detail: s.Message})
		return true
	case <-timer.C:
		return m.fail(&ending{signal.VerdictAborted, fmt.Sprintf("nobody gave the go-ahead within %s: %s", s.timeout(), s.Message)})
	case <-ctx.Done():
		return false
	}
}

// Proceed gives the go-ahead that the method waits for. It is an error when it waits for none. To say no, call Abort.
func (r *Runner) Proceed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer == nil {
		return errors.New("the experiment does not wait for a go-ahead")
	}
	close(r.answer)
	r.answer, r.suspended = nil, nil
	return nil
}

// checkGoAhead refuses an experiment that asks when nobody can answer.
func checkGoAhead(e *Experiment, g GoAhead) error {
	if all := e.Suspends(); g == GoAheadRefuse && len(all) > 0 {
		return fmt.Errorf("its method waits for an operator's go-ahead (%q), and nobody is here to give it; run it in the cockpit, or give the go-ahead beforehand with --yes", all[0].Message)
	}
	return nil
}

// met looks at a step's condition, for as long as it may take. A step whose condition is not met is skipped, which is
// told. ok is false when ctx ended.
func (m *method) met(ctx context.Context, n *node) (met, ok bool) {
	c := n.step.When
	deadline := time.Now().Add(c.Within)
	for {
		if m.r.holds(c) {
			return true, true
		}
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		if m.r.wait(ctx, min(left, conditionEvery)) != nil {
			return false, false
		}
	}
	what := orElse(orElse(n.step.Title, n.step.Fault), n.path)
	m.r.mu.Lock()
	m.r.skipped = append(m.r.skipped, fmt.Sprintf("%s (not so: %s)", what, c))
	m.r.mu.Unlock()
	m.r.tell(signal.Event{Kind: signal.EventNote, Outcome: signal.Warning, Title: what + " skipped", Detail: "its condition is not met: " + c.String()})
	return false, true
}

var checks = map[string]signal.Check{"": signal.CheckPassed, "passed": signal.CheckPassed, "failed": signal.CheckFailed, "unknown": signal.CheckUnknown, "error": signal.CheckError}

// holds reports whether a condition is met now.
func (r *Runner) holds(c *Condition) bool {
	if c.Probe != "" && r.probeNow(c.Probe) != checks[c.Is] {
		return false
	}
	return c.Fault == "" || r.hasTouched(c)
}

func (r *Runner) probeNow(name string) signal.Check {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.rungs {
		if g.probe.Name() == name {
			return g.now
		}
	}
	return signal.CheckPending
}

// hasTouched adds up what the faults of a title have acted on: a repeated one has been injected several times.
func (r *Runner) hasTouched(c *Condition) bool {
	r.mu.Lock()
	ids := map[string]bool{}
	for i, f := range r.faults {
		if s := r.program.faults[i]; f.id != "" && orElse(s.Title, s.Fault) == c.Fault {
			ids[f.id] = true
		}
	}
	r.mu.Unlock()
	if len(ids) == 0 {
		return false
	}
	var sum uint64
	for _, s := range r.cfg.Controller.States() {
		if ids[s.ID] {
			sum += s.Touched
		}
	}
	if c.Touched.IsZero() {
		return sum > 0
	}
	return c.Touched.Judge(probe.Reading{Value: float64(sum), Known: true}) == signal.CheckPassed
}
