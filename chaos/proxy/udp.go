package proxy

import (
	"container/heap"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxClients   = 4096                   // of a udp link at a time; packets of more are refused and counted
	clientTime   = time.Minute            // a client that is silent for so long, and hears nothing, is forgotten
	maxPackets   = 16384                  // under way on a udp link
	maxPacketMem = 32 << 20               // bytes of them
	queueTime    = 500 * time.Millisecond // what would wait longer for bandwidth is lost, as in a router whose queue is full
)

// relay carries the packets of a udp link. To the upstream, each client has a port of its own.
type relay struct {
	link  *Link
	front *net.UDPConn
	queue queue
	done  chan struct{}
	wg    sync.WaitGroup

	mu       sync.Mutex
	sessions map[netip.AddrPort]*session
	closed   bool
}

// session is one client.
type session struct {
	client netip.AddrPort
	n      uint64 // which one of the link it is, from 1
	server *net.UDPConn
	last   atomic.Int64 // when a packet came from either side, in Unix nanoseconds
	view   atomic.Pointer[view]
}

func newRelay(l *Link) (*relay, error) {
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	r := &relay{link: l, front: front, done: make(chan struct{}), sessions: map[netip.AddrPort]*session{}}
	r.queue.fresh = make(chan struct{}, 1)
	r.wg.Go(r.receive)
	r.wg.Go(r.expire)
	r.wg.Go(r.deliver)
	return r, nil
}

func (r *relay) clients() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

func (r *relay) close() error {
	r.mu.Lock()
	r.closed = true
	for _, s := range r.sessions {
		_ = s.server.Close() // its reader ends
	}
	r.mu.Unlock()
	close(r.done)
	err := r.front.Close()
	r.wg.Wait()
	return err
}

// receive takes what clients send.
func (r *relay) receive() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP message about a client that has gone
		}
		if s := r.session(from); s != nil {
			r.carry(s, request, buf[:n])
		}
	}
}

// session finds a client's session, or begins one. nil: there is no room, or no way to the upstream.
func (r *relay) session(client netip.AddrPort) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.sessions[client]; ok {
		return s
	}
	if r.closed || len(r.sessions) >= maxClients {
		r.link.refused.Add(1)
		return nil
	}
	c, err := net.Dial("udp", r.link.Upstream())
	if err != nil {
		r.link.failed.Add(1)
		return nil
	}
	s := &session{client: client, n: r.link.accepted.Add(1), server: c.(*net.UDPConn)} // dialing "udp" gives nothing else
	s.last.Store(time.Now().UnixNano())
	r.sessions[client] = s
	r.wg.Go(func() { r.answer(s) })
	return s
}

// answer takes what the upstream sends to a client.
func (r *relay) answer(s *session) {
	buf := make([]byte, 1<<16)
	for {
		n, err := s.server.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // nobody listens at the upstream (yet): an ICMP message says so, and the next may be heard
			r.link.failed.Add(1)
			continue
		}
		r.carry(s, response, buf[:n])
	}
}

// expire forgets clients that are silent.
func (r *relay) expire() {
	t := time.NewTicker(clientTime / 8)
	defer t.Stop()
	for {
		select {
		case <-r.done:
			return
		case now := <-t.C:
			r.forget(now)
		}
	}
}

func (r *relay) forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, s := range r.sessions {
		if now.UnixNano()-s.last.Load() > int64(clientTime) {
			_ = s.server.Close()
			delete(r.sessions, k)
		}
	}
}

// carry does to one packet what the plan says: partition, loss, duplicates, then for each copy corruption, bandwidth and
// latency.
func (r *relay) carry(s *session, w way, b []byte) {
	now := time.Now()
	s.last.Store(now.UnixNano())
	p := r.link.plan.Load()
	v := s.view.Load()
	if v == nil || v.plan != p {
		v = p.view(s.n)
		s.view.Store(v)
	}
	for _, f := range p.partitions {
		f.touched.Add(1)
	}
	if len(p.partitions) > 0 {
		return
	}
	e := v.ways[w]
	for _, f := range e.losses {
		if f.float() < f.effect.(Loss).Rate {
			f.touched.Add(1)
			return
		}
	}
	copies := 1
	for _, f := range e.doubles {
		if f.float() < f.effect.(Duplicate).Rate {
			f.touched.Add(1)
			copies++
		}
	}
	for range copies {
		r.one(s, w, p, e, b, now)
	}
}

func (r *relay) one(s *session, w way, p *plan, e *effects, b []byte, now time.Time) {
	if len(e.spoils) > 0 {
		b = append([]byte(nil), b...) // a copy of the packet may stay good
		for _, f := range e.spoils {
			f.touched.Add(uint64(f.spoil(b)))
		}
	}
	due := now
	for _, f := range e.rates {
		at, ok := f.buckets[w].try(len(b), now, queueTime)
		if at.After(now) {
			f.touched.Add(uint64(len(b)))
		}
		if !ok {
			return
		}
		if at.After(due) {
			due = at
		}
	}
	for _, f := range e.delays {
		f.touched.Add(1)
		due = due.Add(f.delay())
	}
	if !due.After(now) {
		r.send(s, w, b)
		return
	}
	if !r.queue.put(packet{due: due, s: s, w: w, data: append([]byte(nil), b...)}) {
		r.link.dropped.Add(1)
	}
	if r.link.plan.Load() != p { // the plan has changed before the packet was in the queue
		r.queue.stale.Store(true)
		r.queue.poke()
	}
}

// spoil changes bytes of a packet.
func (r *Rule) spoil(b []byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.effect.(Corrupt)
	if r.gap.rnd == nil {
		r.gap = newGaps(f.Rate, source(f.Seed, 1))
	}
	return r.gap.spoil(b, f.Rate)
}

// send sends a packet. Who is not there any more does not get it, as without us.
func (r *relay) send(s *session, w way, b []byte) {
	r.link.bytes[w].Add(uint64(len(b)))
	if w == request {
		_, _ = s.server.Write(b)
		return
	}
	_, _ = r.front.WriteToUDPAddrPort(b, s.client)
}

// deliver sends what was delayed when it is due, and at once what no rule delays any more.
func (r *relay) deliver() {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	var seen *plan
	for {
		stale := r.queue.stale.Swap(false) // before the plan is read
		p := r.link.plan.Load()
		for w := range p.ways {
			if e := &p.ways[w]; (stale || p != seen) && len(e.delays)+len(e.rates) == 0 {
				r.queue.hurry(way(w))
			}
		}
		seen = p
		due, some := r.queue.next()
		if d := time.Until(due) - fine; !some || d > 0 {
			if !some {
				d = time.Hour
			}
			t.Reset(d)
			select {
			case <-t.C:
			case <-r.queue.fresh:
			case <-p.changed:
			case <-r.done:
				return
			}
			continue
		}
		r.link.sleepers.until(due)
		k := r.queue.take()
		for _, f := range p.partitions {
			f.touched.Add(1)
		}
		if len(p.partitions) == 0 {
			r.send(k.s, k.w, k.data)
		}
	}
}

// packet is one under way.
type packet struct {
	due  time.Time
	n    uint64 // packets that are due together keep their order
	s    *session
	w    way
	data []byte
}

// queue is the packets under way, by when they are due.
type queue struct {
	fresh chan struct{} // something came that is due before the rest; buffered by one
	stale atomic.Bool   // something came that goes by an old plan

	mu    sync.Mutex
	items packets
	size  int
	n     uint64
}

// put is false when the queue is full.
func (q *queue) put(k packet) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= maxPackets || q.size+len(k.data) > maxPacketMem {
		return false
	}
	q.n++
	k.n = q.n
	heap.Push(&q.items, k)
	q.size += len(k.data)
	if q.items[0].n == k.n {
		q.poke()
	}
	return true
}

func (q *queue) poke() {
	select {
	case q.fresh <- struct{}{}:
	default:
	}
}

func (q *queue) next() (due time.Time, some bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return time.Time{}, false
	}
	return q.items[0].due, true
}

func (q *queue) take() packet {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := heap.Pop(&q.items).(packet)
	q.size -= len(k.data)
	return k
}

// hurry makes everything of one way due now, in the order in which it came.
func (q *queue) hurry(w way) {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.items {
		if q.items[i].w == w {
			q.items[i].due = now
		}
	}
	heap.Init(&q.items)
}

type packets []packet

func (p packets) Len() int      { return len(p) }
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p packets) Less(i, j int) bool {
	if p[i].due.Equal(p[j].due) {
		return p[i].n < p[j].n
	}
	return p[i].due.Before(p[j].due)
}
func (p *packets) Push(x any) { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	last := len(*p) - 1
	k := (*p)[last]
	(*p)[last] = packet{}
	*p = (*p)[:last]
	return k
}
