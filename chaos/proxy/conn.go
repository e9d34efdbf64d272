package proxy

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errCut = errors.New("cut by a fault")                  // ends a connection with a reset
	errEnd = errors.New("closed by a fault, all in order") // ends a connection as if both sides had closed it
)

// lingerTime is how long the sides of a connection that a limit has closed get to close theirs.
const lingerTime = time.Second

const chunkSize = 32 << 10

var chunks = sync.Pool{New: func() any { b := make([]byte, chunkSize); return &b }}

// conn is one client with its connection to the upstream. One goroutine per way carries the bytes.
type conn struct {
	link   *Link
	n      uint64 // which connection of the link it is, from 1
	opened time.Time
	client *net.TCPConn
	closed chan struct{} // closed by abort

	mu     sync.Mutex
	server *net.TCPConn
	inner  bool // server is a server of our own
	dead   bool
	hit    map[*Rule]struct{} // rules that have counted this connection

	last   atomic.Int32            // 1 + way of the last bytes that were looked at; 0: none yet
	kept   atomic.Bool             // a partition keeps bytes from their receiver
	lost   atomic.Bool             // a half-open fault has lost something
	ending atomic.Bool             // a limit was reached
	seen   [2]atomic.Pointer[plan] // what each way goes by; nil when it has ended

	views [2]*view             // each used by its own way only
	marks [2]map[*Rule]*memory // likewise

	goaway time.Time // when the client was told to move; response way only
}

// memory is what a rule has to remember of one way of a connection.
type memory struct {
	passed int64     // Limit, Reset: bytes so far
	gap    gaps      // Corrupt
	next   time.Time // Slice: when the next piece may go
}

func newConn(l *Link, n uint64, client, server *net.TCPConn, inner bool) *conn {
	c := &conn{link: l, n: n, opened: time.Now(), client: client, server: server, inner: inner, closed: make(chan struct{})}
	c.load(request)
	c.load(response)
	return c
}

func (c *conn) run() {
	var wg sync.WaitGroup
	for _, w := range []way{request, response} {
		wg.Go(func() {
			switch err := c.pump(w); {
			case err == nil:
			case errors.Is(err, errEnd) || c.ending.Load():
				c.ending.Store(true)
				c.seen[w].Store(nil) // no plan matters to it any more
				c.drain(w)
			default:
				c.abort() // the other side learns of it as a reset, as it would without us
			}
			c.seen[w].Store(nil)
		})
	}
	wg.Wait()
	_ = c.client.Close() // both ways ended, or abort closed them already
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.server.Close()
}

// abort resets both sides. It is idempotent, and reports whether it was the first.
func (c *conn) abort() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return false
	}
	c.dead = true
	close(c.closed)
	reset(c.client)
	reset(c.server)
	return true
}

// interrupt wakes whoever reads, so that it looks at the plan.
func (c *conn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.client.SetReadDeadline(time.Unix(1, 0)) // fails only when closed
	_ = c.server.SetReadDeadline(time.Unix(1, 0))
}

func (c *conn) upstream() (*net.TCPConn, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server, c.inner
}

func (c *conn) source(w way) *net.TCPConn {
	if w == request {
		return c.client
	}
	s, _ := c.upstream()
	return s
}

func (c *conn) sink(w way) *net.TCPConn { return c.source(1 - w) }

// moving reports whether the connection shall be led elsewhere: to our HTTP server, or back.
func (c *conn) moving(p *plan) bool {
	if c.link.proto != "http" && c.link.proto != "grpc" {
		return false
	}
	_, inner := c.upstream()
	return inner != p.aware()
}

// count counts the connection for a rule, once.
func (c *conn) count(r *Rule) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.hit[r]; ok {
		return
	}
	if c.hit == nil {
		c.hit = map[*Rule]struct{}{}
	}
	c.hit[r] = struct{}{}
	r.touched.Add(1)
}

// look resets the deadline of a source and then reads the plan, in this order (see Link.replace).
func (c *conn) look(w way, src *net.TCPConn) *view {
	_ = src.SetReadDeadline(time.Time{}) // fails only when closed; reading then says so
	return c.load(w)
}

// load reads the plan. Each way calls it for itself.
func (c *conn) load(w way) *view {
	p := c.link.plan.Load()
	v := c.views[w]
	if v == nil || v.plan != p {
		v = p.view(c.n)
		c.views[w] = v
		for r := range c.marks[w] { // on long connections, rules come and go
			if !r.Set() {
				delete(c.marks[w], r)
			}
		}
	}
	c.seen[w].Store(p)
	return v
}

// mark is what rule r remembers of way w.
func (c *conn) mark(w way, r *Rule) *memory {
	m, ok := c.marks[w][r]
	if !ok {
		m = &memory{}
		if f, ok := r.effect.(Corrupt); ok {
			m.gap = newGaps(f.Rate, source(f.Seed, c.n<<1|uint64(w)))
		}
		if c.marks[w] == nil {
			c.marks[w] = map[*Rule]*memory{}
		}
		c.marks[w][r] = m
	}
	return m
}

// pump carries one way until its end. nil means that the source has ended and the sink was told.
func (c *conn) pump(w way) error {
	for {
		src := c.source(w)
		v := c.look(w, src)
		var done bool
		var err error
		switch {
		case c.ending.Load():
			return errEnd
		case v.reject || c.lost.Load() && !v.swallows():
			return errCut
		case v.drop:
			err = c.stall(w, src, v.plan)
		case v.slow(w) || c.moving(v.plan):
			done, err = c.slow(w, src)
		default:
			done, err = c.splice(w, src)
		}
		if err != nil && !errors.Is(err, errEnd) && src != c.source(w) {
			continue // the upstream was exchanged, which closed the old one
		}
		if done || err != nil {
			return err
		}
	}
}

// splice lets the kernel carry the bytes until the end or an interrupt. Nothing is lost by the interrupt: it is only
// heeded while the kernel's pipe between both sockets is empty.
func (c *conn) splice(w way, src *net.TCPConn) (done bool, err error) {
	n, err := c.sink(w).ReadFrom(src)
	c.link.bytes[w].Add(uint64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, c.halfClose(w, src)
}

// halfClose tells the sink of the end, as late as the plan has it.
func (c *conn) halfClose(w way, src *net.TCPConn) error {
	if src != c.source(w) {
		return errCut // the old upstream ended; pump goes on with the new one
	}
	begun, counted := time.Now(), map[*Rule]bool{}
	for {
		v := c.load(w)
		if v.reject {
			return errCut
		}
		if len(v.ways[w].swallow) > 0 {
			c.loses(v.ways[w])
		}
		if c.lost.Load() && !v.swallows() {
			return errCut
		}
		var late time.Duration
		for _, r := range v.ways[w].closes {
			if !counted[r] {
				counted[r] = true
				r.touched.Add(1)
			}
			late += r.effect.(SlowClose).Delay
		}
		if !v.drop && len(v.ways[w].swallow) == 0 && time.Since(begun) >= late {
			return c.sink(w).CloseWrite()
		}
		due := time.Time{} // for as long as the plan stays
		if !v.drop && len(v.ways[w].swallow) == 0 {
			due = begun.Add(late)
		}
		if err := c.pause(due, v.plan); err != nil {
			return err
		}
	}
}

// pause waits until due (zero: for ever) or until the plan has changed.
func (c *conn) pause(due time.Time, p *plan) error {
	var ring <-chan time.Time
	if !due.IsZero() {
		d := time.Until(due)
		if d <= 0 {
			return nil
		}
		t := time.NewTimer(d)
		defer t.Stop()
		ring = t.C
	}
	select {
	case <-ring:
	case <-p.changed:
	case <-c.closed:
		return errCut
	}
	return nil
}

// stall lets nothing through until the plan changes. Bytes stay with their sender as long as its buffers last. When
// some were kept back, the connection is reset afterwards: its peers have long given up on what they sent, and to hand a
// stale request to a server that has seen its repetition would be a fault of another kind. Connections on which nobody
// tried to say anything go on, as they would in a real partition.
func (c *conn) stall(w way, src *net.TCPConn, p *plan) error {
	for p.drop {
		some, err := pending(src)
		// Bytes that came after the plan had changed can win against the interrupt; they are not kept back.
		if !errors.Is(err, os.ErrDeadlineExceeded) && p == c.link.plan.Load() {
			// A peer that reset the connection is not heard of on the other side before the partition ends.
			if some || err != nil {
				c.keep(p)
			}
			if err := c.pause(time.Time{}, p); err != nil {
				return err
			}
		}
		p = c.look(w, src).plan
	}
	if c.kept.Load() {
		return errCut
	}
	return nil
}

// keep notes that the partitions of a plan keep bytes of the connection.
func (c *conn) keep(p *plan) {
	c.kept.Store(true)
	for _, r := range p.partitions {
		c.count(r)
	}
}

// pass returns when no partition holds up bytes that are in hand. Those that were held up are not passed on late.
func (c *conn) pass() error {
	for {
		p := c.link.plan.Load()
		if !p.drop {
			break
		}
		c.keep(p)
		if err := c.pause(time.Time{}, p); err != nil {
			return err
		}
	}
	if c.kept.Load() {
		return errCut
	}
	return nil
}

// loses notes that half-open faults have thrown something of the connection away.
func (c *conn) loses(e *effects) {
	c.lost.Store(true)
	for _, r := range e.swallow {
		c.count(r)
	}
}

// drain ends one way of a connection that a limit has closed: the receiver sees the end, after all that was let
// through, and what the source still says is thrown away, so that it sees no reset either, if it closes soon.
func (c *conn) drain(w way) {
	c.interrupt() // the other way shall see it, too
	_ = c.sink(w).CloseWrite()
	buf := *chunks.Get().(*[]byte)
	defer func() { chunks.Put(&buf) }()
	src, end := c.source(w), time.Now().Add(lingerTime)
	for time.Now().Before(end) {
		_ = src.SetReadDeadline(end)
		if _, err := src.Read(buf); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dead { // without a reset: what is on its way to them arrives
		c.dead = true
		close(c.closed)
		_ = c.client.Close()
		_ = c.server.Close()
	}
}
