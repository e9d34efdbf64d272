package overlay

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/themes"
	"gameday/tui/widget"
)

// Help lists every key that works where it was opened. It is generated from the key map, and from nothing else.
type Help struct {
	where string
	scope keymap.Scope
	off   map[keymap.Action]string
	top   int
	page  int
	lines int
}

// NewHelp explains a scope; where is its name in words, off says why actions that belong there do nothing now.
func NewHelp(where string, scope keymap.Scope, off map[keymap.Action]string) *Help {
	return &Help{where: where, scope: scope, off: off, page: 10}
}

// Scope implements Overlay.
func (h *Help) Scope() keymap.Scope { return keymap.HelpView }

// Key implements Overlay.
func (h *Help) Key(a keymap.Action, k tea.KeyPressMsg) Result {
	if by, moves := a.Rows(h.page, h.lines); moves {
		h.scroll(by)
	} else if a == keymap.Leave || a == keymap.Help {
		return Result{Close: true}
	}
	return Result{}
}

func (h *Help) scroll(n int) { h.top = max(min(h.top+n, h.lines-h.page), 0) }

// Update implements Overlay.
func (h *Help) Update(msg tea.Msg) Result {
	if w, ok := msg.(Wheel); ok {
		h.scroll(w.Rows)
	}
	return Result{}
}

// Box implements Overlay.
func (h *Help) Box(l Look) Box {
	inner := min(128, l.Width-6)
	cols := 1
	if inner >= 96 {
		cols = 2
	}
	width := (inner - 3*(cols-1)) / cols
	blocks := h.blocks(l, width)
	columns := spread(blocks, cols)
	h.lines = 0
	for _, c := range columns {
		h.lines = max(h.lines, len(c))
	}
	h.page = max(min(h.lines, l.Height-8), 1)
	h.top = max(min(h.top, h.lines-h.page), 0)
	rows := make([]string, 0, h.page)
	for i := h.top; i < h.top+h.page; i++ {
		row := ""
		for c, col := range columns {
			if c > 0 {
				row += "   "
			}
			if i < len(col) {
				row += col[i]
			} else {
				row += l.Pen.Blank(width)
			}
		}
		rows = append(rows, row+l.Pen.Blank(inner-width*cols-3*(cols-1)))
	}
	bottom := Edge{Role: themes.BorderActive, Left: hint(l, keymap.Leave, "back")}
	if h.lines > h.page {
		more := h.lines - h.page - h.top
		bottom.Right = []widget.Seg{seg(themes.Muted, "up/down: "+widget.Count(uint64(more))+" more below")}
	}
	top := Edge{Role: themes.BorderActive, Left: []widget.Seg{seg(themes.Title, "keys that work here"), seg(themes.Muted, "  "+h.where)}}
	return framed(l, inner, top, bottom, rows)
}

// blocks draws one block of rows for each group.
func (h *Help) blocks(l Look, width int) [][]string {
	in := folded(l.Keys.In(h.scope))
	keyWidth := 8
	for _, b := range in {
		keyWidth = max(keyWidth, min(widget.Width(keyText(b)), maxKeys))
	}
	var out [][]string
	for _, g := range keymap.Groups() {
		var rows []string
		for _, b := range in {
			if b.Group != g || len(b.Keys) == 0 {
				continue
			}
			role := themes.Text
			if b.Danger {
				role = themes.Fault
			}
			keyRole, text := themes.Key, b.Long
			if why := h.off[b.Action]; why != "" {
				keyRole, role, text = themes.Muted, themes.Muted, b.Long+" (not now: "+why+")"
			}
			for i, line := range widget.Wrap(text, width-keyWidth-2) {
				key := ""
				if i == 0 {
					key = keyText(b)
				}
				rows = append(rows, l.Pen.Row(width, seg(keyRole, l.Pen.Left(key, keyWidth)), seg(role, "  "+line)))
			}
		}
		if len(rows) == 0 {
			continue
		}
		head := l.Pen.Row(width, seg(themes.Title, string(g)), seg(themes.Border, " "+repeat(l.Pen.Glyph(widget.Rule), width-len(g)-1)))
		rows = append([]string{head}, rows...)
		out = append(out, append(rows, l.Pen.Blank(width)))
	}
	return out
}

// maxKeys is the room for keys: more would push the words aside.
const maxKeys = 16

// keyText names the first two keys, or the one that has room.
func keyText(b keymap.Binding) string {
	two := strings.Join(b.Keys[:min(len(b.Keys), 2)], ", ")
	if widget.Width(two) > maxKeys {
		return b.Keys[0]
	}
	return two
}

// folded puts the workspaces into one row.
func folded(in []keymap.Binding) []keymap.Binding {
	var out []keymap.Binding
	var names, keys []string
	for _, b := range in {
		if !strings.HasPrefix(string(b.Action), "workspace.") || len(b.Keys) == 0 {
			out = append(out, b)
			continue
		}
		names, keys = append(names, b.Short), append(keys, b.Keys[0])
	}
	if len(names) > 0 {
		out = append(out, keymap.Binding{Group: keymap.Screen, Keys: []string{strings.Join(keys, "")}, Long: "workspaces: " + strings.Join(names, ", ")})
	}
	return out
}

// spread deals blocks out to columns, in order, so that they end at about the same row.
func spread(blocks [][]string, cols int) [][]string {
	total := 0
	for _, b := range blocks {
		total += len(b)
	}
	out := make([][]string, cols)
	c := 0
	for _, b := range blocks {
		if c < cols-1 && len(out[c])+len(b)/2 > total/cols {
			c++
		}
		out[c] = append(out[c], b...)
	}
	for i := range out {
		if n := len(out[i]); n > 0 { // the blank row at the end
			out[i] = slices.Clip(out[i][:n-1])
		}
	}
	return out
}
