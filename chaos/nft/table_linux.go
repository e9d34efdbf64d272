package nft

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"gameday/chaos/hostnet"
)

// The names within a table.
const (
	armedSet  = "armed"
	harmChain = "harm"
)

// callTimeout bounds one talk with the kernel.
const callTimeout = 3 * time.Second

// chain is one chain of a table; without a hook it is only jumped to.
type chain struct {
	name  string
	kind  nftables.ChainType
	hook  *nftables.ChainHook
	prio  *nftables.ChainPriority
	rules []rule
}

// built is a table as it will be.
type built struct {
	table  *nftables.Table
	set    *nftables.Set
	chains []chain
}

func (s Spec) build(nativeQueue bool) built {
	b := built{table: &nftables.Table{Name: s.Name, Family: nftables.TableFamilyINet}}
	b.set = &nftables.Set{Table: b.table, Name: armedSet, KeyType: nftables.TypeNFProto, HasTimeout: true, Timeout: s.Lease}
	b.chains = append(b.chains, chain{name: harmChain, kind: s.chainType(), rules: s.harm(b.set, nativeQueue)})
	before := nftables.ChainPriorityRef(*nftables.ChainPriorityFilter - 10) // before those who would accept or count
	hooks := map[Direction][]chain{
		In:      {{name: "input", hook: nftables.ChainHookInput}},
		Out:     {{name: "output", hook: nftables.ChainHookOutput}},
		Both:    {{name: "input", hook: nftables.ChainHookInput}, {name: "output", hook: nftables.ChainHookOutput}},
		Forward: {{name: "forward", hook: nftables.ChainHookForward}},
	}
	for _, c := range hooks[s.Direction] {
		c.kind, c.prio = s.chainType(), before
		if s.Verdict == Redirect {
			c.prio = nftables.ChainPriorityRef(*nftables.ChainPriorityNATDest - 10)
		}
		c.rules = append(s.exemptions(), s.matches(c.name)...)
		b.chains = append(b.chains, c)
	}
	return b
}

func (s Spec) chainType() nftables.ChainType {
	if s.Verdict == Redirect {
		return nftables.ChainTypeNAT
	}
	return nftables.ChainTypeFilter
}

// harm is what becomes of the packets that match.
func (s Spec) harm(set *nftables.Set, nativeQueue bool) []rule {
	start := rule{armed(set)}
	if s.Share > 0 && s.Share < 1 {
		start = append(start, chance(s.Share))
	}
	add := func(ts ...term) rule { return append(append(rule{}, start...), ts...) }
	switch s.Verdict {
	case Reject:
		r := add(proto("tcp")[0], counter(), reset())
		rest := append(append(rule{notTCP()}, start...), counter(), unreachable()) // TCP that was let off draws no second time
		return append(refusals(), r, rest)
	case Queue:
		return []rule{add(counter(), queue(s.Number, nativeQueue))}
	case Redirect:
		return []rule{add(proto("tcp")[0], counter(), redirect(s.Number)), add(proto("udp")[0], counter(), redirect(s.Number))}
	}
	return []rule{add(counter(), drop())}
}

func notTCP() term {
	return term{"meta l4proto != tcp", []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: []byte{unix.IPPROTO_TCP}}}}
}

// exemptions come first in every chain: the control addresses on either side, and what carries our own mark.
func (s Spec) exemptions() []rule {
	var out []rule
	if s.Mark != 0 {
		out = append(out, rule{marked(s.Mark), accept()})
	}
	for _, a := range s.Exempt {
		whole := netip.PrefixFrom(a.Addr(), a.Addr().BitLen())
		for _, p := range []string{"tcp", "udp"} {
			for _, source := range []bool{true, false} {
				out = append(out, rule{address(source, whole), proto(p)[0], port(source, a.Port()), accept()})
			}
		}
	}
	return out
}

// matches are the rules of one hook that send packets to the harm chain. Going there is final: a packet is judged once.
func (s Spec) matches(hook string) []rule {
	var out []rule
	for _, m := range s.Match {
		sides := []bool{true} // is the peer the source?
		switch hook {
		case "output":
			sides = []bool{false}
		case "forward":
			sides = []bool{true, false}
		}
		for _, peerIsSource := range sides {
			out = append(out, m.rules(peerIsSource, hook)...)
		}
	}
	return out
}

func (m Match) rules(peerIsSource bool, hook string) []rule {
	var base rule
	if m.Interface != "" {
		base = append(base, device(hook == "input" || hook == "forward" && peerIsSource, m.Interface))
	}
	if m.Peer.IsValid() {
		base = append(base, address(peerIsSource, m.Peer))
	}
	if m.Cgroup.ID != 0 {
		base = append(base, inCgroup(m.Cgroup))
	}
	protos := proto(m.Protocol)
	if m.Port != 0 || m.LocalPort != 0 {
		if protos = proto(m.Protocol); m.Protocol == "" {
			protos = append(proto("tcp"), proto("udp")...)
		}
	}
	heads := []rule{base}
	if len(protos) > 0 {
		heads = nil
		for _, p := range protos {
			heads = append(heads, append(append(rule{}, base...), p))
		}
	}
	var out []rule
	for _, h := range heads {
		add := func(ts ...term) { out = append(out, append(append(append(rule{}, h...), ts...), toHarm())) }
		switch {
		case m.LocalPort != 0:
			add(port(!peerIsSource, m.LocalPort))
		case m.Port != 0:
			add(port(true, m.Port))
			add(port(false, m.Port))
		default:
			add()
		}
	}
	return out
}

// Lines are the rules as nft(8) would write them, for a person to read before anything happens.
func (s Spec) Lines() []string {
	lease := s.Lease
	if lease <= 0 {
		lease = DefaultLease
	}
	out := []string{fmt.Sprintf("table inet %s: set %s, emptied by the kernel %v after its last renewal", s.Name, armedSet, lease)}
	for _, c := range s.build(true).chains {
		for _, r := range c.rules {
			out = append(out, fmt.Sprintf("%s: %s", c.name, r))
		}
	}
	return out
}

// dial opens a connection in a namespace; release closes it.
func dial(ns hostnet.Namespace) (c *nftables.Conn, release func(), err error) {
	if ns.Own() { // which takes no privilege to enter
		c, err = connect(0)
	} else {
		var f *os.File
		if f, err = ns.Open(); err != nil {
			return nil, nil, err
		}
		defer f.Close() // the socket stays in the namespace
		c, err = connect(int(f.Fd()))
	}
	if err != nil {
		return nil, nil, err
	}
	return c, func() { _ = c.CloseLasting() }, nil // everything was acknowledged before
}

// connect opens a connection in the namespace of a file descriptor, or in the own one for 0.
func connect(ns int) (*nftables.Conn, error) {
	c, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(ns),
		nftables.WithSockOptions(func(c *netlink.Conn) error { return c.SetDeadline(time.Now().Add(callTimeout)) }))
	if err != nil {
		return nil, fmt.Errorf("talk to nf_tables: %w", explain(err))
	}
	return c, nil
}

// explain adds to an error of the kernel what can be done about it.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w; it needs root, or the capability CAP_NET_ADMIN", err)
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("%w; this kernel lacks what it needs of nf_tables; `gameday doctor` says what", err)
	}
	return err
}

func install(s Spec) error {
	c, release, err := dial(s.Namespace)
	if err != nil {
		return err
	}
	defer release()
	native := true
	if s.Verdict == Queue {
		if native, err = nativeQueue(); err != nil {
			return err
		}
	}
	if err := s.build(native).add(c, s.Lease); err != nil {
		return err
	}
	return explain(c.Flush())
}

// add puts the whole table into the batch of c.
func (b built) add(c *nftables.Conn, lease time.Duration) error {
	c.CreateTable(b.table)
	if err := c.AddSet(b.set, elements(lease)); err != nil {
		return fmt.Errorf("describe set %s: %w", b.set.Name, err)
	}
	for _, ch := range b.chains {
		nc := c.AddChain(&nftables.Chain{Name: ch.name, Table: b.table, Type: ch.kind, Hooknum: ch.hook, Priority: ch.prio})
		for _, r := range ch.rules {
			c.AddRule(&nftables.Rule{Table: b.table, Chain: nc, Exprs: r.exprs()})
		}
	}
	return nil
}

func elements(lease time.Duration) []nftables.SetElement {
	return []nftables.SetElement{{Key: []byte{unix.NFPROTO_IPV4}, Timeout: lease}, {Key: []byte{unix.NFPROTO_IPV6}, Timeout: lease}}
}

// renew gives the elements a new timeout. Older kernels keep the old one of an element that exists, so they are taken
// out and put in again; the kernel does both at one moment.
func renew(s Spec) error { return setArmed(s, elements(s.Lease)) }

// pass takes the elements out.
func pass(s Spec) error { return setArmed(s, nil) }

func setArmed(s Spec, to []nftables.SetElement) error {
	c, release, err := dial(s.Namespace)
	if errors.Is(err, hostnet.ErrGone) {
		return ErrGone
	}
	if err != nil {
		return err
	}
	defer release()
	set := &nftables.Set{Table: &nftables.Table{Name: s.Name, Family: nftables.TableFamilyINet}, Name: armedSet,
		KeyType: nftables.TypeNFProto, HasTimeout: true}
	c.FlushSet(set)
	if len(to) > 0 {
		if err := c.SetAddElements(set, to); err != nil {
			return fmt.Errorf("describe elements of set %s: %w", armedSet, err)
		}
	}
	if err := c.Flush(); errors.Is(err, unix.ENOENT) {
		return ErrGone
	} else if err != nil {
		return explain(err)
	}
	return nil
}

// Present reports whether the table is there. A namespace that is gone took it along.
func Present(u Undo) (bool, error) {
	names, err := List(u.Namespace)
	if errors.Is(err, hostnet.ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for table %s: %w", u.Table, err)
	}
	for _, n := range names {
		if n == u.Table {
			return true, nil
		}
	}
	return false, nil
}

// List names the tables in a namespace that gameday made, whoever's they are.
func List(ns hostnet.Namespace) ([]string, error) {
	c, release, err := dial(ns)
	if err != nil {
		return nil, err
	}
	defer release()
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, fmt.Errorf("list tables of nf_tables: %w", explain(err))
	}
	var out []string
	for _, t := range tables {
		if tableName.MatchString(t.Name) {
			out = append(out, t.Name)
		}
	}
	return out, nil
}

// Remove deletes the table if it is there, and verifies that it is gone.
func Remove(u Undo) error {
	c, release, err := dial(u.Namespace)
	if errors.Is(err, hostnet.ErrGone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete table %s: %w; by hand: %s", u.Table, err, u.Command())
	}
	defer release()
	c.DelTable(&nftables.Table{Name: u.Table, Family: nftables.TableFamilyINet})
	if err := c.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete table %s: %w; by hand: %s", u.Table, explain(err), u.Command())
	}
	there, err := Present(u)
	if err == nil && there {
		err = fmt.Errorf("table %s is still there after it was deleted; by hand: %s", u.Table, u.Command())
	}
	return err
}

// count sums the counters of the harm chain.
func count(s Spec) (uint64, error) {
	c, release, err := dial(s.Namespace)
	if err != nil {
		return 0, err
	}
	defer release()
	table := &nftables.Table{Name: s.Name, Family: nftables.TableFamilyINet}
	rules, err := c.GetRules(table, &nftables.Chain{Name: harmChain, Table: table})
	if err != nil {
		return 0, fmt.Errorf("read counters of table %s: %w", s.Name, err)
	}
	var n uint64
	for _, r := range rules {
		for _, e := range r.Exprs {
			if k, ok := e.(*expr.Counter); ok {
				n += k.Packets
			}
		}
	}
	return n, nil
}
