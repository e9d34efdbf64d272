package metrics

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"gameday/sources/signal"
)

// restoreBatch is how many samples are committed at once.
const restoreBatch = 5000

// Restorer writes back what Config.Tap told once: series by number, samples, exemplars behind the sample they came with.
// It belongs to one goroutine. What cannot be kept is counted in Stats, as always.
type Restorer struct {
	db     *DB
	ctx    context.Context
	app    storage.AppenderV2
	n      int
	b      labels.ScratchBuilder
	series map[uint64]*restored
	held   held
	err    error
}

// restored is one series. Its labels are empty when they can be none.
type restored struct {
	ls  labels.Labels
	ref storage.SeriesRef
}

// held is a sample whose exemplars may still come.
type held struct {
	s         *restored
	t         int64
	v         float64
	exemplars []exemplar.Exemplar
}

// Restore begins to write. The caller calls Close, whatever happens.
func (db *DB) Restore(ctx context.Context) *Restorer {
	return &Restorer{db: db, ctx: ctx, b: labels.NewScratchBuilder(16), series: map[uint64]*restored{}}
}

// Forget makes all numbers free for other series.
func (r *Restorer) Forget() {
	r.flush()
	clear(r.series)
}

// Series says which labels a number stands for.
func (r *Restorer) Series(id uint64, ls signal.Attrs) {
	r.flush()
	p := signal.MetricPoint{Name: ls.Get(model.MetricNameLabel), Labels: ls}
	s := &restored{}
	if own, ok := seriesLabels(&r.b, &p); ok {
		s.ls = own
	}
	r.series[id] = s
}

// Sample writes one. One of a series that was never told is left out.
func (r *Restorer) Sample(id uint64, ms int64, v float64) {
	r.flush()
	if s := r.series[id]; s != nil && !s.ls.IsEmpty() {
		r.held = held{s: s, t: ms, v: v}
	}
}

// Exemplar adds one to the sample before, when that is of the same series.
func (r *Restorer) Exemplar(id uint64, e signal.Exemplar) {
	if s := r.series[id]; s != nil && s == r.held.s {
		r.held.exemplars = append(r.held.exemplars, exemplarsOf(&signal.MetricPoint{T: e.T, Exemplar: &e})...)
	}
}

func (r *Restorer) flush() {
	h := r.held
	r.held = held{}
	if h.s == nil || r.err != nil {
		return
	}
	if r.app == nil {
		r.app = appendable{r.db}.AppenderV2(r.ctx)
	}
	ref, err := r.app.Append(h.s.ref, h.s.ls, 0, h.t, h.v, nil, nil, storage.AOptions{Exemplars: h.exemplars})
	if err != nil && !counted(err) {
		r.err = errors.Join(fmt.Errorf("restore a sample: %w", err), r.app.Rollback())
		r.app = nil
		return
	}
	if err == nil {
		h.s.ref = ref
	}
	if r.n++; r.n%restoreBatch == 0 {
		r.commit()
	}
}

func (r *Restorer) commit() {
	if r.app == nil || r.err != nil {
		return
	}
	if err := r.app.Commit(); err != nil {
		r.err = fmt.Errorf("restore samples: %w", err)
	}
	r.app = nil
}

// Close writes what is left. Its error is the first that the database gave.
func (r *Restorer) Close() error {
	r.flush()
	r.commit()
	return r.err
}
