package status

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// Incidents shows what is being worked on and what was: each incident with what was done about it, in order.
func Incidents() pane.Pane {
	return &list{id: "incidents", rows: incidents, empty: "No incident. Press i to open one: what happens from then on is kept for the post-mortem.",
		then: "No incident was open.",
		title: func(f *signal.Frame) string {
			open := 0
			for i := range f.Incidents {
				if f.Incidents[i].Resolved.IsZero() {
					open++
				}
			}
			return fmt.Sprintf("incidents %d open", open)
		}}
}

func incidents(ctx pane.Context, p widget.Pen) []row {
	var out []row
	now := ctx.Frame.Now
	for i := range ctx.Frame.Incidents {
		inc := &ctx.Frame.Incidents[i]
		role, glyph, end := themes.Failed, p.Glyph(widget.Alarm), now
		switch inc.Status() {
		case "acknowledged":
			role, glyph = themes.Warning, p.Glyph(widget.Warn)
		case "resolved":
			role, glyph, end = themes.Muted, p.Glyph(widget.Passed), inc.Resolved
		}
		facts := "  " + widget.Whole(end.Sub(inc.Opened).Round(time.Second))
		if inc.Resolved.IsZero() {
			facts += ", " + inc.LevelName + " is told"
			if !inc.EscalatesAt.IsZero() {
				facts += ", the next in " + widget.Whole(max(inc.EscalatesAt.Sub(now), 0).Round(time.Second))
			}
		}
		r := row{text: fmt.Sprintf("SEV%d %s %s opened %s", inc.Severity, inc.Title, inc.Status(), inc.Opened.UTC().Format(time.RFC3339)), value: inc.Title,
			segs: []widget.Seg{seg(role, fmt.Sprintf(" %s SEV%d %s", glyph, inc.Severity, p.Left(inc.Status(), 13))), seg(themes.Text, oneLine(inc.Title)), seg(themes.Muted, facts)}}
		r.key, r.whole, r.facts = inc.ID, true, func() []fact { return incidentFacts(ctx.Frame, inc, role) }
		at := inc.Opened
		r.wish = func() tea.Cmd { return pane.Wish(pane.MomentMsg{At: at}) }
		if id, ok := signal.ParseTraceID(inc.Trace); ok {
			r.wish = func() tea.Cmd { return pane.Wish(pane.OpenTraceMsg{ID: id}) }
		}
		out = append(out, r)
		if !inc.Resolved.IsZero() && i > 0 {
			continue // of those that are over only the last is told in full
		}
		for _, e := range inc.Entries {
			who := e.By
			if who == "" {
				who = "-"
			}
			at := e.At
			out = append(out, row{whole: true, facts: func() []fact { return append(entryFacts(ctx.Frame, &e), plain("incident", inc.Title)) },
				text: fmt.Sprintf("%s %s %s %s", e.At.UTC().Format(time.RFC3339), who, e.Kind, e.Text), value: e.Text,
				wish: func() tea.Cmd { return pane.Wish(pane.MomentMsg{At: at}) },
				segs: []widget.Seg{seg(themes.Muted, "     "+e.At.In(now.Location()).Format("15:04:05")+"  "+p.Left(who, 10)), seg(themes.Accent, p.Left(e.Kind, 13)), seg(themes.Text, oneLine(e.Text))}})
		}
	}
	return out
}
