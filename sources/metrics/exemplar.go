package metrics

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"gameday/sources/signal"
)

// maxExemplarsOut bounds the answer of Exemplars; the newest stay.
const maxExemplarsOut = 10_000

// Exemplars returns the exemplars that the query's selectors reach, by time, over all series; the newest 10,000 when there
// are more. A query without exemplars gives none and no error.
func (db *DB) Exemplars(ctx context.Context, query string, w signal.Window) ([]signal.Exemplar, error) {
	expr, err := db.parse(query)
	if err != nil {
		return nil, err
	}
	found, err := db.selectExemplars(ctx, expr, w)
	if err != nil {
		return nil, fmt.Errorf("find exemplars of query %s: %w", quote(query), err)
	}
	var out []signal.Exemplar
	for _, f := range found {
		for _, e := range f.Exemplars {
			out = append(out, exemplarOf(e))
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].T.Before(out[j].T) })
	if n := len(out) - maxExemplarsOut; n > 0 {
		out = out[n:]
	}
	return out, nil
}

func (db *DB) selectExemplars(ctx context.Context, expr parser.Expr, w signal.Window) ([]exemplar.QueryResult, error) {
	selectors := parser.ExtractSelectors(expr)
	if len(selectors) == 0 {
		return nil, nil
	}
	q, err := db.tsdb.ExemplarQuerier(ctx)
	if err != nil {
		return nil, err
	}
	return q.Select(w.From.UnixMilli(), w.To.UnixMilli(), selectors...)
}

func exemplarOf(e exemplar.Exemplar) signal.Exemplar {
	out := signal.Exemplar{T: time.UnixMilli(e.Ts), V: e.Value, Labels: attrs(e.Labels)}
	for _, key := range [...]string{traceLabel, "traceID", "traceId", "TraceID"} {
		if id, ok := signal.ParseTraceID(e.Labels.Get(key)); ok {
			out.TraceID = id
			break
		}
	}
	return out
}

// attach gives each series the exemplars of compatible source series, one per step: a chart has one cell there, and the
// request that is worth a look is the slowest.
func attach(out []signal.Series, found []exemplar.QueryResult, from time.Time, step time.Duration) {
	if len(found) == 0 {
		return
	}
	start, ms := from.UnixMilli(), step.Milliseconds()
	for i := range out {
		best := make(map[int64]exemplar.Exemplar)
		for _, f := range found {
			if !compatible(out[i].Labels, f.SeriesLabels) {
				continue
			}
			for _, e := range f.Exemplars {
				slot := (e.Ts - start) / ms
				if old, ok := best[slot]; !ok || e.Value > old.Value {
					best[slot] = e
				}
			}
		}
		if len(best) == 0 {
			continue
		}
		es := make([]signal.Exemplar, 0, len(best))
		for _, e := range best {
			es = append(es, exemplarOf(e))
		}
		sort.Slice(es, func(a, b int) bool { return es[a].T.Before(es[b].T) })
		out[i].Exemplars = es
	}
}

// compatible reports whether labels that both have are equal. The series' labels are sanitised already, so the source's
// are compared in that form.
func compatible(series signal.Attrs, source labels.Labels) bool {
	for _, a := range series {
		if v := source.Get(a.Key); v != "" && v != a.Value && clean(v) != a.Value {
			return false
		}
	}
	return true
}
