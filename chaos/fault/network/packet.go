package network

import (
	"errors"
	"fmt"

	"gameday/chaos"
	"gameday/chaos/proxy"
)

// NewCorrupt returns the fault network.corrupt.
func NewCorrupt(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "network.corrupt",
		Summary: "some bytes arrive changed; there are as many as were sent, and checksums of the network do not tell",
		Args: []chaos.Param{
			{Name: "rate", Type: "percent", Help: `the share of the bytes that are changed, such as "0.1%"; instead of oneIn`},
			{Name: "oneIn", Type: "int", Min: 1, Max: 1e12, Help: "one byte in so many is changed, on average, such as 1000; instead of rate"},
			directionParam("which way is changed"), shareParam,
		}, Make: func(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
			r, err := reach(args)
			if err != nil {
				return proxy.Harm{}, err
			}
			percent, given := args["rate"].(float64)
			n, other := args["oneIn"].(int)
			what := fmt.Sprintf("%g%% of the bytes", percent)
			switch {
			case given == other:
				return proxy.Harm{}, errors.New("rate: give either rate or oneIn")
			case other:
				percent, what = 100/float64(n), fmt.Sprintf("1 in %d bytes", n)
			case percent <= 0:
				return proxy.Harm{}, errors.New("rate: a share of zero changes nothing")
			}
			return proxy.Harm{Title: "corrupts " + what + some(r),
				Action: func(l *proxy.Link) string { return fmt.Sprintf("change %s of %s on %s", what, ways(r), of(l, r)) },
				Effect: func(_ *proxy.Link, seed uint64) proxy.Effect {
					return proxy.Corrupt{Rate: percent / 100, Reach: r.Seeded(seed)}
				}}, nil
		}}, links, seed)
}

// NewLoss returns the fault network.loss.
func NewLoss(links *proxy.Set, seed uint64) *proxy.Fault {
	return packets(links, seed, "network.loss", "some packets of a udp link are lost", "loses", "lose",
		func(rate float64, r proxy.Reach) proxy.Effect { return proxy.Loss{Rate: rate, Reach: r} })
}

// NewDuplicate returns the fault network.duplicate.
func NewDuplicate(links *proxy.Set, seed uint64) *proxy.Fault {
	return packets(links, seed, "network.duplicate", "some packets of a udp link arrive twice", "duplicates", "send twice",
		func(rate float64, r proxy.Reach) proxy.Effect { return proxy.Duplicate{Rate: rate, Reach: r} })
}

func packets(links *proxy.Set, seed uint64, kind, summary, title, verb string, effect func(float64, proxy.Reach) proxy.Effect) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: kind, Summary: summary,
		Args: []chaos.Param{
			{Name: "rate", Type: "percent", Required: true, Help: `the share of the packets, such as "5%"`},
			directionParam("which way"), shareParam,
		}, Make: func(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
			r, err := reach(args)
			percent, _ := args["rate"].(float64)
			if err == nil && percent <= 0 {
				err = errors.New("rate: a share of zero changes nothing")
			}
			return proxy.Harm{Title: fmt.Sprintf("%s %g%%", title, percent) + some(r),
				Action: func(l *proxy.Link) string {
					return fmt.Sprintf("%s %g%% of the packets that are %s on %s", verb, percent, ways(r), of(l, r))
				},
				Effect: func(_ *proxy.Link, seed uint64) proxy.Effect { return effect(percent/100, r.Seeded(seed)) }}, err
		}}, links, seed)
}
