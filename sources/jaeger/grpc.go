package jaeger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/sources/tracing"
)

// overGRPC reads over api_v2.
type overGRPC struct {
	d       *Driver
	address string
	conn    *grpc.ClientConn
	query   api_v2.QueryServiceClient
	auth    *client.Client // for its credentials and headers only
	timeout time.Duration
	most    int64
}

// maxMessage is how much one message of an answer may have; Jaeger sends a trace in several.
const maxMessage = 8 << 20

func newGRPC(d *Driver, address string) (*overGRPC, error) {
	scheme, target, ok := strings.Cut(address, "://")
	if !ok {
		scheme, target = "grpc", address
	}
	cfg := d.settings.Client
	var creds credentials.TransportCredentials
	switch scheme {
	case "grpc", "http":
		creds = insecure.NewCredentials()
	case "grpcs", "https":
		verify, err := cfg.TLS.Build()
		if err != nil {
			return nil, err
		}
		creds = credentials.NewTLS(verify)
	default:
		return nil, fmt.Errorf("address: %s:// is not spoken here: write grpc:// or grpcs://", scheme)
	}
	auth, err := client.New("http://"+target, cfg)
	if err != nil {
		return nil, err
	}
	conn, err := grpc.NewClient("passthrough:///"+target, append(cfg.GRPC(), grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(
		grpc.ForceCodecV2(gogoCodec{}), grpc.MaxCallRecvMsgSize(maxMessage)), grpc.WithUserAgent("gameday"))...)
	if err != nil {
		return nil, fmt.Errorf("address: %s: %w", target, err)
	}
	g := &overGRPC{d: d, address: scheme + "://" + target, conn: conn, query: api_v2.NewQueryServiceClient(conn), auth: auth,
		timeout: cfg.Timeout, most: cfg.MaxBytes}
	if g.timeout == 0 {
		g.timeout = client.DefaultTimeout
	}
	if g.most == 0 {
		g.most = client.DefaultMaxBytes
	}
	return g, nil
}

// call makes the context of one question: with its end and its credentials.
func (g *overGRPC) call(ctx context.Context) (context.Context, context.CancelFunc, error) {
	h := http.Header{}
	if err := g.auth.Authorise(ctx, h); err != nil {
		return nil, nil, fmt.Errorf("jaeger: %s: %w", g.address, err)
	}
	var pairs []string
	for name, values := range h {
		for _, v := range values {
			pairs = append(pairs, strings.ToLower(name), v)
		}
	}
	if t := g.d.settings.Client.Tenant; t != "" {
		pairs = append(pairs, "x-tenant", t) // Jaeger's own name for it
	}
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, pairs...), g.timeout)
	return ctx, cancel, nil
}

// explain names the address and says what to do; the status stays within.
func (g *overGRPC) explain(what string, err error) error {
	if err == nil || errors.Is(err, client.ErrTruncated) {
		return err
	}
	st := status.Convert(err)
	hint := ""
	switch st.Code() {
	case codes.Unauthenticated:
		hint = "the credentials are missing or wrong (auth): "
	case codes.PermissionDenied:
		hint = "these credentials may not do this (auth, tenant): "
	case codes.Unavailable:
		hint = "it is not there, or speaks no gRPC: "
	case codes.DeadlineExceeded:
		hint = fmt.Sprintf("no whole answer within %s: ", g.timeout)
	case codes.ResourceExhausted:
		hint = "too many requests, or too large an answer: "
	}
	return &rpcError{text: fmt.Sprintf("jaeger: %s from %s: %s%s", what, g.address, hint, sanitize.Line(st.Message(), 300)), err: err}
}

// rpcError is an error of gRPC with a text of ours.
type rpcError struct {
	text string
	err  error
}

// Error is one line for the operator.
func (e *rpcError) Error() string { return e.text }

// Unwrap is gRPC's error.
func (e *rpcError) Unwrap() error { return e.err }

// GRPCStatus lets status.Code tell what it was.
func (e *rpcError) GRPCStatus() *status.Status { return status.Convert(e.err) }

func (g *overGRPC) services(ctx context.Context) ([]string, error) {
	ctx, cancel, err := g.call(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	resp, err := g.query.GetServices(ctx, &api_v2.GetServicesRequest{})
	return resp.GetServices(), g.explain("services", err)
}

func (g *overGRPC) operations(ctx context.Context, service string) ([]string, error) {
	ctx, cancel, err := g.call(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	resp, err := g.query.GetOperations(ctx, &api_v2.GetOperationsRequest{Service: service})
	if err != nil {
		return nil, g.explain("operations", err)
	}
	names := resp.OperationNames
	for _, o := range resp.Operations {
		names = append(names, o.Name)
	}
	return names, nil
}

func (g *overGRPC) find(ctx context.Context, w signal.Window, s tracing.Search, limit int) (tracing.Page, error) {
	ctx, cancel, err := g.call(ctx)
	if err != nil {
		return tracing.Page{}, err
	}
	defer cancel()
	q := &api_v2.TraceQueryParameters{ServiceName: s.Service, OperationName: s.Operation, Tags: tagsOf(s), StartTimeMin: w.From,
		StartTimeMax: w.To.Add(-time.Nanosecond), DurationMin: s.MinDuration, DurationMax: s.MaxDuration, SearchDepth: int32(limit), RawTraces: true}
	stream, err := g.query.FindTraces(ctx, &api_v2.FindTracesRequest{Query: q})
	if err != nil {
		return tracing.Page{}, g.explain("search", err)
	}
	var p tracing.Page
	p.Spans, err = g.collect(stream)
	ids := make(map[signal.TraceID]bool)
	for i := range p.Spans {
		ids[p.Spans[i].TraceID] = true
	}
	p.Traces = len(ids)
	p.Full = p.Traces >= limit
	return p, g.explain("search", err)
}

// tagsOf are the tags of a search, with failure as Jaeger knows it.
func tagsOf(s tracing.Search) map[string]string {
	tags := make(map[string]string, len(s.Tags)+1)
	for _, t := range s.Tags {
		tags[t.Key] = t.Value
	}
	if s.Failed {
		tags["error"] = "true"
	}
	return tags
}

func (g *overGRPC) trace(ctx context.Context, id signal.TraceID) ([]signal.Span, error) {
	ctx, cancel, err := g.call(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	stream, err := g.query.GetTrace(ctx, &api_v2.GetTraceRequest{TraceID: modelID(id), RawTraces: true})
	if err != nil {
		return nil, g.explain("trace", err)
	}
	spans, err := g.collect(stream)
	if status.Code(err) == codes.NotFound || err == nil && len(spans) == 0 {
		return nil, fmt.Errorf("jaeger: %s has no trace %s: %w", g.address, id, driver.ErrNotFound)
	}
	return spans, g.explain("trace", err)
}

// collect reads a stream of spans to its end, or as much of it as may be read.
func (g *overGRPC) collect(stream interface {
	Recv() (*api_v2.SpansResponseChunk, error)
}) (spans []signal.Span, err error) {
	var read int64
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return spans, nil
		}
		if err != nil {
			return spans, err
		}
		if read += int64(chunk.Size()); read > g.most {
			return spans, fmt.Errorf("%s: %w", g.address, client.ErrTruncated)
		}
		for i := range chunk.Spans {
			if s, ok := g.d.convert(&chunk.Spans[i]); ok {
				spans = append(spans, s)
			}
		}
	}
}

func (g *overGRPC) dependencies(ctx context.Context, w signal.Window) ([]driver.Edge, error) {
	ctx, cancel, err := g.call(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	resp, err := g.query.GetDependencies(ctx, &api_v2.GetDependenciesRequest{StartTime: w.From, EndTime: w.To})
	if err != nil {
		return nil, g.explain("dependencies", err)
	}
	edges := make([]driver.Edge, 0, len(resp.Dependencies))
	for _, l := range resp.Dependencies {
		edges = append(edges, driver.Edge{From: l.Parent, To: l.Child, Calls: l.CallCount})
	}
	return edges, nil
}

// gogoCodec lets the messages of jaeger-idl, which are of another generator's make than gRPC's own, write themselves.
type gogoCodec struct{}

var _ encoding.CodecV2 = gogoCodec{}

// Name is that of protobuf, which the bytes are.
func (gogoCodec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (gogoCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(interface{ Marshal() ([]byte, error) })
	if !ok {
		return nil, fmt.Errorf("marshal %T: it is no message of Jaeger's", v)
	}
	data, err := m.Marshal()
	return mem.BufferSlice{mem.SliceBuffer(data)}, err
}

// Unmarshal implements encoding.CodecV2.
func (gogoCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(interface{ Unmarshal([]byte) error })
	if !ok {
		return fmt.Errorf("unmarshal into %T: it is no message of Jaeger's", v)
	}
	return m.Unmarshal(data.Materialize())
}
