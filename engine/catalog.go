package engine

import (
	"gameday/chaos"
	"gameday/chaos/fault/dependency"
	"gameday/chaos/fault/network"
	"gameday/chaos/fault/process"
	"gameday/chaos/proxy"
)

// Catalog is every fault there is. links and inventory are the session's; a keeper and a recovery, which only restore,
// and a check of files, which only reads, pass nil. seed is of everything random in them.
func Catalog(links *proxy.Set, inventory chaos.Inventory, seed uint64) []chaos.Fault {
	return []chaos.Fault{
		network.NewLatency(links, seed),
		network.NewPartition(links),
		dependency.NewError(links, seed),
		process.NewKill(inventory),
		process.NewPause(),
	}
}
