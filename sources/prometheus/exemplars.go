package prometheus

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"gameday/sources/jsonstream"
	"gameday/sources/signal"
)

// maxExemplars bounds what is read of an answer.
const maxExemplars = 10_000

// found are the exemplars of one series of the server.
type found struct {
	labels    signal.Attrs
	exemplars []signal.Exemplar
}

// Exemplars implements driver.Metrics: those that the query's selectors reach, by time.
func (d *Driver) Exemplars(ctx context.Context, query string, w signal.Window) ([]signal.Exemplar, error) {
	if err := check(query); err != nil {
		return nil, err
	}
	all, err := d.exemplars(ctx, query, w)
	if err != nil {
		return nil, explain(query, err)
	}
	var out []signal.Exemplar
	for _, f := range all {
		for _, e := range f.exemplars {
			if w.Contains(e.T) {
				out = append(out, e)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b signal.Exemplar) int { return a.T.Compare(b.T) })
	return out, nil
}

func (d *Driver) exemplars(ctx context.Context, query string, w signal.Window) ([]found, error) {
	v := url.Values{"query": {query}, "start": {seconds(w.From)}, "end": {seconds(w.To)}}
	var out []found
	n := 0
	_, err := d.fetch(ctx, request("/api/v1/query_exemplars", v), func(key string, j *jsonstream.Reader) error {
		if key != "" {
			return errSkip
		}
		return j.Array(func() error {
			var f found
			err := j.Object(func(key string) (err error) {
				switch key {
				case "seriesLabels":
					f.labels, err = labels(j, d.rename)
				case "exemplars":
					err = j.Array(func() error {
						if n == maxExemplars {
							return errEnough
						}
						n++
						e, err := d.exemplar(j)
						f.exemplars = append(f.exemplars, e)
						return err
					})
				default:
					err = j.Skip()
				}
				return err
			})
			if err == nil {
				out = append(out, f)
			}
			return err
		})
	})
	if errors.Is(err, errEnough) {
		err = nil // a chart has no room for more
	}
	return out, err
}

func (d *Driver) exemplar(j *jsonstream.Reader) (e signal.Exemplar, err error) {
	err = j.Object(func(key string) (err error) {
		switch key {
		case "labels":
			e.Labels, err = labels(j, d.rename)
		case "value":
			e.V, err = j.Float()
		case "timestamp":
			var t float64
			t, err = j.Float()
			e.T = time.UnixMilli(int64(t * 1000))
		default:
			err = j.Skip()
		}
		return err
	})
	for _, key := range [...]string{"trace_id", "traceID", "traceId", "TraceID", "traceid"} {
		if id, ok := signal.ParseTraceID(e.Labels.Get(key)); ok {
			e.TraceID = id
			break
		}
	}
	return e, err
}

// attach gives each series the exemplars of those of the server whose labels do not contradict its own, one per step: the
// largest, which is the slowest request.
func attach(series []signal.Series, all []found, from time.Time, step time.Duration) {
	for i := range series {
		best := map[int64]signal.Exemplar{}
		for _, f := range all {
			if !compatible(series[i].Labels, f.labels) {
				continue
			}
			for _, e := range f.exemplars {
				slot := int64(e.T.Sub(from) / step)
				if old, ok := best[slot]; !ok || e.V > old.V {
					best[slot] = e
				}
			}
		}
		for _, e := range best {
			series[i].Exemplars = append(series[i].Exemplars, e)
		}
		slices.SortFunc(series[i].Exemplars, func(a, b signal.Exemplar) int { return a.T.Compare(b.T) })
	}
}

func compatible(series, source signal.Attrs) bool {
	for _, a := range series {
		if v := source.Get(a.Key); v != "" && v != a.Value {
			return false
		}
	}
	return true
}
