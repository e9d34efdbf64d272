// Package digest is the one summary of a load test, whoever ran it: gameday itself, JMeter, Gatling or k6.
package digest

import (
	"sort"
	"time"

	"gameday/engine/load"
	"gameday/engine/load/analysis"
	"gameday/engine/load/baseline"
	"gameday/engine/load/histogram"
	"gameday/engine/load/protocol"
	"gameday/sources/sanitize"
	"gameday/sources/signal"
)

// Unknown is a latency that the source does not tell.
const Unknown time.Duration = -1

// Report is a load test that is over.
type Report struct {
	Title      string
	Source     string // who ran it and in which form that was read
	Started    time.Time
	Elapsed    time.Duration
	Missed     uint64 // arrivals that were due and never sent
	Total      Line
	Steps      []Line
	Errors     []signal.ErrorCount // the most frequent first
	Thresholds []Threshold
	Findings   []Finding // what the run has shown beyond its figures
	Notes      []string
}

// Finding is the answer to one question: that of a test of a known type, or whether the run is worse than its baseline.
type Finding struct {
	Name  string       // short: stress, baseline
	Check signal.Check // counts as a threshold's; pending when it only tells
	Lines []string     // sentences without a full stop, the answer first
	Open  bool         // it could not be told
}

// Line is the figures of some requests. Latencies may be Unknown.
type Line struct {
	Name                          string
	Count, Failed                 uint64
	Rate                          float64 // per second
	Mean, P50, P90, P95, P99, Max time.Duration
}

// Threshold is a condition with its verdict.
type Threshold struct {
	Name, Expect, Value string
	Check               signal.Check
	Why                 string
}

// Check is the verdict of all thresholds and findings together; pending when there are none that judge.
func (r *Report) Check() signal.Check {
	checks := make([]signal.Check, len(r.Thresholds))
	for i, t := range r.Thresholds {
		checks[i] = t.Check
	}
	for _, f := range r.Findings {
		checks = append(checks, f.Check)
	}
	return load.Together(checks)
}

// FromResult is the summary of gameday's own run.
func FromResult(res *load.Result) *Report {
	out := &Report{
		Title: res.Name, Started: res.Started, Elapsed: res.Elapsed, Missed: res.Missed, Errors: res.Errors, Notes: res.Notes,
		Total: line("total", &res.Total),
	}
	scenarios := map[string]bool{}
	for _, st := range res.Steps {
		scenarios[st.Scenario] = true
	}
	for i := range res.Steps {
		st := &res.Steps[i]
		name := st.Name
		if len(scenarios) > 1 {
			name = st.Scenario + "/" + name
		}
		out.Steps = append(out.Steps, line(name, &st.Summary))
	}
	for _, t := range res.Thresholds {
		one := Threshold{Name: t.Stat, Expect: t.Expect.String(), Check: t.Check, Why: t.Why}
		if t.Step != "" {
			one.Name += " of " + t.Step
		}
		one.Value = t.Expect.Format(t.Value, load.UnitOf(t.Stat))
		out.Thresholds = append(out.Thresholds, one)
	}
	if t := res.Test; t != nil {
		out.Findings = append(out.Findings, Finding{Name: string(t.Type), Check: t.Check(), Lines: t.Lines, Open: t.Verdict == analysis.Inconclusive})
	}
	return out
}

// FromBaseline is what a baseline holds.
func FromBaseline(b *baseline.Baseline) *Report {
	out := &Report{Title: b.Name, Source: "a baseline of gameday " + b.Gameday, Started: b.Started, Elapsed: b.Elapsed, Missed: b.Missed}
	whole := b.Total()
	out.Total = kept(&whole, b.Elapsed)
	for i := range b.Steps {
		out.Steps = append(out.Steps, kept(&b.Steps[i], b.Elapsed))
	}
	return out
}

func kept(s *baseline.Step, span time.Duration) Line {
	var done, failed uint64
	for _, block := range s.Blocks {
		done += block.Done
		failed += block.Failed
	}
	out := figures(s.Name, done, failed, s.Latency())
	if span > 0 {
		out.Rate = float64(done) / span.Seconds()
	}
	return out
}

// Compared adds what came of comparing the run with its baseline: worse has failed; that it could not be told is said, and
// fails nothing.
func (r *Report) Compared(c *baseline.Comparison) {
	f := Finding{Name: "baseline", Lines: c.Lines(), Open: c.Verdict == baseline.Inconclusive}
	switch c.Verdict {
	case baseline.Worse:
		f.Check = signal.CheckFailed
	case baseline.Better, baseline.Same:
		f.Check = signal.CheckPassed
	}
	r.Findings = append(r.Findings, f)
}

func line(name string, s *load.Summary) Line {
	out := figures(name, s.Done, s.Failed, s.Response)
	out.Rate = s.Rate
	return out
}

// figures reads latencies off a histogram.
func figures(name string, count, failed uint64, h *histogram.Histogram) Line {
	out := Line{Name: sanitize.Line(name, maxName), Count: count, Failed: failed,
		Mean: Unknown, P50: Unknown, P90: Unknown, P95: Unknown, P99: Unknown, Max: Unknown}
	if h.Count() > 0 {
		out.Mean, out.Max = h.Mean(), h.Max()
		out.P50, out.P90, out.P95, out.P99 = h.Quantile(0.5), h.Quantile(0.9), h.Quantile(0.95), h.Quantile(0.99)
	}
	return out
}

// The bounds of what is told apart: beyond them, requests count under "other".
const (
	maxSteps = 1_000
	maxKinds = 100
	maxName  = 120
	other    = "other"
)

// Builder makes a report of single requests. The zero value is ready.
type Builder struct {
	steps map[string]*counted
	order []string
	kinds map[string]uint64
	all   counted
	first time.Time
	last  time.Time
}

type counted struct {
	count, failed uint64
	latency       histogram.Histogram
}

func (c *counted) add(latency time.Duration, failed bool) {
	c.count++
	if failed {
		c.failed++
	}
	c.latency.Record(latency)
}

// Add counts one request; kind is "" for a good one and says how a failed one failed.
func (b *Builder) Add(step string, at time.Time, latency time.Duration, kind string) {
	if b.steps == nil {
		b.steps, b.kinds = map[string]*counted{}, map[string]uint64{}
	}
	step = sanitize.Line(step, maxName)
	c := b.steps[step]
	if c == nil {
		if len(b.steps) >= maxSteps {
			step = other
			c = b.steps[step]
		}
		if c == nil {
			c = &counted{}
			b.steps[step] = c
			b.order = append(b.order, step)
		}
	}
	c.add(latency, kind != "")
	b.all.add(latency, kind != "")
	if kind != "" {
		b.fail(kind)
	}
	if !at.IsZero() {
		if b.first.IsZero() || at.Before(b.first) {
			b.first = at
		}
		if end := at.Add(latency); end.After(b.last) {
			b.last = end
		}
	}
}

func (b *Builder) fail(kind string) {
	kind = sanitize.Line(kind, maxName)
	if _, known := b.kinds[kind]; !known && len(b.kinds) >= maxKinds {
		kind = other
	}
	b.kinds[kind]++
}

// Count is how many requests were counted.
func (b *Builder) Count() uint64 { return b.all.count }

// Report is the summary of what was counted.
func (b *Builder) Report() *Report {
	out := &Report{Started: b.first, Elapsed: b.last.Sub(b.first)}
	rate := func(n uint64) float64 {
		if s := out.Elapsed.Seconds(); s > 0 {
			return float64(n) / s
		}
		return 0
	}
	out.Total = figures("total", b.all.count, b.all.failed, &b.all.latency)
	out.Total.Rate = rate(b.all.count)
	for _, name := range b.order {
		c := b.steps[name]
		l := figures(name, c.count, c.failed, &c.latency)
		l.Rate = rate(c.count)
		out.Steps = append(out.Steps, l)
	}
	for kind, n := range b.kinds {
		out.Errors = append(out.Errors, signal.ErrorCount{Kind: kind, Count: n})
	}
	SortErrors(out.Errors)
	return out
}

// SortErrors puts the most frequent first.
func SortErrors(list []signal.ErrorCount) {
	sort.Slice(list, func(i, j int) bool {
		if list[i].Count != list[j].Count {
			return list[i].Count > list[j].Count
		}
		return list[i].Kind < list[j].Kind
	})
}

// Status is the kind of failure that a status means.
func Status(code int) string {
	if code >= 500 {
		return protocol.Status5xx.String()
	}
	return protocol.Status4xx.String()
}

// Clean makes a short text of another tool's file harmless.
func Clean(s string) string { return sanitize.Line(s, maxName) }
