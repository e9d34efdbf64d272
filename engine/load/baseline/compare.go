package baseline

import (
	"fmt"
	"math"
	"time"

	"gameday/engine/load/analysis"
	"gameday/engine/load/analysis/rank"
)

// Verdict is what a comparison came to.
type Verdict uint8

// The verdicts.
const (
	Inconclusive Verdict = iota // the data cannot tell
	Same                        // the interval of the difference lies within what does not matter
	Better
	Worse
)

func (v Verdict) String() string {
	switch v {
	case Same:
		return "same"
	case Better:
		return "better"
	case Worse:
		return "worse"
	}
	return "inconclusive"
}

// Options say what counts as a difference. A zero takes the default.
type Options struct {
	Alpha       float64 // probability of calling any of all comparisons different when nothing is; default 0.05
	Least       float64 // the least difference that matters, as a share of the base; default 0.05
	LeastErrors float64 // and for shares of errors as a difference of shares; default 0.001
	AnyPlan     bool    // judge also when the plans differ
}

// Stat is a figure that is compared.
type Stat string

// The figures.
const (
	P50    Stat = "p50"
	P95    Stat = "p95"
	P99    Stat = "p99"
	Errors Stat = "errors" // share of failed requests
	Rate   Stat = "rate"   // requests per second; more is better
)

// stats with how many requests a block needs on average, so that the quantile is two requests away from its end.
var stats = []struct {
	name     Stat
	quantile float64
	requests uint64
}{{P50, 0.50, 20}, {P95, 0.95, 40}, {P99, 0.99, 200}, {Errors, 0, 20}, {Rate, 0, 1}}

const (
	leastCompared = 8   // blocks on each side: with fewer, ranks say nothing
	mostCompared  = 256 // more only cost time
)

// Difference is one figure of one step, compared.
type Difference struct {
	Stat      Stat
	Verdict   Verdict
	Base, Now float64       // over the whole run: seconds, share or requests per second; NaN without requests
	Effect    float64       // how much higher now: as a share of the base, but for errors as a difference of shares
	Lo, Hi    float64       // 95 % confidence interval of Effect
	P         float64       // of the Mann-Whitney test over blocks; NaN when there were too few
	Adjusted  float64       // after Holm's correction over all comparisons of the two runs
	Block     time.Duration // length of a block
	Blocks    [2]int        // of the base and of the new run
	Paired    bool          // judged by Wilcoxon's test of pairs, because both runs change while they last
	Why       string        // what an inconclusive verdict lacks, or what stands beside another one
}

// Compared is one step of both runs.
type Compared struct {
	Step        string
	Differences []Difference // p50, p95, p99, errors, rate
}

// Comparison is a run judged by its baseline.
type Comparison struct {
	Finding   string // one sentence
	Verdict   Verdict
	Base, Now Head
	Total     Compared
	Steps     []Compared // those in both runs; none when there is only one step, which is the total then
	Reasons   []string   // what must be known to read it: other plans, other machines, steps that are gone
	Tests     int        // how many comparisons Holm's correction is over
	Options   Options
}

// Test names how differences are judged.
const Test = "Mann-Whitney U over blocks of time (Wilcoxon over pairs of them where the load ramps), corrected for autocorrelation and, by Holm, for the number of comparisons"

// Compare judges a run by its baseline, step by step and as a whole: P50, P95, P99, the share of errors and the rate.
//
// Requests of one run are not independent, so the observations of the test are blocks of time, long enough that each holds
// the requests its percentile needs, and the same length in both runs. The two series of blocks are compared by the
// Mann-Whitney test with its variance widened by their autocorrelation (rank.MannWhitney), percentiles as logarithms, so
// that the Hodges-Lehmann estimate of the shift is a ratio. Where both runs change a lot while they last, as under a ramp,
// that widening leaves nothing to compare; the blocks are then compared in pairs of the same time (rank.Wilcoxon), which
// cancels what both runs have in common. All p-values of the comparison are corrected together (Holm).
//
// A figure is Worse or Better when the corrected test is sure and the difference is at least the one that matters; Same
// when its whole interval lies below that; and Inconclusive otherwise, with what it lacks. The run is Worse when any figure
// is; else it is as its total: Inconclusive when any figure of that is, Better when any is, or Same. Plans that differ make
// it Inconclusive. Missed arrivals make percentiles too good, so nothing favourable is said of a run that missed some.
func Compare(base, now *Baseline, o Options) *Comparison {
	out := &Comparison{Base: base.Head, Now: now.Head, Options: o.orDefault()}
	a, b := base.Total(), now.Total()
	out.Total = compareStep(base, now, &a, &b)
	then := map[string]*Step{}
	for i := range base.Steps {
		then[base.Steps[i].Name] = &base.Steps[i]
	}
	var added []string
	for i := range now.Steps {
		s := &now.Steps[i]
		old := then[s.Name]
		if old == nil {
			added = append(added, s.Name)
			continue
		}
		delete(then, s.Name)
		if len(now.Steps) > 1 || len(base.Steps) > 1 {
			out.Steps = append(out.Steps, compareStep(base, now, old, s))
		}
	}
	var gone []string
	for i := range base.Steps {
		if then[base.Steps[i].Name] != nil {
			gone = append(gone, base.Steps[i].Name)
		}
	}
	out.reasons(gone, added)
	out.judge()
	return out
}

func (o Options) orDefault() Options {
	if o.Alpha <= 0 {
		o.Alpha = 0.05
	}
	if o.Least <= 0 {
		o.Least = 0.05
	}
	if o.LeastErrors <= 0 {
		o.LeastErrors = 0.001
	}
	return o
}

// compareStep measures; the verdicts come when all p-values are there.
func compareStep(base, now *Baseline, a, b *Step) Compared {
	out := Compared{Step: b.Name}
	for _, st := range stats {
		d := Difference{Stat: st.name, Base: whole(base, a, st.name, st.quantile), Now: whole(now, b, st.name, st.quantile)}
		nan := math.NaN()
		d.Effect, d.Lo, d.Hi, d.P, d.Adjusted = nan, nan, nan, nan, nan
		d.Block = blockLength(base, now, a, b, st.requests)
		x, y := regroup(base.Blocks, a, d.Block), regroup(now.Blocks, b, d.Block)
		switch st.name {
		case Errors:
			d.shares(x, y)
		case Rate:
			d.rates(x, y)
		default:
			d.quantiles(x, y, st.quantile)
		}
		out.Differences = append(out.Differences, d)
	}
	return out
}

func whole(b *Baseline, s *Step, name Stat, q float64) float64 {
	var done, failed uint64
	var length time.Duration
	for i := range s.Blocks {
		done += s.Blocks[i].Done
		failed += s.Blocks[i].Failed
		length += b.Blocks[i].To - b.Blocks[i].From
	}
	switch {
	case name == Rate && length > 0:
		return float64(done) / length.Seconds()
	case name == Errors && done > 0:
		return float64(failed) / float64(done)
	case q > 0:
		if h := s.Latency(); h.Count() > 0 {
			return h.Quantile(q).Seconds()
		}
	}
	return math.NaN()
}

// quantiles compares the logarithms of a percentile of each block.
func (d *Difference) quantiles(x, y []group, q float64) {
	s, ok := d.test(x, y, func(g *group) float64 {
		if g.latency.Count() == 0 {
			return math.NaN()
		}
		return math.Log(max(g.latency.Quantile(q), 100*time.Nanosecond).Seconds())
	})
	if ok {
		d.Effect, d.Lo, d.Hi = math.Expm1(s.By), math.Expm1(s.Lo), math.Expm1(s.Hi)
	}
}

// rates compares the requests per second of each block; the difference is a share of the base's rate.
func (d *Difference) rates(x, y []group) {
	s, ok := d.test(x, y, func(g *group) float64 { return float64(g.done) / g.length.Seconds() })
	if ok && d.Base > 0 {
		d.Effect, d.Lo, d.Hi = s.By/d.Base, s.Lo/d.Base, s.Hi/d.Base
	}
}

// shares compares the shares of errors of the blocks. The median difference of two series that are mostly zero is zero, so
// the size of the difference is that of the whole runs, with the interval of two ratios over blocks.
func (d *Difference) shares(x, y []group) {
	_, ok := d.test(x, y, func(g *group) float64 {
		if g.done == 0 {
			return math.NaN()
		}
		return float64(g.failed) / float64(g.done)
	})
	if !ok {
		return
	}
	a, b := ratioOf(x), ratioOf(y)
	d.Effect = b.share - a.share
	far := rank.Within(confidence, a.worth+b.worth-2) * math.Hypot(a.error, b.error)
	// Nothing failed says: less than three in all (Hanley and Lippman-Hand, If nothing goes wrong, is everything all right?,
	// JAMA 249, 1983).
	d.Lo, d.Hi = d.Effect-max(far, a.none), d.Effect+max(far, b.none)
}

const confidence = 0.95

// moving is the share of a series' values that independent ones would be as good as, below which it is taken to change
// with the plan: a ramp, a spike.
const moving = 0.125

// test compares a figure of the blocks of two runs; it reports false when there are too few.
func (d *Difference) test(x, y []group, f func(*group) float64) (rank.Shift, bool) {
	a, b := values(x, f), values(y, f)
	d.Blocks = [2]int{len(a), len(b)}
	if len(a) < leastCompared || len(b) < leastCompared {
		d.Why = fmt.Sprintf("%d and %d blocks of %s with requests are fewer than the %d it takes", len(a), len(b), analysis.Span(d.Block), leastCompared)
		return rank.Shift{}, false
	}
	s := rank.MannWhitney(a, b, confidence)
	if s.NA < moving*float64(len(a)) && s.NB < moving*float64(len(b)) {
		if both := pairs(x, y, f); len(both) >= 2*leastCompared && 2*len(both) > max(len(a), len(b)) {
			s, d.Paired = rank.Wilcoxon(both, confidence), true
		}
	}
	d.P = s.P
	return s, true
}
