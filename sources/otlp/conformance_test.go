package otlp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"gameday/sources/driver"
	"gameday/sources/drivertest"
	"gameday/sources/otlp"
)

// The receiver against OpenTelemetry's own Go SDK over gRPC, and against plain JSON over HTTP.
func TestConformance(t *testing.T) {
	for name, feed := range map[string]func(context.Context, *otlp.Receiver) error{
		"traces of the SDK over gRPC": sdkTraces,
		"logs of the SDK over gRPC":   sdkLogs,
		"metrics as JSON over HTTP":   jsonMetrics,
	} {
		t.Run(name, func(t *testing.T) {
			drivertest.Run(t, drivertest.Harness{
				New: func(t *testing.T) driver.Driver {
					r, err := otlp.New(otlp.Config{GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", MaxInFlight: 4, Wait: 100 * time.Millisecond})
					require.NoError(t, err)
					t.Cleanup(func() { require.NoError(t, r.Close()) })
					return r
				},
				Feed: func(ctx context.Context, d driver.Driver) error { return feed(ctx, d.(*otlp.Receiver)) },
				Broken: func(t *testing.T) (driver.Driver, string, error) {
					l, err := net.Listen("tcp", "127.0.0.1:0")
					require.NoError(t, err)
					t.Cleanup(func() { require.NoError(t, l.Close()) })
					r, err := otlp.New(otlp.Config{GRPC: l.Addr().String()})
					return r, l.Addr().String(), err
				},
				MaxEmits: 4,
			})
		})
	}
}

var hostile = resource.NewSchemaless(attribute.String("service.name", drivertest.Hostile), attribute.String("host.name", drivertest.Hostile))

func sdkTraces(ctx context.Context, r *otlp.Receiver) (err error) {
	exp, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(r.GRPCAddr()), otlptracegrpc.WithInsecure(),
		otlptracegrpc.WithCompressor("gzip"), otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, exp.Shutdown(context.WithoutCancel(ctx))) }()
	now := time.Now()
	return exp.ExportSpans(ctx, tracetest.SpanStubs{{
		Name:        drivertest.Hostile,
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}}),
		StartTime:   now, EndTime: now.Add(time.Second), Resource: hostile,
		Attributes: []attribute.KeyValue{attribute.String(drivertest.Hostile, drivertest.Hostile)},
		Events:     []sdktrace.Event{{Name: drivertest.Hostile, Time: now, Attributes: []attribute.KeyValue{attribute.String("k", drivertest.Hostile)}}},
	}}.Snapshots())
}

func sdkLogs(ctx context.Context, r *otlp.Receiver) (err error) {
	exp, err := otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(r.GRPCAddr()), otlploggrpc.WithInsecure(),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, exp.Shutdown(context.WithoutCancel(ctx))) }()
	var p capture
	var rec otellog.Record
	rec.SetTimestamp(time.Now())
	rec.SetSeverity(otellog.SeverityError)
	rec.SetBody(attribute.StringValue(drivertest.Hostile))
	rec.AddAttributes(attribute.String("k", drivertest.Hostile))
	log.NewLoggerProvider(log.WithProcessor(&p), log.WithResource(hostile)).Logger("test").Emit(ctx, rec)
	return exp.Export(ctx, p.got)
}

// capture keeps what the SDK makes of a record, because the SDK's own processors do not tell whether exporting worked.
type capture struct{ got []log.Record }

func (c *capture) OnEmit(_ context.Context, r *log.Record) error {
	c.got = append(c.got, r.Clone())
	return nil
}
func (c *capture) Enabled(context.Context, log.EnabledParameters) bool { return true }
func (c *capture) Shutdown(context.Context) error                      { return nil }
func (c *capture) ForceFlush(context.Context) error                    { return nil }

func jsonMetrics(ctx context.Context, r *otlp.Receiver) error {
	text, err := json.Marshal(drivertest.Hostile)
	if err != nil {
		return err
	}
	body := fmt.Sprintf(`{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":%[1]s}}]},`+
		`"scopeMetrics":[{"metrics":[{"name":%[1]s,"gauge":{"dataPoints":[{"asDouble":1,"attributes":[{"key":"k","value":{"stringValue":%[1]s}}]}]}}]}]}]}`, text)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.HTTPAddr()+"/v1/metrics", bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("post metrics: %s", res.Status)
	}
	return nil
}
