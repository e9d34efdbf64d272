package triage

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gameday/sources"
	"gameday/sources/signal"
)

// maxTold is how many records outside of traces, and how many lines of one trace, are printed; JSON has all of them.
const maxTold = 200

// line is one row of a trace as it is read: a span or a record at its instant.
type line struct {
	at     time.Duration // since the trace's start
	depth  int
	span   *signal.Span
	record *signal.Record
}

// lines puts a trace's spans and records into the order in which they are read: each span below its caller, each record
// below its span, at its instant.
func lines(t *signal.Trace) []line {
	depth := map[signal.SpanID]int{}
	var out []line
	for i := range t.Spans {
		s := &t.Spans[i]
		d := 0
		if parent, ok := depth[s.ParentID]; ok && !s.ParentID.IsZero() {
			d = parent + 1
		}
		depth[s.SpanID] = d
		out = append(out, line{s.Start.Sub(t.Start), d, s, nil})
	}
	for i := range t.Logs {
		r := &t.Logs[i]
		out = append(out, line{r.Time.Sub(t.Start), depth[r.SpanID] + 1, nil, r})
	}
	slices.SortStableFunc(out, func(a, b line) int { return int((a.at - b.at) / time.Microsecond) })
	return out
}

// FirstFailure is the span where it began to go wrong: of the failed ones without a failed callee, the one that ended
// first. It is nil when nothing failed.
func FirstFailure(t *signal.Trace) *signal.Span {
	above := map[signal.SpanID]bool{} // callers of failed spans
	for i := range t.Spans {
		if s := &t.Spans[i]; s.Failed {
			above[s.ParentID] = true
		}
	}
	var first *signal.Span
	for i := range t.Spans {
		if s := &t.Spans[i]; s.Failed && !above[s.SpanID] && (first == nil || s.End().Before(first.End())) {
			first = s
		}
	}
	return first
}

func services(t *signal.Trace) []string {
	var out []string
	for i := range t.Spans {
		if s := t.Spans[i].Service; s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1fms", float64(d)/1e6)
	}
	return fmt.Sprintf("%dµs", d.Microseconds())
}

func headline(t *signal.Trace) string {
	if len(t.Spans) == 0 {
		return count(len(t.Logs), "log record") + ", no spans"
	}
	return fmt.Sprintf("%s %s, %s: %s in %s, %d failed, %s", t.Service, t.Name, short(t.Duration), count(len(t.Spans), "span"),
		count(len(services(t)), "service"), t.Errors, count(len(t.Logs), "log record"))
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// shareable is the result without the secrets that stand in what others logged: what is printed is pasted into tickets and chats.
func (r *Result) shareable() *Result {
	out := *r
	out.Logs, out.Near = harmless(r.Logs), harmless(r.Near)
	out.Traces = slices.Clone(r.Traces)
	for i := range out.Traces {
		t := &out.Traces[i]
		t.Logs, t.Spans = harmless(t.Logs), slices.Clone(t.Spans)
		for k := range t.Spans {
			sources.RedactSpan(&t.Spans[k])
		}
	}
	return &out
}

func harmless(list []signal.Record) []signal.Record {
	out := slices.Clone(list)
	for i := range out {
		sources.RedactRecord(&out[i])
	}
	return out
}

// Text tells it to a person at a terminal without colours.
func (r *Result) Text(w io.Writer) error {
	r = r.shareable()
	var b strings.Builder
	for _, id := range r.IDs {
		fmt.Fprintf(&b, "%s  (%s)\n", id.Value, id.Why)
	}
	if r.Empty() {
		b.WriteString("nothing was found\n")
	}
	for i := range r.Traces {
		t := &r.Traces[i]
		fmt.Fprintf(&b, "\ntrace %s  %s\n  %s\n", t.ID, t.Start.Format("2006-01-02 15:04:05.000 MST"), headline(t))
		if f := FirstFailure(t); f != nil {
			fmt.Fprintf(&b, "  first failure: %s %s at +%s%s\n", f.Service, f.Name, short(f.End().Sub(t.Start)), because(f))
		}
		for _, l := range head(lines(t), &b) {
			indent := strings.Repeat("  ", min(l.depth, 12))
			if l.span != nil {
				mark := " "
				if l.span.Failed {
					mark = "✘"
				}
				fmt.Fprintf(&b, "%10s %s %s%s %s  %s%s\n", "+"+short(l.at), mark, indent, l.span.Service, l.span.Name, short(l.span.Duration), because(l.span))
				continue
			}
			fmt.Fprintf(&b, "%10s   %s│ %s %s  %s\n", "+"+short(l.at), indent, l.record.Severity, l.record.Service, l.record.Body)
		}
	}
	if len(r.Logs) > 0 {
		fmt.Fprintf(&b, "\n%s outside of these traces\n", count(len(r.Logs), "log record"))
		for _, rec := range r.Logs[:min(len(r.Logs), maxTold)] {
			fmt.Fprintf(&b, "  %s %-5s %s  %s\n", rec.Time.Format("15:04:05.000"), rec.Severity, rec.Service, rec.Body)
		}
		if more := len(r.Logs) - maxTold; more > 0 {
			fmt.Fprintf(&b, "  … and %d more (--format json has all)\n", more)
		}
	}
	if len(r.Near) > 0 {
		fmt.Fprintf(&b, "\n%s near: by a service of the trace, at its time, and without an ID; what is near may belong to it, or not\n", count(len(r.Near), "log record"))
		for _, rec := range r.Near[:min(len(r.Near), maxTold)] {
			fmt.Fprintf(&b, "≈ %s %-5s %s  %s\n", rec.Time.Format("15:04:05.000"), rec.Severity, rec.Service, rec.Body)
		}
	}
	for _, m := range r.NearMissed {
		fmt.Fprintf(&b, "\nwhat is near was not told by %s (--near gives more time)\n", m)
	}
	b.WriteString("\nasked, in " + short(r.Took) + "\n")
	for _, o := range r.Outcomes {
		fmt.Fprintf(&b, "  %s\n", o.sentence())
	}
	if len(r.Outcomes) == 0 {
		b.WriteString("  no source that answers for the past is configured: name some in gameday.yaml (gameday init writes one)\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func because(s *signal.Span) string {
	if s.Message == "" {
		return ""
	}
	return ": " + s.Message
}

// head is what is printed of a trace; what is left out is said.
func head(all []line, b *strings.Builder) []line {
	if more := len(all) - maxTold; more > 0 {
		fmt.Fprintf(b, "  (the first %d of %d rows; --format json has all)\n", maxTold, len(all))
		return all[:maxTold]
	}
	return all
}

func (o Outcome) sentence() string {
	text := fmt.Sprintf("%s (%s, %s): ", o.Source, o.Kind, o.Address)
	if o.Err != "" {
		return text + "DID NOT ANSWER after " + short(o.Took) + ": " + o.Err
	}
	text += fmt.Sprintf("%s, %s in %s", count(o.Spans, "span"), count(o.Logs, "log record"), short(o.Took))
	if o.Truncated {
		text += "; it has more"
	}
	for _, w := range o.Warnings {
		text += "; " + w
	}
	return text
}

// Markdown tells it for a ticket or a chat.
func (r *Result) Markdown(w io.Writer) error {
	r = r.shareable()
	var b strings.Builder
	b.WriteString("# Triage\n\n")
	for _, id := range r.IDs {
		fmt.Fprintf(&b, "- %s (%s)\n", code(string(id.Value)), id.Why)
	}
	if r.Empty() {
		b.WriteString("\nNothing was found.\n")
	}
	for i := range r.Traces {
		t := &r.Traces[i]
		fmt.Fprintf(&b, "\n## Trace %s\n\n%s, %s\n", code(t.ID.String()), t.Start.UTC().Format(time.RFC3339Nano), plain(headline(t)))
		if f := FirstFailure(t); f != nil {
			fmt.Fprintf(&b, "\n**First failure**: %s %s at +%s%s\n", plain(f.Service), plain(f.Name), short(f.End().Sub(t.Start)), plain(because(f)))
		}
		b.WriteString("\n| at | who | what | took |\n| ---: | --- | --- | ---: |\n")
		for _, l := range head(lines(t), &b) {
			if l.span != nil {
				mark := ""
				if l.span.Failed {
					mark = "✘ "
				}
				fmt.Fprintf(&b, "| +%s | %s | %s%s%s | %s |\n", short(l.at), plain(l.span.Service), mark, plain(l.span.Name), plain(because(l.span)), short(l.span.Duration))
				continue
			}
			fmt.Fprintf(&b, "| +%s | %s | %s %s | |\n", short(l.at), plain(l.record.Service), l.record.Severity, plain(l.record.Body))
		}
	}
	if len(r.Logs) > 0 {
		b.WriteString("\n## Log records outside of these traces\n\n| at | service | record |\n| --- | --- | --- |\n")
		for _, rec := range r.Logs[:min(len(r.Logs), maxTold)] {
			fmt.Fprintf(&b, "| %s | %s | %s %s |\n", rec.Time.UTC().Format("15:04:05.000"), plain(rec.Service), rec.Severity, plain(rec.Body))
		}
	}
	if len(r.Near) > 0 {
		b.WriteString("\n## Near\n\nThe same service, host and time, and no ID of their own: they may belong to it, or not.\n\n| at | service | record |\n| --- | --- | --- |\n")
		for _, rec := range r.Near[:min(len(r.Near), maxTold)] {
			fmt.Fprintf(&b, "| %s | %s | %s %s |\n", rec.Time.UTC().Format("15:04:05.000"), plain(rec.Service), rec.Severity, plain(rec.Body))
		}
	}
	b.WriteString("\n## Sources\n\n")
	for _, o := range r.Outcomes {
		fmt.Fprintf(&b, "- %s\n", plain(o.sentence()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// plain keeps text from being read as Markdown or HTML.
func plain(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "#", "\\#").Replace(s)
}

func code(s string) string { return "`" + strings.ReplaceAll(s, "`", "'") + "`" }

// JSON tells it to a program: everything, with IDs in hex and times in RFC 3339.
func (r *Result) JSON(w io.Writer) error {
	r = r.shareable()
	type attrs map[string]string
	type jsonLog struct {
		Time     time.Time `json:"time"`
		Severity string    `json:"severity,omitempty"`
		Service  string    `json:"service,omitempty"`
		Body     string    `json:"body"`
		TraceID  string    `json:"traceId,omitempty"`
		SpanID   string    `json:"spanId,omitempty"`
		Attrs    attrs     `json:"attributes,omitempty"`
		Source   string    `json:"source,omitempty"`
	}
	type jsonSpan struct {
		SpanID   string    `json:"spanId"`
		ParentID string    `json:"parentId,omitempty"`
		Service  string    `json:"service"`
		Name     string    `json:"name"`
		Start    time.Time `json:"start"`
		Seconds  float64   `json:"seconds"`
		Failed   bool      `json:"failed"`
		Message  string    `json:"message,omitempty"`
		Attrs    attrs     `json:"attributes,omitempty"`
		Source   string    `json:"source,omitempty"`
	}
	type jsonTrace struct {
		ID           string     `json:"id"`
		Service      string     `json:"service"`
		Name         string     `json:"name"`
		Start        time.Time  `json:"start"`
		Seconds      float64    `json:"seconds"`
		Errors       int        `json:"errors"`
		FirstFailure string     `json:"firstFailure,omitempty"` // a span ID
		Spans        []jsonSpan `json:"spans"`
		Logs         []jsonLog  `json:"logs"`
	}
	mapOf := func(list signal.Attrs) attrs {
		out := attrs{}
		for _, a := range list {
			out[a.Key] = a.Value
		}
		return out
	}
	logs := func(list []signal.Record) []jsonLog {
		out := []jsonLog{}
		for _, l := range list {
			severity := ""
			if l.Severity != signal.SeverityUnset {
				severity = l.Severity.String()
			}
			out = append(out, jsonLog{l.Time, severity, l.Service, l.Body, l.TraceID.String(), l.SpanID.String(), mapOf(l.Attrs), l.Source})
		}
		return out
	}
	traces := []jsonTrace{}
	for i := range r.Traces {
		t := &r.Traces[i]
		j := jsonTrace{ID: t.ID.String(), Service: t.Service, Name: t.Name, Start: t.Start, Seconds: t.Duration.Seconds(), Errors: t.Errors, Spans: []jsonSpan{}, Logs: logs(t.Logs)}
		if f := FirstFailure(t); f != nil {
			j.FirstFailure = f.SpanID.String()
		}
		for k := range t.Spans {
			s := &t.Spans[k]
			j.Spans = append(j.Spans, jsonSpan{s.SpanID.String(), s.ParentID.String(), s.Service, s.Name, s.Start, s.Duration.Seconds(), s.Failed, s.Message, mapOf(s.Attrs), s.Source})
		}
		traces = append(traces, j)
	}
	type jsonOutcome struct {
		Source    string   `json:"source"`
		Kind      string   `json:"kind"`
		Address   string   `json:"address"`
		Seconds   float64  `json:"seconds"`
		Spans     int      `json:"spans"`
		Logs      int      `json:"logs"`
		Truncated bool     `json:"truncated"`
		Answered  bool     `json:"answered"`
		Error     string   `json:"error,omitempty"`
		Warnings  []string `json:"warnings,omitempty"`
	}
	outcomes := []jsonOutcome{}
	for _, o := range r.Outcomes {
		outcomes = append(outcomes, jsonOutcome{o.Source, o.Kind, o.Address, o.Took.Seconds(), o.Spans, o.Logs, o.Truncated, o.Err == "", o.Err, o.Warnings})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // it is read by people too
	return enc.Encode(map[string]any{"ids": r.IDs, "seconds": r.Took.Seconds(), "traces": traces, "logs": logs(r.Logs), "near": logs(r.Near), "nearMissed": append([]string{}, r.NearMissed...), "sources": outcomes})
}
