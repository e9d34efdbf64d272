package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"gameday/chaos/hostnet"
)

const (
	atOnce      = 512             // queries that are answered at the same time; more are dropped, as by a busy server
	upstreamFor = 4 * time.Second // for one server to answer; clients commonly ask again after 5 s
	idleFor     = 15 * time.Second
)

// rules are what a resolver does.
type rules struct {
	names     names
	answer    Answer
	addresses []netip.Addr
	delay     time.Duration
	share     float64
	servers   []netip.AddrPort // who knows the right answers, asked in order
}

// resolver answers queries for the names that are hit itself, and passes all others on.
type resolver struct {
	rules
	mark uint32
	ns   hostnet.Namespace

	udp  []*net.UDPConn
	tcp  []net.Listener
	port uint16
	ctx  context.Context
	end  context.CancelFunc
	wg   sync.WaitGroup
	slot chan struct{}

	mu   sync.Mutex
	rnd  *rand.Rand
	open map[net.Conn]struct{} // connections of clients

	hit     atomic.Uint64 // queries that got what the fault gives
	dropped atomic.Uint64 // queries beyond atOnce
}

// serve starts a resolver on a free port of the loopback addresses. The caller closes it.
func serve(r rules, ns hostnet.Namespace, mark uint32, seed uint64) (*resolver, error) {
	s := &resolver{rules: r, ns: ns, mark: mark, rnd: rand.New(rand.NewPCG(seed, 0x646e73)), slot: make(chan struct{}, atOnce), open: map[net.Conn]struct{}{}}
	s.ctx, s.end = context.WithCancel(context.Background()) // lives from Apply to Revert, not as long as the call
	var err error
	for range 16 { // the same port must be free for both protocols and both families
		if err = s.listen(); err == nil {
			break
		}
		s.closeSockets()
	}
	if err != nil {
		s.end()
		return nil, fmt.Errorf("open a port for the resolver: %w", err)
	}
	for _, c := range s.udp {
		s.wg.Go(func() { s.serveUDP(c) })
	}
	for _, l := range s.tcp {
		s.wg.Go(func() { s.serveTCP(l) })
	}
	return s, nil
}

func (s *resolver) listen() error {
	return s.ns.Do(func() error {
		s.port = 0
		for _, addr := range []string{"127.0.0.1", "::1"} {
			u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr), Port: int(s.port)})
			if err != nil {
				if addr == "::1" && errors.Is(err, errNoAddress) { // no IPv6 here
					continue
				}
				return err
			}
			s.udp = append(s.udp, u)
			s.port = u.LocalAddr().(*net.UDPAddr).AddrPort().Port()
			l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(addr), Port: int(s.port)})
			if err != nil {
				return err
			}
			s.tcp = append(s.tcp, l)
		}
		return nil
	})
}

func (s *resolver) closeSockets() {
	for _, c := range s.udp {
		_ = c.Close() // datagrams: nothing can be lost that is not lost anyway
	}
	for _, l := range s.tcp {
		_ = l.Close() // no connection was accepted that is not closed elsewhere
	}
	s.udp, s.tcp = nil, nil
}

// close ends the resolver and waits for it.
func (s *resolver) close() {
	s.end()
	s.closeSockets()
	s.mu.Lock()
	for c := range s.open {
		_ = c.Close() // its handler ends by it
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *resolver) serveUDP(c *net.UDPConn) {
	for b := make([]byte, 64<<10); ; {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // of an earlier answer that found nobody
		}
		select {
		case s.slot <- struct{}{}:
		default:
			s.dropped.Add(1)
			continue
		}
		q := append([]byte(nil), b[:n]...)
		s.wg.Go(func() {
			defer func() { <-s.slot }()
			if a := s.handle(q, "udp"); a != nil {
				_, _ = c.WriteToUDPAddrPort(a, from) // who asked may have left
			}
		})
	}
}

func (s *resolver) serveTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		full := len(s.open) >= atOnce || s.ctx.Err() != nil
		if !full {
			s.open[c] = struct{}{}
		}
		s.mu.Unlock()
		if full {
			s.dropped.Add(1)
			_ = c.Close() // nothing was said on it
			continue
		}
		s.wg.Go(func() {
			s.serveConn(c)
			s.mu.Lock()
			delete(s.open, c)
			s.mu.Unlock()
			_ = c.Close() // what was to be said was said, or could not be
		})
	}
}

// serveConn answers one query after the other, each behind its length (RFC 1035, 4.2.2).
func (s *resolver) serveConn(c net.Conn) {
	for {
		if err := c.SetDeadline(time.Now().Add(idleFor + s.delay)); err != nil {
			return
		}
		q, err := readMessage(c)
		if err != nil {
			return
		}
		a := s.handle(q, "tcp")
		if a == nil {
			continue
		}
		if _, err := c.Write(withLength(a)); err != nil {
			return
		}
	}
}

func readMessage(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

func withLength(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 0, len(b)+2), uint16(len(b))), b...)
}

// handle gives the answer to a query; nil is none.
func (s *resolver) handle(query []byte, network string) []byte {
	h, q, err := question(query)
	if err != nil || h.Response || !s.names.match(q.Name.String()) || !s.draw() {
		return s.forward(query, network)
	}
	s.hit.Add(1)
	code, addrs := dnsmessage.RCodeSuccess, s.addresses
	switch s.answer {
	case Timeout:
		return nil
	case Delay:
		t := time.NewTimer(s.delay)
		defer t.Stop()
		select {
		case <-t.C:
			return s.forward(query, network)
		case <-s.ctx.Done():
			return nil
		}
	case NXDomain:
		code, addrs = dnsmessage.RCodeNameError, nil
	case ServFail:
		code, addrs = dnsmessage.RCodeServerFailure, nil
	case Refused:
		code, addrs = dnsmessage.RCodeRefused, nil
	}
	a, err := reply(h, q, code, addrs)
	if err != nil { // a question that cannot be written again
		return s.forward(query, network)
	}
	return a
}

func (s *resolver) draw() bool {
	if s.share >= 1 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rnd.Float64() < s.share
}

// forward asks those who know, in their order. When none answers, the client is told that the server failed.
func (s *resolver) forward(query []byte, network string) []byte {
	for _, server := range s.servers {
		if a, err := s.ask(server, query, network); err == nil {
			return a
		}
		if s.ctx.Err() != nil {
			return nil
		}
	}
	h, q, err := question(query)
	if err != nil {
		return nil
	}
	a, err := reply(h, q, dnsmessage.RCodeServerFailure, nil)
	if err != nil {
		return nil
	}
	return a
}

func (s *resolver) ask(server netip.AddrPort, query []byte, network string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.ctx, upstreamFor)
	defer cancel()
	var c net.Conn
	err := s.ns.Do(func() (err error) {
		d := net.Dialer{Control: marked(s.mark)} // or the rules would send it back to us
		c, err = d.DialContext(ctx, network, server.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // ends what waits on it
	defer stop()
	if network == "tcp" {
		if _, err := c.Write(withLength(query)); err != nil {
			return nil, err
		}
		return readMessage(c)
	}
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	for b := make([]byte, 64<<10); ; {
		n, err := c.Read(b)
		if err != nil {
			return nil, err
		}
		if n >= 12 && len(query) >= 2 && b[0] == query[0] && b[1] == query[1] { // the answer to this query
			return b[:n], nil
		}
	}
}
