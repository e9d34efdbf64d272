package nft

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"gameday/chaos/hostnet"
)

// Available tries what faults need of nf_tables in a network namespace made for it, and leaves nothing behind.
func Available() []hostnet.Feature {
	all := []struct {
		name, use string
		spec      Spec
	}{
		{"nf_tables with set timeouts", "all of host.loss, host.partition, host.reject, host.delay, dns.failure", Spec{Direction: Both, Verdict: Drop}},
		{"nf_tables random numbers", "host.loss, and shares below 100%", Spec{Direction: In, Verdict: Drop, Share: 0.5}},
		{"nf_tables reject", "host.reject", Spec{Direction: In, Verdict: Reject}},
		{"nf_tables match by cgroup v2", "the argument cgroup", Spec{Direction: In, Verdict: Drop, Match: []Match{{Cgroup: Cgroup{Path: "x", ID: 1, Level: 1}}}}},
		{"nf_tables queue", "host.delay", Spec{Direction: In, Verdict: Queue, Number: 1}},
		{"nf_tables redirect", "dns.failure", Spec{Direction: Out, Verdict: Redirect, Number: 53}},
	}
	out := make([]hostnet.Feature, 0, len(all))
	for _, a := range all {
		out = append(out, hostnet.Feature{Name: a.name, For: a.use, Err: a.spec.probe()})
	}
	return out
}

// Check says why the kernel would not take rules like these, or nil: it takes them, or that cannot be tried. It tries them
// in a network namespace made for it.
func (s Spec) Check() error {
	if err := s.probe(); !errors.Is(err, hostnet.ErrNoScratch) {
		return err
	}
	return nil
}

// probe is Check that also says when it cannot tell.
func (s Spec) probe() error {
	if err := hostnet.May(); err != nil {
		return fmt.Errorf("not available: %w", err)
	}
	native := true
	if s.Verdict == Queue {
		var err error
		if native, err = nativeQueue(); err != nil {
			return err
		}
	}
	switch err := s.try(native); {
	case errors.Is(err, hostnet.ErrNoScratch):
		return fmt.Errorf("not known: %w", err)
	case err != nil:
		return fmt.Errorf("not available: the kernel refuses rules of nf_tables that it needs: %w", err)
	}
	return nil
}

// try installs the rules in a namespace that ends at once.
func (s Spec) try(native bool) error {
	s.Name, s.Lease = NewName(), DefaultLease
	s.Exempt = append(s.Exempt, netip.MustParseAddrPort("192.0.2.1:1"))
	return hostnet.Scratch(func(ns *os.File) error {
		c, err := connect(int(ns.Fd()))
		if err != nil {
			return err
		}
		defer func() { _ = c.CloseLasting() }()
		if err := s.build(native).add(c, s.Lease); err != nil {
			return err
		}
		return c.Flush()
	})
}

// nativeQueue reports whether the kernel has nf_tables' own queue expression; the error is that it has none at all.
func nativeQueue() (bool, error) {
	s := Spec{Direction: In, Verdict: Queue, Number: 1}
	err := s.try(true)
	if err == nil || errors.Is(err, hostnet.ErrNoScratch) { // most kernels have it
		return true, nil
	}
	if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EOPNOTSUPP) {
		return false, fmt.Errorf("not available: ask the kernel for a queue in user space: %w", err)
	}
	if err := s.try(false); err != nil {
		return false, fmt.Errorf("not available: the kernel has neither nft_queue nor xt_NFQUEUE: %w", err)
	}
	return false, nil
}
