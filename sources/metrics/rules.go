package metrics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// What follows is for package rules, which hands the memory to Prometheus's own manager of rules. Nothing of it has been
// made harmless.

// Parser is the one that queries are read with.
func (db *DB) Parser() parser.Parser { return db.parser }

// Queryable is what is stored.
func (db *DB) Queryable() storage.Queryable { return db.tsdb }

// Vector evaluates a query at one instant, within the bounds of all queries. A scalar is a vector of one without labels.
func (db *DB) Vector(ctx context.Context, query string, at time.Time) (promql.Vector, error) {
	if err := db.acquire(ctx); err != nil {
		return nil, err
	}
	defer db.free()
	q, err := db.engine.NewInstantQuery(ctx, db.tsdb, nil, query, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, res.Err
	}
	switch v := res.Value.(type) {
	case promql.Vector:
		return append(promql.Vector(nil), v...), nil // the engine uses its own again
	case promql.Scalar:
		return promql.Vector{{T: v.T, F: v.V}}, nil
	}
	return nil, fmt.Errorf("rule gives a %s, wanted a number or a set of series", parser.DocumentedType(res.Value.Type()))
}

// Records is where rules write their series. They are counted as all others, and the number of series is bounded as theirs.
func (db *DB) Records() storage.Appendable { return records{db} }

type records struct{ db *DB }

// Appender implements storage.Appendable.
func (r records) Appender(ctx context.Context) storage.Appender {
	return &recordAppender{r.db.tsdb.Appender(ctx), r.db}
}

type recordAppender struct {
	storage.Appender
	db *DB
}

// Append implements storage.Appender.
func (a *recordAppender) Append(ref storage.SeriesRef, l labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	ref, err := a.Appender.Append(ref, l, t, v)
	return ref, a.count(err)
}

// AppendHistogram implements storage.HistogramAppender.
func (a *recordAppender) AppendHistogram(ref storage.SeriesRef, l labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (storage.SeriesRef, error) {
	ref, err := a.Appender.AppendHistogram(ref, l, t, h, fh)
	return ref, a.count(err)
}

func (a *recordAppender) count(err error) error {
	a.db.counts.received.Add(1)
	if errors.Is(err, errTooManySeries) {
		a.db.counts.refused.Add(1)
	}
	return err
}
