// Package rank has the rank statistics that load tests are judged by: Mann-Whitney's U for "is this run slower than that
// one", Mann-Kendall's trend for "does it creep up", both with an answer to the question that spoils them in practice:
// the seconds of a run are not independent of each other.
//
// Ranks are used because latencies have no bell shape: a mean and its variance are at the mercy of the slowest request.
// Everything here is a pure function of its arguments.
package rank

import (
	"cmp"
	"math"
	"slices"
)

// Ranks are the ranks of the values from 1, equal values sharing their mean rank. ties is the sum of t³-t over all groups
// of t equal values, which is what the variances of rank statistics are corrected by.
func Ranks(values []float64) (ranks []float64, ties float64) {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	ranks = make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+to+1) / 2
		}
		t := float64(to - from)
		ties += t*t*t - t
		from = to
	}
	return ranks, ties
}

// Median is the middle of the values, which are not changed; NaN when there are none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Clone(values)
	slices.Sort(s)
	return middle(s)
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return sorted[n/2-1] + (sorted[n/2]-sorted[n/2-1])/2
}

// Spread is the median distance from the median, scaled so that it equals the standard deviation of normal values
// (MAD times 1.4826); NaN when there are no values.
func Spread(values []float64) float64 {
	m := Median(values)
	away := make([]float64, len(values))
	for i, v := range values {
		away[i] = math.Abs(v - m)
	}
	return 1.4826 * Median(away)
}

// Holm corrects p-values for there being many of them (Holm, A simple sequentially rejective multiple test procedure,
// Scandinavian Journal of Statistics 6, 1979): whoever calls all below alpha found is wrong about any of them with
// probability alpha at most, however they depend on each other. NaN stays NaN and does not count.
func Holm(p []float64) []float64 {
	var order []int
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := slices.Clone(p)
	highest := 0.0
	for k, i := range order {
		highest = max(highest, min(1, float64(len(order)-k)*p[i]))
		out[i] = highest
	}
	return out
}

// maxCorrelation keeps the effective number of observations above a hundredth of the real one.
const maxCorrelation = 0.98

// correlation is the correlation of the values with themselves so many places later.
func correlation(values []float64, lag int) float64 {
	mean := 0.0
	for _, v := range values {
		mean += v
	}
	mean /= float64(len(values))
	var all, pairs float64
	for i, v := range values {
		all += (v - mean) * (v - mean)
		if i >= lag {
			pairs += (v - mean) * (values[i-lag] - mean)
		}
	}
	if all == 0 {
		return 0
	}
	return pairs / all
}

// firstOrder is the first-order autocorrelation of the values, corrected for the known bias of its estimate towards below, which
// in short series hides half of it: (a+bρ)/n with a=1, b=3 when a mean was taken out (Kendall, Note on bias in the
// estimation of autocorrelation, Biometrika 41, 1954) and a=2, b=4 when a line was (van Giersbergen, On the effect of
// deterministic terms on the bias in stable AR models, Economics Letters 89, 2005).
func firstOrder(values []float64, a, b float64) float64 {
	n := float64(len(values))
	if n <= b+1 {
		return 0
	}
	return (n*correlation(values, 1) + a) / (n - b)
}

// Inflation is by how much the dependence of the values on each other widens the variance of their mean: n observations
// say as much as n/inflation independent ones (Bayley and Hammersley, The effective number of independent observations
// in an autocorrelated time series, JRSS Supplement 8, 1946). It is the larger of two estimates, one that takes the
// memory as fading at a constant rate and one that adds up what is seen until it first falls below the noise.
func Inflation(values []float64) float64 {
	rho := min(max(firstOrder(values, 1, 3), 0), maxCorrelation)
	fading := (1 + rho) / (1 - rho)
	n := float64(len(values))
	seen := 1.0
	for lag := 1; lag <= len(values)/4; lag++ {
		r := correlation(values, lag)
		if r < 2/math.Sqrt(n) {
			break
		}
		seen += 2 * (1 - float64(lag)/n) * r
	}
	return max(1, fading, seen)
}
