// Package dns makes names fail, or lead to wrong addresses.
//
// Rules of nf_tables with a lease (package nft) send the queries to the machine's name servers to a small resolver in
// this process. It answers for the names that are hit, and passes all other queries on. When gameday dies, the kernel
// lets queries go straight to their servers again.
package dns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gameday/chaos"
	"gameday/chaos/hostnet"
	"gameday/chaos/nft"
)

// Lease is how long the fault outlives gameday when Options say nothing: short, because until then every query to the
// servers goes to a resolver that is not there.
const Lease = 3 * time.Second

// ownMark is on the resolver's own queries, so that the rules let them through to the servers.
const ownMark = 0x67646e73

// Options is what the fault works with. The zero value is right for a keeper and a recovery, which only restore.
type Options struct {
	Guard hostnet.Guard
	Lease time.Duration // 0: Lease
	Seed  uint64        // which queries are hit, with a share below 100%
}

// Failure is the fault dns.failure.
type Failure struct{ o Options }

// NewFailure returns the fault.
func NewFailure(o Options) *Failure { return &Failure{o} }

// Available says what of the kernel the fault finds.
func Available() []hostnet.Feature {
	return slices.DeleteFunc(nft.Available(), func(f hostnet.Feature) bool { return !strings.Contains(f.For, "dns.failure") })
}

// Kind is "dns.failure".
func (*Failure) Kind() string { return "dns.failure" }

// Hits this machine.
func (*Failure) Hits() chaos.TargetKind { return chaos.TargetHost }

// Help says what the targets feel.
func (*Failure) Help() string {
	return "names cannot be resolved, late, or to wrong addresses; other names are resolved as ever"
}

// Params are the names, the answer, and whose queries.
func (*Failure) Params() []chaos.Param {
	return []chaos.Param{
		{Name: "names", Type: "string", Required: true, Help: "the names that are hit, such as api.example.com, *.internal; * is every name"},
		{Name: "answer", Type: "string", Default: string(NXDomain),
			OneOf: []string{string(NXDomain), string(ServFail), string(Refused), string(Timeout), string(Address), string(Delay)},
			Help:  "nxdomain: no such name; servfail and refused: the server's errors; timeout: nothing comes back; address: a wrong one; delay: the right one, late"},
		{Name: "address", Type: "string", Help: "the wrong addresses, for answer: address, such as 192.0.2.1, 2001:db8::1"},
		{Name: "delay", Type: "duration", Max: 60, Help: "how late, for answer: delay"},
		{Name: "share", Type: "percent", Default: 100, Help: "how many of the queries for these names are hit"},
		{Name: "servers", Type: "string", Help: "the name servers whose queries are looked at, with port if it is not 53; those of resolv.conf when not given"},
		{Name: "netns", Type: "string", Help: "in this network namespace: a name of `ip netns`, a PID or a path; gameday's own when not given"},
		{Name: "force", Type: "bool", Default: false, Help: "do it although a name server is a control address"},
	}
}

// Reversible is true.
func (*Failure) Reversible() bool { return true }

// Plan finds the name servers and tries whether the kernel would take the rules.
func (f *Failure) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	c, err := f.plan(targets, args)
	if err != nil {
		return nil, fmt.Errorf("dns.failure: %w", err)
	}
	return c, nil
}

func (f *Failure) plan(targets []chaos.Target, args chaos.Args) (*change, error) {
	if len(targets) != 1 {
		return nil, fmt.Errorf("it hits this machine, not %d targets", len(targets))
	}
	c := &change{seed: f.o.Seed, target: targets[0].Name}
	var err error
	if c.rules, err = readRules(args); err != nil {
		return nil, err
	}
	netns, _ := args["netns"].(string)
	c.spec = nft.Spec{Name: nft.NewName(), Direction: nft.Out, Verdict: nft.Redirect, Share: 1, Mark: ownMark, Lease: f.o.Lease}
	if c.spec.Lease <= 0 {
		c.spec.Lease = Lease
	}
	if c.spec.Namespace, err = hostnet.FindNamespace(netns); err != nil {
		return nil, err
	}
	servers, _ := args["servers"].(string)
	if c.rules.servers, err = findServers(servers, netns); err != nil {
		return nil, err
	}
	for _, s := range c.rules.servers {
		a := s.Addr().WithZone("")
		c.spec.Match = append(c.spec.Match, nft.Match{Peer: netip.PrefixFrom(a, a.BitLen()), Port: s.Port()})
	}
	forced, _ := args["force"].(bool)
	if err := c.spec.Guard("dns.failure", f.o.Guard, forced, "name other servers"); err != nil {
		return nil, err
	}
	if err := c.spec.Check(); err != nil {
		return nil, err
	}
	c.undo, err = c.spec.Undo()
	return c, err
}

func readRules(args chaos.Args) (rules, error) {
	var r rules
	text, _ := args["names"].(string)
	var err error
	if r.names, err = parseNames(text); err != nil {
		return r, err
	}
	answer, _ := args["answer"].(string)
	if r.answer = Answer(answer); answer == "" {
		r.answer = NXDomain
	}
	r.delay, _ = args["delay"].(time.Duration)
	r.share = 1
	if s, ok := args["share"].(float64); ok {
		r.share = s / 100
	}
	text, _ = args["address"].(string)
	for _, w := range strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' }) {
		a, err := netip.ParseAddr(w)
		if err != nil || a.Zone() != "" {
			return r, fmt.Errorf("%q is no address", w)
		}
		r.addresses = append(r.addresses, a.Unmap())
	}
	switch {
	case r.share <= 0:
		return r, errors.New("a share of zero changes nothing")
	case (r.answer == Address) != (len(r.addresses) > 0):
		return r, errors.New("answer: address and the argument address belong together")
	case (r.answer == Delay) != (r.delay > 0):
		return r, errors.New("answer: delay and the argument delay belong together")
	case len(r.addresses) > 16:
		return r, fmt.Errorf("%d addresses are more than 16", len(r.addresses))
	}
	return r, nil
}

// findServers reads "10.0.0.2, [fd00::2]:5353", or else the resolv.conf that counts in the namespace.
func findServers(text, netns string) ([]netip.AddrPort, error) {
	where := "the argument servers"
	words := strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' })
	if len(words) == 0 {
		paths := []string{"/etc/resolv.conf"}
		if _, err := strconv.Atoi(netns); err == nil {
			paths = []string{"/proc/" + netns + "/root/etc/resolv.conf"}
		} else if netns != "" && !strings.Contains(netns, "/") {
			paths = []string{"/etc/netns/" + netns + "/resolv.conf", "/etc/resolv.conf"}
		}
		var data []byte
		var err error
		for _, where = range paths {
			if data, err = os.ReadFile(where); err == nil {
				break
			}
		}
		if err != nil {
			return nil, fmt.Errorf("find the name servers: %w; name them with the argument servers", err)
		}
		for line := range strings.Lines(string(data)) {
			if fs := strings.Fields(line); len(fs) > 1 && fs[0] == "nameserver" {
				words = append(words, fs[1])
			}
		}
	}
	var out []netip.AddrPort
	for _, w := range words {
		a, err := netip.ParseAddrPort(w)
		if err != nil {
			var ip netip.Addr
			if ip, err = netip.ParseAddr(w); err == nil {
				a = netip.AddrPortFrom(ip.Unmap(), 53)
			}
		}
		if err != nil || a.Port() == 0 {
			return nil, fmt.Errorf("%q in %s is no address of a name server", w, where)
		}
		out = append(out, a)
	}
	if len(out) == 0 || len(out) > 16 {
		return nil, fmt.Errorf("%s has %d name servers; name 1 to 16 with the argument servers", where, len(out))
	}
	return out, nil
}

// Restore deletes the table that the undo names.
func (*Failure) Restore(_ context.Context, undo json.RawMessage) error { return nft.Restore(undo) }

// Remedy is the command that deletes it.
func (*Failure) Remedy(undo []byte) string { return nft.Remedy(undo) }

// change is a planned fault.
type change struct {
	rules
	spec   nft.Spec
	undo   json.RawMessage
	target string
	seed   uint64

	mu    sync.Mutex
	over  bool // reverted: nothing may be installed any more
	armed *nft.Armed
	res   *resolver
	final uint64 // queries hit by a resolver that has ended
}

func (c *change) Describe() chaos.Description {
	what := string(c.answer)
	switch c.answer {
	case Address:
		what = "→ " + c.addresses[0].String()
	case Delay:
		what = "+" + c.delay.String()
	}
	who := c.names[0]
	if who == "*" {
		who = "all names"
	}
	if len(c.names) > 1 {
		who += fmt.Sprintf(" and %d more", len(c.names)-1)
	}
	if c.share < 1 {
		what += fmt.Sprintf(" (%g%%)", c.share*100)
	}
	return chaos.Description{
		Title:   "dns " + who + " " + what,
		Targets: []string{c.target},
		Actions: append([]string{fmt.Sprintf("resolver on a free port of 127.0.0.1 and ::1: %s for %s, all else to %v", what, strings.Join(c.names, ", "), c.servers)}, c.spec.Lines()...),
		Undo:    nft.Remedy(c.undo) + "; by itself when gameday is dead and the lease has run out",
	}
}

func (c *change) Undo() json.RawMessage { return c.undo }

func (c *change) Apply(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.over {
		return errors.New("it was taken back meanwhile")
	}
	var err error
	if c.res, err = serve(c.rules, c.spec.Namespace, ownMark, c.seed); err != nil {
		return err
	}
	s := c.spec
	s.Number = c.res.port
	c.armed, err = nft.Arm(s)
	return err // the resolver is closed by Revert
}

// Revert sends queries straight to the servers again, then ends the resolver.
func (c *change) Revert(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.armed != nil {
		if err := c.armed.Disarm(); err != nil {
			return err
		}
		c.armed = nil
	}
	if c.res != nil {
		c.res.close()
		c.final = c.res.hit.Load()
		c.res = nil
	}
	return nil
}

func (c *change) Verify(context.Context) error {
	there, err := nft.Present(nft.Undo{Table: c.spec.Name, Namespace: c.spec.Namespace})
	if err == nil && there {
		err = fmt.Errorf("table %s is there; by hand: %s", c.spec.Name, nft.Remedy(c.undo))
	}
	return err
}

// Touched counts the queries that got what the fault gives.
func (c *change) Touched() (uint64, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.res != nil {
		return c.res.hit.Load(), "queries"
	}
	return c.final, "queries"
}
