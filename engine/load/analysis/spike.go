package analysis

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gameday/engine/load/analysis/rank"
)

// Tolerance is what counts as recovered. A zero takes the default.
type Tolerance struct {
	P95    float64       // share by which P95 may be above its base; default 0.2
	Errors float64       // by how much the share of failures may be above its base; default 0.01
	Hold   time.Duration // how long both must stay within; default 5 s
	Settle time.Duration // what of the beginning is not part of the base; default 0
}

// Phase is the figures of one part of a run.
type Phase struct {
	From, To time.Duration
	Rate     float64 // requests per second done
	Errors   float64 // share of failures
	P95      float64 // seconds; NaN without requests
}

// Spike is how a target took a burst of load and how long it took to recover.
type Spike struct {
	Finding
	Before, During, After Phase
	Absorbed              bool          // it never left the tolerance
	Recovered             bool          // it is back within the tolerance before the end of the run
	Recovery              time.Duration // from the end of the burst until it was back and stayed there; 0 when absorbed
	P95Limit, ErrorLimit  float64       // what counted as back: seconds, share
}

// leastBase is how many windows the base takes.
const leastBase = 5

// Recovery compares a run before, during and after a burst of load, which lasted from one instant to another since the run
// began. The target is back at the beginning of the first stretch after the burst, as long as Hold, in which every window
// has its P95 within the tolerance of the base, and which has so few failures as a whole. The tolerance of P95 is never below three spreads
// (scaled median absolute deviations) of the base's own windows, so that what is normal noise there is normal after the
// burst. A window is a second, or as many as have 20 requests.
//
// The result is Clear when the target recovered, Found when it did not within the run, and Inconclusive when there was no
// base, no burst or not enough left after it. Sentences name the burst by its rate.
func Recovery(seconds []Second, from, to time.Duration, t Tolerance) Spike {
	t = t.orDefault()
	out := Spike{P95Limit: math.NaN(), ErrorLimit: math.NaN()}
	var before, during, after []Second
	for _, s := range seconds {
		switch {
		case s.From < t.Settle:
		case s.To <= from:
			before = append(before, s)
		case s.From >= to:
			after = append(after, s)
		case s.From >= from && s.To <= to:
			during = append(during, s)
		}
	}
	quiet, loud, rest := windows(before, time.Second, 20), windows(during, time.Second, 20), windows(after, time.Second, 20)
	out.Before, out.During, out.After = phase(quiet), phase(loud), phase(rest)
	switch {
	case len(quiet) < leastBase:
		out.inconclusive("recovery cannot be told: %s before the burst are too short for a base", Span(out.Before.To-out.Before.From))
		return out
	case len(loud) == 0:
		out.inconclusive("recovery cannot be told: nothing was measured during the burst")
		return out
	case out.After.To-out.After.From < t.Hold:
		out.inconclusive("recovery cannot be told: the run ended %s after the burst, and being back takes %s", Span(out.After.To-out.After.From), Span(t.Hold))
		return out
	case math.IsNaN(out.Before.P95):
		out.inconclusive("recovery cannot be told: no request was done before the burst")
		return out
	}
	out.limits(quiet, t)
	out.judge(loud, rest, to, t.Hold)
	return out
}

func (t Tolerance) orDefault() Tolerance {
	if t.P95 <= 0 {
		t.P95 = 0.2
	}
	if t.Errors <= 0 {
		t.Errors = 0.01
	}
	if t.Hold <= 0 {
		t.Hold = 5 * time.Second
	}
	return t
}

func phase(list []*window) Phase {
	if len(list) == 0 {
		return Phase{P95: math.NaN()}
	}
	w := together(list)
	return Phase{From: w.from, To: w.to, Rate: w.rate(), Errors: w.errors(), P95: w.quantile(0.95)}
}

func (s *Spike) limits(quiet []*window, t Tolerance) {
	var p95, errors []float64
	for _, w := range quiet {
		if v := w.quantile(0.95); !math.IsNaN(v) {
			p95 = append(p95, v)
			errors = append(errors, w.errors())
		}
	}
	middle := rank.Median(p95)
	s.P95Limit = max(middle*(1+t.P95), middle+3*rank.Spread(p95))
	s.ErrorLimit = max(s.Before.Errors+t.Errors, rank.Median(errors)+3*rank.Spread(errors))
}

// back is whether a window is within the tolerance. One without any request is not: nobody was served. A single window has
// too few requests to measure a small share of failures with, so only one that is above the limit beyond doubt is out.
func (s *Spike) back(w *window) bool {
	return w.done > 0 && w.quantile(0.95) <= s.P95Limit && surely(w.failed, w.done) <= s.ErrorLimit
}

// settled is the first window of the first stretch, as long as hold, that is back as a whole; -1 when there is none.
func (s *Spike) settled(list []*window, hold time.Duration) int {
	for from := range list {
		for to := from; to < len(list) && s.back(list[to]); to++ {
			if list[to].to-list[from].from < hold {
				continue
			}
			if together(list[from:to+1]).errors() <= s.ErrorLimit {
				return from
			}
			break
		}
	}
	return -1
}

func (s *Spike) judge(loud, rest []*window, end, hold time.Duration) {
	during := fmt.Sprintf("%s/s for %s: p95 %s, errors %s", count(s.During.Rate), Span(s.During.To-s.During.From), latency(s.During.P95), share(s.During.Errors))
	from := s.settled(rest, hold)
	if from < 0 {
		s.Verdict = Found
		s.Sentence = fmt.Sprintf("did not recover from %s within %s after it: p95 %s (base %s), errors %s",
			during, Span(s.After.To-end), latency(s.After.P95), latency(s.Before.P95), share(s.After.Errors))
		s.doubt("it may need longer than the run left it")
		return
	}
	out := func(w *window) bool { return !s.back(w) }
	s.Verdict, s.Recovered = Clear, true
	if from == 0 && !slices.ContainsFunc(loud, out) && s.During.Errors <= s.ErrorLimit {
		s.Absorbed = true
		s.Sentence = fmt.Sprintf("absorbed %s (base %s, %s)", during, latency(s.Before.P95), share(s.Before.Errors))
	} else {
		s.Recovery = max(rest[from].from-end, 0)
		s.Sentence = fmt.Sprintf("back to normal %s after %s (base %s, %s)", Span(s.Recovery), during, latency(s.Before.P95), share(s.Before.Errors))
	}
	if s.relapsed(rest[from:]) {
		s.doubt("it left the tolerance again later")
	}
	if missed := together(slices.Concat(loud, rest)).missed; missed > 0 {
		s.doubt("%s arrivals were never sent, so the percentiles are too good", count(float64(missed)))
	}
}

// relapsed is whether two neighbouring windows are out: one alone happens to anybody.
func (s *Spike) relapsed(list []*window) bool {
	for i := 1; i < len(list); i++ {
		if !s.back(list[i-1]) && !s.back(list[i]) {
			return true
		}
	}
	return false
}
