package fleet_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands on one link. It can hold back what the caller sends, and cut the connection just when the callee answers.
type proxy struct {
	ln       net.Listener
	upstream string
	delay    atomic.Int64 // ns, for each piece that the caller sends
	cuts     atomic.Int64 // so many answers are lost with their connection
	wg       sync.WaitGroup
	done     chan struct{}

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func newProxy(t *testing.T, upstream string) *proxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{ln: ln, upstream: upstream, conns: map[net.Conn]struct{}{}, done: make(chan struct{})}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		close(p.done)
		p.mu.Lock()
		for c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		u, err := net.Dial("tcp", p.upstream)
		if err != nil {
			_ = c.Close()
			continue
		}
		p.mu.Lock()
		p.conns[c], p.conns[u] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.wg.Go(func() { p.pump(u, c, false) })
		p.wg.Go(func() { p.pump(c, u, true) })
	}
}

// pump copies pieces in order, each as late as it was to be when it arrived.
func (p *proxy) pump(dst, src net.Conn, answer bool) {
	type piece struct {
		due time.Time
		b   []byte
	}
	pieces := make(chan piece, 1024)
	p.wg.Go(func() {
		defer func() { _ = dst.Close(); _ = src.Close() }()
		for x := range pieces {
			select {
			case <-time.After(time.Until(x.due)):
			case <-p.done:
			}
			if _, err := dst.Write(x.b); err != nil {
				break
			}
		}
		for range pieces { // let the reader end
		}
	})
	defer close(pieces)
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if answer && p.cuts.Load() > 0 && answersHTTP2(buf[:n]) {
				p.cuts.Add(-1)
				return
			}
			x := piece{time.Now(), append([]byte(nil), buf[:n]...)}
			if !answer {
				x.due = x.due.Add(time.Duration(p.delay.Load()))
			}
			pieces <- x
		}
		if err != nil {
			return
		}
	}
}

// answersHTTP2 reports whether whole HTTP/2 frames hold headers or data, not only pings, settings and window updates.
func answersHTTP2(b []byte) bool {
	for len(b) >= 9 {
		if b[3] <= 1 { // DATA, HEADERS
			return true
		}
		size := 9 + (int(b[0])<<16 | int(b[1])<<8 | int(b[2]))
		b = b[min(size, len(b)):]
	}
	return false
}

// links gathers the edges that a fleet asks for, with a proxy on each that is wanted.
type links struct {
	t     *testing.T
	want  map[string]bool
	mu    sync.Mutex
	edges map[string]string // from→to: protocol
	proxy map[string]*proxy
}

func newLinks(t *testing.T, want ...string) *links {
	l := &links{t: t, want: map[string]bool{}, edges: map[string]string{}, proxy: map[string]*proxy{}}
	for _, w := range want {
		l.want[w] = true
	}
	return l
}

func (l *links) link(from, to, proto, upstream string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := from + "→" + to
	l.edges[name] = proto
	if !l.want[name] {
		return upstream, nil
	}
	p := newProxy(l.t, upstream)
	l.proxy[name] = p
	return p.ln.Addr().String(), nil
}
