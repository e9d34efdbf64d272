// Package fault is the catalog: every fault there is, put together.
package fault

import (
	"gameday/chaos"
	"gameday/chaos/fault/action"
	"gameday/chaos/fault/clock"
	"gameday/chaos/fault/compute"
	"gameday/chaos/fault/container"
	"gameday/chaos/fault/dependency"
	"gameday/chaos/fault/dns"
	"gameday/chaos/fault/netfilter"
	"gameday/chaos/fault/network"
	"gameday/chaos/fault/process"
	"gameday/chaos/fault/qdisc"
	"gameday/chaos/fault/storage"
	"gameday/chaos/fault/zone"
	"gameday/chaos/hostnet"
	"gameday/chaos/proxy"
)

// Parts is what the faults of a session work with. The zero value is right for a keeper and a recovery, which only
// restore, and for a check of files, which only reads.
type Parts struct {
	Links     *proxy.Set
	Inventory chaos.Inventory
	// Containers is the engine of container.*; nil: what DOCKER_HOST says, or the usual socket. Nothing is connected before
	// it is needed.
	Containers *container.Engine
	Guard      hostnet.Guard
	Seed       uint64   // of everything random
	Keep       []string // paths that gameday itself must be able to use: its state directory
	Exe        string   // gameday's own file, which is its burner and ballast too
}

// Features says what of the kernel's network the faults find, each once. It tries them in a network namespace made for
// it and leaves nothing behind.
func Features() []hostnet.Feature { return append(netfilter.Available(), qdisc.Available()...) }

// Catalog is every fault. Making it starts, opens and probes nothing.
func Catalog(p Parts) []chaos.Fault {
	engine := p.Containers
	if engine == nil {
		engine = container.NewEngine("")
	}
	own := func(mode string) []string {
		if p.Exe == "" {
			return nil
		}
		return []string{p.Exe, mode}
	}
	all := network.All(p.Links, p.Seed)
	all = append(all, dependency.All(p.Links, p.Seed)...)
	all = append(all, process.NewKill(p.Inventory), process.NewPause(), clock.New())
	all = append(all, zone.All(p.Links, p.Inventory)...)
	all = append(all, netfilter.All(netfilter.Options{Guard: p.Guard, Seed: p.Seed})...)
	return append(all,
		qdisc.NewBandwidth(qdisc.Options{Guard: p.Guard}), qdisc.NewNetem(qdisc.Options{Guard: p.Guard}),
		dns.NewFailure(dns.Options{Guard: p.Guard, Seed: p.Seed}),
		compute.NewCPU(), compute.NewMemory(), compute.NewPIDs(), compute.NewBurn(own(compute.BurnCommand)...), compute.NewBallast(own(compute.BallastCommand)...),
		storage.NewThrottle(), storage.NewFill(p.Keep...), storage.NewReadOnly(p.Keep...), storage.NewFUSE(p.Seed, p.Keep...),
		container.NewKill(engine), container.NewStop(engine), container.NewRestart(engine), container.NewPause(engine), container.NewLimit(engine),
		action.NewDo(), action.NewWithUndo())
}
