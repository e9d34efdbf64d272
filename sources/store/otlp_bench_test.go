package store_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"gameday/sources/otlp"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/sources/store"
)

// BenchmarkOTLPQueryable is one core's way of a request from its bytes until a trace in it has been found by ID: decoded,
// converted, sanitised, indexed. Bare is pdata's decoding of the same bytes and nothing else.
func BenchmarkOTLPQueryable(b *testing.B) {
	const spans = 1000
	body := func(n uint64) []byte { // other IDs each time: a span that came before would be left out
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "checkout")
		list := rs.ScopeSpans().AppendEmpty().Spans()
		for i := range spans {
			s := list.AppendEmpty()
			var id [16]byte
			binary.BigEndian.PutUint64(id[:], n+1)
			id[15] = byte(i / 8)
			s.SetTraceID(id)
			s.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), 1, byte(n), byte(n >> 8), byte(n >> 16)})
			s.SetName("POST /checkout")
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Unix(1700000000, 0)))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Unix(1700000000, 5e6)))
			for _, k := range [...]string{"http.request.method", "url.path", "server.address", "user_agent.original", "request_id"} {
				s.Attributes().PutStr(k, fmt.Sprintf("value-%d", i))
			}
		}
		data, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
		if err != nil {
			b.Fatal(err)
		}
		return data
	}
	const bodies = 64
	var all [bodies][]byte
	for i := range all {
		all[i] = body(uint64(i))
	}
	b.Run("bare", func(b *testing.B) {
		n := 0
		for b.Loop() {
			if err := ptraceotlp.NewExportRequest().UnmarshalProto(all[n%bodies]); err != nil {
				b.Fatal(err)
			}
			n++
		}
		b.ReportMetric(float64(n*spans)/b.Elapsed().Seconds(), "spans/s")
	})
	b.Run("queryable", func(b *testing.B) {
		s, err := store.New(store.Config{MaxSpanBytes: 64 << 20, CorrelationFields: []string{"request_id"}})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for b.Loop() {
			list, err := otlp.Spans(all[n%bodies], "otlp")
			if err != nil {
				b.Fatal(err)
			}
			round := byte(n / bodies)
			for i := range list { // the same bytes with other IDs
				list[i].TraceID[14], list[i].SpanID[7] = round, byte(n/bodies>>8)+1
			}
			batch := signal.Batch{Spans: list}
			sanitize.Batch(&batch)
			s.Add(batch)
			if s.Trace(list[spans/2].TraceID) == nil {
				b.Fatal("not found")
			}
			n++
		}
		b.ReportMetric(float64(n*spans)/b.Elapsed().Seconds(), "spans/s")
	})
}
