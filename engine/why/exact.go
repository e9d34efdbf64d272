package why

import "math"

// stratum is one kind of request: how many bad and good ones were read, and how many of each have the candidate.
type stratum struct{ hasBad, bad, hasGood, good int }

// exact is the probability that bad requests have a candidate at least so often as they do when it has nothing to do with
// being bad: Fisher's exact test, one-sided, with every kind of request as a stratum of its own (the exact conditional test
// of Mantel and Haenszel's hypothesis; Gart, Point and interval estimation of the common odds ratio, Biometrika 57, 1970).
// Within a stratum the count of bad requests that have it is hypergeometric; the sum over all is the convolution of these.
func exact(strata []stratum) float64 {
	dist, seen, least := []float64{1}, 0, 0
	for _, s := range strata {
		has, all := s.hasBad+s.hasGood, s.bad+s.good
		if s.bad == 0 || s.good == 0 || has == 0 || has == all {
			continue // says nothing
		}
		lo, hi := max(0, has-s.good), min(has, s.bad)
		one := make([]float64, hi-lo+1)
		for k := lo; k <= hi; k++ {
			one[k-lo] = math.Exp(choose(has, k) + choose(all-has, s.bad-k) - choose(all, s.bad))
		}
		sum := make([]float64, len(dist)+len(one)-1)
		for i, a := range dist {
			for j, b := range one {
				sum[i+j] += a * b
			}
		}
		dist, seen, least = sum, seen+s.hasBad, least+lo
	}
	p := 0.0
	for i := len(dist) - 1; i >= seen-least && i >= 0; i-- { // the smallest first
		p += dist[i]
	}
	return min(p, 1)
}

// choose is the logarithm of the binomial coefficient.
func choose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
