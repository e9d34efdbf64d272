package sql

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// network makes the connections of one worker's driver and can break all of them off. PostgreSQL's driver tidies up
// after a statement that was given up in a goroutine of its own, over a second connection, for up to 15 seconds: without
// this it would outlive the worker.
type network struct {
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	open    map[*tracked]struct{}
	dials   uint32 // of the worker's own
	asides  int
	said    error // what was wrong with the last greeting
	resolve time.Duration
}

// The driver's own connections, for asking the server to give up a statement.
const (
	maxAsides   = 2 // at once
	maxOpen     = 4 // of both kinds; beyond it all but the newest are abandoned ones
	asidePeriod = 2 * time.Second
)

// workers marks the context of a worker's own connection.
type workers struct{}

// dial makes a connection for a driver.
func (n *network) dial(ctx context.Context, netw, address string) (net.Conn, error) {
	aside := ctx.Value(workers{}) == nil
	if err := n.admit(aside); err != nil {
		return nil, err
	}
	var cancel context.CancelFunc
	if aside {
		defer n.release()
		ctx, cancel = context.WithTimeout(ctx, asidePeriod)
	} else {
		ctx, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	defer context.AfterFunc(n.life, cancel)()
	var d net.Dialer
	raw, err := d.DialContext(ctx, netw, address)
	if err != nil {
		return nil, err
	}
	c := &tracked{Conn: raw, of: n}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.life.Err() != nil {
		_ = raw.Close() // it never carried anything
		return nil, net.ErrClosed
	}
	if len(n.open) >= maxOpen {
		n.closeAll()
	}
	n.open[c] = struct{}{}
	return c, nil
}

// admit counts a connection that is to be made, or refuses it.
func (n *network) admit(aside bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !aside {
		n.dials++
		return nil
	}
	if n.asides >= maxAsides {
		return errors.New("the server is being asked to give up too many statements already")
	}
	n.asides++
	return nil
}

func (n *network) release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asides--
}

func (n *network) lookup(ctx context.Context, host string) ([]string, error) {
	start := time.Now()
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	n.mu.Lock()
	n.resolve += time.Since(start)
	n.mu.Unlock()
	return found, err
}

func (n *network) complain(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = err
}

// complaint is what was last complained of since this was last asked, or nil.
func (n *network) complaint() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.said
	n.said = nil
	return err
}

// spent is how many connections were attempted and how long names were looked up since it was last asked.
func (n *network) spent() (dials uint32, resolve time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	dials, resolve, n.dials, n.resolve = n.dials, n.resolve, 0, 0
	return dials, resolve
}

// abort breaks off every connection there is, and those being made. There are none any more after it.
func (n *network) abort() {
	n.end()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closeAll()
}

// breakOff breaks off every connection there is. Others can be made after it.
func (n *network) breakOff() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closeAll()
}

func (n *network) closeAll() {
	for c := range n.open {
		_ = c.Conn.Close() // nothing is asked of it any more
	}
	clear(n.open)
}

// tracked is a connection that its network knows of.
type tracked struct {
	net.Conn
	of *network
}

// Close closes the connection. It may be called again.
func (t *tracked) Close() error {
	t.of.mu.Lock()
	delete(t.of.open, t)
	t.of.mu.Unlock()
	if err := t.Conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
