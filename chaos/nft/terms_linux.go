package nft

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// term is a part of a rule: as nft(8) writes it, and as the kernel takes it.
type term struct {
	text  string
	exprs []expr.Any
}

// rule is its terms, in order.
type rule []term

func (r rule) String() string {
	words := make([]string, len(r))
	for i, t := range r {
		words[i] = t.text
	}
	return strings.Join(words, " ")
}

func (r rule) exprs() []expr.Any {
	var out []expr.Any
	for _, t := range r {
		out = append(out, t.exprs...)
	}
	return out
}

// reg is the first register for data; each term uses it for its own comparison only.
const reg = 1

func equal(data []byte) *expr.Cmp { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: data} }

func load(base expr.PayloadBase, offset, length int) *expr.Payload {
	return &expr.Payload{DestRegister: reg, Base: base, Offset: uint32(offset), Len: uint32(length)}
}

// proto matches a protocol of layer 4; icmp is that of both families.
func proto(name string) []term {
	one := func(name string, n byte) term {
		return term{"meta l4proto " + name, []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg}, equal([]byte{n})}}
	}
	switch name {
	case "tcp":
		return []term{one("tcp", unix.IPPROTO_TCP)}
	case "udp":
		return []term{one("udp", unix.IPPROTO_UDP)}
	case "icmp":
		return []term{one("icmp", unix.IPPROTO_ICMP), one("ipv6-icmp", unix.IPPROTO_ICMPV6)}
	}
	return nil
}

// port matches the source or destination port. It must stand behind a protocol that has ports.
func port(source bool, p uint16) term {
	side, offset := "dport", 2
	if source {
		side, offset = "sport", 0
	}
	return term{fmt.Sprintf("th %s %d", side, p),
		[]expr.Any{load(expr.PayloadBaseTransportHeader, offset, 2), equal(binary.BigEndian.AppendUint16(nil, p))}}
}

// address matches the source or destination address.
func address(source bool, p netip.Prefix) term {
	side, word, family, offset := "daddr", "ip", byte(unix.NFPROTO_IPV4), 16
	if p.Addr().Is6() {
		word, family, offset = "ip6", unix.NFPROTO_IPV6, 24
	}
	size := p.Addr().BitLen() / 8
	if source {
		side, offset = "saddr", offset-size
	}
	mask := make([]byte, size)
	for i := range p.Bits() {
		mask[i/8] |= 1 << (7 - i%8)
	}
	return term{fmt.Sprintf("%s %s %s", word, side, p), []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg}, equal([]byte{family}),
		load(expr.PayloadBaseNetworkHeader, offset, size),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: uint32(size), Mask: mask, Xor: make([]byte, size)},
		equal(p.Masked().Addr().AsSlice()),
	}}
}

// device matches the interface a packet came in by, or leaves by.
func device(in bool, name string) term {
	word, key := "oifname", expr.MetaKeyOIFNAME
	if in {
		word, key = "iifname", expr.MetaKeyIIFNAME
	}
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return term{fmt.Sprintf("%s %q", word, name), []expr.Any{&expr.Meta{Key: key, Register: reg}, equal(padded)}}
}

// inCgroup matches packets of sockets in a cgroup.
func inCgroup(c Cgroup) term {
	return term{fmt.Sprintf("socket cgroupv2 level %d %q", c.Level, c.Path), []expr.Any{
		&expr.Socket{Key: expr.SocketKeyCgroupv2, Level: c.Level, Register: reg}, equal(binary.NativeEndian.AppendUint64(nil, c.ID))}}
}

func marked(mark uint32) term {
	return term{fmt.Sprintf("meta mark %#x", mark), []expr.Any{&expr.Meta{Key: expr.MetaKeyMARK, Register: reg}, equal(binaryutil.NativeEndian.PutUint32(mark))}}
}

// armed lets only packets on whose family is in the set, which is while the lease runs.
func armed(s *nftables.Set) term {
	return term{"meta nfproto @" + armedSet, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg}, &expr.Lookup{SourceRegister: reg, SetName: s.Name, SetID: s.ID}}}
}

// outOf is the denominator of chances.
const outOf = 1_000_000

// chance lets a share of the packets on, each by a draw of the kernel.
func chance(share float64) term {
	n := uint32(share*outOf + 0.5)
	return term{fmt.Sprintf("numgen random mod %d < %d", outOf, n), []expr.Any{
		&expr.Numgen{Register: reg, Modulus: outOf, Type: unix.NFT_NG_RANDOM},
		&expr.Byteorder{SourceRegister: reg, DestRegister: reg, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: expr.CmpOpLt, Register: reg, Data: binaryutil.BigEndian.PutUint32(n)},
	}}
}

func counter() term { return term{"counter", []expr.Any{&expr.Counter{}}} }

func accept() term { return term{"accept", []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}} }

func drop() term { return term{"drop", []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}} }

func toHarm() term {
	return term{"goto " + harmChain, []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: harmChain}}}
}

func reset() term {
	return term{"reject with tcp reset", []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}}
}

func unreachable() term {
	return term{"reject with icmpx port-unreachable", []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH}}}
}

// refusals are the packets that rejecting makes. On loopback they come by the same rules, which must let them pass.
func refusals() []rule {
	return []rule{
		{proto("tcp")[0], term{"tcp flags & rst == rst", []expr.Any{load(expr.PayloadBaseTransportHeader, 13, 1),
			&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 1, Mask: []byte{4}, Xor: []byte{0}}, equal([]byte{4})}}, accept()},
		{proto("icmp")[0], term{"icmp type destination-unreachable", []expr.Any{load(expr.PayloadBaseTransportHeader, 0, 1), equal([]byte{3})}}, accept()},
		{proto("icmp")[1], term{"icmpv6 type destination-unreachable", []expr.Any{load(expr.PayloadBaseTransportHeader, 0, 1), equal([]byte{1})}}, accept()},
	}
}

func redirect(port uint16) term {
	text := fmt.Sprintf("redirect to :%d", port)
	if port == 0 { // not known yet
		text = "redirect"
	}
	return term{text, []expr.Any{
		&expr.Immediate{Register: reg, Data: binary.BigEndian.AppendUint16(nil, port)},
		&expr.Redir{RegisterProtoMin: reg, Flags: unix.NF_NAT_RANGE_PROTO_SPECIFIED}}}
}

// queue hands packets to user space. Kernels built without nf_tables' own expression for it have the older one of
// iptables, which nf_tables can use, too: native says which.
func queue(n uint16, native bool) term {
	t := term{text: fmt.Sprintf("queue flags bypass to %d", n)}
	if native {
		t.exprs = []expr.Any{&expr.Queue{Num: n, Total: 1, Flag: expr.QueueFlagBypass}}
		return t
	}
	// struct xt_NFQ_info_v3 of linux/netfilter/xt_NFQUEUE.h: queuenum, queues_total, flags (1: bypass), aligned to 8.
	info := xt.Unknown(make([]byte, 8))
	binary.NativeEndian.PutUint16(info[0:], n)
	binary.NativeEndian.PutUint16(info[2:], 1)
	binary.NativeEndian.PutUint16(info[4:], 1)
	t.exprs = []expr.Any{&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info}}
	return t
}
