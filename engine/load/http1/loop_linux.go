//go:build linux && (amd64 || arm64)

package http1

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gameday/engine/load/protocol"
)

const (
	sharedBuffer  = 64 << 10
	readsAtOnce   = 16 // of one connection, before the others get their turn
	wakeSlot      = -1
	connectEvents = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET
	hangUp        = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
)

// Owner is who uses a connection. It is called on the loop's goroutine, and may begin the next request from there.
type Owner interface {
	// Answered is called once for each request. The outcome is valid until the next one begins.
	Answered(*protocol.Outcome)
	// Woken is called when a pause is over.
	Woken()
}

// Loop drives many connections from one goroutine by epoll. Nothing in it is safe for concurrent use but Wake and
// Interrupt. A connection costs some hundred bytes while it waits: what is received goes through one buffer of the loop,
// and only the unfinished line of an unfinished answer is kept.
type Loop struct {
	proto   *Protocol
	route   *Route
	epoch   time.Time
	now     time.Duration
	wall    int64         // the wall clock at the beginning of the run, by what it said at the last poll
	arrived time.Duration // when the bytes that are being looked at were received
	kernel  stamped
	stamps  bool
	epoll   int
	wake    int
	events  []unix.EpollEvent
	slots   []*Conn
	free    []int32
	timers  timers
	over    []*Conn // whose owners are still to be told
	again   []*Conn // that may have more to read than was read
	spare   []*Conn
	stamped [][]byte
	scratch []byte
	buf     []byte
	prefer  int   // which address of the route answered last
	dialled int32 // connections so far: tells events of one from those of another in the same place
	stopped bool
	halt    atomic.Bool
}

// FastPath says why requests of this protocol cannot go through a Loop here, or nil.
func (p *Protocol) FastPath() error {
	if p.tls != nil {
		return errors.New("the target is https")
	}
	if err := probeKernel(); err != nil {
		return fmt.Errorf("the kernel does not serve it: %w", err)
	}
	return nil
}

// NewLoop makes a loop that handles up to batch events at a time. Close it.
func (p *Protocol) NewLoop(epoch time.Time, route *Route, batch int) (*Loop, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), unix.Close(ep))
	}
	l := &Loop{
		proto: p, route: route, epoch: epoch, epoll: ep, wake: wake, events: make([]unix.EpollEvent, batch),
		stamped: make([][]byte, len(p.reqs)), buf: make([]byte, sharedBuffer),
	}
	err = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot})
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("epoll_ctl", err), unix.Close(wake), unix.Close(ep))
	}
	for i, r := range p.reqs {
		l.stamped[i] = append([]byte(nil), r.static...)
	}
	l.tick()
	return l, nil
}

// Close gives up the loop and all its connections. Wake and Interrupt must not be called any more.
func (l *Loop) Close() {
	for _, c := range l.slots {
		if c != nil {
			l.drop(c)
		}
	}
	_ = unix.Close(l.wake) // nothing is lost with either
	_ = unix.Close(l.epoll)
}

// Wake makes the Poll that is going on, or else the next, return at once. It may be called from anywhere.
func (l *Loop) Wake() {
	one := [8]byte{1}
	_, _ = unix.Write(l.wake, one[:]) // it can only fail when there are wakes enough
}

// Interrupt breaks off all requests in progress, and those that follow. It may be called from anywhere.
func (l *Loop) Interrupt() {
	l.halt.Store(true)
	l.Wake()
}

// Coalesce has connections dialled from now on remember when they received what they received, so that PollAt may look
// late and still measure right.
func (l *Loop) Coalesce() { l.stamps = true }

// PollAt handles what has happened by an instant of the run, which must be near: it waits for that and for nothing else.
func (l *Loop) PollAt(at time.Duration) error {
	l.tick()
	doze(at - l.now)
	return l.Poll(0)
}

func (l *Loop) tick() { l.now = time.Since(l.epoch) }

// Now is the instant of the run at which the loop last looked at the clock: no longer ago than one request takes to write.
func (l *Loop) Now() time.Duration { return l.now }

// Poll handles what has happened, or waits for something to happen until an instant of the run at the latest.
func (l *Loop) Poll(until time.Duration) error {
	l.tick()
	l.fire()
	if len(l.timers) > 0 {
		until = min(until, l.timers[0].armed)
	}
	if len(l.over) > 0 || len(l.again) > 0 {
		until = 0
	}
	n, errno := await(l.epoll, l.events, until-l.now)
	if errno != 0 && errno != unix.EINTR {
		return os.NewSyscallError("epoll_pwait2", errno)
	}
	now := time.Now()
	l.now = now.Sub(l.epoch)
	l.wall = now.UnixNano() - int64(l.now)
	if errno == 0 {
		for i := range l.events[:n] {
			l.event(&l.events[i])
		}
	}
	l.resume()
	if l.halt.Load() && !l.stopped {
		l.interruptAll()
	}
	l.tell()
	return nil
}

func (l *Loop) event(e *unix.EpollEvent) {
	if e.Fd == wakeSlot {
		var b [8]byte
		_, _ = unix.Read(l.wake, b[:]) // empty is as good
		return
	}
	if c := l.slots[e.Fd]; c != nil && c.fd >= 0 && c.generation == e.Pad {
		l.handle(c, e.Events)
	}
}

// resume reads on where there was too much for one turn.
func (l *Loop) resume() {
	l.again, l.spare = l.spare[:0], l.again
	for _, c := range l.spare {
		if what := c.more; what != 0 {
			c.more = 0
			l.tick()
			l.handle(c, what)
		}
	}
}

// fire deals with alarms that have come: of requests that took too long, and of pauses that are over.
func (l *Loop) fire() {
	for len(l.timers) > 0 && l.timers[0].armed <= l.now {
		c := l.timers[0]
		l.timers.remove(c)
		switch {
		case c.stage == idle || c.stage == ended:
		case c.due > l.now:
			l.timers.arm(c)
		case c.stage == pausing:
			c.stage = idle
			c.owner.Woken()
		default:
			l.end(c, protocol.Timeout, os.ErrDeadlineExceeded)
		}
	}
}

// tell tells the owners of requests that are over. What fails meanwhile is told the next time.
func (l *Loop) tell() {
	n := len(l.over)
	for i := range n {
		c := l.over[i]
		c.stage = idle
		c.owner.Answered(&c.out)
	}
	l.over = append(l.over[:0], l.over[n:]...)
}

func (l *Loop) interruptAll() {
	l.stopped = true
	for _, c := range l.slots {
		if c != nil && c.busy() {
			l.end(c, protocol.Interrupted, context.Canceled)
		}
	}
}
