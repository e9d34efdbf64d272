package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"gameday/sources/legend"
	"gameday/sources/signal"
)

// Bounds of one query and of one answer.
const (
	maxQueryBytes = 8 << 10
	maxPoints     = 11_000 // per series, as Prometheus has it
	maxSeriesOut  = 1000   // more lines than that are no chart
)

// Range evaluates a PromQL query over the window, at w.From, w.From+step, … up to w.To. A step of zero gives about 100
// points. Each series carries the exemplars of the query's selectors whose labels do not contradict its own, at most one
// per step: that of the largest value. A gap in a series is one sample with the value NaN. Errors are whole sentences
// that quote the query and say where in it the fault is.
func (db *DB) Range(ctx context.Context, query string, w signal.Window, step time.Duration) ([]signal.Series, error) {
	expr, err := db.parse(query)
	if err != nil {
		return nil, err
	}
	if w.Length() < 0 {
		return nil, fmt.Errorf("query %s: the window ends before it begins", quote(query))
	}
	if step <= 0 {
		step = max(w.Length()/100, time.Second)
	}
	step = max(step.Truncate(time.Millisecond), time.Millisecond)
	if n := w.Length() / step; n > maxPoints {
		return nil, fmt.Errorf("query %s: %d points per series asked for, %d are allowed: take a longer step than %s or a shorter window", quote(query), n, maxPoints, step)
	}
	if err := db.acquire(ctx); err != nil {
		return nil, fmt.Errorf("query %s: %w", quote(query), err)
	}
	defer db.free()
	// The engine wants an instant vector or a scalar for a range query and says so itself.
	q, err := db.engine.NewRangeQuery(ctx, db.tsdb, nil, query, w.From, w.To, step)
	if err != nil {
		return nil, db.explain(query, err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, db.explain(query, res.Err)
	}
	matrix, err := res.Matrix()
	if err != nil {
		return nil, db.explain(query, err)
	}
	out, err := seriesOf(query, matrix, w, step)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	found, err := db.selectExemplars(ctx, expr, w)
	if err != nil {
		return nil, fmt.Errorf("find exemplars of query %s: %w", quote(query), err)
	}
	attach(out, found, w.From, step)
	legend.Name(out, query)
	return out, nil
}

// Instant evaluates a PromQL query at one instant: each series has one sample, at that instant, and no exemplars. A
// scalar is one series without labels.
func (db *DB) Instant(ctx context.Context, query string, at time.Time) ([]signal.Series, error) {
	if _, err := db.parse(query); err != nil {
		return nil, err
	}
	if err := db.acquire(ctx); err != nil {
		return nil, fmt.Errorf("query %s: %w", quote(query), err)
	}
	defer db.free()
	q, err := db.engine.NewInstantQuery(ctx, db.tsdb, nil, query, at)
	if err != nil {
		return nil, db.explain(query, err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, db.explain(query, res.Err)
	}
	var out []signal.Series
	switch v := res.Value.(type) {
	case promql.Scalar:
		out = []signal.Series{{Samples: []signal.Sample{{T: at, V: v.V}}}}
	case promql.Vector:
		if len(v) > maxSeriesOut {
			return nil, tooManyLines(query, len(v))
		}
		for i := range v {
			if v[i].H != nil {
				return nil, isHistogram(query)
			}
			out = append(out, signal.Series{Labels: attrs(v[i].Metric), Samples: []signal.Sample{{T: at, V: v[i].F}}})
		}
	default:
		return nil, fmt.Errorf("query %s: gives a %s, wanted a number or a set of series: wrap it in rate(), increase() or the like", quote(query), parser.DocumentedType(res.Value.Type()))
	}
	legend.Name(out, query)
	return out, nil
}

// parse reads the query for its selectors, so that a fault is told before anything is evaluated.
func (db *DB) parse(query string) (parser.Expr, error) {
	if len(query) > maxQueryBytes {
		return nil, fmt.Errorf("query %s: %d bytes long, %d are allowed", quote(query), len(query), maxQueryBytes)
	}
	expr, err := db.parser.ParseExpr(query)
	if err != nil {
		return nil, db.explain(query, err)
	}
	return expr, nil
}

// explain turns an error of the engine into a sentence. The engine's own position counts lines, which no one-line prompt
// has; the column under the fault is what can be pointed at.
func (db *DB) explain(query string, err error) error {
	var (
		faults  parser.ParseErrors
		timeout promql.ErrQueryTimeout
		stopped promql.ErrQueryCanceled
		samples promql.ErrTooManySamples
	)
	switch {
	case errors.As(err, &faults) && len(faults) > 0:
		f := faults[0]
		at := int(f.PositionRange.Start)
		near := ""
		if end := int(f.PositionRange.End); at >= 0 && at < end && end <= len(query) {
			near = " near " + quote(query[at:end])
		}
		return fmt.Errorf("query %s: %s at character %d%s", quote(query), clean(f.Err.Error()), at+1, near)
	case errors.As(err, &timeout):
		return fmt.Errorf("query %s: took longer than %s: narrow the selectors or the window: %w", quote(query), db.cfg.Timeout, err)
	case errors.As(err, &stopped): // the engine hides that it was the caller's context
		return fmt.Errorf("query %s: %w", quote(query), context.Canceled)
	case errors.As(err, &samples):
		return fmt.Errorf("query %s: needs more than %d samples at once: narrow the selectors or the window: %w", quote(query), db.cfg.MaxSamples, err)
	}
	return fmt.Errorf("query %s: %w", quote(query), cleanError{err})
}

func isHistogram(query string) error {
	return fmt.Errorf("query %s: gives native histograms, which are no line: wrap it in histogram_quantile(0.95, …), histogram_count(…) or histogram_avg(…)", quote(query))
}

func tooManyLines(query string, n int) error {
	return fmt.Errorf("query %s: gives %d series, %d are allowed: aggregate with sum by (…) or topk(10, …)", quote(query), n, maxSeriesOut)
}

// seriesOf copies the engine's answer, which is reused after the query, and marks the gaps.
func seriesOf(query string, m promql.Matrix, w signal.Window, step time.Duration) ([]signal.Series, error) {
	if len(m) > maxSeriesOut {
		return nil, tooManyLines(query, len(m))
	}
	out := make([]signal.Series, 0, len(m))
	for i := range m {
		if len(m[i].Floats) == 0 {
			if len(m[i].Histograms) > 0 {
				return nil, isHistogram(query)
			}
			continue
		}
		out = append(out, signal.Series{Labels: attrs(m[i].Metric), Samples: samplesOf(m[i].Floats, w, step)})
	}
	return out, nil
}

// samplesOf puts one NaN where points are missing, also after the last one when the series ended within the window: a
// chart must not draw a line across a time in which nothing was measured.
func samplesOf(points []promql.FPoint, w signal.Window, step time.Duration) []signal.Sample {
	out := make([]signal.Sample, 0, len(points)+2)
	ms := step.Milliseconds()
	gap := func(after int64) { out = append(out, signal.Sample{T: time.UnixMilli(after + ms), V: math.NaN()}) }
	for i, p := range points {
		if i > 0 && p.T-points[i-1].T > ms {
			gap(points[i-1].T)
		}
		out = append(out, signal.Sample{T: time.UnixMilli(p.T), V: p.F})
	}
	if last := points[len(points)-1].T; last+ms <= w.To.UnixMilli() {
		gap(last)
	}
	return out
}

// attrs copies and sanitises labels; they come sorted by key. The metric's name stays under __name__.
func attrs(ls labels.Labels) signal.Attrs {
	out := make(signal.Attrs, 0, ls.Len())
	ls.Range(func(l labels.Label) {
		out = append(out, signal.Attr{Key: clean(l.Name), Value: clean(l.Value)})
	})
	return out
}
