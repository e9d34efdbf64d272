package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"gameday/sources/jsonstream"
)

// Client sends requests to one system. Its methods may be called from any goroutine.
type Client struct {
	base   *url.URL
	cfg    Config
	auth   authoriser // nil: none
	http   *http.Client
	limits *rate.Limiter
}

// MaxJSON is how much of an answer JSON takes; larger ones are walked through with package jsonstream.
const MaxJSON = 4 << 20

// New makes a client for an address such as https://loki.example:3100/prefix. It connects to nothing yet.
func New(address string, cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	base, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	verify, err := cfg.TLS.Build()
	if err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	c := &Client{base: base, cfg: cfg}
	if c.auth, err = cfg.Auth.authoriser(); err != nil {
		return nil, err
	}
	if cfg.RateLimit > 0 {
		c.limits = rate.NewLimiter(rate.Limit(cfg.RateLimit), max(1, int(cfg.RateLimit)))
	}
	c.http = &http.Client{Transport: &signing{c: c, next: newTransport(verify, cfg)}, CheckRedirect: stayHere}
	return c, nil
}

func parseAddress(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	base, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("address: it is not a URL such as http://host:port")
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("address: %s:// is not spoken here: write http:// or https://", base.Scheme)
	case base.Hostname() == "":
		return nil, errors.New("address: it names no host")
	case base.User != nil:
		return nil, errors.New("address: it holds a user: give it as auth.basic, so that it is kept secret")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("address: it has a query or a fragment: give the address that paths are added to")
	}
	return base, nil
}

// newTransport is what all requests go through. Compression is asked for and undone here, within bounds, and not by it.
func newTransport(verify *tls.Config, cfg Config) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: cfg.Dialer(), TLSClientConfig: verify, ForceAttemptHTTP2: true, DisableCompression: true,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: cfg.Timeout, IdleConnTimeout: time.Minute,
		MaxIdleConnsPerHost: 8, MaxConnsPerHost: 32, MaxResponseHeaderBytes: 1 << 20,
	}
}

// stayHere follows a redirect within the system only: another host must not get the credentials, nor anybody on the way.
func stayHere(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case !strings.EqualFold(req.URL.Hostname(), first.Hostname()):
		return fmt.Errorf("it sends on to another host, %s: if that is right, give it as the address", req.URL.Host)
	case first.Scheme == "https" && req.URL.Scheme != "https":
		return errors.New("it sends on from https to http, where everybody could read the credentials")
	case len(via) > 5:
		return errors.New("it sends on again and again")
	}
	return nil
}

// Address is what is shown of where it speaks to.
func (c *Client) Address() string { return c.base.Redacted() }

// URL is the address with a path and a query added, for what is no HTTP request of this client's.
func (c *Client) URL(path string, query url.Values) *url.URL {
	to := c.base.JoinPath(path)
	to.RawQuery = query.Encode()
	return to
}

// TLS is a copy of how the system is verified, for handshakes that somebody else makes.
func (c *Client) TLS() *tls.Config {
	return c.http.Transport.(*signing).next.TLSClientConfig.Clone()
}

// Hold counts a connection to the system that was made by somebody else, until give is called: see Config.Held.
func (c *Client) Hold() (give func()) { return c.cfg.hold() }

// Dialer is how connections to the system are made, for what is no HTTP request of this client's.
func (c *Client) Dialer() Dial { return c.cfg.Dialer() }

// Close gives idle connections up.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	if c.auth != nil {
		c.auth.close()
	}
}

// Request is one request. Path is added to the address's own.
type Request struct {
	Method string // "" is GET
	Path   string
	Query  url.Values
	Header http.Header
	Body   []byte
	// Stream leaves the time-out out: the answer goes on for as long as ctx does. MaxBytes does not hold for it either; who
	// reads bounds what is kept.
	Stream bool
}

func (r Request) method() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// Form is a POST of values, for queries that a URL would be too long for.
func Form(path string, values url.Values) Request {
	return Request{Method: http.MethodPost, Path: path, Body: []byte(values.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
}

// Do sends a request and hands out the body of a good answer (2xx), decompressed. Reading it ends in ErrTruncated when
// it has more than Config.MaxBytes; all errors of reading name the address. The caller closes it. Other answers are a
// *StatusError.
func (c *Client) Do(ctx context.Context, r Request) (io.ReadCloser, http.Header, error) {
	if c.limits != nil {
		if err := c.limits.Wait(ctx); err != nil {
			return nil, nil, fmt.Errorf("%s %s%s: waiting for the rate limit (rateLimit): %w", r.method(), c.Address(), r.Path, err)
		}
	}
	cancel := context.CancelFunc(func() {})
	if !r.Stream {
		ctx, cancel = context.WithTimeout(ctx, c.cfg.Timeout)
	}
	req, err := c.request(ctx, r)
	if err != nil {
		err = c.explain(ctx, r, err)
		cancel()
		return nil, nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		err = c.explain(ctx, r, err)
		cancel()
		return nil, nil, err
	}
	body, err := c.unpack(resp, r.Stream)
	if err != nil {
		err = c.explain(ctx, r, errors.Join(err, resp.Body.Close()))
		cancel()
		return nil, nil, err
	}
	give := c.cfg.hold()
	body.cancel = func() { cancel(); give() }
	body.explain = func(err error) error { return c.explain(ctx, r, err) }
	if resp.StatusCode/100 != 2 {
		return nil, nil, c.refused(r, resp, body)
	}
	return body, resp.Header, nil
}

// JSON sends a request and decodes the answer into v. An answer that was cut off by Config.MaxBytes or MaxJSON is
// ErrTruncated.
func (c *Client) JSON(ctx context.Context, r Request, v any) error {
	body, _, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	defer body.Close() // it was only read
	small := &bounded{r: body, left: MaxJSON}
	data, err := io.ReadAll(small)
	if errors.Is(err, ErrTruncated) {
		return c.explain(ctx, r, ErrTruncated)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return c.explain(ctx, r, notJSON(data, err))
	}
	return nil
}

// Explain makes a whole sentence, with the address in it, of what went wrong while an answer was read; nil stays nil.
func (c *Client) Explain(r Request, err error) error {
	if err == nil {
		return nil
	}
	var syntax *jsonstream.SyntaxError
	if errors.As(err, &syntax) {
		err = fmt.Errorf("the answer is not what was expected (is there another system at this address?): %w", err)
	}
	return c.explain(context.Background(), r, err)
}

func notJSON(data []byte, err error) error {
	switch head := bytes.TrimSpace(data[:min(len(data), 512)]); {
	case len(head) == 0:
		return errors.New("the answer is empty: is there another system at this address?")
	case head[0] == '<':
		return errors.New("the answer is HTML or XML instead of JSON: is there a login page, or another system, at this address?")
	}
	return fmt.Errorf("the answer is not the JSON that was expected: %w", plainError(err))
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.method(), c.URL(r.Path, r.Query).String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for key, values := range r.Header {
		req.Header[key] = values
	}
	return req, nil
}

// Authorise puts the credentials and the configured headers on a request that somebody else sends, such as a WebSocket's
// handshake. Signed requests (auth.aws) cannot be made so.
func (c *Client) Authorise(ctx context.Context, h http.Header) error {
	_, err := c.authorise(ctx, &http.Request{Header: h}, nil)
	return err
}

func (c *Client) authorise(ctx context.Context, req *http.Request, body []byte) (*http.Request, error) {
	if c.auth != nil {
		out, err := c.auth.authorise(ctx, req, body)
		if err != nil {
			return nil, err
		}
		req = out
	}
	for name, value := range c.cfg.Headers {
		text, err := value.Reveal()
		if err != nil {
			return nil, fmt.Errorf("headers.%s: %w", name, err)
		}
		req.Header.Set(name, text)
	}
	if c.cfg.Tenant != "" {
		req.Header.Set("X-Scope-OrgID", c.cfg.Tenant)
	}
	return req, nil
}

// signing authorises each request on its way: redirected ones are signed for where they go.
type signing struct {
	c    *Client
	next *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (s *signing) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	var body []byte
	if req.GetBody != nil {
		again, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		if body, err = io.ReadAll(again); err != nil {
			return nil, err
		}
	}
	out, err := s.c.authorise(req.Context(), out, body)
	if err != nil {
		if req.Body != nil {
			err = errors.Join(err, req.Body.Close()) // which a RoundTripper must, on every way
		}
		return nil, err
	}
	// after the signature, which must not cover what a proxy on the way may change
	out.Header.Set("User-Agent", "gameday")
	out.Header.Set("Accept-Encoding", "zstd, gzip")
	return s.next.RoundTrip(out)
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (s *signing) CloseIdleConnections() { s.next.CloseIdleConnections() }
