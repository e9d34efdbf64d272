package jaeger_test

import (
	"context"
	"net"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/jaeger"
	"gameday/sources/reference"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

var start = time.Now().Add(-time.Minute).Truncate(time.Millisecond)

func known() signal.Batch {
	id := signal.TraceID{0xab, 15: 7}
	return signal.Batch{Spans: []signal.Span{
		{TraceID: id, SpanID: signal.SpanID{1}, Service: "gateway", Name: "POST /checkout", Start: start, Duration: time.Second, Attrs: signal.Attrs{{Key: "order_id", Value: "o-17"}}},
		{TraceID: id, SpanID: signal.SpanID{2}, ParentID: signal.SpanID{1}, Service: "payment", Name: "charge", Start: start.Add(time.Millisecond), Duration: 800 * time.Millisecond,
			Failed: true, Message: "declined"},
		{TraceID: signal.TraceID{0xab, 15: 8}, SpanID: signal.SpanID{3}, Service: "gateway", Name: "GET /cart", Start: start.Add(time.Second), Duration: time.Millisecond},
	}}
}

func open(t *testing.T, s driver.Settings) *jaeger.Driver {
	t.Helper()
	s.Name = "jaeger-1"
	d, err := jaeger.Open(s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func options(t *testing.T, text string) *spec.Document {
	t.Helper()
	doc, err := spec.Parse("options", []byte(text))
	require.NoError(t, err)
	return doc
}

// both runs a test over HTTP and over gRPC.
func both(t *testing.T, test func(t *testing.T, d *jaeger.Driver)) {
	t.Run("http", func(t *testing.T) {
		s := httptest.NewServer(system(t, known()))
		t.Cleanup(s.Close)
		test(t, open(t, driver.Settings{Address: s.URL, Fields: []string{"order_id"}, Options: options(t, "lookback: 10m")}))
	})
	t.Run("grpc", func(t *testing.T) {
		test(t, open(t, driver.Settings{Address: "grpc://" + serve(t, &queries{known: known()}), Fields: []string{"order_id"}, Options: options(t, "lookback: 10m")}))
	})
}

func TestATraceComesWhole(t *testing.T) {
	both(t, func(t *testing.T, d *jaeger.Driver) {
		a, err := d.Query(t.Context(), driver.Query{ID: "ab000000-0000-0000-0000-000000000007"}) // a UUID is a form of it
		require.NoError(t, err)
		require.Len(t, a.Spans, 2)
		s := a.Spans[slices.IndexFunc(a.Spans, func(s signal.Span) bool { return s.Failed })]
		require.True(t, start.Add(time.Millisecond).Equal(s.Start))
		s.Start = time.Time{}
		for i := range s.Events {
			require.True(t, start.Add(time.Millisecond).Equal(s.Events[i].Time))
			s.Events[i].Time = time.Time{}
		}
		require.Equal(t, signal.Span{TraceID: signal.TraceID{0xab, 15: 7}, SpanID: signal.SpanID{2}, ParentID: signal.SpanID{1}, Service: "payment", Name: "charge",
			Kind: signal.SpanServer, Duration: 800 * time.Millisecond, Failed: true, Message: "declined", Source: "jaeger-1",
			Attrs:  signal.Attrs{{Key: "http.response.status_code", Value: "200"}, {Key: "sampled", Value: "true"}, {Key: "hostname", Value: "host-1"}},
			Events: []signal.SpanEvent{{Name: "retry", Attrs: signal.Attrs{{Key: "attempt", Value: "2"}}}}}, s)

		_, err = d.Query(t.Context(), driver.Query{ID: "ff000000000000000000000000000001"})
		require.ErrorIs(t, err, driver.ErrNotFound)
	})
}

func TestSearch(t *testing.T) {
	both(t, func(t *testing.T, d *jaeger.Driver) {
		for text, want := range map[string]int{
			"": 3, "service=payment": 2, "service=gateway operation=\"GET /cart\"": 1, "duration>500ms": 2, "order_id=o-17": 2, "order_id=o-18": 0,
		} {
			a, err := d.Query(t.Context(), driver.Query{Text: text})
			require.NoError(t, err, text)
			require.Len(t, a.Spans, want, text)
		}
		a, err := d.Query(t.Context(), driver.Query{ID: "o-17"})
		require.NoError(t, err)
		require.Len(t, a.Spans, 2, "a field that joins")
		_, err = d.Query(t.Context(), driver.Query{ID: "o-18"})
		require.ErrorIs(t, err, driver.ErrNotFound)
		_, err = d.Query(t.Context(), driver.Query{Text: "what?"})
		require.ErrorContains(t, err, "write such as")
	})
}

func TestWordsAndDependencies(t *testing.T) {
	both(t, func(t *testing.T, d *jaeger.Driver) {
		words, err := d.Complete(t.Context(), driver.WordService, "", "", 10)
		require.NoError(t, err)
		require.Equal(t, []string{"gateway", "payment"}, words)
		words, err = d.Complete(t.Context(), driver.WordOperation, "gateway", "GET", 10)
		require.NoError(t, err)
		require.Equal(t, []string{"GET /cart"}, words)
		words, err = d.Complete(t.Context(), driver.WordMetric, "", "", 10)
		require.NoError(t, err)
		require.Empty(t, words)
		edges, err := d.Dependencies(t.Context(), signal.Window{From: start, To: start.Add(time.Hour)})
		require.NoError(t, err)
		require.Equal(t, []driver.Edge{{From: "checkout", To: "payment", Calls: 60}}, edges)
	})
}

func TestFollowing(t *testing.T) {
	both(t, func(t *testing.T, d *jaeger.Driver) {
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan signal.Batch, 10)
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx, func(b signal.Batch) { got <- b }) }()
		b := <-got
		cancel()
		require.NoError(t, <-done)
		require.NotEmpty(t, b.Spans)
	})
}

// TestHTTPIsUsedWhereGRPCIsNot, and gRPC is not tried with each question then.
func TestHTTPIsUsedWhereGRPCIsNot(t *testing.T) {
	var tried atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tried.Add(1)
			_ = c.Close() // nobody there who speaks gRPC
		}
	}()
	s := httptest.NewServer(system(t, known()))
	t.Cleanup(s.Close)
	d := open(t, driver.Settings{Address: s.URL, Options: options(t, "grpc: "+l.Addr().String())})
	for range 3 {
		a, err := d.Query(t.Context(), driver.Query{})
		require.NoError(t, err)
		require.Len(t, a.Spans, 3)
	}
	found := map[string]driver.FindingState{}
	for _, f := range d.Check(t.Context()) {
		found[f.Name] = f.State
	}
	require.Equal(t, driver.FindingPoor, found["gRPC"])
	require.Equal(t, driver.FindingGood, found["services"])
	require.Positive(t, tried.Load())
}

func TestGRPCErrorsSayWhatToChange(t *testing.T) {
	q := &queries{known: known()}
	addr := serve(t, q)
	d := open(t, driver.Settings{Address: "grpc://" + addr, Client: client.Config{Auth: client.Auth{Bearer: reference.NewSecret("s3cret")}, Timeout: time.Minute}})
	_, err := d.Query(t.Context(), driver.Query{})
	require.NoError(t, err)
	require.Equal(t, "Bearer s3cret", q.token.Load())
	for code, want := range map[codes.Code]string{codes.Unauthenticated: "(auth)", codes.PermissionDenied: "tenant", codes.ResourceExhausted: "too many requests", codes.Unavailable: "it is not there"} {
		q.fail.Store(status.New(code, "no\x1b[2J"))
		_, err := d.Query(t.Context(), driver.Query{})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, addr)
		require.NotContains(t, err.Error(), "\x1b")
		require.NotContains(t, err.Error(), "s3cret")
	}
	q.fail.Store(status.New(codes.Unauthenticated, "who?"))
	found := d.Check(t.Context())
	require.Equal(t, driver.FindingBad, found[1].State)
	q.fail.Store(status.New(codes.OK, ""))
	found = d.Check(t.Context())
	require.Equal(t, driver.FindingGood, found[0].State)

	d = open(t, driver.Settings{Address: "grpc://" + addr, Client: client.Config{MaxBytes: 10}})
	a, err := d.Query(t.Context(), driver.Query{})
	require.NoError(t, err)
	require.True(t, a.Truncated, "no more is read than may be")
}

func TestSettings(t *testing.T) {
	for text, want := range map[string]string{"limit: -1": "must not be negative", "lookback: -1s": "must not be negative", "limits: 3": "limit"} {
		_, err := jaeger.Open(driver.Settings{Address: "http://localhost:16686", Options: options(t, text)})
		require.ErrorContains(t, err, want)
	}
	_, err := jaeger.Open(driver.Settings{Address: "ftp://localhost"})
	require.ErrorContains(t, err, "not spoken here")
	for _, address := range []string{"localhost:16685", "localhost:16686", "https://jaeger.example:16686/prefix", "grpcs://jaeger.example", "jaeger.example"} {
		open(t, driver.Settings{Address: address})
	}
	_, isDriver := jaeger.Kind().Schema.(*jaeger.Options)
	require.True(t, isDriver)
}

// queries is api_v2 over signals that it is given.
type queries struct {
	api_v2.QueryServiceServer
	known signal.Batch
	fail  atomic.Pointer[status.Status]
	token atomic.Value
}

func serve(t *testing.T, q *queries) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	check := func(ctx context.Context) error {
		if md, ok := metadata.FromIncomingContext(ctx); ok && len(md.Get("authorization")) > 0 {
			q.token.Store(md.Get("authorization")[0])
		}
		return q.fail.Load().Err()
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(codec{}),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			if err := check(ctx); err != nil {
				return nil, err
			}
			return h(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
			if err := check(ss.Context()); err != nil {
				return err
			}
			return h(srv, ss)
		}))
	api_v2.RegisterQueryServiceServer(s, q)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); require.NoError(t, <-done) })
	return l.Addr().String()
}

func (q *queries) GetServices(context.Context, *api_v2.GetServicesRequest) (*api_v2.GetServicesResponse, error) {
	var names []string
	for _, s := range q.known.Spans {
		names = append(names, s.Service)
	}
	slices.Sort(names)
	return &api_v2.GetServicesResponse{Services: slices.Compact(names)}, nil
}

func (q *queries) GetOperations(_ context.Context, r *api_v2.GetOperationsRequest) (*api_v2.GetOperationsResponse, error) {
	out := &api_v2.GetOperationsResponse{}
	for _, s := range q.known.Spans {
		if s.Service == r.Service {
			out.Operations = append(out.Operations, &api_v2.Operation{Name: s.Name, SpanKind: "server"})
		}
	}
	return out, nil
}

func (q *queries) GetDependencies(context.Context, *api_v2.GetDependenciesRequest) (*api_v2.GetDependenciesResponse, error) {
	return &api_v2.GetDependenciesResponse{Dependencies: []model.DependencyLink{{Parent: "checkout", Child: "payment", CallCount: 60}}}, nil
}

func (q *queries) GetTrace(r *api_v2.GetTraceRequest, s api_v2.QueryService_GetTraceServer) error {
	n := 0
	for _, sp := range q.known.Spans {
		if m := span(sp); m.TraceID == r.TraceID {
			n++
			if err := s.Send(&api_v2.SpansResponseChunk{Spans: []model.Span{m}}); err != nil {
				return err
			}
		}
	}
	if n == 0 {
		return status.Error(codes.NotFound, "trace not found")
	}
	return nil
}

func (q *queries) FindTraces(r *api_v2.FindTracesRequest, s api_v2.QueryService_FindTracesServer) error {
	p := r.Query
	if p.ServiceName == "" {
		return status.Error(codes.InvalidArgument, "service name is required")
	}
	ids := map[signal.TraceID]bool{}
	for _, sp := range q.known.Spans {
		match := sp.Service == p.ServiceName && (p.OperationName == "" || p.OperationName == sp.Name) && sp.Duration >= p.DurationMin &&
			!sp.Start.Before(p.StartTimeMin) && !sp.Start.After(p.StartTimeMax)
		for k, v := range p.Tags {
			match = match && sp.Attrs.Get(k) == v
		}
		if match && len(ids) < int(p.SearchDepth) {
			ids[sp.TraceID] = true
		}
	}
	for _, sp := range q.known.Spans {
		if ids[sp.TraceID] {
			if err := s.Send(&api_v2.SpansResponseChunk{Spans: []model.Span{span(sp)}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func span(s signal.Span) model.Span {
	trace, _ := model.TraceIDFromBytes(s.TraceID[:]) // of the right length
	id := func(id signal.SpanID) (out model.SpanID) {
		for _, b := range id {
			out = out<<8 | model.SpanID(b)
		}
		return out
	}
	out := model.Span{TraceID: trace, SpanID: id(s.SpanID), OperationName: s.Name, StartTime: s.Start, Duration: s.Duration,
		Process: model.NewProcess(s.Service, []model.KeyValue{model.String("hostname", "host-1"), model.String("jaeger.version", "x")}),
		Tags:    []model.KeyValue{model.String("span.kind", "server"), model.Int64("http.response.status_code", 200), model.Bool("sampled", true)},
		Logs:    []model.Log{{Timestamp: s.Start, Fields: []model.KeyValue{model.String("event", "retry"), model.Int64("attempt", 2)}}},
	}
	if !s.ParentID.IsZero() {
		out.References = []model.SpanRef{{TraceID: trace, SpanID: id(s.ParentID), RefType: model.ChildOf}}
	}
	if s.Failed {
		out.Tags = append(out.Tags, model.Bool("error", true), model.String("otel.status_description", s.Message))
	}
	for _, a := range s.Attrs {
		out.Tags = append(out.Tags, model.String(a.Key, a.Value))
	}
	return out
}

// codec lets the messages of jaeger-idl write themselves, as Jaeger's own server does.
type codec struct{}

var _ encoding.CodecV2 = codec{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	data, err := v.(interface{ Marshal() ([]byte, error) }).Marshal()
	return mem.BufferSlice{mem.SliceBuffer(data)}, err
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	return v.(interface{ Unmarshal([]byte) error }).Unmarshal(data.Materialize())
}
