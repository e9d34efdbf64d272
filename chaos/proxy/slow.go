package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// flow is one way of a connection while its bytes are looked at.
type flow struct {
	c    *conn
	w    way
	ln   *line
	mv   mover
	late lateness
}

// slow carries the bytes itself: it does to them what the rules ask, and it moves the connection to another upstream
// when it may.
func (c *conn) slow(w way, src *net.TCPConn) (done bool, err error) {
	f := &flow{c: c, w: w, ln: newLine(c, w), mv: mover{c: c, w: w}}
	defer f.ln.stop()
	buf := *chunks.Get().(*[]byte)
	defer func() { chunks.Put(&buf) }()
	for {
		f.mv.deadline(src)
		v := c.load(w)
		switch {
		case c.ending.Load():
			if err := f.ln.flush(true); err != nil {
				return false, err
			}
			return false, errEnd
		case v.reject || c.lost.Load() && !v.swallows():
			return false, errCut
		case v.drop:
			if err := c.stall(w, src, v.plan); err != nil {
				return false, err
			}
			continue
		case !v.slow(w) && !c.moving(v.plan):
			return false, f.ln.flush(true)
		}
		n, err := src.Read(buf)
		now := time.Now()
		if n > 0 {
			c.link.bytes[w].Add(uint64(n))
			if err := f.take(buf[:n], now); err != nil {
				return false, err
			}
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := f.mv.quiet(c.link.plan.Load(), f.ln); err != nil {
				return false, err
			}
		case errors.Is(err, io.EOF):
			if w == response && src != c.source(w) {
				return false, nil
			}
			return f.end(src, now)
		case err != nil && len(c.load(w).ways[w].swallow) > 0:
			return f.end(src, now) // a reset is swallowed, too
		case err != nil:
			return false, err
		}
	}
}

// take does to bytes that came what the plan says, and passes them on.
func (f *flow) take(b []byte, now time.Time) error {
	c, w := f.c, f.w
	v := c.load(w) // it may have changed while the read waited
	if c.last.Swap(int32(1+w)) != int32(1+w) {
		v.touch(w) // a round trip begins, or its answer does
	}
	if len(v.ways[w].swallow) > 0 {
		c.loses(v.ways[w])
		return nil
	}
	if err := f.mv.before(v.plan, b, f.ln); err != nil {
		return err
	}
	b, verdict := f.limit(v.ways[w], b)
	for _, r := range v.ways[w].spoils {
		r.touched.Add(uint64(c.mark(w, r).gap.spoil(b, r.effect.(Corrupt).Rate)))
	}
	if err := f.pieces(b, now); err != nil {
		return err
	}
	if verdict != nil {
		if err := f.ln.flush(false); err != nil {
			return err
		}
		return verdict
	}
	return f.mv.after(v.plan, b, f.ln)
}

// limit cuts off what is beyond the first limit that is reached.
func (f *flow) limit(e *effects, b []byte) (_ []byte, verdict error) {
	var by *Rule
	for _, r := range e.limits {
		left := -f.c.mark(f.w, r).passed
		end := errEnd
		switch l := r.effect.(type) {
		case Limit:
			left += l.Bytes
		case Reset:
			left += l.AfterBytes
			end = errCut
		}
		if int64(len(b)) >= left {
			b, verdict, by = b[:max(left, 0)], end, r
		}
	}
	for _, r := range e.limits {
		f.c.mark(f.w, r).passed += int64(len(b))
	}
	if by != nil {
		f.c.count(by)
	}
	return b, verdict
}

// pieces passes bytes on, in pieces and as fast as the plan says. The plan is heeded as it is when a piece goes.
func (f *flow) pieces(b []byte, now time.Time) error {
	c, w := f.c, f.w
	for len(b) > 0 {
		v := c.load(w)
		e := v.ways[w]
		switch {
		case v.reject:
			return errCut
		case len(e.swallow) > 0:
			c.loses(e)
			return nil
		case c.ending.Load():
			return nil
		}
		if next := f.next(e); next.After(now) { // the pause between two pieces
			if err := c.pause(next, v.plan); err != nil {
				return err
			}
			if now = time.Now(); now.Before(next) {
				continue // the plan has changed
			}
		}
		piece := b[:e.piece(len(b))]
		if turn := f.turn(e, len(piece), now); turn.After(now) {
			if err := c.pause(turn, v.plan); err != nil {
				return err
			}
			now = time.Now()
		}
		if err := c.pass(); err != nil {
			return err
		}
		for _, r := range e.slices {
			r.touched.Add(1)
			c.mark(w, r).next = now.Add(r.effect.(Slice).Delay)
		}
		if err := f.ln.push(piece, now, f.late.of(now, e.delays)); err != nil {
			return err
		}
		b = b[len(piece):]
	}
	return nil
}

// next says when the slices let the next piece go.
func (f *flow) next(e *effects) (at time.Time) {
	for _, r := range e.slices {
		if m := f.c.mark(f.w, r); m.next.After(at) {
			at = m.next
		}
	}
	return at
}

// turn reserves bandwidth for n bytes, and says when they may go.
func (f *flow) turn(e *effects, n int, now time.Time) (at time.Time) {
	for _, r := range e.rates {
		due := r.buckets[f.w].take(n, now)
		if due.After(now) {
			r.touched.Add(uint64(n))
		}
		if due.After(at) {
			at = due
		}
	}
	return at
}

// piece says how many of n bytes go at once: what the slices say, and no more than a hundredth of a second's worth of
// the bandwidth, so that connections that share it take turns.
func (e *effects) piece(n int) int {
	for _, r := range e.slices {
		n = min(n, r.effect.(Slice).Size)
	}
	for _, r := range e.rates {
		n = min(n, max(1, int(r.effect.(Bandwidth).Rate/100)))
	}
	return n
}

// swallows reports whether a half-open fault acts on the connection.
func (v *view) swallows() bool { return len(v.ways[request].swallow)+len(v.ways[response].swallow) > 0 }

// end passes the end of the source on, after everything in the line and as late as that.
func (f *flow) end(src *net.TCPConn, now time.Time) (done bool, err error) {
	if err := f.ln.end(now, f.late.of(now, f.c.load(f.w).ways[f.w].delays)); err != nil {
		return false, err
	}
	return true, f.c.halfClose(f.w, src)
}

// lateness draws the delay of each burst. What follows within two milliseconds belongs to the same burst: a long answer
// is late once, not once per chunk.
type lateness struct {
	at    time.Time
	rules []*Rule
	delay time.Duration
}

func (l *lateness) of(now time.Time, rules []*Rule) time.Duration {
	same := len(rules) == len(l.rules) && (len(rules) == 0 || &rules[0] == &l.rules[0])
	if !same || now.Sub(l.at) > 2*time.Millisecond {
		l.delay = 0
		for _, r := range rules {
			l.delay += r.delay()
		}
	}
	l.at, l.rules = now, rules
	return l.delay
}
