package correlate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/correlate"
	"gameday/sources/signal"
)

const hexID = "4bf92f3577b34da6a3ce929d0e0e4736"

func TestIDsAreFoundWhereTheyAre(t *testing.T) {
	r := correlate.New([]string{"request_id", "Order_ID"})
	attrs := func(kv ...string) (out signal.Attrs) {
		for i := 0; i < len(kv); i += 2 {
			out = append(out, signal.Attr{Key: kv[i], Value: kv[i+1]})
		}
		return out
	}
	for name, c := range map[string]struct {
		rec          signal.Record
		trace, span  string
		request, why string
	}{
		"attribute":              {rec: signal.Record{Attrs: attrs("traceId", hexID, "spanId", "00f067aa0ba902b7")}, trace: hexID, span: "00f067aa0ba902b7"},
		"datadog":                {rec: signal.Record{Attrs: attrs("dd.trace_id", "42")}, trace: "0000000000000000000000000000002a"},
		"x-ray":                  {rec: signal.Record{Attrs: attrs("X-Amzn-Trace-Id", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=1")}, trace: hexID},
		"a hash is no trace":     {rec: signal.Record{Body: "etag " + hexID + " md5=" + hexID}},
		"logfmt":                 {rec: signal.Record{Body: `level=warn msg="slow" trace_id=` + hexID + ` request_id=r-1`}, trace: hexID, request: "r-1", why: "trace_id, request_id"},
		"json":                   {rec: signal.Record{Body: `{"msg":"a \"quoted\" word","trace_id":"` + hexID + `","request_id" : "r-2"}`}, trace: hexID, request: "r-2", why: "trace_id, request_id"},
		"nested json":            {rec: signal.Record{Body: `{"trace":{"id":"` + hexID + `"},"span":{"id":"00f067aa0ba902b7"}}`}, trace: hexID, span: "00f067aa0ba902b7", why: "trace.id"},
		"plain":                  {rec: signal.Record{Body: "GET /cart 500 TraceId: " + hexID + ", done"}, trace: hexID, why: "traceid"},
		"bare traceparent":       {rec: signal.Record{Body: "in 00-" + hexID + "-00f067aa0ba902b7-01 out"}, trace: hexID, span: "00f067aa0ba902b7", why: "traceparent"},
		"own ID wins":            {rec: signal.Record{TraceID: signal.TraceID{1}, Body: "trace_id=" + hexID}, trace: "01000000000000000000000000000000"},
		"attribute wins of text": {rec: signal.Record{Attrs: attrs("request_id", "a"), Body: "request_id=b"}, request: "a"},
		"field in any case":      {rec: signal.Record{Body: "REQUEST_ID=R9"}, request: "R9", why: "request_id"},
		"cut off":                {rec: signal.Record{Body: `{"trace_id":"` + hexID[:20]}},
	} {
		t.Run(name, func(t *testing.T) {
			before := append(signal.Attrs(nil), c.rec.Attrs...)
			shared := c.rec.Attrs
			rec := c.rec
			r.Record(&rec)
			require.Equal(t, before, shared, "attributes are shared between records")
			require.Equal(t, c.trace, rec.TraceID.String())
			require.Equal(t, c.span, rec.SpanID.String())
			require.Equal(t, c.request, rec.Attrs.Get("request_id"))
			if c.why == "" {
				require.Empty(t, rec.Attrs.Get(correlate.JoinedBy))
			} else {
				require.Equal(t, c.why+" in the text", rec.Attrs.Get(correlate.JoinedBy))
			}
		})
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(`{"trace":{"id":"` + hexID + `"},"request_id":"x\"y"}`)
	f.Add("trace_id= 00-" + strings.Repeat("0", 60))
	r := correlate.New([]string{"request_id"})
	f.Fuzz(func(t *testing.T, body string) {
		rec := signal.Record{Body: body}
		r.Record(&rec)
		require.Equal(t, body, rec.Body)
		require.LessOrEqual(t, len(rec.Attrs), 2)
	})
}

func BenchmarkRecordWithNothingToFind(b *testing.B) {
	r := correlate.New([]string{"request_id", "x-correlation-id", "correlation_id", "order_id"})
	rec := signal.Record{TraceID: signal.TraceID{1}, Body: strings.Repeat("payment of 12.50 EUR was authorised by the provider ", 4)}
	b.ReportAllocs()
	for b.Loop() {
		r.Record(&rec)
	}
}
