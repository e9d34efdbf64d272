//go:build linux && (amd64 || arm64)

package load

import "time"

// openReactor is openGroup on a loop: it takes every so many-th arrival of the schedule, and has its share of the
// connections and of the queue.
type openReactor struct {
	*reactor
	schedule    Schedule
	idle        []*eventUser // the last one is the warmest
	queue       ring
	connections int
	busy        int
	single      bool // every iteration is one request
}

func newOpenReactor(x *reactor) *openReactor {
	e := x.group.executor
	share := func(n int) int { return (n + x.of - 1 - x.index) / x.of }
	o := &openReactor{
		reactor: x, schedule: x.run.shards.schedule(newSchedule(e, x.group.profile, x.group.seed)),
		queue: ring{limit: share(e.MaxQueue)}, connections: share(e.MaxConnections),
	}
	x.finished = o.next
	if o.single = x.group.singles(); o.single {
		x.net.Coalesce()
	}
	return o
}

func (o *openReactor) execute() {
	if !o.pace() {
		return
	}
	o.drain()
	for _, u := range o.idle {
		o.retire(u)
	}
	o.idle = nil
	o.seeOut()
}

// pace begins iterations at their instants until the profile is over or the run is stopped.
func (o *openReactor) pace() bool {
	defer o.group.profile.dial.listen(o.net.Wake)()
	end := o.group.profile.end()
	n := uint64(o.index)
	due, more := o.schedule.At(n)
	var sent time.Duration // when arrivals were last begun
	for !o.stopping.Load() && !o.over.Load() {
		begun := 0
		for more && due <= o.net.Now() && begun < sendsAtOnce {
			o.offer(job{o.run.shards.number(n), due})
			n += uint64(o.of)
			due, more = o.schedule.At(n)
			begun++
		}
		until := end
		switch {
		case begun == sendsAtOnce:
			until = 0 // there may be more; but first what was answered
		case more:
			if begun > 0 {
				sent = o.net.Now()
			}
			until = max(due, sent+quantum)
			if o.single && due < o.net.Now()+quantum {
				// It will not be long: what is answered meanwhile can wait, because the kernel notes when it came.
				if !o.failed(o.net.PollAt(until)) {
					continue
				}
				return false
			}
		case o.net.Now() >= end:
			// The run lasts to the end of its profile even when the last arrivals are long before that.
			return true
		}
		if !o.poll(until) {
			return false
		}
		due, more = o.schedule.At(n) // an operator may have changed what is due
	}
	return true
}

// drain works the queue off for as long as the longest timeout. What is still queued then was never sent, and is missed.
func (o *openReactor) drain() {
	for last := o.net.Now() + o.run.longest; o.busy > 0 && o.net.Now() < last && !o.stopping.Load(); {
		if !o.poll(last) {
			break
		}
	}
	o.run.missed.Add(uint64(o.queue.clear()))
	for u := range o.users {
		u.leaving = true
	}
}

// offer hands a job to an idle user, a new one, or the queue.
func (o *openReactor) offer(j job) {
	var u *eventUser
	if last := len(o.idle) - 1; last >= 0 {
		u, o.idle = o.idle[last], o.idle[:last]
	} else if len(o.users) < o.connections {
		u = o.add()
	} else {
		if !o.queue.push(j) {
			o.run.missed.Add(1)
		}
		return
	}
	o.busy++
	u.start(j.n, j.due)
}

// next is what a user does after an iteration.
func (o *openReactor) next(u *eventUser, _, _ time.Duration) {
	if j, ok := o.queue.pop(); ok {
		if !o.stopping.Load() {
			u.start(j.n, j.due)
			return
		}
		o.run.missed.Add(1)
	}
	o.busy--
	if u.leaving {
		o.retire(u)
	} else {
		o.idle = append(o.idle, u)
	}
}
