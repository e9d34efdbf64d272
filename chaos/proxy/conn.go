package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// errCut ends a connection that a fault has cut.
var errCut = errors.New("cut by a fault")

const chunkSize = 32 << 10

var chunks = sync.Pool{New: func() any { b := make([]byte, chunkSize); return &b }}

// conn is one client with its connection to the upstream. One goroutine per way carries the bytes.
type conn struct {
	link   *Link
	client *net.TCPConn
	closed chan struct{} // closed by abort

	mu     sync.Mutex
	server *net.TCPConn
	aware  bool // server is our own HTTP server
	dead   bool

	last atomic.Int32            // 1 + way of the last bytes that were looked at; 0: none yet
	kept atomic.Bool             // a partition keeps bytes from their receiver
	seen [2]atomic.Pointer[plan] // what each way goes by; nil when it has ended

	goaway time.Time // when the client was told to move; response way only
}

func newConn(l *Link, client, server *net.TCPConn, aware bool) *conn {
	c := &conn{link: l, client: client, server: server, aware: aware, closed: make(chan struct{})}
	p := l.plan.Load()
	c.seen[request].Store(p)
	c.seen[response].Store(p)
	return c
}

func (c *conn) run() {
	var wg sync.WaitGroup
	for _, w := range []way{request, response} {
		wg.Go(func() {
			if err := c.pump(w); err != nil {
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

// abort resets both sides. It is idempotent.
func (c *conn) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return
	}
	c.dead = true
	close(c.closed)
	reset(c.client)
	reset(c.server)
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
	return c.server, c.aware
}

func (c *conn) source(w way) *net.TCPConn {
	if w == request {
		return c.client
	}
	s, _ := c.upstream()
	return s
}

func (c *conn) sink(w way) *net.TCPConn {
	if w == response {
		return c.client
	}
	s, _ := c.upstream()
	return s
}

// moving reports whether the connection shall be led elsewhere: to our HTTP server, or back.
func (c *conn) moving(p *plan) bool {
	_, aware := c.upstream()
	return c.link.proto != "tcp" && aware != p.aware()
}

// look resets the deadline of a source and then reads the plan, in this order (see Link.replace).
func (c *conn) look(w way, src *net.TCPConn) *plan {
	_ = src.SetReadDeadline(time.Time{}) // fails only when closed; reading then says so
	return c.load(w)
}

func (c *conn) load(w way) *plan {
	p := c.link.plan.Load()
	c.seen[w].Store(p)
	return p
}

// pump carries one way until its end. nil means that the source has ended and the sink was told.
func (c *conn) pump(w way) error {
	for {
		src := c.source(w)
		p := c.look(w, src)
		var done bool
		var err error
		switch {
		case p.reject:
			return errCut
		case p.drop:
			err = c.stall(w, src, p)
		case p.delayed() || c.moving(p):
			done, err = c.slow(w, src)
		default:
			done, err = c.splice(w, src)
		}
		if err != nil && src != c.source(w) {
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
	dst := c.sink(w)
	n, err := dst.ReadFrom(src)
	c.link.bytes[w].Add(uint64(n))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, c.halfClose(w, src)
}

func (c *conn) halfClose(w way, src *net.TCPConn) error {
	if src != c.source(w) {
		return errCut // the old upstream ended; pump goes on with the new one
	}
	return c.sink(w).CloseWrite()
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
			if (some || err != nil) && !c.kept.Swap(true) {
				for _, r := range p.partitions {
					r.touched.Add(1)
				}
			}
			select {
			case <-p.changed:
			case <-c.closed:
				return errCut
			}
		}
		p = c.look(w, src)
	}
	if c.kept.Load() {
		return errCut
	}
	return nil
}

// slow carries the bytes itself: it delays them, and it moves the connection to another upstream when it may.
func (c *conn) slow(w way, src *net.TCPConn) (done bool, err error) {
	ln := newLine(c, w)
	defer ln.stop()
	buf := *chunks.Get().(*[]byte)
	defer func() { chunks.Put(&buf) }()
	mv := mover{c: c, w: w}
	var late lateness
	for {
		mv.deadline(src)
		p := c.load(w)
		if p.reject {
			return false, errCut
		}
		if p.drop {
			if err := c.stall(w, src, p); err != nil {
				return false, err
			}
			continue
		}
		if !p.delayed() && !c.moving(p) {
			return false, ln.flush(true)
		}
		n, err := src.Read(buf)
		now := time.Now()
		if n > 0 {
			p = c.load(w) // it may have changed while the read waited
			c.link.bytes[w].Add(uint64(n))
			c.count(w, p)
			if err := mv.before(p, buf[:n], ln); err != nil {
				return false, err
			}
			if perr := ln.push(buf[:n], now, late.of(now, p.delays[w])); perr != nil {
				return false, perr
			}
			if err := mv.after(p, buf[:n], ln); err != nil {
				return false, err
			}
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := mv.quiet(c.link.plan.Load(), ln); err != nil {
				return false, err
			}
		case errors.Is(err, io.EOF):
			if w == response && src != c.source(w) {
				return false, nil
			}
			if err := ln.end(now, late.of(now, p.delays[w])); err != nil {
				return false, err
			}
			return true, c.halfClose(w, src)
		case err != nil:
			return false, err
		}
	}
}

// count notices where a round trip begins and where its answer does.
func (c *conn) count(w way, p *plan) {
	if c.last.Swap(int32(1+w)) != int32(1+w) {
		p.touch(w)
	}
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
