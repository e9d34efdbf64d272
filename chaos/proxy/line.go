package proxy

import (
	"sync"
	"time"
)

const (
	maxUnderWay = 8 << 20                 // bytes in one delay line; more stay with their sender
	fine        = 1500 * time.Microsecond // the end of a wait that is slept through precisely
)

// precise bounds how many waits of a link may end in a precise sleep at the same time, which takes a file descriptor
// each. The others are up to a millisecond late.
const precise = 64

// line is the delay line of one way of one connection: bytes go in, and come out when they are due, in their order. With
// nothing in it and no delay, bytes are written straight through.
type line struct {
	c *conn
	w way

	mu      sync.Mutex
	items   []item
	size    int
	last    time.Time // when the last of the items is due; none may overtake another
	running bool
	err     error
	hurry   chan struct{} // closed when what is in the line shall go out at once
	quit    chan struct{}
	change  chan struct{} // an item went out, or the writer ended; buffered by one
	fresh   chan struct{} // an item came in; buffered by one
	over    chan struct{} // closed when the writer has ended
}

type item struct {
	due  time.Time
	data []byte
	end  bool // the source has ended
}

func newLine(c *conn, w way) *line {
	return &line{c: c, w: w, hurry: make(chan struct{}), quit: make(chan struct{}),
		change: make(chan struct{}, 1), fresh: make(chan struct{}, 1), over: make(chan struct{})}
}

// push takes bytes that arrived at now, to be written delay later. It waits while the line is full.
func (l *line) push(b []byte, now time.Time, delay time.Duration) error {
	l.mu.Lock()
	straight := delay == 0 && len(l.items) == 0
	l.mu.Unlock()
	if straight { // only we put items in, so it stays empty
		_, err := l.c.sink(l.w).Write(b)
		return err
	}
	return l.put(item{due: now.Add(delay), data: append([]byte(nil), b...)})
}

// end waits until everything has gone out, and then for the delay of the end itself.
func (l *line) end(now time.Time, delay time.Duration) error {
	if delay > 0 {
		if err := l.put(item{due: now.Add(delay), end: true}); err != nil {
			return err
		}
	}
	return l.flush(false)
}

func (l *line) put(it item) error {
	if err := l.room(len(it.data)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if it.due.Before(l.last) {
		it.due = l.last
	}
	l.last = it.due
	l.items = append(l.items, it)
	l.size += len(it.data)
	if !l.running {
		l.running = true
		go l.write() // stop waits for it
	}
	select {
	case l.fresh <- struct{}{}:
	default:
	}
	return nil
}

// flush waits until the line is empty; with hurry set, nothing in it is delayed any more.
func (l *line) flush(hurry bool) error {
	return l.await(hurry, func() bool { return len(l.items) == 0 })
}

// room waits until n more bytes have room in the line.
func (l *line) room(n int) error {
	return l.await(false, func() bool { return l.size == 0 || l.size+n <= maxUnderWay })
}

// await waits until what is in the line is as it shall be. Once no rule delays the connection, or with hurry set,
// everything in it goes out at once.
func (l *line) await(hurry bool, done func() bool) error {
	hurried := false
	for {
		v := l.c.load(l.w)
		l.mu.Lock()
		if (hurry || !v.delayed()) && !hurried {
			hurried = true
			close(l.hurry)
		}
		ready, err := done() || l.err != nil, l.err
		if ready && hurried {
			l.hurry = make(chan struct{}) // what comes later is delayed again
		}
		l.mu.Unlock()
		if ready {
			return err
		}
		select {
		case <-l.change:
		case <-v.changed:
		case <-l.c.closed:
			return errCut
		}
	}
}

// stop ends the writer. What is still in the line is lost: it is called when the line is empty or the connection is over.
func (l *line) stop() {
	l.mu.Lock()
	running, left := l.running, len(l.items) > 0
	close(l.quit)
	l.mu.Unlock()
	if left { // the writer may be waiting for a client that reads nothing
		l.c.abort()
	}
	if running {
		<-l.over
	}
}

func (l *line) write() {
	defer close(l.over)
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		l.mu.Lock()
		var it item
		some := len(l.items) > 0
		if some {
			it = l.items[0]
		}
		hurry := l.hurry
		l.mu.Unlock()
		if !some {
			select {
			case <-l.fresh:
				continue
			case <-l.quit:
				return
			case <-l.c.closed:
				return
			}
		}
		err := l.wait(it.due, hurry, t)
		if err == nil && !it.end {
			_, err = l.c.sink(l.w).Write(it.data)
		}
		l.mu.Lock()
		l.items[0] = item{}
		l.items = l.items[1:]
		l.size -= len(it.data)
		l.err = err
		l.mu.Unlock()
		select {
		case l.change <- struct{}{}:
		default:
		}
		if err != nil {
			l.c.abort()
			return
		}
	}
}

// wait returns when the item is due and nothing cuts the link.
func (l *line) wait(due time.Time, hurry chan struct{}, t *time.Timer) error {
	if d := time.Until(due) - fine; d > 0 {
		t.Reset(d)
		select {
		case <-t.C:
		case <-hurry:
		case <-l.quit:
			return errCut
		case <-l.c.closed:
			return errCut
		}
	}
	select {
	case <-hurry:
	default:
		l.c.link.sleepers.until(due)
	}
	return l.c.pass()
}

// sleepers sleep to a point in time more precisely than the runtime's timers, which are up to a millisecond late when
// the process is otherwise idle (its poller waits in whole milliseconds). A napper that was never used is nil.
type sleepers chan *napper

func newSleepers() sleepers {
	s := make(sleepers, precise)
	for range precise {
		s <- nil
	}
	return s
}

func (s sleepers) until(due time.Time) {
	d := time.Until(due)
	if d <= 0 {
		return
	}
	select {
	case n := <-s:
		if n == nil {
			n = newNapper()
		}
		n.until(due)
		s <- n
	default:
		time.Sleep(d)
	}
}

// close must be called when nobody sleeps any more.
func (s sleepers) close() {
	for range precise {
		(<-s).close()
	}
}
