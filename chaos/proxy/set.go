// Package proxy carries the links between services, so that faults can be put on them.
//
// Without a fault, bytes pass through the kernel (splice) and the proxy is as good as not there. A fault is set and
// removed while connections are live: existing ones feel it at once. Everything a fault does here ends with the process:
// there is nothing outside of it to be undone.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"gameday/chaos"
)

// Set is all links of a session.
type Set struct {
	authority authority

	mu     sync.Mutex
	links  []*Link
	closed bool
}

// NewSet returns a set without links.
func NewSet() *Set { return &Set{} }

// Link opens a link on a loopback port of its own and carries to upstream (host:port) whatever connects there. proto is
// "tcp", "http" (HTTP/1.1), "grpc" or "udp"; it decides which faults the link can have. "forward" is what Forward makes,
// without an upstream. There is one link from a service to another.
func (s *Set) Link(from, to, proto, upstream string) (*Link, error) {
	switch {
	case proto == "forward" && upstream == "":
		return s.Forward(from, to)
	case proto == "forward":
		return nil, fmt.Errorf("open link %s→%s: a forward link has no upstream: its clients say where to", from, to)
	case !slices.Contains([]string{"tcp", "http", "grpc", "udp"}, proto):
		return nil, fmt.Errorf("open link %s→%s: unknown protocol %q; use tcp, http, grpc, udp or forward", from, to, proto)
	}
	if _, _, err := net.SplitHostPort(upstream); err != nil {
		return nil, fmt.Errorf("open link %s→%s: upstream: %w", from, to, err)
	}
	return s.add(from, to, proto, upstream)
}

// Forward opens a link that is an HTTP proxy: set HTTP_PROXY and HTTPS_PROXY of the process from to "http://" and its
// Addr, and its calls to the outside can have faults, chosen by host name. Requests of http URLs are understood, https
// passes as a tunnel (CONNECT). to is a word for what is out there, such as "internet".
func (s *Set) Forward(from, to string) (*Link, error) { return s.add(from, to, "forward", "") }

func (s *Set) add(from, to, proto, upstream string) (*Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("open link %s→%s: the proxy is closed", from, to)
	}
	name := from + "→" + to
	if slices.ContainsFunc(s.links, func(l *Link) bool { return l.name == name }) {
		return nil, fmt.Errorf("open link %s: there is one already; use SetUpstream to lead it elsewhere", name)
	}
	l, err := s.open(from, to, proto, upstream)
	if err != nil {
		return nil, err
	}
	s.links = append(s.links, l)
	return l, nil
}

// Links lists all links in the order they were opened.
func (s *Set) Links() []*Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.links)
}

// Find returns the link of that name ("checkout→payment").
func (s *Set) Find(name string) (*Link, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.links, func(l *Link) bool { return l.name == name })
	if i < 0 {
		return nil, false
	}
	return s.links[i], true
}

// Targets lists the links as targets, sorted by name.
func (s *Set) Targets() []chaos.Target {
	var out []chaos.Target
	for _, l := range s.Links() {
		out = append(out, chaos.Target{Kind: chaos.TargetLink, Name: l.name, Address: l.Upstream(),
			Labels: map[string]string{"from": l.from, "to": l.to, "proto": l.proto}})
	}
	slices.SortFunc(out, func(a, b chaos.Target) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Inventory is the set as a chaos.Inventory.
func (s *Set) Inventory() chaos.Inventory {
	return chaos.InventoryFunc(func(context.Context) ([]chaos.Target, error) { return s.Targets(), nil })
}

// Close ends all links and their connections, and waits for them. A second call does nothing.
func (s *Set) Close() error {
	s.mu.Lock()
	s.closed = true
	links := s.links
	s.mu.Unlock()
	var errs []error
	for _, l := range links {
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}
