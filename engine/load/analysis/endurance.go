package analysis

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gameday/engine/load/analysis/rank"
)

// Steadiness is whether anything crept up over a long run.
type Steadiness struct {
	Finding
	Drifts []Drift // p50, p95, p99, errors, rate, then the gauges in their order
}

// Endurance judges the latency percentiles, the share of errors and the rate of a long run, and any gauge besides, such as
// the memory of a process. All are one family: Holm's correction keeps the probability of any false drift at Alpha. It is
// Found when anything drifts, Clear when all of it is known not to, and else Inconclusive.
func Endurance(seconds []Second, gauges []Series, j Judge) Steadiness {
	all := append(ownSeries(seconds, j.Settle), gauges...)
	out := Steadiness{Drifts: make([]Drift, len(all))}
	p := make([]float64, len(all))
	for i := range all {
		out.Drifts[i] = measure(&all[i], j)
		p[i] = out.Drifts[i].P
	}
	var found, open []string
	for i, adjusted := range rank.Holm(p) {
		d := &out.Drifts[i]
		d.Adjusted = adjusted
		d.judge(j.orDefault())
		switch d.Verdict {
		case Found:
			found = append(found, d.Sentence)
		case Inconclusive:
			open = append(open, d.Name)
		}
	}
	switch {
	case len(found) > 0:
		out.Verdict, out.Sentence = Found, strings.Join(found, "; ")
	case len(open) > 0:
		out.inconclusive("nothing is known to drift, but it cannot be told of %s", strings.Join(open, ", "))
		return out
	default:
		out.Verdict = Clear
		out.Sentence = fmt.Sprintf("nothing drifts over %s: latency, errors and rate are level", Span(longest(out.Drifts)))
		if n := len(gauges); n > 0 {
			out.Sentence = fmt.Sprintf("nothing drifts over %s: latency, errors, rate and %d gauges are level", Span(longest(out.Drifts)), n)
		}
	}
	if len(open) > 0 {
		out.doubt("it cannot be told whether these drift: %s", strings.Join(open, ", "))
	}
	return out
}

// Lines are the drifts that were found, each with its doubts, or the one sentence when there is none.
func (s *Steadiness) Lines() []string {
	var out []string
	for i := range s.Drifts {
		if d := &s.Drifts[i]; d.Verdict == Found {
			out = append(out, d.Lines()...)
		}
	}
	if len(out) == 0 {
		return s.Finding.Lines()
	}
	for _, d := range s.Doubts {
		out = append(out, "but "+d)
	}
	return out
}

func longest(drifts []Drift) (out time.Duration) {
	for i := range drifts {
		out = max(out, drifts[i].Span)
	}
	return out
}

// ownSeries are the series of the run itself, over windows that hold enough requests for a P99.
func ownSeries(seconds []Second, settle time.Duration) []Series {
	out := []Series{
		{Name: "p50", Unit: Seconds}, {Name: "p95", Unit: Seconds}, {Name: "p99", Unit: Seconds},
		{Name: "error share", Unit: Share}, {Name: "rate", Shrinks: true},
	}
	for len(seconds) > 0 && seconds[0].From < settle {
		seconds = seconds[1:]
	}
	if len(seconds) == 0 {
		return out
	}
	length := max((seconds[len(seconds)-1].To-seconds[0].From)/120, time.Second)
	for _, w := range windows(seconds, length, 200) {
		at := w.from + w.length()/2
		for i, v := range []float64{w.quantile(0.5), w.quantile(0.95), w.quantile(0.99), w.errors(), w.rate()} {
			if i < 3 && math.IsNaN(v) {
				continue
			}
			out[i].Samples = append(out[i].Samples, Sample{At: at, Value: v})
		}
	}
	return out
}
