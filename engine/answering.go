package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gameday/engine/record"
	"gameday/sources/client"
	"gameday/sources/driver"
	"gameday/sources/signal"
)

// shown is who is asked for what is drawn. What a remote system answers goes into the recording: a replay cannot ask it.
func (s *Session) shown(source string) (driver.Metrics, error) {
	m, err := s.metrics(source)
	if r, ok := m.(remote); ok && s.recorder != nil {
		return taped{r, s.recorder, r.src.Name}, err
	}
	return m, err
}

// taped is a remote system whose answers are recorded. Its exemplars are not: they are asked for under the cursor only.
type taped struct {
	driver.Metrics
	to   *record.Writer
	name string
}

func (t taped) Range(ctx context.Context, query string, w signal.Window, step time.Duration) ([]signal.Series, error) {
	out, err := t.Metrics.Range(ctx, query, w, step)
	if err == nil || errors.Is(err, client.ErrTruncated) {
		t.to.Answer(t.name, query, false, step, out)
	}
	return out, err
}

func (t taped) Instant(ctx context.Context, query string, at time.Time) ([]signal.Series, error) {
	out, err := t.Metrics.Instant(ctx, query, at)
	if err == nil || errors.Is(err, client.ErrTruncated) {
		t.to.Answer(t.name, query, true, 0, out)
	}
	return out, err
}

// answerKey names what was asked.
type answerKey struct {
	source, query string
	instant       bool
}

// toldSeries are the points of one series that a remote system told while it was recorded, by time.
type toldSeries struct {
	name   string
	labels signal.Attrs
	points []signal.Sample
	step   time.Duration // the widest in which it was asked for
}

// toldAnswers is what remote systems told while they were recorded. It does not change once it is settled.
type toldAnswers struct {
	series map[answerKey]map[string]*toldSeries
	words  map[string]record.Words // by keyOf source, kind (a driver.WordKind), of and prefix
}

func newToldAnswers() *toldAnswers {
	return &toldAnswers{series: map[answerKey]map[string]*toldSeries{}, words: map[string]record.Words{}}
}

// add takes an answer. What is told later of the same instant counts.
func (t *toldAnswers) add(a record.Answer) {
	key := answerKey{a.Source, a.Query, a.Instant}
	all := t.series[key]
	if all == nil {
		all = map[string]*toldSeries{}
		t.series[key] = all
	}
	for i := range a.Series {
		s := &a.Series[i]
		id := seriesID(s.Name, s.Labels)
		kept := all[id]
		if kept == nil {
			kept = &toldSeries{name: s.Name, labels: s.Labels}
			all[id] = kept
		}
		kept.step = max(kept.step, a.Step)
		for j, ms := range s.Ms {
			kept.points = append(kept.points, signal.Sample{T: time.UnixMilli(ms), V: s.Values[j]})
		}
	}
}

func seriesID(name string, labels signal.Attrs) string {
	var b strings.Builder
	b.WriteString(name)
	for _, l := range labels {
		fmt.Fprintf(&b, "\x00%s\x00%s", l.Key, l.Value)
	}
	return b.String()
}

// settle puts points in order. Of those of one instant the last stays.
func (t *toldAnswers) settle() {
	for _, all := range t.series {
		for _, s := range all {
			slices.SortStableFunc(s.points, func(a, b signal.Sample) int { return a.T.Compare(b.T) })
			out := s.points[:0]
			for i, p := range s.points {
				if i+1 == len(s.points) || !s.points[i+1].T.Equal(p.T) {
					out = append(out, p)
				}
			}
			s.points = out
		}
	}
}

// told answers in a remote system's place with what it told while it was recorded.
type told struct {
	all    *toldAnswers
	source string
}

// instantReach is how old the last value may be that is shown for an instant, as Prometheus itself looks back.
const instantReach = 5 * time.Minute

func (t told) find(query string, instant bool) ([]*toldSeries, error) {
	all := t.all.series[answerKey{t.source, record.AnswerQuery(query), instant}]
	if all == nil {
		return nil, fmt.Errorf("%s was not asked this while it was recorded, and a replay cannot ask it", t.source)
	}
	out := make([]*toldSeries, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[id])
	}
	return out, nil
}

// Range implements driver.Metrics. A line that was asked for in other steps is drawn from the points there are.
func (t told) Range(_ context.Context, query string, w signal.Window, step time.Duration) ([]signal.Series, error) {
	all, err := t.find(query, false)
	if err != nil {
		return nil, err
	}
	var out []signal.Series
	for _, s := range all {
		one := signal.Series{Name: s.name, Labels: s.labels}
		for at := w.From; !at.After(w.To); at = at.Add(max(step, time.Millisecond)) {
			one.Samples = append(one.Samples, signal.Sample{T: at, V: s.at(at, max(step, s.step))})
		}
		if slices.ContainsFunc(one.Samples, func(p signal.Sample) bool { return !math.IsNaN(p.V) }) {
			out = append(out, one)
		}
	}
	return out, nil
}

// Instant implements driver.Metrics.
func (t told) Instant(_ context.Context, query string, at time.Time) ([]signal.Series, error) {
	all, err := t.find(query, true)
	if err != nil {
		return nil, err
	}
	var out []signal.Series
	for _, s := range all {
		if v := s.at(at, instantReach); !math.IsNaN(v) {
			out = append(out, signal.Series{Name: s.name, Labels: s.labels, Samples: []signal.Sample{{T: at, V: v}}})
		}
	}
	return out, nil
}

// Exemplars implements driver.Metrics: there are none.
func (t told) Exemplars(context.Context, string, signal.Window) ([]signal.Exemplar, error) {
	return nil, nil
}

// at is the last value that is less than reach old, NaN when there is none.
func (s *toldSeries) at(t time.Time, reach time.Duration) float64 {
	i := latestAt(s.points, t, func(p signal.Sample) time.Time { return p.T })
	if i < 0 || t.Sub(s.points[i].T) >= reach {
		return math.NaN()
	}
	return s.points[i].V
}
