package metrics

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"gameday/sources/driver"
)

// Complete implements driver.Completer over what is held.
func (db *DB) Complete(ctx context.Context, kind driver.WordKind, of, prefix string, limit int) (out []string, err error) {
	if limit <= 0 || limit > 10_000 {
		limit = 10_000
	}
	q, err := db.tsdb.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("look up names: %w", err)
	}
	defer func() {
		if cerr := q.Close(); err == nil {
			err = cerr
		}
	}()
	var all []string
	switch kind {
	case driver.WordMetric:
		all, _, err = q.LabelValues(ctx, model.MetricNameLabel, nil)
	case driver.WordLabel:
		all, _, err = q.LabelNames(ctx, nil, named(of)...)
	case driver.WordLabelValue:
		metric, label := driver.OfMetric(of)
		all, _, err = q.LabelValues(ctx, label, nil, named(metric)...)
	case driver.WordService:
		all, _, err = q.LabelValues(ctx, "service", nil)
	}
	if err != nil {
		return nil, fmt.Errorf("look up names: %w", err)
	}
	for _, word := range all {
		if strings.HasPrefix(word, prefix) && len(out) < limit {
			out = append(out, clean(word))
		}
	}
	return out, nil
}

// named picks the series of a metric; all for "".
func named(metric string) []*labels.Matcher {
	if metric == "" {
		return nil
	}
	return []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, metric)}
}
