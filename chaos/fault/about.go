package fault

import (
	"strings"

	"gameday/chaos"
	"gameday/chaos/hostnet"
)

// About is what people want to know of a fault besides its own Help and Params.
type About struct {
	Undo  string // how it is undone
	Needs string // what must be there; "" for nothing
}

const (
	proxied   = "a link that gameday carries"
	requests  = "a link of http, grpc or forward that gameday carries"
	ruled     = "its table of rules is deleted; when gameday dies, the kernel lets the rules go by itself"
	rules     = "root (CAP_NET_ADMIN), nf_tables"
	passAgain = "the proxy passes everything through again; when gameday dies, so does the fault"
	limited   = "the limit before is set again, or the target goes back to its group"
	groups    = "root or a delegated control group, and its controller "
	docker    = "a Docker Engine that answers"
)

var about = map[string]About{
	"process.kill":           {"cannot be undone; whether the supervisor restarts it is watched", "the right to signal the process"},
	"process.pause":          {"SIGCONT to exactly those processes", "the right to signal the process"},
	"process.clock":          {"the first instructions of what tells the time are put back; the fault ends with the process", "the right to trace the process, Linux on amd64"},
	"zone.partition":         {passAgain, "links that gameday carries, processes labelled zone"},
	"zone.pause":             {"SIGCONT to exactly those processes", "processes labelled zone, and the right to signal them"},
	"zone.kill":              {"cannot be undone; whether the supervisor restarts them is watched", "processes labelled zone, and the right to signal them"},
	"region.partition":       {passAgain, "links that gameday carries, processes labelled region"},
	"region.pause":           {"SIGCONT to exactly those processes", "processes labelled region, and the right to signal them"},
	"region.kill":            {"cannot be undone; whether the supervisor restarts them is watched", "processes labelled region, and the right to signal them"},
	"host.loss":              {ruled, rules + ", its random numbers"},
	"host.partition":         {ruled, rules},
	"host.reject":            {ruled, rules + " with reject"},
	"host.delay":             {"its table and queue are deleted, and what is held is let go; when gameday dies, the queue passes everything", rules + " with queue"},
	"host.bandwidth":         {"its queueing discipline is deleted by its handle", "root (CAP_NET_ADMIN), sch_tbf"},
	"host.netem":             {"its queueing discipline is deleted by its handle", "root (CAP_NET_ADMIN), sch_netem"},
	"dns.failure":            {ruled, rules + " with redirect"},
	"compute.cpu":            {limited, groups + "cpu"},
	"compute.memory":         {limited + "; a process that the kernel ended at the limit stays ended", groups + "memory"},
	"compute.pids":           {limited, groups + "pids"},
	"compute.burn":           {"its processes are killed; they end with gameday, and at their deadline", ""},
	"compute.ballast":        {"its process is killed; it ends with gameday, and at its deadline", "memory to spare"},
	"storage.throttle":       {limited, groups + "io (version 1: blkio)"},
	"storage.full":           {"its file is removed", "the right to write in the directory"},
	"storage.readonly":       {"the mount's read-only attribute is cleared", "root (CAP_SYS_ADMIN), Linux 5.12"},
	"storage.fuse":           {"its mount is taken off", "root (CAP_SYS_ADMIN), /dev/fuse"},
	"container.kill":         {"the container is started, if it is not running; what it had in memory is lost", docker},
	"container.stop":         {"the container is started, if it is not running", docker},
	"container.restart":      {"nothing, or a start that did not happen; what it had in memory is lost", docker},
	"container.pause":        {"the container goes on, if it is paused", docker},
	"container.limit":        {"the limits before, where they are still ours", docker},
	"network.loss":           {passAgain + "; what was lost stays so", "a udp link that gameday carries"},
	"network.duplicate":      {passAgain, "a udp link that gameday carries"},
	"network.corrupt":        {passAgain + "; what was changed stays so", proxied},
	"network.half-open":      {passAgain + "; connections that lost something are reset", proxied},
	"network.partition":      {passAgain + "; connections that hung with something to say are reset", proxied},
	"dependency.body":        {passAgain, "a link of http or forward that gameday carries"},
	"action.do":              {"cannot be undone; it is not known what it does", "the programs it names"},
	"action.with-undo":       {"the commands and requests that the experiment gives for that", "the programs it names"},
	"dependency.certificate": {passAgain + "; connections with the bad certificate are cut", "a link of tcp or forward that gameday carries, and TLS on it"},
}

// Of says it for a fault of the catalog.
func Of(f chaos.Fault) About {
	kind := f.Kind()
	if a, ok := about[kind]; ok {
		return a
	}
	family, name, _ := strings.Cut(kind, ".")
	switch family {
	case "process": // those of the network are the host's, for the packets of one service
		return about["host."+name]
	case "network":
		return About{passAgain, proxied}
	case "dependency":
		return About{passAgain, requests}
	}
	return About{}
}

// Ready says whether a fault can be used on this machine. It may try things in a network namespace made for it, ask the
// Docker Engine, and leaves nothing behind. features are what was found of the kernel's network (Features). nil is a yes,
// as far as can be told before a target is known.
func Ready(f chaos.Fault, features []hostnet.Feature) error {
	if a, ok := f.(interface{ Available() error }); ok {
		return a.Available()
	}
	family, name, _ := strings.Cut(f.Kind(), ".")
	if family == "process" {
		family = "host"
	}
	for _, x := range features {
		if x.Err != nil && mentions(x.For, family+"."+name) {
			return x.Err
		}
	}
	return nil
}

func mentions(list, kind string) bool {
	for _, w := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		if w == kind {
			return true
		}
	}
	return false
}
