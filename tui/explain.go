package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/pane"
)

// Explainer is a Session that can say what changed. Why takes seconds, and is called beside the screen.
type Explainer interface {
	Why(ctx context.Context, ask signal.WhyAsk) (*signal.Why, error)
}

// explainedMsg is the answer to a Why, for the box that waits for it.
type explainedMsg struct {
	box    *overlay.Why
	answer *signal.Why
	err    error
}

// explain asks what changed. From the example that an answer led to, it goes back to that answer.
func (m *Model) explain() tea.Cmd {
	s, ok := m.session.(Explainer)
	if !ok {
		m.say(themes.Muted, "%s: this session does not keep what it takes to find out", m.short(keymap.Why))
		return nil
	}
	if id, ok := m.focus.current.TraceID(); ok && m.whyBox != nil && m.whyBox.Shows(id) {
		m.over = m.whyBox
		return nil
	}
	box := overlay.NewWhy(m.now(), func(id signal.TraceID) tea.Msg { return pane.OpenTraceMsg{ID: id} })
	m.over, m.whyBox = box, box
	ask := signal.WhyAsk{Window: m.window()}
	if m.paused {
		ask.At = m.at
	}
	ctx := m.ctx
	return func() tea.Msg {
		answer, err := s.Why(ctx, ask)
		return explainedMsg{box, answer, err}
	}
}
