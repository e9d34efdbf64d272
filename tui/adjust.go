package tui

import (
	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/themes"
)

// tenth is by how much a key raises the load; lowering takes the same step back.
const tenth = 1.1

// actLoad changes the load that runs, or says why that cannot be.
func (m *Model) actLoad(a keymap.Action) (tea.Cmd, bool) {
	var how LoadChange
	switch a {
	case keymap.RaiseLoad:
		how.Factor = tenth
	case keymap.LowerLoad:
		how.Factor = 1 / tenth
	case keymap.HoldLoad:
	case keymap.ResumeLoad:
		how.Resume = true
	case keymap.StopLoad:
		if l := m.frame.Load; l == nil || !l.Running {
			m.say(themes.Muted, "no load runs")
			return nil, true
		}
		return m.update(stopLoadMsg{}), true
	default:
		return nil, false
	}
	switch l := m.frame.Load; {
	case l == nil || !l.Running:
		m.say(themes.Muted, "no load runs: %s picks a plan", m.keys.Key(keymap.LoadPlans))
	case !l.Adjustable:
		m.say(themes.Warning, "%s follows its own course: only constant and external rates and users can be changed while they run", oneLine(l.Name))
	case how.Resume && !l.Paused:
		m.say(themes.Muted, "the load is not held")
	case how.Factor == 0 && !how.Resume && l.Paused:
		m.say(themes.Muted, "the load is held already: %s lets it go on", m.keys.Key(keymap.ResumeLoad))
	default:
		s, ctx := m.session, m.ctx
		return func() tea.Msg {
			said, err := s.AdjustLoad(ctx, how)
			return adjustedMsg{said, err}
		}, true
	}
	return nil, true
}
