package board

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
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

func (p *Pane) pickBoard(ctx pane.Context) tea.Cmd {
	b := boardOf(ctx)
	if b == nil {
		return nil
	}
	var items []pane.PickItem
	for _, one := range b.All {
		hint := ""
		if one.Name == b.Name {
			hint = "shown"
		}
		items = append(items, pane.PickItem{ID: one.Name, Title: one.Title, Note: one.Detail, Hint: hint})
	}
	return pane.Wish(pane.PickMsg{Pane: p.ID(), ID: askBoard, Title: "dashboards", Verb: "show", Empty: "no dashboards: name files below dashboards: in gameday.yaml", Items: items})
}

// pickVariable asks which variable is to be changed; the only one there is at once.
func (p *Pane) pickVariable(ctx pane.Context) tea.Cmd {
	b := boardOf(ctx)
	if b == nil {
		return nil
	}
	var items []pane.PickItem
	for i := range b.Vars {
		v := &b.Vars[i]
		if v.Hidden || v.Type == "constant" {
			continue
		}
		items = append(items, pane.PickItem{ID: v.Name, Title: v.Label, Note: v.Err, Hint: chosenText(v)})
	}
	switch len(items) {
	case 0:
		return pane.Wish(pane.StatusMsg{Text: "this dashboard has no variables", Role: themes.Muted})
	case 1:
		return p.pickValue(b, items[0].ID)
	}
	return pane.Wish(pane.PickMsg{Pane: p.ID(), ID: askVariable, Title: "variables", Verb: "change", Items: items})
}

func (p *Pane) pickValue(b *signal.Board, name string) tea.Cmd {
	v := variableOf(b, name)
	if v == nil {
		return nil
	}
	if v.Type == "textbox" {
		text := ""
		if len(v.Chosen) > 0 {
			text = v.Chosen[0]
		}
		return pane.Wish(pane.PromptMsg{Pane: p.ID(), ID: askTextValue + name, Label: v.Label, Help: "any text", Text: text})
	}
	verb := "choose"
	if v.Multi {
		verb = "choose, or not"
	}
	empty := "no values"
	if v.Err != "" {
		empty = v.Err
	}
	return pane.Wish(pane.PickMsg{Pane: p.ID(), ID: askValue + name, Title: v.Label, Verb: verb, Empty: empty, Stay: v.Multi, Typed: !v.Multi, Items: valueItems(v, v.Chosen)})
}

func valueItems(v *signal.BoardVar, chosen []string) []pane.PickItem {
	var items []pane.PickItem
	add := func(text, value string) {
		hint := ""
		if slices.Contains(chosen, value) {
			hint = "chosen"
		}
		items = append(items, pane.PickItem{ID: value, Title: text, Hint: hint})
	}
	if v.All {
		add("All", all)
	}
	for _, o := range v.Options {
		text := o.Text
		if text == "" {
			text = "empty"
		}
		add(text, o.Value)
	}
	return items
}

func variableOf(b *signal.Board, name string) *signal.BoardVar {
	for i := range b.Vars {
		if b.Vars[i].Name == name {
			return &b.Vars[i]
		}
	}
	return nil
}

// pickedItem takes what was chosen in a picker.
func (p *Pane) pickedItem(ctx pane.Context, m pane.PickedMsg) tea.Cmd {
	b := boardOf(ctx)
	if b == nil {
		return nil
	}
	switch m.ID {
	case askBoard:
		p.name, p.selected, p.large, p.picked, p.top, p.filter, p.from, p.to = m.Item, 0, false, pick{}, 0, "", 0, firstLook
		clear(p.charts)
		return nil
	case askVariable:
		return p.pickValue(b, m.Item)
	}
	name, ok := strings.CutPrefix(m.ID, askValue)
	v := variableOf(b, name)
	if !ok || v == nil {
		return nil
	}
	if p.name == "" {
		p.name = b.Name // values belong to a dashboard by its name
	}
	if !v.Multi {
		p.choose(name, []string{m.Item})
		return nil
	}
	next := toggled(p.chosenOr(v), m.Item)
	p.choose(name, next)
	return pane.Wish(pane.PickMsg{Pane: p.ID(), ID: m.ID, Refresh: true, Items: valueItems(v, next)})
}

// chosenOr is what was chosen last, which a frame may not know yet.
func (p *Pane) chosenOr(v *signal.BoardVar) []string {
	if c, ok := p.chosen[p.name+"\x00"+v.Name]; ok {
		return c
	}
	return v.Chosen
}

// toggled adds a value or takes it away. All stands alone, and comes back when nothing else is left.
func toggled(chosen []string, value string) []string {
	if value == all {
		return []string{all}
	}
	out := slices.DeleteFunc(slices.Clone(chosen), func(c string) bool { return c == all || c == value })
	if !slices.Contains(chosen, value) {
		out = append(out, value)
	}
	if len(out) == 0 {
		return []string{all}
	}
	return out
}

// exemplars are all of a panel's, by time.
func exemplars(b *signal.BoardPanel) []signal.Exemplar {
	if b.Kind != signal.BoardSeries {
		return nil
	}
	var out []signal.Exemplar
	for _, s := range b.Series {
		out = append(out, s.Exemplars...)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].T.Before(out[j].T) })
	return out
}

// pickedIn is the index of the picked exemplar, -1 when there is none or it has left the window.
func (p *Pane) pickedIn(list []signal.Exemplar) int {
	for i, e := range list {
		if p.picked.on && e.TraceID == p.picked.id && e.T.UnixNano() == p.picked.t {
			return i
		}
	}
	return -1
}

// step goes to the next exemplar in time; the first step picks the newest.
func (p *Pane) step(b *signal.BoardPanel, list []signal.Exemplar, at, by int) tea.Cmd {
	if len(list) == 0 {
		return noExemplars(b)
	}
	if at < 0 {
		at = len(list) - 1
	} else {
		at = min(max(at+by, 0), len(list)-1)
	}
	return p.pickOne(b, list[at])
}

func (p *Pane) pickOne(b *signal.BoardPanel, e signal.Exemplar) tea.Cmd {
	p.selected, p.picked = b.ID, pick{on: true, id: e.TraceID, t: e.T.UnixNano()}
	return nil
}

// largest picks the exemplar with the largest value, then the next largest, and so on around.
func (p *Pane) largest(b *signal.BoardPanel, list []signal.Exemplar, at int) tea.Cmd {
	if len(list) == 0 {
		return noExemplars(b)
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return list[order[i]].V > list[order[j]].V })
	next := 0
	if at >= 0 {
		next = (slices.Index(order, at) + 1) % len(order)
	}
	return p.pickOne(b, list[order[next]])
}

func noExemplars(b *signal.BoardPanel) tea.Cmd {
	return pane.Wish(pane.StatusMsg{Text: fmt.Sprintf("%s has no exemplars in this window", b.Title), Role: themes.Muted})
}

func copied(b *signal.BoardPanel, list []signal.Exemplar, at int, row bool) string {
	switch {
	case at >= 0 && row:
		e := list[at]
		return fmt.Sprintf("%s %s %s trace_id=%s", b.Title, e.T.Format("2006-01-02T15:04:05.000Z07:00"), widget.Value(e.V, b.Unit), e.TraceID)
	case at >= 0:
		return list[at].TraceID.String()
	case !row:
		return b.Query
	}
	text := b.Title
	for i, s := range b.Series {
		text += fmt.Sprintf("  %s %s", s.Name, valueOf(b, valueAt(b, i)))
	}
	return text
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
