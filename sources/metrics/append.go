package metrics

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"gameday/sources/signal"
)

// Limits of one sample on its way in.
const (
	maxLabels     = 64
	maxLabelBytes = 1024
	maxFuture     = 30 * time.Second // clocks differ; more than that would close the door for everybody else's samples
)

// traceLabel is the exemplar label that carries the trace ID, as OpenMetrics and every client library have it.
const traceLabel = "trace_id"

// Stats is the balance of what was written since Open. Of the dropped samples, those that are in none of the reasons came
// behind newer ones of their series, before the retention, twice for one instant, or in a batch that was taken back.
type Stats struct {
	Received uint64
	Kept     uint64
	Future   uint64 // dropped: more than 30 s ahead of our clock
	Refused  uint64 // dropped: beyond Config.MaxSeries
	Invalid  uint64 // dropped: no name, not UTF-8, too many or too long labels, a broken histogram
}

// Dropped is everything that was received and not kept.
func (s Stats) Dropped() uint64 { return s.Received - min(s.Kept, s.Received) }

type counters struct{ received, future, refused, invalid atomic.Uint64 }

// Stats returns the balance of what was written. It costs some dozen microseconds.
func (db *DB) Stats() Stats {
	c := &db.counts
	s := Stats{Kept: db.appended(), Future: c.future.Load(), Refused: c.refused.Load(), Invalid: c.invalid.Load()}
	s.Received = c.received.Load() // last, so that what is being written now is not missing from it
	return s
}

// appended asks the database, for only it knows: it judges order and duplicates when a batch is committed, silently.
func (db *DB) appended() uint64 {
	families, err := db.registry.Gather()
	if err != nil {
		return 0 // cannot happen: the registry holds the database's own, consistent metrics only
	}
	var n float64
	for _, f := range families {
		if f.GetName() == "prometheus_tsdb_head_samples_appended_total" {
			for _, m := range f.GetMetric() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return uint64(n)
}

// Append writes points with their exemplars. Samples that cannot be kept (out of order, duplicate, invalid, too many
// series) are counted in Stats and are no error; an error means that the database failed.
func (db *DB) Append(ctx context.Context, points []signal.MetricPoint) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("append %d samples: %w", len(points), err)
	}
	if len(points) == 0 {
		return nil
	}
	app := appendable{db}.AppenderV2(ctx)
	b := labels.NewScratchBuilder(16)
	for i := range points {
		p := &points[i]
		ls, ok := seriesLabels(&b, p)
		if !ok {
			db.counts.received.Add(1)
			db.counts.invalid.Add(1)
			continue
		}
		_, err := app.Append(0, ls, 0, p.T.UnixMilli(), p.V, nil, nil, storage.AOptions{Exemplars: exemplarsOf(p)})
		if err != nil && !counted(err) {
			return errors.Join(fmt.Errorf("append sample of %q: %w", clean(p.Name), err), app.Rollback())
		}
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("append %d samples: %w", len(points), err)
	}
	return nil
}

// seriesLabels is the point's label set with its name; ok is false when it cannot be a series. A label that comes twice
// keeps its first value; an empty value is no label.
func seriesLabels(b *labels.ScratchBuilder, p *signal.MetricPoint) (ls labels.Labels, ok bool) {
	if !validText(p.Name) || p.Name == "" || len(p.Labels) > maxLabels {
		return labels.EmptyLabels(), false
	}
	b.Reset()
	b.Add(model.MetricNameLabel, p.Name)
	for i := range p.Labels {
		l := &p.Labels[i]
		if l.Value == "" || l.Key == model.MetricNameLabel {
			continue
		}
		if l.Key == "" || !validText(l.Key) || !validText(l.Value) {
			return labels.EmptyLabels(), false
		}
		if p.Labels[:i].Get(l.Key) == "" {
			b.Add(l.Key, l.Value)
		}
	}
	b.Sort()
	return b.Labels(), true
}

func validText(s string) bool { return len(s) <= maxLabelBytes && utf8.ValidString(s) }

func exemplarsOf(p *signal.MetricPoint) []exemplar.Exemplar {
	e := p.Exemplar
	if e == nil {
		return nil
	}
	m := make(map[string]string, len(e.Labels)+1)
	size := 0
	if !e.TraceID.IsZero() {
		m[traceLabel] = e.TraceID.String()
		size = len(traceLabel) + len(m[traceLabel])
	}
	for _, l := range e.Labels {
		size += len(l.Key) + len(l.Value)
		// The database refuses an exemplar whose labels are longer than OpenMetrics allows; the trace ID goes first.
		if l.Key == "" || l.Key == traceLabel || size > exemplar.ExemplarMaxLabelSetLength || !utf8.ValidString(l.Key+l.Value) {
			continue
		}
		m[l.Key] = l.Value
	}
	t := e.T
	if t.IsZero() {
		t = p.T
	}
	return []exemplar.Exemplar{{Labels: labels.FromMap(m), Value: e.V, Ts: t.UnixMilli(), HasTs: true}}
}

// counted reports whether err is about the sample, and so already in Stats.
func counted(err error) bool {
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrTooOldSample) ||
		errors.Is(err, storage.ErrOutOfBounds) || errors.Is(err, storage.ErrDuplicateSampleForTimestamp) ||
		errors.Is(err, errTooManySeries)
}

// appendable hands out appenders that keep time and size within bounds, whoever writes.
type appendable struct{ db *DB }

// AppenderV2 implements storage.AppendableV2.
func (a appendable) AppenderV2(ctx context.Context) storage.AppenderV2 {
	now := a.db.cfg.Now()
	return &appender{
		AppenderV2: a.db.tsdb.AppenderV2(ctx), db: a.db,
		oldest: now.Add(-a.db.cfg.Retention).UnixMilli(), newest: now.Add(maxFuture).UnixMilli(),
	}
}

type appender struct {
	storage.AppenderV2
	db             *DB
	oldest, newest int64
	written        []written // for the tap
}

// written is one sample that was appended and is not committed yet.
type written struct {
	key       uint64
	ls        labels.Labels
	t         int64
	v         float64
	exemplars []signal.Exemplar
}

// Commit implements storage.AppenderV2.
func (a *appender) Commit() error {
	err := a.AppenderV2.Commit()
	if err == nil {
		for i := range a.written {
			w := &a.written[i]
			a.db.cfg.Tap(w.key, w.ls, w.t, w.v, w.exemplars)
		}
	}
	a.written = a.written[:0]
	return err
}

// Rollback implements storage.AppenderV2.
func (a *appender) Rollback() error {
	a.written = a.written[:0]
	return a.AppenderV2.Rollback()
}

// Append implements storage.AppenderV2. A timestamp from the far past or future would move the head's bounds and shut
// out every honest sample, so it never gets there.
func (a *appender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	c := &a.db.counts
	c.received.Add(1)
	switch {
	case t > a.newest:
		c.future.Add(1)
		return 0, storage.ErrOutOfBounds
	case t < a.oldest:
		return 0, storage.ErrOutOfBounds
	}
	opts.Exemplars = a.within(opts.Exemplars)
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	var partial *storage.AppendPartialError
	switch {
	case err == nil:
		a.tap(ref, ls, t, v, h, fh, opts.Exemplars)
	case errors.As(err, &partial):
		err = nil // the sample was kept; exemplars that came twice or late are no loss
		a.tap(ref, ls, t, v, h, fh, nil)
	case errors.Is(err, errTooManySeries):
		c.refused.Add(1)
	case !counted(err):
		c.invalid.Add(1)
	}
	return ref, err
}

// tap remembers a sample for Config.Tap. Native histograms are not told: no source asks for them.
func (a *appender) tap(ref storage.SeriesRef, ls labels.Labels, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, es []exemplar.Exemplar) {
	if a.db.cfg.Tap == nil || h != nil || fh != nil {
		return
	}
	w := written{key: uint64(ref), ls: ls, t: t, v: v}
	for i := range es {
		w.exemplars = append(w.exemplars, exemplarOf(es[i]))
	}
	a.written = append(a.written, w)
}

// within keeps the exemplars that have a sane time, sorted by it, as the database wants them.
func (a *appender) within(es []exemplar.Exemplar) []exemplar.Exemplar {
	sane := func(e exemplar.Exemplar) bool { return e.Ts <= a.newest && e.Ts >= a.oldest }
	for i := range es {
		if !sane(es[i]) {
			kept := make([]exemplar.Exemplar, 0, len(es))
			for _, e := range es {
				if sane(e) {
					kept = append(kept, e)
				}
			}
			es = kept
			break
		}
	}
	if len(es) > 1 {
		sort.SliceStable(es, func(i, j int) bool { return es[i].Ts < es[j].Ts })
	}
	return es
}
