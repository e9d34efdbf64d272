package traces

import (
	"fmt"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// listEvery is the shortest time between two changes of the list, and how old a trace must be to be in it while live: a
// younger one is still being put together.
const listEvery = time.Second

// shown is the list on the screen: calm while it follows, still while the cursor is on one of its traces.
func (p *Pane) shown(ctx pane.Context) []signal.TraceSummary {
	if ctx.Frame == nil {
		return nil
	}
	if ctx.Frame.Focus != p.of {
		p.of = ctx.Frame.Focus
		p.follow()
	}
	return p.more.after(p.newest(ctx))
}

// newest is the beginning of the list, as a frame has it.
func (p *Pane) newest(ctx pane.Context) []signal.TraceSummary {
	f := ctx.Frame
	if p.held(ctx) {
		return p.kept
	}
	if p.calm.Take(f, listEvery) || len(p.kept) == 0 {
		p.kept, p.total = f.Traces, f.TracesTotal
		if widget.Live(f) && p.order == recent {
			p.kept = settled(f)
		}
	}
	return p.kept
}

// settled are the traces that ended long enough ago to be whole.
func settled(f *signal.Frame) []signal.TraceSummary {
	out := make([]signal.TraceSummary, 0, len(f.Traces))
	for _, t := range f.Traces {
		if f.Now.Sub(t.Start.Add(t.Duration)) >= listEvery {
			out = append(out, t)
		}
	}
	return out
}

// held reports whether the list stands still because the operator is reading it.
func (p *Pane) held(ctx pane.Context) bool {
	return !p.at.IsZero() && len(p.kept) > 0 && ctx.Frame != nil && widget.Live(ctx.Frame)
}

// follow lets the list go on, from its top.
func (p *Pane) follow() {
	p.list, p.at = widget.List{}, signal.TraceID{}
	p.more.end()
	p.calm.Hurry()
}

// cursor finds the trace under the cursor in a new list; the cursor stays on its trace while others come in above it.
func (p *Pane) cursor(list []signal.TraceSummary) {
	if p.at.IsZero() {
		p.list.Cursor = 0
		return
	}
	for i := range list {
		if list[i].ID == p.at {
			p.list.Cursor = i
			return
		}
	}
}

// moveTo puts the cursor on row i; on the top row the list follows what comes in.
func (p *Pane) moveTo(ctx pane.Context, i int) {
	list := p.shown(ctx)
	if len(list) == 0 {
		return
	}
	if i = min(max(i, 0), len(list)-1); i == 0 {
		p.follow()
		return
	}
	p.list.Cursor, p.at = i, list[i].ID
	p.more.want(list, i)
}

func (p *Pane) actList(ctx pane.Context, a keymap.Action) tea.Cmd {
	if a == keymap.Order {
		p.order = (p.order + 1) % numOrders
		p.follow()
		return nil
	}
	list := p.shown(ctx)
	if len(list) == 0 {
		return nil
	}
	p.cursor(list)
	p.list.Clamp(len(list), ctx.Height-1)
	at := p.list.Cursor
	if by, moves := a.Rows(max(ctx.Height-2, 1), len(list)); moves {
		p.moveTo(ctx, at+by)
		return nil
	}
	t := list[at]
	switch a {
	case keymap.Leave:
		p.follow()
	case keymap.NextError:
		return p.nextError(ctx, list, at, 1)
	case keymap.PrevError:
		return p.nextError(ctx, list, at, -1)
	case keymap.Open, keymap.FocusIt:
		p.show(t.ID)
		return pane.Wish(pane.OpenTraceMsg{ID: t.ID})
	case keymap.Walk:
		return listSteps(ctx.Frame, t).Wish("trace " + t.ID.Short())
	case keymap.Copy:
		return pane.Wish(pane.CopyMsg{Text: t.ID.String()})
	case keymap.CopyRow:
		return pane.Wish(pane.CopyMsg{Text: fmt.Sprintf("%s trace_id=%s service=%s operation=%q duration=%s spans=%d errors=%d",
			t.Start.Format(time.RFC3339Nano), t.ID, t.Service, t.Name, t.Duration, t.Spans, t.Errors)})
	}
	return nil
}

func (p *Pane) nextError(ctx pane.Context, list []signal.TraceSummary, at, by int) tea.Cmd {
	for i := at + by; i >= 0 && i < len(list); i += by {
		if list[i].Errors > 0 {
			p.moveTo(ctx, i)
			return nil
		}
	}
	text := "no failed trace above this one"
	if by > 0 {
		text = fmt.Sprintf("no failed trace below this one, of the %d listed; the order failed has all of them", len(list))
	}
	return pane.Wish(pane.StatusMsg{Text: text, Role: themes.Muted})
}

func (p *Pane) drawList(ctx pane.Context) []string {
	pen := ctx.Pen()
	list, height := p.shown(ctx), ctx.Height-1
	if len(list) == 0 {
		return p.noTraces(pen, ctx)
	}
	p.cursor(list)
	p.list.Clamp(len(list), height)
	longest := time.Nanosecond
	for i := range list {
		longest = max(longest, list[i].Duration)
	}
	table := listTable(ctx.Width - 3)
	head := append([]widget.Seg{{Role: themes.Text, Text: " "}}, table.Header(pen)...)
	rows := []string{pen.Row(ctx.Width, head...)}
	for y := range height {
		i := p.list.Top + y
		if i >= len(list) {
			break
		}
		rows = append(rows, p.listRow(pen, ctx, table, list[i], longest, i, y, height))
	}
	return pen.Page(rows, ctx.Width, ctx.Height)
}

func listTable(width int) widget.Table {
	bar := min(max(width/8, 4), 20)
	return widget.NewTable(width,
		widget.Column{Title: "time", Width: 8, Drop: 3},
		widget.Column{Title: "duration", Width: 8, Right: true},
		widget.Column{Title: "", Width: bar, Drop: 5},
		widget.Column{Title: "service", Width: min(max(width/8, 8), 16), Drop: 4},
		widget.Column{Title: "operation", Min: 16},
		widget.Column{Title: "spans", Width: 5, Right: true, Drop: 7},
		widget.Column{Title: "errors", Width: 8, Drop: 2},
		widget.Column{Title: "trace", Width: 8, Drop: 6},
	)
}

func (p *Pane) listRow(pen widget.Pen, ctx pane.Context, table widget.Table, t signal.TraceSummary, longest time.Duration, i, y, height int) string {
	at := i == p.list.Cursor
	state, role := "", themes.Muted
	switch {
	case t.Errors > 0:
		state, role = fmt.Sprintf("%s %d err", pen.Glyph(widget.Failed), t.Errors), themes.Failed
		if t.Errors > 99 {
			state = pen.Glyph(widget.Failed) + " 99+"
		}
	case !t.Rooted:
		state, role = "no root", themes.Warning
	}
	barRole := themes.Series0
	if t.Errors > 0 {
		barRole = themes.Failed
	}
	cells := table.Segs(pen,
		widget.Seg{Role: themes.Muted, Text: t.Start.In(ctx.Frame.Now.Location()).Format("15:04:05")},
		widget.Seg{Role: themes.Text, Text: duration(t.Duration)},
		widget.Seg{Role: barRole, Text: pen.Bar(float64(t.Duration)/float64(longest), table.ColumnWidth(2))},
		widget.Seg{Role: pen.Service(t.Service), Text: t.Service},
		widget.Seg{Role: themes.Text, Text: t.Name},
		widget.Seg{Role: themes.Muted, Text: strconv.Itoa(t.Spans)},
		widget.Seg{Role: role, Text: state},
		widget.Seg{Role: themes.Focus, Text: t.ID.Short()},
	)
	mark := " "
	if t.ID == p.marked {
		mark = pen.Glyph(widget.ExemplarPicked)
	}
	return rowWithMark(pen, ctx, mark, at, cells, pen.ScrollMark(y, height, p.list.Top, len(p.kept)))
}

// rowWithCursor puts a row between the cursor's mark and the scroll mark.
func rowWithCursor(pen widget.Pen, ctx pane.Context, at bool, cells []widget.Seg, scroll widget.Seg) string {
	return rowWithMark(pen, ctx, " ", at, cells, scroll)
}

// rowWithMark has a mark of its own where the cursor is not.
func rowWithMark(pen widget.Pen, ctx pane.Context, mark string, at bool, cells []widget.Seg, scroll widget.Seg) string {
	if at {
		mark = pen.Glyph(widget.Cursor)
	}
	segs := append([]widget.Seg{{Role: themes.Accent, Text: mark}}, cells...)
	return pen.Line(at && ctx.Active, ctx.Width-1, segs...) + pen.Row(1, scroll)
}

func (p *Pane) noTraces(pen widget.Pen, ctx pane.Context) []string {
	what, hint := "No traces yet.", "They appear as soon as a service exports spans over OTLP"+ctx.Receiver()+", or a source tells of some, and load is running: press l to start some."
	switch {
	case p.filter != "":
		what, hint = fmt.Sprintf("No %s trace matches \"%s\".", p.order, p.filter), "Press / to change the filter, esc to drop it."
	case ctx.Frame != nil && ctx.Frame.Focus != "":
		what, hint = fmt.Sprintf("No trace belongs to %s.", ctx.Frame.Focus.Short()), "Press esc to leave the focus."
	case p.order == failed:
		what, hint = "No failed trace in this window.", "Press o to see recent ones."
	}
	return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: what}, widget.Seg{Role: themes.Muted, Text: hint})
}
