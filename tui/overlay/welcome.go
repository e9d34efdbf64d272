package overlay

import (
	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/themes"
)

// Welcome says once which keys to press first. Any key takes it away; the key still does what it does.
type Welcome struct{ System string }

// Scope implements Overlay.
func (w *Welcome) Scope() keymap.Scope { return keymap.Global }

// Key implements Overlay.
func (w *Welcome) Key(keymap.Action, tea.KeyPressMsg) Result { return Result{Close: true} }

// Update implements Overlay.
func (w *Welcome) Update(tea.Msg) Result { return Result{} }

// Box implements Overlay.
func (w *Welcome) Box(l Look) Box {
	inner := min(62, l.Width-6)
	row := func(a keymap.Action, text string, role themes.Role) string {
		return l.Pen.Row(inner, seg(themes.Key, l.Pen.Right(l.Keys.Key(a), 9)), seg(role, "   "+text))
	}
	rows := []string{
		l.Pen.Blank(inner),
		l.Pen.Row(inner, seg(themes.Text, "  This is "), seg(themes.Title, w.System), seg(themes.Text, ". Real requests are running through it.")),
		l.Pen.Row(inner, seg(themes.Text, "  Break something, watch what it does, take it back:")),
		l.Pen.Blank(inner),
		row(keymap.Experiments, "pick an experiment", themes.Text),
		row(keymap.Open, "read what it will hit, start it, jump to a cause", themes.Text),
		row(keymap.Abort, "undo everything, at any moment", themes.Fault),
	}
	if first, last := l.Keys.Key(keymap.Workspace2), l.Keys.Key(keymap.Workspace8); first != "" && last != "" {
		rows = append(rows, l.Pen.Row(inner, seg(themes.Key, l.Pen.Right(first+" - "+last, 9)), seg(themes.Text, "   load, chaos, traces, logs, metrics and more")))
	}
	rows = append(rows, l.Pen.Blank(inner))
	return framed(l, inner, Edge{Role: themes.BorderActive, Left: hints()}, Edge{Role: themes.BorderActive, Left: append(hint(l, keymap.Help, "every key"), seg(themes.Muted, "   any key goes on"))}, rows)
}
