// Package qdisc limits and spoils what leaves by a network interface, through the kernel's traffic control.
//
// A fault is one queueing discipline at the root of the interface, with a handle that only this fault has. Where someone
// has put a discipline of their own, the fault is refused. Undo deletes the discipline by its handle, and only that; the
// kernel then puts its default back. The kernel has no lease for these: when gameday dies, the keeper undoes them.
package qdisc

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"gameday/chaos"
	"gameday/chaos/hostnet"
	"gameday/chaos/size"
)

// Options is what the faults work with. The zero value is right for a keeper and a recovery, which only restore.
type Options struct {
	Guard hostnet.Guard
}

// Fault is host.bandwidth or host.netem.
type Fault struct {
	kind string // of the discipline: "tbf" or "netem"
	o    Options
}

// NewBandwidth returns the fault host.bandwidth.
func NewBandwidth(o Options) *Fault { return &Fault{"tbf", o} }

// NewNetem returns the fault host.netem.
func NewNetem(o Options) *Fault { return &Fault{"netem", o} }

// Kind is "host.bandwidth" or "host.netem".
func (f *Fault) Kind() string {
	if f.kind == "tbf" {
		return "host.bandwidth"
	}
	return "host.netem"
}

// Hits this machine.
func (*Fault) Hits() chaos.TargetKind { return chaos.TargetHost }

// Help says what the targets feel.
func (f *Fault) Help() string {
	if f.kind == "tbf" {
		return "all that leaves by the interface together goes no faster than the rate"
	}
	return "packets that leave by the interface are late, lost, doubled, corrupted or out of order"
}

// Reversible is true.
func (*Fault) Reversible() bool { return true }

// Params are the interface, and what is done on it.
func (f *Fault) Params() []chaos.Param {
	out := []chaos.Param{{Name: "interface", Type: "string", Required: true, Help: "the network interface, such as eth0; what leaves by it is hit"}}
	if f.kind == "tbf" {
		out = append(out, chaos.Param{Name: "rate", Type: "string", Required: true, Help: `how fast at most: "1MB/s" (bytes) or "10mbit" (bits per second)`})
	} else {
		out = append(out,
			chaos.Param{Name: "delay", Type: "duration", Default: "0s", Max: 60, Help: "how late packets leave"},
			chaos.Param{Name: "jitter", Type: "duration", Default: "0s", Max: 60, Help: "each is late by delay ± a random share of this, which may change their order"},
			chaos.Param{Name: "loss", Type: "percent", Default: 0, Help: "how many are lost"},
			chaos.Param{Name: "duplicate", Type: "percent", Default: 0, Help: "how many leave twice"},
			chaos.Param{Name: "corrupt", Type: "percent", Default: 0, Help: "how many have one bit changed"},
			chaos.Param{Name: "reorder", Type: "percent", Default: 0, Help: "how many leave at once, before those that are delayed; needs delay"})
	}
	return append(out,
		chaos.Param{Name: "netns", Type: "string", Help: "in this network namespace: a name of `ip netns`, a PID or a path; gameday's own when not given"},
		chaos.Param{Name: "force", Type: "bool", Default: false, Help: "do it although the interface carries your SSH connection or a control address, which then suffer, too"})
}

// undo is the journal's.
type undo struct {
	Kind      string            `json:"kind"`
	Interface string            `json:"interface"`
	Index     int               `json:"index"`
	Handle    uint32            `json:"handle"`
	Namespace hostnet.Namespace `json:"netns"`
}

func (u undo) command() string {
	return fmt.Sprintf("%stc qdisc del dev %s root handle %s", u.Namespace.Prefix(), u.Interface, name(u.Handle))
}

// Plan looks at the interface and refuses one that has a discipline of someone else's, or carries a guarded connection.
func (f *Fault) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	c, err := f.plan(targets, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Kind(), err)
	}
	return c, nil
}

func (f *Fault) plan(targets []chaos.Target, args chaos.Args) (*change, error) {
	if len(targets) != 1 {
		return nil, fmt.Errorf("it hits this machine, not %d targets", len(targets))
	}
	c := &change{}
	var err error
	if f.kind == "tbf" {
		err = c.bandwidth(args)
	} else {
		err = c.impair(args)
	}
	if err != nil {
		return nil, err
	}
	if err := available(f.kind); err != nil && !errors.Is(err, hostnet.ErrNoScratch) { // then the kernel says when it is used
		return nil, err
	}
	c.target = targets[0].Name
	c.u.Kind = f.kind
	c.u.Interface, _ = args["interface"].(string)
	name, _ := args["netns"].(string)
	if c.u.Namespace, err = hostnet.FindNamespace(name); err != nil {
		return nil, err
	}
	if c.u.Index, err = index(c.u.Namespace, c.u.Interface); err != nil {
		return nil, err
	}
	if c.u.Handle, err = newHandle(); err != nil {
		return nil, err
	}
	forced, _ := args["force"].(bool)
	if err := f.guard(c.u, forced); err != nil {
		return nil, err
	}
	if err := c.free(); err != nil {
		return nil, err
	}
	c.data, err = json.Marshal(c.u)
	if err != nil {
		return nil, fmt.Errorf("describe undo: %w", err)
	}
	return c, nil
}

// guard refuses interfaces that carry a guarded connection. What can be exempt from rules cannot be exempt here.
func (f *Fault) guard(u undo, forced bool) error {
	links, err := f.o.Guard.Links()
	if err != nil {
		return err
	}
	if forced || !u.Namespace.Own() {
		return nil
	}
	for _, l := range links {
		if on := l.Interface(); on == u.Interface {
			return hostnet.Refused("interface "+u.Interface, l, "choose another interface, or a fault that hits by cidr or port, such as host.delay")
		}
	}
	return nil
}

func index(ns hostnet.Namespace, name string) (int, error) {
	var i *net.Interface
	var names []string
	err := ns.Do(func() error {
		all, err := net.Interfaces()
		for _, i := range all {
			names = append(names, i.Name)
		}
		if err == nil {
			i, err = net.InterfaceByName(name)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find network interface %q: %w; there are: %s", name, err, strings.Join(names, ", "))
	}
	return i.Index, nil
}

// newHandle is a handle for this fault only: it is the mark of ownership, so it must not come from a seed. Those from
// 8000: on are what the kernel gives.
func newHandle() (uint32, error) {
	var b [2]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("make a handle: %w", err)
	}
	return (0x4000 + uint32(binary.NativeEndian.Uint16(b[:]))%0x4000) << 16, nil
}

func (c *change) bandwidth(args chaos.Args) error {
	text, _ := args["rate"].(string)
	rate, err := parseRate(text)
	if err != nil {
		return err
	}
	if rate < 1000 {
		return fmt.Errorf("a rate of %d bytes a second is too little to tell from a cut; use host.partition", rate)
	}
	burst := uint32(min(max(rate/100, 16<<10), 1<<28)) // what goes at once: 10 ms, but at least a few packets
	limit := uint32(min(max(rate/20, 64<<10), 1<<30))  // what waits: 50 ms, as a short queue of a router
	c.options, err = tbf(rate, burst, limit)
	c.what = text
	c.command = fmt.Sprintf("tbf rate %dbps burst %d limit %d", rate, burst, limit)
	return err
}

// parseRate reads bytes ("1MB/s", "512KiB") or bits ("10mbit", "1gbit") per second, and returns bytes.
func parseRate(s string) (uint64, error) {
	text := strings.TrimSuffix(strings.TrimSpace(s), "/s")
	for _, u := range []struct {
		suffix, unit string
	}{{"kbit", "kB"}, {"mbit", "MB"}, {"gbit", "GB"}, {"bit", "B"}} {
		if n, ok := strings.CutSuffix(strings.ToLower(text), u.suffix); ok {
			bits, err := size.Parse(n + u.unit)
			if err != nil {
				return 0, fmt.Errorf(`%q is not a rate; write it like "1MB/s" or "10mbit"`, s)
			}
			return bits / 8, nil
		}
	}
	n, err := size.Parse(text)
	if err != nil {
		return 0, fmt.Errorf(`%q is not a rate; write it like "1MB/s" or "10mbit"`, s)
	}
	return n, nil
}

func (c *change) impair(args chaos.Args) error {
	var i impairment
	i.delay, _ = args["delay"].(time.Duration)
	i.jitter, _ = args["jitter"].(time.Duration)
	words := []string{}
	if i.delay > 0 || i.jitter > 0 {
		words = append(words, fmt.Sprintf("delay %v %v", i.delay, i.jitter))
	}
	for name, p := range map[string]*float64{"loss": &i.loss, "duplicate": &i.duplicate, "corrupt": &i.corrupt, "reorder": &i.reorder} {
		if v, _ := args[name].(float64); v > 0 {
			*p = v / 100
		}
	}
	for _, w := range []struct {
		name  string
		share float64
	}{{"loss", i.loss}, {"duplicate", i.duplicate}, {"corrupt", i.corrupt}, {"reorder", i.reorder}} {
		if w.share > 0 {
			words = append(words, fmt.Sprintf("%s %g%%", w.name, w.share*100))
		}
	}
	if len(words) == 0 {
		return errors.New("nothing is asked for; give delay, loss, duplicate, corrupt or reorder")
	}
	if i.reorder > 0 && i.delay <= 0 {
		return errors.New("reorder needs a delay: some packets leave at once, before those that wait")
	}
	var err error
	c.options, err = netem(i)
	c.what = strings.Join(words, ", ")
	c.command = "netem " + strings.Join(words, " ")
	return err
}

// Restore deletes our discipline if it is still there.
func (f *Fault) Restore(_ context.Context, data json.RawMessage) error {
	u, err := readUndo(data)
	if err != nil {
		return err
	}
	return u.restore()
}

// Remedy is the tc command that deletes it.
func (f *Fault) Remedy(data []byte) string {
	u, err := readUndo(data)
	if err != nil {
		return ""
	}
	return u.command()
}

func readUndo(data []byte) (undo, error) {
	var u undo
	if err := json.Unmarshal(data, &u); err != nil {
		return u, fmt.Errorf("read undo of a queueing discipline: %w", err)
	}
	if u.Handle < 0x4000<<16 || u.Handle >= 0x8000<<16 || u.Index <= 0 || u.Namespace.Inode == 0 || u.Kind != "tbf" && u.Kind != "netem" {
		return u, fmt.Errorf("read undo of a queueing discipline: %s on interface %d is none that gameday makes", name(u.Handle), u.Index)
	}
	return u, nil
}
