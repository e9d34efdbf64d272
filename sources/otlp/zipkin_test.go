package otlp

import (
	"net/http"
	"strings"
	"testing"
	"time"

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
		http.StatusUnsupportedMediaType:  {zipkinSpans, "application/x-protobuf"},
		http.StatusBadRequest:            {`{"traceId":`, "application/json"},
		http.StatusRequestEntityTooLarge: {"[" + strings.Repeat(" ", 2000) + "]", "application/json"},
	} {
		require.Equal(t, want, post(t, r, zipkinV2, []byte(one.body), "Content-Type", one.contentType).code)
	}
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
