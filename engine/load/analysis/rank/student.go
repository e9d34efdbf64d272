package rank

import "math"

// Normal is the probability that a standard normal variable is at least as far from zero as z.
func Normal(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// Student is the probability that a variable of Student's t distribution with df degrees of freedom (at least 1, not
// necessarily whole) is at least as far from zero as t: the regularised incomplete beta function
// I(df/(df+t²); df/2, 1/2) (NIST Digital Library of Mathematical Functions, 8.17).
func Student(t, df float64) float64 {
	if math.IsNaN(t) || math.IsNaN(df) {
		return math.NaN()
	}
	if math.IsInf(t, 0) {
		return 0
	}
	df = max(df, 1)
	if df > 1e6 {
		return Normal(t)
	}
	return beta(df/(df+t*t), t*t/(df+t*t), df/2, 0.5)
}

// Within is how many standard errors around an estimate hold the truth with the given confidence (0 to 1, such as 0.95):
// the inverse of Student.
func Within(confidence, df float64) float64 {
	want := 1 - min(max(confidence, 0), 0.999999)
	if math.IsNaN(want) || math.IsNaN(df) {
		return math.NaN()
	}
	lo, hi := 0.0, 1.0
	for Student(hi, df) > want {
		if hi *= 2; hi > 1e12 {
			return hi
		}
	}
	for range 100 {
		if mid := (lo + hi) / 2; Student(mid, df) > want {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// beta is the regularised incomplete beta function of x; y is 1-x, given apart so that neither loses digits.
func beta(x, y, a, b float64) float64 {
	if x <= 0 {
		return 0
	}
	if y <= 0 {
		return 1
	}
	if x > (a+1)/(a+b+2) {
		return 1 - beta(y, x, b, a)
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab-la-lb+a*math.Log(x)+b*math.Log(y)) / a
	return front * fraction(x, a, b)
}

// fraction is the continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated by Lentz's method.
func fraction(x, a, b float64) float64 {
	const tiny = 1e-300
	apart := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/apart(1-(a+b)*x/(a+1))
	out := d
	for m := 1.0; m < 500; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / apart(1+even*d)
		c = apart(1 + even/c)
		out *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / apart(1+odd*d)
		c = apart(1 + odd/c)
		out *= d * c
		if math.Abs(d*c-1) < 1e-15 {
			break
		}
	}
	return out
}
