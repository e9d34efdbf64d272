package netfilter

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"gameday/chaos"
	"gameday/chaos/hostnet"
	"gameday/chaos/nft"
)

// scope is which packets, in one network namespace.
type scope struct {
	namespace hostnet.Namespace
	match     []nft.Match
}

// scopes resolves targets and arguments into packets. Whoever names nothing must say that everything is meant.
func (f *Fault) scopes(targets []chaos.Target, args chaos.Args) ([]scope, error) {
	base := nft.Match{}
	if base.Protocol, _ = args["protocol"].(string); base.Protocol == "any" {
		base.Protocol = ""
	}
	port, _ := args["port"].(int)
	base.Port = uint16(port)
	if base.Protocol == "icmp" && port != 0 {
		return nil, errors.New("icmp has no ports; leave out port or protocol")
	}
	base.Interface, _ = args["interface"].(string)
	if len(base.Interface) > 15 {
		return nil, fmt.Errorf("%q is no name of a network interface: it is longer than 15 characters", base.Interface)
	}
	cidr, _ := args["cidr"].(string)
	peers, err := prefixes(cidr)
	if err != nil {
		return nil, err
	}
	if f.hits == chaos.TargetProcess {
		return processScopes(targets, base, peers)
	}
	if len(targets) != 1 {
		return nil, fmt.Errorf("it hits this machine, not %d targets", len(targets))
	}
	if path, _ := args["cgroup"].(string); path != "" {
		if d, _ := args["direction"].(string); d == string(nft.Forward) {
			return nil, errors.New("packets that are passed on belong to no cgroup; leave out cgroup, or choose another direction")
		}
		if base.Cgroup, err = nft.FindCgroup(path); err != nil {
			return nil, err
		}
	}
	if base == (nft.Match{Protocol: base.Protocol}) && cidr == "" {
		return nil, errors.New(`say which packets: cidr, port, interface or cgroup; cidr: any is everything, loopback too`)
	}
	name, _ := args["netns"].(string)
	ns, err := hostnet.FindNamespace(name)
	if err != nil {
		return nil, err
	}
	return []scope{{ns, perPeer(base, peers)}}, nil
}

func perPeer(base nft.Match, peers []netip.Prefix) []nft.Match {
	if len(peers) == 0 {
		return []nft.Match{base}
	}
	var out []nft.Match
	for _, p := range peers {
		m := base
		m.Peer = p
		out = append(out, m)
	}
	return out
}

// processScopes matches each process by the port it serves, or else by its cgroup, in the namespace it lives in.
func processScopes(targets []chaos.Target, base nft.Match, peers []netip.Prefix) ([]scope, error) {
	if len(targets) == 0 {
		return nil, errors.New("no process was selected")
	}
	var out []scope
	for _, t := range targets {
		if t.Kind != chaos.TargetProcess {
			return nil, fmt.Errorf("%s is a %s, not a process", t.Name, t.Kind)
		}
		m := base
		m.LocalPort, m.Port = base.Port, 0
		if _, text, err := net.SplitHostPort(t.Address); err == nil {
			p, err := strconv.ParseUint(text, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("%s serves %q, which is no port", t.Name, t.Address)
			}
			m.LocalPort = uint16(p)
		}
		if m.LocalPort == 0 {
			c, err := nft.CgroupOf(t.PID)
			if err != nil {
				return nil, fmt.Errorf("%s cannot be told by its packets: no port of it is known, and %w; give the argument port", t.Name, err)
			}
			m.Cgroup = c
		}
		ns, err := namespaceOf(t)
		if err != nil {
			return nil, err
		}
		i := 0
		for i < len(out) && out[i].namespace.Inode != ns.Inode {
			i++
		}
		if i == len(out) {
			out = append(out, scope{namespace: ns})
		}
		out[i].match = append(out[i].match, perPeer(m, peers)...)
	}
	return out, nil
}

// namespaceOf is where a process has its network: a container's, or our own.
func namespaceOf(t chaos.Target) (hostnet.Namespace, error) {
	own, err := hostnet.FindNamespace("")
	if err != nil || t.PID <= 0 {
		return own, err
	}
	ns, err := hostnet.FindNamespace(strconv.Itoa(t.PID))
	if err != nil {
		return ns, fmt.Errorf("%s: %w", t.Name, err)
	}
	if ns.Inode == own.Inode {
		return own, nil
	}
	return ns, nil
}

// prefixes reads "10.0.0.0/8, 192.0.2.7, fd00::/8"; "" and "any" are none.
func prefixes(s string) ([]netip.Prefix, error) {
	if s = strings.TrimSpace(s); s == "" || s == "any" {
		return nil, nil
	}
	var out []netip.Prefix
	for _, text := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); aerr == nil {
			a = a.Unmap().WithZone("")
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is neither an address nor a range of them; write it like 192.0.2.7 or 10.0.0.0/8", text)
		}
		out = append(out, p.Masked())
	}
	if len(out) > 256 {
		return nil, fmt.Errorf("%d address ranges are more than 256", len(out))
	}
	return out, nil
}
