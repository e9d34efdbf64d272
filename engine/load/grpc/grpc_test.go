package grpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"gameday/engine/load/http2"
	"gameday/engine/load/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// service is a real server's, with answers that tests ask for.
type service struct {
	testpb.UnimplementedTestServiceServer
	mu       sync.Mutex
	metadata metadata.MD
	deadline time.Duration
	arrivals []time.Time
}

func (s *service) note(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metadata, _ = metadata.FromIncomingContext(ctx)
	if at, ok := ctx.Deadline(); ok {
		s.deadline = time.Until(at)
	}
}

func (s *service) UnaryCall(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	s.note(ctx)
	if st := in.GetResponseStatus(); st != nil {
		return nil, status.Error(codes.Code(st.Code), st.Message)
	}
	if in.GetFillServerId() { // waits for ever
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &testpb.SimpleResponse{Username: "user", Payload: &testpb.Payload{Body: make([]byte, in.GetResponseSize())}}, nil
}

func (s *service) StreamingOutputCall(in *testpb.StreamingOutputCallRequest, out grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse]) error {
	for _, p := range in.ResponseParameters {
		time.Sleep(time.Duration(p.IntervalUs) * time.Microsecond)
		if err := out.Send(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: make([]byte, p.Size)}}); err != nil {
			return err
		}
	}
	return nil
}

func (s *service) StreamingInputCall(in grpc.ClientStreamingServer[testpb.StreamingInputCallRequest, testpb.StreamingInputCallResponse]) error {
	size := 0
	for {
		m, err := in.Recv()
		if err == io.EOF {
			return in.SendAndClose(&testpb.StreamingInputCallResponse{AggregatedPayloadSize: int32(size)})
		}
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.arrivals = append(s.arrivals, time.Now())
		s.mu.Unlock()
		size += len(m.GetPayload().GetBody())
	}
}

func (s *service) FullDuplexCall(both grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error {
	for {
		m, err := both.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if st := m.GetResponseStatus(); st != nil {
			return status.Error(codes.Code(st.Code), st.Message)
		}
		if err := both.Send(&testpb.StreamingOutputCallResponse{Payload: m.Payload}); err != nil {
			return err
		}
	}
}

// serve starts grpc-go's server.
func serve(t testing.TB, options ...grpc.ServerOption) (*service, *grpc.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s, sv := grpc.NewServer(options...), &service{}
	testpb.RegisterTestServiceServer(s, sv)
	reflection.Register(s)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }() // it ends with Stop
	t.Cleanup(func() { s.Stop(); <-done })
	return sv, s, "grpc://" + l.Addr().String()
}

const testMethod = "grpc.testing.TestService/"

func step(headers ...protocol.Header) protocol.Step {
	return protocol.Step{Name: "s", Timeout: patience, Headers: headers, Keep: 1 << 10}
}

// one prepares a call and makes a worker for it.
func one(t testing.TB, target string, o protocol.Options, s protocol.Step, c *Call) protocol.Client {
	t.Helper()
	p, err := New(target, o, http2.Sharing{})
	require.NoError(t, err)
	_, err = p.Prepare(s, c)
	require.NoError(t, err)
	client := p.NewClient(context.Background(), time.Now())
	t.Cleanup(client.Close)
	return client
}

func newCall() *protocol.Call {
	rng := rand.New(rand.NewPCG(1, 2))
	c := &protocol.Call{Sampled: true}
	c.N, c.User, c.Plan, c.Fresh = 7, 1, rng, rng
	for i := range c.Trace {
		c.Trace[i] = byte(i + 1)
	}
	c.Span[7] = 9
	return c
}

func do(c protocol.Client) (out protocol.Outcome) {
	c.Do(newCall(), &out)
	return out
}

func TestUnary(t *testing.T) {
	sv, _, target := serve(t)
	for name, message := range map[string]string{"static": `{"responseSize": 3}`, "dynamic": `{"responseSize": 3, "payload": {"body": "{{text 8}}"}}`} {
		t.Run(name, func(t *testing.T) {
			c := one(t, target, protocol.Options{}, step(protocol.Header{Name: "X-Tenant", Value: "t{{n}}"}),
				&Call{Method: testMethod + "UnaryCall", Message: message})
			for range 3 {
				out := do(c)
				require.NoError(t, out.Err)
				require.Equal(t, protocol.OK, out.Kind)
				require.Zero(t, out.Status)
				require.Equal(t, `{"payload":{"body":"AAAA"},"username":"user"}`, string(out.Body))
				require.Contains(t, string(out.Head), "grpc-status: 0\r\n")
				require.Equal(t, [4]float64{1, 1, out.Extra[extraFirst], 0}, out.Extra)
				require.Positive(t, out.Extra[extraFirst])
				require.LessOrEqual(t, out.Extra[extraFirst], (out.Done - out.Start).Seconds())
			}
			sv.mu.Lock()
			defer sv.mu.Unlock()
			require.Equal(t, []string{"00-0102030405060708090a0b0c0d0e0f10-0000000000000009-01"}, sv.metadata["traceparent"])
			require.Equal(t, []string{"0102030405060708090a0b0c0d0e0f10"}, sv.metadata["x-correlation-id"])
			require.Equal(t, []string{"t7"}, sv.metadata["x-tenant"])
			require.InDelta(t, patience.Seconds(), sv.deadline.Seconds(), 20)
		})
	}
}

func TestStreams(t *testing.T) {
	sv, _, target := serve(t)
	for name, tc := range map[string]struct {
		call           Call
		sent, received float64
		body           string
	}{
		"server": {Call{Method: "StreamingOutputCall", Message: `{"responseParameters": [{"size": 1}, {"size": 70000}, {"size": 0, "intervalUs": 20000}]}`}, 1, 3, ""},
		"client": {Call{Method: "StreamingInputCall", Message: `{"payload": {"body": "AAAA"}}`, Repeat: 5}, 5, 1, `{"aggregatedPayloadSize":15}`},
		"list": {Call{Method: "StreamingInputCall", Messages: []string{`{"payload": {"body": "AAAA"}}`, `{"payload": {"body": "{{text 4}}"}}`}, Repeat: 2},
			4, 1, `{"aggregatedPayloadSize":12}`},
		"paced": {Call{Method: "StreamingInputCall", Message: `{"payload": {"body": "AAAA"}}`, Repeat: 3, Interval: 30 * time.Millisecond},
			3, 1, `{"aggregatedPayloadSize":9}`},
		"both":       {Call{Method: "FullDuplexCall", Message: `{"payload": {"body": "AAAA"}}`, Repeat: 4}, 4, 4, strings.Repeat("\n"+`{"payload":{"body":"AAAA"}}`, 4)[1:]},
		"both paced": {Call{Method: "FullDuplexCall", Messages: []string{`{}`, `{"payload": {"body": "AA=="}}`}, Interval: 5 * time.Millisecond}, 2, 2, "{}\n" + `{"payload":{"body":"AA=="}}`},
	} {
		t.Run(name, func(t *testing.T) {
			tc.call.Method = testMethod + tc.call.Method
			sv.mu.Lock()
			sv.arrivals = nil
			sv.mu.Unlock()
			c := one(t, target, protocol.Options{}, step(), &tc.call)
			for range 2 {
				out := do(c)
				require.NoError(t, out.Err)
				require.Equal(t, protocol.OK, out.Kind)
				require.Equal(t, tc.sent, out.Extra[extraSent])
				require.Equal(t, tc.received, out.Extra[extraReceived])
				if tc.body != "" {
					require.Equal(t, tc.body, string(out.Body))
				}
				if name == "paced" {
					require.GreaterOrEqual(t, out.Done-out.Start, 2*tc.call.Interval)
				}
				if name == "server" {
					require.Less(t, out.Extra[extraFirst], (out.Done - out.Start).Seconds())
				}
			}
		})
	}
}

func TestStatusOfACall(t *testing.T) {
	_, _, target := serve(t)
	for name, tc := range map[string]struct {
		code   int
		codes  []string
		status int
		kind   protocol.Kind
	}{
		"not found":     {5, nil, 5, protocol.Status4xx},
		"expected":      {5, []string{"NotFound", "0"}, 5, protocol.OK},
		"unavailable":   {14, nil, 14, protocol.Status5xx},
		"their timeout": {4, nil, 4, protocol.Timeout},
		"other":         {5, []string{"3"}, 5, protocol.Status4xx},
		"own":           {77, nil, 77, protocol.Status5xx},
	} {
		t.Run(name, func(t *testing.T) {
			c := one(t, target, protocol.Options{}, step(), &Call{Method: testMethod + "UnaryCall", Codes: tc.codes,
				Message: `{"responseStatus": {"code": ` + strconv.Itoa(tc.code) + `, "message": "50% \u001b[31mred"}}`})
			out := do(c)
			require.Equal(t, tc.kind, out.Kind)
			require.Equal(t, tc.status, out.Status)
			if tc.kind.Failed() {
				require.ErrorContains(t, out.Err, "50% ")
				require.NotContains(t, out.Err.Error(), "\x1b")
			}
		})
	}
	c := one(t, target, protocol.Options{}, step(), &Call{Method: testMethod + "UnaryCall", Codes: []string{"NOT_FOUND"}})
	require.Equal(t, protocol.CheckFailed, do(c).Kind)
	c = one(t, target, protocol.Options{}, step(), &Call{Method: testMethod + "FullDuplexCall", Interval: time.Hour,
		Messages: []string{`{"responseStatus": {"code": 7}}`, "{}"}})
	out := do(c)
	require.Equal(t, 7, out.Status, out.Err)
	require.Equal(t, 1.0, out.Extra[extraSent])
}

func TestTimeout(t *testing.T) {
	_, _, target := serve(t)
	for name, call := range map[string]*Call{
		"unary": {Method: testMethod + "UnaryCall", Message: `{"fillServerId": true}`},
		"paced": {Method: testMethod + "StreamingInputCall", Repeat: 2, Interval: time.Hour},
	} {
		s := step()
		s.Timeout = 100 * time.Millisecond
		out := do(one(t, target, protocol.Options{}, s, call))
		require.Equal(t, protocol.Timeout, out.Kind, name)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	_, _, target := serve(t, grpc.Creds(credentials.NewServerTLSFromCert(&s.TLS.Certificates[0])))
	c := one(t, "grpcs"+strings.TrimPrefix(target, "grpc"), protocol.Options{TLS: &tls.Config{RootCAs: roots}}, step(), &Call{Method: testMethod + "EmptyCall"})
	out := do(c)
	require.Equal(t, codeUnimplemented, out.Status, out.Err)
	require.Equal(t, protocol.Status5xx, out.Kind)
}

func TestVariablesInMessages(t *testing.T) {
	_, _, target := serve(t)
	s := step()
	s.Names = func(name string) (int, bool) { return 0, name == "size" }
	c := one(t, target, protocol.Options{}, s, &Call{Method: testMethod + "UnaryCall", Message: `{"responseSize": {{size}}}`})
	for value, kind := range map[string]protocol.Kind{"2": protocol.OK, `"x`: protocol.Unsendable} {
		call := newCall()
		call.Slots = [][]byte{[]byte(value)}
		var out protocol.Outcome
		c.Do(call, &out)
		require.Equal(t, kind, out.Kind, out.Err)
	}
}

// TestAGracefulStopLosesNothing has the target say goodbye under load: what it refused goes to the next connection.
func TestAGracefulStopLosesNothing(t *testing.T) {
	_, first, target := serve(t)
	p, err := New(target, protocol.Options{}, http2.Sharing{Connections: 1})
	require.NoError(t, err)
	_, err = p.Prepare(step(), &Call{Method: testMethod + "UnaryCall"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var wg sync.WaitGroup
	epoch := time.Now()
	var stop sync.Once
	for range 8 {
		wg.Go(func() {
			c := p.NewClient(ctx, epoch)
			defer c.Close()
			for n := range 2000 {
				var out protocol.Outcome
				switch c.Do(newCall(), &out); out.Kind {
				case protocol.OK:
				case protocol.Refused: // nobody listens any more
					return
				default:
					t.Errorf("%v: %v", out.Kind, out.Err)
				}
				if n == 50 {
					stop.Do(func() { wg.Go(first.GracefulStop) })
				}
			}
		})
	}
	wg.Wait()
}

func TestSomethingInFrontOfTheService(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "s.proto")
	require.NoError(t, os.WriteFile(path, []byte(`syntax = "proto3"; package a; message M {} service S { rpc C(M) returns (M); }`), 0o600))
	out := do(one(t, "grpc://"+s.Listener.Addr().String(), protocol.Options{}, step(), &Call{Method: "a.S/C", Proto: path}))
	require.Equal(t, protocol.Status5xx, out.Kind)
	require.Equal(t, codeUnavailable, out.Status)
	require.ErrorContains(t, out.Err, "HTTP status 503")
}

func TestTimeoutsAsGRPCHasThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1: "1n", time.Second: "1000000u", 30 * time.Second: "30000000u", 1000 * time.Second: "1000000m", 48 * time.Hour: "172800S",
		time.Hour * 100_000: "100000H",
	} {
		require.Equal(t, want, grpcTimeout(d))
	}
}
