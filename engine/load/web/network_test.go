package web

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/protocol"
)

// authority is a CA of a test, whose certificates stand in files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign(&x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "test CA"},
	}, "ca")
	return a
}

// sign makes a certificate and puts it into the files name.pem and name.key.
func (a *authority) sign(c *x509.Certificate, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	require.NoError(a.t, err)
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(crand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	raw, err := x509.MarshalECPrivateKey(key)
	require.NoError(a.t, err)
	require.NoError(a.t, os.WriteFile(a.file(name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(a.t, os.WriteFile(a.file(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}), 0o600))
	made, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return made, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) server(h http.HandlerFunc, config *tls.Config) *httptest.Server {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.file("server.pem"), a.file("server.key"))
	require.NoError(a.t, err)
	config.Certificates = []tls.Certificate{pair}
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = config
	srv.Config.ErrorLog = quiet
	srv.StartTLS()
	a.t.Cleanup(srv.Close)
	return srv
}

func TestCertificates(t *testing.T) {
	a := newAuthority(t)
	a.sign(&x509.Certificate{DNSNames: []string{"shop.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, "server")
	a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "ann"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "client")
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	srv := a.server(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName+" "+r.TLS.ServerName+" "+tls.VersionName(r.TLS.Version))
	}, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots})
	good := TLS{CA: a.file("ca.pem"), Cert: a.file("client.pem"), Key: a.file("client.key"), ServerName: "shop.example"}
	try := func(change func(*TLS)) *user {
		section := good
		change(&section)
		config, err := section.Build(nil)
		require.NoError(t, err)
		u := newUser(t, srv.URL, protocol.Options{TLS: config}, false, &Config{TLS: &section}, reads("/"))
		u.do(0)
		return u
	}
	u := try(func(*TLS) {})
	require.Equal(t, protocol.OK, u.out.Kind, u.out.Err)
	require.Equal(t, "ann shop.example TLS 1.3", string(u.out.Body))
	require.Positive(t, u.out.Phases.TLS)
	u = try(func(s *TLS) { s.MaxVersion = "1.2" })
	require.Equal(t, "ann shop.example TLS 1.2", string(u.out.Body))
	u = try(func(s *TLS) { s.ServerName = "" })
	require.Equal(t, protocol.TLS, u.out.Kind, "the name is verified: %v", u.out.Err)
	u = try(func(s *TLS) { s.CA = "" })
	require.Equal(t, protocol.TLS, u.out.Kind, u.out.Err)
	u = try(func(s *TLS) { s.CA, s.ServerName, s.Insecure = "", "", true })
	require.Equal(t, protocol.OK, u.out.Kind, u.out.Err)
	u = try(func(s *TLS) { s.Cert, s.Key, s.MaxVersion = "", "", "1.2" })
	require.Equal(t, protocol.TLS, u.out.Kind, u.out.Err)
	u = try(func(s *TLS) { s.Cert, s.Key = "", "" })
	require.True(t, u.out.Kind.Failed(), "with TLS 1.3 a refusal comes after the handshake")
	for _, bad := range []TLS{{CA: a.file("nope")}, {CA: a.file("client.key")}, {Cert: a.file("client.pem"), Key: a.file("ca.key")}} {
		_, err := bad.Build(nil)
		require.Error(t, err)
	}
}

// proxy is a real one: CONNECT and plain requests, for who says who asks.
func proxy(t *testing.T, asked *atomic.Int32) *httptest.Server {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		who := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
		if user, password, ok := who.BasicAuth(); !ok || user != "me" || password != secret {
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			r.RequestURI = ""
			r.Header.Del("Proxy-Authorization")
			transport := &http.Transport{DisableKeepAlives: true}
			res, err := transport.RoundTrip(r)
			if err != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			defer res.Body.Close()
			w.WriteHeader(res.StatusCode)
			_, _ = io.Copy(w, res.Body)
			return
		}
		to, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		from, buffered, err := w.(http.Hijacker).Hijack()
		if err != nil {
			_ = to.Close()
			return
		}
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		relay(from, buffered, to)
	})
}

// relay carries bytes both ways until one side has ended.
func relay(from net.Conn, early io.Reader, to net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(to, early)
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
	_ = from.Close()
	<-done
}

func TestRequestsGoThroughTheProxy(t *testing.T) {
	page := func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "at "+r.Host) }
	a := newAuthority(t)
	a.sign(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, "server")
	config, err := (&TLS{CA: a.file("ca.pem")}).Build(nil)
	require.NoError(t, err)
	var asked atomic.Int32
	through := proxy(t, &asked)
	for _, srv := range []*httptest.Server{serve(t, page), a.server(page, &tls.Config{})} {
		asked.Store(0)
		as := &Config{Proxy: &Proxy{URL: through.URL, User: "me", Password: secret}}
		u := newUser(t, srv.URL, protocol.Options{TLS: config}, false, as, reads("/"))
		for range 2 {
			require.Equal(t, protocol.OK, u.do(0).Kind, u.out.Err)
			require.Equal(t, "at "+srv.Listener.Addr().String(), string(u.out.Body))
		}
		require.Positive(t, asked.Load())
		require.True(t, u.out.Reused)

		as = &Config{Proxy: &Proxy{URL: through.URL, User: "me", Password: "wrong"}}
		u = newUser(t, srv.URL, protocol.Options{TLS: config}, false, as, reads("/"))
		if u.do(0); srv.TLS != nil {
			require.Equal(t, protocol.Connect, u.out.Kind)
			require.EqualError(t, u.out.Err, "the proxy refused to connect: status 407")
		} else {
			require.Equal(t, 407, u.out.Status)
		}
	}
	u := newUser(t, "http://127.0.0.1:1", protocol.Options{}, false, &Config{Proxy: &Proxy{URL: "http://127.0.0.1:1", User: "me", Password: secret}}, reads("/"))
	require.Equal(t, protocol.Refused, u.do(0).Kind)
}

func TestRequestsGoThroughSOCKS5(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	l := listen(t, func(c net.Conn) {
		b := make([]byte, 300)
		read := func(n int) []byte { _, _ = io.ReadFull(c, b[:n]); return b[:n] }
		read(int(read(2)[1]))
		_, _ = c.Write([]byte{5, 2})
		user := string(read(int(read(2)[1])))
		password := string(read(int(read(1)[0])))
		if user != "me" || password != secret {
			_, _ = c.Write([]byte{1, 1})
			return
		}
		_, _ = c.Write([]byte{1, 0})
		if kind := read(4)[3]; kind == 3 { // a name, which the proxy looks up
			read(int(read(1)[0]))
		} else {
			read(4)
		}
		read(2)
		to, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			return
		}
		_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		relay(c, c, to)
	})
	u := newUser(t, "http://only.the.proxy.knows", protocol.Options{}, false,
		&Config{Proxy: &Proxy{URL: "socks5://" + l, User: "me", Password: secret}}, reads("/"))
	require.Equal(t, protocol.OK, u.do(0).Kind, u.out.Err)
	require.Equal(t, "hello", string(u.out.Body))
	u = newUser(t, "http://only.the.proxy.knows", protocol.Options{}, false, &Config{Proxy: &Proxy{URL: "socks5://" + l}}, reads("/"))
	require.Equal(t, protocol.Connect, u.do(0).Kind)
}

// listen serves each connection with f, and closes it afterwards.
func listen(t *testing.T, f func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				<-stop
				_ = c.Close()
			}()
			go func() {
				f(c)
				_ = c.Close()
			}()
		}
	}()
	t.Cleanup(func() { close(stop); _ = l.Close(); <-served })
	return l.Addr().String()
}

func TestHostileAnswersAreFailuresOfTheirKind(t *testing.T) {
	answers := map[string]struct {
		text string
		want protocol.Kind
	}{
		"nonsense":      {"SSH-2.0-\x1b[31mevil\r\n\r\n", protocol.BadResponse},
		"no status":     {"HTTP/1.1 abc OK\r\n\r\n", protocol.BadResponse},
		"bad header":    {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", protocol.BadResponse},
		"two lengths":   {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", protocol.BadResponse},
		"bad chunk":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", protocol.BadResponse},
		"huge head":     {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 300<<10) + "\r\n\r\n", protocol.BadResponse},
		"cut short":     {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab", protocol.Closed},
		"nothing":       {"", protocol.Closed},
		"half a head":   {"HTTP/1.1 200 OK\r\nX: y", protocol.Closed},
		"broken gzip":   {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00", protocol.BadResponse},
		"informational": {strings.Repeat("HTTP/1.1 103 x\r\n\r\n", 20000), protocol.BadResponse},
	}
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			address := listen(t, func(c net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, a.text)
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
			})
			u := newUser(t, "http://"+address, protocol.Options{}, false, &Config{Compression: yes()}, reads("/?key="+"t0k3n"))
			out := u.do(0)
			require.Equal(t, a.want, out.Kind, out.Err)
			require.NotContains(t, out.Err.Error(), "\x1b")
			require.NotContains(t, out.Err.Error(), "t0k3n")
			require.Zero(t, out.Status)
		})
	}
}

func TestNothingWaitsLongerThanTheTimeout(t *testing.T) {
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	slow := func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
		for err == nil {
			time.Sleep(5 * time.Millisecond)
			_, err = io.WriteString(c, "x")
		}
	}
	for name, c := range map[string]struct {
		target string
		config Config
	}{
		"no answer":          {"http://" + listen(t, silent), Config{}},
		"a slow body":        {"http://" + listen(t, slow), Config{}},
		"no handshake":       {"https://" + listen(t, silent), Config{}},
		"a silent proxy":     {"https://127.0.0.1:1", Config{Proxy: &Proxy{URL: "http://" + listen(t, silent)}}},
		"a silent socks":     {"http://127.0.0.1:1", Config{Proxy: &Proxy{URL: "socks5://" + listen(t, silent)}}},
		"a slow line":        {"http://" + listen(t, slow), Config{BytesPerSecond: 1}},
		"redirected forever": {"http://" + listen(t, silent), Config{Redirects: number(3)}},
	} {
		t.Run(name, func(t *testing.T) {
			req := reads("/")
			req.Timeout = 100 * time.Millisecond
			u := newUser(t, c.target, protocol.Options{}, false, &c.config, req)
			for range 2 {
				out := u.do(0)
				require.Equal(t, protocol.Timeout, out.Kind, out.Err)
				require.GreaterOrEqual(t, out.Done-out.Start, req.Timeout)
				require.Equal(t, uint32(1), out.Dials, "what the request before began is not gone on with")
			}

			// The run ends while the request waits.
			p, err := New(c.target, protocol.Options{}, false, &c.config)
			require.NoError(t, err)
			_, err = p.Prepare(reads("/"), nil)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			client := p.NewClient(ctx, time.Now())
			defer client.Close()
			time.AfterFunc(50*time.Millisecond, cancel)
			var out protocol.Outcome
			client.Do(&u.call, &out)
			require.Equal(t, protocol.Interrupted, out.Kind, out.Err)
			require.Less(t, out.Done, patience/2)
		})
	}
}

func TestFailuresToConnectHaveTheirKind(t *testing.T) {
	u := newUser(t, "http://127.0.0.1:1", protocol.Options{}, false, &Config{}, reads("/"))
	require.Equal(t, protocol.Refused, u.do(0).Kind)
	u = newUser(t, "http://name.invalid", protocol.Options{}, false, &Config{}, reads("/"))
	require.Equal(t, protocol.Resolve, u.do(0).Kind, u.out.Err)
	reset := listen(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	u = newUser(t, "http://"+reset, protocol.Options{}, false, &Config{}, reads("/"))
	require.Equal(t, protocol.Reset, u.do(0).Kind, u.out.Err)
}

func TestAKeptConnectionThatWasClosedIsReplaced(t *testing.T) {
	address := listen(t, func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	u := newUser(t, "http://"+address, protocol.Options{}, false, &Config{}, reads("/"))
	for range 20 {
		require.Equal(t, protocol.OK, u.do(0).Kind, u.out.Err)
		require.Equal(t, uint32(1), u.out.Dials)
	}
}
