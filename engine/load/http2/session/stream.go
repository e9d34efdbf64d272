package session

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"gameday/engine/load/protocol"
)

// maxConnects is how many connections a request may find closed under it before it is given up.
const maxConnects = 3

// Sink takes an answer as it arrives. Its methods are called from the connection's goroutine and must not wait; what
// they are given is valid during the call only. Nothing is called any more once the stream has ended.
type Sink interface {
	// Field takes a field of the answer's head or of its trailer; the status is not among them.
	Field(trailer bool, name, value string)
	// Data takes a part of the body. An error ends the stream with Kind BadResponse.
	Data(p []byte, at time.Duration) error
}

// Request is what a stream carries.
type Request struct {
	Head []byte        // as Block.Append made it
	Body []byte        // must not change until the stream has ended
	Open bool          // more is sent with Send, until one of them is the last
	Bare bool          // the answer has no body, whatever its content-length: the method is HEAD
	Due  time.Duration // since the epoch: when it is no use any more
	Sink Sink          // nil: nobody looks at the answer
}

// Stream is one worker's place on the connections. It carries one request after the other and belongs to one goroutine.
type Stream struct {
	ctx     context.Context
	epoch   time.Time
	slot    *slot
	release func() bool
	timer   *time.Timer
	stopped atomic.Bool
	conn    atomic.Pointer[conn] // that the request was given to
	done    chan struct{}        // one for each request that was given to a connection
	room    chan struct{}        // all that was given to Send has been sent
	over    bool                 // the worker has taken what was in done
	opened  time.Duration        // when there was a connection

	// Of the request that is going on; guarded by the connection's lock from submit until done.
	head       []byte
	unsent     []byte
	last       bool // unsent is the end of the body
	open       bool
	closed     bool // our side is: END_STREAM was sent
	blocked    bool // is in the connection's list of those
	partly     bool // some of it was in an earlier batch
	again      bool // the target has not seen it
	whole      bool // all of the body was sent
	headed     bool
	lengthOnly bool
	id         uint32
	interim    int
	status     int
	kind       protocol.Kind
	err        error
	batch      uint64 // that its last part left with
	window     int64
	credit     int64 // what the target may send
	length     int64 // content-length, -1 when unknown
	received   int64
	due        time.Duration
	sent       time.Duration
	first      time.Duration
	at         time.Duration // when the answer was complete
	sink       Sink
}

// Now is the time since the epoch.
func (s *Stream) Now() time.Duration { return time.Since(s.epoch) }

// Do sends a request and waits for its end. out.Start must be set; everything else in it that a connection knows is
// filled in. A request that the target has said it has not looked at is sent once more.
func (s *Stream) Do(r *Request, out *protocol.Outcome) {
	for s.Begin(r, out) {
		<-s.done
		if s.again && !out.Retried && !s.stopped.Load() {
			out.Retried = true
			continue
		}
		s.settle(out)
		return
	}
}

// Begin sends the head of a request and what there is of its body. When that is true, End must be called; when not, out
// says what went wrong.
func (s *Stream) Begin(r *Request, out *protocol.Outcome) bool {
	s.opened = out.Start
	c := s.slot.current.Load()
	for range maxConnects {
		s.prepare(r)
		if c != nil {
			s.conn.Store(c)
			if c.submit(s) {
				return true
			}
		}
		var kind protocol.Kind
		var err error
		if c, kind, err = s.slot.connect(s, c, r.Due, out); err != nil {
			out.Kind, out.Err = kind, err
			if s.ctx.Err() != nil {
				out.Kind, out.Err = protocol.Interrupted, nil
			}
			out.Done = s.Now()
			return false
		}
		s.opened = s.Now()
	}
	out.Kind, out.Err, out.Done = protocol.Closed, errAway, s.Now()
	return false
}

// prepare makes the stream ready for a connection. It is on none at that time.
func (s *Stream) prepare(r *Request) {
	s.over = false
	s.head, s.unsent, s.last, s.open = r.Head, r.Body, !r.Open, r.Open
	s.closed, s.blocked, s.partly, s.again, s.headed, s.lengthOnly = false, false, false, false, false, r.Bare
	s.id, s.interim, s.status, s.kind, s.err, s.whole = 0, 0, 0, protocol.OK, nil, false
	s.length, s.received, s.due, s.sink = -1, 0, r.Due, r.Sink
	s.sent, s.first, s.at = 0, 0, 0
	select {
	case <-s.room:
	default:
	}
}

// drained tells a worker that sends in parts that it may go on.
func (s *Stream) drained() {
	if s.open {
		select {
		case s.room <- struct{}{}:
		default:
		}
	}
}

// Drained waits until everything that was given has been sent. False means that the stream has ended.
func (s *Stream) Drained() bool {
	if s.over {
		return false
	}
	select {
	case <-s.room:
		return true
	case <-s.done:
		s.over = true
		return false
	}
}

// Pause waits. False means that the stream has ended meanwhile.
func (s *Stream) Pause(d time.Duration) bool {
	if s.over {
		return false
	}
	s.timer.Reset(d)
	defer s.timer.Stop()
	select {
	case <-s.timer.C:
		return true
	case <-s.done:
		s.over = true
		return false
	}
}

// Send sends more of the body, which must not change until Drained. It may be called after Drained has been true.
func (s *Stream) Send(p []byte, last bool) {
	c := s.conn.Load()
	c.mu.Lock()
	defer c.unlock()
	if c.streams[s.id] == s {
		s.unsent, s.last = p, last
		c.pump(s)
	}
}

// Give ends the stream before its answer is complete: the worker has seen enough. End still says how it went.
func (s *Stream) Give(kind protocol.Kind, err error) {
	c := s.conn.Load()
	c.mu.Lock()
	defer c.unlock()
	if c.streams[s.id] == s {
		c.end(s, kind, err, codeCancel)
	}
}

// End waits for the end of the answer and fills out in.
func (s *Stream) End(out *protocol.Outcome) {
	if !s.over {
		<-s.done
	}
	s.settle(out)
}

func (s *Stream) settle(out *protocol.Outcome) {
	out.Status, out.Kind, out.Err, out.Received = s.status, s.kind, s.err, s.received
	out.Reused = out.Dials == 0
	if out.Done = s.at; s.kind != protocol.OK {
		if out.Done == 0 {
			out.Done = s.Now()
		}
		if s.stopped.Load() || errors.Is(s.err, errShut) {
			out.Kind, out.Err = protocol.Interrupted, nil
		}
	}
	if s.first == 0 {
		return
	}
	sent := s.sent
	if sent < s.opened || sent > s.first {
		sent = s.first
	}
	out.Phases.Write = max(sent-s.opened, 0)
	out.Phases.Wait = s.first - sent
	out.Phases.Read = max(out.Done-s.first, 0)
}

// Whole reports whether all of the body was sent before the stream ended.
func (s *Stream) Whole() bool { return s.whole }

// interrupt ends what the worker is waiting for, because the run was stopped.
func (s *Stream) interrupt() {
	s.stopped.Store(true)
	if c := s.conn.Load(); c != nil {
		c.interrupt(s)
	}
}

// Close gives the place up, and the connection with its last user.
func (s *Stream) Close() {
	s.release()
	s.timer.Stop()
	s.slot.leave()
}
