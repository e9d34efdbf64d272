package drivertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/examine"
	"gameday/sources/signal"
)

// selfSigned makes a certificate for an IP address or a name, and its file.
func selfSigned(t *testing.T, host string, from, to time.Time) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func wrongTLS(t *testing.T, s *suite) {
	now := time.Now()
	serve := func(cert tls.Certificate) string {
		f := s.unstarted(t)
		f.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		f.StartTLS()
		return f.URL
	}
	good, goodFile := selfSigned(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	old, oldFile := selfSigned(t, "127.0.0.1", now.Add(-2*time.Hour), now.Add(-time.Hour))
	other, otherFile := selfSigned(t, "shop.example", now.Add(-time.Hour), now.Add(time.Hour))
	address := serve(good)
	for name, one := range map[string]struct{ address, ca, want string }{
		"unknown authority": {address, "", "tls.ca"},
		"expired":           {serve(old), oldFile, "its certificate ended at"},
		"another name":      {serve(other), otherFile, "tls.serverName"},
		"plain HTTP":        {strings.Replace(address, "https", "http", 1), "", "write https:// in the address"},
	} {
		cfg := clientConfig()
		cfg.TLS.CA = one.ca
		_, err := s.ask(t, s.open(t, one.address, cfg))
		require.ErrorContains(t, err, one.want, name)
		require.ErrorContains(t, err, one.address, name)
	}
	cfg := clientConfig()
	cfg.TLS.CA = goodFile
	s.goes(t, s.open(t, address, cfg), s.known.Len())
}

func wrongClock(t *testing.T, s *suite) {
	skewed := func(by time.Duration) fault {
		return func(w http.ResponseWriter, r *http.Request, system http.Handler) {
			good := recorded(r, system)
			copyHeader(w.Header(), good.Header())
			w.Header().Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
			w.WriteHeader(good.Code)
			_, _ = w.Write(good.Body.Bytes()) // the client may have gone
		}
	}
	f := s.front(t, nil)
	d := s.open(t, f.URL, clientConfig())
	c, ok := d.(driver.Checker)
	require.True(t, ok, "a driver that speaks HTTP is a driver.Checker; package examine has most of it")
	s.goes(t, d, s.known.Len())
	for by, want := range map[time.Duration]driver.FindingState{0: driver.FindingGood, time.Hour: driver.FindingBad, -10 * time.Second: driver.FindingPoor} {
		f.set(skewed(by))
		require.Equal(t, want, findings(t, c)[examine.Clock].State, "off by %s", by)
		a := s.goes(t, d, s.known.Len())
		require.Equal(t, names(s.known), names(a.Batch), "times are left as they are")
	}
	f.set(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusForbidden) })
	require.Equal(t, driver.FindingBad, findings(t, c)[examine.Authorised].State)
	f.Close()
	require.Equal(t, driver.FindingBad, findings(t, c)[examine.Reachable].State)
}

// findings are what a Checker found out, by name; each is whole.
func findings(t *testing.T, c driver.Checker) map[string]driver.Finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out := map[string]driver.Finding{}
	for _, f := range c.Check(ctx) {
		require.NotEmpty(t, f.Says, f.Name)
		require.NotContains(t, out, f.Name, "a finding that comes twice")
		if f.State == driver.FindingBad || f.State == driver.FindingPoor {
			require.NotEmpty(t, f.Advice, "%s: what is to be changed?", f.Name)
		}
		requireHarmless(t, f.Says+f.Advice)
		require.NotContains(t, f.Says+f.Advice, secretText)
		out[f.Name] = f
	}
	for _, name := range []string{examine.Reachable, examine.Authorised, examine.Clock} {
		require.Contains(t, out, name)
	}
	return out
}

// supervised runs a driver under its supervisor until the test ends, and keeps what state it was in.
type supervised struct {
	*sources.Supervisor
	mu     sync.Mutex
	states []signal.SourceState
}

func supervise(t *testing.T, name string, d driver.Driver) *supervised {
	out := &supervised{}
	out.Supervisor = sources.NewSupervisor(sources.Config{Name: name, Driver: d, Sink: func(signal.Batch) {}, Settle: 100 * time.Millisecond,
		MinBackoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond, Secrets: []string{secretText},
		OnChange: func(h signal.SourceHealth) {
			out.mu.Lock()
			defer out.mu.Unlock()
			out.states = append(out.states, h.State)
		}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- out.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return out
}

func (s *supervised) waitFor(t *testing.T, state signal.SourceState) signal.SourceHealth {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		h := s.Health()
		if h.State == state {
			return h
		}
		require.True(t, time.Now().Before(deadline), "not in state %d within %s: %+v", state, patience, h)
		time.Sleep(2 * time.Millisecond)
	}
}

// comesBack takes the system away and gives it back, while another source goes on as if nothing had happened.
func comesBack(t *testing.T, s *suite) {
	f, steady := s.front(t, nil), s.front(t, nil)
	d := s.open(t, f.URL, clientConfig())
	one := supervise(t, "goes away", d)
	other := supervise(t, "stays", s.open(t, steady.URL, clientConfig()))
	one.waitFor(t, signal.SourceLive)
	other.waitFor(t, signal.SourceLive)
	for _, gone := range []fault{
		func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }, // the connection ends
		func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusBadGateway) },
	} {
		began := time.Now()
		f.set(gone)
		h := one.waitFor(t, signal.SourceRetrying)
		require.Contains(t, h.Err, f.URL, "which it is about")
		require.False(t, h.Since.Before(began), "since when it is stale")
		_, err := s.ask(t, d)
		require.Error(t, err)
		f.set(nil)
		h = one.waitFor(t, signal.SourceLive)
		require.Empty(t, h.Err)
		s.goes(t, d, s.known.Len())
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	require.Equal(t, []signal.SourceState{signal.SourceLive}, other.states, "the others stay live")
}

func runEnds(t *testing.T, s *suite) {
	f := s.front(t, nil)
	d := s.open(t, f.URL, clientConfig())
	for range 2 {
		r := start(d, nil)
		time.Sleep(50 * time.Millisecond)
		require.NoError(t, r.stop(t))
		require.Zero(t, r.empty.Load(), "emitted an empty batch")
	}
	// while the system does not answer
	f.set(hangs(f, make(chan struct{}, 1)))
	r := start(d, nil)
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, r.stop(t))
	require.Zero(t, r.late.Load(), "emitted after the end")
}
