package fleet_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"

	"gameday/cmd/shop/fleet"
)

type span struct{ id, parent, service, name string }

type receiver struct {
	ptraceotlp.UnimplementedGRPCServer
	mu    sync.Mutex
	spans map[string][]span            // by trace
	logs  map[string]map[string]string // by trace: service → request_id
}

type logReceiver struct {
	plogotlp.UnimplementedGRPCServer
	*receiver
}

func (r *receiver) Export(_ context.Context, req ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rs := range req.Traces().ResourceSpans().All() {
		service, _ := rs.Resource().Attributes().Get("service.name")
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				r.addSpan(service.Str(), s)
			}
		}
	}
	return ptraceotlp.NewExportResponse(), nil
}

func (r *receiver) addSpan(service string, s ptrace.Span) {
	id := s.TraceID().String()
	r.spans[id] = append(r.spans[id], span{s.SpanID().String(), s.ParentSpanID().String(), service, s.Name()})
}

func (r *logReceiver) Export(_ context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rl := range req.Logs().ResourceLogs().All() {
		service, _ := rl.Resource().Attributes().Get("service.name")
		for _, sl := range rl.ScopeLogs().All() {
			for _, l := range sl.LogRecords().All() {
				if id, ok := l.Attributes().Get("request_id"); ok {
					trace := l.TraceID().String()
					if r.logs[trace] == nil {
						r.logs[trace] = map[string]string{}
					}
					r.logs[trace][service.Str()] = id.Str()
				}
			}
		}
	}
	return plogotlp.NewExportResponse(), nil
}

func TestOneTraceAcrossServicesOverOTLP(t *testing.T) {
	r := &receiver{spans: map[string][]span{}, logs: map[string]map[string]string{}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(s, r)
	plogotlp.RegisterGRPCServer(s, &logReceiver{receiver: r})
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	t.Cleanup(func() { s.Stop(); require.NoError(t, <-done) })

	f := start(t, fleet.Config{Patterns: true, OTLP: ln.Addr().String()})
	const traceID, root, requestID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "req-otlp"
	a := mustAsk(t, "POST", f.Gateway()+"/checkout", buyBody("p1"), "traceparent", "00-"+traceID+"-"+root+"-01", "X-Correlation-ID", requestID)
	require.True(t, a.ok(), "%s", a.body)

	services := []string{"gateway", "checkout", "cart", "catalog", "inventory", "payment", "orders-db"}
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		known, by, names := map[string]bool{root: true}, map[string]bool{}, map[string]bool{}
		for _, s := range r.spans[traceID] {
			known[s.id], by[s.service], names[s.service+": "+s.name] = true, true, true
		}
		for _, s := range r.spans[traceID] {
			if !known[s.parent] {
				return false
			}
		}
		for _, s := range services {
			if !by[s] || r.logs[traceID][s] != requestID {
				return false
			}
		}
		return names["gateway: POST /checkout"] && names["checkout: charge"] && names["inventory: reserve stock"] &&
			names["payment: charge card"] && names["orders-db: INSERT orders"]
	}, patience, pause, "the trace did not arrive in one piece")
}
