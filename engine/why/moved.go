package why

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"gameday/engine/load/analysis/rank"
	"gameday/sources/signal"
)

// The bounds of what is said about metrics.
const (
	maxSeries  = 5000
	maxMetrics = 12
	maxPoints  = 90
	minPoints  = 8 // of one window: what the test's normal form needs

	minChange = 0.2 // of what it was before; less is nobody's cause
	// By how many of its own spreads in the baseline a series must have moved, and by how much of what it drifted within
	// the baseline: on a machine that is short of time every series sways.
	minSpreads = 3
	minDrifts  = 2
)

// Moved finds the series that lie elsewhere in the second window than in the first, the one that moved the farthest first.
// They are compared by Mann and Whitney's test, which knows that the values of a series depend on each other, and corrected
// for their number. Counters, by their names, are compared by what they grew per second, and a sum that has a count by what
// one of them was on average. What moved less than a fifth, or not clearly more than it does by itself in the first
// window, is left out. Of the series of one metric the three that moved the farthest are told.
func Moved(ctx context.Context, before, now []signal.Series) []signal.WhyMetric {
	was, is := byLabels(before), byLabels(now)
	say := newNaming(now)
	var out []signal.WhyMetric
	var ps []float64
	var names []string
	var clear []bool
	for i := range now[:min(len(now), maxSeries)] {
		if ctx.Err() != nil {
			break
		}
		s := &now[i]
		old := was[s.Labels.String()]
		if old == nil {
			continue
		}
		metric := s.Labels.Get("__name__")
		counter := strings.HasSuffix(metric, "_total") || strings.HasSuffix(metric, "_count") || strings.HasSuffix(metric, "_sum")
		a, b := values(old, counter), values(s, counter)
		if of, ok := strings.CutSuffix(metric, "_sum"); ok {
			key := relabelled(s.Labels, of+"_count").String()
			if thenCount, nowCount := was[key], is[key]; thenCount != nil && nowCount != nil {
				metric, counter = of+" on average", false
				a, b = averages(old, thenCount), averages(s, nowCount)
			}
		}
		if len(a) < minPoints || len(b) < minPoints || slices.Equal(a[:1], b[:1]) && constant(a) && constant(b) {
			continue
		}
		shift := rank.MannWhitney(a, b, 0.95)
		if math.IsNaN(shift.P) {
			continue
		}
		out = append(out, signal.WhyMetric{Name: say.name(metric, s.Labels), Rate: counter, Before: rank.Median(a), After: rank.Median(b), Greater: shift.Greater, P: shift.P})
		ps, names, clear = append(ps, shift.P), append(names, metric), append(clear, clearly(a, b))
	}
	order := make([]int, len(out))
	for i, p := range rank.Holm(ps) {
		out[i].P, order[i] = p, i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(-cmp.Compare(far(out[a]), far(out[b])), cmp.Compare(out[a].P, out[b].P), cmp.Compare(out[a].Name, out[b].Name))
	})
	var told []signal.WhyMetric
	of := map[string]int{}
	for _, i := range order {
		if out[i].P <= alpha && clear[i] && of[names[i]] < 3 && len(told) < maxMetrics {
			of[names[i]]++
			told = append(told, out[i])
		}
	}
	return told
}

// clearly reports whether the later values lie farther from the earlier ones than these sway by themselves.
func clearly(a, b []float64) bool {
	before := rank.Median(a)
	drift := rank.Median(a[len(a)/2:]) - rank.Median(a[:len(a)/2])
	least := max(minChange*math.Abs(before), minSpreads*rank.Spread(a), minDrifts*math.Abs(drift), rank.Spread(b))
	return math.Abs(rank.Median(b)-before) >= least
}

func byLabels(list []signal.Series) map[string]*signal.Series {
	out := make(map[string]*signal.Series, len(list))
	for i := range list {
		out[list[i].Labels.String()] = &list[i]
	}
	return out
}

// relabelled are the labels of a series of another name.
func relabelled(labels signal.Attrs, name string) signal.Attrs {
	out := slices.Clone(labels)
	for i := range out {
		if out[i].Key == "__name__" {
			out[i].Value = name
		}
	}
	return out
}

// far is how far a series moved: how surely one of its values lies on the other side, and by how many doublings.
func far(m signal.WhyMetric) float64 {
	return math.Abs(2*m.Greater-1) * (1 + math.Min(math.Abs(math.Log2((math.Abs(m.After)+1e-3)/(math.Abs(m.Before)+1e-3))), 10))
}

func constant(v []float64) bool {
	return !slices.ContainsFunc(v, func(x float64) bool { return x != v[0] })
}

// values are a series' samples, or by how much it grew from each to the next, per second. A counter that began anew is left
// out where it did.
func values(s *signal.Series, counter bool) []float64 {
	var out []float64
	for i, x := range s.Samples[max(0, len(s.Samples)-maxPoints-1):] {
		last := max(0, len(s.Samples)-maxPoints-1) + i - 1
		switch {
		case math.IsNaN(x.V) || math.IsInf(x.V, 0):
		case !counter:
			out = append(out, x.V)
		case last >= 0:
			p := s.Samples[last]
			if took := x.T.Sub(p.T).Seconds(); took > 0 && x.V >= p.V {
				out = append(out, (x.V-p.V)/took)
			}
		}
	}
	return out
}

// averages are what one of those that were counted came to, from each sample to the next: by how much the sum grew over by how
// much the count did. Where nothing was counted there is none.
func averages(sum, count *signal.Series) []float64 {
	counted := make(map[int64]float64, len(count.Samples))
	for _, x := range count.Samples {
		counted[x.T.UnixNano()] = x.V
	}
	var out []float64
	for i := max(1, len(sum.Samples)-maxPoints); i < len(sum.Samples); i++ {
		a, b := sum.Samples[i-1], sum.Samples[i]
		from, ok := counted[a.T.UnixNano()]
		to, also := counted[b.T.UnixNano()]
		if mean := (b.V - a.V) / (to - from); ok && also && to > from && b.V >= a.V && !math.IsInf(mean, 0) && !math.IsNaN(mean) {
			out = append(out, mean)
		}
	}
	return out
}

// naming knows which labels tell series apart.
type naming struct{ says map[string]bool }

func newNaming(all []signal.Series) naming {
	n, first := naming{map[string]bool{}}, map[string]string{}
	for i := range all {
		for _, a := range all[i].Labels {
			old, ok := first[a.Key]
			if !ok {
				first[a.Key] = a.Value
			}
			n.says[a.Key] = n.says[a.Key] || ok && old != a.Value
		}
	}
	return n
}

// name is a series as a person reads it: without the labels that only say where it was read, that are the same everywhere, or
// that repeat the service.
func (n naming) name(metric string, labels signal.Attrs) string {
	service := labels.Get("service")
	var rest signal.Attrs
	for _, a := range labels {
		switch {
		case a.Key == "__name__" || a.Key == "instance" || a.Key == "job":
		case a.Key == "service" || n.says[a.Key] && a.Value != service:
			rest = append(rest, a)
		}
	}
	if len(rest) == 0 {
		return metric
	}
	return metric + rest.String()
}
