package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// tunnels are the connections of a link that pass through a server of our own as bytes, and the requests in it.
type tunnels struct {
	mu     sync.Mutex
	closed bool
	open   map[*tunnel]struct{}
	wg     sync.WaitGroup
}

// tunnel is one of them. Whoever made it has both sides carried by run.
type tunnel struct {
	client, server net.Conn
	req            *http.Request // the CONNECT of a forward link, or nil
	cert           *Rule         // whose certificate the client was shown, or nil
}

// enter counts someone whom close waits for; it is false once the link closes.
func (t *tunnels) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Add(1)
	return true
}

func (t *tunnels) leave() { t.wg.Done() }

// add books a tunnel, so that it can be cut. It is false, and both sides are closed, when the link closes.
func (t *tunnels) add(n *tunnel) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		n.cut()
		return false
	}
	if t.open == nil {
		t.open = map[*tunnel]struct{}{}
	}
	t.open[n] = struct{}{}
	return true
}

func (t *tunnels) remove(n *tunnel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, n)
}

// run carries a tunnel until both ways have ended.
func (t *tunnels) run(n *tunnel) {
	if !t.add(n) {
		return
	}
	defer t.remove(n)
	defer n.cut()
	var wg sync.WaitGroup
	carry := func(dst, src net.Conn) {
		_, err := io.Copy(dst, src)
		c, ok := dst.(interface{ CloseWrite() error })
		if err != nil || !ok || c.CloseWrite() != nil {
			n.cut()
		}
	}
	wg.Go(func() { carry(n.server, n.client) })
	carry(n.client, n.server)
	wg.Wait()
}

// cut ends a tunnel. Both fail only when closed already.
func (n *tunnel) cut() {
	_ = n.client.Close()
	_ = n.server.Close()
}

// review cuts the tunnels that the plan has no place for: those with a certificate of a fault that has ended, and those
// to a host that is cut off.
func (t *tunnels) review(p *plan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := range t.open {
		if n.cert != nil && !slices.Contains(p.certs, n.cert) {
			n.cut()
		}
		for _, r := range p.requests.aborts {
			if n.req != nil && r.effect.(Abort).Share == 0 && r.hits(n.req) {
				r.touched.Add(1)
				n.cut()
				break
			}
		}
	}
}

func (t *tunnels) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for n := range t.open {
		n.cut()
	}
}

func (t *tunnels) wait() { t.wg.Wait() }

// connect serves the CONNECT request of a forward link: it opens a tunnel to where the client wants, in which a
// certificate fault may show a certificate of ours.
func (a *aware) connect(w http.ResponseWriter, req *http.Request) {
	if a.link.proto != "forward" {
		http.Error(w, "this link is not a proxy", http.StatusMethodNotAllowed)
		return
	}
	if _, _, err := net.SplitHostPort(req.Host); err != nil {
		http.Error(w, "CONNECT wants host:port", http.StatusBadRequest)
		return
	}
	server, err := a.dial(req.Context(), req.Host)
	if err != nil {
		a.broken(w, req, err)
		return
	}
	client, buf, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2 has no tunnels here
		_ = server.Close()
		panic(http.ErrAbortHandler)
	}
	_ = client.SetDeadline(time.Time{}) // fails only when closed
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_, _ = client.Close(), server.Close()
		return
	}
	n := &tunnel{client: client, server: server, req: req.Clone(context.Background())}
	if buf.Reader.Buffered() > 0 { // the client did not wait for our answer
		n.client = &prefixed{Conn: client, r: io.MultiReader(io.LimitReader(buf.Reader, int64(buf.Reader.Buffered())), client)}
	}
	for _, r := range a.link.plan.Load().certs {
		f := r.effect.(Certificate)
		if (f.Host == "" || glob(strings.ToLower(f.Host), host(req.Host))) && (f.Share == 0 || r.float() < f.Share) {
			n.cert = r
			a.link.terminate(n, host(req.Host))
			return
		}
	}
	a.link.tunnels.run(n)
}

// prefixed is a connection of which some bytes were read ahead.
type prefixed struct {
	net.Conn
	r io.Reader
}

func (p *prefixed) Read(b []byte) (int, error) { return p.r.Read(b) }

// CloseWrite ends what we say, if the connection can do that.
func (p *prefixed) CloseWrite() error {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return p.Close()
}
