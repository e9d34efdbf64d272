package callmap

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

func (p *Pane) act(ctx pane.Context, a keymap.Action) tea.Cmd {
	switch a {
	case keymap.Copy:
		return pane.Wish(pane.CopyMsg{Text: p.copied(false)})
	case keymap.CopyRow:
		return pane.Wish(pane.CopyMsg{Text: p.copied(true)})
	case keymap.Walk:
		return p.steps(ctx).Wish(p.name(ctx, p.at))
	}
	if p.open {
		return p.actCalls(ctx, a)
	}
	switch a {
	case keymap.Open:
		return p.enter()
	case keymap.FocusIt:
		return p.example(0)
	case keymap.NextError:
		return p.nextFailing(1)
	case keymap.PrevError:
		return p.nextFailing(-1)
	case keymap.Face:
		if p.roomy(ctx) {
			p.table = !p.table
		}
	case keymap.Order:
		if p.asTable(ctx) {
			p.order = (p.order + 1) % numOrders
			return pane.Wish(pane.StatusMsg{Text: "calls by " + p.order.String(), Role: themes.Text})
		}
	default:
		if p.asTable(ctx) {
			p.moveTable(ctx, a)
		} else {
			p.moveGraph(ctx, a)
		}
	}
	return nil
}

func (p *Pane) actCalls(ctx pane.Context, a keymap.Action) tea.Cmd {
	n := p.callRows()
	switch a {
	case keymap.Leave, keymap.Left:
		p.open = false
	case keymap.Open, keymap.FocusIt:
		if p.rows.Cursor == len(p.examples()) && n > 0 {
			return p.all()
		}
		return p.example(p.rows.Cursor)
	case keymap.NextError, keymap.PrevError:
	default:
		by, _ := a.Rows(page(ctx), n)
		p.rows.Move(by, n)
	}
	return nil
}

// page is how many rows of a list a key goes on by.
func page(ctx pane.Context) int { return max(ctx.Height-6, 1) }

// enter shows the calls one by one, or the traces of a service.
func (p *Pane) enter() tea.Cmd {
	if i := p.call(p.at); i >= 0 && p.m.Calls[i].By != "" {
		return pane.Wish(pane.StatusMsg{Text: "no span of these calls is held: " + p.m.Calls[i].By + " tells of them", Role: themes.Muted})
	}
	if p.at.call {
		p.open, p.rows = true, widget.List{}
		return nil
	}
	svc := slices.IndexFunc(p.m.Services, func(s signal.MapService) bool { return s.Name == p.at.to })
	if svc < 0 || p.m.Services[svc].Kind != signal.MapTold {
		return pane.Wish(pane.StatusMsg{Text: serviceName(p.at.to) + " sends no spans: open a call to it instead", Role: themes.Muted})
	}
	return pane.Wish(pane.FilterPaneMsg{Pane: "traces", Text: ofService(p.at.to)})
}

// example opens the trace of a call.
func (p *Pane) example(i int) tea.Cmd {
	list := p.examples()
	if i >= len(list) {
		return pane.Wish(pane.StatusMsg{Text: "choose a call, not a service, to see a trace of it", Role: themes.Muted})
	}
	return pane.Wish(pane.OpenTraceMsg{ID: list[i].Trace})
}

// nextFailing goes to the next call with failures, in the order of the table.
func (p *Pane) nextFailing(by int) tea.Cmd {
	calls := p.sorted()
	at := slices.Index(calls, p.call(p.at))
	if at < 0 && by < 0 {
		at = len(calls)
	}
	for i := at + by; i >= 0 && i < len(calls); i += by {
		if c := &p.m.Calls[calls[i]]; c.Failed > 0 {
			p.at = spotOf(c)
			return nil
		}
	}
	return pane.Wish(pane.StatusMsg{Text: "no other call with failures that way", Role: themes.Muted})
}

func (p *Pane) moveTable(ctx pane.Context, a keymap.Action) {
	calls := p.sorted()
	if len(calls) == 0 {
		return
	}
	at := slices.Index(calls, p.call(p.at))
	if at < 0 {
		at = 0
	} else {
		by, _ := a.Rows(page(ctx), len(calls))
		at = min(max(at+by, 0), len(calls)-1)
	}
	c := &p.m.Calls[calls[at]]
	p.at = spotOf(c)
}

// moveGraph moves over the graph: left and right along the calls, up and down among what stands in one column.
func (p *Pane) moveGraph(ctx pane.Context, a keymap.Action) {
	switch a {
	case keymap.Left:
		if p.at.call {
			p.at = spot{to: p.at.from}
		} else if in := p.joined(true); len(in) > 0 {
			p.at = p.nearest(in)
		}
	case keymap.Right:
		if p.at.call {
			p.at = spot{to: p.at.to}
		} else if out := p.joined(false); len(out) > 0 {
			p.at = p.nearest(out)
		}
	default:
		column := p.column()
		if len(column) == 0 {
			return
		}
		i := max(slices.Index(column, p.at), 0)
		by, _ := a.Rows(max(ctx.Height/3, 1), len(column))
		p.at = column[min(max(i+by, 0), len(column)-1)]
	}
}

// joined are the calls to the service under the cursor, or those that it makes.
func (p *Pane) joined(in bool) (out []spot) {
	for i := range p.m.Calls {
		c := &p.m.Calls[i]
		end := c.From
		if in {
			end = c.To
		}
		if end == p.at.to && p.shown(c) && !(in && slices.Contains(p.plan.backs, i)) {
			out = append(out, spotOf(c))
		}
	}
	return out
}

// row is where a spot stands.
func (p *Pane) row(s spot) int {
	_, _, y, h := p.place(s)
	if !s.call && h > 1 {
		return y + 1
	}
	if i := p.call(s); s.call && slices.Contains(p.plan.backs, i) {
		from := &p.plan.vertices[p.plan.byName[s.from]]
		return from.y + 2 + slices.Index(from.backs, i)
	}
	return y
}

func (p *Pane) nearest(list []spot) spot {
	here := p.row(p.at)
	return slices.MinFunc(list, func(a, b spot) int { return abs(p.row(a)-here) - abs(p.row(b)-here) })
}

func abs(n int) int { return max(n, -n) }

// column is what stands above and below the cursor: the services of a layer with the calls in their boxes, or the calls that
// arrive in one.
func (p *Pane) column() (out []spot) {
	call := p.call(p.at)
	back := slices.Contains(p.plan.backs, call)
	layer := 0
	switch {
	case back:
		layer = p.plan.vertices[p.plan.byName[p.at.from]].layer
	default:
		layer = p.plan.vertices[p.plan.byName[p.at.to]].layer
	}
	for _, n := range p.plan.layers[layer] {
		v := &p.plan.vertices[n]
		if v.svc < 0 {
			continue
		}
		if call < 0 || back {
			out = append(out, spot{to: v.name})
			for _, c := range v.backs {
				out = append(out, spotOf(&p.m.Calls[c]))
			}
			continue
		}
		for _, k := range v.in {
			c := &p.m.Calls[p.plan.links[k].call]
			out = append(out, spotOf(c))
		}
	}
	return out
}

func (p *Pane) wheel(ctx pane.Context, rows int) {
	a := keymap.Down
	if rows < 0 {
		a = keymap.Up
	}
	for range min(abs(rows), 50) {
		p.act(ctx, a)
	}
}

// click puts the cursor on what was clicked; twice opens it.
func (p *Pane) click(ctx pane.Context, m pane.ClickMsg) tea.Cmd {
	hit := false
	switch {
	case p.open:
		if i := p.rows.Top + m.Y - 2; m.Y >= 2 && i < p.callRows() {
			p.rows.Cursor, hit = i, true
		}
	case p.asTable(ctx):
		calls := p.sorted()
		if i := p.list.Top + m.Y - 1; m.Y >= 1 && i < len(calls) {
			c := &p.m.Calls[calls[i]]
			p.at, hit = spotOf(c), true
		}
	default:
		hit = p.clickGraph(ctx, m)
	}
	if hit && m.Double {
		return p.act(ctx, keymap.Open)
	}
	return nil
}

// clickGraph finds the box or the line's label at a cell.
func (p *Pane) clickGraph(ctx pane.Context, m pane.ClickMsg) bool {
	for at, r := range p.areas {
		if r.Contains(m.X, m.Y) {
			p.at = at
			return true
		}
	}
	return false
}

// copied is the spot under the cursor as text: its name, or with all its figures.
func (p *Pane) copied(row bool) string {
	name := serviceName(p.at.to)
	f := p.served()
	if i := p.call(p.at); i >= 0 {
		name, f = serviceName(p.at.from)+"→"+serviceName(p.at.to), p.m.Calls[i].MapFigures
	}
	if p.open && p.rows.Cursor == len(p.examples()) && p.further() > 0 {
		return p.through()
	}
	if p.open && len(p.examples()) > 0 {
		x := p.examples()[min(p.rows.Cursor, len(p.examples())-1)]
		if !row {
			return x.Trace.String()
		}
		return fmt.Sprintf("%s trace_id=%s span_id=%s call=%s name=%q duration=%s failed=%t", x.At.Format("2006-01-02T15:04:05.000000Z07:00"), x.Trace, x.Span, name, x.Name, x.Duration, x.Failed)
	}
	if !row {
		return name
	}
	return fmt.Sprintf("%s rate=%.3g/s calls=%d failed=%d p50=%s p95=%s p99=%s max=%s from=%s to=%s", name, f.Rate, f.Count, f.Failed, f.P50, f.P95, f.P99, f.Max,
		p.m.Window.From.Format("2006-01-02T15:04:05Z07:00"), p.m.Window.To.Format("2006-01-02T15:04:05Z07:00"))
}

// steps are the ways to go on from the spot under the cursor: its examples, and the faults that were in force.
func (p *Pane) steps(ctx pane.Context) *pane.Steps {
	s := pane.NewSteps(ctx.Frame)
	for _, x := range p.examples() {
		how := widget.Duration(x.Duration)
		if x.Failed {
			how += ", failed"
		}
		s.Trace(x.Trace, x.Name+" · "+how, "the failed and the slowest calls are remembered")
	}
	if ctx.Frame != nil {
		s.Faults(ctx.Frame.Events, p.m.Window.From, p.m.Window.To)
	}
	return s
}
