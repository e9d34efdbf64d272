package network

import (
	"errors"
	"fmt"
	"time"

	"gameday/chaos"
	"gameday/chaos/proxy"
)

// NewHalfOpen returns the fault network.half-open.
func NewHalfOpen(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "network.half-open",
		Summary: "connections stay open, and are made, but what is sent on them is taken and lost, even that a side has closed; those that lost something are reset when it ends",
		Args:    []chaos.Param{directionParam("which way is lost; with response, requests arrive and are never answered"), shareParam},
		Make: func(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
			r, err := reach(args)
			return proxy.Harm{Title: "half-open" + some(r),
				Action: func(l *proxy.Link) string {
					return fmt.Sprintf("take %s on %s and throw them away", ways(r), of(l, r))
				},
				Effect: func(_ *proxy.Link, seed uint64) proxy.Effect { return proxy.HalfOpen{Reach: r.Seeded(seed)} }}, err
		}}, links, seed)
}

// NewReset returns the fault network.reset.
func NewReset(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "network.reset",
		Summary: "connections end with a TCP reset: at once, new ones as well as open ones, or after a time, or after so many bytes",
		Args: []chaos.Param{
			{Name: "after", Type: "duration", Default: "0s", Min: 0, Max: 86400, Help: "how old a connection may grow, from when the fault began; 0s: at once"},
			{Name: "afterBytes", Type: "string", Help: "instead: how many bytes a connection may carry, from when the fault began, such as 1500 or 16kB"},
			directionParam("which way the bytes are counted; with both, each for itself"), shareParam,
		}, Make: resets}, links, seed)
}

func resets(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
	r, err := reach(args)
	if err != nil {
		return proxy.Harm{}, err
	}
	after, _ := args["after"].(time.Duration)
	text, _ := args["afterBytes"].(string)
	var bytes int64
	when := ""
	switch {
	case text != "" && after > 0:
		return proxy.Harm{}, errors.New("afterBytes: give either a time or a number of bytes, not both")
	case text != "":
		if bytes, err = parseBytes(text); err == nil && bytes == 0 {
			err = errors.New("is zero; leave it out to reset at once")
		}
		if err != nil {
			return proxy.Harm{}, fmt.Errorf("afterBytes: %w", err)
		}
		when = fmt.Sprintf(" after %s", text)
	case after > 0:
		when = fmt.Sprintf(" after %v", after)
	}
	return proxy.Harm{Title: "resets" + when + some(r),
		Action: func(l *proxy.Link) string { return fmt.Sprintf("reset connections%s on %s", when, of(l, r)) },
		Effect: func(_ *proxy.Link, seed uint64) proxy.Effect {
			return proxy.Reset{After: after, AfterBytes: bytes, Reach: r.Seeded(seed)}
		}}, nil
}

// NewLimit returns the fault network.limit.
func NewLimit(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "network.limit",
		Summary: "a connection is closed, in good order, once it has carried so many bytes since the fault began: answers are cut short",
		Args: []chaos.Param{
			{Name: "bytes", Type: "string", Required: true, Help: "how many, such as 1500 or 16kB"},
			directionParam("which way the bytes are counted; with both, each for itself"), shareParam,
		}, Make: func(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
			r, err := reach(args)
			if err != nil {
				return proxy.Harm{}, err
			}
			text, _ := args["bytes"].(string)
			n, err := parseBytes(text)
			if err == nil && n == 0 {
				err = errors.New("is zero; to end connections at once, use network.reset")
			}
			if err != nil {
				return proxy.Harm{}, fmt.Errorf("bytes: %w", err)
			}
			return proxy.Harm{Title: "closes after " + text + some(r),
				Action: func(l *proxy.Link) string {
					return fmt.Sprintf("close connections after %s of %s on %s", text, ways(r), of(l, r))
				},
				Effect: func(_ *proxy.Link, seed uint64) proxy.Effect { return proxy.Limit{Bytes: n, Reach: r.Seeded(seed)} }}, nil
		}}, links, seed)
}

// NewSlowClose returns the fault network.slow-close.
func NewSlowClose(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "network.slow-close",
		Summary: "that a side has closed its connection arrives late; what was said before is not late, and a reset is passed on at once",
		Args: []chaos.Param{
			{Name: "delay", Type: "duration", Required: true, Min: 0, Max: 3600, Help: "how late, such as 10s"},
			directionParam("whose closing is late; response: that of the service the link leads to"), shareParam,
		}, Make: func(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
			r, err := reach(args)
			delay, _ := args["delay"].(time.Duration)
			if err == nil && delay <= 0 {
				err = errors.New("delay: a delay of zero changes nothing")
			}
			return proxy.Harm{Title: "closes " + delay.String() + " late" + some(r),
				Action: func(l *proxy.Link) string {
					return fmt.Sprintf("pass the end of %s on %s on %v late", ways(r), of(l, r), delay)
				},
				Effect: func(_ *proxy.Link, seed uint64) proxy.Effect {
					return proxy.SlowClose{Delay: delay, Reach: r.Seeded(seed)}
				}}, err
		}}, links, seed)
}

// NewSlice returns the fault network.slice.
func NewSlice(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "network.slice",
		Summary: "bytes arrive in small pieces, with a pause between them: who takes one read for one message fails",
		Args: []chaos.Param{
			{Name: "size", Type: "int", Default: 1, Min: 1, Max: 32768, Help: "bytes in a piece"},
			{Name: "delay", Type: "duration", Default: "1ms", Min: 0, Max: 3600, Help: "from one piece to the next; with 0s, pieces may be put together again on their way"},
			directionParam("which way is cut into pieces"), shareParam,
		}, Make: func(args chaos.Args, _ []chaos.Target) (proxy.Harm, error) {
			r, err := reach(args)
			size, _ := args["size"].(int)
			delay, _ := args["delay"].(time.Duration)
			return proxy.Harm{Title: fmt.Sprintf("in pieces of %d B", size) + some(r),
				Action: func(l *proxy.Link) string {
					return fmt.Sprintf("cut %s on %s into pieces of %d bytes, one every %v", ways(r), of(l, r), size, delay)
				},
				Effect: func(_ *proxy.Link, seed uint64) proxy.Effect {
					return proxy.Slice{Size: size, Delay: delay, Reach: r.Seeded(seed)}
				}}, err
		}}, links, seed)
}
