package metrics

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// Update implements pane.Pane.
func (p *Pane) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	p.rev++
	switch m := msg.(type) {
	case pane.FilterMsg:
		p.filter, p.picked = m.Text, pick{}
	case pane.ClickMsg:
		return p.click(ctx, m)
	case pane.WheelMsg:
		p.move(ctx, sign(m.Rows))
	case pane.ActionMsg:
		return p.act(ctx, m.Action)
	}
	return nil
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// move moves the cursor by so many charts.
func (p *Pane) move(ctx pane.Context, by int) {
	panels := p.panels(ctx)
	if len(panels) == 0 {
		return
	}
	at := min(max(p.index(panels)+by, 0), len(panels)-1)
	if panels[at].Title != p.selected {
		p.picked = pick{}
	}
	p.selected = panels[at].Title
}

func (p *Pane) act(ctx pane.Context, a keymap.Action) tea.Cmd {
	panels := p.panels(ctx)
	if len(panels) == 0 {
		return nil
	}
	panel := panels[p.index(panels)]
	list := exemplars(panel)
	at := p.pickedIn(list)
	if by, moves := a.Rows(p.screen(ctx, len(panels)), len(panels)); moves {
		p.move(ctx, by)
		return nil
	}
	switch a {
	case keymap.Left, keymap.PrevError:
		return p.step(panel, list, at, -1)
	case keymap.Right, keymap.NextError:
		return p.step(panel, list, at, 1)
	case keymap.Exemplars:
		return p.slowest(panel, list, at)
	case keymap.Open:
		if at >= 0 {
			return pane.Wish(pane.OpenTraceMsg{ID: list[at].TraceID})
		}
		p.selected, p.large = panel.Title, !p.large
	case keymap.FocusIt:
		if at >= 0 {
			return pane.Wish(pane.FocusMsg{ID: signal.CorrelationID(list[at].TraceID.String())})
		}
		return pane.Wish(pane.StatusMsg{Text: "pick an exemplar first: left and right walk through them", Role: themes.Muted})
	case keymap.Leave:
		if p.picked.on {
			p.picked = pick{}
		} else {
			p.large = false
		}
	case keymap.Copy, keymap.CopyRow:
		return pane.Wish(pane.CopyMsg{Text: p.copied(panel, list, at, a == keymap.CopyRow)})
	}
	return nil
}

// step goes to the next exemplar in time; the first step picks the newest.
func (p *Pane) step(panel signal.Panel, list []signal.Exemplar, at, by int) tea.Cmd {
	if len(list) == 0 {
		return noExemplars(panel)
	}
	p.selected = panel.Title
	if at < 0 {
		at = len(list) - 1
	} else {
		at = min(max(at+by, 0), len(list)-1)
	}
	p.pick(list[at])
	return nil
}

// slowest picks the largest exemplar, then the next largest, and from the smallest the largest again.
func (p *Pane) slowest(panel signal.Panel, list []signal.Exemplar, at int) tea.Cmd {
	if len(list) == 0 {
		return noExemplars(panel)
	}
	p.selected = panel.Title
	best := -1
	for i := range list {
		if at >= 0 && !before(list, at, i) {
			continue
		}
		if best < 0 || before(list, i, best) {
			best = i
		}
	}
	if best < 0 {
		return p.slowest(panel, list, -1)
	}
	p.pick(list[best])
	return nil
}

// before orders exemplars by value, largest first, then by their place.
func before(list []signal.Exemplar, i, j int) bool {
	if list[i].V != list[j].V {
		return list[i].V > list[j].V
	}
	return i < j
}

func noExemplars(panel signal.Panel) tea.Cmd {
	return pane.Wish(pane.StatusMsg{Text: fmt.Sprintf("%s has no exemplars in this window", panel.Title), Role: themes.Muted})
}

func (p *Pane) copied(panel signal.Panel, list []signal.Exemplar, at int, row bool) string {
	if at >= 0 {
		if row {
			e := list[at]
			return fmt.Sprintf("%s %s %s trace_id=%s", panel.Title, e.T.Format("2006-01-02T15:04:05.000Z07:00"), widget.Value(e.V, panel.Unit), e.TraceID)
		}
		return list[at].TraceID.String()
	}
	if !row {
		return panel.Query
	}
	text := panel.Title
	for _, s := range panel.Series {
		if n := len(s.Samples); n > 0 {
			text += fmt.Sprintf("  %s %s", s.Name, widget.Value(s.Samples[n-1].V, panel.Unit))
		}
	}
	return text
}

// click selects the chart, and the exemplar at that cell; the second click opens what the first selected.
func (p *Pane) click(ctx pane.Context, m pane.ClickMsg) tea.Cmd {
	for _, pl := range p.places {
		if m.X < pl.x || m.X >= pl.x+pl.w || m.Y < pl.y || m.Y >= pl.y+pl.h {
			continue
		}
		if pl.title != p.selected {
			p.picked = pick{}
		}
		p.selected = pl.title
		panels := p.panels(ctx)
		if len(panels) == 0 {
			return nil
		}
		list := exemplars(panels[p.index(panels)])
		if c := p.charts[pl.title]; c != nil {
			if i, ok := c.At(m.X-pl.x, m.Y-pl.y); ok && i < len(list) {
				p.pick(list[i])
			}
		}
		if m.Double {
			return p.act(ctx, keymap.Open)
		}
	}
	return nil
}
