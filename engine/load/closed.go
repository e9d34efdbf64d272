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
	afterRefusal = 10 * time.Millisecond // a user whose connection failed pauses, or refusals would be all there is
)

// closedGroup runs users who wait for their answers. Each user's next iteration is due when the one before was answered
// and its pause is over.
type closedGroup struct {
	run        *Run
	group      *group
	iterations atomic.Uint64
	wg         sync.WaitGroup
}

// execute keeps the number of users at the profile's level until it is over or the run is stopped, and returns when
// every user has ended.
func (c *closedGroup) execute() {
	var leave []context.CancelFunc // of the users, in the order they came
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	end := c.group.profile.end()
	for now := c.run.now(); now < end; now = c.run.now() {
		want := int(math.Round(c.group.profile.level(now)))
		for n := 0; len(leave) < want && n < usersAtOnce; n++ {
			ctx, cancel := context.WithCancel(c.run.soft)
			leave = append(leave, cancel)
			c.run.users.Add(1)
			w := c.run.newWorker(c.group)
			c.wg.Go(func() { c.user(ctx, w) })
		}
		for len(leave) > want {
			leave[len(leave)-1]()
			leave = leave[:len(leave)-1]
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
	for due := c.run.now(); ctx.Err() == nil; {
		done, pause := w.iterate(c.iterations.Add(1)-1, due)
		switch w.out.Kind {
		case protocol.Resolve, protocol.Refused, protocol.Connect, protocol.TLS:
			pause = max(pause, afterRefusal)
		}
		due = done + pause
		if pause > 0 && !c.run.sleep(w.timer, due, ctx.Done()) {
			return
		}
	}
}
