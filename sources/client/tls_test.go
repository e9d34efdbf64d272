package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/client"
)

// certificate makes one that signs itself, and its files.
func certificate(t *testing.T, host string, from, to time.Time) (pair tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	pair, err = tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	return pair, certFile, keyFile
}

func serveTLS(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			_, _ = w.Write([]byte(r.TLS.PeerCertificates[0].Subject.CommonName))
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = cfg
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestTLSThatIsWrongSaysWhatToChange(t *testing.T) {
	now := time.Now()
	good, goodFile, _ := certificate(t, "127.0.0.1", now.Add(-time.Hour), now.Add(time.Hour))
	old, oldFile, _ := certificate(t, "127.0.0.1", now.Add(-2*time.Hour), now.Add(-time.Hour))
	young, youngFile, _ := certificate(t, "127.0.0.1", now.Add(time.Hour), now.Add(2*time.Hour))
	other, otherFile, _ := certificate(t, "shop.example", now.Add(-time.Hour), now.Add(time.Hour))
	with := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	address := serveTLS(t, with(good))
	named := serveTLS(t, with(other))
	_, mineFile, mineKey := certificate(t, "gameday", now.Add(-time.Hour), now.Add(time.Hour))
	mine, err := os.ReadFile(mineFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(mine))
	mutual := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	raw := rawTLS(t)
	_, strangerFile, strangerKey := certificate(t, "stranger", now.Add(-time.Hour), now.Add(time.Hour))

	for name, one := range map[string]struct {
		address string
		tls     client.TLS
		want    string // "" is fine
	}{
		"good":                    {address, client.TLS{CA: goodFile}, ""},
		"not verified":            {address, client.TLS{Insecure: true}, ""},
		"unknown authority":       {address, client.TLS{}, "signed by an authority that is not trusted here: give the authority's certificate as tls.ca"},
		"other authority":         {address, client.TLS{CA: otherFile}, "give the authority's certificate as tls.ca"},
		"expired":                 {serveTLS(t, with(old)), client.TLS{CA: oldFile}, "its certificate ended at 20"},
		"not yet":                 {serveTLS(t, with(young)), client.TLS{CA: youngFile}, "its certificate is good from 20"},
		"wrong name":              {named, client.TLS{CA: otherFile}, "its certificate is for shop.example, not for 127.0.0.1: correct the address, or give the name in the certificate as tls.serverName"},
		"given name":              {named, client.TLS{CA: otherFile, ServerName: "shop.example"}, ""},
		"plain on TLS":            {strings.Replace(address, "https", "http", 1), client.TLS{}, "it speaks TLS: write https:// in the address"},
		"plain on TLS, no answer": {"http://" + raw, client.TLS{}, "it speaks TLS: write https:// in the address"},
		"TLS on plain":            {strings.Replace(plain.URL, "http", "https", 1), client.TLS{}, "it does not speak TLS: write http:// in the address"},
		"mutual":                  {mutual, client.TLS{CA: goodFile, Cert: mineFile, Key: mineKey}, ""},
		"mutual without":          {mutual, client.TLS{CA: goodFile}, "it wants a certificate of gameday's: give tls.cert and tls.key"},
		"mutual with a stranger":  {mutual, client.TLS{CA: goodFile, Cert: strangerFile, Key: strangerKey}, "it does not take gameday's certificate (tls.cert)"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, one.address, client.Config{TLS: one.tls})
			text, err := get(t, c, client.Request{Path: "/x"})
			if one.want == "" {
				require.NoError(t, err)
				if name == "mutual" {
					require.Equal(t, "gameday", text)
				}
				return
			}
			require.ErrorContains(t, err, one.want)
			require.ErrorContains(t, err, "GET "+one.address+"/x: ")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// rawTLS answers what is no handshake with an alert only, as OpenSSL does.
func rawTLS(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096)) // the request, which is no handshake
			_, _ = conn.Write([]byte{0x15, 3, 1, 0, 2, 2, 0x46})
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}
