package otlp

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

const zipkinSpans = `[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","id":"00f067aa0ba902b7","name":"post /checkout","kind":"SERVER","timestamp":1700000000000000,"duration":1000,
 "localEndpoint":{"serviceName":"gateway"},"tags":{"error":"sold out"}},{"traceId":"no","id":""}]`

func TestSpansOfZipkin(t *testing.T) {
	var s sink
	r := serve(t, Config{MaxBody: 1000}, s.emit)
	a := post(t, r, zipkinV2, zip(t, []byte(zipkinSpans)), "Content-Type", "application/json", "Content-Encoding", "gzip")
	require.Equal(t, http.StatusAccepted, a.code, a.body)
	v1 := `[{"traceId":"1","id":"2","name":"charge","annotations":[{"timestamp":1700000000000000,"value":"sr","endpoint":{"serviceName":"payment"}}]}]`
	require.Equal(t, http.StatusAccepted, post(t, r, zipkinV1, []byte(v1)).code)
	require.Equal(t, http.StatusAccepted, post(t, r, zipkinV2, []byte("[]"), "Content-Type", "application/json").code)
	got := s.all().Spans
	require.Len(t, got, 2)
	require.Equal(t, "gateway", got[0].Service)
	require.Equal(t, "sold out", got[0].Message)
	require.Equal(t, "payment", got[1].Service)
	require.Equal(t, signal.SpanServer, got[1].Kind)
	require.Equal(t, Stats{Requests: 3, Items: 2, Rejected: 1}, r.Stats())

	for want, one := range map[int]struct{ body, contentType string }{
		http.StatusUnsupportedMediaType:  {zipkinSpans, "text/plain"},
		http.StatusBadRequest:            {`{"traceId":`, "application/json"},
		http.StatusRequestEntityTooLarge: {"[" + strings.Repeat(" ", 2000) + "]", "application/json"},
	} {
		require.Equal(t, want, post(t, r, zipkinV2, []byte(one.body), "Content-Type", one.contentType).code)
	}
	require.Equal(t, http.StatusUnsupportedMediaType, post(t, r, zipkinV1, nil, "Content-Type", typeProtobuf).code, "version 1 had none")
	require.Equal(t, http.StatusBadRequest, post(t, r, zipkinV2, []byte{0x0a, 0x7f}, "Content-Type", typeProtobuf).code)
	none := post(t, r, zipkinV2, []byte(`[{"id":"1"}]`), "Content-Type", "application/json")
	require.Equal(t, http.StatusBadRequest, none.code)
	require.Contains(t, none.body, "traceId")
	require.Equal(t, http.StatusMethodNotAllowed, request(t, http.MethodGet, "http://"+r.HTTPAddr()+zipkinV2, nil).code)
	require.Len(t, s.all().Spans, 2)
}

// TestSpansOfZipkinWhenBusy: back-pressure is what OTLP's is.
func TestSpansOfZipkinWhenBusy(t *testing.T) {
	release := make(chan struct{})
	r := serve(t, Config{MaxInFlight: 1, Wait: 20 * time.Millisecond}, func(signal.Batch) { <-release })
	done := make(chan answer, 1)
	go func() { done <- post(t, r, zipkinV2, []byte(zipkinSpans)) }()
	require.Eventually(t, func() bool { return len(r.slots) == 1 }, 30*time.Second, time.Millisecond)
	a := post(t, r, zipkinV2, []byte(zipkinSpans))
	require.Equal(t, http.StatusTooManyRequests, a.code)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	close(release)
	require.Equal(t, http.StatusAccepted, (<-done).code)
}

// TestSpansOfZipkinInProtobuf, as Zipkin's own library writes them.
func TestSpansOfZipkinInProtobuf(t *testing.T) {
	var s sink
	r := serve(t, Config{}, s.emit)
	parent := model.ID(7)
	data, err := zipkin_proto3.SpanSerializer{}.Serialize([]*model.SpanModel{{
		SpanContext: model.SpanContext{TraceID: model.TraceID{High: 1, Low: 2}, ID: 3, ParentID: &parent}, Name: "post /checkout", Kind: model.Server,
		Timestamp: time.UnixMicro(1_700_000_000_000_000), Duration: time.Millisecond, LocalEndpoint: &model.Endpoint{ServiceName: "gateway"},
		RemoteEndpoint: &model.Endpoint{ServiceName: "browser", IPv4: net.IPv4(10, 0, 0, 7), Port: 8080},
		Annotations:    []model.Annotation{{Timestamp: time.UnixMicro(1_700_000_000_000_100), Value: "cache miss"}}, Tags: map[string]string{"error": "sold out", "http.method": "POST"},
	}, {SpanContext: model.SpanContext{TraceID: model.TraceID{Low: 2}, ID: 4}, Name: "64 bits"}})
	require.NoError(t, err)
	a := post(t, r, zipkinV2, zip(t, data), "Content-Type", "application/x-protobuf", "Content-Encoding", "gzip")
	require.Equal(t, http.StatusAccepted, a.code, a.body)
	got := s.all().Spans
	require.Len(t, got, 2)
	id, _ := signal.ParseTraceID("00000000000000010000000000000002")
	require.Equal(t, signal.Span{TraceID: id, SpanID: signal.SpanID{7: 3}, ParentID: signal.SpanID{7: 7}, Service: "gateway", Name: "post /checkout", Kind: signal.SpanServer,
		Start: time.UnixMicro(1_700_000_000_000_000), Duration: time.Millisecond, Failed: true, Message: "sold out", Source: "otlp",
		Attrs:  signal.Attrs{{Key: "http.method", Value: "POST"}, {Key: "peer.service", Value: "browser"}, {Key: "network.peer.address", Value: "10.0.0.7"}, {Key: "network.peer.port", Value: "8080"}},
		Events: []signal.SpanEvent{{Time: time.UnixMicro(1_700_000_000_000_100), Name: "cache miss"}}}, got[0])
	require.Equal(t, signal.TraceID{15: 2}, got[1].TraceID)
}
