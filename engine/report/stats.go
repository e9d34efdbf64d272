package report

import (
	"math"
	"slices"
	"time"
)

// Words of checks, as signal.Check has them.
const (
	passed  = "passed"
	failed  = "failed"
	unknown = "unknown"
	errored = "error"
)

// Measure sums up the readings of a probe in one phase. disturbed is true for the phase of the fault, in which a bad
// reading counts also when it looks back to before it. The judgement is left to the caller.
func (p *Probe) Measure(from, to time.Time, disturbed bool) Stats {
	var s Stats
	var known []ProbeReading
	if from.IsZero() {
		return s
	}
	for _, r := range p.Readings {
		within := r.At.After(from) && !r.At.After(to)
		whole := within && !r.From.Before(from)
		if !whole && !(disturbed && within && r.Check == failed) {
			continue
		}
		s.Readings++
		switch r.Check {
		case failed:
			s.Failed++
		case unknown, errored:
			s.Unknown++
			continue
		}
		known = append(known, r)
	}
	s.Typical, s.Worst = p.figures(known)
	return s
}

// figures are the median and the worst of some readings. Where they are words, both are the last one that failed, or
// the last one.
func (p *Probe) figures(known []ProbeReading) (typical, worst Figure) {
	var numbers []ProbeReading
	for _, r := range known {
		if r.Value.Known() {
			numbers = append(numbers, r)
		}
	}
	for _, r := range known { // what is no number is worse than any: nobody answered
		if !r.Value.Known() && (r.Check == failed || len(numbers) == 0) {
			worst = figureOf(r)
		}
	}
	if len(numbers) == 0 {
		return worst, worst
	}
	slices.SortStableFunc(numbers, func(a, b ProbeReading) int { return compare(a.Value, b.Value) })
	typical = figureOf(numbers[(len(numbers)-1)/2])
	if worst.Text == "" {
		worst = figureOf(slices.MaxFunc(numbers, func(a, b ProbeReading) int { return compare(p.beyond(a), p.beyond(b)) }))
	}
	return typical, worst
}

func figureOf(r ProbeReading) Figure { return Figure{Value: r.Value, Text: r.Text} }

func compare(a, b Number) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// beyond is how far a reading lies outside the bounds; below zero it is inside. Without bounds a bad one is farther out
// than a good one.
func (p *Probe) beyond(r ProbeReading) Number {
	lo, hi := p.Lo, p.Hi
	switch {
	case lo.Known() && hi.Known():
		return Number(math.Max(float64(lo-r.Value), float64(r.Value-hi)))
	case lo.Known():
		return lo - r.Value
	case hi.Known():
		return r.Value - hi
	case r.Check == failed:
		return 1
	}
	return 0
}

// Thin halves a list of readings: of each two neighbours it keeps the one that says more, a bad one before an unknown one
// before a good one.
func Thin(readings []ProbeReading) []ProbeReading {
	weight := map[string]int{failed: 2, unknown: 1}
	out := readings[:0:0]
	for i := 0; i < len(readings); i += 2 {
		r := readings[i]
		if i+1 < len(readings) && weight[readings[i+1].Check] > weight[r.Check] {
			r = readings[i+1]
		}
		out = append(out, r)
	}
	return out
}
