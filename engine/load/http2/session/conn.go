package session

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"

	"gameday/engine/load/dial"
	"gameday/engine/load/protocol"
)

// Limits on what a target may make us hold, and what we offer it.
const (
	streamWindow  = 4 << 20
	connWindow    = 64 << 20
	maxPending    = 256 << 10 // bytes of bodies that wait to be written
	maxOwed       = 64 << 10  // bytes of acknowledgements that the target makes us write without reading any
	maxBlock      = 256 << 10 // of an answer's head, compressed
	maxFields     = 256 << 10 // of an answer's head, as HPACK counts it
	bufferStart   = 4 << 10
	bufferLarge   = 64 << 10
	flushHistory  = 64 // batches whose instant is remembered
	unlimited     = 1<<32 - 1
	lastStream    = 1<<31 - 3
	longWrite     = time.Second // a write that takes longer when requests time out is one that will not end
	beforeAllowed = 1           // streams before the target has said how many; nothing is sent before that
)

// Errors that say what the target did. They hold nothing that it sent.
var (
	errAway     = errors.New("the target is closing the connection (GOAWAY)")
	errUnread   = errors.New("the target does not read what is sent to it: the connection was given up")
	errShut     = errors.New("the connection was closed with its last user")
	errTimeout  = errors.New("not answered in time")
	errRefused  = errors.New("the target refused the stream")
	errNoStream = errors.New("timed out while waiting for one of the streams that the target allows on a connection")
)

// conn is one connection and its streams. A goroutine reads, another writes what has gathered meanwhile; workers only
// append to what is pending and wait for their stream to end.
type conn struct {
	wire  net.Conn
	raw   net.Conn // below TLS
	limit uint32   // streams that the configuration allows
	now   func() time.Duration
	kick  chan struct{}
	gone  chan struct{} // closed when the connection has failed
	ready chan struct{} // closed when the target's settings are known
	wg    sync.WaitGroup

	mu       sync.Mutex // guards everything below
	dead     error      // why no stream can be opened any more, and none goes on
	away     bool       // the target takes no new streams
	why      error      // that is so
	streams  map[uint32]*Stream
	waiting  []*Stream // for a stream to become free
	blocked  []*Stream // have more to send than the connection's window or the pending bytes allow
	ended    []*Stream // to be woken when the lock is given up
	nextID   uint32
	begun    bool // the first head was sent, with the size of our table in front
	pending  []byte
	owed     int // bytes of pending that the target asked for
	kicked   bool
	batch    uint64        // that is being gathered
	flushed  uint64        // the last one written
	writing  time.Duration // since when a write has been going on; 0 is none
	instants [flushHistory]time.Duration
	timer    *time.Timer
	armed    time.Duration // when the timer fires; 0 is never

	allowed    uint32 // streams that the target allows
	sendWindow int64
	initial    int64 // window of a new stream
	maxFrame   int
	settled    bool
	unreturned int64 // bytes received that no WINDOW_UPDATE has given back

	in receiver
}

// newConn speaks HTTP/2 over a connection that has been made. It takes the connection over.
func newConn(wire, raw net.Conn, limit int, now func() time.Duration) *conn {
	c := blankConn(wire, raw, limit, now)
	c.pending = append(c.pending, preface...)
	c.pending = appendHeader(c.pending, 3*6, frameSettings, 0, 0)
	c.pending = appendSetting(c.pending, settingPush, 0)
	c.pending = appendSetting(c.pending, settingWindow, streamWindow)
	c.pending = appendSetting(c.pending, settingListSize, maxFields)
	c.pending = appendWindow(c.pending, 0, connWindow-defaultWindow)
	c.wake()
	c.wg.Add(2)
	go c.read()
	go c.write()
	return c
}

// blankConn is a connection that has not begun.
func blankConn(wire, raw net.Conn, limit int, now func() time.Duration) *conn {
	c := &conn{
		wire: wire, raw: raw, limit: uint32(limit), now: now, kick: make(chan struct{}, 1), gone: make(chan struct{}), ready: make(chan struct{}),
		streams: map[uint32]*Stream{}, nextID: 1, batch: 1, allowed: beforeAllowed, sendWindow: defaultWindow,
		initial: defaultWindow, maxFrame: leastFrame,
	}
	c.in.decoder = hpack.NewDecoder(4096, c.field)
	c.in.decoder.SetMaxStringLength(maxFields)
	c.timer = time.AfterFunc(time.Hour, c.sweep)
	return c
}

// close gives the connection up and waits for its goroutines.
func (c *conn) close() {
	c.fail(errShut)
	c.wg.Wait()
}

// unlock gives the lock up and wakes those whose streams have ended.
func (c *conn) unlock() {
	if len(c.ended) == 0 {
		c.mu.Unlock()
		return
	}
	ended := slices.Clone(c.ended)
	c.ended = c.ended[:0]
	c.mu.Unlock()
	for _, s := range ended {
		s.done <- struct{}{}
	}
}

// fail ends the connection and every stream on it.
func (c *conn) fail(err error) {
	c.mu.Lock()
	c.failLocked(err)
	c.unlock()
}

func (c *conn) failLocked(err error) {
	if c.dead != nil {
		return
	}
	c.dead = err
	c.timer.Stop()
	_ = c.raw.Close() // what it was about is in err; TLS would wait to say goodbye
	close(c.gone)
	kind := kindOf(err)
	for _, s := range c.waiting {
		s.again = true
		c.finish(s, kind, err)
	}
	c.waiting = nil
	for _, s := range c.streams {
		s.again = s.batch == c.batch && !s.partly // the writer has not touched it
		c.finish(s, kind, err)
	}
	clear(c.streams)
	c.blocked = nil
}

// kindOf is the kind of failure that a connection's end is to the streams on it.
func kindOf(err error) protocol.Kind {
	switch {
	case errors.Is(err, errShut):
		return protocol.Interrupted
	case errors.Is(err, errAway):
		return protocol.Closed
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return protocol.Closed
	}
	var alert tls.AlertError
	if errors.As(err, &alert) {
		return protocol.Reset
	}
	return dial.Classify(err)
}

// finish notes how a stream ended and has its worker woken. The caller takes it out of the connection's tables.
func (c *conn) finish(s *Stream, kind protocol.Kind, err error) {
	s.kind, s.err, s.whole = kind, err, s.id != 0 && s.last && len(s.unsent) == 0
	if kind != protocol.OK {
		s.at = 0 // the worker takes the time itself
	}
	s.unsent = nil
	c.ended = append(c.ended, s)
}

// end takes a stream out of the tables and finishes it. A stream that the peer may still count on is reset by code;
// codeNone is for streams that both sides have closed.
func (c *conn) end(s *Stream, kind protocol.Kind, err error, code uint32) {
	delete(c.streams, s.id)
	if s.blocked {
		c.blocked = slices.DeleteFunc(c.blocked, func(o *Stream) bool { return o == s })
		s.blocked = false
	}
	if code != codeNone || !s.closed {
		c.owe(appendReset(c.pending, s.id, code))
	}
	c.finish(s, kind, err)
	c.admit()
	if c.away && len(c.streams) == 0 {
		c.failLocked(c.why)
	}
}

// owe makes pending longer by what the target made us say. A target that asks for ever and reads nothing is given up.
func (c *conn) owe(pending []byte) {
	c.owed += len(pending) - len(c.pending)
	c.pending = pending
	c.wake()
	if c.owed > maxOwed {
		c.failLocked(errUnread)
	}
}

// wake has the writer write what is pending.
func (c *conn) wake() {
	if !c.kicked {
		c.kicked = true
		c.kick <- struct{}{} // kicked is only false when there is room
	}
}

// room is how many streams may be open at once.
func (c *conn) room() int { return int(min(c.allowed, c.limit)) }

// admit opens streams that wait.
func (c *conn) admit() {
	for len(c.waiting) > 0 && len(c.streams) < c.room() && c.dead == nil && !c.away {
		s := c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1)
		c.open(s)
	}
}

// submit gives a stream to the connection. False means that it takes none any more.
func (c *conn) submit(s *Stream) bool {
	c.mu.Lock()
	defer c.unlock()
	if c.nextID > lastStream && !c.away && c.dead == nil {
		c.away, c.why = true, errAway
		if len(c.streams) == 0 {
			c.failLocked(errAway)
		}
	}
	if c.dead != nil || c.away {
		return false
	}
	if s.stopped.Load() {
		c.finish(s, protocol.Interrupted, nil)
		return true
	}
	if c.armed == 0 || s.due < c.armed {
		c.arm(s.due)
	}
	if len(c.waiting) > 0 || len(c.streams) >= c.room() {
		c.waiting = append(c.waiting, s)
		return true
	}
	c.open(s)
	return true
}

func (c *conn) arm(at time.Duration) {
	c.armed = max(at, 1)
	c.timer.Reset(at - c.now())
}

// sweep ends the streams whose time is over.
func (c *conn) sweep() {
	c.mu.Lock()
	defer c.unlock()
	now := c.now()
	next := time.Duration(0)
	later := func(due time.Duration) {
		if next == 0 || due < next {
			next = due
		}
	}
	c.waiting = slices.DeleteFunc(c.waiting, func(s *Stream) bool {
		if s.due > now {
			later(s.due)
			return false
		}
		c.finish(s, protocol.Timeout, errNoStream)
		return true
	})
	stuck := false
	for _, s := range c.streams {
		if s.due > now {
			later(s.due)
			continue
		}
		stuck = c.writing > 0 && now-c.writing > longWrite
		c.end(s, protocol.Timeout, errTimeout, codeCancel)
	}
	if stuck {
		c.failLocked(errUnread)
	}
	c.armed = 0
	if next > 0 && c.dead == nil {
		c.arm(next)
	}
}

// interrupt ends a stream because the run was stopped.
func (c *conn) interrupt(s *Stream) {
	c.mu.Lock()
	defer c.unlock()
	if i := slices.Index(c.waiting, s); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
		c.finish(s, protocol.Interrupted, nil)
		return
	}
	for _, open := range c.streams {
		if open == s {
			c.end(s, protocol.Interrupted, nil, codeCancel)
			return
		}
	}
}

// resetError is a stream that the target broke off.
type resetError uint32

func (e resetError) Error() string {
	return fmt.Sprintf("the target reset the stream: %s", codeName(uint32(e)))
}
