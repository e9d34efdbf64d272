// Package telemetry gives one shop process its traces, logs and metrics: the OpenTelemetry SDK over OTLP gRPC, slog as
// JSON on stderr and over OTLP, and a Prometheus registry whose histograms carry trace IDs as exemplars.
//
// Whoever listens for OTLP may be absent, slow or gone: queues are bounded, exports time out, and what could not be
// sent is counted, never waited for.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// How long signals may wait in a process before they are sent, how many may wait, and how long one export may take.
// Short, because someone is watching live.
const (
	batchInterval = 250 * time.Millisecond
	exportTimeout = 2 * time.Second
	maxQueue      = 4096
	maxBatch      = 512
)

// Config says who is speaking and where to.
type Config struct {
	Service string    // name of this process: "orders-db-1"
	Role    string    // what it does: "orders-db-replica"
	Zone    string    // "a"
	OTLP    string    // host:port of an OTLP gRPC receiver; "" sends nothing
	Stderr  io.Writer // where JSON log lines go
}

// Telemetry is what a process observes itself with. Close it last.
type Telemetry struct {
	Log        *slog.Logger
	Tracer     trace.Tracer
	Propagator propagation.TextMapPropagator
	Metrics    *Metrics
	Traces     trace.TracerProvider

	closers []func(context.Context) error
}

// Start sets everything up without waiting for the receiver.
func Start(cfg Config) (*Telemetry, error) {
	t := &Telemetry{
		Propagator: propagation.TraceContext{},
		Metrics:    newMetrics(),
	}
	res := resource.NewSchemaless(
		attribute.String("service.name", cfg.Service),
		attribute.String("service.namespace", "shop"),
		attribute.String("shop.role", cfg.Role),
		attribute.String("shop.zone", cfg.Zone),
	)
	traceOpts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res)}
	logOpts := []sdklog.LoggerProviderOption{sdklog.WithResource(res)}
	if cfg.OTLP != "" {
		spans, logs, err := t.exporters(cfg.OTLP)
		if err != nil {
			return nil, err
		}
		traceOpts = append(traceOpts, sdktrace.WithBatcher(spans, sdktrace.WithBatchTimeout(batchInterval),
			sdktrace.WithExportTimeout(exportTimeout), sdktrace.WithMaxQueueSize(maxQueue), sdktrace.WithMaxExportBatchSize(maxBatch)))
		logOpts = append(logOpts, sdklog.WithProcessor(sdklog.NewBatchProcessor(logs, sdklog.WithExportInterval(batchInterval),
			sdklog.WithExportTimeout(exportTimeout), sdklog.WithMaxQueueSize(maxQueue), sdklog.WithExportMaxBatchSize(maxBatch))))
	}
	traces, logs := sdktrace.NewTracerProvider(traceOpts...), sdklog.NewLoggerProvider(logOpts...)
	t.closers = append([]func(context.Context) error{traces.Shutdown, logs.Shutdown}, t.closers...)
	t.Traces = traces
	t.Tracer = traces.Tracer("gameday/cmd/shop")

	plain := traceHandler{slog.NewJSONHandler(cfg.Stderr, nil).WithAttrs([]slog.Attr{slog.String("service", cfg.Service)})}
	bridge := otelslog.NewHandler("gameday/cmd/shop", otelslog.WithLoggerProvider(logs))
	t.Log = slog.New(requestHandler{slog.NewMultiHandler(plain, bridge)})
	return t, nil
}

func (t *Telemetry) exporters(addr string) (sdktrace.SpanExporter, sdklog.Exporter, error) {
	// The SDK reports failed exports to a process-wide handler whose default prints a line each time. Here they are a
	// counter: a shop without a cockpit must stay silent.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { t.Metrics.ExportFailures.Inc() }))
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: time.Second,
		}))
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the connection to the OTLP receiver at %q: %w", addr, err)
	}
	t.closers = append(t.closers, func(context.Context) error { return conn.Close() })
	ctx := context.Background()
	spans, err := otlptracegrpc.New(ctx, otlptracegrpc.WithGRPCConn(conn), otlptracegrpc.WithTimeout(exportTimeout),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}))
	if err != nil {
		return nil, nil, fmt.Errorf("make the span exporter: %w", err)
	}
	logs, err := otlploggrpc.New(ctx, otlploggrpc.WithGRPCConn(conn), otlploggrpc.WithTimeout(exportTimeout),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{}))
	if err != nil {
		return nil, nil, fmt.Errorf("make the log exporter: %w", err)
	}
	return spans, logs, nil
}

// Close sends what is still queued, as far as ctx allows, and lets go of everything.
func (t *Telemetry) Close(ctx context.Context) error {
	var errs []error
	for _, c := range t.closers {
		errs = append(errs, c(ctx))
	}
	return errors.Join(errs...)
}

// Exemplar is the label set that leads from a measurement to its trace; nil outside a sampled trace.
func Exemplar(ctx context.Context) prometheus.Labels {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsSampled() {
		return nil
	}
	return prometheus.Labels{"trace_id": sc.TraceID().String()}
}

// Observe records v with the trace behind it.
func Observe(ctx context.Context, o prometheus.Observer, v float64) {
	if e, ok := o.(prometheus.ExemplarObserver); ok {
		if labels := Exemplar(ctx); labels != nil {
			e.ObserveWithExemplar(v, labels)
			return
		}
	}
	o.Observe(v)
}
