package analysis

import (
	"fmt"
	"math"
	"time"

	"gameday/engine/load/analysis/rank"
)

// Unit is what a series is counted in, for sentences.
type Unit uint8

// The units.
const (
	Plain   Unit = iota // a number: threads, open files, queue length
	Seconds             // a latency
	Share               // a part of a whole, 0 to 1
	Bytes
)

// Format writes a value as a person does: "1.8 ms", "4.1 %", "2.1 MB", "1,240".
func (u Unit) Format(v float64) string {
	switch u {
	case Seconds:
		return latency(v)
	case Share:
		return share(v)
	case Bytes:
		return bytes(v)
	}
	return count(v)
}

// Sample is one value at one time since the run began.
type Sample struct {
	At    time.Duration
	Value float64
}

// Series is something that should not drift: a percentile, the memory of a process, its open files.
type Series struct {
	Name    string // "memory of checkout"; it stands in sentences as it is
	Unit    Unit
	Samples []Sample // ascending in time; values that are not numbers are left out
	Limit   *float64 // where it is full, or empty when Shrinks; nil when not known
	Shrinks bool     // falling is what hurts: free disk, free connections
}

// Judge says what counts as a drift. A zero takes the default.
type Judge struct {
	Alpha  float64       // probability of calling what does not drift a drift; default 0.05
	Least  float64       // change over the run, as a share of where it began, that matters; default 0.05
	Settle time.Duration // what of the beginning is left out: caches fill, connections open; default 0
}

// Drift is whether a series crept up (or down, when that is what hurts).
type Drift struct {
	Finding
	Name          string
	P             float64       // of the trend test, before any correction
	Adjusted      float64       // P after Holm's correction over everything that was judged together
	Slope         float64       // per second, in the unit of the series
	Lo, Hi        float64       // 95 % confidence interval of Slope
	Begin, End    float64       // the values of the line at both ends
	Change        float64       // over the run, as a share of Begin; +Inf when that is zero
	Span          time.Duration // from the first sample to the last
	Samples       int
	Worth         float64       // how many independent samples they are worth
	Full          time.Duration // from the last sample until Limit at this slope; -1 when not known or never
	FullLo        time.Duration // the soonest and
	FullHi        time.Duration // the latest of it by the interval of Slope; -1 for never
	series        *Series
	bursts, later bool // the slope is one of means; the second half does not rise any more
}

const (
	leastSamples = 10
	leastShare   = 0.001
	mostSamples  = 200 // longer series are thinned to medians: the trend test looks at every pair
)

// Drifting judges one series by the trend test of Mann and Kendall, corrected for autocorrelation, with the slope of Theil
// and Sen; see rank.Rising. A drift is Found when the test is sure and the change over the run matters. It is Clear when the
// series goes the other way or changes by less, and Inconclusive when noise hides whether it does, or with fewer than ten
// samples.
func Drifting(s Series, j Judge) Drift {
	d := measure(&s, j)
	d.Adjusted = d.P
	d.judge(j.orDefault())
	return d
}

func (j Judge) orDefault() Judge {
	if j.Alpha <= 0 {
		j.Alpha = 0.05
	}
	if j.Least <= 0 {
		j.Least = 0.05
	}
	return j
}

func measure(s *Series, j Judge) Drift {
	nan := math.NaN()
	d := Drift{Name: s.Name, P: nan, Slope: nan, Lo: nan, Hi: nan, Begin: nan, End: nan, Change: nan, Full: -1, FullLo: -1, FullHi: -1, series: s}
	x, y, n := thin(s.Samples, j.Settle)
	if d.Samples = n; len(x) < leastSamples {
		return d
	}
	first, last := x[0], x[len(x)-1]
	d.Span = time.Duration((last - first) * float64(time.Second))
	t := rank.Rising(x, y, 0.95)
	d.P, d.Slope, d.Lo, d.Hi, d.Worth = t.P, t.Slope, t.Lo, t.Hi, t.Worth
	d.Begin = t.Level + t.Slope*first
	if third := len(x) / 3; t.Slope == 0 && t.P < 0.5 {
		// Most values are equal, as shares of errors are: the median slope is none, whatever became of the others.
		early, late := mean(y[:third]), mean(y[len(y)-third:])
		d.Slope = (late - early) / (mean(x[len(x)-third:]) - mean(x[:third]))
		d.Begin, d.bursts = max(early, 0), true
	}
	d.End = d.Begin + d.Slope*(last-first)
	d.Change = relative(d.End-d.Begin, d.Begin)
	half := rank.Rising(x[len(x)/2:], y[len(y)/2:], 0.95)
	d.later = math.Abs(d.Slope) > 0 && half.Slope/d.Slope < 0.5 && len(x) >= 2*leastSamples && !d.bursts
	d.fill(s)
	return d
}

// thin are the samples in seconds, as medians over equal intervals where there are too many, and how many there were.
func thin(samples []Sample, settle time.Duration) (x, y []float64, n int) {
	var ok []Sample
	for _, s := range samples {
		if s.At >= settle && !math.IsNaN(s.Value) && !math.IsInf(s.Value, 0) && (len(ok) == 0 || s.At > ok[len(ok)-1].At) {
			ok = append(ok, s)
		}
	}
	if len(ok) == 0 {
		return nil, nil, 0
	}
	per := (ok[len(ok)-1].At-ok[0].At)/mostSamples + 1
	if len(ok) <= mostSamples {
		per = 1
	}
	for from := 0; from < len(ok); {
		slot := (ok[from].At - ok[0].At) / per
		var at, values []float64
		to := from
		for ; to < len(ok) && (ok[to].At-ok[0].At)/per == slot; to++ {
			at, values = append(at, ok[to].At.Seconds()), append(values, ok[to].Value)
		}
		x, y = append(x, mean(at)), append(y, rank.Median(values))
		from = to
	}
	return x, y, len(ok)
}

func mean(values []float64) (sum float64) {
	for _, v := range values {
		sum += v / float64(len(values))
	}
	return sum
}

// relative is a change as a share of what it began with.
func relative(change, begin float64) float64 {
	switch {
	case change == 0:
		return 0
	case begin == 0:
		return math.Copysign(math.Inf(1), change)
	}
	return change / math.Abs(begin)
}

// fill sets when the limit is reached.
func (d *Drift) fill(s *Series) {
	if s.Limit == nil {
		return
	}
	after := func(slope float64) time.Duration {
		left := *s.Limit - d.End
		if s.Shrinks {
			left, slope = -left, -slope
		}
		switch t := left / slope; {
		case left <= 0:
			return 0
		case slope <= 0 || math.IsNaN(t) || t > 100*365*24*3600:
			return -1
		default:
			return time.Duration(t * float64(time.Second))
		}
	}
	d.Full, d.FullLo, d.FullHi = after(d.Slope), after(d.Hi), after(d.Lo)
	if s.Shrinks {
		d.FullLo, d.FullHi = d.FullHi, d.FullLo
	}
}

func (d *Drift) judge(j Judge) {
	if math.IsNaN(d.P) {
		d.inconclusive("whether %s drifts cannot be told from %d samples: it takes at least %d at different times", d.Name, d.Samples, leastSamples)
		return
	}
	bad := 1.0
	if d.series.Shrinks {
		bad = -1
	}
	most := d.bound(bad) * d.Span.Seconds() // that it may have changed
	sure := d.Adjusted < j.Alpha
	switch {
	case sure && bad*d.Change >= j.Least && d.matters(d.End-d.Begin):
		d.Verdict = Found
		d.Sentence = d.describe() + d.until()
		if d.later {
			d.doubt("most of it was in the first half of the run: it may be levelling off, a longer run shows")
		}
		if d.bursts {
			d.doubt("most samples are equal, so the slope compares the means of the first and the last third")
		}
	case sure && bad*d.Change < 0:
		d.Verdict, d.Sentence = Clear, d.describe()
	case d.Slope == 0 && d.Lo == 0 && d.Hi == 0:
		d.Verdict = Clear
		d.Sentence = fmt.Sprintf("%s does not drift over %s", d.Name, Span(d.Span))
	case sure || bad*relative(most, d.Begin) < j.Least || !d.matters(most):
		d.Verdict = Clear
		d.Sentence = fmt.Sprintf("%s does not drift by %s or more over %s: %s", d.Name, share(j.Least), Span(d.Span), d.interval())
	default:
		d.inconclusive("whether %s drifts over %s cannot be told from its ups and downs: %s; a longer run shows", d.Name, Span(d.Span), d.interval())
	}
}

// matters is whether a change is one that anybody would see: a share of errors that grows from one in a million to two is
// twice as high and nothing.
func (d *Drift) matters(change float64) bool {
	return d.series.Unit != Share || math.Abs(change) >= leastShare
}

// bound is the end of the slope's interval on the side that hurts.
func (d *Drift) bound(bad float64) float64 {
	if d.bursts {
		return d.Slope
	}
	return bad * max(bad*d.Lo, bad*d.Hi)
}

func (d *Drift) describe() string {
	verb := "rises"
	if d.Slope < 0 {
		verb = "falls"
	}
	return fmt.Sprintf("%s %s %s (%s)", d.Name, verb, d.per(math.Abs(d.Slope)), d.interval())
}

// per is a slope for each hour, minute or second, whichever fits the length of the run.
func (d *Drift) per(slope float64) string {
	word, by := d.step()
	return d.series.Unit.Format(slope*by) + " per " + word
}

func (d *Drift) step() (string, float64) {
	switch {
	case d.Span >= 4*time.Hour:
		return "hour", 3600
	case d.Span >= 4*time.Minute:
		return "minute", 60
	}
	return "second", 1
}

func (d *Drift) interval() string {
	change := fmt.Sprintf("from %s to %s, ", d.series.Unit.Format(d.Begin), d.series.Unit.Format(d.End))
	if math.Abs(d.Change) < 2 {
		change = fmt.Sprintf("%s over the run, ", share(d.Change))
	}
	if d.bursts {
		return change + Probability(d.Adjusted)
	}
	word, by := d.step()
	return fmt.Sprintf("%s95 %% CI %s to %s per %s, %s", change, d.series.Unit.Format(d.Lo*by), d.series.Unit.Format(d.Hi*by), word, Probability(d.Adjusted))
}

func (d *Drift) until() string {
	word := "full"
	if d.series.Shrinks {
		word = "empty"
	}
	switch {
	case d.series.Limit == nil || d.Full < 0:
		return ""
	case d.Full == 0:
		return ": it has reached its limit of " + d.series.Unit.Format(*d.series.Limit)
	case d.FullHi < 0:
		return fmt.Sprintf(": %s in about %s", word, about(d.Full))
	}
	return fmt.Sprintf(": %s in about %s (%s to %s)", word, about(d.Full), about(d.FullLo), about(d.FullHi))
}

// about is a forecast: one unit, two digits.
func about(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return count(rounded(d.Seconds(), 2)) + " s"
	case d < 2*time.Hour:
		return count(rounded(d.Minutes(), 2)) + " min"
	case d < 72*time.Hour:
		return count(rounded(d.Hours(), 2)) + " h"
	}
	return count(rounded(d.Hours()/24, 2)) + " days"
}
