package load

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"gameday/engine/load/protocol"
)

const (
	usersEvery   = 20 * time.Millisecond // how often the number of users is brought up to the profile
	usersAtOnce  = 50                    // most that start at one time: thousands of connects at once are a storm of their own
	idlePause    = time.Millisecond      // after an iteration that made no request: it must not spin
	afterRefusal = 10 * time.Millisecond // a user whose connection failed pauses, or refusals would be all there is
)

// closedGroup runs users who wait for their answers. Each user's next iteration is due when the one before was answered
// and its pause is over.
type closedGroup struct {
	run        *Run
	group      *group
	iterations atomic.Uint64
	left       atomic.Int64 // users that are there
	over       atomic.Bool  // no more iterations are to begin
	wg         sync.WaitGroup
}

// execute keeps the number of users at the profile's level until it is over or the run is stopped, and returns when
// every user has ended.
func (c *closedGroup) execute() {
	var leave []context.CancelFunc // of the users, in the order they came
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	end := c.group.profile.end()
	users := c.run.shards.users
	for now := c.run.now(); now < end && !c.over.Load(); now = c.run.now() {
		want := users(int(math.Round(c.group.profile.level(now))))
		for n := 0; len(leave) < want && n < usersAtOnce; n++ {
			ctx, cancel := context.WithCancel(c.run.soft)
			leave = append(leave, cancel)
			c.run.users.Add(1)
			c.left.Add(1)
			w := c.run.newWorker(c.group)
			c.wg.Go(func() { c.user(ctx, w) })
		}
		for len(leave) > want {
			leave[len(leave)-1]()
			leave = leave[:len(leave)-1]
		}
		if c.group.executor.Iterations > 0 && len(leave) == want && c.left.Load() == 0 {
			break // all have made what they were to make
		}
		if !c.run.sleep(timer, min(now+usersEvery, end), c.run.soft.Done()) {
			break
		}
	}
	for _, cancel := range leave {
		cancel()
	}
	c.wg.Wait()
}

// user makes iterations until it is told to leave; the one it is at is finished.
func (c *closedGroup) user(ctx context.Context, w *worker) {
	defer w.close()
	defer c.run.users.Add(-1)
	defer c.left.Add(-1)
	for due := c.run.now(); ctx.Err() == nil; {
		n, ok := c.group.claim(&c.iterations, w.iterations, c.run.shards)
		if !ok {
			return
		}
		done, pause, ok := w.iterate(n, due)
		if !ok {
			c.over.Store(true)
			return
		}
		switch w.out.Kind {
		case protocol.Resolve, protocol.Refused, protocol.Connect, protocol.TLS, protocol.Unsendable:
			pause = max(pause, afterRefusal)
		}
		if w.made == 0 {
			pause = max(pause, idlePause)
		}
		due = done + pause
		if pause > 0 && !c.run.sleep(w.timer, due, ctx.Done()) {
			return
		}
	}
}

// claim is the number of a user's next iteration, when there is to be one. made is how many the user has begun.
func (g *group) claim(next *atomic.Uint64, made uint64, shards Shards) (n uint64, ok bool) {
	n = next.Add(1) - 1
	switch limit := uint64(g.executor.Iterations); g.executor.Kind {
	case SharedIterations:
		ok = shards.number(n) < limit
	case UserIterations:
		ok = made < limit
	default:
		ok = true
	}
	return shards.number(n), ok
}
