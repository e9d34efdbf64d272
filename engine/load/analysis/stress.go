package analysis

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gameday/engine/load/analysis/rank"
)

// Limits are what a target must keep while the load rises. A zero takes the default.
type Limits struct {
	Errors   float64       // share of failed requests; default 0.05
	P95      time.Duration // latency; default none
	Multiple float64       // of P95 at the beginning; default 5, below zero none
	Behind   float64       // share of the planned arrivals that is not done; default 0.1
	Window   time.Duration // the least that is judged at once; default a fortieth of the run, from 1 s to 10 s
}

// Symptom is one way in which a target broke.
type Symptom string

// The symptoms.
const (
	SymptomErrors Symptom = "errors"  // too many requests failed
	SymptomP95    Symptom = "latency" // P95 passed its limit, or multiplied
	SymptomBehind Symptom = "rate"    // the rate stopped following the plan
)

// Break is where a rising load broke the target.
type Break struct {
	Finding
	Symptoms []Symptom     // at the breaking point; empty when it did not break
	At       time.Duration // since the run began: the first window that was broken and stayed so
	Load     float64       // the load there, in Unit; the highest one when it did not break
	Held     float64       // the highest load of all windows before the breaking point, in Unit
	Unit     string        // "/s" of planned arrivals, or " users"
	Rate     float64       // requests per second done there
	Errors   float64       // share of failed requests there
	P95      float64       // seconds; NaN without requests
	Base     float64       // P95 of the beginning, in seconds
	Lasting  bool          // the window after the breaking point is broken too; false when there was none yet
}

// Of a rising run.
const (
	leastWindows = 6   // two for the base and something that rises
	leastRise    = 1.5 // the highest load over the lowest
)

// FindBreak looks for the point from which a rising run's target no longer kept the limits. A window is broken when the
// share of failures is above the limit beyond doubt (the lower bound of Wilson's 95 % interval), when P95 is above its
// limit or a multiple of the base, the median P95 of the first tenth of the windows (at least two), or when fewer requests
// were done than planned by more than the limit and by more than chance makes of Poisson arrivals. The breaking point is
// the first broken window that is followed by another one, so that one bad moment is none.
//
// The result is Found when it broke, Clear when it did not, and Inconclusive when the load did not rise or there is too
// little of it. An open plan is judged over its planned rate, a closed one over its users, where no rate is planned.
func FindBreak(seconds []Second, l Limits) Break {
	l = l.orDefault(seconds)
	out := Break{Base: math.NaN(), P95: math.NaN(), Load: math.NaN(), Held: math.NaN()}
	list := windows(seconds, l.Window, 20)
	if len(list) < leastWindows {
		out.inconclusive("a breaking point cannot be told from %d windows of %s: it takes at least %d", len(list), Span(l.Window), leastWindows)
		return out
	}
	load := (*window).planned
	if out.Unit = "/s"; together(list).due == 0 {
		load, out.Unit = (*window).users, " users"
	}
	lowest, highest := load(list[0]), 0.0
	for _, w := range list {
		lowest, highest = min(lowest, load(w)), max(highest, load(w))
	}
	if !(highest >= leastRise*lowest) || highest == 0 {
		out.inconclusive("a breaking point takes a rising load: this one went from %s to %s%s", count(lowest), count(highest), out.Unit)
		return out
	}
	out.Base = base(list)
	for i, w := range list {
		symptoms := l.broken(w, out.Base)
		lasts := i == len(list)-1 || len(l.broken(list[i+1], out.Base)) > 0
		if len(symptoms) > 0 && lasts {
			out.take(list, i, symptoms, load)
			out.judge(&l, list, i)
			return out
		}
	}
	out.take(list, len(list)-1, nil, load)
	out.Load = highest
	out.Held = highest
	all := together(list)
	out.Verdict = Clear
	out.Sentence = fmt.Sprintf("did not break up to %s%s: errors %s, p95 %s at the end", count(highest), out.Unit, share(out.Errors), latency(out.P95))
	if all.missed > 0 {
		out.doubt("%s arrivals were never sent, so the percentiles are too good", count(float64(all.missed)))
	}
	return out
}

func (l Limits) orDefault(seconds []Second) Limits {
	if l.Errors <= 0 {
		l.Errors = 0.05
	}
	if l.Multiple == 0 {
		l.Multiple = 5
	}
	if l.Behind <= 0 {
		l.Behind = 0.1
	}
	if l.Window <= 0 {
		l.Window = time.Second
		if n := len(seconds); n > 0 {
			whole := (seconds[n-1].To - seconds[0].From) / 40
			l.Window = min(max(whole.Truncate(time.Second), time.Second), 10*time.Second)
		}
	}
	return l
}

// base is the median P95 of the beginning.
func base(list []*window) float64 {
	var first []float64
	for _, w := range list[:max(len(list)/10, 2)] {
		if v := w.quantile(0.95); !math.IsNaN(v) {
			first = append(first, v)
		}
	}
	return rank.Median(first)
}

func (l *Limits) broken(w *window, base float64) (out []Symptom) {
	if surely(w.failed, w.done) > l.Errors {
		out = append(out, SymptomErrors)
	}
	p95 := w.quantile(0.95)
	if w.done >= 20 && (l.P95 > 0 && p95 > l.P95.Seconds() || l.Multiple > 0 && p95 > l.Multiple*base) {
		out = append(out, SymptomP95)
	}
	if w.due > 0 && float64(w.done) < (1-l.Behind)*w.due-2*math.Sqrt(w.due) {
		out = append(out, SymptomBehind)
	}
	return out
}

func (b *Break) take(list []*window, i int, symptoms []Symptom, load func(*window) float64) {
	w := list[i]
	b.Symptoms, b.At, b.Load = symptoms, w.from, load(w)
	b.Rate, b.Errors, b.P95 = w.rate(), w.errors(), w.quantile(0.95)
	for _, before := range list[:i] {
		if held := load(before); math.IsNaN(b.Held) || held > b.Held {
			b.Held = held
		}
	}
}

func (b *Break) judge(l *Limits, list []*window, i int) {
	b.Verdict = Found
	var how []string
	for _, s := range b.Symptoms {
		switch s {
		case SymptomErrors:
			how = append(how, fmt.Sprintf("errors %s (limit %s)", share(b.Errors), share(l.Errors)))
		case SymptomP95:
			text := "p95 " + latency(b.P95)
			if l.P95 > 0 && b.P95 > l.P95.Seconds() {
				text += fmt.Sprintf(" (limit %s)", latency(l.P95.Seconds()))
			} else {
				text += fmt.Sprintf(", %s times its %s at the beginning", count(rounded(b.P95/b.Base, 2)), latency(b.Base))
			}
			how = append(how, text)
		case SymptomBehind:
			how = append(how, fmt.Sprintf("only %s/s were done", count(b.Rate)))
		}
	}
	b.Sentence = fmt.Sprintf("broke at %s%s after %s: %s", count(b.Load), b.Unit, Span(b.At), strings.Join(how, ", "))
	if i == 0 {
		b.doubt("it was broken from the start: begin lower to see what it can do")
	}
	if b.Lasting = i < len(list)-1; !b.Lasting {
		b.doubt("this is the last window of the run, so nothing shows that it would have stayed so")
	}
	if missed := together(list[:i+1]).missed; missed > 0 {
		b.doubt("%s arrivals could not be sent until then: the generator may have been the limit, see its connections, queue and CPU",
			count(float64(missed)))
	}
}
