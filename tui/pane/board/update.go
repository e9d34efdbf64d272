package board

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
)

// The questions that the pane asks by way of prompts and pickers.
const (
	askQuery     = "query"
	askBoard     = "board"
	askVariable  = "variable"
	askValue     = "value:"
	askTextValue = "text:"
)

// Update implements pane.Pane.
func (p *Pane) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	p.rev++
	switch m := msg.(type) {
	case pane.FilterMsg:
		p.filter, p.picked, p.top = m.Text, pick{}, 0
	case pane.ClickMsg:
		return p.click(ctx, m)
	case pane.WheelMsg:
		p.move(ctx, min(max(m.Rows, -1), 1))
	case pane.TypedMsg:
		p.answered(m)
	case pane.PickedMsg:
		return p.pickedItem(ctx, m)
	case pane.ActionMsg:
		return p.act(ctx, m.Action)
	}
	return nil
}

func (p *Pane) act(ctx pane.Context, a keymap.Action) tea.Cmd {
	switch a {
	case keymap.Ask:
		return pane.Wish(pane.PromptMsg{Pane: p.ID(), ID: askQuery, Label: "PromQL", Help: "tab completes", Text: p.query, Words: true})
	case keymap.Dashboards:
		return p.pickBoard(ctx)
	case keymap.Variables:
		return p.pickVariable(ctx)
	}
	cur := p.current(ctx)
	if cur == nil {
		return nil
	}
	if cmd, ok := p.moved(ctx, cur, a); ok {
		return cmd
	}
	list := p.exemplarsOf(cur)
	at := p.pickedIn(list)
	switch a {
	case keymap.Left, keymap.PrevError:
		return p.step(cur, list, at, -1)
	case keymap.Right, keymap.NextError:
		return p.step(cur, list, at, 1)
	case keymap.Exemplars:
		return p.largest(cur, list, at)
	case keymap.LogAxis:
		if p.charted(cur) {
			p.logs[p.panelKey(cur)] = !p.isLog(cur)
		}
	case keymap.OneSeries, keymap.OnlySeries:
		p.toggle(cur, a == keymap.OnlySeries)
	case keymap.Open:
		if at >= 0 {
			return pane.Wish(pane.OpenTraceMsg{ID: list[at].TraceID})
		}
		p.selected, p.large, p.series = cur.ID, !p.large, 0
	case keymap.FocusIt:
		if at >= 0 {
			return pane.Wish(pane.FocusMsg{ID: signal.CorrelationID(list[at].TraceID.String())})
		}
		return pane.Wish(pane.StatusMsg{Text: "pick an exemplar first: left and right walk through them", Role: themes.Muted})
	case keymap.Leave:
		switch {
		case p.picked.on:
			p.picked = pick{}
		case p.large:
			p.large = false
		default:
			p.query = ""
		}
	case keymap.Copy, keymap.CopyRow:
		return pane.Wish(pane.CopyMsg{Text: copied(cur, list, at, a == keymap.CopyRow)})
	}
	return nil
}

// moved moves the cursor: among panels, or in a large panel's legend.
func (p *Pane) moved(ctx pane.Context, cur *signal.BoardPanel, a keymap.Action) (tea.Cmd, bool) {
	by, ok := map[keymap.Action]int{keymap.Up: -1, keymap.Down: 1, keymap.PageUp: -6, keymap.PageDown: 6, keymap.Top: -1 << 20, keymap.Bottom: 1 << 20}[a]
	if !ok {
		return nil, false
	}
	if p.large && p.charted(cur) && len(cur.Series) > 1 {
		p.series = min(max(p.series+by, 0), len(cur.Series)-1)
		return nil, true
	}
	p.move(ctx, by)
	return nil, true
}

func (p *Pane) move(ctx pane.Context, by int) {
	panels := p.panels(ctx)
	if len(panels) == 0 {
		return
	}
	at := min(max(p.index(panels)+by, 0), len(panels)-1)
	if panels[at].ID != p.selected {
		p.picked, p.series = pick{}, 0
	}
	p.selected = panels[at].ID
}

func (p *Pane) panelKey(b *signal.BoardPanel) string {
	return p.name + "\x00" + b.Title + "\x00" + b.Query
}

func (p *Pane) isLog(b *signal.BoardPanel) bool {
	if on, ok := p.logs[p.panelKey(b)]; ok {
		return on
	}
	return b.Log
}

func (p *Pane) seriesKey(b *signal.BoardPanel, i int) string {
	return fmt.Sprintf("%s\x00%d\x00%s", p.name, b.ID, b.Series[i].Name)
}

func (p *Pane) anyHidden(b *signal.BoardPanel) bool {
	for i := range b.Series {
		if p.hidden[p.seriesKey(b, i)] {
			return true
		}
	}
	return false
}

// toggle turns the series under the legend's cursor off and on; only turns all others off, and all on again.
func (p *Pane) toggle(b *signal.BoardPanel, only bool) {
	if !p.large || p.series >= len(b.Series) {
		return
	}
	if len(p.hidden) > 2000 { // series that came and went
		clear(p.hidden)
	}
	if !only {
		k := p.seriesKey(b, p.series)
		p.hidden[k] = !p.hidden[k]
		return
	}
	alone := !p.hidden[p.seriesKey(b, p.series)]
	for i := range b.Series {
		alone = alone && (i == p.series || p.hidden[p.seriesKey(b, i)])
	}
	for i := range b.Series {
		p.hidden[p.seriesKey(b, i)] = !alone && i != p.series
	}
}

// answered takes what was typed into a prompt.
func (p *Pane) answered(m pane.TypedMsg) {
	if name, ok := strings.CutPrefix(m.ID, askTextValue); ok {
		if m.Done {
			p.choose(name, []string{m.Text})
		}
		return
	}
	text := strings.TrimSpace(m.Text)
	if m.Undone {
		p.query, p.typed, p.good = text, "", nil
		return
	}
	if p.query != text {
		p.picked, p.top = pick{}, 0
	}
	p.query, p.typed = text, m.Text[:min(max(m.Cursor, 0), len(m.Text))]
	if m.Done {
		p.typed = ""
	}
	p.selected = queryID
	if text == "" {
		p.selected, p.good = 0, nil
	}
}

// click selects the panel, and the exemplar at that cell; the second click opens what the first selected.
func (p *Pane) click(ctx pane.Context, m pane.ClickMsg) tea.Cmd {
	for _, pl := range p.places {
		if m.X < pl.x || m.X >= pl.x+pl.w || m.Y < pl.y || m.Y >= pl.y+pl.h {
			continue
		}
		if pl.id != p.selected {
			p.picked = pick{}
		}
		p.selected = pl.id
		cur := p.current(ctx)
		if cur == nil {
			return nil
		}
		list := p.exemplarsOf(cur)
		if c := p.charts[pl.id]; c != nil {
			if i, ok := c.At(m.X-pl.x, m.Y-pl.y); ok && i < len(list) {
				return p.pickOne(cur, list[i])
			}
		}
		if m.Double {
			return p.act(ctx, keymap.Open)
		}
	}
	return nil
}
