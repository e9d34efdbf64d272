package board

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
)

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
