// Package network makes links between services slow, or cuts them.
package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"gameday/chaos"
	"gameday/chaos/proxy"
)

// Latency is the fault network.latency.
type Latency struct {
	links *proxy.Set
	seed  uint64
}

// NewLatency returns the fault for the links of a set. seed makes jitter repeatable. In a keeper or a recovery links is
// nil: what is to be restored there is only looked at.
func NewLatency(links *proxy.Set, seed uint64) *Latency { return &Latency{links, seed} }

// Kind is "network.latency".
func (*Latency) Kind() string { return "network.latency" }

// Hits links.
func (*Latency) Hits() chaos.TargetKind { return chaos.TargetLink }

// Help says what the targets feel.
func (*Latency) Help() string {
	return "bytes on the link arrive late, in their order; throughput stays; connecting takes no longer"
}

// Params are latency, jitter and direction.
func (*Latency) Params() []chaos.Param {
	return []chaos.Param{
		{Name: "latency", Type: "duration", Required: true, Min: 0, Max: 3600, Help: "how late, such as 800ms"},
		{Name: "jitter", Type: "duration", Default: "0s", Min: 0, Max: 3600, Help: "each burst is late by latency ± a random share of this"},
		{Name: "direction", Type: "string", Default: string(proxy.Response), OneOf: []string{string(proxy.Response), string(proxy.Request), string(proxy.Both)},
			Help: "which way is late; with both, a round trip is late twice"},
	}
}

// Reversible is true.
func (*Latency) Reversible() bool { return true }

// Plan finds the links.
func (f *Latency) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	// A missing argument is the zero value here: the controller has checked what is required.
	delay, _ := args["latency"].(time.Duration)
	jitter, _ := args["jitter"].(time.Duration)
	direction, _ := args["direction"].(string)
	if direction == "" {
		direction = string(proxy.Response)
	}
	if delay <= 0 && jitter <= 0 {
		return nil, errors.New("network.latency: a latency of zero changes nothing")
	}
	amount := "+" + delay.String()
	if jitter > 0 {
		amount += " ±" + jitter.String()
	}
	return proxy.PlanRules(f.links, f.Kind(), targets, proxy.Wording{
		Title: proxy.Toward(targets) + " " + amount,
		Action: func(l *proxy.Link) string {
			return fmt.Sprintf("delay %s on link %s by %s", direction, l.Name(), amount)
		},
		Unit: unit,
	}, func(l *proxy.Link, i int) (*proxy.Rule, error) {
		return l.SetLatency(proxy.Latency{Delay: delay, Jitter: jitter, Direction: proxy.Direction(direction), Seed: f.seed + uint64(i)})
	})
}

// unit is what is counted on the links: requests where all are HTTP/1.1, else round trips (on gRPC, where many requests
// share a connection, there are fewer of them than requests).
func unit(links []*proxy.Link) string {
	for _, l := range links {
		if l.Proto() != "http" {
			return "round trips"
		}
	}
	return "requests"
}

// Restore checks that the proxy that delayed is gone.
func (*Latency) Restore(_ context.Context, undo json.RawMessage) error {
	return proxy.RestoreRules(undo)
}

// Remedy is the command that remains.
func (*Latency) Remedy(undo []byte) string { return proxy.RemedyFor(undo) }

// Partition is the fault network.partition.
type Partition struct{ links *proxy.Set }

// NewPartition returns the fault for the links of a set; nil in a keeper or a recovery.
func NewPartition(links *proxy.Set) *Partition { return &Partition{links} }

// Kind is "network.partition".
func (*Partition) Kind() string { return "network.partition" }

// Hits links.
func (*Partition) Hits() chaos.TargetKind { return chaos.TargetLink }

// Help says what the targets feel.
func (*Partition) Help() string {
	return "nothing passes the link: connections hang (drop) or are reset (reject); those that hung are reset when it ends"
}

// Params are the mode.
func (*Partition) Params() []chaos.Param {
	return []chaos.Param{{Name: "mode", Type: "string", Default: "drop", OneOf: []string{"drop", "reject"},
		Help: "drop: everything hangs, as behind a silent firewall; reject: connections are reset"}}
}

// Reversible is true.
func (*Partition) Reversible() bool { return true }

// Plan finds the links.
func (f *Partition) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	mode, _ := args["mode"].(string) // "": the default
	verb := map[string]string{"": "drop", "drop": "drop", "reject": "reject"}[mode]
	if verb == "" {
		return nil, fmt.Errorf("network.partition: unknown mode %q", mode)
	}
	return proxy.PlanRules(f.links, f.Kind(), targets, proxy.Wording{
		Title:  strings.TrimSpace(proxy.Toward(targets) + " cut off"),
		Action: func(l *proxy.Link) string { return fmt.Sprintf("%s everything on link %s", verb, l.Name()) },
		Unit:   func([]*proxy.Link) string { return "connections" },
	}, func(l *proxy.Link, _ int) (*proxy.Rule, error) {
		return l.SetPartition(proxy.Partition{Reject: verb == "reject"})
	})
}

// Restore checks that the proxy that cut the link is gone.
func (*Partition) Restore(_ context.Context, undo json.RawMessage) error {
	return proxy.RestoreRules(undo)
}

// Remedy is the command that remains.
func (*Partition) Remedy(undo []byte) string { return proxy.RemedyFor(undo) }
