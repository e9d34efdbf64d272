package load

import (
	"context"
	crand "crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"gameday/engine/load/analysis"
	"gameday/sources/signal"
)

const (
	tick         = time.Second
	historySpan  = 5 * time.Minute
	stopGrace    = 900 * time.Millisecond // what requests in flight get after Stop
	maxShards    = 16
	exemplarSpan = time.Minute
)

// Options are what a run needs beside its plan.
type Options struct {
	Target string                     // base URL instead of the plan's
	Vars   map[string]string          // values for ${name}, before the plan's own
	Seed   uint64                     // instead of the plan's when not 0
	Emit   func([]signal.MetricPoint) // gets the run's metrics once a second, from one goroutine; may be nil; must not keep the run waiting
	TLS    *tls.Config                // for https; nil is the system's roots
	Engine Engine                     // how requests are sent; the zero value chooses
	Shards Shards                     // the part of the plan that is run; the zero value is all of it
	At     time.Time                  // when the run begins: Start waits for it; zero is at once
	Gauges func() []analysis.Series   // called at the end of an endurance test: what of the target is judged besides, in time since the run began; may be nil
	Each   func(RequestLog)           // gets every request when it has ended, from many goroutines at once; nil costs nothing

	protocol webProtocol // instead of the one the target's scheme means: for tests
}

// Run is one run of a plan. Its methods are safe for concurrent use.
type Run struct {
	name        string
	thresh      []Threshold
	plan        *compiled
	epoch       time.Time
	warmup      time.Duration
	total       time.Duration // planned, 0 when it runs until it is stopped
	longest     time.Duration // timeout of any request
	sampling    float64
	entropy     [2]uint64
	emit        func([]signal.MetricPoint)
	each        func(RequestLog)
	adjusting   sync.Mutex
	adjustments []string // what operators did to it
	shards      Shards
	test        *Test  // nil when the plan is none of a known type
	sends       string // fingerprint of the plan
	gauges      func() []analysis.Series

	fast    *fastPath // sends the requests; nil: a goroutine for each connection does
	sending string    // what the result says about how requests were sent

	hard   context.Context // ends: requests in flight are broken off
	soft   context.Context // ends: nothing new is begun
	cancel context.CancelFunc
	stop   context.CancelFunc

	rec     *recorder
	history *history
	picture *picture
	tracker *tracker
	workers atomic.Uint64
	threads atomic.Uint64 // of the fast path: users are counted in workers, and their numbers have no gaps
	users   atomic.Int64
	missed  atomic.Uint64
	state   atomic.Pointer[signal.LoadState]
	done    chan struct{}
	result  Result // valid once done is closed
}

// Start begins to run a plan. The error says what is wrong with the plan's target or variables; that the target does not
// answer is none, it is what a load test is there to find out. When ctx ends the run breaks off at once.
func Start(ctx context.Context, p *Plan, o Options) (*Run, error) {
	c, err := compile(p, &o)
	if err != nil {
		return nil, fmt.Errorf("start load %q: %w", p.Metadata.Name, err)
	}
	var seed [16]byte
	if _, err := crand.Read(seed[:]); err != nil {
		return nil, fmt.Errorf("start load %q: get random bytes for trace IDs: %w", p.Metadata.Name, err)
	}
	r := &Run{
		name: p.Metadata.Name, thresh: p.Thresholds, plan: c, warmup: p.Warmup, sampling: float64(p.Sampling), emit: o.Emit,
		each: o.Each, shards: o.Shards, test: p.Test, sends: p.Fingerprint(&o), gauges: o.Gauges,
		entropy: [2]uint64{binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:])},
		rec:     newRecorder(min(runtime.GOMAXPROCS(0), maxShards), c.steps),
		history: newHistory(c.steps, historySpan),
		done:    make(chan struct{}),
	}
	if r.fast, r.sending, err = choose(o.Engine, c); err != nil {
		return nil, fmt.Errorf("start load %q: %w", p.Metadata.Name, err)
	}
	if err := c.beginTokens(ctx); err != nil {
		return nil, fmt.Errorf("start load %q: %w", p.Metadata.Name, err)
	}
	for _, st := range c.steps {
		r.longest = max(r.longest, st.timeout)
	}
	for _, g := range c.groups {
		r.total = max(r.total, g.profile.end())
	}
	if r.total == forever {
		r.total = 0
	}
	r.tracker = newTracker(r)
	r.hard, r.cancel = context.WithCancel(ctx)
	r.soft, r.stop = context.WithCancel(r.hard)
	if r.epoch, err = begin(ctx, o.At); err != nil {
		r.cancel()
		return nil, fmt.Errorf("start load %q: %w", p.Metadata.Name, err)
	}
	r.picture = newPicture(r)
	r.publish(true)
	go r.main()
	return r, nil
}

// now is the time since the beginning of the run.
func (r *Run) now() time.Duration { return time.Since(r.epoch) }

// sleep waits until an instant of the run; false means that done was closed first.
func (r *Run) sleep(timer *time.Timer, until time.Duration, done <-chan struct{}) bool {
	d := until - r.now()
	if d <= 0 {
		select {
		case <-done:
			return false
		default:
			return true
		}
	}
	timer.Reset(d)
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}

// main runs the plan to its end and concludes.
func (r *Run) main() {
	defer close(r.done)
	defer r.cancel()
	// Requests in flight when the run is stopped get a moment; then they are broken off.
	release := context.AfterFunc(r.soft, func() {
		timer := time.NewTimer(stopGrace)
		defer timer.Stop()
		select {
		case <-timer.C:
			r.cancel()
		case <-r.hard.Done():
		}
	})
	defer release()
	defer r.plan.keepTokens(r.hard)()
	if r.total > 0 {
		// Requests and a backlog that are under way at the end of the plan are seen through; a user's long pauses are not.
		overdue := time.AfterFunc(r.total+2*r.longest, r.stop)
		defer overdue.Stop()
	}
	ended := make(chan struct{})
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		r.collect(ended)
	}()
	r.execute()
	close(ended)
	<-collected
	r.result = r.conclude()
	r.settle()
}

// execute runs all groups to their end.
func (r *Run) execute() {
	if r.fast != nil {
		err := r.fast.execute(r)
		if err == nil {
			return
		}
		r.fast, r.sending = nil, slowly(err)
	}
	var groups sync.WaitGroup
	for _, g := range r.plan.groups {
		groups.Go(func() {
			if g.executor.Kind.Open() {
				newOpenGroup(r, g).execute()
			} else {
				(&closedGroup{run: r, group: g}).execute()
			}
		})
	}
	groups.Wait()
}

// collect empties the recorder once a second until the run has ended, and once more then.
func (r *Run) collect(ended <-chan struct{}) {
	spare := make([]*counters, len(r.plan.steps))
	timer := time.NewTimer(tick)
	defer timer.Stop()
	var from time.Duration
	var missed uint64
	for running := true; running; {
		select {
		case <-timer.C:
		case <-ended:
			running = false
		}
		to, lost := r.now(), r.missed.Load()
		if to <= from {
			to = from + 1 // nothing is ever measured over no time
		}
		s := r.history.collect(r.rec, spare, from, to, lost-missed)
		r.picture.second(r, from, to)
		r.tracker.add(s)
		from, missed = to, lost
		r.publish(running)
		if r.emit != nil {
			r.emit(r.points(running))
		}
		timer.Reset(max(to.Truncate(tick)+tick-r.now(), 0))
	}
}

// Stop ends the run within a second: nothing new is begun, requests in flight get what is left of that second. It does not
// wait; Wait does.
func (r *Run) Stop() { r.stop() }

// Done is closed when the run has ended.
func (r *Run) Done() <-chan struct{} { return r.done }

// Wait waits until the run has ended and returns its result.
func (r *Run) Wait() Result {
	<-r.done
	return r.result
}
