// Package chaos holds the lists of the chaos workspace: the catalog of faults, the faults in force, the runs that were kept,
// and the experiments' files with an explanation beside each part. Each row opens.
package chaos

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// item is one row of a list.
type item struct {
	id   string
	segs []widget.Seg
	text string // what copying it gives, and what a filter looks at
	more string // said below the list of the row under the cursor, when a row is too long for the screen
}

// list is a pane of rows that open. Its rows are made from the frame.
type list struct {
	id    string
	empty string
	hint  string
	title func(f *signal.Frame) string
	items func(ctx pane.Context, p widget.Pen) []item
	inner func(ctx pane.Context, p widget.Pen, id string) []line // what a row holds
	want  func(v *signal.View, open string)

	filter string
	at     string // of the row under the cursor
	list   widget.List
	open   string // the row that is open; "" for the list
	top    int
}

// line is one paragraph of an open row. Its text is wrapped below its label; one with a note has it on the right.
type line struct {
	label string
	role  themes.Role
	text  string
	asIs  bool // not wrapped at blanks: a file's line
	note  string
	lay   func(width int) [][]widget.Seg // draws it instead; text is what is copied
}

// All makes all of them.
func All() []pane.Pane { return []pane.Pane{Faults(), Catalog(), Runs(), Definitions()} }

// ID implements pane.Pane.
func (l *list) ID() string { return l.id }

// Title implements pane.Pane.
func (l *list) Title(ctx pane.Context) string {
	if l.open != "" {
		return l.id + " " + l.open
	}
	if ctx.Frame == nil {
		return l.id
	}
	if l.filter == "" {
		return l.title(ctx.Frame)
	}
	return fmt.Sprintf("%s /%s %d", l.id, l.filter, len(l.rows(ctx)))
}

// Filter implements pane.Filterer.
func (l *list) Filter() string { return l.filter }

// FilterHelp implements pane.Filterer.
func (l *list) FilterHelp() string {
	return "words of the name and of what stands beside it, in any order"
}

// CheckFilter implements pane.Filterer: any text is a filter.
func (l *list) CheckFilter(string) error { return nil }

// Want implements pane.Pane.
func (l *list) Want(v *signal.View) {
	if l.want != nil {
		l.want(v, l.open)
	}
}

// Keys implements pane.Pane.
func (l *list) Keys(ctx pane.Context) []keymap.Action {
	if l.open != "" {
		return []keymap.Action{keymap.Leave, keymap.CopyRow}
	}
	switch {
	case len(l.rows(ctx)) > 0:
		return []keymap.Action{keymap.Open, keymap.Filter, keymap.Copy, keymap.CopyRow}
	case l.filter != "":
		return []keymap.Action{keymap.Filter}
	}
	return nil
}

// rows are those that have every word of the filter.
func (l *list) rows(ctx pane.Context) []item {
	if ctx.Frame == nil {
		return nil
	}
	all := l.items(ctx, widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII})
	words := strings.Fields(strings.ToLower(l.filter))
	if len(words) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(x item) bool {
		text := strings.ToLower(x.id + " " + x.text + " " + x.more)
		return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	})
}

// locate puts the cursor on its row.
func (l *list) locate(rows []item, height int) int {
	for i := range rows {
		if rows[i].id == l.at {
			l.list.Cursor = i
			break
		}
	}
	l.list.Clamp(len(rows), height)
	return l.list.Cursor
}

// Update implements pane.Pane.
func (l *list) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	if f, ok := msg.(pane.FilterMsg); ok {
		l.filter, l.open, l.list = f.Text, "", widget.List{}
		return nil
	}
	rows := l.rows(ctx)
	if len(rows) == 0 {
		l.open = ""
		return nil
	}
	i := l.locate(rows, l.height(ctx, rows))
	switch msg := msg.(type) {
	case pane.ActionMsg:
		if l.open != "" {
			return l.read(ctx, msg.Action)
		}
		return l.act(ctx, msg.Action, rows, i)
	case pane.WheelMsg:
		if l.open != "" {
			l.top += msg.Rows
			return nil
		}
		l.goTo(rows, i+msg.Rows)
	case pane.ClickMsg:
		if n := l.list.Top + msg.Y; l.open == "" && n >= 0 && n < len(rows) {
			l.goTo(rows, n)
			if msg.Double {
				l.open, l.top = rows[n].id, 0
			}
		}
	}
	return nil
}

func (l *list) goTo(rows []item, i int) { l.at = rows[min(max(i, 0), len(rows)-1)].id }

func (l *list) act(ctx pane.Context, a keymap.Action, rows []item, i int) tea.Cmd {
	if by, moves := a.Rows(max(l.height(ctx, rows)-1, 1), len(rows)); moves {
		l.goTo(rows, i+by)
		return nil
	}
	switch a {
	case keymap.Open, keymap.Right:
		l.at, l.open, l.top = rows[i].id, rows[i].id, 0
	case keymap.Copy:
		return pane.Wish(pane.CopyMsg{Text: rows[i].id})
	case keymap.CopyRow:
		return pane.Wish(pane.CopyMsg{Text: rows[i].text})
	}
	return nil
}

// read moves inside an open row.
func (l *list) read(ctx pane.Context, a keymap.Action) tea.Cmd {
	if to, moves := a.Scroll(l.top, max(ctx.Height-1, 1)); moves {
		l.top = to
		return nil
	}
	switch a {
	case keymap.Leave, keymap.Left:
		l.open = ""
	case keymap.Copy, keymap.CopyRow:
		text := ""
		for _, x := range l.inner(ctx, widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}, l.open) {
			if x.label != "" {
				text += x.label + ": "
			}
			text += x.text + "\n"
		}
		return pane.Wish(pane.CopyMsg{Text: text})
	}
	return nil
}

// View implements pane.Pane.
func (l *list) View(ctx pane.Context) []string {
	p := widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}
	rows := l.rows(ctx)
	if len(rows) == 0 {
		hint := l.hint
		what := l.empty
		switch {
		case l.filter != "":
			what, hint = "Nothing here matches \""+l.filter+"\".", "Press / to change the filter, esc to drop it."
		case ctx.Replay:
			hint = "A replay shows what was, and does nothing."
		}
		return p.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: what}, widget.Seg{Role: themes.Muted, Text: hint})
	}
	if l.open != "" {
		return l.opened(p, ctx)
	}
	height := l.height(ctx, rows)
	at := l.locate(rows, height)
	out := make([]string, 0, ctx.Height)
	for i := l.list.Top; i < len(rows) && len(out) < height; i++ {
		row := p.Line(ctx.Active && i == at, ctx.Width-1, rows[i].segs...)
		out = append(out, row+p.Row(1, p.ScrollMark(len(out), height, l.list.Top, len(rows))))
	}
	out = p.Page(out, ctx.Width, height)
	if height < ctx.Height {
		out = append(out, l.below(p, ctx, &rows[at])...)
	}
	return p.Page(out, ctx.Width, ctx.Height)
}

// Rows below the list, with the rule above them, and how high a pane is at least that has them.
const (
	belowRows = 4
	belowFrom = 9
)

// height is how many rows the list has: less than the pane when a row is too long for it and says more below.
func (l *list) height(ctx pane.Context, rows []item) int {
	if ctx.Height < belowFrom {
		return ctx.Height
	}
	for i := range rows {
		if rows[i].more == "" {
			continue
		}
		w := 0
		for _, s := range rows[i].segs {
			w += widget.Width(s.Text)
		}
		if w > ctx.Width-1 {
			return ctx.Height - belowRows
		}
	}
	return ctx.Height
}

// below is what there is to say of the row under the cursor.
func (l *list) below(p widget.Pen, ctx pane.Context, x *item) []string {
	out := []string{p.Row(ctx.Width, seg(themes.Border, strings.Repeat(p.Glyph(widget.Rule), ctx.Width)))}
	lines := widget.Wrap(x.more, max(ctx.Width-2, 1))
	for i, s := range lines[:min(len(lines), belowRows-1)] {
		if i == belowRows-2 && len(lines) > belowRows-1 {
			s += p.Glyph(widget.Ellipsis)
		}
		out = append(out, p.Row(ctx.Width, seg(themes.Text, " "+s)))
	}
	return out
}

// opened draws what the open row holds.
func (l *list) opened(p widget.Pen, ctx pane.Context) []string {
	var rows [][]widget.Seg
	for _, x := range l.inner(ctx, p, l.open) {
		rows = append(rows, x.rows(p, ctx.Width-2)...)
	}
	l.top = max(min(l.top, len(rows)-ctx.Height), 0)
	out := make([]string, 0, ctx.Height)
	for i := l.top; i < len(rows) && len(out) < ctx.Height; i++ {
		out = append(out, p.Row(ctx.Width-1, rows[i]...)+p.Row(1, p.ScrollMark(len(out), ctx.Height, l.top, len(rows))))
	}
	return p.Page(out, ctx.Width, ctx.Height)
}

// labelled is how wide the labels' column is.
const labelled = 9

func (x line) rows(p widget.Pen, width int) [][]widget.Seg {
	switch {
	case x.lay != nil:
		return x.lay(width)
	case x.asIs && x.note == "":
		return [][]widget.Seg{{seg(x.role, " "+x.text)}}
	case x.asIs && width >= 90 && widget.Width(x.text) < width/2:
		var out [][]widget.Seg
		for i, w := range widget.Wrap(x.note, width-width/2-3) {
			if i > 0 {
				x.text = ""
			}
			out = append(out, []widget.Seg{seg(x.role, " "+p.Left(x.text, width/2)), seg(themes.Border, p.Glyph(widget.Wall)+" "), seg(themes.Accent, w)})
		}
		return out
	case x.asIs:
		var out [][]widget.Seg
		for _, w := range widget.Wrap("# "+x.note, max(width-2, 1)) {
			out = append(out, []widget.Seg{seg(themes.Accent, " "+w)})
		}
		return append(out, []widget.Seg{seg(x.role, " "+x.text)})
	}
	var out [][]widget.Seg
	for i, w := range widget.Wrap(x.text, max(width-labelled-1, 8)) {
		label := ""
		if i == 0 {
			label = x.label
		}
		out = append(out, []widget.Seg{seg(themes.Muted, " "+p.Left(label, labelled)), seg(x.role, w)})
	}
	return out
}

func seg(r themes.Role, s string) widget.Seg { return widget.Seg{Role: r, Text: s} }
