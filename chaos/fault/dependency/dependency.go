// Package dependency makes a service's dependency answer with errors.
package dependency

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"

	"gameday/chaos"
	"gameday/chaos/proxy"
)

// Error is the fault dependency.error.
type Error struct {
	links *proxy.Set
	seed  uint64
}

// NewError returns the fault for the links of a set. seed makes it repeatable which requests are hit. In a keeper or a
// recovery links is nil.
func NewError(links *proxy.Set, seed uint64) *Error { return &Error{links, seed} }

// Kind is "dependency.error".
func (*Error) Kind() string { return "dependency.error" }

// Hits links.
func (*Error) Hits() chaos.TargetKind { return chaos.TargetLink }

// Help says what the targets feel.
func (*Error) Help() string {
	return "a share of the requests on the link is answered with an error, and never reaches the dependency"
}

// Params are status, code, share, method and path.
func (*Error) Params() []chaos.Param {
	return []chaos.Param{
		{Name: "status", Type: "int", Default: 503, Min: 400, Max: 599, Help: "the status that http links answer with"},
		{Name: "code", Type: "string", Default: "UNAVAILABLE", Help: "the code that gRPC links answer with, by name or number"},
		{Name: "share", Type: "percent", Default: 100, Help: "how many of the requests are hit"},
		{Name: "method", Type: "string", Help: "only requests with this HTTP method"},
		{Name: "path", Type: "string", Help: "only requests with this path; * stands for any text; for gRPC /package.Service/Method"},
	}
}

// Reversible is true.
func (*Error) Reversible() bool { return true }

// Plan finds the links and refuses those that carry plain TCP.
func (f *Error) Plan(_ context.Context, targets []chaos.Target, args chaos.Args) (chaos.Change, error) {
	// A missing argument is the zero value here: the controller has filled in the defaults.
	status, _ := args["status"].(int)
	if status == 0 {
		status = 503
	}
	name, _ := args["code"].(string)
	code, err := parseCode(name)
	if err != nil {
		return nil, err
	}
	share, given := args["share"].(float64)
	if !given {
		share = 100
	}
	method, _ := args["method"].(string)
	path, _ := args["path"].(string)
	if share <= 0 {
		return nil, errors.New("dependency.error: a share of zero changes nothing")
	}
	for _, t := range targets {
		switch {
		case t.Labels["proto"] == "tcp":
			return nil, fmt.Errorf("dependency.error: link %s carries plain TCP, in which requests are not known; use network.partition", t.Name)
		case t.Labels["proto"] == "grpc" && method != "":
			return nil, fmt.Errorf("dependency.error: link %s carries gRPC; select by path (/package.Service/Method), not by method", t.Name)
		}
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
	if share < 100 {
		what += fmt.Sprintf(" (%g%%)", share)
	}
	return proxy.PlanRules(f.links, f.Kind(), targets, proxy.Wording{
		Title: proxy.Toward(targets) + " " + what,
		Action: func(l *proxy.Link) string {
			return strings.TrimSpace(fmt.Sprintf("answer %g%% of requests on link %s with %s %s %s", share, l.Name(), answer(l.Proto()), method, path))
		},
		Unit: func([]*proxy.Link) string { return "requests" },
	}, func(l *proxy.Link, i int) (*proxy.Rule, error) {
		return l.SetFailure(proxy.Failure{Status: status, Code: int(code), Share: share / 100, Method: method, Path: path, Seed: f.seed + uint64(i)})
	})
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
		return 0, fmt.Errorf("dependency.error: %q is not a gRPC error code; write a name such as UNAVAILABLE or DEADLINE_EXCEEDED, or 1 to 16", s)
	}
	return c, nil
}

// Restore checks that the proxy that answered is gone.
func (*Error) Restore(_ context.Context, undo json.RawMessage) error { return proxy.RestoreRules(undo) }

// Remedy is the command that remains.
func (*Error) Remedy(undo []byte) string { return proxy.RemedyFor(undo) }
