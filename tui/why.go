package tui

import (
	"slices"
	"strings"

	"gameday/keymap"
)

// whyNot says why an action would do nothing here and now, in the registry's words; "" when it would do something, or when
// nobody can tell before it is tried.
func (m *Model) whyNot(a keymap.Action) string {
	if why := m.forbidden(a); why != "" {
		return why
	}
	b, ok := m.keys.Lookup(a)
	if !ok || b.Off == "" {
		return ""
	}
	var works bool
	switch a {
	case keymap.Proceed:
		works = suspension(m.frame) != nil
	case keymap.Switches:
		works = len(m.frame.Switches) > 0
	case keymap.RaiseLoad, keymap.LowerLoad, keymap.HoldLoad, keymap.StopLoad:
		works = m.frame.Load != nil && m.frame.Load.Running
	case keymap.ResumeLoad:
		works = m.frame.Load != nil && m.frame.Load.Running && m.frame.Load.Paused
	case keymap.Filter:
		_, works = m.filterer()
	case keymap.FocusBack:
		works = len(m.focus.past) > 0
	case keymap.FocusFwd:
		works = len(m.focus.future) > 0
	default:
		if !ofPanes(b) {
			return ""
		}
		id := m.active()
		s := m.slots[id]
		works = s != nil && slices.Contains(s.pane.Keys(m.context(id)), a)
	}
	if works {
		return ""
	}
	return b.Off
}

// ofPanes reports whether it is the panes that carry the action out.
func ofPanes(b keymap.Binding) bool {
	return slices.ContainsFunc(b.Scopes, func(s keymap.Scope) bool {
		return s == keymap.Pane || strings.HasPrefix(string(s), string(keymap.PaneScope("")))
	})
}

// disabled lists why actions do nothing here and now, by action.
func (m *Model) disabled() map[keymap.Action]string {
	out := map[keymap.Action]string{}
	for _, b := range m.keys.All() {
		if why := m.whyNot(b.Action); why != "" {
			out[b.Action] = why
		}
	}
	return out
}
