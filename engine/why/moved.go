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
	minPoints  = 5
)

// Moved finds the series that lie elsewhere in the second window than in the first, the one that moved the farthest first.
// They are compared by Mann and Whitney's test, which knows that the values of a series depend on each other, and corrected
// for their number. Counters, by their names, are compared by what they grew per second. Of the series of one metric the
// three that moved the farthest are told.
func Moved(ctx context.Context, before, now []signal.Series) []signal.WhyMetric {
	was := make(map[string]*signal.Series, len(before))
	for i := range before {
		was[before[i].Labels.String()] = &before[i]
	}
	var out []signal.WhyMetric
	var ps []float64
	var names []string
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
		if len(a) < minPoints || len(b) < minPoints || slices.Equal(a[:1], b[:1]) && constant(a) && constant(b) {
			continue
		}
		shift := rank.MannWhitney(a, b, 0.95)
		if math.IsNaN(shift.P) {
			continue
		}
		out = append(out, signal.WhyMetric{Name: name(metric, s.Labels), Rate: counter, Before: rank.Median(a), After: rank.Median(b), Greater: shift.Greater, P: shift.P})
		ps, names = append(ps, shift.P), append(names, metric)
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
		if out[i].P <= alpha && of[names[i]] < 3 && len(told) < maxMetrics {
			of[names[i]]++
			told = append(told, out[i])
		}
	}
	return told
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

// name is a series as a person reads it: without the labels that only say where it was read.
func name(metric string, labels signal.Attrs) string {
	var rest signal.Attrs
	for _, a := range labels {
		if a.Key != "__name__" && a.Key != "instance" && a.Key != "job" {
			rest = append(rest, a)
		}
	}
	if len(rest) == 0 {
		return metric
	}
	return metric + rest.String()
}
