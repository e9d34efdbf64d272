//go:build linux && (amd64 || arm64)

package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gameday/engine/load/http1"
	"gameday/engine/load/protocol"
)

const (
	// quantum is how long an arrival may wait for others, so that a wake-up of the thread serves several of them. Without
	// it most of the time at high rates goes into waking up; with more of it arrivals come in bursts.
	quantum      = 250 * time.Microsecond
	sendsAtOnce  = 32 // between two looks at what was answered
	openBatch    = 32 // events between two looks at what is due
	closedBatch  = 256
	ratePerLoop  = 20_000 // requests per second that one thread sends with ease
	usersPerLoop = 16
	lookUpEvery  = 30 * time.Second
)

// fastPath sends requests by loops: each group of a plan is split over threads that share nothing while it runs.
type fastPath struct {
	proto *http1.Protocol
	route *http1.Route
}

func newFastPath(p *http1.Protocol) (*fastPath, error) {
	if err := p.FastPath(); err != nil {
		return nil, err
	}
	return &fastPath{proto: p}, nil
}

// execute runs all groups to their end. The error says why nothing was begun.
func (f *fastPath) execute(r *Run) (err error) {
	look, cancel := context.WithTimeout(r.soft, r.longest)
	defer cancel()
	if f.route, err = f.proto.Resolve(look); err != nil {
		return fmt.Errorf("the target's name could not be looked up beforehand")
	}
	var reactors []*reactor
	open := false
	for _, g := range r.plan.groups {
		of := threads(g, r.shards)
		open = open || g.executor.Kind.Open()
		counter, over := &atomic.Uint64{}, &atomic.Bool{}
		for i := range of {
			x, err := f.reactor(r, g, i, of, counter)
			if err != nil {
				for _, made := range reactors {
					made.close()
				}
				return fmt.Errorf("a loop could not be made: %w", err)
			}
			x.over = over
			reactors = append(reactors, x)
		}
	}
	r.sending = fmt.Sprintf("requests were sent by epoll loops on %d threads", len(reactors))
	if open {
		r.sending += fmt.Sprintf("; arrivals due within %v of each other may have left together", quantum)
	}
	defer f.follow(r)()
	var threads sync.WaitGroup
	for _, x := range reactors {
		threads.Go(x.main)
	}
	threads.Wait()
	return nil
}

// follow keeps looking the target's name up, until the function it returns is called.
func (f *fastPath) follow(r *Run) (stop func()) {
	if f.route.Literal() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(r.soft)
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(lookUpEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				_ = f.route.Refresh(ctx) // what is known is still the best guess
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// threads is over how many loops a group is split.
func threads(g *group, shards Shards) int {
	peak := float64(g.executor.Users)
	if g.executor.Kind.Open() {
		peak = g.executor.Rate
	}
	for _, st := range g.executor.Stages {
		peak = max(peak, st.To)
	}
	peak /= float64(shards.of())
	n, most := peak/usersPerLoop, runtime.GOMAXPROCS(0)
	if g.executor.Kind.Open() {
		n, most = peak*g.perIteration()/ratePerLoop, min(most, g.executor.MaxConnections)
	}
	return max(1, min(int(n+0.999), most))
}

// reactor is one thread's share of a group: every so many-th arrival or user.
type reactor struct {
	run   *Run
	group *group
	net   *http1.Loop
	shard *shard
	fresh *rand.Rand
	index int
	of    int

	finished   func(u *eventUser, done, pause time.Duration) // of the executor: an iteration has ended
	iterations *atomic.Uint64                                // of the group's users
	over       *atomic.Bool                                  // a feed has no more rows for the group
	users      map[*eventUser]struct{}
	stopping   atomic.Bool
	release    []func()
}

func (f *fastPath) reactor(r *Run, g *group, index, of int, iterations *atomic.Uint64) (*reactor, error) {
	batch := closedBatch
	if g.executor.Kind.Open() {
		batch = openBatch
	}
	loop, err := f.proto.NewLoop(r.epoch, f.route, batch)
	if err != nil {
		return nil, err
	}
	id := r.threads.Add(1)
	x := &reactor{
		run: r, group: g, net: loop, shard: r.rec.shard(int(id)), fresh: rand.New(rand.NewPCG(r.entropy[0], r.entropy[1]+id)),
		index: index, of: of, iterations: iterations, users: map[*eventUser]struct{}{},
	}
	x.after(r.soft, func() { x.stopping.Store(true); loop.Wake() })
	x.after(r.hard, loop.Interrupt)
	return x, nil
}

// after has f called when a context ends, and close wait for it.
func (x *reactor) after(ctx context.Context, f func()) {
	called := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(called); f() })
	x.release = append(x.release, func() {
		if !stop() {
			<-called
		}
	})
}

func (x *reactor) close() {
	for _, release := range x.release {
		release()
	}
	x.net.Close()
	x.run.users.Add(-int64(len(x.users)))
}

// main has a thread of its own, which ends with it because it is never unlocked.
func (x *reactor) main() {
	runtime.LockOSThread()
	http1.PreciseTimers()
	defer x.close()
	if x.group.executor.Kind.Open() {
		newOpenReactor(x).execute()
	} else {
		(&closedReactor{reactor: x}).execute()
	}
}

// add makes a user.
func (x *reactor) add() *eventUser {
	u := &eventUser{x: x}
	u.init(x.run, x.group, x.run.workers.Add(1), x.fresh)
	u.shard = x.shard
	u.conn = x.net.Add(u)
	x.users[u] = struct{}{}
	x.run.users.Add(1)
	return u
}

// retire gives a user up that has nothing under way.
func (x *reactor) retire(u *eventUser) {
	u.gone = true
	x.net.Remove(u.conn)
	delete(x.users, u)
	x.run.users.Add(-1)
}

// seeOut waits for the users who are in the middle of an iteration. When the run is being stopped none of them pauses
// any more.
func (x *reactor) seeOut() {
	for cut := false; len(x.users) > 0; {
		if !cut && x.stopping.Load() {
			cut = true
			for u := range x.users {
				u.leaving = true
				if x.net.Resume(u.conn) {
					u.finish(x.net.Now(), 0)
				}
			}
			continue
		}
		if !x.poll(forever) {
			return
		}
	}
}

// poll waits for events; false means that the run has to end.
func (x *reactor) poll(until time.Duration) bool { return !x.failed(x.net.Poll(until)) }

// failed ends the run when the kernel refuses to tell events, which it has no reason to.
func (x *reactor) failed(err error) bool {
	if err != nil {
		x.run.stop()
	}
	return err != nil
}

// singles reports whether every iteration is one request.
func (g *group) singles() bool {
	for _, sc := range g.scenarios {
		if !sc.single {
			return false
		}
	}
	return true
}

// eventUser is a user who is told what happens instead of waiting for it, as a worker does.
type eventUser struct {
	user
	x       *reactor
	conn    *http1.Conn
	step    *step
	due     time.Duration
	inside  bool // an iteration is under way
	leaving bool
	gone    bool // has been given up
	refused bool // the last request found no connection
	skipped bool // the last request could not be made
}

// start begins the nth iteration, due at an instant of the run.
func (u *eventUser) start(n uint64, due time.Duration) {
	u.inside, u.due = true, due
	if !u.begin(n, due) {
		u.x.over.Store(true)
		u.leaving = true
		u.x.net.Pause(u.conn, 0) // told by the loop, not from here
		u.step = nil
		return
	}
	u.proceed(true)
}

// again begins the next iteration of a user of a closed executor, if there is to be one.
func (u *eventUser) again(due time.Duration) {
	n, ok := u.group.claim(u.x.iterations, u.iterations, u.run.shards)
	if !ok {
		u.leaving, u.inside, u.step, u.due = true, true, nil, due
		u.x.net.Pause(u.conn, 0)
		return
	}
	u.start(n, due)
}

// proceed goes on to the next request, or to the end of the iteration.
func (u *eventUser) proceed(first bool) {
	st, pause := u.next()
	u.step = st
	switch {
	case st == nil:
		u.finish(u.done, pause)
	case !first && u.x.stopping.Load():
		u.finish(u.done, 0)
	default:
		if u.due = u.done + pause; pause > 0 {
			u.x.net.Pause(u.conn, u.due)
		} else {
			u.request()
		}
	}
}

func (u *eventUser) request() {
	err := u.prepare(u.step)
	u.shard.begin()
	if err != nil {
		u.refuse(err)
		return
	}
	u.x.net.Do(u.conn, &u.call)
}

// refuse deals with a step that cannot be made, as with one that was answered.
func (u *eventUser) refuse(err error) {
	u.answered(u.step, u.due, u.unsendable(err))
	u.refused, u.skipped = true, true
	u.x.net.Pause(u.conn, u.x.net.Now()+idlePause) // told by the loop, not from here
}

// Answered records the request and goes on to what follows it.
func (u *eventUser) Answered(out *protocol.Outcome) {
	u.answered(u.step, u.due, out)
	switch out.Kind {
	case protocol.Resolve, protocol.Refused, protocol.Connect, protocol.TLS:
		u.refused = true
	default:
		u.refused = false
	}
	u.proceed(false)
}

func (u *eventUser) finish(done, pause time.Duration) {
	u.inside = false
	u.x.finished(u, done, pause)
}

// Woken goes on after a pause.
func (u *eventUser) Woken() {
	switch {
	case u.skipped:
		u.skipped = false
		u.proceed(false)
	case u.step == nil && u.inside: // there was no iteration to begin
		u.finish(u.due, 0)
		u.x.net.Wake() // who waits for the last user to go does not wait for events
	case u.inside:
		u.request()
	default:
		u.again(u.due)
	}
}
