package leaktest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos"
	"gameday/chaos/fault"
	"gameday/chaos/proxy"
)

// catalog is every fault of the session program, its keeper and its recovery.
func catalog(links *proxy.Set, inventory chaos.Inventory) []chaos.Fault {
	return fault.Catalog(fault.Parts{Links: links, Inventory: inventory, Seed: 1, Exe: os.Args[0]})
}

// selector is chaos.Selector as an experiment writes it.
type selector struct {
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// step is one fault of an experiment's method, or of the session program.
type step struct {
	At     string         `json:"at,omitempty"`
	For    string         `json:"for,omitempty"`
	Fault  string         `json:"fault"`
	Target selector       `json:"target"`
	Args   map[string]any `json:"args,omitempty"`
}

// holds is how long a fault stays in force when nobody kills anybody.
const holds = 250 * time.Millisecond

// kinds are the faults that can be tried here, each with arguments that make it do what it does, and one with many at once.
func kinds() map[string]func(w *world) []step {
	host, link := selector{Name: "localhost"}, selector{Name: "a→b"}
	all := map[string]func(w *world) []step{}
	add := func(kind string, target func(w *world) selector, args func(w *world) map[string]any) {
		all[kind] = func(w *world) []step {
			return []step{{For: holds.String(), Fault: kind, Target: target(w), Args: args(w)}}
		}
	}
	fixed := func(args map[string]any) func(*world) map[string]any {
		return func(*world) map[string]any { return args }
	}
	at := func(s selector) func(*world) selector { return func(*world) selector { return s } }
	it := func(w *world) selector {
		return selector{Labels: map[string]string{"pid": strconv.Itoa(w.target.Process.Pid)}}
	}
	disk := func(w *world) selector { return selector{Name: w.disk} }
	for kind, args := range map[string]map[string]any{
		"network.latency": {"latency": "100ms"}, "network.partition": nil, "network.bandwidth": {"rate": "1Mbit/s"}, "network.half-open": nil,
		"network.reset": nil, "network.limit": {"bytes": "1kB"}, "network.slow-close": {"delay": "1s"}, "network.slice": nil,
		"network.corrupt": {"oneIn": 100}, "dependency.error": nil, "dependency.delay": {"delay": "1s"},
		"dependency.abort": nil, "dependency.rate-limit": {"rate": 5},
		"dependency.header": {"set": "X-Gameday: 1"}, "dependency.body": {"body": "none"},
	} {
		add(kind, at(link), fixed(args))
	}
	for area, name := range map[string]string{"zone": "x", "region": "y"} {
		for _, what := range []string{".pause", ".partition", ".kill"} {
			add(area+what, at(selector{Labels: map[string]string{area: name}}), fixed(nil))
		}
	}
	add("process.kill", it, fixed(nil))
	add("process.pause", it, fixed(nil))
	add("process.clock", it, fixed(map[string]any{"by": "1h"}))
	add("compute.cpu", it, fixed(map[string]any{"millicores": 50}))
	add("compute.memory", it, fixed(map[string]any{"limit": "64MiB", "scope": "process"}))
	add("compute.pids", it, fixed(map[string]any{"scope": "process"}))
	add("compute.burn", at(host), fixed(map[string]any{"cores": 1, "load": "1%"}))
	add("compute.ballast", at(host), fixed(map[string]any{"size": "16MiB"}))
	add("storage.throttle", it, func(*world) map[string]any { return map[string]any{"path": "/", "write": "1MiB"} })
	add("storage.full", disk, fixed(map[string]any{"leave": "1MiB"}))
	add("storage.readonly", disk, fixed(nil))
	add("storage.fuse", func(w *world) selector { return selector{Name: w.data} }, fixed(map[string]any{"delay": "1h"}))
	const outside = "198.51.100.0/24"
	for kind, args := range map[string]map[string]any{
		"host.partition": {"cidr": outside}, "host.reject": {"cidr": outside}, "host.loss": {"cidr": outside, "loss": "50%"},
		"host.delay": {"cidr": outside, "delay": "1s"}, "host.bandwidth": {"interface": "gd0", "rate": "10mbit"},
		"dns.failure": {"names": "*", "servers": "198.51.100.1"},
	} {
		add(kind, at(host), func(w *world) map[string]any { args = clone(args); args["netns"] = w.netns; return args })
	}
	all["all at once"] = func(w *world) []step {
		var steps []step
		for i, kind := range []string{"host.partition", "compute.cpu", "storage.full", "compute.burn", "storage.fuse", "host.bandwidth", "dns.failure", "process.pause"} {
			s := all[kind](w)[0]
			s.At = (time.Duration(i) * 10 * time.Millisecond).String()
			steps = append(steps, s)
		}
		return steps
	}
	return all
}

func clone(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// document is an experiment with these steps, for the real gameday. JSON is YAML.
func (w *world) document(steps []step) string {
	type object = map[string]any
	data, err := json.MarshalIndent(object{"apiVersion": "gameday/v1", "kind": "Experiment", "metadata": object{"name": "leak", "description": strconv.Itoa(w.target.Process.Pid)},
		"hypothesis":  "Nothing of it is left.",
		"steadyState": object{"probes": []object{{"name": "it answers", "tcp": w.upstream.Addr().String(), "expect": "connects", "interval": "100ms"}}},
		"method":      steps, "durations": object{"before": "250ms", "after": "110ms"}}, "", " ")
	require.NoError(w.t, err)
	path := filepath.Join(w.root, "leak.yaml")
	require.NoError(w.t, os.WriteFile(path, data, 0o600))
	return path
}
