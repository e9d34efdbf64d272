package traces

import (
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// headRows is how many rows stand above the waterfall: the request with its scale, what is known of a root that has not come
// and, where something was broken while it ran and there is room, what that was.
func (p *Pane) headRows(ctx pane.Context) int {
	n := 1 + len(p.rootless(ctx))
	if ctx.Frame != nil && len(ctx.Frame.Meanwhile) > 0 && ctx.Height >= 5 {
		n++
	}
	return n
}

// rootless says of a trace whose root span has not come what is known of it, in up to two rows: a service sends its span when
// the request ends, so that a request that hangs looks like one whose root was lost.
func (p *Pane) rootless(ctx pane.Context) []string {
	tr := p.detail(ctx)
	if tr == nil || tr.Rooted || len(tr.Spans) == 0 || ctx.Height < 6 {
		return nil
	}
	clock := func(t time.Time) string { return t.In(ctx.Frame.Now.Location()).Format(time.TimeOnly) }
	begun, end := tr.Spans[0].Start, time.Time{}
	for i := range tr.Spans {
		if s := &tr.Spans[i]; s.Start.Before(begun) {
			begun = s.Start
		}
		if at := tr.Spans[i].Start.Add(tr.Spans[i].Duration); at.After(end) {
			end = at
		}
	}
	ago := ""
	if age := ctx.Frame.Now.Sub(begun).Round(time.Second); widget.Live(ctx.Frame) && age > 0 {
		ago = ", " + widget.Whole(age) + " ago"
	}
	text := "the root span has not come: it still runs, or was lost; the first span began at " + clock(begun) + ago + ", the last one ended at " + clock(end)
	rows := widget.Wrap(text, max(ctx.Width-4, 1))
	return rows[:min(len(rows), 2)]
}

// meanwhileRow names the faults and experiments that were going on while the trace ran: faults first.
func meanwhileRow(pen widget.Pen, ctx pane.Context) string {
	var faults, rest []string
	for _, e := range ctx.Frame.Meanwhile {
		title := strings.Join(strings.Fields(e.Title), " ")
		if e.Kind == signal.EventFault {
			faults = append(faults, title)
		} else {
			rest = append(rest, title)
		}
	}
	segs := []widget.Seg{{Role: themes.Muted, Text: " meanwhile "}}
	if len(faults) > 0 {
		segs = append(segs, widget.Seg{Role: themes.Fault, Text: strings.Join(faults, ", ")})
	}
	if len(rest) > 0 {
		segs = append(segs, widget.Seg{Role: themes.Muted, Text: " " + strings.Join(rest, ", ")})
	}
	return pen.Row(ctx.Width, segs...)
}

// steps are the ways to go on from the opened trace: from the span or line under the cursor first, then from the rest.
func (p *Pane) steps(ctx pane.Context, t *tree) *pane.Steps {
	s := pane.NewSteps(ctx.Frame)
	tr := t.trace
	span := func(x *signal.Span) {
		s.Fields(x.Attrs, "the span "+x.Service+" "+x.Name)
		for _, e := range x.Events {
			s.Fields(e.Attrs, "the event "+e.Name+" of the span "+x.Service+" "+x.Name)
		}
	}
	line := func(r *signal.Record) { s.Fields(r.Attrs, "a line of "+r.Service) }
	spanAt, lineAt := -1, -1
	if len(p.items) > 0 {
		switch it := p.items[p.rows.Cursor]; it.kind {
		case logItem, factItem:
			lineAt = it.index
			line(&tr.Logs[it.index])
		default:
			spanAt = it.index
			span(&tr.Spans[it.index])
		}
	}
	for i := range tr.Spans {
		if i != spanAt {
			span(&tr.Spans[i])
		}
	}
	for i := range tr.Logs {
		if i != lineAt {
			line(&tr.Logs[i])
		}
	}
	s.Faults(ctx.Frame.Meanwhile, tr.Start, tr.Start.Add(tr.Duration))
	return s
}

// listSteps are the ways to go on from a trace of the list.
func listSteps(f *signal.Frame, t signal.TraceSummary) *pane.Steps {
	s := pane.NewSteps(f)
	s.Trace(t.ID, "its spans and log lines", "the trace under the cursor")
	s.Faults(f.Events, t.Start, t.Start.Add(t.Duration))
	return s
}
