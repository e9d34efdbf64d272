// Package resilience puts the classic patterns between a service and what it depends on: timeout, retry with
// exponential back-off and jitter, circuit breaker, bulkhead and fallback, each of which can be switched while requests
// are under way. The patterns themselves are failsafe-go's; this package composes, observes and switches them.
package resilience

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// Pattern is the name of one resilience pattern, as the operator types it.
type Pattern string

// The patterns.
const (
	Timeout     Pattern = "timeout"
	Retry       Pattern = "retry"
	Breaker     Pattern = "breaker"
	Bulkhead    Pattern = "bulkhead"
	Fallback    Pattern = "fallback"
	Idempotency Pattern = "idempotency"
)

// All lists every pattern in the order they are shown.
func All() []Pattern { return []Pattern{Timeout, Retry, Breaker, Bulkhead, Fallback, Idempotency} }

// Help says in one sentence what a pattern does for a service.
func Help(p Pattern) string {
	return map[Pattern]string{
		Timeout:     "gives up on a slow dependency early; off waits up to 10 s",
		Retry:       "asks again after a failure, with exponential back-off and jitter",
		Breaker:     "stops asking a dependency that keeps failing, and probes it now and then",
		Bulkhead:    "bounds how many requests may wait for one dependency",
		Fallback:    "gives a degraded answer, marked as such, instead of an error",
		Idempotency: "lets a repeated order or payment take effect once only",
	}[p]
}

// Switches says which patterns are on in this process. Safe for concurrent use; create it with NewSwitches.
type Switches struct {
	on       [6]atomic.Bool
	onChange atomic.Pointer[func(Pattern, bool)]
}

// NewSwitches turns on the patterns listed ("timeout,retry"), "all" or "none" of them. An unknown name is an error.
func NewSwitches(list string) (*Switches, error) {
	s := &Switches{}
	switch list {
	case "all":
		for i := range s.on {
			s.on[i].Store(true)
		}
	case "none", "":
	default:
		for name := range strings.SplitSeq(list, ",") {
			if err := s.Set(Pattern(name), true); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// On reports whether p is switched on; unknown patterns are off.
func (s *Switches) On(p Pattern) bool {
	i := slices.Index(All(), p)
	return i >= 0 && s.on[i].Load()
}

// Set switches one pattern.
func (s *Switches) Set(p Pattern, on bool) error {
	i := slices.Index(All(), p)
	if i < 0 {
		return fmt.Errorf("switch resilience pattern %q: there is no such pattern; use one of %v", string(p), All())
	}
	s.on[i].Store(on)
	if f := s.onChange.Load(); f != nil {
		(*f)(p, on)
	}
	return nil
}

// OnChange registers the one function that is told of every Set from now on.
func (s *Switches) OnChange(f func(Pattern, bool)) { s.onChange.Store(&f) }

// Map is the state of every pattern by name.
func (s *Switches) Map() map[string]bool {
	m := make(map[string]bool, len(s.on))
	for i, p := range All() {
		m[string(p)] = s.on[i].Load()
	}
	return m
}
