package analysis

import (
	"fmt"
	"math"
	"time"

	"gameday/engine/load/analysis/rank"
)

// Point is the throughput that was measured at some number of users.
type Point struct {
	Users float64 // at work at the same time, above 0
	Rate  float64 // requests per second
}

// USL is the Universal Scalability Law fitted to a run: X(N) = λN / (1 + σ(N-1) + κN(N-1)), where σ is the share of work
// that waits for its turn (contention) and κ the cost of any two users keeping each other's data in agreement (coherency)
// (Gunther, A simple capacity model of massively parallel transaction systems, CMG 1993; Guerrilla Capacity Planning,
// Springer 2007, chapter 4).
type USL struct {
	Finding
	Lambda, Sigma, Kappa       float64 // requests per second of one user; contention; coherency
	LambdaSE, SigmaSE, KappaSE float64 // standard errors; 0 for a parameter that is at its bound
	Peak                       float64 // users with the highest throughput, sqrt((1-σ)/κ); +Inf when it always rises
	PeakLo, PeakHi             float64 // 95 % confidence interval of Peak; PeakHi may be +Inf
	PeakRate                   float64 // the throughput there; when it always rises the ceiling λ/σ, which may be +Inf
	Knee                       float64 // users beyond which one more adds under half of what the first one did; may be +Inf
	R2                         float64 // share of the throughput's variation over the levels that the law explains
	Error                      float64 // typical distance of a point from the curve, as a share of the curve
	Levels                     int     // different numbers of users
	Largest                    float64 // most users measured
}

// What a fit must have to be believed.
const (
	leastLevels = 4    // three parameters leave one level that could contradict them
	fewLevels   = 6    // fewer make a doubt
	goodR2      = 0.9  // less and the law does not describe the target
	wideRange   = 4.0  // the largest level over the smallest
	maxPoints   = 5000 // more add nothing but time
)

// FitUSL fits the law by non-linear least squares of the relative error (Levenberg-Marquardt) from the solution of the
// linearised form, with all parameters held at zero or above. Points may be one for each level or one for each second (see
// Levels): those of one level count as their median, so that a second in which something else happened has no weight, and
// the intervals come from how the levels scatter around the curve, not from how many seconds each lasted. From eight
// levels on, those that are far off lose their weight too (Tukey's biweight).
//
// It is Inconclusive with fewer than four levels or when the law does not describe them, Found when throughput peaked within
// what was measured (or is level from the first level on) and Clear when it did not. A peak beyond the largest level is told as an extrapolation and is Clear.
func FitUSL(points []Point) USL {
	out := USL{Peak: math.NaN(), PeakLo: math.NaN(), PeakHi: math.NaN(), PeakRate: math.NaN(), Knee: math.NaN(), R2: math.NaN()}
	var good []Point
	for _, p := range points {
		if p.Users > 0 && p.Rate >= 0 && !math.IsInf(p.Users, 0) && !math.IsInf(p.Rate, 0) && len(good) < maxPoints {
			good = append(good, p)
		}
	}
	least := math.Inf(1)
	levels := map[float64]bool{}
	for _, p := range good {
		levels[p.Users] = true
		least, out.Largest = min(least, p.Users), max(out.Largest, p.Users)
	}
	if out.Levels = len(levels); out.Levels < leastLevels {
		out.inconclusive("scalability cannot be told from %d levels of users: it takes at least %d", out.Levels, leastLevels)
		return out
	}
	levelled := medians(good)
	fit, ok := fitUSL(levelled)
	if !ok {
		out.inconclusive("scalability cannot be told: no throughput was measured")
		return out
	}
	out.take(fit)
	if out.Largest < wideRange*least {
		out.doubt("the levels from %s to %s users lie close together: spread them over a factor of ten", count(least), count(out.Largest))
	}
	if out.Levels < fewLevels {
		out.doubt("%d levels are few for three parameters: %d or more make it firm", out.Levels, fewLevels)
	}
	if lo, hi := extremes(levelled); hi <= 1.1*lo && out.Largest >= 2*least {
		out.Verdict = Found
		out.Sentence = fmt.Sprintf("throughput stays at about %s/s from %s to %s users: its limit is reached with fewer", count(hi), count(least), count(out.Largest))
		out.doubt("measure fewer users to see how it gets there: no law can be told from a level line")
		return out
	}
	out.judge()
	return out
}

func extremes(points []Point) (lo, hi float64) {
	lo = math.Inf(1)
	for _, p := range points {
		lo, hi = min(lo, p.Rate), max(hi, p.Rate)
	}
	return lo, hi
}

func (u *USL) take(fit *curve) {
	u.Lambda, u.Sigma, u.Kappa = fit.p[0], fit.p[1], fit.p[2]
	u.LambdaSE, u.SigmaSE, u.KappaSE = fit.deviation(lambda), fit.deviation(sigma), fit.deviation(kappa)
	u.R2, u.Error = fit.quality()
	u.Knee = u.knee()
	if u.Kappa == 0 || u.Sigma >= 1 {
		u.Peak, u.PeakHi, u.PeakRate = math.Inf(1), math.Inf(1), u.Lambda/u.Sigma
		if u.Sigma >= 1 { // it only falls
			u.Peak, u.PeakHi, u.PeakRate = 1, math.NaN(), u.Lambda
		}
		return
	}
	u.Peak = max(math.Sqrt((1-u.Sigma)/u.Kappa), 1)
	u.PeakRate = u.At(u.Peak)
	// Delta method on log Peak = (log(1-σ) - log κ)/2, which keeps the interval above zero.
	a, b := -0.5/(1-u.Sigma), -0.5/u.Kappa
	se := math.Sqrt(max(a*a*fit.cov[1][1]+b*b*fit.cov[2][2]+2*a*b*fit.cov[1][2], 0))
	far := rank.Within(0.95, float64(max(len(fit.points)-3, 1))) * se
	u.PeakLo, u.PeakHi = u.Peak*math.Exp(-far), u.Peak*math.Exp(far)
}

// At is the throughput of so many users by the law, in requests per second.
func (u *USL) At(users float64) float64 { return uslAt(u.Lambda, u.Sigma, u.Kappa, users) }

func uslAt(lambda, sigma, kappa, n float64) float64 {
	return lambda * n / (1 + sigma*(n-1) + kappa*n*(n-1))
}

// knee is where the slope of X falls to λ/2. The slope is λ(1-σ-κN²)/(1+σ(N-1)+κN(N-1))², which falls all the way to the
// peak.
func (u *USL) knee() float64 {
	slope := func(n float64) float64 {
		d := 1 + u.Sigma*(n-1) + u.Kappa*n*(n-1)
		return (1 - u.Sigma - u.Kappa*n*n) / (d * d)
	}
	lo, hi := 1.0, 2.0
	if slope(lo) <= 0.5 {
		return 1
	}
	for slope(hi) > 0.5 {
		if hi *= 2; hi > 1e9 {
			return math.Inf(1)
		}
	}
	for range 80 {
		if mid := (lo + hi) / 2; slope(mid) > 0.5 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

func (u *USL) judge() {
	costs := fmt.Sprintf("contention %s, coherency %s", share(u.Sigma), share(u.Kappa))
	knee := ""
	if u.Knee <= u.Largest {
		knee = fmt.Sprintf("; beyond %s users each added user gains under half of what the first one does", count(math.Round(u.Knee)))
	}
	linear := u.At(u.Largest) / (u.Lambda * u.Largest)
	switch {
	case u.Peak < 1.5 && u.explained():
		u.Verdict = Found
		u.Sentence = fmt.Sprintf("throughput falls with every user after the first one (%s/s); %s", count(u.PeakRate), costs)
	case u.Peak <= u.Largest && u.explained():
		u.Verdict = Found
		u.Sentence = fmt.Sprintf("throughput peaks at about %s users, %s/s; %s%s", count(math.Round(u.Peak)), count(u.PeakRate), costs, knee)
		if u.PeakHi > 2*u.PeakLo {
			u.doubt("the peak lies anywhere between %s and %s users (95 %% confidence): measure more levels around it",
				count(math.Round(u.PeakLo)), count(math.Round(u.PeakHi)))
		}
	case !u.explained():
		u.inconclusive("throughput does not follow the Universal Scalability Law (it explains %s of the variation between levels, typical error %s)",
			share(max(u.R2, 0)), share(u.Error))
		u.doubt("something other than the number of users changed it: caches that warm up, a rate limit, another load, the generator itself")
	case linear > 0.9:
		u.Verdict = Clear
		u.Sentence = fmt.Sprintf("throughput grows with the users up to %s, the most measured, at %s of one user's rate each; %s",
			count(u.Largest), share(linear), costs)
		u.beyond()
	default:
		u.Verdict = Clear
		u.Sentence = fmt.Sprintf("throughput still rises at %s users, the most measured (%s/s); %s%s",
			count(u.Largest), count(u.At(u.Largest)), costs, knee)
		u.beyond()
	}
}

// explained is whether the law may be believed. Throughput that hardly changes over the levels has no variation to
// explain; then it is enough that the points lie close to the curve.
func (u *USL) explained() bool { return u.R2 >= goodR2 || u.Error < 0.03 }

// beyond says what the curve says beyond the largest level, and that nobody has seen it.
func (u *USL) beyond() {
	switch {
	case !math.IsInf(u.Peak, 0):
		u.doubt("a peak at about %s users, %s/s, would be beyond what was measured: it is an extrapolation, test there before you rely on it",
			count(math.Round(u.Peak)), count(u.PeakRate))
	case !math.IsInf(u.PeakRate, 0):
		u.doubt("a ceiling of about %s/s would be beyond what was measured: it is an extrapolation, test there before you rely on it", count(u.PeakRate))
	}
}

// Levels makes points of the seconds of a closed run in steps: neighbouring seconds with the same number of users are one
// level, of which the beginning is left out as settling: so long, or when settle is 0 a fifth and at least a second. Every
// second that remains is one point.
func Levels(seconds []Second, settle time.Duration) []Point {
	var out []Point
	for from := 0; from < len(seconds); {
		to := from + 1
		for to < len(seconds) && seconds[to].Users == seconds[from].Users {
			to++
		}
		level := seconds[from:to]
		settled := level[0].From + settle
		if settle <= 0 {
			settled = level[0].From + max((level[len(level)-1].To-level[0].From)/5, time.Second)
		}
		for i := range level {
			if s := &level[i]; s.Users > 0 && s.From >= settled && s.To > s.From {
				out = append(out, Point{Users: s.Users, Rate: float64(s.Done) / (s.To - s.From).Seconds()})
			}
		}
		from = to
	}
	return out
}
