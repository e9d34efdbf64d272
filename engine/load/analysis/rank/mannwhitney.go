package rank

import (
	"math"
	"slices"
)

// Shift is by how much one series lies above another.
type Shift struct {
	P       float64 // probability of a difference like this between two series of the same process
	Greater float64 // share of all pairs in which the second series' value is the greater, ties counting half
	By      float64 // the median of all differences, second minus first
	Lo, Hi  float64 // confidence interval of By
	NA, NB  float64 // how many independent observations the two series are worth
}

// MannWhitney compares two series, in the order of their time, by the U test (Mann and Whitney, On a test of whether one
// of two random variables is stochastically larger than the other, Annals of Mathematical Statistics 18, 1947), two-sided,
// with the correction for ties. The size of the difference is the estimate of Hodges and Lehmann (Estimates of location
// based on rank tests, Annals of Mathematical Statistics 34, 1963), and its interval is the set of differences that the
// same test would not refuse, so that test and interval never contradict each other but for rounding.
//
// Seconds of one run depend on each other, which makes U far too sure. Its variance is that of two means of ranks,
// (1/n+1/m)/12; here each of the two is widened by the inflation of its own series, and Student's distribution with the
// degrees of freedom that remain stands in for the normal one. The normal form needs about eight values on each side;
// with fewer than two, or values that are not numbers, P is NaN.
func MannWhitney(a, b []float64, confidence float64) Shift {
	n, m := float64(len(a)), float64(len(b))
	out := Shift{P: math.NaN(), Greater: math.NaN(), By: math.NaN(), Lo: math.NaN(), Hi: math.NaN()}
	both := slices.Concat(a, b)
	if len(a) < 2 || len(b) < 2 || slices.ContainsFunc(both, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
		return out
	}
	ranks, ties := Ranks(both)
	sum := 0.0
	for _, r := range ranks[len(a):] {
		sum += r
	}
	u := sum - m*(m+1)/2
	out.Greater = u / (n * m)
	wideA, wideB := Inflation(ownRanks(a)), Inflation(ownRanks(b))
	out.NA, out.NB = n/wideA, m/wideB
	all := n + m
	variance := n * m / 12 * (all + 1 - ties/(all*(all-1)))
	variance *= (wideA/n + wideB/m) / (1/n + 1/m)
	df := max(out.NA+out.NB-2, 1)

	differences := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			differences = append(differences, y-x)
		}
	}
	slices.Sort(differences)
	out.By = middle(differences)
	if variance <= 0 { // all values are equal
		out.P, out.Lo, out.Hi = 1, out.By, out.By
		return out
	}
	sigma := math.Sqrt(variance)
	out.P = Student(max(math.Abs(u-n*m/2)-0.5, 0)/sigma, df)
	out.Lo, out.Hi = around(differences, Within(confidence, df)*sigma)
	return out
}

func ownRanks(values []float64) []float64 {
	ranks, _ := Ranks(values)
	return ranks
}

// around are the values so many places below and above the middle of a sorted list.
func around(sorted []float64, places float64) (lo, hi float64) {
	k := int(math.Floor(float64(len(sorted))/2 - places))
	k = min(max(k, 0), (len(sorted)-1)/2)
	return sorted[k], sorted[len(sorted)-1-k]
}
