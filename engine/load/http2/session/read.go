package session

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/net/http2/hpack"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
)

// receiver is what is known between two frames.
type receiver struct {
	buf     []byte
	r, w    int
	decoder *hpack.Decoder
	block   []byte // of a head that goes on in CONTINUATION frames
	blockOf uint32 // its stream; 0 is none
	endsOf  bool   // the stream ends with it

	// Of the head that is being decoded.
	stream  *Stream // nil: nobody waits for it any more
	size    uint32
	status  int
	regular bool // a field that is no pseudo-header was seen
	bad     bool
}

// read takes frames as they come. All that one read brought is dealt with under one lock, and then everybody is woken
// whose answer is complete.
func (c *conn) read() {
	defer c.wg.Done()
	in := &c.in
	in.buf = make([]byte, bufferStart)
	var ended []*Stream
	for {
		n, err := c.wire.Read(in.buf[in.w:])
		now := c.now()
		in.w += n
		c.mu.Lock()
		if c.dead == nil && n > 0 {
			if bad := c.frames(now); bad != nil {
				c.failLocked(bad)
			}
		}
		if c.dead == nil && err != nil {
			c.failLocked(err)
		}
		c.giveBack()
		ended = append(ended[:0], c.ended...)
		c.ended = c.ended[:0]
		dead := c.dead != nil
		c.mu.Unlock()
		for _, s := range ended {
			s.done <- struct{}{}
		}
		if dead {
			return
		}
		in.makeRoom()
		runtime.Gosched() // those who were woken send their next requests first, and more answers are there meanwhile
	}
}

// makeRoom leaves place for the rest of a frame, and for more at once where much comes.
func (in *receiver) makeRoom() {
	full := in.w == len(in.buf)
	if in.r > 0 {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	if full && len(in.buf) < bufferLarge {
		grown := make([]byte, 4*len(in.buf))
		in.w = copy(grown, in.buf[:in.w])
		in.buf = grown
	}
}

// frames deals with every whole frame in the buffer.
func (c *conn) frames(now time.Duration) error {
	in := &c.in
	for {
		f, size, err := parseFrame(in.buf[in.r:in.w])
		if err != nil && !c.settled {
			return dial.Malformed("bad response: this is not HTTP/2; is the target spoken to as it expects, with TLS or without?")
		}
		if err != nil || size == 0 {
			return err
		}
		in.r += size
		if !c.settled && f.kind != frameSettings {
			return dial.Malformed("bad response: HTTP/2 begins with a SETTINGS frame, and this does not")
		}
		if in.blockOf != 0 && (f.kind != frameContinuation || f.stream != in.blockOf) {
			return dial.Malformed("bad response: a head is interrupted by another frame")
		}
		if err := c.handle(&f, now); err != nil || c.dead != nil {
			return err
		}
	}
}

func (c *conn) handle(f *frame, now time.Duration) error {
	switch f.kind {
	case frameData:
		return c.onData(f, now)
	case frameHeaders:
		return c.onHeaders(f, now)
	case frameContinuation:
		return c.onContinuation(f, now)
	case frameReset:
		return c.onReset(f)
	case frameSettings:
		return c.onSettings(f)
	case framePing:
		return c.onPing(f)
	case frameGoAway:
		return c.onGoAway(f)
	case frameWindow:
		return c.onWindow(f)
	case framePush:
		return dial.Malformed("bad response: the target pushes, which it was told not to")
	}
	return nil // PRIORITY, and what is not known, is to be ignored: RFC 9113, 5.5
}

// find is the open stream of a frame; nil is one that has ended.
func (c *conn) find(id uint32) (*Stream, error) {
	if id&1 == 0 || id >= c.nextID {
		return nil, dial.Malformed("bad response: a frame for a stream that was never opened")
	}
	return c.streams[id], nil
}

func (c *conn) onData(f *frame, now time.Duration) error {
	s, err := c.find(f.stream)
	if err != nil {
		return err
	}
	n := int64(len(f.payload))
	if c.unreturned += n; c.unreturned > connWindow {
		return dial.Malformed("bad response: the target sends more than the connection's window")
	}
	if err := f.unpad(); err != nil {
		return err
	}
	if s == nil {
		return nil
	}
	ends := f.flags&flagEndStream != 0
	if s.credit -= n; s.credit < 0 {
		c.end(s, protocol.BadResponse, dial.Malformed("bad response: the target sends more than the stream's window"), codeFlowControl)
		return nil
	}
	if !s.headed {
		c.end(s, protocol.BadResponse, dial.Malformed("bad response: a body without a head"), codeProtocol)
		return nil
	}
	s.received += int64(len(f.payload))
	if s.sink != nil && len(f.payload) > 0 {
		if err := s.sink.Data(f.payload, now); err != nil {
			c.end(s, protocol.BadResponse, err, codeCancel)
			return nil
		}
	}
	if ends {
		c.complete(s, now)
	} else if s.credit < streamWindow/2 {
		c.pending = appendWindow(c.pending, s.id, uint32(streamWindow-s.credit))
		s.credit = streamWindow
		c.wake()
	}
	return nil
}

// giveBack returns the connection's window once much of it is used.
func (c *conn) giveBack() {
	if c.dead == nil && c.unreturned >= connWindow/4 {
		c.pending = appendWindow(c.pending, 0, uint32(c.unreturned))
		c.unreturned = 0
		c.wake()
	}
}

// complete ends a stream whose answer is whole.
func (c *conn) complete(s *Stream, now time.Duration) {
	s.at = now
	switch {
	case s.length >= 0 && s.length != s.received && !s.lengthOnly:
		c.end(s, protocol.BadResponse, dial.Malformed("bad response: the body is not as long as content-length says"), codeNone)
	case s.status < 200:
		c.end(s, protocol.BadResponse, dial.Malformed("bad response: the answer has no status"), codeNone)
	default:
		c.end(s, protocol.OK, nil, codeNone)
	}
}

func (c *conn) onReset(f *frame) error {
	if len(f.payload) != 4 {
		return dial.Malformed("bad response: a RST_STREAM frame of a wrong length")
	}
	s, err := c.find(f.stream)
	if s == nil || err != nil {
		return err
	}
	code := binary.BigEndian.Uint32(f.payload)
	s.closed = true // there is nothing left to reset
	if code == codeRefused {
		c.end(s, protocol.Reset, errRefused, codeNone)
	} else {
		c.end(s, protocol.Reset, resetError(code), codeNone)
	}
	return nil
}

func (c *conn) onPing(f *frame) error {
	if len(f.payload) != 8 || f.stream != 0 {
		return dial.Malformed("bad response: a PING frame that is none")
	}
	if f.flags&flagAck == 0 {
		c.owe(append(appendHeader(c.pending, 8, framePing, flagAck, 0), f.payload...))
	}
	return nil
}

// onGoAway stops new streams. Those that the target will not look at are made again on another connection.
func (c *conn) onGoAway(f *frame) error {
	if len(f.payload) < 8 || f.stream != 0 {
		return dial.Malformed("bad response: a GOAWAY frame that is none")
	}
	c.away, c.why = true, errAway
	if code := binary.BigEndian.Uint32(f.payload[4:]); code != codeNone {
		c.why = fmt.Errorf("%w: %s", errAway, codeName(code))
	}
	last := binary.BigEndian.Uint32(f.payload) &^ (1 << 31)
	for _, s := range c.waiting {
		s.again = true
		c.finish(s, protocol.Closed, c.why)
	}
	c.waiting = nil
	for id, s := range c.streams {
		if id > last {
			s.again, s.closed = true, true
			c.end(s, protocol.Closed, c.why, codeNone)
		}
	}
	if len(c.streams) == 0 {
		c.failLocked(c.why)
	}
	return nil
}

func (c *conn) onWindow(f *frame) error {
	if len(f.payload) != 4 {
		return dial.Malformed("bad response: a WINDOW_UPDATE frame of a wrong length")
	}
	more := int64(binary.BigEndian.Uint32(f.payload) &^ (1 << 31))
	if f.stream == 0 {
		if c.sendWindow += more; more == 0 || c.sendWindow > maxWindow {
			return dial.Malformed("bad response: the target gives an impossible window")
		}
		c.pumpBlocked()
		return nil
	}
	s, err := c.find(f.stream)
	if s == nil || err != nil {
		return err
	}
	if s.window += more; more == 0 || s.window > maxWindow {
		c.end(s, protocol.BadResponse, dial.Malformed("bad response: the target gives an impossible window"), codeFlowControl)
		return nil
	}
	if len(s.unsent) > 0 && !s.blocked {
		c.pump(s)
	}
	return nil
}

func (c *conn) onSettings(f *frame) error {
	if f.stream != 0 || len(f.payload)%6 != 0 {
		return dial.Malformed("bad response: a SETTINGS frame that is none")
	}
	if f.flags&flagAck != 0 {
		return nil
	}
	if !c.settled {
		c.allowed = unlimited // until it says otherwise: RFC 9113, 6.5.2
	}
	for p := f.payload; len(p) > 0; p = p[6:] {
		value := binary.BigEndian.Uint32(p[2:])
		switch binary.BigEndian.Uint16(p) {
		case settingStreams:
			c.allowed = value
		case settingFrameSize:
			if value < leastFrame || value >= 1<<24 {
				return dial.Malformed("bad response: an impossible frame size in SETTINGS")
			}
			c.maxFrame = int(min(value, largestFrame))
		case settingWindow:
			if value > maxWindow {
				return dial.Malformed("bad response: an impossible window in SETTINGS")
			}
			if err := c.resizeWindows(int64(value)); err != nil {
				return err
			}
		case settingTableSize: // our table has no entries, whatever its size
		}
	}
	c.owe(appendHeader(c.pending, 0, frameSettings, flagAck, 0))
	if !c.settled {
		c.settled = true
		close(c.ready)
	}
	c.admit()
	return nil
}

// resizeWindows applies a new initial window to the open streams, which may take more away than they have: RFC 9113, 6.9.2.
func (c *conn) resizeWindows(initial int64) error {
	change := initial - c.initial
	c.initial = initial
	for _, s := range c.streams {
		if s.window += change; s.window > maxWindow {
			return dial.Malformed("bad response: an impossible window in SETTINGS")
		}
		if change > 0 && len(s.unsent) > 0 && !s.blocked {
			c.pump(s)
		}
	}
	return nil
}
