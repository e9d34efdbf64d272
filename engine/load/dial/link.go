package dial

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"gameday/engine/load/protocol"
)

// Dialer says where the workers of one run connect to, and how. It is not changed any more once it is used.
type Dialer struct {
	Network string // "tcp" or "udp"
	Address Address
	TLS     *tls.Config // nil is a plain connection
	dialer  net.Dialer
}

// Link is one worker's connection: none until Open. All methods but the interruption by the context belong to the worker.
//
// Setting a deadline costs the runtime's timer a change for every request, so the one that is set is left standing while
// it is not later than the one wanted: when it fires early, the wanted one is set and the waiting goes on. Timeouts stay
// exact.
type Link struct {
	dialer  *Dialer
	ctx     context.Context
	epoch   time.Time
	release func() bool
	conn    net.Conn
	eager   bool          // TLS: a write that times out early breaks the connection, so every deadline is set
	armed   time.Duration // the deadline that is set, since epoch
	due     time.Duration // the deadline wanted
	in      []byte        // received and not yet consumed
	space   []byte        // what in is a part of
	socket  syscall.RawConn
	look    func(fd uintptr) // notes in the next two how the socket is
	closed  bool
	unread  bool

	mu      sync.Mutex // guards what the interruption reaches
	raw     net.Conn   // below TLS; the worker may read it without the lock
	stopped bool
}

// Link makes a worker's link. When ctx ends, whatever the worker waits for is broken off.
func (d *Dialer) Link(ctx context.Context, epoch time.Time) *Link {
	l := &Link{dialer: d, ctx: ctx, epoch: epoch}
	l.release = context.AfterFunc(ctx, l.interrupt)
	l.look = func(fd uintptr) { l.closed, l.unread = peek(fd) }
	return l
}

// Now is the time since the epoch.
func (l *Link) Now() time.Duration { return time.Since(l.epoch) }

// Connected reports whether there is a connection.
func (l *Link) Connected() bool { return l.conn != nil }

// interrupt breaks off whatever the worker is waiting for.
func (l *Link) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	if l.raw != nil {
		_ = l.raw.Close() // the worker sees the error that matters: its read fails
	}
}

// Close gives the link up.
func (l *Link) Close() {
	l.release()
	l.Drop()
}

// Drop closes the connection, if there is one, and forgets what it brought.
func (l *Link) Drop() {
	l.mu.Lock()
	l.raw = nil
	l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close() // nothing was asked of it any more
	}
	l.conn, l.in, l.socket = nil, nil, nil
}

// Gone reports whether the target has closed the connection that was kept. It looks without waiting.
func (l *Link) Gone() bool {
	if l.socket == nil {
		sc, ok := l.raw.(syscall.Conn)
		if !ok {
			return false
		}
		var err error
		if l.socket, err = sc.SyscallConn(); err != nil {
			return true
		}
	}
	return l.socket.Control(l.look) != nil || l.closed
}

// Stale reports whether the connection that was kept is gone, or has brought what nobody asked for, so that it would be
// taken for the next answer. Within TLS the latter cannot be told.
func (l *Link) Stale() bool {
	l.unread = false
	return l.Gone() || l.unread && !l.eager
}

// Open connects if there is no connection, at most until due, and notes in out what that took.
func (l *Link) Open(due time.Duration, out *protocol.Outcome) error {
	if out.Reused = l.conn != nil; out.Reused {
		return nil
	}
	ctx, cancel := context.WithDeadline(l.ctx, l.epoch.Add(due))
	defer cancel()
	start := l.Now()
	out.Dials++
	resolved := time.Duration(0)
	raw, err := l.dialer.dialer.DialContext(l.noteResolved(ctx, start, &resolved), l.dialer.Network, l.dialer.Address.String())
	out.Phases.Resolve += resolved
	out.Phases.Connect += l.Now() - start - resolved
	if err != nil {
		return connectError{err}
	}
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		_ = raw.Close() // it never carried anything
		return connectError{context.Canceled}
	}
	l.raw = raw
	l.mu.Unlock()
	l.conn, l.eager, l.armed = raw, false, 0
	if l.dialer.TLS == nil {
		return nil
	}
	start = l.Now()
	shaken := tls.Client(raw, l.dialer.TLS)
	err = shaken.HandshakeContext(ctx)
	out.Phases.TLS += l.Now() - start
	if err != nil {
		return handshakeError{err}
	}
	l.conn, l.eager = shaken, true
	return nil
}

// noteResolved makes the look-up of a name a phase of its own. An address needs none.
func (l *Link) noteResolved(ctx context.Context, start time.Duration, resolved *time.Duration) context.Context {
	if _, err := netip.ParseAddr(l.dialer.Address.Host); err == nil {
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone: func(httptrace.DNSDoneInfo) { *resolved = l.Now() - start },
	})
}

// Deadline sets until when the reads and writes that follow may take, since the epoch.
func (l *Link) Deadline(due time.Duration) error {
	l.due = due
	if l.eager || l.armed > due || l.armed <= l.Now() {
		return l.arm()
	}
	return nil
}

func (l *Link) arm() error {
	l.armed = l.due
	return l.conn.SetDeadline(l.epoch.Add(l.due))
}

// early reports whether err is an earlier deadline, and sets the one wanted.
func (l *Link) early(err error) bool {
	return l.armed < l.due && errors.Is(err, os.ErrDeadlineExceeded) && l.arm() == nil
}

// Read is net.Conn's, with the deadline that was wanted last. It goes past what Fill has received.
func (l *Link) Read(p []byte) (int, error) {
	for {
		n, err := l.conn.Read(p)
		if n > 0 {
			return n, nil // an error that came along comes again
		}
		if err == nil || !l.early(err) {
			return 0, err
		}
	}
}

// Write is net.Conn's, with the deadline that was wanted last.
func (l *Link) Write(p []byte) (int, error) {
	sent := 0
	for {
		n, err := l.conn.Write(p[sent:])
		sent += n
		if err == nil || !l.early(err) {
			return sent, err
		}
	}
}

// In is what Fill has received and Consume has not yet taken away. It is valid until the next Fill, Consume or Drop.
func (l *Link) In() []byte { return l.in }

// Fill waits for more bytes and adds them to In, which never becomes longer than limit.
func (l *Link) Fill(limit int) error {
	if len(l.in) >= limit {
		return Malformedf("the answer is longer than %d bytes", limit)
	}
	if cap(l.in) == len(l.in) {
		if grown := max(2*len(l.in), 4096); len(l.space) < grown {
			l.space = append(make([]byte, 0, grown), l.in...)[:grown]
		} else {
			copy(l.space, l.in) // the beginning has been consumed, or it is a new connection
		}
		l.in = l.space[:len(l.in)]
	}
	room := l.in[len(l.in):min(cap(l.in), limit)]
	n, err := l.Read(room)
	l.in = l.in[:len(l.in)+n]
	return err
}

// Consume takes n bytes away from the beginning of In.
func (l *Link) Consume(n int) {
	if l.in = l.in[n:]; len(l.in) == 0 {
		l.in = l.space[:0]
	}
}

// Fail records that the request ended with err, and drops the connection without a farewell, which might have to wait.
func (l *Link) Fail(err error, out *protocol.Outcome) {
	if l.raw != nil {
		_ = l.raw.Close() // Drop closes it again; the error that matters is err
	}
	out.Done = l.Now()
	out.Kind, out.Err = Classify(err), err
	if l.ctx.Err() != nil {
		out.Kind = protocol.Interrupted
	}
	l.Drop()
}

// Check is the error for a step whose timeout or whose configuration, asked by its Validate, is not fit.
func Check(s protocol.Step, validate func(report func(path, format string, args ...any))) error {
	var faults []string
	validate(func(path, format string, args ...any) {
		faults = append(faults, path+": "+fmt.Sprintf(format, args...))
	})
	if s.Timeout <= 0 {
		faults = append(faults, "the step has no timeout")
	}
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}
