// Package dependency makes a service's dependencies answer late, wrongly or not at all.
package dependency

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"gameday/chaos"
	"gameday/chaos/proxy"
)

// All is every fault of the package. In a keeper or a recovery links is nil; seed makes everything random in them
// repeatable.
func All(links *proxy.Set, seed uint64) []chaos.Fault {
	return []chaos.Fault{
		NewError(links, seed), NewDelay(links, seed), NewAbort(links, seed), NewRateLimit(links, seed),
		NewHeader(links, seed), NewBody(links, seed), NewCertificate(links, seed),
	}
}

// matchParams are the arguments that choose requests.
var matchParams = []chaos.Param{
	{Name: "share", Type: "percent", Default: 100, Help: "how many of the requests that match are hit"},
	{Name: "method", Type: "string", Help: "only requests with this HTTP method"},
	{Name: "path", Type: "string", Help: "only requests with this path; * stands for any text; for gRPC /package.Service/Method"},
	{Name: "pathRegex", Type: "string", Help: "only requests whose path this regular expression (Go syntax) finds something in"},
	{Name: "header", Type: "string", Help: `only requests with this header: "Name: value" with * for any text, or "Name"`},
	{Name: "host", Type: "string", Help: "only requests to this host name, without port; * stands for any text; on forward links, this is the outside API"},
}

func with(own ...chaos.Param) []chaos.Param { return append(own, matchParams...) }

// match reads the arguments that choose requests.
func match(args chaos.Args, targets []chaos.Target) (m proxy.Match, err error) {
	share, given := args["share"].(float64)
	if given && share <= 0 {
		return m, errors.New("share: a share of zero changes nothing")
	}
	m.Share = share / 100
	m.Method, _ = args["method"].(string)
	m.Path, _ = args["path"].(string)
	m.Regexp, _ = args["pathRegex"].(string)
	m.Header, _ = args["header"].(string)
	m.Host, _ = args["host"].(string)
	for _, t := range targets {
		if t.Labels["proto"] == "grpc" && m.Method != "" {
			return m, fmt.Errorf("method: link %s carries gRPC; select by path (/package.Service/Method), not by method", t.Name)
		}
	}
	return m, nil
}

// which names the requests that match.
func which(l *proxy.Link, m proxy.Match) string {
	s := "requests on link " + l.Name()
	if m.Share > 0 && m.Share < 1 {
		s = fmt.Sprintf("%g%% of %s", m.Share*100, s)
	}
	for _, f := range []struct{ name, value string }{{"method", m.Method}, {"path", m.Path}, {"path matching", m.Regexp}, {"header", m.Header}, {"host", m.Host}} {
		if f.value != "" {
			s += ", " + f.name + " " + f.value
		}
	}
	return s
}

// some is what of a match has room in a title.
func some(m proxy.Match) (s string) {
	if m.Host != "" {
		s += " for " + m.Host
	}
	if m.Share > 0 && m.Share < 1 {
		s += fmt.Sprintf(" (%g%%)", m.Share*100)
	}
	return s
}

// fault makes a fault of requests. read gives the title, what is done to the requests, and the effect.
func fault(links *proxy.Set, seed uint64, name, summary string, params []chaos.Param,
	read func(args chaos.Args) (title, verb string, effect func(proxy.Match) proxy.Effect, err error)) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: name, Summary: summary, Args: with(params...),
		Make: func(args chaos.Args, targets []chaos.Target) (proxy.Harm, error) {
			m, err := match(args, targets)
			if err != nil {
				return proxy.Harm{}, err
			}
			title, verb, effect, err := read(args)
			return proxy.Harm{Title: title + some(m),
				Action: func(l *proxy.Link) string { return verb + " " + which(l, m) },
				Effect: func(_ *proxy.Link, seed uint64) proxy.Effect {
					m := m
					m.Seed = seed
					return effect(m)
				}}, err
		}}, links, seed)
}

// NewError returns the fault dependency.error.
func NewError(links *proxy.Set, seed uint64) *proxy.Fault {
	return proxy.NewFault(proxy.Kind{Name: "dependency.error",
		Summary: "a share of the requests on the link is answered with an error, and never reaches the dependency",
		Args: with(
			chaos.Param{Name: "status", Type: "int", Default: 503, Min: 400, Max: 599, Help: "the status that http links answer with"},
			chaos.Param{Name: "code", Type: "string", Default: "UNAVAILABLE", Help: "the code that gRPC links answer with, by name or number"},
		), Make: fail}, links, seed)
}

func fail(args chaos.Args, targets []chaos.Target) (proxy.Harm, error) {
	m, err := match(args, targets)
	if err != nil {
		return proxy.Harm{}, err
	}
	status, _ := args["status"].(int)
	if status == 0 {
		status = 503
	}
	name, _ := args["code"].(string)
	code, err := parseCode(name)
	if err != nil {
		return proxy.Harm{}, fmt.Errorf("code: %w", err)
	}
	answer := func(proto string) string {
		if proto == "grpc" {
			return code.String()
		}
		return strconv.Itoa(status)
	}
	what := "answers errors"
	if len(targets) > 0 { // the title has room for one answer
		what = "answers " + answer(targets[0].Labels["proto"])
	}
	return proxy.Harm{Title: what + some(m),
		Action: func(l *proxy.Link) string { return "answer " + answer(l.Proto()) + " to " + which(l, m) },
		Effect: func(_ *proxy.Link, seed uint64) proxy.Effect {
			m := m
			m.Seed = seed
			return proxy.Failure{Status: status, Code: int(code), Match: m}
		}}, nil
}

// parseCode reads a gRPC code by name (UNAVAILABLE) or number (14).
func parseCode(s string) (codes.Code, error) {
	if s == "" {
		return codes.Unavailable, nil
	}
	text := strings.ToUpper(s)
	if _, err := strconv.Atoi(s); err != nil {
		text = strconv.Quote(text)
	}
	var c codes.Code
	if err := c.UnmarshalJSON([]byte(text)); err != nil || c == codes.OK {
		return 0, fmt.Errorf("%q is not a gRPC error code; write a name such as UNAVAILABLE or DEADLINE_EXCEEDED, or 1 to 16", s)
	}
	return c, nil
}

// NewDelay returns the fault dependency.delay.
func NewDelay(links *proxy.Set, seed uint64) *proxy.Fault {
	return fault(links, seed, "dependency.delay", "requests that match wait before they reach the dependency; others on the same connection do not wait longer than HTTP makes them",
		[]chaos.Param{
			{Name: "delay", Type: "duration", Required: true, Min: 0, Max: 3600, Help: "how long, such as 800ms"},
			{Name: "jitter", Type: "duration", Default: "0s", Min: 0, Max: 3600, Help: "the width of the random part, which each request has anew"},
			{Name: "distribution", Type: "string", Default: "uniform", OneOf: []string{"constant", "uniform", "normal", "pareto"},
				Help: "as for network.latency"},
		}, func(args chaos.Args) (string, string, func(proxy.Match) proxy.Effect, error) {
			delay, _ := args["delay"].(time.Duration)
			jitter, _ := args["jitter"].(time.Duration)
			how, _ := args["distribution"].(string)
			if delay <= 0 && jitter <= 0 {
				return "", "", nil, errors.New("delay: a delay of zero changes nothing")
			}
			amount := delay.String()
			if jitter > 0 {
				amount += " ±" + jitter.String()
				if how == "normal" || how == "pareto" {
					amount = delay.String() + " " + how + " " + jitter.String()
				}
			}
			return "requests +" + amount, "let wait for " + amount + ":", func(m proxy.Match) proxy.Effect {
				return proxy.Delay{Delay: delay, Jitter: jitter, Distribution: proxy.Distribution(how), Match: m}
			}, nil
		})
}

// NewAbort returns the fault dependency.abort.
func NewAbort(links *proxy.Set, seed uint64) *proxy.Fault {
	return fault(links, seed, "dependency.abort", "requests that match get no answer: their connection is reset (gRPC: their stream), and they never reach the dependency",
		nil, func(chaos.Args) (string, string, func(proxy.Match) proxy.Effect, error) {
			return "aborts requests", "cut the connection of", func(m proxy.Match) proxy.Effect { return proxy.Abort{Match: m} }, nil
		})
}

// NewRateLimit returns the fault dependency.rate-limit.
func NewRateLimit(links *proxy.Set, seed uint64) *proxy.Fault {
	return fault(links, seed, "dependency.rate-limit", "requests beyond so many per second are answered 429 Too Many Requests with Retry-After: 1 (gRPC: RESOURCE_EXHAUSTED)",
		[]chaos.Param{{Name: "rate", Type: "int", Required: true, Min: 1, Max: 1e6, Help: "requests per second that pass; after a pause, that many at once"}},
		func(args chaos.Args) (string, string, func(proxy.Match) proxy.Effect, error) {
			rate, _ := args["rate"].(int)
			return fmt.Sprintf("takes %d/s", rate), fmt.Sprintf("answer 429 beyond %d per second to", rate), func(m proxy.Match) proxy.Effect {
				return proxy.RateLimit{PerSecond: float64(rate), Match: m}
			}, nil
		})
}
