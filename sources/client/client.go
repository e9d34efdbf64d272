package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/time/rate"

	"gameday/sources/sanitize"
)

// Client sends requests to one system. Its methods may be called from any goroutine.
type Client struct {
	base   *url.URL
	cfg    Config
	http   *http.Client
	limits *rate.Limiter
}

// ErrTruncated is what reading an answer ends in when it has more than Config.MaxBytes.
var ErrTruncated = errors.New("the answer is longer than is read")

// StatusError is an answer that is not the one that was asked for.
type StatusError struct {
	Code       int           // the HTTP status
	Method     string        //
	URL        string        // without user info and query
	Says       string        // the beginning of the body, harmless, one line
	RetryAfter time.Duration // what the system asked for; 0 when it did not
}

// Error says what the status means for the operator.
func (e *StatusError) Error() string {
	hint := ""
	switch e.Code {
	case http.StatusUnauthorized:
		hint = ": the credentials are missing or wrong (auth)"
	case http.StatusForbidden:
		hint = ": these credentials may not do this (auth, tenant)"
	case http.StatusNotFound:
		hint = ": there is no such thing there (is the address right?)"
	case http.StatusTooManyRequests:
		hint = ": too many requests (rateLimit)"
	}
	text := fmt.Sprintf("%s %s: %d %s%s", e.Method, e.URL, e.Code, http.StatusText(e.Code), hint)
	if e.Says != "" {
		text += ": " + e.Says
	}
	return text
}

// New makes a client for an address such as https://loki.example:3100/prefix. It connects to nothing yet.
func New(address string, cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	base, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("address: it is not a URL such as http://host:port")
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("address: %s:// is not spoken here: write http:// or https://", base.Scheme)
	case base.Host == "":
		return nil, errors.New("address: it names no host")
	case base.User != nil:
		return nil, errors.New("address: it holds a user: give it as auth.basic, so that it is kept secret")
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
	if cfg.RateLimit > 0 {
		c.limits = rate.NewLimiter(rate.Limit(cfg.RateLimit), max(1, int(cfg.RateLimit)))
	}
	c.http = &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: verify, ForceAttemptHTTP2: true, DisableCompression: true, // decompression is bounded here
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8, MaxResponseHeaderBytes: 1 << 20,
	}, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if req.URL.Host != via[0].URL.Host {
			return fmt.Errorf("it sends on to another host, %s", req.URL.Host) // which must not get the credentials
		}
		if len(via) > 5 {
			return errors.New("it sends on again and again")
		}
		return nil
	}}
	return c, nil
}

// Address is what is shown of where it speaks to.
func (c *Client) Address() string { return c.base.Redacted() }

// Close gives idle connections up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

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

// Do sends a request and hands out the body of a good answer (2xx), decompressed. Reading it ends in ErrTruncated when
// it has more than Config.MaxBytes. The caller closes it. Other answers are a *StatusError.
func (c *Client) Do(ctx context.Context, r Request) (io.ReadCloser, http.Header, error) {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	if c.limits != nil {
		if err := c.limits.Wait(ctx); err != nil {
			return nil, nil, fmt.Errorf("%s %s: waiting for the rate limit: %w", method, c.Address(), err)
		}
	}
	cancel := context.CancelFunc(func() {})
	if !r.Stream {
		ctx, cancel = context.WithTimeout(ctx, c.cfg.Timeout)
	}
	req, err := c.request(ctx, method, r)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		cancel()
		return nil, nil, c.explain(ctx, method, r.Path, err)
	}
	body, err := c.unpack(resp, r.Stream)
	if err != nil {
		cancel()
		return nil, nil, fmt.Errorf("%s %s%s: %w", method, c.Address(), r.Path, errors.Join(err, resp.Body.Close()))
	}
	body.cancel = cancel
	if resp.StatusCode/100 != 2 {
		return nil, nil, c.refused(method, r.Path, resp, body)
	}
	return body, resp.Header, nil
}

// JSON sends a request and decodes the answer into v. An answer that was cut off by Config.MaxBytes is ErrTruncated.
func (c *Client) JSON(ctx context.Context, r Request, v any) error {
	body, _, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	err = json.NewDecoder(body).Decode(v)
	if cerr := body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return c.explain(ctx, "read", r.Path, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method string, r Request) (*http.Request, error) {
	to := c.base.JoinPath(r.Path)
	to.RawQuery = r.Query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, to.String(), strings.NewReader(string(r.Body)))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, c.Address(), err)
	}
	if r.Body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for key, values := range r.Header {
		req.Header[key] = values
	}
	req.Header.Set("User-Agent", "gameday")
	req.Header.Set("Accept-Encoding", "zstd, gzip")
	if c.cfg.Tenant != "" {
		req.Header.Set("X-Scope-OrgID", c.cfg.Tenant)
	}
	if err := c.authorise(req); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, c.Address(), err)
	}
	return req, nil
}

// Authorise puts the credentials and the configured headers on a request that somebody else sends, such as a WebSocket's
// handshake.
func (c *Client) Authorise(ctx context.Context, h http.Header) error {
	return c.authorise((&http.Request{Header: h}).WithContext(ctx))
}

func (c *Client) authorise(req *http.Request) error {
	for name, value := range c.cfg.Headers {
		text, err := value.Reveal()
		if err != nil {
			return fmt.Errorf("headers.%s: %w", name, err)
		}
		req.Header.Set(name, text)
	}
	switch a := c.cfg.Auth; {
	case a.Basic != nil:
		password, err := a.Basic.Password.Reveal()
		if err != nil {
			return fmt.Errorf("auth.basic.password: %w", err)
		}
		req.SetBasicAuth(a.Basic.User, password)
	case !a.Bearer.IsZero():
		token, err := a.Bearer.Reveal()
		if err != nil {
			return fmt.Errorf("auth.bearer: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return nil
}

// explain names the address, and turns what net/http says into one sentence.
func (c *Client) explain(ctx context.Context, method, path string, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // its text repeats method and URL, query included
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		err = fmt.Errorf("no whole answer within %s: %w", c.cfg.Timeout, err)
	}
	return fmt.Errorf("%s %s%s: %w", method, c.Address(), path, err)
}

func (c *Client) refused(method, path string, resp *http.Response, body io.ReadCloser) error {
	head, _ := io.ReadAll(io.LimitReader(body, 4<<10)) // what can be read of it will do
	_ = body.Close()                                   // the status is what is told
	e := &StatusError{Code: resp.StatusCode, Method: method, URL: c.Address() + path, Says: sanitize.Line(strings.TrimSpace(string(head)), 200)}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(min(s, 3600)) * time.Second
	} else if at, err := http.ParseTime(resp.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = min(max(time.Until(at), 0), time.Hour)
	}
	return e
}

// body is a decompressed answer within its bound.
type body struct {
	io.Reader
	closers []func() error
	cancel  context.CancelFunc
}

// Close gives the connection back.
func (b *body) Close() error {
	var errs []error
	for _, c := range b.closers {
		errs = append(errs, c())
	}
	b.cancel()
	return errors.Join(errs...)
}

func (c *Client) unpack(resp *http.Response, stream bool) (*body, error) {
	b := &body{Reader: resp.Body, closers: []func() error{resp.Body.Close}, cancel: func() {}}
	switch enc := resp.Header.Get("Content-Encoding"); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(resp.Body)
		if err != nil {
			return nil, fmt.Errorf("the answer is no gzip: %w", err)
		}
		b.Reader = z
	case "zstd":
		z, err := zstd.NewReader(resp.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(32<<20))
		if err != nil {
			return nil, fmt.Errorf("the answer is no zstd: %w", err)
		}
		b.Reader = z
		b.closers = append(b.closers, func() error { z.Close(); return nil })
	default:
		return nil, fmt.Errorf("the answer is encoded as %s, which was not asked for", sanitize.Line(enc, 40))
	}
	if !stream {
		b.Reader = &bounded{r: b.Reader, left: c.cfg.MaxBytes}
	}
	return b, nil
}

// bounded reads so many bytes and then says that there was more.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		var one [1]byte
		n, err := b.r.Read(one[:])
		if n > 0 {
			return 0, ErrTruncated
		}
		return 0, err
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}
