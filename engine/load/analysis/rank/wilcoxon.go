package rank

import (
	"math"
	"slices"
)

// Wilcoxon judges differences of pairs, in the order of their time, by the signed-rank test (Wilcoxon, Individual
// comparisons by ranking methods, Biometrics Bulletin 1, 1945), two-sided, without the pairs that are equal and corrected
// for ties. It is for two runs that change in the same way while they last: what they have in common cancels out. By is the
// median of all means of two differences, which is Hodges and Lehmann's estimate for this test. The variance is widened for
// the dependence of the differences on each other as in MannWhitney; NA and NB are both what the pairs are worth.
//
// With fewer than two pairs, or values that are not numbers, P is NaN.
func Wilcoxon(differences []float64, confidence float64) Shift {
	nan := math.NaN()
	out := Shift{P: nan, Greater: nan, By: nan, Lo: nan, Hi: nan}
	bad := func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }
	if len(differences) < 2 || slices.ContainsFunc(differences, bad) {
		return out
	}
	means := make([]float64, 0, len(differences)*(len(differences)+1)/2)
	var size []float64
	more := 0.0
	for i, d := range differences {
		for _, e := range differences[i:] {
			means = append(means, d/2+e/2)
		}
		if d != 0 {
			size = append(size, math.Abs(d))
		}
		switch {
		case d > 0:
			more++
		case d == 0:
			more += 0.5
		}
	}
	slices.Sort(means)
	out.By, out.Greater = middle(means), more/float64(len(differences))
	wide := Inflation(ownRanks(differences))
	out.NA = float64(len(differences)) / wide
	out.NB = out.NA
	if len(size) == 0 { // no pair differs
		out.P, out.Lo, out.Hi = 1, 0, 0
		return out
	}
	ranks, ties := Ranks(size)
	w, k := 0.0, 0
	for _, d := range differences {
		if d == 0 {
			continue
		}
		if d > 0 {
			w += ranks[k]
		}
		k++
	}
	n := float64(len(size))
	sigma := math.Sqrt((n*(n+1)*(2*n+1)/24 - ties/48) * wide)
	df := max(out.NA-1, 1)
	out.P = Student(max(math.Abs(w-n*(n+1)/4)-0.5, 0)/sigma, df)
	out.Lo, out.Hi = around(means, Within(confidence, df)*sigma)
	return out
}
