package engine

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"gameday/chaos"
	"gameday/chaos/fault"
	"gameday/chaos/fault/compute"
	"gameday/chaos/fault/process"
	"gameday/chaos/fault/storage"
	"gameday/chaos/fault/zone"
	"gameday/chaos/hostnet"
)

// Catalog is every fault there is, without a session: for a keeper and a recovery, which only restore, and for whoever
// reads files or lists what there is.
func Catalog() []chaos.Fault { return fault.Catalog(fault.Parts{}) }

// catalog is every fault, as the session can inject it.
func (s *Session) catalog() []chaos.Fault {
	return fault.Catalog(fault.Parts{
		Links: s.links, Inventory: inventory{s}, Containers: s.containers, Seed: s.cfg.Seed,
		Guard: hostnet.Guard{SSH: s.cfg.SSH, Sources: s.guarded},
		Keep:  []string{s.cfg.StateDir}, Exe: s.cfg.Exe,
	})
}

// inventory is what there is to be hit: the proxies' links, what the system has, this machine, and what of it a selector
// names on purpose.
type inventory struct{ s *Session }

func (i inventory) all() chaos.Inventories {
	all := chaos.Inventories{i.s.links.Inventory(), compute.Host(), process.NewFinder(), storage.NewFinder(), i.s.containers}
	if sys := i.s.System(); sys != nil {
		all = append(all, sys)
	}
	return all
}

// Targets lists what may be meant by name: "*". Links know the zones of the services they connect.
func (i inventory) Targets(ctx context.Context) ([]chaos.Target, error) {
	all, err := i.all().Targets(ctx)
	return zone.Label(all), err
}

// Find looks for processes, containers and directories of this machine.
func (i inventory) Find(ctx context.Context, kind chaos.TargetKind, s chaos.Selector) ([]chaos.Target, error) {
	return i.all().Find(ctx, kind, s)
}

// onMachine reports whether a target is the same for every session of this machine, rather than one of the session's system.
func onMachine(t chaos.Target) bool {
	switch t.Kind {
	case chaos.TargetLink:
		return false
	case chaos.TargetProcess:
		return t.Labels[process.LabelFound] != ""
	}
	return true
}

// guardTimeout bounds how long the names of sources may take to resolve.
const guardTimeout = time.Second

// guarded are the addresses that no fault on the machine's network may cut: this session's receivers, and what it scrapes.
// What is itself a target, as a service that tells its metrics where it serves, may be hit.
func (s *Session) guarded() []netip.AddrPort {
	ctx, cancel := context.WithTimeout(s.ctx, guardTimeout)
	defer cancel()
	var out []netip.AddrPort
	for _, own := range []string{s.receiver.GRPCAddr(), s.receiver.HTTPAddr()} {
		if a, err := netip.ParseAddrPort(own); err == nil {
			out = append(out, everywhere(a)...)
		}
	}
	for _, a := range s.cfg.Guarded {
		out = append(out, everywhere(a)...)
	}
	sys := s.System()
	if sys == nil {
		return out
	}
	targets, err := sys.Targets(ctx)
	if err != nil {
		targets = nil // then all of them are guarded
	}
	for _, t := range sys.ScrapeTargets() {
		if !slices.ContainsFunc(targets, func(o chaos.Target) bool { return o.Address == t.Instance }) {
			out = append(out, resolve(ctx, t.Instance)...)
		}
	}
	return out
}

// everywhere is the address, or all of this machine's when it stands for them.
func everywhere(a netip.AddrPort) []netip.AddrPort {
	if !a.Addr().IsUnspecified() {
		return []netip.AddrPort{a}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.AddrPort
	for _, i := range all {
		if p, err := netip.ParsePrefix(i.String()); err == nil {
			out = append(out, netip.AddrPortFrom(p.Addr(), a.Port()))
		}
	}
	return out
}

// resolve is host:port as addresses; none when the name is not known, and then nothing is received from it either.
func resolve(ctx context.Context, address string) []netip.AddrPort {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	out := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		out[i] = netip.AddrPortFrom(a.Unmap(), uint16(n))
	}
	return out
}
