package qdisc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"

	"gameday/chaos/hostnet"
)

// What linux/rtnetlink.h and linux/pkt_sched.h define.
const (
	protocolRoute = 0
	newQdisc      = 36
	delQdisc      = 37
	getQdisc      = 38
	atRoot        = 0xFFFFFFFF // TC_H_ROOT
	attrKind      = 1
	attrOptions   = 2
	attrStats     = 7 // TCA_STATS2
	statsBasic    = 1 // struct gnet_stats_basic: u64 bytes, u32 packets
	headSize      = 20
)

// discipline is one queueing discipline of the kernel.
type discipline struct {
	kind    string
	handle  uint32 // 0: the kernel's default
	packets uint64 // sent through it
}

// name is the handle as tc(8) writes it.
func name(handle uint32) string { return fmt.Sprintf("%x:", handle>>16) }

// head is struct tcmsg: u8 family and padding to 4, i32 interface, u32 handle, u32 parent, u32 info.
func head(index int, handle, parent uint32) []byte {
	b := make([]byte, 4, headSize)
	b = binary.NativeEndian.AppendUint32(b, uint32(int32(index)))
	b = binary.NativeEndian.AppendUint32(b, handle)
	b = binary.NativeEndian.AppendUint32(b, parent)
	return binary.NativeEndian.AppendUint32(b, 0)
}

// dial opens a connection to the kernel's routing in a namespace, with a deadline on everything.
func dial(ns hostnet.Namespace) (*netlink.Conn, error) {
	var c *netlink.Conn
	err := ns.Do(func() (err error) {
		c, err = connect()
		return err
	})
	return c, err
}

// connect opens a connection in the namespace of the calling thread.
func connect() (*netlink.Conn, error) {
	c, err := netlink.Dial(protocolRoute, nil)
	if err != nil {
		return nil, fmt.Errorf("talk to the kernel's traffic control: %w", err)
	}
	if err := c.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// root is the discipline at the root of an interface.
func root(c *netlink.Conn, index int) (discipline, error) {
	ms, err := c.Execute(netlink.Message{Header: netlink.Header{Type: getQdisc, Flags: netlink.Request | netlink.Dump}, Data: head(index, 0, 0)})
	if err != nil {
		return discipline{}, fmt.Errorf("list queueing disciplines: %w", err)
	}
	for _, m := range ms {
		if len(m.Data) < headSize || int(int32(binary.NativeEndian.Uint32(m.Data[4:]))) != index ||
			binary.NativeEndian.Uint32(m.Data[12:]) != atRoot {
			continue
		}
		return decode(m.Data)
	}
	return discipline{kind: "none"}, nil
}

func decode(data []byte) (discipline, error) {
	d := discipline{handle: binary.NativeEndian.Uint32(data[8:])}
	ad, err := netlink.NewAttributeDecoder(data[headSize:])
	if err != nil {
		return d, fmt.Errorf("read a queueing discipline: %w", err)
	}
	for ad.Next() {
		switch ad.Type() {
		case attrKind:
			d.kind = ad.String()
		case attrStats:
			ad.Nested(func(nad *netlink.AttributeDecoder) error {
				for nad.Next() {
					if b := nad.Bytes(); nad.Type() == statsBasic && len(b) >= 12 {
						d.packets = uint64(binary.NativeEndian.Uint32(b[8:]))
					}
				}
				return nil
			})
		}
	}
	if err := ad.Err(); err != nil {
		return d, fmt.Errorf("read a queueing discipline: %w", err)
	}
	return d, nil
}

// add puts a discipline at the root of an interface, where only the kernel's default may be.
func add(c *netlink.Conn, index int, handle uint32, kind string, options []byte) error {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: attrKind, Data: append([]byte(kind), 0)}, {Type: attrOptions, Data: options}})
	if err != nil {
		return fmt.Errorf("describe %s: %w", kind, err)
	}
	_, err = c.Execute(netlink.Message{
		Header: netlink.Header{Type: newQdisc, Flags: netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Excl},
		Data:   append(head(index, handle, atRoot), attrs...)})
	return explain(err)
}

// remove deletes the discipline with that handle from the root of an interface. The kernel refuses when another is there.
func remove(c *netlink.Conn, index int, handle uint32) error {
	_, err := c.Execute(netlink.Message{Header: netlink.Header{Type: delQdisc, Flags: netlink.Request | netlink.Acknowledge},
		Data: head(index, handle, atRoot)})
	return explain(err)
}

func explain(err error) error {
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w; it needs root, or the capability CAP_NET_ADMIN", err)
	}
	return err
}

// tbf is the token bucket filter: rate in bytes per second, burst and limit in bytes. Its options are struct tc_tbf_qopt
// with the rate in struct tc_ratespec, of linux/pkt_sched.h. The burst travels in bytes of its own (TCA_TBF_BURST), so
// that nothing depends on the kernel's clock ticks.
func tbf(rate uint64, burst, limit uint32) ([]byte, error) {
	spec := make([]byte, 0, 36)
	spec = append(spec, 0, 1)               // u8 cell_log, u8 link layer: Ethernet
	spec = append(spec, make([]byte, 6)...) // u16 overhead, i16 cell_align, u16 mpu
	narrow := uint32(min(rate, 1<<32-1))    // u32 rate
	spec = binary.NativeEndian.AppendUint32(spec, narrow)
	spec = append(spec, make([]byte, 12)...) // no peak rate
	spec = binary.NativeEndian.AppendUint32(spec, limit)
	spec = append(spec, make([]byte, 8)...) // u32 buffer in ticks, u32 mtu: by TCA_TBF_BURST
	attrs := []netlink.Attribute{{Type: 1, Data: spec}, {Type: 6, Data: binary.NativeEndian.AppendUint32(nil, burst)}}
	if rate > 1<<32-1 {
		attrs = append(attrs, netlink.Attribute{Type: 4, Data: binary.NativeEndian.AppendUint64(nil, rate)})
	}
	return netlink.MarshalAttributes(attrs)
}

// impairment is what sch_netem can do; shares are 0 to 1.
type impairment struct {
	delay, jitter                     time.Duration
	loss, duplicate, corrupt, reorder float64
}

// netem encodes struct tc_netem_qopt and what stands behind it, of linux/pkt_sched.h. Times travel in nanoseconds
// (TCA_NETEM_LATENCY64, TCA_NETEM_JITTER64).
func netem(i impairment) ([]byte, error) {
	probability := func(p float64) uint32 { return uint32(p * (1<<32 - 1)) }
	u32s := func(ns ...uint32) (b []byte) {
		for _, n := range ns {
			b = binary.NativeEndian.AppendUint32(b, n)
		}
		return b
	}
	gap := uint32(0)
	if i.reorder > 0 { // this share goes at once, past those that are delayed
		gap = 1
	}
	opt := u32s(0, 10_000, probability(i.loss), gap, probability(i.duplicate), 0) // latency, limit in packets, loss, gap, duplicate, jitter
	attrs := []netlink.Attribute{
		{Type: 10, Data: binary.NativeEndian.AppendUint64(nil, uint64(i.delay.Nanoseconds()))},
		{Type: 11, Data: binary.NativeEndian.AppendUint64(nil, uint64(i.jitter.Nanoseconds()))},
		{Type: 3, Data: u32s(probability(i.reorder), 0)},
		{Type: 4, Data: u32s(probability(i.corrupt), 0)},
	}
	more, err := netlink.MarshalAttributes(attrs)
	return append(opt, more...), err
}
