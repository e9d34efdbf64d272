package remote

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// link is one connection. It counts what is sent and how many sessions it carries.
type link struct {
	net.Conn
	sent   atomic.Int64
	closed func()
	once   sync.Once

	mu       sync.Mutex
	sessions int
	since    time.Time // when the last session ended, or the connection began
}

type linkKey struct{}

// link takes a connection in, or closes it when there are too many that nobody knows.
func (s *Server) link(ctx ssh.Context, c net.Conn) net.Conn {
	l := &link{Conn: c, since: time.Now()}
	l.closed = func() {
		s.mu.Lock()
		delete(s.links, l)
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.links) >= s.cfg.MaxViews+maxUnknown || s.ctx.Err() != nil {
		s.cfg.Log.Warn("too many connections: one is closed", "remote", c.RemoteAddr().String())
		return nil
	}
	s.links[l] = struct{}{}
	ctx.SetValue(linkKey{}, l)
	return l
}

// Write implements net.Conn.
func (l *link) Write(p []byte) (int, error) {
	n, err := l.Conn.Write(p)
	l.sent.Add(int64(n))
	return n, err
}

// Close implements net.Conn.
func (l *link) Close() error {
	l.once.Do(l.closed)
	return l.Conn.Close()
}

// open counts one more session, and reports whether there may be one.
func (l *link) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sessions >= maxChannels {
		return false
	}
	l.sessions++
	return true
}

func (l *link) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions--
	l.since = time.Now()
}

// unused reports whether the connection has carried no session for too long.
func (l *link) unused(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sessions == 0 && now.Sub(l.since) > unusedFor
}

// alive asks the client again and again whether it is there, and closes the connection when it does not answer: TCP alone
// takes a quarter of an hour to notice a cable that was pulled. It returns when done is closed or the connection is.
func (l *link) alive(conn gossh.Conn, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(aliveEvery):
		}
		late := time.AfterFunc(aliveFor-aliveEvery, func() { _ = l.Conn.Close() }) // the question below ends with it
		_, _, err := conn.SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			return
		}
	}
}
