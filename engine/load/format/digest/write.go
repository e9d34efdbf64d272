package digest

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"gameday/chaos/probe"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

const (
	shownSteps  = 40
	shownErrors = 10
	shownNotes  = 20
	shownName   = 40
)

// Write prints the report as a person reads it in ten seconds: the verdict and what led to it come last, where the
// eye is.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	r.figures(&b)
	if len(r.Notes) > 0 {
		b.WriteByte('\n')
	}
	for i, n := range r.Notes {
		if i == shownNotes {
			fmt.Fprintf(&b, "note    and %d more\n", len(r.Notes)-i)
			break
		}
		fmt.Fprintf(&b, "note    %s\n", sanitize.Line(n, 400))
	}
	r.findings(&b)
	r.verdict(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteFigures prints what was measured, without what is said about it.
func (r *Report) WriteFigures(w io.Writer) error {
	var b strings.Builder
	r.figures(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) figures(b *strings.Builder) {
	title := sanitize.Line(r.Title, maxName)
	if r.Source != "" {
		title = strings.TrimPrefix(title+", ", ", ") + r.Source
	}
	fmt.Fprintf(b, "%s\n", title)
	if r.Elapsed > 0 {
		fmt.Fprintf(b, "took %s", r.Elapsed.Round(100*time.Millisecond))
		if !r.Started.IsZero() {
			fmt.Fprintf(b, " from %s", r.Started.Format("2006-01-02 15:04:05 MST"))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	r.table(b)
	r.errors(b)
	if r.Missed > 0 {
		fmt.Fprintf(b, "\nmissed  %d arrivals were due and never sent\n", r.Missed)
	}
}

func (r *Report) table(b *strings.Builder) {
	steps := r.Steps
	if len(steps) > shownSteps {
		steps = steps[:shownSteps]
	}
	rows := [][]string{{"step", "count", "rate", "errors", "p50", "p90", "p95", "p99", "max"}}
	for _, l := range steps {
		rows = append(rows, l.cells())
	}
	rows = append(rows, r.Total.cells())
	wide := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			wide[i] = max(wide[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", wide[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		b.WriteByte('\n')
		if n == len(steps) && len(r.Steps) > len(steps) {
			fmt.Fprintf(b, "... and %d more steps\n", len(r.Steps)-len(steps))
		}
	}
}

func (l Line) cells() []string {
	failed := "0"
	if l.Failed > 0 && l.Count > 0 {
		failed = fmt.Sprintf("%d (%s)", l.Failed, share(float64(l.Failed)/float64(l.Count)))
	}
	return []string{
		sanitize.Line(l.Name, shownName), fmt.Sprint(l.Count), probe.Format(l.Rate, probe.UnitRate), failed,
		latency(l.P50), latency(l.P90), latency(l.P95), latency(l.P99), latency(l.Max),
	}
}

// share shows a part of a whole, and never 0 % or 100 % where it is not exactly that.
func share(v float64) string {
	switch {
	case v > 0 && v < 0.0001:
		return "<0.01 %"
	case v < 1 && v > 0.9999:
		return ">99.99 %"
	}
	return probe.Format(v, probe.UnitShare)
}

func latency(d time.Duration) string {
	if d < 0 {
		return "-"
	}
	return probe.Format(d.Seconds(), probe.UnitSeconds)
}

func (r *Report) errors(b *strings.Builder) {
	if len(r.Errors) == 0 {
		return
	}
	b.WriteByte('\n')
	for i, e := range r.Errors {
		if i == shownErrors {
			fmt.Fprintf(b, "error   and %d more kinds\n", len(r.Errors)-i)
			return
		}
		of := ""
		if r.Total.Count > 0 && e.Count <= r.Total.Count {
			of = fmt.Sprintf(" (%s of all requests)", share(float64(e.Count)/float64(r.Total.Count)))
		}
		fmt.Fprintf(b, "error   %d x %s%s\n", e.Count, sanitize.Line(e.Kind, maxName), of)
	}
}

var glyphs = map[signal.Check]string{signal.CheckPassed: "✔", signal.CheckFailed: "✘", signal.CheckUnknown: "?", signal.CheckPending: "·"}

func (r *Report) verdict(b *strings.Builder) {
	b.WriteByte('\n')
	for _, t := range r.Thresholds {
		fmt.Fprintf(b, "%s %s %s", glyphs[t.Check], sanitize.Line(t.Name, maxName), sanitize.Line(t.Expect, maxName))
		if t.Check != signal.CheckUnknown && t.Value != "" {
			fmt.Fprintf(b, ": %s", sanitize.Line(t.Value, maxName))
		}
		if t.Why != "" {
			fmt.Fprintf(b, " (%s)", sanitize.Line(t.Why, maxName))
		}
		b.WriteByte('\n')
	}
	b.WriteString("verdict: " + r.conclusion() + "\n")
}

// conclusion is the verdict in words.
func (r *Report) conclusion() string {
	var open []string
	for _, f := range r.Findings {
		if f.Open {
			open = append(open, sanitize.Line(f.Name, maxName)+" inconclusive")
		}
	}
	out := ""
	switch r.Check() {
	case signal.CheckPassed:
		out = r.join(signal.CheckPassed, "all thresholds met", "passed")
	case signal.CheckFailed:
		return r.join(signal.CheckFailed, "thresholds not met", "failed")
	case signal.CheckUnknown:
		return "inconclusive"
	default:
		out = "none, there are no thresholds"
	}
	return strings.Join(append([]string{out}, open...), "; ")
}

// join names what has come to a verdict.
func (r *Report) join(c signal.Check, thresholds, finding string) string {
	var out []string
	for _, t := range r.Thresholds {
		if t.Check == c {
			out = append(out, thresholds)
			break
		}
	}
	for _, f := range r.Findings {
		if f.Check == c {
			out = append(out, sanitize.Line(f.Name, maxName)+" "+finding)
		}
	}
	return strings.Join(out, ", ")
}

// findings prints each answer with what weakens it below.
func (r *Report) findings(b *strings.Builder) {
	for _, f := range r.Findings {
		b.WriteByte('\n')
		name := sanitize.Line(f.Name, maxName)
		for i, line := range f.Lines {
			if i > 0 {
				name = strings.Repeat(" ", utf8.RuneCountInString(name))
			}
			if i == shownNotes {
				fmt.Fprintf(b, "%s  and %d more\n", name, len(f.Lines)-i)
				break
			}
			fmt.Fprintf(b, "%s  %s\n", name, sanitize.Line(line, 400))
		}
	}
}

// Milliseconds makes a latency of a number in milliseconds; what is no latency is Unknown.
func Milliseconds(v float64) time.Duration {
	if math.IsNaN(v) || v < 0 || v > 1e12 {
		return Unknown
	}
	return time.Duration(v * float64(time.Millisecond))
}
