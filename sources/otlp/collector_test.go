package otlp

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"

	"gameday/sources/client"
	"gameday/sources/forward"
	"gameday/sources/signal"
)

// collector is an OpenTelemetry collector, which `make test-collector` builds, as a process that can be killed and started again.
type collector struct {
	t          *testing.T
	bin, file  string
	grpc, http string
	cmd        *exec.Cmd
	out        *bytes.Buffer
	ended      chan struct{} // closed when the process has
}

// newCollector prepares a collector that hands on to an exporter, such as "otlp: {endpoint: …}", and starts it. Without the
// batch processor it queues nothing: what it has taken it has handed on.
func newCollector(t *testing.T, exporter string, processors ...string) *collector {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	c := &collector{t: t, bin: filepath.Join(cache, "gameday-testservers", "collector"), grpc: freePort(t), http: freePort(t)}
	if _, err := os.Stat(c.bin); err != nil {
		t.Skipf("%s is not there: make test-collector builds it, in 2 to 10 minutes", c.bin)
	}
	kind, _, _ := strings.Cut(exporter, ":")
	pipe := "{receivers: [otlp], processors: [" + strings.Join(processors, ", ") + "], exporters: [" + kind + "]}"
	c.file = filepath.Join(t.TempDir(), "collector.yaml")
	require.NoError(t, os.WriteFile(c.file, fmt.Appendf(nil, `receivers: {otlp: {protocols: {grpc: {endpoint: %q}, http: {endpoint: %q}}}}
processors: {batch: {timeout: 50ms}}
exporters: {%s}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: %s, logs: %s, metrics: %s}
`, c.grpc, c.http, exporter, pipe, pipe, pipe), 0o600))
	c.start()
	t.Cleanup(c.kill)
	return c
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (c *collector) start() {
	c.t.Helper()
	c.out = &bytes.Buffer{}
	c.cmd = exec.Command(c.bin, "--config=file:"+c.file)
	c.cmd.Stdout, c.cmd.Stderr = c.out, c.out
	require.NoError(c.t, c.cmd.Start())
	ended := make(chan struct{})
	cmd := c.cmd
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, or why is in its output
	}()
	c.ended = ended
	for _, address := range []string{c.grpc, c.http} {
		for {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				_ = conn.Close() // it listens: that is all
				break
			}
			select {
			case <-ended:
				require.FailNow(c.t, "the collector ended", c.out.String())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

func (c *collector) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.ended
	if c.t.Failed() {
		c.t.Log(c.out.String())
	}
}

// address is where gameday sends to, over gRPC or HTTP.
func (c *collector) address(over string) string {
	return over + "://" + map[string]string{"grpc": c.grpc, "http": c.http}[over]
}

// forwarding is a gameday that sends on what it receives.
type forwarding struct {
	*Receiver
	queue *forward.Queue
}

func newForwarding(t *testing.T, to string) *forwarding {
	t.Helper()
	f := &forwarding{queue: forward.New(exporter(t, to, client.Config{Timeout: 5 * time.Second}), forward.Config{})}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = f.queue.Run(ctx) }) // it has no error to tell
	t.Cleanup(func() { cancel(); work.Wait() })
	f.Receiver = serve(t, Config{}, f.queue.Offer)
	return f
}

// sdk is a program that was instrumented with the OpenTelemetry SDK.
type sdk struct {
	traces  *trace.TracerProvider
	logs    *sdklog.LoggerProvider
	metrics *sdkmetric.MeterProvider
}

func newSDK(t *testing.T, r *Receiver, over string) *sdk {
	t.Helper()
	ctx := t.Context()
	var spans trace.SpanExporter
	var records sdklog.Exporter
	var points sdkmetric.Exporter
	var errs [3]error
	if over == "grpc" {
		spans, errs[0] = otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(r.GRPCAddr()), otlptracegrpc.WithInsecure(), otlptracegrpc.WithCompressor("gzip"))
		records, errs[1] = otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(r.GRPCAddr()), otlploggrpc.WithInsecure(), otlploggrpc.WithCompressor("gzip"))
		points, errs[2] = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(r.GRPCAddr()), otlpmetricgrpc.WithInsecure())
	} else {
		spans, errs[0] = otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(r.HTTPAddr()), otlptracehttp.WithInsecure(), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		records, errs[1] = otlploghttp.New(ctx, otlploghttp.WithEndpoint(r.HTTPAddr()), otlploghttp.WithInsecure(), otlploghttp.WithCompression(otlploghttp.GzipCompression))
		points, errs[2] = otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(r.HTTPAddr()), otlpmetrichttp.WithInsecure())
	}
	for _, err := range errs {
		require.NoError(t, err)
	}
	res := sdkresource.NewSchemaless(attribute.String("service.name", "checkout"), attribute.String("host.name", "h1"))
	s := &sdk{
		traces:  trace.NewTracerProvider(trace.WithSyncer(spans), trace.WithResource(res)),
		logs:    sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(records)), sdklog.WithResource(res)),
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(points)), sdkmetric.WithResource(res)),
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		for _, err := range []error{s.traces.Shutdown(ctx), s.logs.Shutdown(ctx), s.metrics.Shutdown(ctx)} {
			require.NoError(t, err)
		}
	})
	return s
}

// speak tells of one request in all three signals and returns its trace ID.
func (s *sdk) speak(t *testing.T) signal.TraceID {
	t.Helper()
	ctx, span := s.traces.Tracer("test").Start(t.Context(), "POST /pay")
	var rec log.Record
	rec.SetTimestamp(time.Now())
	rec.SetSeverity(log.SeverityWarn)
	rec.SetBody(attribute.StringValue("declined"))
	s.logs.Logger("test").Emit(ctx, rec)
	paid, err := s.metrics.Meter("test").Int64Counter("paid")
	require.NoError(t, err)
	paid.Add(ctx, 7)
	span.End()
	require.NoError(t, s.metrics.ForceFlush(t.Context()))
	return signal.TraceID(span.SpanContext().TraceID())
}

// exporterTo is the collector's part that hands on to a receiver.
func exporterTo(r *Receiver, over, compression, more string) string {
	kind, endpoint := "otlp", r.GRPCAddr()
	if over == "http" {
		kind, endpoint = "otlphttp", "http://"+r.HTTPAddr()
	}
	return fmt.Sprintf("%s: {endpoint: %q, compression: %s, tls: {insecure: true}, sending_queue: {enabled: false}%s}", kind, endpoint, compression, more)
}

// TestRealCollectorStandsBetween: what a program with the OpenTelemetry SDK tells one gameday is handed on to a real collector and by
// that to another gameday, all three signals, over gRPC and HTTP, in gzip and zstd.
func TestRealCollectorStandsBetween(t *testing.T) {
	for _, over := range []string{"grpc", "http"} {
		for _, compression := range []string{"gzip", "zstd"} {
			t.Run(over+" "+compression, func(t *testing.T) {
				t.Parallel()
				var got sink
				b := serve(t, Config{}, got.emit)
				c := newCollector(t, exporterTo(b, over, compression, ""), "batch")
				a := newForwarding(t, c.address(over))
				id := newSDK(t, a.Receiver, over).speak(t)
				require.Eventually(t, func() bool {
					all := got.all()
					return len(all.Spans) > 0 && len(all.Logs) > 0 && slices.ContainsFunc(all.Metrics, func(p signal.MetricPoint) bool { return strings.HasPrefix(p.Name, "paid") })
				}, time.Minute, 10*time.Millisecond, "not all three signals came")
				all := got.all()
				require.Equal(t, id, all.Spans[0].TraceID)
				require.Equal(t, "POST /pay", all.Spans[0].Name)
				require.Equal(t, "h1", all.Spans[0].Attrs.Get("host.name"))
				require.Equal(t, id, all.Logs[0].TraceID)
				require.Equal(t, "declined", all.Logs[0].Body)
				require.Equal(t, signal.SeverityWarn, all.Logs[0].Severity)
				require.Equal(t, "checkout", all.Logs[0].Service)
				i := slices.IndexFunc(all.Metrics, func(p signal.MetricPoint) bool { return strings.HasPrefix(p.Name, "paid") })
				require.Equal(t, 7.0, all.Metrics[i].V)
				require.Zero(t, b.Stats().Bad)
			})
		}
	}
}

// numberedSpan is a span that is told from all others.
func numberedSpan(n int) signal.Batch {
	return signal.Batch{Spans: []signal.Span{{TraceID: signal.TraceID{1}, SpanID: signal.SpanID{byte(n >> 8), byte(n), 1}, Service: "checkout", Name: "pay", Start: time.Now(), Duration: time.Millisecond}}}
}

// distinct is how many spans came, those that came twice once.
func distinct(spans []signal.Span) int {
	ids := map[signal.SpanID]bool{}
	for _, s := range spans {
		ids[s.SpanID] = true
	}
	return len(ids)
}

// TestRealCollectorIsKilled in the middle and comes back: nothing is lost that had room in the queue.
func TestRealCollectorIsKilled(t *testing.T) {
	for _, over := range []string{"grpc", "http"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			var got sink
			c := newCollector(t, exporterTo(serve(t, Config{}, got.emit), over, "gzip", ""))
			a := newForwarding(t, c.address(over))
			const total = 300
			for n := range total {
				a.queue.Offer(numberedSpan(n))
				switch n {
				case total / 3:
					require.Eventually(t, func() bool { return distinct(got.all().Spans) > 10 }, time.Minute, time.Millisecond)
					c.kill()
				case total * 2 / 3:
					c.start()
				}
			}
			require.Eventually(t, func() bool { return distinct(got.all().Spans) == total }, 2*time.Minute, 20*time.Millisecond, "spans are lost")
			_, sent, dropped, _ := a.queue.Report()
			require.Zero(t, dropped)
			require.LessOrEqual(t, uint64(total-1), sent)
		})
	}
}

// TestRealCollectorHeedsBackPressure of our receiver: it sends again after the time that it is told, and loses nothing.
func TestRealCollectorHeedsBackPressure(t *testing.T) {
	for _, over := range []string{"grpc", "http"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			var got sink
			release := make(chan struct{})
			b := serve(t, Config{MaxInFlight: 1, Wait: 10 * time.Millisecond}, func(batch signal.Batch) {
				<-release
				got.emit(batch)
			})
			c := newCollector(t, exporterTo(b, over, "gzip", ", retry_on_failure: {initial_interval: 100ms}"))
			e := exporter(t, c.address(over), client.Config{Timeout: time.Minute})
			var work sync.WaitGroup
			for n := range 3 {
				work.Go(func() {
					if err := e.Export(t.Context(), numberedSpan(n)); err != nil {
						t.Error(err)
					}
				})
			}
			require.Eventually(t, func() bool { return b.Stats().Busy >= 3 }, time.Minute, time.Millisecond)
			told := b.Stats().Busy
			time.Sleep(500 * time.Millisecond) // it was asked to wait for a second
			require.LessOrEqual(t, b.Stats().Busy, told+2, "it comes again before it may")
			close(release)
			work.Wait()
			require.Equal(t, 3, distinct(got.all().Spans))
		})
	}
}

// TestRealCollectorPushesBack: a collector whose own endpoint is away answers 503 or UNAVAILABLE, and has what it did not take
// sent again.
func TestRealCollectorPushesBack(t *testing.T) {
	for _, over := range []string{"grpc", "http"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			l, err := New(Config{GRPC: "127.0.0.1:0"})
			require.NoError(t, err)
			require.NoError(t, l.Close()) // nobody is there yet
			c := newCollector(t, exporterTo(l, "grpc", "gzip", ", retry_on_failure: {enabled: false}"))
			a := newForwarding(t, c.address(over))
			a.queue.Offer(numberedSpan(1))
			time.Sleep(300 * time.Millisecond)
			_, sent, dropped, _ := a.queue.Report()
			require.Zero(t, sent+dropped, "it waits")
			var got sink
			r, err := New(Config{GRPC: l.GRPCAddr()})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- r.Run(ctx, got.emit) }()
			t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
			require.Eventually(t, func() bool { return distinct(got.all().Spans) == 1 }, 2*time.Minute, 20*time.Millisecond)
		})
	}
}

// TestRealCollectorUnderstandsPartialSuccess: of a request with one span that cannot be used the others are kept, and it is not sent
// again.
func TestRealCollectorUnderstandsPartialSuccess(t *testing.T) {
	var got sink
	b := serve(t, Config{}, got.emit)
	c := newCollector(t, exporterTo(b, "grpc", "zstd", ""))
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for n := range 3 {
		s := spans.AppendEmpty()
		s.SetName("pay")
		if n > 0 { // the first has no ID
			s.SetTraceID([16]byte{1})
			s.SetSpanID([8]byte{byte(n)})
		}
	}
	data, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	require.NoError(t, err)
	res := request(t, "POST", "http://"+c.http+"/v1/traces", data, "Content-Type", typeProtobuf)
	require.Equal(t, 200, res.code, res.body)
	require.Equal(t, 2, distinct(got.all().Spans))
	require.EqualValues(t, 1, b.Stats().Rejected)
	require.EqualValues(t, 1, b.Stats().Requests)
	c.kill()
	require.Contains(t, c.out.String(), "Partial success", "it tells its operator")
}
