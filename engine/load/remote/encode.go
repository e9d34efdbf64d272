package remote

import (
	"fmt"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/prometheus/prompb"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// zeroThreshold is Prometheus's own default: durations up to it are in the zero bucket.
const zeroThreshold = 0x1p-128

// encodePrometheus is a request of remote write 1.0, which every receiver understands.
func encodePrometheus(list []point, at time.Time) ([]byte, error) {
	ms := at.UnixMilli()
	req := prompb.WriteRequest{Timeseries: make([]prompb.TimeSeries, 0, len(list))}
	for _, p := range list {
		series := prompb.TimeSeries{Labels: []prompb.Label{{Name: "__name__", Value: p.name}}}
		for _, l := range p.labels {
			series.Labels = append(series.Labels, prompb.Label{Name: l.name, Value: l.value})
		}
		if p.hist != nil {
			series.Histograms = []prompb.Histogram{p.hist.prometheus(ms)}
		} else {
			series.Samples = []prompb.Sample{{Value: p.value, Timestamp: ms}}
		}
		req.Timeseries = append(req.Timeseries, series)
	}
	body, err := req.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode figures for remote write: %w", err)
	}
	return snappy.Encode(nil, body), nil
}

// prometheus is the histogram with its buckets as spans of neighbours, each count as its difference from the one before.
func (n *native) prometheus(ms int64) prompb.Histogram {
	out := prompb.Histogram{
		Count: &prompb.Histogram_CountInt{CountInt: n.count}, Sum: n.sum, Schema: Schema, ZeroThreshold: zeroThreshold,
		ZeroCount: &prompb.Histogram_ZeroCountInt{ZeroCountInt: n.zero}, Timestamp: ms,
	}
	next, last := 0, int64(0)
	for i, b := range n.buckets {
		if i == 0 || b.index != next {
			out.PositiveSpans = append(out.PositiveSpans, prompb.BucketSpan{Offset: int32(b.index - next)})
		}
		out.PositiveSpans[len(out.PositiveSpans)-1].Length++
		out.PositiveDeltas = append(out.PositiveDeltas, int64(b.count)-last)
		next, last = b.index+1, int64(b.count)
	}
	return out
}

// encodeOTLP is an export request of OTLP metrics in protobuf, cumulative since the start of the run.
func encodeOTLP(list []point, started, at time.Time) ([]byte, error) {
	all := pmetric.NewMetrics()
	resource := all.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "gameday")
	scope := resource.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("gameday/load")
	byName := map[string]pmetric.Metric{}
	for _, p := range list {
		m, ok := byName[p.name]
		if !ok {
			m = scope.Metrics().AppendEmpty()
			m.SetName(p.name)
			byName[p.name] = m
			switch {
			case p.hist != nil:
				m.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			case p.counter:
				m.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
				m.Sum().SetIsMonotonic(true)
			default:
				m.SetEmptyGauge()
			}
		}
		if p.hist != nil {
			dp := m.ExponentialHistogram().DataPoints().AppendEmpty()
			p.hist.otlp(dp)
			dp.SetStartTimestamp(pcommon.NewTimestampFromTime(started))
			dp.SetTimestamp(pcommon.NewTimestampFromTime(at))
			attributes(dp.Attributes(), p.labels)
			continue
		}
		var dp pmetric.NumberDataPoint
		if p.counter {
			dp = m.Sum().DataPoints().AppendEmpty()
			dp.SetStartTimestamp(pcommon.NewTimestampFromTime(started))
		} else {
			dp = m.Gauge().DataPoints().AppendEmpty()
		}
		dp.SetTimestamp(pcommon.NewTimestampFromTime(at))
		dp.SetDoubleValue(p.value)
		attributes(dp.Attributes(), p.labels)
	}
	body, err := pmetricotlp.NewExportRequestFromMetrics(all).MarshalProto()
	if err != nil {
		return nil, fmt.Errorf("encode figures for OTLP: %w", err)
	}
	return body, nil
}

func attributes(to pcommon.Map, labels []label) {
	for _, l := range labels {
		to.PutStr(l.name, l.value)
	}
}

// otlp fills in a data point. OTLP's bucket i begins where Prometheus's bucket i ends, hence the offset of one.
func (n *native) otlp(dp pmetric.ExponentialHistogramDataPoint) {
	dp.SetScale(Schema)
	dp.SetCount(n.count)
	dp.SetSum(n.sum)
	dp.SetZeroCount(n.zero)
	dp.SetZeroThreshold(zeroThreshold)
	if len(n.buckets) == 0 {
		return
	}
	first, last := n.buckets[0].index, n.buckets[len(n.buckets)-1].index
	counts := make([]uint64, last-first+1) // at most some four thousand: 33 doublings
	for _, b := range n.buckets {
		counts[b.index-first] = b.count
	}
	dp.Positive().SetOffset(int32(first - 1))
	dp.Positive().BucketCounts().FromRaw(counts)
}
