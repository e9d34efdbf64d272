package load

import (
	"sync"
	"sync/atomic"
	"time"
)

// job is one iteration that is due, or was.
type job struct {
	n   uint64
	due time.Duration
}

// openGroup runs iterations at the instants of a schedule. A pacer hands each to the worker that was idle last, so that
// no more connections are opened than are needed; when all are busy and no more are allowed, it waits in a bounded queue
// with its instant kept; what does not fit there is missed.
type openGroup struct {
	run      *Run
	group    *group
	schedule Schedule
	over     atomic.Bool // a feed has no more rows

	mu      sync.Mutex
	idle    []*worker // the last one is the warmest
	queue   ring
	workers int
	ended   bool // nothing more will come
	wg      sync.WaitGroup
}

func newOpenGroup(r *Run, g *group) *openGroup {
	return &openGroup{
		run: r, group: g, schedule: r.shards.schedule(newSchedule(g.executor, g.profile, g.seed)),
		queue: ring{limit: g.executor.MaxQueue},
	}
}

// execute paces until the schedule is over or the run is stopped, and returns when every worker has ended.
func (o *openGroup) execute() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	changed := make(chan struct{}, 1)
	defer o.group.profile.dial.listen(func() {
		select {
		case changed <- struct{}{}:
		default: // it will look anyway
		}
	})()
	for n := uint64(0); ; n++ {
		due, more := o.due(timer, n, changed)
		if !more || o.over.Load() {
			break
		}
		o.offer(job{o.run.shards.number(n), due})
	}
	o.finish()
	o.drain(timer)
}

// due waits until the nth iteration is due; false is that there is none, or that the run is being stopped.
func (o *openGroup) due(timer *time.Timer, n uint64, changed <-chan struct{}) (time.Duration, bool) {
	for {
		due, ok := o.schedule.At(n)
		if !ok {
			// The run lasts to the end of its profile even when the last arrivals are long before that.
			due = o.group.profile.end()
		}
		wait := due - o.run.now()
		if wait <= 0 {
			return due, ok && o.run.soft.Err() == nil
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
			return due, ok
		case <-changed: // an operator has changed what is due
		case <-o.run.soft.Done():
			return 0, false
		}
	}
}

// offer hands a job to an idle worker, a new one, or the queue.
func (o *openGroup) offer(j job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last := len(o.idle) - 1; last >= 0 {
		w := o.idle[last]
		o.idle = o.idle[:last]
		w.jobs <- j // has room: an idle worker's channel is empty
		return
	}
	if o.workers < o.group.executor.MaxConnections {
		o.workers++
		o.run.users.Add(1)
		w := o.run.newWorker(o.group)
		w.jobs = make(chan job, 1)
		o.wg.Go(func() { o.work(w, j) })
		return
	}
	if !o.queue.push(j) {
		o.run.missed.Add(1)
	}
}

func (o *openGroup) work(w *worker, j job) {
	defer w.close()
	defer o.run.users.Add(-1)
	for ok := true; ok; j, ok = o.next(w) {
		if _, _, more := w.iterate(j.n, j.due); !more {
			o.over.Store(true)
		}
	}
}

// next is the job a worker should do after the one it has done, when there is to be one.
func (o *openGroup) next(w *worker) (job, bool) {
	o.mu.Lock()
	if j, ok := o.queue.pop(); ok && o.run.soft.Err() == nil {
		o.mu.Unlock()
		return j, true
	} else if ok {
		o.run.missed.Add(1)
	}
	if o.ended {
		o.mu.Unlock()
		return job{}, false
	}
	o.idle = append(o.idle, w)
	o.mu.Unlock()
	j, ok := <-w.jobs
	return j, ok
}

// finish lets idle workers go; busy ones end when the queue is empty.
func (o *openGroup) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	for _, w := range o.idle {
		close(w.jobs)
	}
	o.idle = nil
}

// drain waits for the workers. What is still queued after the longest timeout will not be sent any more: the target does
// not keep up, and the run must end. What was queued and never sent is missed.
func (o *openGroup) drain(timer *time.Timer) {
	gone := make(chan struct{})
	go func() {
		o.wg.Wait()
		close(gone)
	}()
	timer.Reset(o.run.longest)
	select {
	case <-gone:
	case <-timer.C:
	case <-o.run.soft.Done():
	}
	o.mu.Lock()
	o.run.missed.Add(uint64(o.queue.clear()))
	o.mu.Unlock()
	<-gone
}

// ring is a queue with a limit that grows as needed.
type ring struct {
	jobs  []job
	head  int
	count int
	limit int
}

func (q *ring) push(j job) bool {
	if q.count >= q.limit {
		return false
	}
	if q.count == len(q.jobs) {
		grown := make([]job, min(max(2*len(q.jobs), 64), q.limit))
		n := copy(grown, q.jobs[q.head:])
		copy(grown[n:], q.jobs[:q.head])
		q.jobs, q.head = grown, 0
	}
	q.jobs[(q.head+q.count)%len(q.jobs)] = j
	q.count++
	return true
}

func (q *ring) pop() (job, bool) {
	if q.count == 0 {
		return job{}, false
	}
	j := q.jobs[q.head]
	q.head = (q.head + 1) % len(q.jobs)
	q.count--
	return j, true
}

func (q *ring) clear() int {
	n := q.count
	q.head, q.count = 0, 0
	return n
}
