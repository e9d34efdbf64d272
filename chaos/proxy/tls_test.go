package proxy

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func tlsUpstream(t *testing.T) (addr string, roots *x509.CertPool) {
	srv := httptest.NewTLSServer(http.HandlerFunc(hello))
	t.Cleanup(srv.Close)
	roots = x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return srv.Listener.Addr().String(), roots
}

func handshake(addr string, cfg *tls.Config) (*tls.Conn, error) {
	return tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, cfg)
}

func TestBadCertificates(t *testing.T) {
	up, roots := tlsUpstream(t)
	l := link(t, "tcp", up)
	good := &tls.Config{RootCAs: roots, ServerName: "example.com"}
	old, err := handshake(l.Addr(), good)
	require.NoError(t, err)
	defer old.Close()
	require.NoError(t, err)
	ca, err := l.set.Authority()
	require.NoError(t, err)
	trusting := x509.NewCertPool()
	require.True(t, trusting.AppendCertsFromPEM(ca))
	for flaw, want := range map[Flaw]func(error) bool{
		Expired: func(err error) bool {
			var e x509.CertificateInvalidError
			return errors.As(err, &e) && e.Reason == x509.Expired
		},
		WrongName:  func(err error) bool { return errors.As(err, new(x509.HostnameError)) },
		SelfSigned: func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) },
	} {
		r := must(t)(l.Set(Certificate{Flaw: flaw}))
		_, err := handshake(l.Addr(), &tls.Config{RootCAs: trusting, ServerName: "example.com"})
		require.True(t, want(err), "%s: %v", flaw, err)
		require.EqualValues(t, 1, r.Touched())
		r.Remove()
	}
	r := must(t)(l.Set(Certificate{Flaw: Expired}))
	careless, err := handshake(l.Addr(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}, ServerName: "example.com"})
	require.NoError(t, err)
	defer careless.Close()
	require.Equal(t, "http/1.1", careless.ConnectionState().NegotiatedProtocol)
	require.Equal(t, "example.com", careless.ConnectionState().PeerCertificates[0].Subject.CommonName)
	for _, c := range []*tls.Conn{careless, old} {
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
		_, err = io.ReadFull(c, make([]byte, len("HTTP/1.1 200 OK")))
		require.NoError(t, err, "who takes the bad certificate reaches the upstream, and old connections stay")
	}
	r.Remove()
	_, err = io.Copy(io.Discard, careless)
	var ne net.Error
	require.False(t, errors.As(err, &ne) && ne.Timeout(), "it is cut when the fault ends")
	c, err := handshake(l.Addr(), good)
	require.NoError(t, err)
	c.Close()
}

func TestWhatIsNotTLSPassesACertificateFault(t *testing.T) {
	l := link(t, "tcp", serve(t, echo))
	r := must(t)(l.Set(Certificate{Flaw: Expired}))
	ask(t, dial(t, l.Addr()), "plain")
	quiet := link(t, "tcp", says(t, []byte("the server speaks first")))
	must(t)(quiet.Set(Certificate{Flaw: Expired}))
	require.Equal(t, "the server speaks first", string(all(t, quiet)))
	require.Zero(t, r.Touched())
}

func forwardLink(t *testing.T, roots *x509.CertPool) (*Link, *http.Client) {
	s := NewSet()
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	l, err := s.Forward("shop", "internet")
	require.NoError(t, err)
	c := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots},
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr()})}}
	t.Cleanup(c.CloseIdleConnections)
	return l, c
}

func TestForwardProxyPassesAndFaultsByHost(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(hello))
	defer plain.Close()
	up, roots := tlsUpstream(t)
	l, c := forwardLink(t, roots)
	resp, body := get(t, c, plain.URL+"/a", "X-Client", "me")
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "hello "+plain.Listener.Addr().String()+"/a me", body)
	resp, _ = get(t, c, "https://"+up+"/")
	require.Equal(t, 200, resp.StatusCode)

	r := must(t)(l.Set(Failure{Status: 503, Match: Match{Host: "localhost"}}))
	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	resp, _ = get(t, c, "http://localhost:"+port+"/")
	require.Equal(t, 503, resp.StatusCode)
	resp, _ = get(t, c, plain.URL)
	require.Equal(t, 200, resp.StatusCode, "other hosts are not hit")
	require.EqualValues(t, 1, r.Touched())
	r.Remove()

	r = must(t)(l.Set(Failure{Status: 503, Match: Match{Host: "127.0.0.1", Method: "CONNECT"}}))
	c.CloseIdleConnections()
	_, err := c.Get("https://" + up)
	require.ErrorContains(t, err, "Service Unavailable")
	r.Remove()

	cert := must(t)(l.Set(Certificate{Flaw: Expired, Host: "127.*"}))
	_, err = c.Get("https://" + up)
	require.ErrorContains(t, err, "expired")
	require.EqualValues(t, 1, cert.Touched())
	cert.Remove()
	resp, _ = get(t, c, "https://"+up)
	require.Equal(t, 200, resp.StatusCode)

	direct := &http.Client{Timeout: patience, Transport: &http.Transport{}}
	defer direct.CloseIdleConnections()
	resp, body = get(t, direct, "http://"+l.Addr()+"/")
	require.Equal(t, 400, resp.StatusCode)
	require.Contains(t, body, "HTTP_PROXY")
	resp, _ = get(t, c, "http://"+l.Addr()+"/")
	require.Equal(t, 502, resp.StatusCode, "it does not call itself")
}

func TestAbortCutsOpenTunnelsToTheHost(t *testing.T) {
	up := serve(t, echo)
	l, _ := forwardLink(t, nil)
	c := dial(t, l.Addr())
	ask := func(s string, n int) error {
		_, err := io.WriteString(c, s)
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, n))
		return err
	}
	require.NoError(t, ask("CONNECT "+up+" HTTP/1.1\r\nHost: "+up+"\r\n\r\nearly", len("HTTP/1.1 200 Connection established\r\n\r\nearly")))
	require.NoError(t, ask("again", 5))
	other := must(t)(l.Set(Abort{Match{Host: "elsewhere"}}))
	require.NoError(t, ask("again", 5))
	require.Zero(t, other.Touched())
	r := must(t)(l.Set(Abort{Match{Host: "127.0.0.1"}}))
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	var ne net.Error
	require.False(t, errors.As(err, &ne) && ne.Timeout())
	require.EqualValues(t, 1, r.Touched())
}

func TestFaultsOnBytesActOnAForwardLink(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(hello))
	defer plain.Close()
	l, c := forwardLink(t, nil)
	must(t)(l.Set(Latency{Delay: 80 * time.Millisecond}))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			start := time.Now()
			resp, err := c.Get(plain.URL)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if time.Since(start) < 80*time.Millisecond {
				t.Error("too early")
			}
		})
	}
	wg.Wait()
}
