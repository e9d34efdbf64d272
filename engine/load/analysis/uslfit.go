package analysis

import (
	"cmp"
	"math"
	"slices"

	"gameday/engine/load/analysis/rank"
)

// curve is the law on its way to fitting some points.
type curve struct {
	points []Point // one per level, ascending
	weight []float64
	free   [3]bool    // which of λ, σ, κ may move
	p      [3]float64 // λ, σ, κ
	cost   float64
	cov    [3][3]float64
	floor  float64 // rates below this count as this much in relative errors
}

const (
	lambda = iota
	sigma
	kappa
)

// medians makes one point of each level.
func medians(points []Point) []Point {
	rates := map[float64][]float64{}
	for _, p := range points {
		rates[p.Users] = append(rates[p.Users], p.Rate)
	}
	out := make([]Point, 0, len(rates))
	for users, r := range rates {
		out = append(out, Point{Users: users, Rate: rank.Median(r)})
	}
	slices.SortFunc(out, func(a, b Point) int { return cmp.Compare(a.Users, b.Users) })
	return out
}

// fitUSL fits the law to one point per level. It reports false when there is nothing but zeros.
func fitUSL(points []Point) (*curve, bool) {
	c := &curve{points: points, weight: make([]float64, len(points))}
	highest := 0.0
	for i, p := range points {
		c.weight[i] = 1
		highest = max(highest, p.Rate)
	}
	if highest <= 0 {
		return nil, false
	}
	c.floor = highest / 100
	c = c.bounded()
	if len(points) >= 8 {
		for range 10 {
			c.reweigh()
			c = c.bounded()
		}
	}
	c.spread()
	return c, true
}

// bounded is the best fit with σ and κ at zero or above. The error has one minimum in the range that matters, so when it
// lies outside, the best one inside has a parameter at its bound: the four ways to hold them there are all that can be.
func (c *curve) bounded() *curve {
	var best *curve
	for _, free := range [][3]bool{{true, true, true}, {true, true, false}, {true, false, true}, {true, false, false}} {
		try := *c
		try.free = free
		try.start()
		try.descend()
		inside := try.p[lambda] > 0 && try.p[sigma] >= 0 && try.p[kappa] >= 0
		if inside && (best == nil || try.cost < best.cost*(1-1e-9)) {
			best = &try
		}
		if inside && free[sigma] && free[kappa] {
			break
		}
	}
	if best == nil { // not reached: a straight line through zero is always inside
		try := *c
		try.free = [3]bool{true, false, false}
		try.start()
		return &try
	}
	return best
}

// start is the solution of the linearised law, N/X = 1/λ + σ/λ (N-1) + κ/λ N(N-1), or a line through the best point where
// that one is no law.
func (c *curve) start() {
	var m [3][3]float64
	var v [3]float64
	steepest := 0.0
	for i, p := range c.points {
		steepest = max(steepest, p.Rate/p.Users)
		y := p.Users / max(p.Rate, c.floor)
		row := [3]float64{1, p.Users - 1, p.Users * (p.Users - 1)}
		w := c.weight[i] / (y * y)
		for a := range row {
			if !c.free[a] {
				continue
			}
			v[a] += w * row[a] * y
			for b := range row {
				if c.free[b] {
					m[a][b] += w * row[a] * row[b]
				}
			}
		}
	}
	s, ok := solve(m, v, c.free)
	c.p = [3]float64{steepest, 0, 0}
	if ok && s[0] > 0 {
		c.p = [3]float64{1 / s[0], s[1] / s[0], s[2] / s[0]}
	}
	if c.error(c.p) == math.Inf(1) {
		c.p = [3]float64{steepest, 0, 0}
	}
	c.cost = c.error(c.p)
}

// error is the weighted sum of squared relative errors; +Inf where the law has no value.
func (c *curve) error(p [3]float64) (sum float64) {
	for i := range c.points {
		r, ok := c.residual(i, p)
		if !ok {
			return math.Inf(1)
		}
		sum += c.weight[i] * r * r
	}
	return sum
}

func (c *curve) residual(i int, p [3]float64) (float64, bool) {
	n, x := c.points[i].Users, c.points[i].Rate
	f := uslAt(p[lambda], p[sigma], p[kappa], n)
	if !(f > 0) || math.IsInf(f, 0) {
		return 0, false
	}
	return (x - f) / max(x, c.floor), true
}

// normal is JᵀWJ and JᵀWr of the relative errors.
func (c *curve) normal() (m [3][3]float64, v [3]float64) {
	for i, pt := range c.points {
		n, unit := pt.Users, max(pt.Rate, c.floor)
		d := 1 + c.p[sigma]*(n-1) + c.p[kappa]*n*(n-1)
		f := c.p[lambda] * n / d
		row := [3]float64{n / d / unit, -f * (n - 1) / d / unit, -f * n * (n - 1) / d / unit}
		r := (pt.Rate - f) / unit
		for a := range row {
			if !c.free[a] {
				continue
			}
			v[a] += c.weight[i] * row[a] * r
			for b := range row {
				if c.free[b] {
					m[a][b] += c.weight[i] * row[a] * row[b]
				}
			}
		}
	}
	return m, v
}

// descend is the Levenberg-Marquardt iteration (Marquardt, An algorithm for least-squares estimation of nonlinear
// parameters, SIAM Journal 11, 1963) with his scaling by the diagonal, which makes units irrelevant.
func (c *curve) descend() {
	damping := 1e-3
	for range 200 {
		m, v := c.normal()
		damped := m
		for a := range damped {
			damped[a][a] *= 1 + damping
		}
		step, ok := solve(damped, v, c.free)
		next := c.p
		for a := range next {
			next[a] += step[a]
		}
		cost := math.Inf(1)
		if ok {
			cost = c.error(next)
		}
		if !(cost <= c.cost) {
			if damping *= 10; damping > 1e12 {
				return
			}
			continue
		}
		done := c.cost-cost <= 1e-14*c.cost
		c.p, c.cost = next, cost
		if done {
			return
		}
		damping = max(damping/10, 1e-12)
	}
}

// reweigh sets Tukey's weights by the relative errors, whose spread the three parameters have made smaller than it is.
// Errors under half a percent are never far off.
func (c *curve) reweigh() {
	away := make([]float64, len(c.points))
	for i := range away {
		away[i], _ = c.residual(i, c.p)
	}
	n := float64(len(away))
	far := 4.685 * max(rank.Spread(away)*math.Sqrt(n/(n-3)), 0.005)
	weight := make([]float64, len(away))
	for i, r := range away {
		if u := r / far; math.Abs(u) < 1 {
			weight[i] = (1 - u*u) * (1 - u*u)
		}
	}
	c.weight = weight
}

// spread sets the covariance of the free parameters.
func (c *curve) spread() {
	k, n := 0, 0.0
	for _, f := range c.free {
		if f {
			k++
		}
	}
	for _, w := range c.weight {
		n += w
	}
	variance := c.cost / max(n-float64(k), 1)
	m, _ := c.normal()
	for a := range m {
		var unit [3]float64
		unit[a] = 1
		column, ok := solve(m, unit, c.free)
		for b := range m {
			if ok && c.free[a] && c.free[b] {
				c.cov[b][a] = column[b] * variance
			}
		}
	}
}

// quality is R² over the levels and the median relative error.
func (c *curve) quality() (r2, typical float64) {
	mean, n := 0.0, float64(len(c.points))
	for _, p := range c.points {
		mean += p.Rate / n
	}
	var rest, all float64
	away := make([]float64, len(c.points))
	for i, p := range c.points {
		f := uslAt(c.p[lambda], c.p[sigma], c.p[kappa], p.Users)
		rest += (p.Rate - f) * (p.Rate - f)
		all += (p.Rate - mean) * (p.Rate - mean)
		away[i] = math.Abs(p.Rate-f) / f
	}
	if all == 0 {
		return 0, rank.Median(away)
	}
	return 1 - rest/all, rank.Median(away)
}

// solve solves the symmetric system of the free rows by elimination with scaled pivots; it reports false when there is
// no one solution.
func solve(m [3][3]float64, v [3]float64, free [3]bool) (x [3]float64, ok bool) {
	scale := [3]float64{1, 1, 1}
	for a := range m {
		if !free[a] {
			m[a] = [3]float64{}
			for b := range m {
				m[b][a] = 0
			}
			m[a][a], v[a] = 1, 0
			continue
		}
		if m[a][a] <= 0 {
			return x, false
		}
		scale[a] = 1 / math.Sqrt(m[a][a])
	}
	for a := range m {
		for b := range m {
			m[a][b] *= scale[a] * scale[b]
		}
		v[a] *= scale[a]
	}
	for a := range m { // positive definite: the diagonal is a good pivot
		if !(m[a][a] > 1e-14) {
			return x, false
		}
		for b := a + 1; b < 3; b++ {
			f := m[b][a] / m[a][a]
			for k := a; k < 3; k++ {
				m[b][k] -= f * m[a][k]
			}
			v[b] -= f * v[a]
		}
	}
	for a := 2; a >= 0; a-- {
		x[a] = v[a]
		for b := a + 1; b < 3; b++ {
			x[a] -= m[a][b] * x[b]
		}
		x[a] /= m[a][a]
	}
	for a := range x {
		x[a] *= scale[a]
	}
	return x, true
}

// deviation is the standard error of a parameter.
func (c *curve) deviation(a int) float64 { return math.Sqrt(max(c.cov[a][a], 0)) }
