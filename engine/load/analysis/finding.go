// Package analysis says what a load test has shown beyond its percentiles: where throughput peaks (FitUSL), where a
// rising load broke the target (FindBreak), how long it took to recover from a spike (Recovery), and whether anything
// crept up over hours (Endurance, Drifting). It knows plain series and histograms only, so that whoever measures can use it.
//
// Every result carries a Finding: a verdict, one sentence for a person, and what weakens it. Nothing here ever guesses:
// too little data is Inconclusive, and the sentence says what would be enough.
package analysis

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Verdict is what an analysis came to.
type Verdict uint8

// The verdicts.
const (
	Inconclusive Verdict = iota // there is not enough to say
	Clear                       // looked for and not there: it did not break, it recovered, nothing drifts, no peak
	Found                       // it is there: a breaking point, a spike without recovery, a drift, a peak
)

func (v Verdict) String() string {
	switch v {
	case Clear:
		return "clear"
	case Found:
		return "found"
	}
	return "inconclusive"
}

// Finding is the part that all results have.
type Finding struct {
	Verdict  Verdict
	Sentence string   // for a person, without a full stop
	Doubts   []string // what weakens it
}

// Lines are the sentence and the doubts, one line each, for a summary on a terminal. Names in them are as the caller gave
// them.
func (f *Finding) Lines() []string {
	out := []string{f.Sentence}
	for _, d := range f.Doubts {
		out = append(out, "but "+d)
	}
	return out
}

func (f *Finding) doubt(format string, args ...any) {
	f.Doubts = append(f.Doubts, fmt.Sprintf(format, args...))
}

func (f *Finding) inconclusive(format string, args ...any) {
	f.Verdict, f.Sentence = Inconclusive, fmt.Sprintf(format, args...)
}

// share is a part of a whole, as "4.1 %".
func share(v float64) string {
	switch p := math.Abs(v) * 100; {
	case p == 0:
		return "0 %"
	case p < 0.001:
		return "under 0.001 %"
	case p < 0.1:
		return strconv.FormatFloat(v*100, 'g', 2, 64) + " %"
	default:
		return trimmed(v*100, 1) + " %"
	}
}

// count is a number with as many places as it deserves and its thousands apart, as "1,240" or "0.34".
func count(v float64) string {
	a := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "?"
	case a == 0:
		return "0"
	case a >= 1e15 || a < 1e-4:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 99.95:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	case a >= 9.995:
		return trimmed(v, 1)
	}
	return strconv.FormatFloat(rounded(v, 3), 'f', -1, 64)
}

func trimmed(v float64, places int) string {
	s := strconv.FormatFloat(v, 'f', places, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// rounded is v to so many significant digits.
func rounded(v float64, digits int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil { // beyond the largest number
		return v
	}
	return r
}

func thousands(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// latency is seconds as a person writes them, as "850 µs", "1.8 ms" or "1.24 s".
func latency(s float64) string {
	switch a := math.Abs(s); {
	case a == 0:
		return "0 s"
	case a < 0.9995e-3:
		return count(s*1e6) + " µs"
	case a < 0.9995:
		return count(s*1e3) + " ms"
	}
	return count(s) + " s"
}

// Span writes a duration as a person says it: two units at most.
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Span(-d)
	case d < time.Second:
		return latency(d.Seconds())
	case d < time.Minute:
		return trimmed(d.Seconds(), 1) + " s"
	case d < time.Hour:
		return two(int(d.Round(time.Second)/time.Second), 60, "min", "s")
	case d < 48*time.Hour:
		return two(int(d.Round(time.Minute)/time.Minute), 60, "h", "min")
	}
	return two(int(d.Round(time.Hour)/time.Hour), 24, "d", "h")
}

func two(n, per int, big, small string) string {
	if n%per == 0 {
		return fmt.Sprintf("%d %s", n/per, big)
	}
	return fmt.Sprintf("%d %s %d %s", n/per, big, n%per, small)
}

// bytes is an amount of memory, in powers of 1024 as operators read it, as "2.1 MB".
func bytes(v float64) string {
	units := []string{"B", "KB", "MB", "GB", "TB", "PB"}
	i := 0
	for ; math.Abs(v) >= 999.5 && i < len(units)-1; i++ {
		v /= 1024
	}
	return count(v) + " " + units[i]
}

// Probability writes a p-value; nobody needs more than two digits of one.
func Probability(p float64) string {
	switch {
	case math.IsNaN(p):
		return "p unknown"
	case p < 0.001:
		return "p < 0.001"
	}
	return "p = " + strconv.FormatFloat(rounded(p, 2), 'f', -1, 64)
}
