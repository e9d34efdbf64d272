// Package client is how drivers speak HTTP: one Config for all of them, authorisation that is looked up anew for every
// request, answers that are read within a bound however they are compressed, and errors that say with which address and why.
package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

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
}

// Auth is how requests say who they are from. At most one way is given.
type Auth struct {
	Basic  *Basic           `yaml:"basic" doc:"User and password."`
	Bearer reference.Secret `yaml:"bearer" doc:"A token in an Authorization header."`
}

// Basic is RFC 7617's user and password.
type Basic struct {
	User     string           `yaml:"user,required"`
	Password reference.Secret `yaml:"password,required"`
}

// TLS is how the system is verified, and what gameday shows it.
type TLS struct {
	CA         string `yaml:"ca" doc:"File with the certificates that the system is verified by, in PEM, instead of the machine's."`
	Cert       string `yaml:"cert" doc:"File with gameday's own certificate, in PEM."`
	Key        string `yaml:"key" doc:"File with its key, in PEM."`
	ServerName string `yaml:"serverName" doc:"Name that is verified, instead of the address's."`
	Insecure   bool   `yaml:"insecure" doc:"The system is not verified: anybody could answer in its place."`
}

// Validate reports every fault of the configuration, with its path.
func (c Config) Validate() error {
	var errs []error
	if c.Auth.Basic != nil && !c.Auth.Bearer.IsZero() {
		errs = append(errs, errors.New("auth: has basic and bearer: give one"))
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		errs = append(errs, errors.New("tls: needs cert and key, or neither"))
	}
	if c.TLS.Insecure && c.TLS.CA != "" {
		errs = append(errs, errors.New("tls.insecure: contradicts ca: nothing is verified by it"))
	}
	if c.Timeout < 0 || c.RateLimit < 0 || c.MaxBytes < 0 {
		errs = append(errs, errors.New("timeout, rateLimit and maxBytes must not be negative"))
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
