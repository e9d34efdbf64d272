package proxy

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

// Flaw is what is wrong with a certificate.
type Flaw string

// The flaws. Expired and wrong-name certificates come from the authority of the Set, so that a client that trusts it
// sees the one flaw only.
const (
	Expired    Flaw = "expired"     // it ended yesterday
	WrongName  Flaw = "wrong-name"  // it is for wrong-name.invalid
	SelfSigned Flaw = "self-signed" // nobody but itself vouches for it
)

// Certificate shows clients that speak TLS a bad certificate. It is for tcp links, which TLS otherwise passes unseen,
// and for tunnels of forward links. A client that takes it all the same is connected to the upstream. Connections that
// are open stay as they are; those with the bad certificate are cut when it ends. On a tcp link, what is not TLS from
// its first byte on passes as it is.
type Certificate struct {
	Flaw Flaw
	Host string // forward: only tunnels to this host name; * stands for any text
	Reach
}

func (f Certificate) check(l *Link) error {
	switch {
	case l.proto != "tcp" && l.proto != "forward":
		return fmt.Errorf("it carries %s, to which its clients speak without TLS; certificates are for tcp links with TLS in them and for forward links", l.proto)
	case f.Flaw != Expired && f.Flaw != WrongName && f.Flaw != SelfSigned:
		return fmt.Errorf("flaw: %q is not one of expired, wrong-name, self-signed", f.Flaw)
	case f.Host != "" && l.proto != "forward":
		return errors.New("host: it leads to one host only; leave it out")
	}
	return f.Reach.check()
}

// authority vouches for certificates. It is made when it is first needed, and lives in memory only.
type authority struct {
	mu   sync.Mutex
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Authority is the certificate (PEM) that vouches for expired and wrong-name ones. A process under test that trusts it
// (SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, …) sees nothing wrong with those but their flaw.
func (s *Set) Authority() ([]byte, error) {
	cert, _, err := s.authority.get()
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), nil
}

func (a *authority) get() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cert != nil {
		return a.cert, a.key, nil
	}
	t := template("gameday test authority", time.Now().Add(-7*24*time.Hour), time.Now().Add(30*24*time.Hour))
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	c, err := sign(t, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	a.cert, a.key = c.Leaf, c.PrivateKey.(*ecdsa.PrivateKey)
	return a.cert, a.key, nil
}

// leaf makes a certificate for names with a flaw.
func (a *authority) leaf(flaw Flaw, names []string) (*tls.Certificate, error) {
	from, to := time.Now().Add(-48*time.Hour), time.Now().Add(48*time.Hour)
	switch flaw {
	case Expired:
		to = time.Now().Add(-24 * time.Hour)
	case WrongName:
		names = []string{"wrong-name.invalid"}
	}
	t := template(names[0], from, to)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	if flaw == SelfSigned {
		return sign(t, nil, nil)
	}
	ca, key, err := a.get()
	if err != nil {
		return nil, err
	}
	return sign(t, ca, key)
}

func template(name string, from, to time.Time) *x509.Certificate {
	// Serial numbers are at most 20 octets and positive (RFC 5280, section 4.1.2.2).
	serial := new(big.Int).SetBytes([]byte(rand.Text())[:16])
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{Organization: []string{"gameday"}, CommonName: name[:min(len(name), 64)]},
		NotBefore: from, NotAfter: to}
}

// sign makes a key and a certificate for it; without an issuer it is its own.
func sign(t, issuer *x509.Certificate, by *ecdsa.PrivateKey) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key of a test certificate: %w", err)
	}
	if issuer == nil {
		issuer, by = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, key.Public(), by)
	if err != nil {
		return nil, fmt.Errorf("make test certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read test certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// helloTime is how long a client may take to say the first byte before its connection counts as one without TLS.
const helloTime = 300 * time.Millisecond

// terminator is the server of a tcp link that shows certificates.
type terminator struct {
	link *Link
	ln   net.Listener
	addr string
	wg   sync.WaitGroup
}

func newTerminator(l *Link) (*terminator, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("show certificates on link %s: %w", l.name, err)
	}
	t := &terminator{link: l, ln: ln, addr: ln.Addr().String()}
	t.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return // closed; whatever else it is, dialing fails, too, and is counted there
			}
			if !l.tunnels.enter() {
				_ = c.Close()
				return
			}
			go func() { defer l.tunnels.leave(); t.serve(c) }()
		}
	})
	return t, nil
}

func (t *terminator) close() error {
	err := t.ln.Close()
	t.wg.Wait()
	return err
}

func (t *terminator) serve(c net.Conn) {
	l := t.link
	ctx, cancel := context.WithTimeout(l.ctx, dialTimeout)
	defer cancel()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Upstream())
	if err != nil {
		l.failed.Add(1)
		_ = c.Close()
		return
	}
	r := bufio.NewReaderSize(c, 1024)
	_ = c.SetReadDeadline(time.Now().Add(helloTime)) // fails only when closed
	first, err := r.Peek(1)
	_ = c.SetReadDeadline(time.Time{})
	var timeout net.Error
	if err != nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
		_, _ = c.Close(), server.Close()
		return
	}
	n := &tunnel{client: &prefixed{Conn: c, r: r}, server: server}
	certs := l.plan.Load().certs
	if len(first) == 0 || first[0] != 0x16 || len(certs) == 0 { // 0x16: a handshake (RFC 8446, section 5.1)
		l.tunnels.run(n)
		return
	}
	n.cert = certs[0]
	name, _, _ := net.SplitHostPort(l.Upstream()) // checked when it was given
	l.terminate(n, name)
}

// terminate speaks TLS with both sides of a tunnel: with the client under a certificate with a flaw, with the server as
// that client would, but for trusting it whatever it shows.
func (l *Link) terminate(n *tunnel, name string) {
	if !l.tunnels.add(n) {
		return
	}
	raw := n
	defer l.tunnels.remove(raw)
	ctx, cancel := context.WithTimeout(l.ctx, dialTimeout)
	defer cancel()
	var server *tls.Conn
	client := tls.Server(n.client, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName != "" {
			name = hello.ServerName
		}
		server = tls.Client(n.server, &tls.Config{InsecureSkipVerify: true, ServerName: name, NextProtos: hello.SupportedProtos})
		if err := server.HandshakeContext(ctx); err != nil {
			l.failed.Add(1)
			return nil, err
		}
		cert, err := l.set.authority.leaf(n.cert.effect.(Certificate).Flaw, []string{name, "localhost", "127.0.0.1", "::1"})
		if err != nil {
			return nil, err
		}
		n.cert.touched.Add(1)
		cfg := &tls.Config{Certificates: []tls.Certificate{*cert}}
		if p := server.ConnectionState().NegotiatedProtocol; p != "" {
			cfg.NextProtos = []string{p}
		}
		return cfg, nil
	}})
	if err := client.HandshakeContext(ctx); err != nil { // as it should be: the client has refused
		raw.cut()
		return
	}
	l.tunnels.run(&tunnel{client: client, server: server}) // raw is the one that is cut
}
