package hostnet

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Guard knows the connections that no fault may cut: the one the operator sits at, and those to the sources in use. Its
// zero value guards nothing.
type Guard struct {
	// SSH is the value of $SSH_CONNECTION: client address, client port, server address, server port.
	SSH string
	// Control are the addresses of what gameday itself talks to or serves: sources in use, its own listeners.
	Control []netip.AddrPort
	// Sources tells more of them, as they are when a fault is planned; nil: there are none.
	Sources func() []netip.AddrPort
}

// Link is one connection that is guarded.
type Link struct {
	Remote netip.AddrPort // the other end; packets from and to it are exempt
	Local  netip.AddrPort // our end; zero when any
	What   string         // for messages: "your SSH connection"
}

// Links lists what is guarded. A value of $SSH_CONNECTION that cannot be read is an error: who cannot see the link cannot
// guard it.
func (g Guard) Links() ([]Link, error) {
	var out []Link
	if s := strings.Fields(g.SSH); len(s) > 0 {
		if len(s) != 4 {
			return nil, fmt.Errorf("read SSH_CONNECTION: it has %d words instead of 4; unset it when there is no SSH link to guard", len(s))
		}
		remote, err1 := endpoint(s[0], s[1])
		local, err2 := endpoint(s[2], s[3])
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("read SSH_CONNECTION: it holds no pair of addresses and ports; unset it when there is no SSH link to guard")
		}
		out = append(out, Link{remote, local, "your SSH connection"})
	}
	control := g.Control
	if g.Sources != nil {
		control = append(slices.Clone(control), g.Sources()...)
	}
	for _, a := range control {
		a = netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
		out = append(out, Link{Remote: a, What: "the control address " + a.String()})
	}
	return out, nil
}

func endpoint(addr, port string) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	p, err := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(a.Unmap().WithZone(""), uint16(p)), err
}

// Interface is the name of the network interface that carries the link in this process's namespace; "" when that cannot
// be told. Nothing is sent.
func (l Link) Interface() string {
	local := l.Local.Addr()
	if !local.IsValid() {
		c, err := net.Dial("udp", l.Remote.String()) // only asks for the route
		if err != nil {
			return ""
		}
		defer c.Close()
		if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
			local = a.AddrPort().Addr().Unmap().WithZone("")
		}
	}
	ifs, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range ifs {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == local {
					return i.Name
				}
			}
		}
	}
	return ""
}

// Refused is the error for a fault that would hit a guarded link.
func Refused(kind string, l Link, narrow string) error {
	return fmt.Errorf("%s: refused, it would hit %s (%s); %s, or set force: true", kind, l.What, l.Remote, narrow)
}
