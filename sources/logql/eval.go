package logql

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"gameday/sources/signal"
)

// The bounds of one evaluation.
const (
	maxSteps  = 11_000
	maxSeries = 5_000
)

// Eval answers a metric query for every step from w.From to w.To, both included, over records in any order. A step counts
// what is later than step-range and not later than the step. Series are sorted by their labels; a step for which a series has
// no lines is a gap: one sample with the value NaN.
func (q *Query) Eval(records iter.Seq[*signal.Record], w signal.Window, step time.Duration) ([]signal.Series, error) {
	if q.metric == nil {
		return nil, errors.New("logql: this query gives records, not numbers: count them with count_over_time(… [1m])")
	}
	if w.To.Before(w.From) {
		return nil, fmt.Errorf("logql: the window ends (%s) before it begins (%s)", w.To, w.From)
	}
	if step <= 0 {
		step = max(w.Length(), 1)
	}
	n := int(w.Length()/step) + 1
	if n > maxSteps {
		return nil, fmt.Errorf("logql: %s in steps of %s are more than %d steps: take longer ones", w.Length(), step, maxSteps)
	}
	e := &evaluation{from: w.From, step: step, n: n, records: records}
	m, err := e.node(q.metric, nil)
	if err != nil {
		return nil, err
	}
	return m.series(e), nil
}

type evaluation struct {
	from    time.Time
	step    time.Duration
	n       int
	records iter.Seq[*signal.Record]
}

// matrix is series with one value per step, NaN where there is none.
type matrix []*row

type row struct {
	labels signal.Attrs
	values []float64
}

func (m matrix) series(e *evaluation) []signal.Series {
	slices.SortFunc(m, func(a, b *row) int { return strings.Compare(a.labels.String(), b.labels.String()) })
	out := make([]signal.Series, 0, len(m))
	for _, r := range m {
		s := signal.Series{Name: r.labels.String(), Labels: r.labels}
		for i, v := range r.values {
			gap := math.IsNaN(v)
			if gap && (len(s.Samples) == 0 || math.IsNaN(s.Samples[len(s.Samples)-1].V)) {
				continue
			}
			s.Samples = append(s.Samples, signal.Sample{T: e.from.Add(time.Duration(i) * e.step), V: v})
		}
		if k := len(s.Samples); k > 0 && math.IsNaN(s.Samples[k-1].V) {
			s.Samples = s.Samples[:k-1] // nothing comes after it
		}
		if len(s.Samples) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// node evaluates a part. sum is set when the part's series are only summed up: then it makes no others than the sums.
func (e *evaluation) node(n metricNode, sum *aggregate) (matrix, error) {
	switch n := n.(type) {
	case *rangeCount:
		return e.count(n, sum)
	case *aggregate:
		return e.aggregate(n)
	case *arithmetic:
		return e.arithmetic(n)
	}
	return nil, fmt.Errorf("logql: %v alone asks for nothing", n)
}

// tally counts by differences: what a record adds from one step on, it takes away from another on, so that a record costs the
// same however many steps see it.
type tally struct {
	labels       signal.Attrs
	lines, bytes []int64
}

func (e *evaluation) count(n *rangeCount, sum *aggregate) (matrix, error) {
	m := n.query.Matcher()
	series := map[string]*tally{}
	for r := range e.records {
		first, last := e.steps(r.Time, n)
		if first >= last {
			continue
		}
		line, ok := m.Process(r)
		if !ok {
			continue
		}
		if m.b.err != "" {
			return nil, &MarkedError{m.b.err, m.b.details}
		}
		labels := group(m, sum)
		key := labels.String()
		t := series[key]
		if t == nil {
			if len(series) == maxSeries {
				return nil, fmt.Errorf("logql: the query makes more than %d series: group it, such as with sum by (service)", maxSeries)
			}
			t = &tally{labels: labels, lines: make([]int64, e.n+1), bytes: make([]int64, e.n+1)}
			series[key] = t
		}
		t.lines[first]++
		t.lines[last]--
		t.bytes[first] += int64(len(line))
		t.bytes[last] -= int64(len(line))
	}
	out := make(matrix, 0, len(series))
	for _, t := range series {
		out = append(out, &row{labels: t.labels, values: t.values(n)})
	}
	return out, nil
}

// steps are those that count a record of that time: [first, last).
func (e *evaluation) steps(t time.Time, n *rangeCount) (first, last int) {
	d := t.Add(n.offset).Sub(e.from)
	return max(0, ceil(d, e.step)), min(e.n, ceil(d+n.over, e.step))
}

func ceil(d, step time.Duration) int {
	q := d / step
	if d%step > 0 {
		q++
	}
	return int(q)
}

func (t *tally) values(n *rangeCount) []float64 {
	out := make([]float64, len(t.lines)-1)
	var lines, bytes int64
	for i := range out {
		lines += t.lines[i]
		bytes += t.bytes[i]
		v := float64(lines)
		if strings.HasPrefix(n.function, "bytes") {
			v = float64(bytes)
		}
		if strings.HasSuffix(n.function, "rate") {
			v /= n.over.Seconds()
		}
		if lines == 0 {
			v = math.NaN()
		}
		out[i] = v
	}
	return out
}

// group are the labels that the present record counts for.
func group(m *Matcher, a *aggregate) signal.Attrs {
	if a == nil {
		return m.Labels()
	}
	if a.without {
		return less(m.Labels(), a.by)
	}
	out := make(signal.Attrs, 0, len(a.by))
	for _, l := range a.by {
		if v, _ := m.b.get(l); v != "" {
			out = append(out, signal.Attr{Key: plainName(l.name), Value: v})
		}
	}
	return out.Sorted()
}

func less(labels signal.Attrs, names []label) signal.Attrs {
	return slices.DeleteFunc(slices.Clone(labels), func(a signal.Attr) bool { return contains(names, a.Key) })
}

func contains(names []label, name string) bool {
	return slices.ContainsFunc(names, func(l label) bool { return l.name == name || sameName(l.name, name) })
}

func (e *evaluation) aggregate(a *aggregate) (matrix, error) {
	if a.op == "sum" {
		if count, ok := a.of.(*rangeCount); ok {
			return e.node(count, a)
		}
	}
	of, err := e.node(a.of, nil)
	if err != nil {
		return nil, err
	}
	groups := map[string]matrix{}
	named := map[string]signal.Attrs{}
	for _, r := range of {
		labels := a.labels(r.labels)
		key := labels.String()
		groups[key] = append(groups[key], r)
		named[key] = labels
	}
	var out matrix
	for key, rows := range groups {
		if a.k > 0 {
			out = append(out, most(rows, a)...)
			continue
		}
		joined := &row{labels: named[key], values: make([]float64, e.n)}
		for i := range joined.values {
			joined.values[i] = join(a.op, rows, i)
		}
		out = append(out, joined)
	}
	return out, nil
}

func (a *aggregate) labels(of signal.Attrs) signal.Attrs {
	if a.without {
		return less(of, a.by)
	}
	return slices.DeleteFunc(slices.Clone(of), func(at signal.Attr) bool { return !contains(a.by, at.Key) })
}

// join is one step of several series.
func join(op string, rows matrix, i int) float64 {
	n, sum, least, greatest := 0, 0.0, math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		if v := r.values[i]; !math.IsNaN(v) {
			n++
			sum += v
			least, greatest = min(least, v), max(greatest, v)
		}
	}
	switch {
	case n == 0:
		return math.NaN()
	case op == "count":
		return float64(n)
	case op == "avg":
		return sum / float64(n)
	case op == "min":
		return least
	case op == "max":
		return greatest
	}
	return sum
}

// most keeps the k greatest, or least, of each step.
func most(rows matrix, a *aggregate) matrix {
	slices.SortFunc(rows, func(x, y *row) int { return strings.Compare(x.labels.String(), y.labels.String()) }) // ties always fall the same way
	out := make(matrix, len(rows))
	for k, r := range rows {
		out[k] = &row{labels: r.labels, values: make([]float64, len(r.values))}
	}
	order := make([]int, len(rows))
	for i := range rows[0].values {
		for k := range order {
			order[k] = k
			out[k].values[i] = math.NaN()
		}
		slices.SortStableFunc(order, func(x, y int) int {
			u, v := rows[x].values[i], rows[y].values[i]
			if math.IsNaN(u) || math.IsNaN(v) {
				return cmp.Compare(v, u) // NaN sorts below everything: it comes last
			}
			if a.op == "bottomk" {
				return cmp.Compare(u, v)
			}
			return cmp.Compare(v, u)
		})
		for _, k := range order[:min(a.k, len(order))] {
			out[k].values[i] = rows[k].values[i]
		}
	}
	return out
}

func (e *evaluation) arithmetic(a *arithmetic) (matrix, error) {
	value, onLeft := a.left.(number)
	series := a.right
	if !onLeft {
		value, series = a.right.(number), a.left // the parser saw to it
	}
	of, err := e.node(series, nil)
	if err != nil {
		return nil, err
	}
	compares := a.op == "==" || a.op == "!=" || a.op[0] == '<' || a.op[0] == '>'
	for _, r := range of {
		for i, v := range r.values {
			if math.IsNaN(v) {
				continue
			}
			x, y := v, float64(value)
			if onLeft {
				x, y = y, x
			}
			got := operate(a.op, x, y)
			if compares && !a.bool {
				if got != 0 {
					got = v
				} else {
					got = math.NaN()
				}
			}
			r.values[i] = got
		}
	}
	return of, nil
}

// operate is one operation; a comparison gives 1 or 0.
func operate(op string, x, y float64) float64 {
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		return x / y
	case "%":
		return math.Mod(x, y)
	case "^":
		return math.Pow(x, y)
	case "==":
		return truth(x == y)
	case "!=":
		return truth(x != y)
	case ">":
		return truth(x > y)
	case ">=":
		return truth(x >= y)
	case "<":
		return truth(x < y)
	}
	return truth(x <= y)
}
