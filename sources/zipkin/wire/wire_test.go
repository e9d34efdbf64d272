package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/jsonstream"
	"gameday/sources/signal"
	"gameday/sources/zipkin/wire"
)

func read(t *testing.T, v1 bool, text string) ([]signal.Span, int) {
	t.Helper()
	var out []signal.Span
	rejected, err := wire.Reader{Source: "zipkin", Now: time.Unix(99, 0), V1: v1, Most: 100}.List(jsonstream.NewReader(strings.NewReader(text), jsonstream.Limits{}), &out)
	require.NoError(t, err)
	return out, rejected
}

func TestVersion2(t *testing.T) {
	got, rejected := read(t, false, `[
	 {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","id":"00f067aa0ba902b7","kind":"SERVER","name":"post /checkout","timestamp":1700000000000001,"duration":207000,
	  "localEndpoint":{"serviceName":"gateway","ipv4":"10.0.0.1"},"remoteEndpoint":{"ipv6":"2001:db8::1","port":63840},
	  "annotations":[{"timestamp":1700000000000100,"value":"cache miss"}],"tags":{"http.method":"POST","error":"out of stock","a":"1"},"debug":true},
	 {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","parentId":"00f067aa0ba902b7","id":"00f067aa0ba902b7","kind":"CLIENT","shared":true,"remoteEndpoint":{"serviceName":"payment"}},
	 {"traceId":"3ce929d0e0e4736","id":"1","tags":{"error":"false"}},
	 {"traceId":"","id":"1"},{"traceId":"1","id":"0000000000000000"},{"id":7},null,{"traceId":"zz","id":"1"}]`)
	require.Equal(t, 5, rejected)
	id, _ := signal.ParseTraceID("4bf92f3577b34da6a3ce929d0e0e4736")
	at, _ := signal.ParseSpanID("00f067aa0ba902b7")
	begin := time.UnixMicro(1700000000000001)
	require.Equal(t, signal.Span{TraceID: id, SpanID: at, Service: "gateway", Name: "post /checkout", Kind: signal.SpanServer, Start: begin,
		Duration: 207 * time.Millisecond, Failed: true, Message: "out of stock", Source: "zipkin",
		Attrs:  signal.Attrs{{Key: "a", Value: "1"}, {Key: "http.method", Value: "POST"}, {Key: "network.peer.address", Value: "2001:db8::1"}, {Key: "network.peer.port", Value: "63840"}},
		Events: []signal.SpanEvent{{Time: time.UnixMicro(1700000000000100), Name: "cache miss"}}}, got[0])
	require.Equal(t, signal.SpanClient, got[1].Kind)
	require.Equal(t, at, got[1].ParentID)
	require.Equal(t, time.Unix(99, 0), got[1].Start)
	require.Equal(t, "payment", got[1].Attrs.Get("peer.service"))
	require.Equal(t, "000000000000000003ce929d0e0e4736", got[2].TraceID.String())
	require.False(t, got[2].Failed)
	require.Equal(t, "unknown_service", got[2].Service)
}

func TestVersion1(t *testing.T) {
	got, rejected := read(t, true, `[{"traceId":"a3ce929d0e0e4736","id":"2","parentId":"1","name":"charge",
	  "annotations":[{"timestamp":1700000000000000,"value":"cs","endpoint":{"serviceName":"gateway"}},{"timestamp":1700000000005000,"value":"cr","endpoint":{"serviceName":"gateway"}},
	   {"timestamp":1700000000001000,"value":"retry"}],
	  "binaryAnnotations":[{"key":"http.status_code","value":402},{"key":"error","value":"declined"},{"key":"sa","value":true,"endpoint":{"serviceName":"payment","port":80}}]},
	 {"traceId":"a3ce929d0e0e4736","id":"3","name":"local","timestamp":1700000000000000,"duration":5,"binaryAnnotations":[{"key":"lc","value":"x","endpoint":{"serviceName":"worker"}}]}]`)
	require.Zero(t, rejected)
	require.Equal(t, signal.SpanClient, got[0].Kind)
	require.Equal(t, "gateway", got[0].Service)
	require.Equal(t, 5*time.Millisecond, got[0].Duration)
	require.True(t, got[0].Failed)
	require.Equal(t, "declined", got[0].Message)
	require.Equal(t, signal.Attrs{{Key: "http.status_code", Value: "402"}, {Key: "peer.service", Value: "payment"}, {Key: "network.peer.port", Value: "80"}}, got[0].Attrs)
	require.Len(t, got[0].Events, 1)
	require.Equal(t, "worker", got[1].Service)
}

func TestMany(t *testing.T) {
	var out []signal.Span
	_, err := wire.Reader{Most: 2}.List(jsonstream.NewReader(strings.NewReader(`[{"traceId":"1","id":"1"},{},{"traceId":"1","id":"2"}]`), jsonstream.Limits{}), &out)
	require.ErrorIs(t, err, wire.ErrMany)
	require.Len(t, out, 1)
}

func FuzzList(f *testing.F) {
	for _, s := range []string{`[{"traceId":"1","id":"1","duration":9223372036854775807,"timestamp":-1}]`, `[{"annotations":[{"value":"cs"}]}]`, `[{"binaryAnnotations":[{"key":"sa"}]}]`, `[[`, `null`} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, v1 bool) {
		var out []signal.Span
		_, _ = wire.Reader{Now: time.Unix(1, 0), V1: v1, Most: 100}.List(jsonstream.NewReader(strings.NewReader(s), jsonstream.Limits{}), &out) // an error is an answer
		for _, sp := range out {
			if sp.TraceID.IsZero() || sp.SpanID.IsZero() || sp.Duration < 0 || sp.Start.IsZero() {
				t.Fatalf("%q gave %+v", s, sp)
			}
		}
	})
}

func FuzzProto(f *testing.F) {
	f.Add([]byte("\n\x12\n\x08\x00\x00\x00\x00\x00\x00\x00\x01\x1a\x08\x00\x00\x00\x00\x00\x00\x00\x02"))
	f.Add([]byte("\n\x02R\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out []signal.Span
		_, _ = wire.Reader{Now: time.Unix(1, 0), Most: 100}.Proto(data, &out) // an error is an answer
		for _, sp := range out {
			if sp.TraceID.IsZero() || sp.SpanID.IsZero() || sp.Duration < 0 || sp.Start.IsZero() {
				t.Fatalf("%q gave %+v", data, sp)
			}
		}
	})
}
