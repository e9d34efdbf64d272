package analysis

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Hold is how a target took a load that was held.
type Hold struct {
	Finding
	Phase
	Planned float64 // arrivals per second; 0 in a closed plan
	Users   float64 // at work; 0 in an open plan
}

// Held looks at the part of a run in which the load was held, from one instant to another since it began. It is Found when
// the load was not held: more requests failed than the limit allows beyond doubt, P95 is above its limit, or an open plan's
// arrivals were not done. It is Clear when it was, and Inconclusive with fewer than 20 requests.
func Held(seconds []Second, from, to time.Duration, l Limits) Hold {
	l = l.orDefault(seconds)
	var part []Second
	for _, s := range seconds {
		if s.From >= from && s.From < to {
			part = append(part, s)
		}
	}
	list := windows(part, time.Second, 0)
	all := together(list)
	out := Hold{Phase: phase(list), Planned: all.planned(), Users: all.users()}
	if all.done < 20 && !(all.due >= 20) {
		out.inconclusive("whether the load was held cannot be told from %d requests: it takes at least 20", all.done)
		return out
	}
	load := fmt.Sprintf("%s/s", count(out.Planned))
	if out.Planned == 0 {
		load = fmt.Sprintf("%s users", count(out.Users))
	}
	symptoms := l.broken(all, math.NaN())
	figures := fmt.Sprintf("p95 %s, errors %s", latency(out.P95), share(out.Errors))
	if all.done == 0 {
		figures = "nothing was answered"
	}
	span := Span(all.length().Round(time.Second))
	switch {
	case len(symptoms) > 0:
		var how []string
		for _, s := range symptoms {
			switch s {
			case SymptomErrors:
				how = append(how, fmt.Sprintf("more than %s failed", share(l.Errors)))
			case SymptomP95:
				how = append(how, fmt.Sprintf("p95 is above %s", latency(l.P95.Seconds())))
			case SymptomBehind:
				how = append(how, fmt.Sprintf("only %s/s were done", count(out.Rate)))
			}
		}
		out.Verdict = Found
		out.Sentence = fmt.Sprintf("did not hold %s for %s: %s (%s)", load, span, strings.Join(how, ", "), figures)
	case out.Planned == 0:
		out.Verdict = Clear
		out.Sentence = fmt.Sprintf("held %s for %s: %s/s, %s", load, span, count(out.Rate), figures)
	default:
		out.Verdict = Clear
		out.Sentence = fmt.Sprintf("held %s for %s: %s", load, span, figures)
	}
	if all.missed > 0 {
		out.doubt("%s arrivals were never sent, so the percentiles are too good", count(float64(all.missed)))
	}
	return out
}
