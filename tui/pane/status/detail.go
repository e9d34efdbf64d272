package status

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// fact is one thing to know about a row that is open: a label, and a text of any length.
type fact struct {
	label string
	role  themes.Role
	text  string
}

// opened is a row that is shown with all of its text instead of the list. It follows its row while a frame has it, and stays as it
// was seen last when it is gone.
type opened struct {
	key   string
	facts []fact
	wish  func() tea.Cmd
	walk  func() *pane.Steps
	top   int
}

// all are the facts of a row; one without any has its text.
func (r *row) all() []fact {
	if r.facts != nil {
		return r.facts()
	}
	return []fact{{"", themes.Text, r.text}}
}

// name tells a row from others while frames come; rows without a key are told by their text.
func (r *row) name() string {
	if r.key != "" {
		return r.key
	}
	return r.text
}

// show opens a row.
func (l *list) show(r *row) {
	l.open = &opened{key: r.name(), facts: r.all(), wish: r.wish, walk: r.walk}
}

// refresh takes what the row that is open says now.
func (l *list) refresh(rows []row) {
	for i := range rows {
		if rows[i].name() == l.open.key {
			l.sel = i // what is left by going back is what was read
			l.open.facts, l.open.wish, l.open.walk = rows[i].all(), rows[i].wish, rows[i].walk
			return
		}
	}
}

// read is what keys do in a row that is open.
func (l *list) read(ctx pane.Context, a keymap.Action, rows []row) tea.Cmd {
	o := l.open
	if to, moves := a.Scroll(o.top, max(ctx.Height-1, 1)); moves {
		o.top = to
		return nil
	}
	switch a {
	case keymap.Leave, keymap.Detail, keymap.Left:
		l.open = nil
	case keymap.Open:
		if o.wish != nil {
			l.open = nil
			return o.wish()
		}
	case keymap.Walk:
		if o.walk != nil {
			return o.walk().Wish("this event")
		}
	case keymap.Silence:
		if l.quiet {
			return l.silence(rows)
		}
	case keymap.Copy, keymap.CopyRow:
		var b strings.Builder
		for _, f := range o.facts {
			if f.label != "" {
				b.WriteString(f.label + ": ")
			}
			b.WriteString(f.text + "\n")
		}
		return pane.Wish(pane.CopyMsg{Text: b.String()})
	}
	return nil
}

// readKeys are those that do something in a row that is open.
func (l *list) readKeys() []keymap.Action {
	keys := []keymap.Action{keymap.Leave}
	if l.open.wish != nil {
		keys = append(keys, keymap.Open)
	}
	if l.open.walk != nil {
		keys = append(keys, keymap.Walk)
	}
	if l.quiet {
		keys = append(keys, keymap.Silence)
	}
	return append(keys, keymap.CopyRow, keymap.Copy)
}

// drawOpen draws the row that is open: its facts, each wrapped behind its label.
func (l *list) drawOpen(p widget.Pen, ctx pane.Context) []string {
	label := widget.Widest(12, len(l.open.facts), func(i int) string { return l.open.facts[i].label })
	if label > 0 {
		label += 2
	}
	var rows [][]widget.Seg
	for _, f := range l.open.facts {
		name := f.label
		for _, text := range widget.Wrap(f.text, max(ctx.Width-label-3, 1)) {
			rows = append(rows, []widget.Seg{seg(themes.Muted, " "+p.Left(name, label)), seg(f.role, text)})
			name = ""
		}
	}
	l.open.top = max(min(l.open.top, len(rows)-ctx.Height), 0)
	out := make([]string, 0, ctx.Height)
	for i := l.open.top; i < len(rows) && len(out) < ctx.Height; i++ {
		out = append(out, p.Row(ctx.Width-1, rows[i]...)+p.Row(1, p.ScrollMark(len(out), ctx.Height, l.open.top, len(rows))))
	}
	return p.Page(out, ctx.Width, ctx.Height)
}
