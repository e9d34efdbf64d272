package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/themes"
)

// Still is one screen of a cockpit that nobody sits at: what it shows after the keys were pressed, styled, in rows of exactly
// width cells, and the theme it is drawn in. A replay is drawn at the instant at which its clock stands, and gives the same screen
// every time. Of a live session settle is how long its charts get to be evaluated.
func Still(ctx context.Context, cfg Config, width, height int, keys []tea.KeyPressMsg, settle time.Duration) (screen string, theme *themes.Theme, err error) {
	if cfg.Playback != nil {
		stands := time.Now()
		cfg.Now = func() time.Time { return stands }
	}
	if cfg.Theme == "" {
		cfg.Theme = themes.All()[0].Name
	}
	if err := cfg.Validate(); err != nil {
		return "", nil, err
	}
	m := New(cfg)
	m.ctx = ctx
	still := stillLife{m: m}
	still.tell(tea.WindowSizeMsg{Width: width, Height: height})
	still.look()
	if settle > 0 {
		select {
		case <-time.After(settle):
		case <-ctx.Done():
			return "", nil, context.Cause(ctx)
		}
		still.look()
	}
	for _, k := range keys {
		still.tell(k)
		still.look()
	}
	_ = m.View() // a pane learns what it lacks while it draws
	still.look()
	return m.View().Content, m.theme, m.Err()
}

// stillLife runs a model without a program: commands are carried out at once, one after the other.
type stillLife struct {
	m     *Model
	depth int
}

// maxDepth bounds commands that follow from commands.
const maxDepth = 40

func (s *stillLife) tell(msg tea.Msg) { s.run(s.m.update(msg)) }

// look takes a frame, whatever the rhythm of frames says.
func (s *stillLife) look() {
	s.m.inflight = false
	s.run(s.m.fetch())
}

func (s *stillLife) run(cmd tea.Cmd) {
	if cmd == nil || s.depth > maxDepth {
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	switch msg := cmd().(type) {
	case nil, tickMsg:
	case tea.BatchMsg:
		for _, c := range msg {
			s.run(c)
		}
	default:
		s.tell(msg)
	}
}
