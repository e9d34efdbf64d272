package otlp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/reference"
	"gameday/sources/signal"
)

func exporter(t *testing.T, address string, cfg client.Config) *Exporter {
	t.Helper()
	e, err := OpenExporter(driver.Settings{Name: "out", Address: address, Client: cfg})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

var began = time.Unix(1_800_000_000, 0).UTC()

func told() signal.Batch {
	return signal.Batch{
		Spans: []signal.Span{
			{TraceID: signal.TraceID{1}, SpanID: signal.SpanID{2}, ParentID: signal.SpanID{1}, Service: "gateway", Name: "charge", Kind: signal.SpanClient, Start: began, Duration: time.Second,
				Failed: true, Message: "declined", Attrs: signal.Attrs{{Key: "http.route", Value: "/pay"}, {Key: "host.name", Value: "host-1"}}, Source: "otlp",
				Events: []signal.SpanEvent{{Time: began, Name: "retry", Attrs: signal.Attrs{{Key: "n", Value: "2"}}}}},
		},
		Logs: []signal.Record{{Time: began, Severity: signal.SeverityWarn, Service: "gateway", Body: "slow", TraceID: signal.TraceID{1}, SpanID: signal.SpanID{2},
			Attrs: signal.Attrs{{Key: "order_id", Value: "7"}}, Source: "otlp"}},
		Metrics: []signal.MetricPoint{{Name: "queue_length", Labels: signal.Attrs{{Key: "job", Value: "gateway"}}, T: began, V: 3}},
	}
}

// TestWhatIsSentArrives over both protocols, as it was.
func TestWhatIsSentArrives(t *testing.T) {
	var s sink
	r := serve(t, Config{}, s.emit)
	for i, address := range []string{"http://" + r.HTTPAddr(), "grpc://" + r.GRPCAddr()} {
		e := exporter(t, address, client.Config{})
		require.NoError(t, e.Export(t.Context(), told()))
		got := s.all()
		require.Len(t, got.Spans, i+1)
		span := got.Spans[i]
		span.Start, span.Events[0].Time = span.Start.UTC(), span.Events[0].Time.UTC()
		require.Equal(t, told().Spans[0], span)
		record := got.Logs[i]
		record.Time = record.Time.UTC()
		require.Equal(t, told().Logs[0], record)
		require.Len(t, got.Metrics, i+1)
		require.Equal(t, 3.0, got.Metrics[i].V)
		sent, kept, dropped, err := e.Report()
		require.NoError(t, err)
		require.Equal(t, []uint64{3, 3, 0}, []uint64{sent, kept, dropped})
		require.Equal(t, driver.FindingGood, e.Check(t.Context())[0].State)
	}
}

// TestTheTimelineIsToldAsSpansAndRecords: a fault that ended is a span, and its end and start are records.
func TestTheTimelineIsToldAsSpansAndRecords(t *testing.T) {
	var s sink
	e := exporter(t, "http://"+serve(t, Config{}, s.emit).HTTPAddr(), client.Config{})
	fault := signal.Event{ID: 7, Kind: signal.EventFault, Title: "payment +800ms", Target: "payment", Outcome: signal.Warning, Start: began, Open: true, TraceID: signal.TraceID{9}}
	require.NoError(t, e.Export(t.Context(), signal.Batch{Events: []signal.Event{fault}}))
	require.Empty(t, s.all().Spans)
	fault.Open, fault.End = false, began.Add(time.Minute)
	for range 2 {
		require.NoError(t, e.Export(t.Context(), signal.Batch{Events: []signal.Event{fault}}))
	}
	got := s.all()
	require.Equal(t, "payment +800ms", got.Logs[0].Body)
	require.Equal(t, "payment +800ms ended", got.Logs[1].Body)
	require.Equal(t, signal.SeverityWarn, got.Logs[0].Severity)
	require.Equal(t, ownService, got.Spans[0].Service)
	require.Equal(t, time.Minute, got.Spans[0].Duration)
	require.Equal(t, "fault", got.Spans[0].Attrs.Get("gameday.event"))
	require.Equal(t, got.Spans[0].SpanID, got.Spans[1].SpanID, "told twice, it is one")
	require.Equal(t, got.Spans[0].TraceID, got.Spans[1].TraceID)
}

// TestBackPressureIsHeeded: what is to be sent again is, when the endpoint says so, and nothing else.
func TestBackPressureIsHeeded(t *testing.T) {
	var tries atomic.Int64
	var code atomic.Int64
	code.Store(http.StatusTooManyRequests)
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what it is does not matter
		if n := tries.Add(1); n%2 == 1 || code.Load() == http.StatusBadRequest {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(int(code.Load()))
			return
		}
		resp := ptraceotlp.NewExportResponse()
		resp.PartialSuccess().SetRejectedSpans(1)
		resp.PartialSuccess().SetErrorMessage("too old\x1b[2J")
		data, _ := resp.MarshalProto() // two plain fields
		_, _ = w.Write(data)           // the client may have gone
	}))
	t.Cleanup(h.Close)
	e := exporter(t, h.URL, client.Config{Auth: client.Auth{Bearer: reference.NewSecret("s3cret")}})
	b := signal.Batch{Spans: append(told().Spans, told().Spans...)}
	sent := time.Now()
	require.NoError(t, e.Export(t.Context(), b))
	require.GreaterOrEqual(t, time.Since(sent), time.Second, "it waited as it was asked to")
	require.EqualValues(t, 2, tries.Load())
	_, kept, rejected, _ := e.Report()
	require.EqualValues(t, 1, kept)
	require.EqualValues(t, 1, rejected)
	require.Equal(t, "too old␛[2J", e.Rejected())

	code.Store(http.StatusBadRequest)
	before := tries.Load()
	err := e.Export(t.Context(), b)
	require.ErrorContains(t, err, h.URL)
	require.NotContains(t, err.Error(), "s3cret")
	require.EqualValues(t, before+1, tries.Load(), "a request that is wrong stays wrong")

	code.Store(http.StatusServiceUnavailable)
	tries.Store(0)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, e.Export(ctx, b), "ctx ends it")
	require.EqualValues(t, 1, tries.Load())
}

// TestGRPCBackPressureIsHeeded against our own receiver, which gives RetryInfo when it is busy.
func TestGRPCBackPressureIsHeeded(t *testing.T) {
	release := make(chan struct{})
	r := serve(t, Config{MaxInFlight: 1, Wait: 10 * time.Millisecond}, func(signal.Batch) { <-release })
	e := exporter(t, "grpc://"+r.GRPCAddr(), client.Config{Timeout: time.Minute})
	done := make(chan error, 2)
	b := signal.Batch{Spans: told().Spans}
	go func() { done <- e.Export(t.Context(), b) }()
	require.Eventually(t, func() bool { return len(r.slots) == 1 }, 30*time.Second, time.Millisecond)
	go func() { done <- e.Export(t.Context(), b) }()
	require.Eventually(t, func() bool { return r.Stats().Busy > 0 }, 30*time.Second, time.Millisecond)
	close(release)
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.EqualValues(t, 2, r.Stats().Items)
}

func TestAnEndpointThatIsGone(t *testing.T) {
	r, err := New(Config{GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	for _, address := range []string{"http://" + r.HTTPAddr(), "grpc://" + r.GRPCAddr()} {
		e := exporter(t, address, client.Config{Timeout: 5 * time.Second})
		err := e.Run(t.Context(), nil)
		require.ErrorContains(t, err, address)
		require.Equal(t, driver.FindingBad, e.Check(t.Context())[0].State)
	}
	_, err = OpenExporter(driver.Settings{Address: "ftp://x"})
	require.ErrorContains(t, err, "not spoken here")
	require.True(t, bytes.HasPrefix([]byte(exporter(t, "collector:4317", client.Config{}).address), []byte("grpc://")))
}
