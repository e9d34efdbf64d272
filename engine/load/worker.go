package load

import (
	"math/rand/v2"
	"time"

	"gameday/engine/load/protocol"
)

// worker is a user with a goroutine of its own: a connection of an open executor or a user of a closed one.
type worker struct {
	user
	clients []protocol.Client // by protocol; nil until it is used
	timer   *time.Timer
	out     protocol.Outcome
	jobs    chan job // of an open executor
}

func (r *Run) newWorker(g *group) *worker {
	id := r.workers.Add(1)
	w := &worker{clients: make([]protocol.Client, len(r.plan.protocols)), timer: time.NewTimer(time.Hour)}
	w.init(r, g, id, rand.New(rand.NewPCG(r.entropy[0], r.entropy[1]+id)))
	return w
}

func (w *worker) close() {
	w.timer.Stop()
	for _, c := range w.clients {
		if c != nil {
			c.Close()
		}
	}
}

// wait sleeps until an instant of the run; false means that the run is being stopped.
func (w *worker) wait(until time.Duration) bool {
	return w.run.sleep(w.timer, until, w.run.soft.Done())
}

// iterate runs the nth iteration, due at an instant of the run, and returns when its last step was answered, and the
// pause that belongs after it. ok is false when there is no such iteration, since a feed has ended.
func (w *worker) iterate(n uint64, due time.Duration) (done, pause time.Duration, ok bool) {
	if !w.begin(n, due) {
		return due, 0, false
	}
	for first := true; ; first = false {
		st, pause := w.next()
		if st == nil {
			return w.done, pause, true
		}
		due := w.done + pause
		if pause > 0 && !w.wait(due) || !first && w.run.soft.Err() != nil {
			return w.done, 0, true
		}
		w.request(st, due)
	}
}

// request makes one request that was due at an instant of the run.
func (w *worker) request(st *step, due time.Duration) {
	err := w.prepare(st)
	w.shard.begin()
	if err != nil {
		w.out = *w.unsendable(err)
	} else {
		c := w.clients[st.proto]
		if c == nil {
			c = w.run.plan.protocols[st.proto].NewClient(w.run.hard, w.run.epoch)
			w.clients[st.proto] = c
		}
		c.Do(&w.call, &w.out)
	}
	w.answered(st, due, &w.out)
}
