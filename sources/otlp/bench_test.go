package otlp

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/sources/store"
)

const benchItems = 1000

func benchTraces() ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	rs.Resource().Attributes().PutStr("host.name", "host-1")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range benchItems {
		s := spans.AppendEmpty()
		s.SetTraceID(pcommon.TraceID{byte(i), byte(i >> 8), 1})
		s.SetSpanID(pcommon.SpanID{byte(i), byte(i >> 8), 1})
		s.SetName("POST /checkout")
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Unix(1700000000, 0)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Unix(1700000000, 5e6)))
		for _, k := range [...]string{"http.request.method", "url.path", "server.address", "user_agent.original", "request_id"} {
			s.Attributes().PutStr(k, fmt.Sprintf("value-%d", i))
		}
		s.Attributes().PutInt("http.response.status_code", 200)
	}
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func benchLogs() plogotlp.ExportRequest {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "checkout")
	lrs := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range benchItems {
		r := lrs.AppendEmpty()
		r.SetTimestamp(pcommon.NewTimestampFromTime(time.Unix(1700000000, int64(i))))
		r.SetSeverityNumber(plog.SeverityNumberInfo)
		r.Body().SetStr(fmt.Sprintf("order %d accepted for payment after 12 ms", i))
		r.SetTraceID(pcommon.TraceID{byte(i), byte(i >> 8), 1})
		r.SetSpanID(pcommon.SpanID{byte(i)})
		for _, k := range [...]string{"request_id", "order_id", "customer"} {
			r.Attributes().PutStr(k, fmt.Sprintf("value-%d", i))
		}
	}
	return plogotlp.NewExportRequestFromLogs(ld)
}

// BenchmarkOTLPDecode is one core's share: shape check, decode, convert, sanitise.
func BenchmarkOTLPDecode(b *testing.B) {
	type message interface {
		MarshalProto() ([]byte, error)
		MarshalJSON() ([]byte, error)
	}
	for _, c := range []struct {
		name   string
		kind   signalKind
		req    message
		asJSON bool
	}{
		{"spans/protobuf", kindTraces, benchTraces(), false},
		{"spans/json", kindTraces, benchTraces(), true},
		{"logs/protobuf", kindLogs, benchLogs(), false},
		{"logs/json", kindLogs, benchLogs(), true},
	} {
		b.Run(c.name, func(b *testing.B) {
			body, err := c.req.MarshalProto()
			if c.asJSON {
				body, err = c.req.MarshalJSON()
			}
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			in := &intake{Receiver: &Receiver{cfg: Config{}.withDefaults()}, emit: func(batch signal.Batch) {
				sanitize.Batch(&batch)
				n += batch.Len()
			}}
			b.SetBytes(int64(len(body)))
			before := cpu(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := in.take(c.kind, body, c.asJSON); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "items/s")
			b.ReportMetric(float64(n)/(cpu(b)-before).Seconds(), "items/cpu-s") // what counts on a shared machine
		})
	}
}

// BenchmarkOTLPLogsQueryable is one core's way of a request of log records from its bytes until a record in it has been found by its
// trace ID: shape check, decoded, converted, sanitised, indexed. Bare is pdata's decoding of the same bytes and nothing else.
func BenchmarkOTLPLogsQueryable(b *testing.B) {
	body, err := benchLogs().MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	report := func(b *testing.B, n int, before time.Duration) {
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		b.ReportMetric(float64(n)/(cpu(b)-before).Seconds(), "records/cpu-s") // what counts on a shared machine
	}
	b.Run("bare", func(b *testing.B) {
		n, before := 0, cpu(b)
		for b.Loop() {
			if err := plogotlp.NewExportRequest().UnmarshalProto(body); err != nil {
				b.Fatal(err)
			}
			n += benchItems
		}
		report(b, n, before)
	})
	b.Run("queryable", func(b *testing.B) {
		s, err := store.New(store.Config{MaxLogBytes: 64 << 20, CorrelationFields: []string{"request_id"}})
		if err != nil {
			b.Fatal(err)
		}
		round, before := 0, cpu(b)
		in := &intake{Receiver: &Receiver{cfg: Config{}.withDefaults()}, emit: func(batch signal.Batch) {
			for i := range batch.Logs { // the same bytes with other IDs
				batch.Logs[i].TraceID[14], batch.Logs[i].TraceID[15] = byte(round>>8), byte(round)
			}
			sanitize.Batch(&batch)
			id := batch.Logs[benchItems/2].TraceID
			s.Add(batch)
			if len(s.Find(signal.CorrelationID(id.String())).Logs) == 0 {
				b.Fatal("not found")
			}
		}}
		for b.Loop() {
			if _, err := in.take(kindLogs, body, false); err != nil {
				b.Fatal(err)
			}
			round++
		}
		report(b, round*benchItems, before)
	})
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
