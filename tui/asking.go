package tui

import (
	tea "charm.land/bubbletea/v2"

	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/pane"
)

// wording is the prompt of a pane that is helped by words of the frame.
type wording struct{ *overlay.Prompt }

// picking is the list of a pane, to be told from the other lists when its rows change.
type picking struct {
	*overlay.Picker
	of, id string
}

// askFor opens a prompt for a pane.
func (m *Model) askFor(ask pane.PromptMsg) {
	before := ask.Text
	send := func(t pane.TypedMsg) tea.Msg {
		t.ID = ask.ID
		return toPaneMsg{ask.Pane, t}
	}
	p := overlay.Prompt{Label: ask.Label, Help: ask.Help,
		Done: func(text string) tea.Msg { return send(pane.TypedMsg{Text: text, Done: true}) },
		Undo: func() tea.Msg { return send(pane.TypedMsg{Text: before, Undone: true}) }}
	if !ask.Words {
		m.over = overlay.NewPrompt(p, before)
		return
	}
	p.Moved = func(text string, cursor int) tea.Msg { return send(pane.TypedMsg{Text: text, Cursor: cursor}) }
	m.over = wording{overlay.NewPrompt(p, before)}
}

// refreshWords hands the frame's words to the prompt that they are for.
func (m *Model) refreshWords() {
	if w, ok := m.over.(wording); ok && m.frame.Board != nil {
		words := m.frame.Board.Words
		w.SetWords(words)
	}
}

// letPick opens a list for a pane, or puts new rows into it.
func (m *Model) letPick(ask pane.PickMsg) {
	var items []overlay.Item
	for _, it := range ask.Items {
		items = append(items, overlay.Item{ID: it.ID, Title: oneLine(it.Title), Note: oneLine(it.Note), Hint: oneLine(it.Hint), Role: themes.Accent,
			Msg: toPaneMsg{ask.Pane, pane.PickedMsg{ID: ask.ID, Item: it.ID}}})
	}
	if ask.Refresh {
		if open, ok := m.over.(picking); ok && open.of == ask.Pane && open.id == ask.ID {
			open.SetItems(items)
		}
		return
	}
	m.over = picking{overlay.NewPicker(overlay.Picker{Title: ask.Title, Verb: ask.Verb, Empty: ask.Empty, Stay: ask.Stay, Typed: ask.Typed}, items), ask.Pane, ask.ID}
}
