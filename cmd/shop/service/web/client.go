package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"gameday/cmd/shop/service/telemetry"
)

const maxAnswer = 4 << 20

// Client asks one service over HTTP. It neither retries nor times out by itself: package resilience does.
type Client struct {
	dep  string
	base string
	tel  *telemetry.Telemetry
	http *http.Client
}

// NewClient asks the service dep at addr (host:port).
func NewClient(dep, addr string, tel *telemetry.Telemetry) *Client {
	return &Client{dep: dep, base: "http://" + addr, tel: tel, http: &http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		MaxIdleConns:        64,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     30 * time.Second,
		DisableCompression:  true,
	}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Reply is a successful answer.
type Reply struct {
	Status   int
	Body     []byte
	Degraded bool
}

// Do sends in as JSON (nil: no body) to path, and decodes the answer into out (nil: not decoded). An answer of 400 and
// above is an *Error with that status. headers come in pairs.
func (c *Client) Do(ctx context.Context, method, path string, in, out any, headers ...string) (*Reply, error) {
	route, _, _ := strings.Cut(path, "?")
	ctx, span := c.tel.Tracer.Start(ctx, method+" "+c.dep, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("peer.service", c.dep),
		attribute.String("server.address", strings.TrimPrefix(c.base, "http://")), attribute.String("url.path", route)))
	defer span.End()
	reply, err := c.do(ctx, method, path, in, out, headers)
	if reply != nil {
		span.SetAttributes(attribute.Int("http.response.status_code", reply.Status))
	}
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	return reply, err
}

func (c *Client) do(ctx context.Context, method, path string, in, out any, headers []string) (*Reply, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode the request to %s: %w", c.dep, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("make the request to %s: %w", c.dep, err)
	}
	req.GetBody = nil // or the transport would repeat a request behind our back when its connection breaks
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	if id := telemetry.Request(ctx); id != "" {
		req.Header.Set(HeaderRequestID, id)
	}
	c.tel.Propagator.Inject(ctx, propagation.HeaderCarrier(req.Header))
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", c.dep, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", c.dep, err)
	}
	reply := &Reply{Status: resp.StatusCode, Body: answer, Degraded: resp.Header.Get(HeaderDegraded) != ""}
	if resp.StatusCode >= 400 {
		return reply, answerError(c.dep, reply)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			return reply, fmt.Errorf("decode the answer of %s: %w", c.dep, err)
		}
	}
	return reply, nil
}

func answerError(dep string, r *Reply) *Error {
	var body struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(r.Body, &body) != nil || body.Error == "" {
		body.Error = http.StatusText(r.Status)
	}
	return &Error{Status: r.Status, Text: fmt.Sprintf("%s answered %d: %s", dep, r.Status, body.Error)}
}
