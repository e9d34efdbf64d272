package netfilter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"gameday/chaos/hostnet"
)

// What linux/netfilter/nfnetlink_queue.h defines and package unix does not.
const (
	msgPacket       = unix.NFNL_SUBSYS_QUEUE << 8 // | 0
	msgConfig       = unix.NFNL_SUBSYS_QUEUE<<8 | 2
	msgVerdictBatch = unix.NFNL_SUBSYS_QUEUE<<8 | 3
	attrPacketHead  = 1 // struct nfqnl_msg_packet_hdr: be32 id, be16 protocol, u8 hook
	attrVerdict     = 2 // struct nfqnl_msg_verdict_hdr: be32 verdict, be32 id
	cfgCommand      = 1 // struct nfqnl_msg_config_cmd: u8 command, u8 pad, be16 family
	cfgParams       = 2 // struct nfqnl_msg_config_params: be32 copy range, u8 copy mode
	cfgMaxLength    = 3 // be32
	cfgMask         = 4 // be32
	cfgFlags        = 5 // be32
	commandBind     = 1
	copyMeta        = 1
	flagFailOpen    = 1 << 0 // a full queue passes packets instead of dropping them
	flagGSO         = 1 << 2 // large packets need not be cut up for us
	accept          = 1      // NF_ACCEPT
	queueLength     = 8192
)

// holder serves one queue of the kernel: packets wait in it and are accepted when their time has come. Only their
// numbers come to this process. When it dies, the kernel drops those that wait, and later ones pass the queue by.
type holder struct {
	conn   *netlink.Conn
	number uint16
	delay  time.Duration
	jitter time.Duration
	rnd    *rand.Rand // of the reader

	mu     sync.Mutex
	queue  []waiting // in the order they came, which is that in which they go; bounded by queueLength
	last   uint32    // newest packet seen
	passes bool      // released: nothing waits any more

	wake chan struct{}
	stop chan struct{}
	wg   sync.WaitGroup
}

type waiting struct {
	id  uint32
	due time.Time
}

// queueNumber turns a table's name into a queue that is hardly taken.
func queueNumber(name string) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return uint16(1024 + h.Sum32()%60000)
}

// hold begins to serve a queue, the wished one or one of the next, and returns which. The caller calls release and close.
func hold(ns hostnet.Namespace, wish uint16, delay, jitter time.Duration, seed uint64) (*holder, uint16, error) {
	var conn *netlink.Conn
	err := ns.Do(func() (err error) {
		conn, err = netlink.Dial(unix.NETLINK_NETFILTER, nil)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("open a queue of packets: %w", err)
	}
	h := &holder{conn: conn, delay: delay, jitter: jitter, rnd: rand.New(rand.NewPCG(seed, 0x6e66)),
		wake: make(chan struct{}, 1), stop: make(chan struct{})}
	for try := range uint16(16) {
		h.number = wish + try
		if err = h.configure(); err == nil {
			break
		}
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open queue %d of packets: %w", wish, err), conn.Close())
	}
	h.wg.Go(h.read)
	h.wg.Go(h.write)
	return h, h.number, nil
}

func (h *holder) configure() error {
	if err := errors.Join(h.conn.SetDeadline(time.Now().Add(3*time.Second)), h.conn.SetReadBuffer(4<<20),
		h.conn.SetOption(netlink.NoENOBUFS, true)); err != nil {
		return err
	}
	be32 := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for _, attrs := range [][]netlink.Attribute{
		{{Type: cfgCommand, Data: []byte{commandBind, 0, 0, 0}}},
		{{Type: cfgParams, Data: append(be32(0), copyMeta)}, {Type: cfgMaxLength, Data: be32(queueLength)},
			{Type: cfgFlags, Data: be32(flagFailOpen | flagGSO)}, {Type: cfgMask, Data: be32(flagFailOpen | flagGSO)}},
	} {
		m, err := h.message(msgConfig, netlink.Request|netlink.Acknowledge, attrs)
		if err != nil {
			return err
		}
		if _, err := h.conn.Execute(m); err != nil {
			return err
		}
	}
	return h.conn.SetDeadline(time.Time{})
}

// message puts the queue's number and attributes behind the header struct nfgenmsg: family, version, be16 number.
func (h *holder) message(kind int, flags netlink.HeaderFlags, attrs []netlink.Attribute) (netlink.Message, error) {
	data, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return netlink.Message{}, fmt.Errorf("describe queue %d: %w", h.number, err)
	}
	head := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, h.number)
	return netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: flags}, Data: append(head, data...)}, nil
}

// read notes the packets that come, until the connection is closed.
func (h *holder) read() {
	for {
		ms, err := h.conn.Receive()
		switch {
		case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EINTR): // an answer to a verdict; what got lost passed
			continue
		case err != nil: // closed
			return
		}
		now := time.Now()
		for _, m := range ms {
			if id, ok := packetID(m); ok {
				h.add(id, now)
			}
		}
	}
}

func packetID(m netlink.Message) (uint32, bool) {
	if m.Header.Type != msgPacket || len(m.Data) < 4 {
		return 0, false
	}
	d, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return 0, false
	}
	for d.Next() {
		if b := d.Bytes(); d.Type() == attrPacketHead && len(b) >= 4 {
			return binary.BigEndian.Uint32(b), true
		}
	}
	return 0, false
}

func (h *holder) add(id uint32, now time.Time) {
	late := h.delay
	if h.jitter > 0 {
		late += time.Duration((2*h.rnd.Float64() - 1) * float64(h.jitter))
	}
	h.mu.Lock()
	due := now.Add(late)
	if n := len(h.queue); n > 0 && due.Before(h.queue[n-1].due) {
		due = h.queue[n-1].due // never before the one in front
	}
	h.queue, h.last = append(h.queue, waiting{id, due}), id
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// write accepts packets when they are due.
func (h *holder) write() {
	for {
		h.mu.Lock()
		now, upTo, n := time.Now(), uint32(0), 0
		for n < len(h.queue) && (h.passes || !h.queue[n].due.After(now)) {
			upTo = h.queue[n].id
			n++
		}
		h.queue = h.queue[n:]
		var next time.Time
		if len(h.queue) > 0 {
			next = h.queue[0].due
		}
		h.mu.Unlock()
		if n > 0 {
			h.accept(upTo)
			continue
		}
		if !h.wait(next) {
			return
		}
	}
}

// wait returns when the time has come, or something has changed; false when it is over.
func (h *holder) wait(until time.Time) bool {
	const fine = 2 * time.Millisecond // timers of the runtime are good to a millisecond, those of the kernel to far less
	if d := time.Until(until); !until.IsZero() && d <= fine {
		if d > 0 {
			ts := unix.NsecToTimespec(int64(d))
			_ = unix.Nanosleep(&ts, nil) // interrupted: asked again
		}
		return true
	}
	var due <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until) - fine)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-h.stop:
		return false
	case <-h.wake:
	case <-due:
	}
	return true
}

// accept lets all packets up to a number go. Without an answer: a packet that is gone already is no mistake.
func (h *holder) accept(upTo uint32) {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, accept), upTo)
	m, err := h.message(msgVerdictBatch, netlink.Request, []netlink.Attribute{{Type: attrVerdict, Data: head}})
	if err == nil {
		_, _ = h.conn.Send(m) // fails only when the connection is closed, which lets everything pass
	}
}

// release lets all that wait go, and all that may yet come. Nothing new should be sent to the queue any more.
func (h *holder) release() {
	h.mu.Lock()
	h.passes = true
	last := h.last
	h.mu.Unlock()
	for range 2 { // packets may be on their way to the queue for a moment after the rules let go
		h.accept(last + 1<<29)
		time.Sleep(2 * time.Millisecond)
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// close ends the service.
func (h *holder) close() {
	close(h.stop)
	_ = h.conn.Close() // nothing was written that could be lost
	h.wg.Wait()
}
