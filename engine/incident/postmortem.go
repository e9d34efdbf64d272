package incident

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gameday/sources/signal"
)

// PostMortem writes what is known of an incident as Markdown: the figures, the timeline of people and machine in one, and
// the questions that only people can answer. It asks about the system, never about who is to blame.
func PostMortem(w io.Writer, inc signal.Incident, timeline []Happening) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Post-mortem: %s\n\n", plain(inc.Title))
	b.WriteString("This is about how the system, its tools and its rules let it happen. Nobody acted to do harm; everybody named here did\nwhat made sense with what could be known then.\n\n")
	b.WriteString("| | |\n| --- | --- |\n")
	row := func(k, v string) { fmt.Fprintf(&b, "| %s | %s |\n", k, v) }
	row("incident", inc.ID)
	row("severity", fmt.Sprintf("SEV%d", inc.Severity))
	row("began", stamp(began(inc, timeline))+" (the first thing that went wrong on the timeline, or the opening)")
	row("opened", stamp(inc.Opened))
	row("time to acknowledge", since(inc.Opened, inc.Acknowledged))
	row("time to resolve", since(inc.Opened, inc.Resolved))
	row("told last", plain(inc.LevelName))
	if inc.Trace != "" {
		row("a request that shows it", "`"+plain(inc.Trace)+"`")
	}
	b.WriteString("\n## Timeline\n\n| time (UTC) | what | detail |\n| --- | --- | --- |\n")
	for _, l := range merged(inc, timeline) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", l.at.UTC().Format("15:04:05"), plain(l.what), plain(l.detail))
	}
	b.WriteString("\n## Impact\n\nWho noticed what, how many, for how long? What did it cost of the error budget?\n\n" +
		"## What happened\n\nIn the order of cause and effect. Where was the first deviation, and what made it spread?\n\n" +
		"## What helped, what was luck\n\n- \n\n## What was missing\n\nSignals that came late, steps that took long, knowledge that only one person had.\n\n- \n\n" +
		"## What will be different\n\n| what | who | until | how it will be seen that it works |\n| --- | --- | --- | --- |\n|  |  |  | an experiment that fails today: `gameday run …` |\n")
	_, err := io.WriteString(w, b.String())
	return err
}

type told struct {
	at           time.Time
	what, detail string
}

// merged is what people and the machine did, in one order.
func merged(inc signal.Incident, timeline []Happening) []told {
	var out []told
	for _, e := range inc.Entries {
		who := e.By
		if who == "" {
			who = "gameday"
		}
		out = append(out, told{e.At, e.Kind + " by " + who, e.Text})
	}
	for _, h := range timeline {
		what := h.Kind + ": " + h.Title
		if !h.Until.IsZero() {
			what += fmt.Sprintf(" (for %s)", h.Until.Sub(h.At).Round(time.Second))
		}
		if h.By != "" {
			what += " by " + h.By
		}
		out = append(out, told{h.At, what, h.Detail})
	}
	slices.SortStableFunc(out, func(a, b told) int { return a.at.Compare(b.at) })
	return out
}

// began is the first fault, alert or failing probe of the timeline that came before the incident was opened.
func began(inc signal.Incident, timeline []Happening) time.Time {
	first := inc.Opened
	for _, h := range timeline {
		if (h.Kind == "fault" || h.Kind == "alert" || h.Kind == "probe") && h.At.Before(first) {
			first = h.At
		}
	}
	return first
}

func since(from, to time.Time) string {
	if to.IsZero() {
		return "not yet"
	}
	return to.Sub(from).Round(time.Second).String()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// plain keeps text from being read as Markdown or HTML.
func plain(s string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "&lt;", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "#", "\\#").Replace(s)
}
