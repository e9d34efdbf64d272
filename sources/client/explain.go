package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gameday/sources/sanitize"
)

// StatusError is an answer that is not the one that was asked for.
type StatusError struct {
	Code       int           // the HTTP status
	Method     string        //
	URL        string        // without user info and query
	Says       string        // the beginning of the body, harmless, one line, without the secrets of the configuration
	RetryAfter time.Duration // what the system asked for; 0 when it did not
	Body       []byte        // the beginning of the body as it came, at most 4 KiB: to be decoded, never shown
}

// hints say what a status means for the operator.
var hints = map[int]string{
	http.StatusUnauthorized:       "the credentials are missing or wrong (auth)",
	http.StatusForbidden:          "these credentials may not do this (auth, tenant)",
	http.StatusNotFound:           "there is no such thing there (is the address right?)",
	http.StatusMethodNotAllowed:   "it does not take such requests (is the address right?)",
	http.StatusProxyAuthRequired:  "a proxy on the way wants credentials (HTTP_PROXY)",
	http.StatusTooManyRequests:    "too many requests (rateLimit)",
	http.StatusBadGateway:         "a proxy before it cannot reach it",
	http.StatusServiceUnavailable: "it cannot answer now",
	http.StatusGatewayTimeout:     "a proxy before it waited in vain for its answer",
}

// Error says what the status means for the operator.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Code, http.StatusText(e.Code))
	switch hint := hints[e.Code]; {
	case e.Code == http.StatusBadRequest && wantsTLS(e.Says):
		text += ": it speaks TLS: write https:// in the address"
	case hint != "":
		text += ": " + hint
	case e.Code >= 500:
		text += ": it failed by itself (its log says why)"
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(": it asks to wait %s", e.RetryAfter.Round(time.Second))
	}
	if e.Says != "" {
		text += ": " + e.Says
	}
	return text
}

// AskedToWait is RetryAfter: a supervisor leaves the system alone for that long.
func (e *StatusError) AskedToWait() time.Duration { return e.RetryAfter }

// wantsTLS knows what servers answer to plain HTTP where they expect TLS: Go's, nginx, Apache.
func wantsTLS(says string) bool {
	says = strings.ToLower(says)
	return strings.Contains(says, "http request to an https server") || strings.Contains(says, "plain http request was sent to https port") ||
		strings.Contains(says, "speaking plain http to an ssl-enabled server")
}

func (c *Client) refused(r Request, resp *http.Response, body io.ReadCloser) error {
	head, _ := io.ReadAll(io.LimitReader(body, 4<<10)) // what can be read of it will do
	_ = body.Close()                                   // the status is what is told
	if resp.StatusCode == http.StatusUnauthorized && c.auth != nil {
		c.auth.refused()
	}
	e := &StatusError{Code: resp.StatusCode, Method: r.method(), URL: c.Address() + r.Path, Body: head,
		Says: sanitize.Line(c.hide(strings.TrimSpace(string(head)), resp.Request), 200)}
	e.RetryAfter = RetryAfter(resp.Header)
	return e
}

// RetryAfter is for how long an answer asks to be left alone, at most an hour; 0 when it does not.
func RetryAfter(h http.Header) time.Duration {
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 {
		return time.Duration(min(s, 3600)) * time.Second
	}
	if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		return min(max(time.Until(at), 0), time.Hour)
	}
	return 0
}

// hide takes the credentials out of a text that a system may have repeated.
func (c *Client) hide(text string, sent *http.Request) string {
	secrets := c.cfg.secrets()
	if sent != nil {
		if _, token, ok := strings.Cut(sent.Header.Get("Authorization"), " "); ok && len(token) >= 3 {
			secrets = append(secrets, token)
		}
	}
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "<secret>")
	}
	return text
}

// explain names the address, and turns what net/http says into one sentence that says what to change.
func (c *Client) explain(ctx context.Context, r Request, err error) error {
	var known *explained
	if errors.As(err, &known) {
		return err
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // its text repeats method and URL, query included
	}
	return &explained{fmt.Sprintf("%s %s%s: ", r.method(), c.Address(), r.Path) + c.reason(ctx, err), err}
}

// explained is an error that names its address already.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

func (c *Client) reason(ctx context.Context, err error) string {
	if text := c.tlsReason(err); text != "" {
		return text
	}
	var name *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, ErrTruncated):
		return ErrTruncated.Error()
	case errors.Is(ctx.Err(), context.Canceled):
		return "given up: " + context.Canceled.Error()
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no whole answer within %s (timeout)", c.cfg.Timeout)
	case errors.As(err, &name):
		return fmt.Sprintf("the host %s is not found (is the address right?)", sanitize.Line(name.Name, 100))
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there (is it running? is the port right?)"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ended the connection before the answer was whole"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to that host (is the address right? is the network up?)"
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no answer in time: %s", plainError(err))
	}
	return plainError(err).Error()
}

// TLSReason is what is wrong with TLS and what to do about it, "" when that is not what err is about: for those who speak something
// else than HTTP by this client's settings.
func (c *Client) TLSReason(err error) string {
	if err == nil {
		return ""
	}
	return c.tlsReason(err)
}

// tlsReason is what is wrong with TLS, "" when that is not it.
func (c *Client) tlsReason(err error) string {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by an authority that is not trusted here: give the authority's certificate as tls.ca"
	case errors.As(err, &invalid):
		return invalidCertificate(invalid)
	case errors.As(err, &host):
		return fmt.Sprintf("its certificate is for %s, not for %s: correct the address, or give the name in the certificate as tls.serverName",
			namesOf(host.Certificate), sanitize.Line(host.Host, 100))
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS: write http:// in the address"
	case strings.Contains(text, `malformed HTTP response "\x15\x03`):
		return "it speaks TLS: write https:// in the address"
	case strings.Contains(text, "remote error: tls: certificate required"):
		return "it wants a certificate of gameday's: give tls.cert and tls.key"
	case strings.Contains(text, "remote error: tls: "):
		_, alert, _ := strings.Cut(text, "remote error: tls: ")
		alert = sanitize.Line(alert, 80)
		if c.cfg.TLS.Cert != "" {
			return "it does not take gameday's certificate (tls.cert): " + alert
		}
		return "it ended the TLS handshake; it may want a certificate of gameday's (tls.cert, tls.key), or another name (tls.serverName): " + alert
	}
	return ""
}

func invalidCertificate(e x509.CertificateInvalidError) string {
	if e.Reason == x509.Expired && e.Cert != nil {
		day := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
		if now := time.Now(); now.Before(e.Cert.NotBefore) {
			return fmt.Sprintf("its certificate is good from %s on only: set the clock of this machine or of that one right, or wait", day(e.Cert.NotBefore))
		}
		return fmt.Sprintf("its certificate ended at %s: renew it there (or set this machine's clock right)", day(e.Cert.NotAfter))
	}
	return "its certificate is not valid: " + plainError(e).Error()
}

// namesOf are the names a certificate is for; there may be hundreds.
func namesOf(cert *x509.Certificate) string {
	if cert == nil {
		return "other names"
	}
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	switch {
	case len(names) == 0:
		return "no name at all"
	case len(names) > 4:
		names = append(names[:4], "…")
	}
	return sanitize.Line(strings.Join(names, ", "), 200)
}
