//go:build linux && (amd64 || arm64)

package load

import (
	"math"
	"time"
)

// closedReactor is closedGroup on a loop.
type closedReactor struct {
	*reactor
	users  []*eventUser // that stay, in the order they came
	want   int          // how many are to be there
	finite bool         // each user, or all together, make so many iterations and no more
}

func (c *closedReactor) execute() {
	c.reactor.finished = c.next
	c.finite = c.group.executor.Iterations > 0
	end := c.group.profile.end()
	var look time.Duration // when to look at the profile again
	for now := c.net.Now(); now < end && !c.stopping.Load() && !c.over.Load(); now = c.net.Now() {
		if now >= look {
			c.level(now)
			look = now + usersEvery
		}
		if c.finite && len(c.users) == c.want && len(c.reactor.users) == 0 {
			return // all have made what they were to make
		}
		if !c.poll(min(look, end)) {
			return
		}
	}
	for len(c.users) > 0 {
		c.dismiss()
	}
	c.seeOut()
}

// level brings the number of users up or down to this loop's share of what the profile says.
func (c *closedReactor) level(now time.Duration) {
	all := c.run.shards.users(int(math.Round(c.group.profile.level(now))))
	want := (all + c.of - 1 - c.index) / c.of
	c.want = want
	for n := 0; len(c.users) < want && n < max(usersAtOnce/c.of, 1); n++ {
		u := c.add()
		c.users = append(c.users, u)
		u.again(c.net.Now())
	}
	for len(c.users) > want {
		c.dismiss()
	}
}

// dismiss has the user that came last leave: at once when it is between two iterations.
func (c *closedReactor) dismiss() {
	last := len(c.users) - 1
	u := c.users[last]
	c.users[last], c.users = nil, c.users[:last]
	u.leaving = true
	if !u.inside && !u.gone && c.net.Resume(u.conn) {
		c.retire(u)
	}
}

// next is what a user does after an iteration.
func (c *closedReactor) next(u *eventUser, done, pause time.Duration) {
	switch {
	case u.leaving:
		c.retire(u)
		return
	case c.stopping.Load():
		c.net.Pause(u.conn, forever) // between two iterations, where it is found when all are dismissed
		return
	}
	if u.refused {
		pause = max(pause, afterRefusal)
	}
	if u.made == 0 {
		pause = max(pause, idlePause)
	}
	if u.due = done + pause; pause > 0 {
		c.net.Pause(u.conn, u.due)
	} else {
		u.again(u.due)
	}
}
