// Package dial is the connection of one worker to a target, for the load protocols that speak over one socket: finding
// the address in the target's URL, connecting with each phase timed, deadlines that are cheap to move, breaking off when
// the run is stopped, and telling what kind of failure an error is.
package dial

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Address is where a target's URL points.
type Address struct {
	Scheme string
	Host   string // without brackets
	Port   string
	URL    *url.URL // as it was written; it holds no password
}

// String is the address as net.Dial takes it.
func (a Address) String() string { return net.JoinHostPort(a.Host, a.Port) }

// Parse reads a target such as "tcp://127.0.0.1:7000". ports has the schemes that are known and the port of each when
// none is given; "" is a scheme whose port must be given. Errors never hold a password.
func Parse(target string, ports map[string]string) (Address, error) {
	u, err := url.Parse(target)
	if err != nil {
		// The library's error quotes the whole address, and that may hold a password.
		if detail := (*url.Error)(nil); errors.As(err, &detail) {
			err = detail.Err
		}
		return Address{}, fmt.Errorf("read the target's address: %w", err)
	}
	port, known := ports[u.Scheme]
	if p := u.Port(); p != "" {
		port = p
	}
	shown := u.Redacted()
	if number, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || number == 0) {
		return Address{}, fmt.Errorf("target %q: port %s is not from 1 to 65535", shown, port)
	}
	switch {
	case !known:
		schemes := slices.Sorted(maps.Keys(ports))
		return Address{}, fmt.Errorf("target %q must start with %s://", shown, strings.Join(schemes, ":// or "))
	case u.Hostname() == "":
		return Address{}, fmt.Errorf("target %q has no host", shown)
	case port == "":
		return Address{}, fmt.Errorf("target %q has no port: write %s://%s:PORT", shown, u.Scheme, u.Host)
	case u.User != nil:
		return Address{}, fmt.Errorf("target %q holds a user or a password: leave it out", shown)
	case u.Fragment != "":
		return Address{}, fmt.Errorf("target %q must not have a #fragment", shown)
	}
	return Address{Scheme: u.Scheme, Host: u.Hostname(), Port: port, URL: u}, nil
}

// Bare reports an error when the target has more than a scheme, a host and a port.
func (a Address) Bare() error {
	if strings.Trim(a.URL.Path, "/") != "" || a.URL.RawQuery != "" {
		return fmt.Errorf("target %q must end after the port: %s has no paths", a.URL.Redacted(), a.Scheme)
	}
	return nil
}

// TLS is the configuration for speaking to the address: base, which may be nil, with the host's name to be verified and
// the application protocols to offer.
func (a Address) TLS(base *tls.Config, protocols ...string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		c = base.Clone()
	}
	if c.ServerName == "" {
		c.ServerName = a.Host
	}
	if len(protocols) > 0 {
		c.NextProtos = protocols
	}
	return c
}
