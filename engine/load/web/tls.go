package web

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"gameday/engine/load/template"
)

// TLS is what a target is verified by, and what it verifies.
type TLS struct {
	Cert       string `yaml:"cert" doc:"File with the client's certificate, and those above it, in PEM."`
	Key        string `yaml:"key" doc:"File with its key, not encrypted, in PEM."`
	CA         string `yaml:"ca" doc:"File with the certificates that targets are verified by, in PEM, instead of the system's."`
	ServerName string `yaml:"serverName" doc:"Name that is asked for (SNI) and verified, instead of the target's."`
	MinVersion string `yaml:"minVersion" enum:"1.0,1.1,1.2,1.3" doc:"Oldest version that is spoken. Default 1.2."`
	MaxVersion string `yaml:"maxVersion" enum:"1.0,1.1,1.2,1.3" doc:"Newest version that is spoken. Default 1.3."`
	Insecure   bool   `yaml:"insecure" doc:"Targets are not verified: anybody could answer in their place. The result says so."`
}

var versions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func (t *TLS) validate(report func(path, format string, args ...any)) {
	if (t.Cert == "") != (t.Key == "") {
		report("", "needs cert and key, or neither")
	}
	if t.Insecure && t.CA != "" {
		report("insecure", "contradicts ca: nothing is verified by it")
	}
	oldest, newest := t.MinVersion, t.MaxVersion
	if oldest == "" {
		oldest = "1.2"
	}
	if newest != "" && versions[oldest] > versions[newest] {
		report("maxVersion", "%s is older than %s, the oldest that is spoken", newest, oldest)
	}
}

// Expand is the section with every ${name} filled in and every file found by beside.
func (t *TLS) Expand(lookup func(string) (string, bool), beside func(string) string) (*TLS, error) {
	if t == nil {
		return nil, nil
	}
	out := *t
	for _, text := range []*string{&out.Cert, &out.Key, &out.CA, &out.ServerName} {
		var err error
		if *text, err = template.Expand(*text, lookup); err != nil {
			return nil, fmt.Errorf("http.tls: %w", err)
		}
	}
	for _, file := range []*string{&out.Cert, &out.Key, &out.CA} {
		if *file != "" {
			*file = beside(*file)
		}
	}
	return &out, nil
}

// Build reads the files and makes a configuration on top of base, which may be nil.
func (t *TLS) Build(base *tls.Config) (*tls.Config, error) {
	if t == nil {
		return base, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		out = base.Clone()
	}
	if t.MinVersion != "" {
		out.MinVersion = versions[t.MinVersion]
	}
	if t.MaxVersion != "" {
		out.MaxVersion = versions[t.MaxVersion]
	}
	if t.ServerName != "" {
		out.ServerName = t.ServerName
	}
	out.InsecureSkipVerify = out.InsecureSkipVerify || t.Insecure // the plan asks for it in so many words, and the result tells
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate %s and its key: %w", t.Cert, err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	if t.CA == "" {
		return out, nil
	}
	pem, err := os.ReadFile(t.CA)
	if err == nil && !strings.Contains(string(pem), "-----BEGIN CERTIFICATE-----") {
		err = errors.New("it holds no certificate in PEM")
	}
	out.RootCAs = x509.NewCertPool()
	if err == nil && !out.RootCAs.AppendCertsFromPEM(pem) {
		err = errors.New("its certificates cannot be read")
	}
	if err != nil {
		return nil, fmt.Errorf("read the certificates that targets are verified by, %s: %w", t.CA, err)
	}
	return out, nil
}
