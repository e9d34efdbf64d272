package tui

import (
	"fmt"
	"slices"

	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/pane"
)

// maxSaid is how many sentences of the status line are remembered.
const maxSaid = 50

// remind keeps what the status line says, for those who look up too late or have too narrow a screen.
func (m *Model) remind(said message) {
	if n := len(m.said); n > 0 && m.said[n-1].text == said.text { // a key that is held down says one thing
		m.said[n-1] = said
		return
	}
	if len(m.said) == maxSaid {
		m.said = slices.Delete(m.said, 0, 1)
	}
	m.said = append(m.said, said)
}

// showSaid lists what the status line says, and what it said before.
func (m *Model) showSaid() {
	role, _, now := m.attention()
	var items []overlay.Item
	if now != "" && now != m.status.text {
		items = append(items, overlay.Item{ID: "now", Title: now, Hint: "now", Role: role, Detail: now, Msg: pane.CopyMsg{Text: now}})
	}
	for i, s := range slices.Backward(m.said) {
		at := s.until.Add(-statusFor).Local().Format("15:04:05")
		items = append(items, overlay.Item{ID: fmt.Sprint(i), Title: s.text, Hint: at, Role: themes.Muted, Detail: s.text, Msg: pane.CopyMsg{Text: s.text}})
	}
	m.over = overlay.NewPicker(overlay.Picker{Title: "what was said", Verb: "copy it", Empty: "nothing has been said yet"}, items)
}
