package http1

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
)

// Route is where the target is: the addresses its name stands for, in the order they are to be tried. It is safe for
// concurrent use.
type Route struct {
	host    string
	port    uint16
	literal bool
	list    atomic.Pointer[[]netip.AddrPort]
}

// Resolve looks the target's name up.
func (p *Protocol) Resolve(ctx context.Context) (*Route, error) {
	host, port, err := net.SplitHostPort(p.address)
	if err != nil {
		return nil, fmt.Errorf("split the target's address: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("the target's port is not a number up to 65535: %w", err)
	}
	r := &Route{host: host, port: uint16(n)}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return nil, fmt.Errorf("the target's address has a zone")
		}
		r.literal = true
		r.list.Store(&[]netip.AddrPort{netip.AddrPortFrom(addr.Unmap(), r.port)})
		return r, nil
	}
	return r, r.Refresh(ctx)
}

// Literal reports whether the target was given as an address, which does not change.
func (r *Route) Literal() bool { return r.literal }

// Refresh looks the name up again. What was known stays when that fails.
func (r *Route) Refresh(ctx context.Context) error {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", r.host)
	if err != nil {
		return err
	}
	list := make([]netip.AddrPort, 0, len(found))
	for _, a := range found {
		list = append(list, netip.AddrPortFrom(a.Unmap(), r.port))
	}
	if len(list) == 0 {
		return &net.DNSError{Err: "no addresses", Name: r.host, IsNotFound: true}
	}
	r.list.Store(&list)
	return nil
}
