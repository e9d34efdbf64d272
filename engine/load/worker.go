package load

import (
	"math/rand/v2"
	"time"

	"gameday/engine/load/protocol"
)

// worker makes requests one after the other: a connection of an open executor or a user of a closed one. It belongs to
// one goroutine.
type worker struct {
	run    *Run
	group  *group
	client protocol.Client
	shard  *shard
	source *rand.PCG  // of plan, seeded anew for each iteration
	plan   *rand.Rand // what is asked for: repeats with the seed
	fresh  *rand.Rand // IDs: differ in every run
	timer  *time.Timer
	call   protocol.Call
	out    protocol.Outcome
	jobs   chan job // of an open executor
}

func (r *Run) newWorker(g *group) *worker {
	id := r.workers.Add(1)
	w := &worker{
		run: r, group: g, client: r.plan.protocol.NewClient(r.hard, r.epoch), shard: r.rec.shard(int(id)),
		source: rand.NewPCG(0, 0), fresh: rand.New(rand.NewPCG(r.entropy[0], r.entropy[1]+id)),
		timer: time.NewTimer(time.Hour),
	}
	w.plan = rand.New(w.source)
	w.call.Plan, w.call.Fresh = w.plan, w.fresh
	return w
}

func (w *worker) close() {
	w.timer.Stop()
	w.client.Close()
}

// wait sleeps until an instant of the run; false means that the run is being stopped.
func (w *worker) wait(until time.Duration) bool {
	return w.run.sleep(w.timer, until, w.run.soft.Done())
}

// iterate runs the nth iteration, due at an instant of the run, and returns when its last step was answered, and the
// pause that belongs after it. What it does depends on the seed and n only.
func (w *worker) iterate(n uint64, due time.Duration) (done, pause time.Duration) {
	w.source.Seed(w.group.seed^n, iterationStream)
	w.call.N = n
	sc := w.group.scenarios[w.group.weights.pick(w.plan)]
	if len(sc.mix) > 0 {
		st := sc.steps[sc.mix.pick(w.plan)]
		return w.request(st, due), st.think.draw(w.plan)
	}
	for i, st := range sc.steps {
		if i > 0 {
			if due = done + pause; pause > 0 && !w.wait(due) || w.run.soft.Err() != nil {
				return done, 0
			}
		}
		done = w.request(st, due)
		pause = st.think.draw(w.plan)
	}
	return done, pause
}

// request makes one request that was due at an instant of the run and records it.
func (w *worker) request(st *step, due time.Duration) (done time.Duration) {
	w.call.Request = st.handle
	w.run.identify(&w.call, w.fresh)
	w.shard.begin()
	w.client.Do(&w.call, &w.out)
	if w.out.Kind == protocol.OK {
		w.out.Kind = st.judge(w.out.Status)
	}
	w.shard.record(st.index, due, due >= w.run.warmup, &w.call, &w.out)
	return w.out.Done
}

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
