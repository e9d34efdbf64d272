package record

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"time"

	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// Answer is what a remote system answered to a query for a chart. Of an answer that was recorded before only what is new or
// has changed is recorded: charts are asked for once a second, and overlap.
type Answer struct {
	Source, Query string
	Instant       bool          // one value of each series, not a line
	Step          time.Duration // between two points of a line
	Series        []AnswerSeries
}

// AnswerSeries are points of one series of an answer. A NaN is a gap.
type AnswerSeries struct {
	Name   string
	Labels signal.Attrs
	Ms     []int64 // Unix time in milliseconds, ascending
	Values []float64
}

// Words are the words that a remote system knew of a kind, for the variables of dashboards.
type Words struct {
	Source     string
	Kind       uint8
	Of, Prefix string
	List       []string
}

// The bounds of what is recorded of answers in a chapter.
const (
	maxAnswered = 8192    // series of answers
	maxLeftOut  = 1 << 16 // series for which there is no room, whose points are counted
	maxChanging = 16      // of the last points of a series, that may be told another way the next time
	maxQueries  = 4096
	maxWordSets = 256
	maxWords    = 4096 // of one set
)

// answered is what was recorded of a series.
type answered struct {
	from, to int64
	last     []int64 // the newest points, with their values
	values   []float64
}

// answers tells the encoder what is new of answers. It lives as long as a chapter.
type answers struct {
	seed   maphash.Seed
	asked  map[uint64]bool // queries: that nothing was answered is an answer too
	series map[uint64]*answered
	words  map[uint64]uint64
	// left is what there was no room for, in all chapters: the same points are answered again and again, and are lost once.
	left map[uint64]leftOut
}

// leftOut is from when to when the points of a series were counted as lost.
type leftOut struct{ from, to int64 }

// next begins a chapter.
func (a answers) next() answers {
	if a.left == nil {
		a.seed, a.left = maphash.MakeSeed(), map[uint64]leftOut{}
	}
	return answers{seed: a.seed, left: a.left, asked: map[uint64]bool{}, series: map[uint64]*answered{}, words: map[uint64]uint64{}}
}

// lose is how many points of a series that has no room were not counted before. Beyond maxLeftOut series none is.
func (a *answers) lose(key uint64, samples []signal.Sample) (n int) {
	if len(samples) == 0 {
		return 0
	}
	from, to := samples[0].T.UnixMilli(), samples[len(samples)-1].T.UnixMilli()
	l, ok := a.left[key]
	switch {
	case !ok && len(a.left) >= maxLeftOut:
		return 0
	case !ok || from > l.to || to < l.from:
		a.left[key] = leftOut{from, to}
		return len(samples)
	}
	for _, p := range samples {
		if ms := p.T.UnixMilli(); ms < l.from || ms > l.to {
			n++
		}
	}
	a.left[key] = leftOut{min(from, l.from), max(to, l.to)}
	return n
}

func (a *answers) hash(texts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(a.seed)
	for _, t := range texts {
		_, _ = h.WriteString(t) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// news is the part of an answer that was not recorded yet, whether there is any, and how many points there was no room for.
func (a *answers) news(source, query string, instant bool, step time.Duration, series []signal.Series) (out Answer, fresh bool, lost int) {
	out = Answer{Source: source, Query: query, Instant: instant, Step: step}
	base := a.hash(source, query, fmt.Sprint(instant))
	if !a.asked[base] && len(a.asked) < maxQueries {
		a.asked[base], fresh = true, true
	}
	for i := range series {
		s := &series[i]
		texts := []string{s.Name, fmt.Sprint(base)}
		for _, l := range s.Labels {
			texts = append(texts, l.Key, l.Value)
		}
		key := a.hash(texts...)
		k := a.series[key]
		if k == nil {
			if len(a.series) >= maxAnswered {
				lost += a.lose(key, s.Samples)
				continue
			}
			k = &answered{from: math.MaxInt64, to: math.MinInt64}
			a.series[key] = k
		}
		if n := k.news(s); len(n.Ms) > 0 {
			out.Series = append(out.Series, n)
		}
	}
	return out, fresh || len(out.Series) > 0, lost
}

// news is what of the series was not recorded yet, without secrets in its labels.
func (k *answered) news(s *signal.Series) AnswerSeries {
	if n := len(s.Samples); n > 0 && (s.Samples[0].T.UnixMilli() > k.to || s.Samples[n-1].T.UnixMilli() < k.from) {
		k.from, k.to = math.MaxInt64, math.MinInt64 // what lies in between was never told: better twice than not at all
	}
	var out AnswerSeries
	for _, p := range s.Samples {
		ms := p.T.UnixMilli()
		if ms >= k.from && ms <= k.to && !k.changed(ms, p.V) {
			continue
		}
		out.Ms, out.Values = append(out.Ms, ms), append(out.Values, p.V)
	}
	if n := len(s.Samples); n > 0 {
		k.from, k.to = min(k.from, s.Samples[0].T.UnixMilli()), max(k.to, s.Samples[n-1].T.UnixMilli())
		k.last, k.values = k.last[:0], k.values[:0]
		for _, p := range s.Samples[max(n-maxChanging, 0):] {
			k.last, k.values = append(k.last, p.T.UnixMilli()), append(k.values, p.V)
		}
	}
	if len(out.Ms) > 0 {
		out.Name, out.Labels = redact(s.Name), redactLabels(s.Labels)
	}
	return out
}

// changed reports whether a point is among the newest and was told another way, or not at all.
func (k *answered) changed(ms int64, v float64) bool {
	for i, at := range k.last {
		if at == ms {
			return math.Float64bits(k.values[i]) != math.Float64bits(v)
		}
	}
	return len(k.last) > 0 && ms > k.last[0]
}

// AnswerQuery is a query as it stands in a recording: without secrets, and in one line.
func AnswerQuery(query string) string { return sanitize.Line(redact(query), sanitize.MaxBody) }

// Answer records what a remote system answered to a query for a chart.
func (w *Writer) Answer(source, query string, instant bool, step time.Duration, series []signal.Series) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.room() {
		return
	}
	news, fresh, lost := w.answers.news(source, AnswerQuery(query), instant, step, series)
	if fresh {
		w.enc.coded(kindAnswer, news, nil)
	}
	w.lost += uint64(lost)
	w.losses += uint64(lost)
}

// Words records which words a remote system knew. The same words again are not recorded.
func (w *Writer) Words(v Words) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.room() {
		return
	}
	v.List = v.List[:min(len(v.List), maxWords)]
	key, list := w.answers.hash(v.Source, fmt.Sprint(v.Kind), v.Of, v.Prefix), w.answers.hash(v.List...)
	if old, ok := w.answers.words[key]; ok && old == list || !ok && len(w.answers.words) >= maxWordSets {
		return
	}
	w.answers.words[key] = list
	v.List = slices.Clone(v.List)
	for i := range v.List {
		v.List[i] = redact(v.List[i])
	}
	w.enc.coded(kindWords, v, nil)
}

// decodeAnswer reads an answer. Points of which there are not as many as instants are none.
func decodeAnswer(data []byte) (a Answer, err error) {
	if err = unpackMode.Unmarshal(data, &a); err != nil {
		return a, err
	}
	a.Source, a.Query = sanitize.Line(a.Source, sanitize.MaxKey), sanitize.Line(a.Query, sanitize.MaxBody)
	for i := range a.Series {
		s := &a.Series[i]
		s.Name = sanitize.Line(s.Name, sanitize.MaxValue)
		for j := range s.Labels {
			s.Labels[j].Key, s.Labels[j].Value = sanitize.Line(s.Labels[j].Key, sanitize.MaxKey), sanitize.Line(s.Labels[j].Value, sanitize.MaxValue)
		}
		n := min(len(s.Ms), len(s.Values))
		s.Ms, s.Values = s.Ms[:n], s.Values[:n]
	}
	return a, nil
}

func decodeWords(data []byte) (v Words, err error) {
	if err = unpack(data, &v); err != nil {
		return v, err
	}
	v.List = v.List[:min(len(v.List), maxWords)]
	return v, nil
}
