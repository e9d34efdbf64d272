package otlp

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"gameday/sources/signal"
)

// FuzzTake puts arbitrary bodies through all that a request goes through. Nothing may panic or hang, and what is emitted
// and what is counted must agree.
func FuzzTake(f *testing.F) {
	req := ptraceotlp.NewExportRequest()
	if err := req.UnmarshalJSON([]byte(jsonTrace)); err != nil {
		f.Fatal(err)
	}
	proto, err := req.MarshalProto()
	if err != nil {
		f.Fatal(err)
	}
	metrics := pmetric.NewMetrics()
	m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("e")
	h := m.SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	h.DataPoints().AppendEmpty().Positive().BucketCounts().FromRaw([]uint64{1, 2, 3})
	mproto, err := pmetricotlp.NewExportRequestFromMetrics(metrics).MarshalProto()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), []byte(jsonTrace), true)
	f.Add(uint8(0), proto, false)
	f.Add(uint8(1), nestedLog(70), false)
	f.Add(uint8(1), []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\u001b"}}]}]}]}`), true)
	f.Add(uint8(2), mproto, false)
	f.Add(uint8(2), []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[{"asDouble":"NaN"}]}}]}]}]}`), true)
	f.Fuzz(func(t *testing.T, kind uint8, body []byte, asJSON bool) {
		var got signal.Batch
		in := &intake{Receiver: &Receiver{cfg: Config{}.withDefaults()}, emit: func(b signal.Batch) { got = b }}
		answer, err := in.take(signalKind(kind%3), body, asJSON)
		s := in.Stats()
		switch {
		case err != nil && (len(answer) != 0 || got.Len() != 0 || s.Bad+s.TooLarge != 1):
			t.Fatalf("refused with %v, but answered %q and emitted %d", err, answer, got.Len())
		case err == nil && (s.Items != uint64(got.Len()) || s.Requests != 1):
			t.Fatalf("counted %+v, emitted %d", s, got.Len())
		}
	})
}
