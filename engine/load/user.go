package load

import (
	"fmt"
	"math/rand/v2"
	"time"

	"gameday/engine/load/protocol"
)

// user runs a scenario's program: it knows what comes next and what an answer means, and leaves the sending and the
// waiting to who owns it, a worker's goroutine or a loop. It belongs to that one goroutine.
type user struct {
	run   *Run
	group *group
	shard *shard

	source rand.PCG   // of plan, seeded anew for each iteration
	plan   *rand.Rand // what is asked for: repeats with the seed
	fresh  *rand.Rand // IDs: differ in every run
	call   protocol.Call

	scenario   *scenario
	pc         int
	iterations uint64 // begun so far, this one included
	done       time.Duration
	counters   []int
	clocks     []groupClock
	scratch    []byte
	cookies    *cookies
	failed     bool // a request of this iteration failed
	made       int  // requests of this iteration
}

// init makes the user the run's nth.
func (u *user) init(r *Run, g *group, id uint64, fresh *rand.Rand) {
	u.run, u.group, u.fresh = r, g, fresh
	u.shard = r.rec.shard(int(id))
	u.plan = rand.New(&u.source)
	u.call.Plan, u.call.Fresh = u.plan, fresh
	u.call.User = r.shards.number(id-1) + 1 // no two parts of a plan have a user of the same number
	u.call.Slots = make([][]byte, r.plan.slots)
	u.counters, u.clocks = make([]int, r.plan.counters), make([]groupClock, r.plan.clocks)
	if g.cookies != CookiesOff {
		u.cookies = newCookies()
	}
}

// begin starts the nth iteration, due at an instant of the run. What it does depends on the seed and n only. It reports
// false when a feed has no row left for it: there is to be no such iteration.
func (u *user) begin(n uint64, due time.Duration) bool {
	g := u.group
	u.source.Seed(g.seed^n, iterationStream)
	u.call.N, u.done, u.pc, u.failed, u.made = n, due, 0, false, 0
	u.iterations++
	u.scenario = g.scenarios[g.weights.pick(u.plan)]
	if g.cookies == CookiesPerIteration {
		u.cookies.clear()
	}
	if u.run.plan.slots > 0 {
		return u.fill(n)
	}
	return true
}

// fill gives the variables of the feeds their values and takes those of the last iteration away.
func (u *user) fill(n uint64) bool {
	clear(u.call.Slots[u.run.plan.kept:])
	for i := range u.run.plan.feeds {
		f := &u.run.plan.feeds[i]
		row := n
		if f.feed.PerUser() {
			if row = u.call.User - 1; u.iterations > 1 {
				continue
			}
		}
		values := f.feed.Row(row)
		if values == nil {
			return false
		}
		copy(u.call.Slots[f.slot:], values)
	}
	return true
}

func (u *user) set(slot int, value []byte) { u.call.Slots[slot] = value }

// prepare gets the call ready for a step. It reports why the step cannot be made.
func (u *user) prepare(st *step) error {
	u.made++
	u.call.Request = st.handle
	u.run.identify(&u.call, u.fresh)
	if st.token != nil {
		u.call.Slots[st.token.slot] = st.token.from.Value()
	}
	for _, slot := range st.needs {
		if u.call.Slots[slot] == nil {
			return u.run.plan.unset[slot]
		}
	}
	if st.jar {
		u.call.Jar = u.cookies.jar
	} else if st.cookies != nil {
		u.call.Cookie = u.cookies.header(u.call.Cookie[:0], st.cookies)
	}
	return nil
}

// unsendable is the outcome of a step that prepare refused.
func (u *user) unsendable(err error) *protocol.Outcome {
	now := u.run.now()
	return &protocol.Outcome{Start: now, Done: now, Kind: protocol.Unsendable, Err: err}
}

// answered judges an answer, takes out of it what is wanted, and records it.
func (u *user) answered(st *step, due time.Duration, out *protocol.Outcome) {
	if out.Kind == protocol.OK {
		st.judge(out)
	}
	if out.Kind.Answered() {
		for i := range st.extract {
			u.extract(&st.extract[i], out)
		}
		if st.cookies != nil && !st.jar {
			u.cookies.take(st.cookies, out.Head)
		}
	}
	if u.call.Failed = out.Kind.Failed(); u.call.Failed {
		u.failed = true
		for i := range u.clocks {
			u.clocks[i].failed = true
		}
	}
	u.done = out.Done
	u.shard.record(st.index, due, due >= u.run.warmup, &u.call, out)
	if u.run.each != nil {
		u.run.each(u.run.requestLog(st, due, &u.call, out))
	}
	if st.stopOnFailure && out.Kind.Failed() {
		u.giveUp()
	}
}

func (u *user) extract(e *extraction, out *protocol.Outcome) {
	v, ok := e.finder.Find(out.Head, out.Body, e.which)
	switch {
	case ok:
		// The answer's memory is used again by the next one.
		u.set(e.slot, append(make([]byte, 0, len(v)), v...))
	case e.fallback != nil:
		u.set(e.slot, e.fallback)
	default:
		u.set(e.slot, nil)
	}
}

// endGroup records the time of a group as one.
func (u *user) endGroup(clock *groupClock) {
	if clock.step == nil {
		return
	}
	out := protocol.Outcome{Start: clock.due, Done: u.done}
	if clock.failed {
		out.Kind, out.Err = protocol.CheckFailed, errGroupFailed
	}
	u.call.Sampled = false // it has many traces, not one
	u.shard.recordGroup(clock.step.index, clock.due, clock.due >= u.run.warmup, &u.call, &out)
	clock.step = nil
}

// giveUp ends the iteration here; groups that are under way end with it.
func (u *user) giveUp() {
	u.pc = len(u.scenario.program)
	for i := range u.clocks {
		u.endGroup(&u.clocks[i])
	}
}

var errGroupFailed = fmt.Errorf("a request in it failed")

// identify gives a call its trace ID, its span ID and the share's decision.
func (r *Run) identify(call *protocol.Call, fresh *rand.Rand) {
	hi, lo, span := fresh.Uint64(), fresh.Uint64()|1, fresh.Uint64()|1 // all-zero IDs are invalid
	putUint64(call.Trace[:8], hi)
	putUint64(call.Trace[8:], lo)
	putUint64(call.Span[:], span)
	call.Sampled = r.sampling >= 1 || fresh.Float64() < r.sampling
}

func putUint64(b []byte, v uint64) {
	_ = b[7]
	for i := range 8 {
		b[i] = byte(v >> (8 * (7 - i)))
	}
}
