package session

import (
	"runtime"
	"slices"
)

// write writes what is pending, again and again. Whoever became runnable together with it goes first, so that many
// requests leave in one write.
func (c *conn) write() {
	defer c.wg.Done()
	var spare []byte
	for {
		select {
		case <-c.kick:
		case <-c.gone:
			return
		}
		for more := true; more; {
			runtime.Gosched()
			var err error
			if more, err = c.flush(&spare); err != nil {
				c.fail(err)
				return
			}
		}
	}
}

// flush writes what is pending. more says that something has come up meanwhile.
func (c *conn) flush(spare *[]byte) (more bool, err error) {
	c.mu.Lock()
	buf, batch := c.pending, c.batch
	if len(buf) > 0 && c.dead == nil {
		c.batch++
		c.pending, c.owed = (*spare)[:0], 0
		c.writing = c.now()
		c.mu.Unlock()
		if _, err := c.wire.Write(buf); err != nil {
			return false, err
		}
		if *spare = buf; cap(buf) > 2*maxPending {
			*spare = nil
		}
		now := c.now()
		c.mu.Lock()
		c.writing, c.flushed = 0, batch
		c.instants[batch%flushHistory] = now
		c.pumpBlocked()
	}
	c.kicked = len(c.pending) > 0 && c.dead == nil
	more = c.kicked
	c.unlock()
	return more, nil
}

// open sends the head of a stream, and as much of its body as may be sent.
func (c *conn) open(s *Stream) {
	s.id = c.nextID
	c.nextID += 2
	c.streams[s.id] = s
	s.window, s.batch, s.credit = c.initial, c.batch, streamWindow
	bodyless := len(s.unsent) == 0 && s.last
	flags := byte(0)
	if bodyless {
		flags, s.closed = flagEndStream, true
	}
	c.pending = c.appendHead(c.pending, s.head, flags, s.id)
	if !bodyless {
		c.pump(s)
	}
	c.wake()
}

// appendHead appends a head as one HEADERS frame and as many CONTINUATION frames as it needs. Before the first one goes
// the size of our dynamic table: 0, so that no later setting of the target's can be below it (RFC 7541, 4.2).
func (c *conn) appendHead(dst, block []byte, flags byte, id uint32) []byte {
	extra := 0
	if !c.begun {
		extra = 1
	}
	n := min(len(block), c.maxFrame-extra)
	if n == len(block) {
		flags |= flagEndHeaders
	}
	dst = appendHeader(dst, n+extra, frameHeaders, flags, id)
	if !c.begun {
		c.begun = true
		dst = append(dst, 0x20)
	}
	dst = append(dst, block[:n]...)
	for block = block[n:]; len(block) > 0; block = block[n:] {
		n, flags = min(len(block), c.maxFrame), 0
		if n == len(block) {
			flags = flagEndHeaders
		}
		dst = append(appendHeader(dst, n, frameContinuation, flags, id), block[:n]...)
	}
	return dst
}

// pump appends what a stream may send now. A stream that the connection's window or the pending bytes hold up is
// remembered; one that its own window holds up waits for its WINDOW_UPDATE.
func (c *conn) pump(s *Stream) {
	for len(s.unsent) > 0 {
		if s.window <= 0 {
			return
		}
		if c.sendWindow <= 0 || len(c.pending) >= maxPending {
			if !s.blocked {
				s.blocked = true
				c.blocked = append(c.blocked, s)
			}
			return
		}
		n := min(int64(len(s.unsent)), s.window, c.sendWindow, int64(c.maxFrame))
		flags := byte(0)
		if s.last && n == int64(len(s.unsent)) {
			flags, s.closed = flagEndStream, true
		}
		c.pending = append(appendHeader(c.pending, int(n), frameData, flags, s.id), s.unsent[:n]...)
		s.unsent = s.unsent[n:]
		s.window -= n
		c.sendWindow -= n
		// The body counts as sent with the last of it.
		s.partly = s.partly || s.batch != c.batch
		s.batch = c.batch
		c.wake()
	}
	if s.last && !s.closed {
		c.pending = appendHeader(c.pending, 0, frameData, flagEndStream, s.id)
		s.closed = true
		c.wake()
	}
	s.drained()
}

// pumpBlocked lets the streams go on that the connection held up, in their order.
func (c *conn) pumpBlocked() {
	for len(c.blocked) > 0 && c.sendWindow > 0 && len(c.pending) < maxPending {
		s := c.blocked[0]
		c.blocked = slices.Delete(c.blocked, 0, 1)
		s.blocked = false
		c.pump(s)
	}
}
