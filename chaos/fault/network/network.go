// Package network makes links between services slow, lossy or wrong, or cuts them.
package network

import (
	"errors"
	"fmt"
	"time"

	"gameday/chaos"
	"gameday/chaos/proxy"
)

// All is every fault of the package. In a keeper or a recovery links is nil; seed makes everything random in them
// repeatable.
func All(links *proxy.Set, seed uint64) []chaos.Fault {
	return []chaos.Fault{
		NewLatency(links, seed), NewPartition(links), NewBandwidth(links, seed), NewHalfOpen(links, seed), NewReset(links, seed),
		NewLimit(links, seed), NewSlowClose(links, seed), NewSlice(links, seed), NewCorrupt(links, seed),
		NewLoss(links, seed), NewDuplicate(links, seed),
	}
}

func directionParam(help string) chaos.Param {
	return chaos.Param{Name: "direction", Type: "string", Default: string(proxy.Response),
		OneOf: []string{string(proxy.Response), string(proxy.Request), string(proxy.Both)}, Help: help}
}

var shareParam = chaos.Param{Name: "share", Type: "percent", Default: 100,
	Help: "how many of the connections are hit (udp: of the clients); one that is hit stays so"}

// reach reads direction, share and what is random.
func reach(args chaos.Args) (proxy.Reach, error) {
	direction, _ := args["direction"].(string)
	share, given := args["share"].(float64)
	if given && share <= 0 {
		return proxy.Reach{}, errors.New("share: a share of zero changes nothing")
	}
	return proxy.Reach{Direction: proxy.Direction(direction), Share: share / 100}, nil
}

// some says of how many connections, when it is not all.
func some(r proxy.Reach) string {
	if r.Share == 0 || r.Share == 1 {
		return ""
	}
	return fmt.Sprintf(" (%g%%)", r.Share*100)
}

// ways names the direction in words that follow "on".
func ways(r proxy.Reach) string {
	switch r.Direction {
	case proxy.Request:
		return "requests"
	case proxy.Both:
		return "requests and responses"
	}
	return "responses"
}

// of says on which connections of a link.
func of(l *proxy.Link, r proxy.Reach) string {
	if r.Share == 0 || r.Share == 1 {
		return "link " + l.Name()
	}
	return fmt.Sprintf("%g%% of the connections of link %s", r.Share*100, l.Name())
}

// NewLatency returns the fault network.latency.
func NewLatency(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "network.latency",
		Summary: "bytes on the link arrive late, in their order; throughput stays; connecting takes no longer. Packets (udp) can overtake each other",
		Args: []chaos.Param{
			{Name: "latency", Type: "duration", Required: true, Min: 0, Max: 3600, Help: "how late, such as 800ms"},
			{Name: "jitter", Type: "duration", Default: "0s", Min: 0, Max: 3600, Help: "the width of the random part, which each burst or packet has anew"},
			{Name: "distribution", Type: "string", Default: string(proxy.Uniform), OneOf: []string{"constant", "uniform", "normal", "pareto"},
				Help: "uniform: latency ± jitter; normal: jitter is the standard deviation; pareto: latency and more, on average jitter, 1 in 100 more than 7.3 times that; constant: no jitter"},
			directionParam("which way is late; with both, a round trip is late twice"), shareParam,
		}, Make: latency}, links, seed)
}

func latency(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
	r, err := reach(args)
	delay, _ := args["latency"].(time.Duration)
	jitter, _ := args["jitter"].(time.Duration)
	how, _ := args["distribution"].(string)
	switch {
	case err != nil:
		return proxy.Harm{}, err
	case delay <= 0 && jitter <= 0:
		return proxy.Harm{}, errors.New("latency: a latency of zero changes nothing")
	}
	amount := "+" + delay.String()
	if jitter > 0 {
		amount += map[string]string{"normal": " normal ", "pareto": " pareto "}[how]
		if how == "" || how == "uniform" {
			amount += " ±"
		}
		amount += jitter.String()
	}
	return proxy.Harm{Title: amount + some(r),
		Action: func(l *proxy.Link) string { return fmt.Sprintf("delay %s on %s by %s", ways(r), of(l, r), amount) },
		Effect: func(_ *proxy.Link, seed uint64) proxy.Effect {
			return proxy.Latency{Delay: delay, Jitter: jitter, Distribution: proxy.Distribution(how), Reach: r.Seeded(seed)}
		}}, nil
}

// NewPartition returns the fault network.partition.
func NewPartition(links *proxy.Set) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "network.partition",
		Summary: "nothing passes the link: connections hang (drop) or are reset (reject); those that hung are reset when it ends. Packets (udp) are lost",
		Args: []chaos.Param{{Name: "mode", Type: "string", Default: "drop", OneOf: []string{"drop", "reject"},
			Help: "drop: everything hangs, as behind a silent firewall; reject: connections are reset"}},
		Make: func(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
			mode, _ := args["mode"].(string)
			verb := map[string]string{"": "drop", "drop": "drop", "reject": "reject"}[mode]
			if verb == "" {
				return proxy.Harm{}, fmt.Errorf("mode: %q is not one of drop, reject", mode)
			}
			return proxy.Harm{Title: "cut off",
				Action: func(l *proxy.Link) string { return fmt.Sprintf("%s everything on link %s", verb, l.Name()) },
				Effect: func(*proxy.Link, uint64) proxy.Effect { return proxy.Partition{Reject: verb == "reject"} }}, nil
		}}, links, 0)
}

// NewBandwidth returns the fault network.bandwidth.
func NewBandwidth(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "network.bandwidth",
		Summary: "all connections of the link together carry no more than so many bytes per second in a direction; what is too much waits, or is lost (udp, after half a second)",
		Args: []chaos.Param{
			{Name: "rate", Type: "string", Required: true, Help: "bytes or bits per second, such as 100kB/s, 1MiB/s or 8Mbit/s"},
			directionParam("which way is narrow; with both, each way has the whole rate"), shareParam,
		}, Make: func(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
			r, err := reach(args)
			if err != nil {
				return proxy.Harm{}, err
			}
			text, _ := args["rate"].(string)
			rate, err := parseRate(text)
			if err != nil {
				return proxy.Harm{}, fmt.Errorf("rate: %w", err)
			}
			return proxy.Harm{Title: "≤ " + text + some(r),
				Action: func(l *proxy.Link) string {
					return fmt.Sprintf("let no more than %s of %s pass on %s", text, ways(r), of(l, r))
				},
				Effect: func(_ *proxy.Link, seed uint64) proxy.Effect {
					return proxy.Bandwidth{Rate: rate, Reach: r.Seeded(seed)}
				}}, nil
		}}, links, seed)
}
