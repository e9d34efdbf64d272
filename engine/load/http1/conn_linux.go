//go:build linux && (amd64 || arm64)

package http1

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"gameday/engine/load/protocol"
)

// stage is what a connection is at.
type stage uint8

const (
	idle stage = iota
	pausing
	connecting
	sending
	waiting // for the answer, or the rest of it
	ended   // answered or failed, and its owner does not know yet
)

// Conn is one connection of a Loop, or the place of one: it connects with its first request, and again when it has to.
type Conn struct {
	owner Owner
	call  *protocol.Call
	rest  []byte // the unfinished line of an answer that came in pieces
	own   []byte // the request, when it is not the same each time
	out   protocol.Outcome

	parser   parser
	received int64
	current  uint64        // iteration
	mark     time.Duration // when the phase it is in began
	due      time.Duration // when the request has taken too long, or the pause is over
	armed    time.Duration // for when its alarm is set, no later than due

	slot, fd, generation, alarm int32
	sent                        int32
	tried                       int16 // addresses of the route
	stage                       stage
	more                        uint32 // of what kind the event was that it had too much to read for
}

func (c *Conn) busy() bool { return c.stage >= connecting && c.stage < ended }

// Add makes a connection for an owner.
func (l *Loop) Add(owner Owner) *Conn {
	c := &Conn{owner: owner, fd: -1, alarm: notArmed}
	if n := len(l.free); n > 0 {
		c.slot, l.free = l.free[n-1], l.free[:n-1]
		l.slots[c.slot] = c
		return c
	}
	c.slot = int32(len(l.slots))
	l.slots = append(l.slots, c)
	return c
}

// Remove gives a connection up. It must not have a request in progress.
func (l *Loop) Remove(c *Conn) {
	l.drop(c)
	l.timers.remove(c)
	l.slots[c.slot] = nil
	l.free = append(l.free, c.slot)
}

// Pause has the owner woken at an instant of the run.
func (l *Loop) Pause(c *Conn, until time.Duration) {
	c.stage, c.due = pausing, until
	l.timers.arm(c)
}

// Resume ends a pause early; the owner is not woken. It reports whether there was one.
func (l *Loop) Resume(c *Conn) bool {
	was := c.stage == pausing
	if was {
		c.stage = idle
	}
	return was
}

// Do begins a request. The call must stay as it is until the owner is told that it was answered.
func (l *Loop) Do(c *Conn, call *protocol.Call) {
	p := l.proto.reqs[call.Request]
	c.call, c.sent, c.received = call, 0, 0
	c.out = protocol.Outcome{Start: l.now}
	c.due = l.now + p.timeout
	if l.stopped {
		l.end(c, protocol.Interrupted, context.Canceled)
		return
	}
	if p.static == nil {
		var err error
		if c.own, _, l.scratch, err = p.render(c.own[:0], l.scratch[:0], call); err != nil {
			l.refuse(c, err)
			return
		}
	}
	if l.proto.life == protocol.OneIteration && call.N != c.current {
		l.drop(c)
	}
	c.current = call.N
	l.timers.arm(c)
	if c.out.Reused = c.fd >= 0; c.out.Reused {
		l.begin(c, p)
	} else {
		l.connect(c)
	}
}

// connect dials the first address, which is the one that was good before.
func (l *Loop) connect(c *Conn) {
	c.tried, c.stage, c.mark = 0, connecting, l.now
	c.out.Dials++
	l.dialNext(c, nil)
}

// dialNext dials the next address; err is why the one before was no good.
func (l *Loop) dialNext(c *Conn, err error) {
	list := *l.route.list.Load()
	for int(c.tried) < len(list) {
		at := (l.prefer + int(c.tried)) % len(list)
		c.tried++
		fd, fault := dialTo(list[at], l.stamps)
		if fault != nil {
			err = fault
			continue
		}
		c.fd = fd
		l.dialled++
		c.generation = l.dialled
		fault = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, int(fd), &unix.EpollEvent{Events: connectEvents, Fd: c.slot, Pad: c.generation})
		if fault == nil {
			return
		}
		l.drop(c)
		err = os.NewSyscallError("epoll_ctl", fault)
	}
	c.out.Phases.Connect = l.now - c.mark
	l.end(c, classify(err, true), err)
}

// connected looks at how a connect went.
func (l *Loop) connected(c *Conn) {
	code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = os.NewSyscallError("connect", unix.Errno(code))
	}
	if err != nil {
		l.drop(c)
		l.dialNext(c, err)
		return
	}
	if list := *l.route.list.Load(); len(list) > 1 {
		l.prefer = (l.prefer + int(c.tried) - 1) % len(list)
	}
	c.out.Phases.Connect = l.now - c.mark
	l.begin(c, l.proto.reqs[c.call.Request])
}

// begin sends the request over the connection that is there.
func (l *Loop) begin(c *Conn, p *prepared) {
	c.stage, c.mark, c.sent, c.received = sending, l.now, 0, 0
	c.parser.keep = p.keep
	c.parser.begin(p.isHead)
	l.flush(c)
}

// flush sends what is not sent yet. Static requests are stamped in the loop's own copies, so that a connection need not
// hold any: what is stamped again is the same.
func (l *Loop) flush(c *Conn) {
	b := c.own
	if p := l.proto.reqs[c.call.Request]; p.static != nil {
		b = l.stamped[c.call.Request]
		stamp(b[p.staticAt:], c.call)
	}
	for {
		n, errno := send(c.fd, b[c.sent:])
		switch errno {
		case 0:
			if c.sent += int32(n); int(c.sent) < len(b) {
				continue
			}
			l.tick()
			c.out.Phases.Write = l.now - c.mark
			c.mark, c.stage = l.now, waiting
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			l.fail(c, os.NewSyscallError("write", errno))
		}
		return
	}
}

// handle deals with one connection's event.
func (l *Loop) handle(c *Conn, what uint32) {
	switch c.stage {
	case connecting:
		if what&(unix.EPOLLOUT|hangUp) == 0 {
			return
		}
		l.tick()
		if l.connected(c); c.stage == connecting {
			return // to another address
		}
		// A target that talks first has done so in the same event.
	case sending:
		if what&unix.EPOLLOUT != 0 {
			if l.flush(c); c.stage != sending && c.stage != waiting {
				return // it failed, and may be connecting anew
			}
		}
	}
	if what&(unix.EPOLLIN|hangUp) == 0 {
		return
	}
	switch c.stage {
	case sending, waiting:
		l.read(c, what)
	case idle, pausing:
		l.unasked(c)
	}
}

// unasked deals with what comes while nothing was asked for: the end of the stream, or bytes that belong to no request.
// Either way the connection is not used again.
func (l *Loop) unasked(c *Conn) {
	var b [1]byte
	if _, errno := receive(c.fd, b[:]); errno != unix.EAGAIN && errno != unix.EINTR {
		l.drop(c)
	}
}

// read takes what has been received. A read that leaves room has emptied the socket: what comes later is an event of its
// own; only the end of the stream, when it is known to have come, must be asked for.
func (l *Loop) read(c *Conn, what uint32) {
	for range readsAtOnce {
		kept := copy(l.buf, c.rest)
		n, errno, at := 0, unix.Errno(0), int64(0)
		if l.stamps {
			n, at, errno = l.kernel.receive(c.fd, l.buf[kept:])
		} else {
			n, errno = receive(c.fd, l.buf[kept:])
		}
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			return
		case errno != 0:
			l.fail(c, os.NewSyscallError("read", errno))
			return
		case n == 0:
			l.tick()
			l.arrived = l.now
			if err := c.parser.ended(); err != nil {
				l.fail(c, err)
			} else {
				l.complete(c, true)
			}
			return
		}
		l.tick()
		if l.arrived = l.now; at != 0 {
			l.arrived = min(max(time.Duration(at-l.wall), c.mark), l.now)
		}
		if l.take(c, l.buf[:kept+n], n, what) || (kept+n < len(l.buf) && what&hangUp == 0) {
			return
		}
	}
	c.more = what
	l.again = append(l.again, c)
}

// take parses what was received, the last n bytes of b, and reports whether the request has ended.
func (l *Loop) take(c *Conn, b []byte, n int, what uint32) bool {
	if c.received == 0 {
		c.out.Phases.Wait, c.mark = l.arrived-c.mark, l.arrived
	}
	c.received += int64(n)
	used, done, err := c.parser.feed(b)
	switch {
	case err != nil:
		l.fail(c, err)
	case done:
		// Bytes beyond the answer belong to no request, and an answer to half a request was no good sign either.
		l.complete(c, used < len(b) || what&hangUp != 0 || c.stage == sending)
	case used < len(b):
		c.rest = append(c.rest[:0], b[used:]...)
	default:
		c.rest = c.rest[:0]
	}
	return done || err != nil
}

// complete ends a request that was answered. Its owner is told by the loop when all that has come is read: requests that
// follow one another out, after answers that follow one another in, find the kernel's code and data in the cache.
func (l *Loop) complete(c *Conn, closing bool) {
	res := &c.parser.res
	c.out.Status, c.out.Received = res.status, res.body
	if c.parser.keep > 0 {
		c.out.Head, c.out.Body = c.parser.headKept, c.parser.bodyKept
	}
	c.out.Done, c.out.Phases.Read = l.arrived, l.arrived-c.mark
	c.rest = nil
	if closing || res.close || l.proto.life == protocol.OneRequest {
		l.drop(c)
	}
	l.conclude(c)
}

// fail ends a request whose connection failed, unless it was a kept one that the target had closed before it saw the
// request: then it is sent again on a fresh one (RFC 9112, 9.3.1).
func (l *Loop) fail(c *Conn, err error) {
	kind := classify(err, false)
	p := l.proto.reqs[c.call.Request]
	if c.out.Reused && c.received == 0 && (p.idempotent || c.sent == 0) && kind != protocol.Timeout && !l.halt.Load() {
		l.drop(c)
		c.out.Retried, c.out.Reused = true, false
		l.connect(c)
		return
	}
	l.tick()
	l.end(c, kind, err)
}

// end ends a request that failed. Its owner is told by the loop, not from here: it may have begun it this very moment.
func (l *Loop) end(c *Conn, kind protocol.Kind, err error) {
	l.drop(c)
	if l.halt.Load() {
		kind = protocol.Interrupted // whatever else it looks like
	}
	c.out.Kind, c.out.Err, c.out.Done = kind, err, l.now
	l.conclude(c)
}

// refuse ends a request that cannot be made. The connection is none the worse for it.
func (l *Loop) refuse(c *Conn, err error) {
	c.out.Kind, c.out.Err, c.out.Done = protocol.Unsendable, err, l.now
	l.conclude(c)
}

// conclude has the owner told.
func (l *Loop) conclude(c *Conn) {
	c.stage = ended
	l.over = append(l.over, c)
}

// drop closes the connection, if there is one.
func (l *Loop) drop(c *Conn) {
	c.rest, c.more = nil, 0
	if c.fd >= 0 {
		_ = unix.Close(int(c.fd)) // nothing was asked of it any more
		c.fd = -1
	}
}
