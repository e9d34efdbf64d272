package engine

import (
	"context"
	"fmt"
	"time"

	"gameday/sources"
	"gameday/sources/driver"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// metrics is who answers PromQL under a name; "" is the session's own choice.
func (s *Session) metrics(name string) (driver.Metrics, error) {
	if name == "" {
		name = s.cfg.Metrics
	}
	return metricsOf(s.cfg.Sources, name, s.db)
}

// metricsOf is the source of that name, or the embedded memory for "".
func metricsOf(all []sources.Source, name string, embedded driver.Metrics) (driver.Metrics, error) {
	if name == "" {
		return embedded, nil
	}
	var names []string
	for _, src := range all {
		m, ok := src.Driver.(driver.Metrics)
		if src.Name == name {
			if !ok {
				return nil, fmt.Errorf("source %s (%s) does not answer PromQL", src.Name, src.Kind)
			}
			return remote{m, src}, nil
		}
		if ok {
			names = append(names, src.Name)
		}
	}
	return nil, fmt.Errorf("no source %s answers PromQL%s", spec.Quote(name), spec.DidYouMean(name, names))
}

// remote is a source's metrics with its text made harmless: the embedded memory does that itself.
type remote struct {
	driver.Metrics
	src sources.Source
}

func (r remote) Range(ctx context.Context, query string, w signal.Window, step time.Duration) ([]signal.Series, error) {
	out, err := r.Metrics.Range(ctx, query, w, step)
	return harmless(out), r.explain(err)
}

func (r remote) Instant(ctx context.Context, query string, at time.Time) ([]signal.Series, error) {
	out, err := r.Metrics.Instant(ctx, query, at)
	return harmless(out), r.explain(err)
}

func (r remote) Exemplars(ctx context.Context, query string, w signal.Window) ([]signal.Exemplar, error) {
	out, err := r.Metrics.Exemplars(ctx, query, w)
	for i := range out {
		out[i].Labels = harmlessAttrs(out[i].Labels)
	}
	return out, r.explain(err)
}

func (r remote) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s", r.src.Name, sanitize.Line(sources.Redact(err.Error(), r.src.Secrets...), sanitize.MaxValue))
}

func harmless(series []signal.Series) []signal.Series {
	for i := range series {
		s := &series[i]
		s.Name, s.Labels = sanitize.Line(s.Name, sanitize.MaxValue), harmlessAttrs(s.Labels)
		for j := range s.Exemplars {
			s.Exemplars[j].Labels = harmlessAttrs(s.Exemplars[j].Labels)
		}
	}
	return series
}

func harmlessAttrs(attrs signal.Attrs) signal.Attrs {
	out := make(signal.Attrs, len(attrs))
	for i, a := range attrs {
		out[i] = signal.Attr{Key: sanitize.Line(a.Key, sanitize.MaxValue), Value: sanitize.Line(a.Value, sanitize.MaxValue)}
	}
	return out
}
