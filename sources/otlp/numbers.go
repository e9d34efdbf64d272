package otlp

import (
	"math"
	"sort"
	"strconv"
	"time"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"gameday/sources/signal"
)

// stale is Prometheus's mark for the end of a series (value.StaleNaN), for points that carry "no recorded value".
var stale = math.Float64frombits(0x7ff0000000000002)

// Prometheus's names for OpenTelemetry's, so that a query finds http_server_duration_seconds_bucket as it is used to.
var (
	metricNamer = otlptranslator.MetricNamer{WithMetricSuffixes: true}
	labelNamer  = otlptranslator.LabelNamer{}
)

// maxBuckets bounds one histogram point; each bucket becomes a sample.
const maxBuckets = 512

const noDelta = "metrics with delta temporality are not kept: set the exporter to cumulative (OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative)"

func (c *converter) metrics(md pmetric.Metrics) {
	c.batch.Metrics = make([]signal.MetricPoint, 0, md.DataPointCount())
	for _, rm := range md.ResourceMetrics().All() {
		base := metricLabels(rm.Resource())
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				c.metric(m, base)
			}
		}
	}
}

// metricLabels are the labels that Prometheus gives to what a resource measured: job and instance.
func metricLabels(r pcommon.Resource) signal.Attrs {
	text := func(key string) string {
		v, ok := r.Attributes().Get(key)
		if !ok {
			return ""
		}
		return v.AsString()
	}
	job := text("service.name")
	if job == "" {
		job = unknownService
	}
	if ns := text("service.namespace"); ns != "" {
		job = ns + "/" + job
	}
	base := signal.Attrs{{Key: "job", Value: job}}
	if instance := text("service.instance.id"); instance != "" {
		base = append(base, signal.Attr{Key: "instance", Value: instance})
	}
	return base
}

func (c *converter) metric(m pmetric.Metric, base signal.Attrs) {
	named := func(t otlptranslator.MetricType) string {
		name, err := metricNamer.Build(otlptranslator.Metric{Name: m.Name(), Unit: m.Unit(), Type: t})
		if err != nil {
			return ""
		}
		return name
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		c.numberPoints(named(otlptranslator.MetricTypeGauge), m.Gauge().DataPoints(), base)
	case pmetric.MetricTypeSum:
		kind := otlptranslator.MetricType(otlptranslator.MetricTypeGauge)
		if m.Sum().IsMonotonic() {
			kind = otlptranslator.MetricTypeMonotonicCounter
		}
		if m.Sum().AggregationTemporality() == pmetric.AggregationTemporalityDelta {
			c.reject(m.Sum().DataPoints().Len(), noDelta)
			return
		}
		c.numberPoints(named(kind), m.Sum().DataPoints(), base)
	case pmetric.MetricTypeHistogram:
		dps := m.Histogram().DataPoints()
		if m.Histogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta {
			c.reject(dps.Len(), noDelta)
			return
		}
		for _, dp := range dps.All() {
			c.histogram(named(otlptranslator.MetricTypeHistogram), dp, base)
		}
	case pmetric.MetricTypeExponentialHistogram:
		dps := m.ExponentialHistogram().DataPoints()
		if m.ExponentialHistogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta {
			c.reject(dps.Len(), noDelta)
			return
		}
		for _, dp := range dps.All() {
			c.exponential(named(otlptranslator.MetricTypeExponentialHistogram), dp, base)
		}
	case pmetric.MetricTypeSummary:
		for _, dp := range m.Summary().DataPoints().All() {
			c.summary(named(otlptranslator.MetricTypeSummary), dp, base)
		}
	}
}

// point is what all kinds of data point share: the series' labels without le or quantile, and the instant.
type point struct {
	labels signal.Attrs
	at     time.Time
	stale  bool
}

func (c *converter) point(attributes pcommon.Map, ts pcommon.Timestamp, flags pmetric.DataPointFlags, base signal.Attrs) point {
	p := point{at: c.now, stale: flags.NoRecordedValue()}
	if ts != 0 {
		p.at = ts.AsTime()
	}
	p.labels = make(signal.Attrs, 0, attributes.Len()+len(base)+1)
	for key, v := range attributes.All() {
		if name, err := labelNamer.Build(key); err == nil {
			p.labels = append(p.labels, signal.Attr{Key: name, Value: v.AsString()})
		}
	}
	p.labels = append(p.labels, base...)
	return p
}

// emit adds one sample; extra labels are added to a copy.
func (c *converter) emit(p point, name string, v float64, ex *signal.Exemplar, extra ...signal.Attr) {
	if p.stale {
		v, ex = stale, nil
	}
	labels := p.labels
	if len(extra) > 0 {
		labels = append(append(make(signal.Attrs, 0, len(labels)+len(extra)), labels...), extra...)
	}
	c.batch.Metrics = append(c.batch.Metrics, signal.MetricPoint{Name: name, Labels: labels, T: p.at, V: v, Exemplar: ex})
}

const noName = "a metric without a usable name"

func (c *converter) numberPoints(name string, dps pmetric.NumberDataPointSlice, base signal.Attrs) {
	if name == "" {
		c.reject(dps.Len(), noName)
		return
	}
	for _, dp := range dps.All() {
		p := c.point(dp.Attributes(), dp.Timestamp(), dp.Flags(), base)
		v := dp.DoubleValue()
		if dp.ValueType() == pmetric.NumberDataPointValueTypeInt {
			v = float64(dp.IntValue())
		}
		var ex *signal.Exemplar
		if n := dp.Exemplars().Len(); n > 0 {
			ex = exemplar(dp.Exemplars().At(n - 1))
		}
		c.emit(p, name, v, ex)
	}
}

func exemplar(e pmetric.Exemplar) *signal.Exemplar {
	out := &signal.Exemplar{T: e.Timestamp().AsTime(), V: e.DoubleValue(), TraceID: signal.TraceID(e.TraceID()),
		Labels: attrs(e.FilteredAttributes(), nil)}
	if e.ValueType() == pmetric.ExemplarValueTypeInt {
		out.V = float64(e.IntValue())
	}
	if e.Timestamp() == 0 {
		out.T = time.Time{} // the sample's own time is taken
	}
	return out
}

// bucketed emits a classic histogram: cumulative counts up to each bound, then +Inf, count and sum. below is what lies
// under the first bucket.
func (c *converter) bucketed(p point, name string, bounds []float64, counts []uint64, below, count uint64, sum float64, hasSum bool, es pmetric.ExemplarSlice) {
	found := make(map[int]*signal.Exemplar, es.Len())
	for _, e := range es.All() {
		ex := exemplar(e)
		found[sort.SearchFloat64s(bounds, ex.V)] = ex // the newest of a bucket comes last
	}
	cumulative := below
	for i, bound := range bounds {
		cumulative += counts[i]
		c.emit(p, name+"_bucket", float64(cumulative), found[i], signal.Attr{Key: "le", Value: number(bound)})
	}
	c.emit(p, name+"_bucket", float64(count), found[len(bounds)], signal.Attr{Key: "le", Value: "+Inf"})
	c.emit(p, name+"_count", float64(count), nil)
	if hasSum {
		c.emit(p, name+"_sum", sum, nil)
	}
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func (c *converter) histogram(name string, dp pmetric.HistogramDataPoint, base signal.Attrs) {
	bounds, counts := dp.ExplicitBounds().AsRaw(), dp.BucketCounts().AsRaw()
	switch {
	case name == "":
		c.reject(1, noName)
		return
	case len(bounds) > maxBuckets:
		c.reject(1, "a histogram with more than "+strconv.Itoa(maxBuckets)+" buckets")
		return
	case len(counts) != len(bounds)+1 && (len(counts) != 0 || len(bounds) != 0):
		c.reject(1, "a histogram whose bounds and counts do not fit together")
		return
	case !sort.Float64sAreSorted(bounds):
		c.reject(1, "a histogram whose bounds are not in order")
		return
	}
	p := c.point(dp.Attributes(), dp.Timestamp(), dp.Flags(), base)
	c.bucketed(p, name, bounds, counts, 0, dp.Count(), dp.Sum(), dp.HasSum(), dp.Exemplars())
}

func (c *converter) summary(name string, dp pmetric.SummaryDataPoint, base signal.Attrs) {
	if name == "" || dp.QuantileValues().Len() > maxBuckets {
		c.reject(1, "a summary without a usable name or with too many quantiles")
		return
	}
	p := c.point(dp.Attributes(), dp.Timestamp(), dp.Flags(), base)
	for _, q := range dp.QuantileValues().All() {
		c.emit(p, name, q.Value(), nil, signal.Attr{Key: "quantile", Value: number(q.Quantile())})
	}
	c.emit(p, name+"_count", float64(dp.Count()), nil)
	c.emit(p, name+"_sum", dp.Sum(), nil)
}

// finest is the scale exponential histograms are brought to at most: four buckets per power of two, an error of 19 %.
// Finer ones would make some hundred series out of each, and their bounds would change as the scale does.
const finest = 2

// exponential turns an exponential histogram into a classic one. What is negative counts as below the first bucket.
func (c *converter) exponential(name string, dp pmetric.ExponentialHistogramDataPoint, base signal.Attrs) {
	raw := dp.Positive().BucketCounts().AsRaw()
	switch {
	case name == "":
		c.reject(1, noName)
		return
	case dp.Scale() < -10 || dp.Scale() > 20 || len(raw) > 100*maxBuckets || dp.Positive().Offset() > 1<<30 || dp.Positive().Offset() < -1<<30:
		c.reject(1, "an exponential histogram out of range")
		return
	}
	scale, first := int(dp.Scale()), int(dp.Positive().Offset())
	for scale > finest || len(raw) > maxBuckets {
		first, raw = halve(first, raw)
		scale--
	}
	below := dp.ZeroCount()
	for _, n := range dp.Negative().BucketCounts().AsRaw() {
		below += n
	}
	bounds := make([]float64, len(raw))
	for i := range raw {
		bounds[i] = math.Exp2(math.Ldexp(float64(first+i+1), -scale))
	}
	p := c.point(dp.Attributes(), dp.Timestamp(), dp.Flags(), base)
	c.bucketed(p, name, bounds, raw, below, dp.Count(), dp.Sum(), dp.HasSum(), dp.Exemplars())
}

// halve merges each two neighbouring buckets into one of the next coarser scale.
func halve(first int, counts []uint64) (int, []uint64) {
	if len(counts) == 0 {
		return first >> 1, counts
	}
	half := first >> 1
	out := make([]uint64, (first+len(counts)-1)>>1-half+1)
	for i, n := range counts {
		out[(first+i)>>1-half] += n
	}
	return half, out
}
