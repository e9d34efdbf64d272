package status

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// SLOs shows the promises: how well each is kept, what is left of its error budget, and how fast that burns.
func SLOs() pane.Pane {
	return &list{id: "slos", rows: slos,
		empty: "No objectives: name files with them under slos in gameday.yaml (docs/reliability.md).",
		title: func(f *signal.Frame) string {
			burning := 0
			for i := range f.SLOs {
				if f.SLOs[i].Firing() > 0 {
					burning++
				}
			}
			if burning > 0 {
				return fmt.Sprintf("objectives %d · %d burning", len(f.SLOs), burning)
			}
			return fmt.Sprintf("objectives %d", len(f.SLOs))
		}}
}

func slos(ctx pane.Context, p widget.Pen) []row {
	var out []row
	all := ctx.Frame.SLOs
	name := widget.Widest(24, len(all), func(i int) string { return all[i].Name })
	target := widget.Widest(9, len(all), func(i int) string { return shareText(all[i].Target) })
	left := widget.Widest(16, len(all), func(i int) string { return budgetText(all[i].Budget) })
	bar := min(ctx.Width-name-target-left-28, 20)
	for i := range all {
		s := &all[i]
		role, glyph, word := judged(s, p)
		good := "not known"
		if !math.IsNaN(s.Good) && s.Err == "" {
			good = shareText(s.Good)
		}
		head := []widget.Seg{seg(role, " "+glyph+" "+p.Left(word, 8)), seg(themes.Text, p.Left(s.Name, name)+" "), seg(role, p.Right(good, 9)), seg(themes.Muted, " of "+p.Left(shareText(s.Target), target)+" ")}
		if s.Err != "" {
			head = append(head, seg(themes.Muted, oneLine(s.Err)))
		} else {
			head = append(head, budget(s, p, bar)...)
		}
		out = append(out, row{segs: head, text: fmt.Sprintf("%s: %s; %s good of %s, budget left %s %s", s.Name, s.Title, good, shareText(s.Target), budgetText(s.Budget), s.Err), value: good,
			key: "objective " + s.Name, facts: func() []fact { return sloFacts(s, p) }})
		out = append(out, row{segs: []widget.Seg{seg(themes.Muted, strings.Repeat(" ", 11)+oneLine(s.Title)+coverage(s))}, text: s.Title, key: "title " + s.Name, facts: func() []fact { return sloFacts(s, p) }})
		for _, b := range s.Burns {
			r := burnRow(b, p)
			r.key, r.facts = fmt.Sprintf("burn %s %v %v", s.Name, b.Long, b.Short), func() []fact { return sloFacts(s, p) }
			out = append(out, r)
		}
	}
	return out
}

func judged(s *signal.SLO, p widget.Pen) (themes.Role, string, string) {
	switch {
	case s.Err != "" || math.IsNaN(s.Budget):
		return themes.Muted, p.Glyph(widget.Unknown), "unknown"
	case s.Firing() == 2:
		return themes.Failed, p.Glyph(widget.Alarm), "burning"
	case s.Budget <= 0:
		return themes.Failed, p.Glyph(widget.Failed), "spent"
	case s.Firing() == 1:
		return themes.Warning, p.Glyph(widget.Warn), "burning"
	}
	return themes.OK, p.Glyph(widget.Passed), "kept"
}

// budget is a bar of what is left, where there is room for one, with the figure.
func budget(s *signal.SLO, p widget.Pen, width int) []widget.Seg {
	if width < 3 {
		width = 0
	}
	left := min(max(s.Budget, 0), 1)
	full := int(math.Round(left * float64(width)))
	role := themes.OK
	switch {
	case s.Budget <= 0:
		role = themes.Failed
	case s.Budget < 0.25:
		role = themes.Warning
	}
	return []widget.Seg{seg(role, strings.Repeat(p.Glyph(widget.BarFull), full)),
		seg(themes.Muted, strings.Repeat(p.Glyph(widget.BarLight), width-full)), seg(role, " "+budgetText(s.Budget))}
}

func budgetText(v float64) string {
	switch {
	case math.IsNaN(v):
		return "not known"
	case v < 0:
		return fmt.Sprintf("overspent %.1fx", 1-v)
	}
	return widget.Percent(100*v) + " left"
}

// shareText has the digits that an objective of 99.9 or 99.99 per cent needs.
func shareText(v float64) string {
	text := fmt.Sprintf("%.3f", 100*v)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + " %"
}

func coverage(s *signal.SLO) string {
	if s.Covered <= 0 || s.Covered >= s.Window {
		return " · " + widget.Duration(s.Window)
	}
	return fmt.Sprintf(" · %s of %s measured", widget.Duration(s.Covered.Round(time.Second)), widget.Duration(s.Window))
}

func burnRow(b signal.BurnRate, p widget.Pen) row {
	word, role, glyph := "ticket", themes.Muted, p.Glyph(widget.Pending)
	if b.Page {
		word = "page"
	}
	if b.Firing {
		role, glyph = themes.Warning, p.Glyph(widget.Warn)
		if b.Page {
			role, glyph = themes.Failed, p.Glyph(widget.Alarm)
		}
	}
	text := fmt.Sprintf("%s %gx  %s in %s, %s in %s", p.Left(word, 6), b.Rate, burnText(b.NowLong), widget.Duration(b.Long), burnText(b.NowShort), widget.Duration(b.Short))
	return row{segs: []widget.Seg{seg(role, "           "+glyph+" "+text)}, text: text}
}

func burnText(v float64) string {
	if math.IsNaN(v) {
		return "?"
	}
	return fmt.Sprintf("%.1fx", v)
}

// Alerts lists the alerts of the window: those that go on first, then those that are over.
func Alerts() pane.Pane {
	return &list{id: "alerts", rows: alerts, quiet: true, empty: "No alert in this window.",
		title: func(f *signal.Frame) string {
			on := 0
			for i := range f.Events {
				if f.Events[i].Kind == signal.EventAlert && f.Events[i].Open {
					on++
				}
			}
			return fmt.Sprintf("alerts %d", on)
		}}
}

func alerts(ctx pane.Context, p widget.Pen) []row {
	var events []signal.Event
	for _, e := range ctx.Frame.Events {
		if e.Kind == signal.EventAlert {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b signal.Event) int {
		switch {
		case a.Open != b.Open && a.Open:
			return -1
		case a.Open != b.Open:
			return 1
		}
		return b.Start.Compare(a.Start)
	})
	var out []row
	for _, e := range events {
		role, glyph, word := themes.Failed, p.Glyph(widget.Alarm), "firing"
		switch {
		case !e.Open:
			role, glyph, word = themes.Muted, p.Glyph(widget.Passed), "over"
		case e.Outcome == signal.Warning:
			role, glyph, word = themes.Warning, p.Glyph(widget.Pending), "pending"
		case e.Outcome == signal.Neutral:
			role, glyph, word = themes.Muted, p.Glyph(widget.Pending), "silenced"
		}
		end := ctx.Frame.Now
		if !e.End.IsZero() {
			end = e.End
		}
		r := row{text: fmt.Sprintf("%s %s %s %s", e.Title, word, e.Detail, e.Attrs), value: e.Title, segs: []widget.Seg{seg(role, " "+glyph+" "+p.Left(word, 9)), seg(themes.Text, p.Left(oneLine(e.Title), 24)+" "),
			seg(themes.Muted, p.Right(widget.Duration(end.Sub(e.Start).Round(time.Second)), 7)+"  "), seg(themes.Text, oneLine(e.Detail)), seg(themes.Muted, " "+e.Attrs.String())}}
		r.event = &e
		r.key, r.facts = orID("alert ", e.ID, r.text), func() []fact { return eventFacts(ctx.Frame, &e, role) }
		r.walk = func() *pane.Steps { return eventSteps(ctx.Frame, &e) }
		at := e.Start
		r.wish = func() tea.Cmd { return pane.Wish(pane.MomentMsg{At: at}) }
		if id := e.TraceID; !id.IsZero() {
			r.wish = func() tea.Cmd { return pane.Wish(pane.OpenTraceMsg{ID: id}) }
		}
		out = append(out, r)
	}
	return out
}

// Scorecard shows the grade and what it is made of.
func Scorecard() pane.Pane {
	return &list{id: "scorecard", rows: scorecard, empty: "Nothing has been graded yet.",
		title: func(f *signal.Frame) string {
			if f.Scorecard == nil || math.IsNaN(f.Scorecard.Points) {
				return "scorecard"
			}
			got, known := 0.0, 0.0
			for _, part := range f.Scorecard.Parts {
				if !math.IsNaN(part.Share) {
					got, known = got+part.Weight*part.Share, known+part.Weight
				}
			}
			if known < 100 {
				return fmt.Sprintf("scorecard %s · %.0f of the %.0f points that are known", f.Scorecard.Grade, got, known)
			}
			return fmt.Sprintf("scorecard %s · %.0f of 100", f.Scorecard.Grade, f.Scorecard.Points)
		}}
}

func scorecard(ctx pane.Context, p widget.Pen) []row {
	card := ctx.Frame.Scorecard
	if card == nil {
		return nil
	}
	var out []row
	for _, part := range card.Parts {
		points, role := "not known", themes.Muted
		bar := strings.Repeat(p.Glyph(widget.BarLight), 10)
		if !math.IsNaN(part.Share) {
			points = fmt.Sprintf("%.0f of %.0f", part.Weight*part.Share, part.Weight)
			full := int(math.Round(10 * min(max(part.Share, 0), 1)))
			bar = strings.Repeat(p.Glyph(widget.BarFull), full) + strings.Repeat(p.Glyph(widget.BarLight), 10-full)
			switch {
			case part.Share >= 0.8:
				role = themes.OK
			case part.Share >= 0.6:
				role = themes.Warning
			default:
				role = themes.Failed
			}
		}
		out = append(out, row{text: part.Name + ": " + points + ", " + part.Says, value: points, key: part.Name,
			facts: func() []fact { return partFacts(part, points) }, segs: []widget.Seg{seg(themes.Text, " "+p.Left(part.Name, 12)), seg(role, bar+" "+p.Right(points, 10)+"  "),
				seg(themes.Muted, oneLine(part.Says))}})
	}
	return out
}
