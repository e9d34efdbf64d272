package otlp

import (
	"context"
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
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"gameday/sources/client"
	"gameday/sources/signal"
)

// certified makes a certificate for this machine that signs itself, and its file.
func certified(t *testing.T, from, to time.Time) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(from.UnixNano()), Subject: pkix.Name{CommonName: from.String()}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// TestABadCertificateIsSaidAtOnce, with what to do, over both protocols; when it is renewed, what waited is sent.
func TestABadCertificateIsSaidAtOnce(t *testing.T) {
	now := time.Now()
	old, oldFile := certified(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	good, goodFile := certified(t, now.Add(-time.Hour), now.Add(time.Hour))
	var shown atomic.Pointer[tls.Certificate]
	cfg := func() *tls.Config { // httptest has a certificate of its own for those who name no host
		next := []string{"h2", "http/1.1"}
		return &tls.Config{NextProtos: next, Certificates: []tls.Certificate{good}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{NextProtos: next, Certificates: []tls.Certificate{*shown.Load()}}, nil
		}}
	}
	over := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what it is does not matter; an empty answer is OTLP's for all was taken
	}))
	over.Config.ErrorLog, over.TLS = log.New(io.Discard, "", 0), cfg()
	over.StartTLS()
	t.Cleanup(over.Close)
	listen, err := tls.Listen("tcp", "127.0.0.1:0", cfg())
	require.NoError(t, err)
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		var in, out []byte
		if err := s.RecvMsg(&in); err != nil {
			return err
		}
		return s.SendMsg(&out)
	}))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listen) }()
	t.Cleanup(func() { server.Stop(); require.NoError(t, <-served) })
	both := filepath.Join(t.TempDir(), "both.pem")
	var pems []byte
	for _, f := range []string{oldFile, goodFile} {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		pems = append(pems, data...)
	}
	require.NoError(t, os.WriteFile(both, pems, 0o600))
	for _, address := range []string{over.URL, "grpcs://" + listen.Addr().String()} {
		t.Run(address[:5], func(t *testing.T) {
			for ca, says := range map[string]string{"": "give the authority's certificate as tls.ca", both: "its certificate ended at"} {
				shown.Store(&good)
				if ca != "" {
					shown.Store(&old)
				}
				e := exporter(t, address, client.Config{Timeout: time.Minute, TLS: client.TLS{CA: ca}})
				require.ErrorContains(t, e.Run(t.Context(), nil), says, "the source's own state")
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- e.Export(ctx, signal.Batch{Spans: told().Spans}) }()
				require.Eventually(t, func() bool { err, _ := e.Trouble(); return err != nil }, time.Minute, time.Millisecond)
				err, lasting := e.Trouble()
				require.ErrorContains(t, err, says)
				require.ErrorContains(t, err, address)
				require.True(t, lasting)
				require.Empty(t, done, "it is sent again")
				if ca == "" {
					cancel()
					require.ErrorContains(t, <-done, says)
				} else {
					shown.Store(&good)
					require.NoError(t, <-done)
				}
				cancel()
				err, _ = e.Trouble()
				require.NoError(t, err)
			}
		})
	}
}
