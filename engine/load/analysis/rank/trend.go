package rank

import (
	"math"
	"slices"
)

// MaxTrend is the longest series that Rising takes as it is: it looks at every pair. Longer ones are to be thinned first.
const MaxTrend = 1000

// Trend is whether and how fast a series rises or falls.
type Trend struct {
	P      float64 // probability of a trend like this in a series that has none
	Tau    float64 // Kendall's: from -1, every later value is lower, to 1
	Slope  float64 // change of y for each unit of x; the median over all pairs
	Lo, Hi float64 // confidence interval of Slope
	Level  float64 // the value of the line where x is zero
	Worth  float64 // how many independent observations the series is worth
}

// Rising judges y over x (ascending, evenly spaced but for gaps) by the test of Mann (Nonparametric tests against trend,
// Econometrica 13, 1945) and Kendall, with the slope of Theil and Sen (Sen, Estimates of the regression coefficient based
// on Kendall's tau, JASA 63, 1968), whose interval is widened like the test itself.
//
// A series with a memory wanders, and a wandering one looks like a trend. The variance of Kendall's S is therefore
// multiplied by the factor of Hamed and Rao (A modified Mann-Kendall trend test for autocorrelated data, Journal of
// Hydrology 204, 1998), over the ranks of what remains when the slope has been taken out. The autocorrelations in it are
// those of a first-order process whose one parameter is corrected for its bias, because single lags estimated from a short
// series, which the paper takes, are mostly noise and on average too small. From eighty values on it is measured in four
// pieces, each with a line of its own taken out: a growth that levels off is then not taken for memory.
//
// Fewer than four values, or values that are not numbers, make P NaN.
func Rising(x, y []float64, confidence float64) Trend {
	nan := math.NaN()
	out := Trend{P: nan, Tau: nan, Slope: nan, Lo: nan, Hi: nan, Level: nan}
	bad := func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }
	if len(x) != len(y) || len(y) < 4 || len(y) > MaxTrend || slices.ContainsFunc(y, bad) || slices.ContainsFunc(x, bad) {
		return out
	}
	slopes, s := pairs(x, y)
	if len(slopes) == 0 {
		return out
	}
	n := float64(len(y))
	out.Slope = middle(slopes)
	rest := make([]float64, len(y))
	for i := range y {
		rest[i] = y[i] - out.Slope*x[i]
	}
	out.Level = Median(rest)
	out.Tau = s / (n * (n - 1) / 2)
	_, ties := Ranks(y)
	variance := (n*(n-1)*(2*n+5) - tied(y)) / 18
	if ties == n*n*n-n { // all values are equal
		out.P, out.Lo, out.Hi, out.Worth = 1, out.Slope, out.Slope, n
		return out
	}
	wide := hamedRao(pieces(ownRanks(rest)), len(y))
	out.Worth = n / wide
	sigma := math.Sqrt(variance * wide)
	df := max(out.Worth-2, 1)
	out.P = Student(max(math.Abs(s)-1, 0)/sigma, df)
	out.Lo, out.Hi = around(slopes, Within(confidence, df)*sigma/2)
	return out
}

// pieces is the memory of a series without its smooth part.
func pieces(values []float64) float64 {
	n := 1
	if len(values) >= 80 {
		n = 4
	}
	sum := 0.0
	for i := range n {
		piece := values[i*len(values)/n : (i+1)*len(values)/n]
		sum += firstOrder(straightened(piece), 2, 4)
	}
	return min(max(sum/float64(n), 0), maxCorrelation)
}

// straightened is what remains of values when the line of least squares is taken out.
func straightened(values []float64) []float64 {
	n := float64(len(values))
	mid := (n - 1) / 2
	mean, slope, wide := 0.0, 0.0, 0.0
	for i, v := range values {
		mean += v / n
		slope += (float64(i) - mid) * v
		wide += (float64(i) - mid) * (float64(i) - mid)
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v - mean - slope/wide*(float64(i)-mid)
	}
	return out
}

// pairs are the slopes between any two points, sorted, and Kendall's S.
func pairs(x, y []float64) (slopes []float64, s float64) {
	slopes = make([]float64, 0, len(y)*(len(y)-1)/2)
	for i := range y {
		for j := i + 1; j < len(y); j++ {
			if x[j] <= x[i] {
				continue
			}
			slopes = append(slopes, (y[j]-y[i])/(x[j]-x[i]))
			switch {
			case y[j] > y[i]:
				s++
			case y[j] < y[i]:
				s--
			}
		}
	}
	slices.Sort(slopes)
	return slopes, s
}

// tied is the sum of t(t-1)(2t+5) over all groups of t equal values: what ties take from the variance of Kendall's S.
func tied(values []float64) (sum float64) {
	s := slices.Clone(values)
	slices.Sort(s)
	for from := 0; from < len(s); {
		to := from + 1
		for to < len(s) && s[to] == s[from] {
			to++
		}
		t := float64(to - from)
		sum += t * (t - 1) * (2*t + 5)
		from = to
	}
	return sum
}

// hamedRao is the factor for a series of n values with the given memory, never below 1.
func hamedRao(rho float64, n int) float64 {
	sum, power := 0.0, 1.0
	for k := 1; k < n-2; k++ {
		power *= rho
		f := float64(n - k)
		sum += f * (f - 1) * (f - 2) * power
	}
	f := float64(n)
	return max(1, 1+2*sum/(f*(f-1)*(f-2)))
}
