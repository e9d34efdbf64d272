package load

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// dial is a level that an operator can turn while the load runs: the zero value has not been touched. From the first
// turn on it stands for the profile it belongs to. It is safe for concurrent use; reading it, which is done for every
// arrival, takes no lock.
type dial struct {
	at atomic.Pointer[position] // nil until it is turned

	mu   sync.Mutex
	wake map[int]func()
	next int
}

// position is where a dial stands.
type position struct {
	level float64
	mass  float64       // the integral of the level up to since
	since time.Duration // when it was turned last
}

// turn sets the level at an instant, before which the integral was mass, and wakes who waits for what is due.
func (d *dial) turn(at time.Duration, level, mass float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at.Store(&position{level, mass, at})
	for _, f := range d.wake {
		f()
	}
}

// listen has f called whenever the level is turned, until the function it returns is called. f must not block.
func (d *dial) listen(f func()) (stop func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wake == nil {
		d.wake = map[int]func(){}
	}
	id := d.next
	d.next++
	d.wake[id] = f
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.wake, id)
	}
}

// when is the instant at which the integral reaches m; ok is false when it does not by the end.
func (p *position) when(m float64, end time.Duration) (t time.Duration, ok bool) {
	switch {
	case m <= p.mass:
		return p.since, true
	case p.level <= 0:
		return end, false
	}
	// Beyond the horizon of time.Duration is never.
	if wait := (m - p.mass) / p.level; wait < float64(end-p.since)/float64(time.Second) {
		return p.since + time.Duration(wait*float64(time.Second)), true
	}
	return end, false
}

// massAt is the integral up to t.
func (p *position) massAt(t time.Duration) float64 { return p.mass + p.level*(t-p.since).Seconds() }

// adjustable reports whether an operator may change the level while it runs: where the plan has a course of its own it
// stands by that.
func (k ExecutorKind) adjustable() bool {
	switch k {
	case ConstantRate, ConstantUsers, ExternalRate, ExternalUsers:
		return true
	}
	return false
}

// Adjustment is what an operator does to a load that runs.
type Adjustment struct {
	Factor float64 // of the rate and the users; 0 pauses
	Rate   float64 // instead, when above 0: the rate, or the number of users, itself
	Resume bool    // instead: back to what it was before it was paused
}

// Adjust changes the rate and the number of users of those executors that hold them constant or leave them to an
// operator. It returns a sentence about what was done; the error says why nothing could be.
func (r *Run) Adjust(a Adjustment) (string, error) {
	if !a.Resume && !(a.Factor >= 0 && a.Factor <= 1e6) {
		return "", fmt.Errorf("adjust load: a factor of %v makes no sense", a.Factor)
	}
	r.adjusting.Lock()
	defer r.adjusting.Unlock()
	var said string
	now := r.now()
	for _, g := range r.plan.groups {
		if !g.executor.Kind.adjustable() {
			continue
		}
		level := g.profile.level(now)
		to := g.executor.times(level, a.Factor)
		switch {
		case a.Rate > 0:
			to = a.Rate
		case a.Resume:
			if level > 0 || g.paused == 0 {
				continue
			}
			to = g.paused
		case a.Factor == 0:
			if level > 0 {
				g.paused = level
			}
		case level == 0 && g.paused > 0:
			to = g.paused * a.Factor // a load that stands still is changed for when it goes on
			g.paused = to
			continue
		}
		to = g.executor.limit(to)
		g.profile.dial.turn(now, to, g.profile.mass(now))
		said = g.executor.describe(level, to)
	}
	if said == "" {
		return "", fmt.Errorf("nothing to adjust: executors of ramping and iterations kinds follow their plan; use constant-rate, external-rate, constant-users or external-users")
	}
	r.adjustments = append(r.adjustments, fmt.Sprintf("at %v an operator changed %s", now.Round(100*time.Millisecond), said))
	return said, nil
}

// times is a level changed by a factor: users by one at least, and a rate that is none becomes one.
func (e *Executor) times(level, factor float64) float64 {
	to := level * factor
	switch {
	case e.Kind.Open() && level == 0 && factor > 1:
		return 1
	case e.Kind.Open() || factor == 0:
		return to
	case factor > 1:
		return max(to, level+1)
	case factor < 1:
		return max(min(to, level-1), min(level, 1))
	}
	return to
}

// limit keeps an adjusted level within what a plan could ask for.
func (e *Executor) limit(level float64) float64 {
	most := float64(maxRate)
	if !e.Kind.Open() {
		most, level = maxUsers, math.Round(level)
	}
	if e.Most > 0 {
		most = e.Most
	}
	return min(level, most)
}

func (e *Executor) describe(from, to float64) string {
	what := "the rate from %.4g/s to %.4g/s"
	if !e.Kind.Open() {
		what = "the users from %.0f to %.0f"
	}
	return fmt.Sprintf(what, from, to)
}

// Adjustable reports whether Adjust can change anything.
func (r *Run) Adjustable() bool {
	for _, g := range r.plan.groups {
		if g.executor.Kind.adjustable() {
			return true
		}
	}
	return false
}
