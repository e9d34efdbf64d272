package sources

import (
	"net"
	"net/url"
	"strings"
)

// Source is one driver with the name that the operator gave it: what is supervised, asked and shown.
type Source struct {
	Name    string // unique in a session
	Kind    string // "prometheus", "loki"
	Address string // for messages
	Driver  Driver
	Secrets []string // texts that must not be in any message about it
}

// Exposed says, in one sentence, that the source's credentials go over the network in plain text; "" when they do not: it has
// none, it is asked over TLS, or it is on this machine.
func (s Source) Exposed() string {
	if len(s.Secrets) == 0 {
		return ""
	}
	scheme, rest, named := strings.Cut(s.Address, "://")
	if !named {
		scheme, rest = "http", s.Address
	}
	if scheme != "http" && scheme != "grpc" {
		return ""
	}
	u, err := url.Parse("http://" + rest)
	if err != nil || u.Hostname() == "" {
		return "" // it cannot be asked either
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback() {
		return ""
	}
	return "its credentials go to " + u.Host + " in plain text, where everybody on the way can read them: write " + scheme + "s:// in the address, or put TLS before it"
}
