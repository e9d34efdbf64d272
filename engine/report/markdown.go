package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// writeMarkdown tells the run for a CI summary or a ticket. The document is harmless already.
func writeMarkdown(b *bytes.Buffer, d *Document) {
	s := d.Summary
	fmt.Fprintf(b, "# %s %s: %s\n\n", verdictGlyph(s.Verdict), md(s.Title), md(s.Verdict))
	fmt.Fprintf(b, "> %s\n\n", md(d.Hypothesis))
	if s.Reason != "" {
		fmt.Fprintf(b, "**Because** %s.\n\n", md(strings.TrimSuffix(s.Reason, ".")))
	}
	fmt.Fprintf(b, "| | |\n| --- | --- |\n")
	row := func(name, text string) { fmt.Fprintf(b, "| %s | %s |\n", name, md(text)) }
	row("system", s.System+", "+s.Environment)
	row("when", s.Started.UTC().Format("2006-01-02 15:04:05 UTC")+", for "+duration(SecondsOf(s.Ended.Sub(s.Started))))
	row("time to detect", optional(s.Detected, "no probe failed under the fault"))
	row("time to recover", optional(s.Recovered, "not back, or not watched"))
	row("rollback", d.rollback())
	row("run", s.ID)
	fmt.Fprintf(b, "\n## Probes\n\n| probe | expected | before | during | after |\n| --- | --- | --- | --- | --- |\n")
	for _, p := range d.Probes {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", md(p.Name), md(p.Expect), mdStats(p.Before), mdStats(p.During), mdStats(p.After))
	}
	fmt.Fprintf(b, "\n## Faults\n\n| fault | planned | touched | rollback |\n| --- | --- | --- | --- |\n")
	for _, f := range d.Faults {
		fmt.Fprintf(b, "| %s | %s: %s | %s | %s |\n", md(f.Title), md(f.share()), md(strings.Join(f.Targets, ", ")),
			md(f.touched()), md(d.undone(f)))
	}
	if limits := d.Blast.limits(); limits != "" {
		fmt.Fprintf(b, "\nBlast radius: %s.\n", md(limits))
	}
	for _, r := range d.Remains {
		fmt.Fprintf(b, "\n**What remains:** %s\n", md(r))
	}
	mdLoad(b, d)
	mdWhy(b, d.Why)
	for _, t := range d.Traces {
		mdTrace(b, t)
	}
	fmt.Fprintf(b, "\n## Timeline\n\n| at | | what | |\n| --- | --- | --- | --- |\n")
	for _, e := range d.Events {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", d.since(e.Start), md(e.Kind), md(e.Title), md(e.Detail))
	}
	for _, o := range d.Omitted {
		fmt.Fprintf(b, "\nLeft out: %s.\n", md(o))
	}
	fmt.Fprintf(b, "\n<details><summary>The experiment as it was run</summary>\n\n")
	fence(b, "yaml", d.File.Text)
	fmt.Fprintf(b, "\nSHA-256 of %s: `%s`\n\n</details>\n", md(d.File.Name), digits(d.File.SHA256))
	fmt.Fprintf(b, "\ngameday %s, %s\n", md(d.Program.Version), md(d.Program.Go))
}

func verdictGlyph(verdict string) string {
	switch verdict {
	case "held":
		return "✔"
	case "did not hold", "rollback failed":
		return "✘"
	}
	return "?"
}

func mdStats(s Stats) string { return glyph(s.Check) + " " + md(s.told()) }

func mdLoad(b *bytes.Buffer, d *Document) {
	if d.Load == nil {
		return
	}
	fmt.Fprintf(b, "\n## Load\n\n%s\n\n| step | answers | failed | rate | p50 | p95 | p99 | longest |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n", md(d.Load.Plan))
	total := d.Load.Total
	total.Name = "all"
	for _, s := range append(append([]LoadStep(nil), d.Load.Steps...), total) {
		fmt.Fprintf(b, "| %s | %d | %d | %s | %s | %s | %s | %s |\n", md(s.Name), s.Done, s.Failed, md(value(s.Rate, "/s")), latency(s.P50), latency(s.P95), latency(s.P99), latency(s.Max))
	}
	if d.Load.Missed > 0 {
		fmt.Fprintf(b, "\n%d requests were due and could not be sent: the figures are too good by them.\n", d.Load.Missed)
	}
}

// mdTrace is a request as text: a waterfall without bars, and its log lines.
func mdTrace(b *bytes.Buffer, t Trace) {
	fmt.Fprintf(b, "\n## A request behind %s\n\nTrace `%s`, %s\n\n", md(t.Probe), digits(t.ID), duration(t.Took))
	var text strings.Builder
	for _, s := range t.Spans {
		mark := ""
		if s.Failed {
			mark = "  ✘ " + s.Message
		}
		fmt.Fprintf(&text, "%10s %10s  %s%s %s%s\n", "+"+latency(s.Offset), latency(s.Took), strings.Repeat("  ", min(max(s.Depth, 0), 12)), s.Service, s.Name, mark)
	}
	if len(t.Logs) > 0 {
		text.WriteString("\n")
	}
	for _, l := range t.Logs {
		fmt.Fprintf(&text, "%10s %5s %s  %s\n", "+"+l.Time.Sub(t.Start).Round(time.Millisecond).String(), l.Level, l.Service, l.Body)
	}
	fence(b, "text", text.String())
	if t.Cut > 0 {
		fmt.Fprintf(b, "\n%d more spans and records are left out.\n", t.Cut)
	}
}

// digits are the hex digits of an ID, which can stand between backquotes.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789abcdef", r) {
			return r
		}
		return -1
	}, s)
}

// fence puts a text between fences that are longer than any in it.
func fence(b *bytes.Buffer, kind, text string) {
	longest, run := 2, 0
	for _, c := range []byte(text) {
		if run++; c != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	f := strings.Repeat("`", longest+1)
	fmt.Fprintf(b, "%s%s\n%s\n%s\n", f, kind, strings.TrimRight(text, "\n"), f)
}

// marks are what means something to a Markdown reader. A mention, a reference and an address are broken by an empty
// comment, so that text from outside calls nobody and leads nowhere.
var marks = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`,
	"~", `\~`, "$", `\$`, "@", "@<!-- -->", "#", `\#<!-- -->`, "://", ":<!-- -->//", "www.", "www<!-- -->.")

// opening is what begins a tag; "< 200ms" is none.
var opening = regexp.MustCompile(`<([^\s\d=])`)

// md makes a text safe within a line of Markdown, a table's cell included.
func md(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return " "
	}
	s = opening.ReplaceAllString(strings.ReplaceAll(s, "&", "&amp;"), "&lt;$1")
	if strings.HasPrefix(s, ">") {
		s = "&gt;" + s[1:]
	}
	return marks.Replace(s)
}
