// Package client is how drivers speak HTTP: one Config for all of them, authorisation that is looked up anew for every
// request, answers that are read within a bound however they are compressed, and errors that say with which address, why,
// and what to change.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"

	"gameday/sources/reference"
)

// The bounds that a zero in Config stands for.
const (
	DefaultTimeout  = 15 * time.Second
	DefaultMaxBytes = 16 << 20
)

// Config is how a source is reached, as it stands in a configuration. The zero value is plain HTTP without authorisation.
type Config struct {
	Auth      Auth                        `yaml:"auth" doc:"How requests say who they are from."`
	TLS       TLS                         `yaml:"tls" doc:"How the system is verified, and what gameday shows it."`
	Headers   map[string]reference.Secret `yaml:"headers" doc:"Further headers of every request."`
	Tenant    string                      `yaml:"tenant" doc:"Value of X-Scope-OrgID, by which Loki, Tempo and Mimir keep tenants apart."`
	Timeout   time.Duration               `yaml:"timeout" doc:"How long one answer may take. Default 15s."`
	RateLimit float64                     `yaml:"rateLimit" doc:"Requests per second at most; 0: no limit."`
	MaxBytes  int64                       `yaml:"maxBytes" doc:"How much of one answer is read, after decompression. Default 16 MiB."`
	// Dial makes connections instead of the network, such as through pipes in a test whose clock is not the machine's; nil is
	// the network. No configuration can set it.
	Dial Dial `yaml:"-"`
	// Held counts, when it is not nil, the answers that were not closed yet and the connections that were not given up: a test that
	// sees whether all are. No configuration can set it.
	Held *atomic.Int64 `yaml:"-"`
}

// Dial opens one connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// hold counts something that is handed out, until give is called for the first time.
func (c Config) hold() (give func()) {
	if c.Held == nil {
		return func() {}
	}
	c.Held.Add(1)
	return sync.OnceFunc(func() { c.Held.Add(-1) })
}

// Dialer is Dial, or the network when there is none; a connection is there within the time-out, and within 10 s, or is given up.
func (c Config) Dialer() Dial {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	timeout = min(timeout, 10*time.Second)
	if c.Dial == nil {
		return (&net.Dialer{Timeout: timeout}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return c.Dial(ctx, network, address)
	}
}

// TLS is how the system is verified, and what gameday shows it.
type TLS struct {
	CA         string `yaml:"ca" doc:"File with the certificates that the system is verified by, in PEM, instead of the machine's."`
	Cert       string `yaml:"cert" doc:"File with gameday's own certificate, in PEM."`
	Key        string `yaml:"key" doc:"File with its key, in PEM."`
	ServerName string `yaml:"serverName" doc:"Name that is verified, instead of the address's."`
	Insecure   bool   `yaml:"insecure" doc:"The system is not verified: anybody could answer in its place."`
}

// ownHeaders are set by the client itself, or decide how a message is read.
var ownHeaders = []string{"Accept-Encoding", "Connection", "Content-Length", "Host", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// Validate reports every fault of the configuration, with its path.
func (c Config) Validate() error {
	errs := []error{c.Auth.validate(), c.TLS.validate("tls")}
	for name := range c.Headers {
		switch key := http.CanonicalHeaderKey(name); {
		case !httpguts.ValidHeaderFieldName(name):
			errs = append(errs, fmt.Errorf("headers: %q is no name of a header", name))
		case slices.Contains(ownHeaders, key):
			errs = append(errs, fmt.Errorf("headers.%s: it is set by gameday itself", name))
		case key == "Authorization" && c.Auth.given() != "":
			errs = append(errs, fmt.Errorf("headers.%s: contradicts auth.%s: give one", name, c.Auth.given()))
		}
	}
	if !httpguts.ValidHeaderFieldValue(c.Tenant) {
		errs = append(errs, errors.New("tenant: it has characters that no header may have"))
	}
	if c.Timeout < 0 || c.RateLimit < 0 || c.MaxBytes < 0 {
		errs = append(errs, errors.New("timeout, rateLimit and maxBytes must not be negative"))
	}
	return errors.Join(errs...)
}

func (t TLS) validate(path string) error {
	var errs []error
	if (t.Cert == "") != (t.Key == "") {
		errs = append(errs, fmt.Errorf("%s: needs cert and key, or neither", path))
	}
	if t.Insecure && t.CA != "" {
		errs = append(errs, fmt.Errorf("%s.insecure: contradicts ca: nothing is verified by it", path))
	}
	return errors.Join(errs...)
}

// Build reads the files and makes a configuration for crypto/tls. Drivers that do not speak HTTP, such as over gRPC, use it too.
func (t TLS) Build() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName, InsecureSkipVerify: t.Insecure}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: %s has no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" {
		// read at every handshake: certificates are replaced while gameday runs
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
			return &pair, err
		}
		if _, err := load(); err != nil {
			return nil, fmt.Errorf("tls.cert: %w", err)
		}
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return out, nil
}

// Secrets are all that the configuration has, so that whoever shows errors can take them out.
func (c Config) Secrets() []reference.Secret {
	out := c.Auth.secrets()
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		out = append(out, c.Headers[name])
	}
	return out
}

// secrets are all texts of the configuration that nobody may see, as far as they can be found now. Very short ones would
// shred a text and give themselves away.
func (c Config) secrets() []string {
	var out []string
	for _, s := range c.Secrets() {
		if text, err := s.Reveal(); err == nil && len(text) >= 3 {
			out = append(out, text)
			if _, token, ok := strings.Cut(text, " "); ok && len(token) >= 3 { // "Bearer abc"
				out = append(out, token)
			}
		}
	}
	return out
}
