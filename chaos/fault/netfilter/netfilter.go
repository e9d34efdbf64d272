// Package netfilter loses, cuts, rejects and delays packets of this machine by rules of nf_tables.
//
// Each fault is a table of its own that the kernel disarms when gameday does not renew it (package nft), so that it ends
// even if every process of gameday is killed. The faults come in two sorts: host.* act on the machine's packets by
// address, port, interface or cgroup; process.* act on those of single services.
package netfilter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gameday/chaos"
	"gameday/chaos/hostnet"
	"gameday/chaos/nft"
)

// Options is what the faults work with. The zero value is right for a keeper and a recovery, which only restore.
type Options struct {
	Guard hostnet.Guard
	Lease time.Duration // how long a fault outlives gameday; 0: nft.DefaultLease
	Seed  uint64        // of jitter; loss is drawn by the kernel
}

// harm is what kinds of faults differ in.
type harm struct {
	name      string // "loss"
	help      string
	verdict   nft.Verdict
	direction nft.Direction // when not given
	params    []chaos.Param
}

var share = chaos.Param{Name: "share", Type: "percent", Default: 100, Help: "how many of the packets are hit, each by chance"}

// harms lists the kinds.
func harms() []harm {
	return []harm{
		{"loss", "a share of the packets is lost on arrival, each by chance", nft.Drop, nft.In,
			[]chaos.Param{{Name: "loss", Type: "percent", Required: true, Help: "how many of the packets are lost, such as 10%"}}},
		{"partition", "nothing passes, as if the cable were cut: connections hang", nft.Drop, nft.Both, nil},
		{"reject", "connections are refused or reset at once; datagrams are answered with port unreachable", nft.Reject, nft.In,
			[]chaos.Param{share}},
		{"delay", "packets arrive late, in their order; at most 8192 are held at a time, more pass at once", nft.Queue, nft.In,
			[]chaos.Param{
				{Name: "delay", Type: "duration", Required: true, Max: 60, Help: "how late, such as 100ms"},
				{Name: "jitter", Type: "duration", Default: "0s", Max: 60, Help: "each packet is late by delay ± a random share of this"},
				share}},
	}
}

// Fault is one kind: host.loss, host.partition, host.reject, host.delay, or the same of process.
type Fault struct {
	harm
	hits chaos.TargetKind
	o    Options
}

// All returns every fault of the package.
func All(o Options) []chaos.Fault {
	var out []chaos.Fault
	for _, hits := range []chaos.TargetKind{chaos.TargetHost, chaos.TargetProcess} {
		for _, h := range harms() {
			out = append(out, &Fault{h, hits, o})
		}
	}
	return out
}

// Available says what of the kernel the faults of this package find, a sentence each.
func Available() []hostnet.Feature { return nft.Available() }

// Kind is such as "host.loss".
func (f *Fault) Kind() string { return string(f.hits) + "." + f.name }

// Hits this machine, or processes.
func (f *Fault) Hits() chaos.TargetKind { return f.hits }

// Help says what the targets feel.
func (f *Fault) Help() string { return f.help }

// Reversible is true.
func (*Fault) Reversible() bool { return true }

// Params are the kind's own, and those that say which packets.
func (f *Fault) Params() []chaos.Param {
	out := append([]chaos.Param{}, f.params...)
	if f.hits == chaos.TargetHost {
		out = append(out,
			chaos.Param{Name: "interface", Type: "string", Help: "only packets of this network interface"},
			chaos.Param{Name: "cgroup", Type: "string", Help: "only packets of the sockets in this cgroup v2, such as system.slice/nginx.service"},
			chaos.Param{Name: "netns", Type: "string", Help: "in this network namespace: a name of `ip netns`, a PID or a path; gameday's own when not given"})
	}
	return append(out,
		chaos.Param{Name: "cidr", Type: "string", Help: `only packets from or to these addresses, such as "10.0.0.0/8, 192.0.2.7"; "any" is everyone`},
		chaos.Param{Name: "port", Type: "int", Min: 1, Max: 65535, Help: "only TCP and UDP with this port on either side; for a process, the port it serves when it is not known"},
		chaos.Param{Name: "protocol", Type: "string", Default: "any", OneOf: []string{"any", "tcp", "udp", "icmp"}, Help: "only this protocol"},
		chaos.Param{Name: "direction", Type: "string", Default: string(f.direction),
			OneOf: []string{string(nft.In), string(nft.Out), string(nft.Both), string(nft.Forward)},
			Help:  "in: packets that arrive; out: packets that leave (who sends UDP then sees EPERM); forward: packets passed on, such as those of containers"},
		chaos.Param{Name: "force", Type: "bool", Default: false, Help: "do it although the rules match your SSH connection or a control address; those stay exempt"})
}

// Plan makes the rules, tries whether the kernel would take them, and refuses those that match a guarded connection.
func (f *Fault) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	c := &change{fault: f}
	base := nft.Spec{Verdict: f.verdict, Direction: f.direction, Share: 1, Lease: f.o.Lease}
	if d, _ := args["direction"].(string); d != "" { // a missing argument is the zero value; required ones were checked
		base.Direction = nft.Direction(d)
	}
	for _, name := range []string{"loss", "share"} {
		if s, ok := args[name].(float64); ok {
			base.Share = s / 100
		}
	}
	c.delay, _ = args["delay"].(time.Duration)
	c.jitter, _ = args["jitter"].(time.Duration)
	switch {
	case base.Share <= 0:
		return nil, fmt.Errorf("%s: a share of zero changes nothing", f.Kind())
	case f.verdict == nft.Queue && c.delay <= 0 && c.jitter <= 0:
		return nil, fmt.Errorf("%s: a delay of zero changes nothing", f.Kind())
	}
	scopes, err := f.scopes(targets, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Kind(), err)
	}
	forced, _ := args["force"].(bool)
	for i, sc := range scopes {
		s := base
		s.Name, s.Namespace, s.Match = nft.NewName(), sc.namespace, sc.match
		if f.verdict == nft.Queue {
			s.Number = queueNumber(s.Name)
		}
		if err := s.Guard(f.Kind(), f.o.Guard, forced, "narrow it with cidr, port, protocol or interface"); err != nil {
			return nil, err
		}
		if i == 0 { // they differ in what they match only
			if err := s.Check(); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Kind(), err)
			}
		}
		c.specs = append(c.specs, s)
		c.undos = append(c.undos, nft.Undo{Table: s.Name, Namespace: s.Namespace})
	}
	for _, t := range targets {
		c.targets = append(c.targets, t.Name)
	}
	c.title = f.title(targets, args, base, c)
	if c.undo, err = json.Marshal(c.undos); err != nil {
		return nil, fmt.Errorf("describe undo of %s: %w", f.Kind(), err)
	}
	return c, nil
}

// title says who suffers what, short enough for a timeline.
func (f *Fault) title(targets []chaos.Target, args chaos.Args, s nft.Spec, c *change) string {
	var who []string
	if f.hits == chaos.TargetProcess {
		who = c.targets
		if len(who) > 2 {
			who = []string{fmt.Sprintf("%d processes", len(targets))}
		}
	} else {
		for _, name := range []string{"cidr", "port", "cgroup", "interface"} {
			if v, ok := args[name]; ok && v != "" {
				who = append(who, strings.TrimSpace(map[string]string{"port": "port"}[name]+" "+fmt.Sprint(v)))
			}
		}
	}
	what := map[string]string{"loss": fmt.Sprintf("loses %g%%", s.Share*100), "partition": "cut off", "reject": "rejects"}[f.name]
	if f.verdict == nft.Queue {
		if what = "+" + c.delay.String(); c.jitter > 0 {
			what += " ±" + c.jitter.String()
		}
	}
	if f.name != "loss" && s.Share < 1 {
		what += fmt.Sprintf(" (%g%%)", s.Share*100)
	}
	return strings.Join(who, ", ") + " " + what
}

// Restore deletes the tables that the undo names.
func (f *Fault) Restore(_ context.Context, undo json.RawMessage) error {
	us, err := readUndo(undo)
	if err != nil {
		return err
	}
	var errs []error
	for _, u := range us {
		errs = append(errs, nft.Remove(u))
	}
	return errors.Join(errs...)
}

// Remedy is the command that deletes the tables.
func (f *Fault) Remedy(undo []byte) string {
	us, err := readUndo(undo)
	if err != nil {
		return ""
	}
	var out []string
	for _, u := range us {
		out = append(out, u.Command())
	}
	return strings.Join(out, "; ")
}

func readUndo(data []byte) ([]nft.Undo, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("read undo of rules of nf_tables: %w", err)
	}
	var out []nft.Undo
	for _, r := range raw {
		u, err := nft.ReadUndo(r)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}
