package load

import (
	"math/rand/v2"
	"time"

	"gameday/engine/load/answer"
	"gameday/engine/load/template"
)

// opKind is what one instruction of a program does.
type opKind uint8

const (
	opRequest opKind = iota // makes step
	opPause                 // waits for think
	opSet                   // gives the variable in slot the value of text
	opJump                  // goes on at to
	opUnless                // goes on at to when cond does not hold
	opZero                  // sets counter slot to 0
	opTimes                 // goes on at to when counter slot has reached limit, or else adds 1 to it
	opOnce                  // goes on at to when this is not the user's first iteration
	opShare                 // goes on at to, but for the share of iterations
	opPick                  // goes on at one of targets, by weight
	opTurn                  // goes on at the next of targets, counted by counter slot
	opDeal                  // goes on at one of targets that is not in counter slot's bits yet, or at to when all are
	opBegin                 // a group begins: its time is kept in slot
	opEnd                   // the group in slot ends
)

// op is one instruction. A scenario is compiled into a list of them, which a user runs from one request to the next: so
// a goroutine that waits and a loop that is called back run the same thing.
type op struct {
	kind    opKind
	step    *step
	think   ThinkTime
	text    *template.Template
	cond    *condition
	slot    int
	to      int
	limit   int
	share   float64
	weights picker
	targets []int
}

// idleOps is how many instructions may be run without a request: a loop that makes none must not spin.
const idleOps = 100_000

// condition is a Condition, compiled: a check on a text of the plan's instead of an answer.
type condition struct {
	value *template.Template
	check *answer.Checker
}

func (c *Condition) compile(names template.Names) (*condition, error) {
	value, err := template.Compile(c.Value, names)
	if err != nil {
		return nil, err
	}
	like := answer.Check{Equals: c.Equals, Contains: c.Contains, Matches: c.Matches, Above: c.Above, Below: c.Below, Not: c.Not}
	if c.Equals == nil && c.Contains == "" && c.Matches == "" && c.Above == nil && c.Below == nil {
		like.Matches = "(?s)." // without a comparison it has to be there
	}
	check, err := like.Compile()
	if err != nil {
		return nil, err
	}
	return &condition{value, check}, nil
}

// groupClock is when a group that is under way was due.
type groupClock struct {
	step   *step // nil while it is not under way
	due    time.Duration
	failed bool
}

// next runs the scenario on to its next request and says for how long the user pauses before it; nil is the iteration's
// end, with the pause that belongs after it.
func (u *user) next() (st *step, pause time.Duration) {
	ops := u.scenario.program
	for range idleOps {
		if u.pc >= len(ops) {
			return nil, pause
		}
		o := &ops[u.pc]
		u.pc++
		switch o.kind {
		case opRequest:
			return o.step, pause
		case opPause:
			pause += o.think.draw(u.plan)
		case opSet:
			u.set(o.slot, o.text.Append(nil, &u.call.Values))
		case opJump:
			u.pc = o.to
		case opUnless:
			u.scratch = o.cond.value.Append(u.scratch[:0], &u.call.Values)
			if o.cond.check.Judge(nil, u.scratch) != nil {
				u.pc = o.to
			}
		case opZero:
			u.counters[o.slot] = 0
		case opTimes:
			if u.counters[o.slot] >= o.limit {
				u.pc = o.to
			} else {
				u.counters[o.slot]++
			}
		case opOnce:
			if u.iterations > 1 {
				u.pc = o.to
			}
		case opShare:
			if u.plan.Float64() >= o.share {
				u.pc = o.to
			}
		case opPick:
			u.pc = o.targets[o.weights.pick(u.plan)]
		case opTurn:
			u.pc = o.targets[u.counters[o.slot]%len(o.targets)]
			u.counters[o.slot]++
		case opDeal:
			u.pc = o.deal(u.plan, &u.counters[o.slot])
		case opBegin:
			u.clocks[o.slot] = groupClock{step: o.step, due: u.done + pause}
		case opEnd:
			u.endGroup(&u.clocks[o.slot])
		}
	}
	return nil, pause
}

// picker draws an index by weight.
type picker []float64 // running totals

func newPicker(weights []float64) picker {
	total := 0.0
	p := make(picker, len(weights))
	for i, w := range weights {
		total += w
		p[i] = total
	}
	return p
}

func (p picker) pick(rng *rand.Rand) int {
	if len(p) < 2 {
		return 0
	}
	x := rng.Float64() * p[len(p)-1]
	for i := range p {
		if x < p[i] {
			return i
		}
	}
	return len(p) - 1
}
