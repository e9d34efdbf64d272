package otlp

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/value"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"gameday/sources/signal"
)

var at = time.Unix(1700000000, 0).UTC()

func converted(t *testing.T, build func(pmetric.MetricSlice)) (map[string]signal.MetricPoint, *converter) {
	t.Helper()
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "checkout")
	rm.Resource().Attributes().PutStr("service.namespace", "shop")
	rm.Resource().Attributes().PutStr("service.instance.id", "i1")
	build(rm.ScopeMetrics().AppendEmpty().Metrics())
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	require.NoError(t, err)
	require.NoError(t, checkShape(kindMetrics, body, false))
	c := &converter{now: time.Unix(1800000000, 0)}
	require.NoError(t, c.convert(kindMetrics, body, false))
	out := map[string]signal.MetricPoint{}
	for _, p := range c.batch.Metrics {
		key := p.Name
		for _, l := range p.Labels {
			if l.Key == "le" || l.Key == "quantile" {
				key += "/" + l.Value
			}
		}
		out[key] = p
	}
	require.Len(t, out, len(c.batch.Metrics))
	return out, c
}

func TestNumbersGetPrometheusNames(t *testing.T) {
	got, c := converted(t, func(ms pmetric.MetricSlice) {
		m := ms.AppendEmpty()
		m.SetName("http.server.requests")
		m.SetUnit("{request}")
		sum := m.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		dp := sum.DataPoints().AppendEmpty()
		dp.SetIntValue(7)
		dp.SetTimestamp(pcommon.NewTimestampFromTime(at))
		dp.Attributes().PutStr("http.route", "/pay")
		ex := dp.Exemplars().AppendEmpty()
		ex.SetTraceID(pcommon.TraceID{1})
		ex.SetIntValue(1)
		ex.SetTimestamp(pcommon.NewTimestampFromTime(at))

		m = ms.AppendEmpty()
		m.SetName("memory.used")
		m.SetUnit("By")
		m.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(1.5)

		m = ms.AppendEmpty()
		m.SetName("gone")
		m.SetEmptyGauge().DataPoints().AppendEmpty().SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))

		m = ms.AppendEmpty()
		m.SetName("delta")
		d := m.SetEmptySum()
		d.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		d.DataPoints().AppendEmpty()
	})
	require.Equal(t, signal.MetricPoint{Name: "http_server_requests_total", T: at, V: 7,
		Labels:   signal.Attrs{{Key: "http_route", Value: "/pay"}, {Key: "job", Value: "shop/checkout"}, {Key: "instance", Value: "i1"}},
		Exemplar: &signal.Exemplar{T: at, V: 1, TraceID: signal.TraceID{1}}}, got["http_server_requests_total"])
	require.Equal(t, 1.5, got["memory_used_bytes"].V)
	require.EqualValues(t, 1800000000, got["memory_used_bytes"].T.Unix(), "a point without a time is of now")
	require.True(t, value.IsStaleNaN(got["gone"].V))
	require.EqualValues(t, 1, c.rejected)
	require.Contains(t, c.why, "cumulative")
}

func TestHistogramsBecomeBuckets(t *testing.T) {
	got, c := converted(t, func(ms pmetric.MetricSlice) {
		m := ms.AppendEmpty()
		m.SetName("latency")
		m.SetUnit("s")
		h := m.SetEmptyHistogram()
		h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		dp := h.DataPoints().AppendEmpty()
		dp.ExplicitBounds().FromRaw([]float64{0.1, 1})
		dp.BucketCounts().FromRaw([]uint64{3, 2, 1})
		dp.SetCount(6)
		dp.SetSum(4.5)
		for _, v := range []float64{0.05, 0.1, 0.8, 30} {
			ex := dp.Exemplars().AppendEmpty()
			ex.SetDoubleValue(v)
			ex.SetTraceID(pcommon.TraceID{byte(v * 100), 1})
		}
		broken := h.DataPoints().AppendEmpty()
		broken.ExplicitBounds().FromRaw([]float64{1})
		broken.BucketCounts().FromRaw([]uint64{1})
		broken = h.DataPoints().AppendEmpty()
		broken.ExplicitBounds().FromRaw([]float64{2, 1})
		broken.BucketCounts().FromRaw([]uint64{1, 1, 1})

		m = ms.AppendEmpty()
		m.SetName("quantiles")
		q := m.SetEmptySummary().DataPoints().AppendEmpty()
		q.SetCount(2)
		qv := q.QuantileValues().AppendEmpty()
		qv.SetQuantile(0.5)
		qv.SetValue(9)
	})
	require.Equal(t, 3.0, got["latency_seconds_bucket/0.1"].V)
	require.Equal(t, 5.0, got["latency_seconds_bucket/1"].V)
	require.Equal(t, 6.0, got["latency_seconds_bucket/+Inf"].V)
	require.Equal(t, 6.0, got["latency_seconds_count"].V)
	require.Equal(t, 4.5, got["latency_seconds_sum"].V)
	require.Equal(t, 0.1, got["latency_seconds_bucket/0.1"].Exemplar.V, "a bound belongs to its own bucket, the newest wins")
	require.Equal(t, 0.8, got["latency_seconds_bucket/1"].Exemplar.V)
	require.Equal(t, 30.0, got["latency_seconds_bucket/+Inf"].Exemplar.V)
	require.Equal(t, 9.0, got["quantiles/0.5"].V)
	require.EqualValues(t, 2, c.rejected)
}

func TestExponentialHistogramKeepsItsCounts(t *testing.T) {
	for _, scale := range []int32{-2, 0, 2, 5, 20} {
		t.Run(fmt.Sprint(scale), func(t *testing.T) {
			counts := make([]uint64, 160)
			var total uint64 = 5
			for i := range counts {
				counts[i] = uint64(i)
				total += uint64(i)
			}
			got, c := converted(t, func(ms pmetric.MetricSlice) {
				m := ms.AppendEmpty()
				m.SetName("e")
				h := m.SetEmptyExponentialHistogram()
				h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
				dp := h.DataPoints().AppendEmpty()
				dp.SetScale(scale)
				dp.SetZeroCount(5)
				dp.SetCount(total)
				dp.Positive().SetOffset(-7)
				dp.Positive().BucketCounts().FromRaw(counts)
			})
			require.Zero(t, c.rejected)
			var last, buckets float64
			prev := math.Inf(-1)
			for _, p := range c.batch.Metrics {
				if !strings.HasSuffix(p.Name, "_bucket") {
					continue
				}
				var le float64
				_, err := fmt.Sscan(p.Labels.Get("le"), &le)
				require.NoError(t, err)
				require.Greater(t, le, prev)
				require.GreaterOrEqual(t, p.V, last)
				prev, last, buckets = le, p.V, buckets+1
			}
			require.Equal(t, float64(total), last)
			require.Equal(t, float64(total), got["e_count"].V)
			require.LessOrEqual(t, buckets, 161.0)
		})
	}
	// (2^(1/4))^8 = 4: the count at or below 4 is exact at every scale that has this bound.
	first, counts := halve(-3, []uint64{1, 2, 3, 4, 5})
	require.Equal(t, -2, first)
	require.Equal(t, []uint64{1, 5, 9}, counts)
}
