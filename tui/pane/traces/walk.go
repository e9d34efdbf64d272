package traces

import (
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// headRows is how many rows stand above the waterfall: the request with its scale and, where something was broken while
// it ran and there is room, what that was.
func headRows(ctx pane.Context) int {
	if ctx.Frame != nil && len(ctx.Frame.Meanwhile) > 0 && ctx.Height >= 5 {
		return 2
	}
	return 1
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
