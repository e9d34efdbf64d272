package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

func writeLoadMarkdown(b *bytes.Buffer, d *LoadRun) {
	fmt.Fprintf(b, "# %s %s: %s\n\n| | |\n| --- | --- |\n", glyph(d.Verdict), md(d.Name), d.told())
	row := func(name, text string) { fmt.Fprintf(b, "| %s | %s |\n", name, md(text)) }
	row("target", d.Target)
	row("when", d.Started.UTC().Format("2006-01-02 15:04:05 UTC")+", for "+duration(d.Elapsed))
	row("requests", fmt.Sprintf("%d answered, %d failed, %s", d.Total.Done, d.Total.Failed, value(d.Total.Rate, "/s")))
	if d.Missed > 0 {
		row("missed", fmt.Sprintf("%d were due and could not be sent: the figures are too good by them", d.Missed))
	}
	if len(d.Thresholds) > 0 {
		fmt.Fprintf(b, "\n## Thresholds\n\n| | threshold | expected | value | |\n| --- | --- | --- | ---: | --- |\n")
	}
	for _, t := range d.Thresholds {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", glyph(t.Check), md(t.Name), md(t.Expect), md(t.Value), md(t.Why))
	}
	fmt.Fprintf(b, "\n## Steps\n\n| step | answers | failed | rate | p50 | p90 | p95 | p99 | longest |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, s := range append(slices.Clone(d.Steps), d.Total) {
		fmt.Fprintf(b, "| %s | %d | %d | %s | %s | %s | %s | %s | %s |\n", md(s.Name), s.Done, s.Failed, md(value(s.Rate, "/s")), latency(s.P50), latency(s.P90), latency(s.P95), latency(s.P99), latency(s.Max))
	}
	fmt.Fprintf(b, "\n## Where the time of a request went\n\n| phase | mean |\n| --- | ---: |\n")
	for _, name := range PhaseNames() {
		fmt.Fprintf(b, "| %s | %s |\n", name, latency(d.Total.Phases[name]))
	}
	if len(d.Errors) > 0 {
		fmt.Fprintf(b, "\n## Errors\n\n")
	}
	for _, e := range d.Errors {
		fmt.Fprintf(b, "- %d × %s\n", e.Count, md(e.Kind))
	}
	if len(d.Requests) > 0 {
		fmt.Fprintf(b, "\n## Slow and failed requests\n\n| done | took | step | answer | trace |\n| --- | ---: | --- | --- | --- |\n")
	}
	for _, r := range d.Requests {
		fmt.Fprintf(b, "| %s | %s | %s | %s | `%s` |\n", r.At.UTC().Format("15:04:05"), latency(r.Took), md(r.Step), md(r.answer()), digits(r.TraceID))
	}
	for i, n := range d.Notes {
		if i == 0 {
			b.WriteString("\n## Notes\n\n")
		}
		fmt.Fprintf(b, "- %s\n", md(n))
	}
	fmt.Fprintf(b, "\ngameday %s\n", md(d.Program))
}

func (r LoadRequest) answer() string {
	if r.Err != "" {
		return "✘ " + r.Err
	}
	return fmt.Sprintf("status %d", r.Status)
}

// writeLoadJUnit makes a test case of every threshold, or of the run when it has none.
func writeLoadJUnit(b *bytes.Buffer, d *LoadRun) error {
	took := junitTime(d.Elapsed.Duration())
	suite := junitSuite{Name: d.Name, Timestamp: d.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: d.Target, Time: took,
		Properties: []junitProperty{{"verdict", d.Verdict}, {"requests", fmt.Sprint(d.Total.Done)}, {"failed", fmt.Sprint(d.Total.Failed)},
			{"missed", fmt.Sprint(d.Missed)}, {"p95Seconds", fmt.Sprint(float64(d.Total.P95))}, {"gameday", d.Program}}}
	class := "gameday.load." + slug(d.Name)
	for _, t := range d.Thresholds {
		c := junitCase{Name: t.Name + " " + t.Expect, Class: class, Time: "0.000", Out: strings.TrimSpace(t.Check + " " + t.Value)}
		message := strings.TrimSpace(t.Value + ", expected " + t.Expect + " " + t.Why)
		switch t.Check {
		case passed:
		case failed:
			c.Failure = &junitProblem{Message: message, Type: "threshold", Text: message}
		default:
			c.Error = &junitProblem{Message: t.Why, Type: t.Check, Text: message}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if len(suite.Cases) == 0 {
		c := junitCase{Name: "load", Class: class, Time: took, Out: d.told()}
		if d.Total.Done == 0 || d.Total.Failed == d.Total.Done {
			c.Error = &junitProblem{Message: "no request was answered well", Type: "load", Text: "is the target right?"}
		}
		suite.Cases = append(suite.Cases, c)
	}
	for _, c := range suite.Cases {
		suite.Tests++
		if c.Failure != nil {
			suite.Failures++
		} else if c.Error != nil {
			suite.Errors++
		}
	}
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(b)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Name: "gameday", Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Time: took, Suite: suite}); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	b.WriteByte('\n')
	return nil
}
