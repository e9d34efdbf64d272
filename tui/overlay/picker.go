package overlay

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/sahilm/fuzzy"

	"gameday/keymap"
	"gameday/themes"
	"gameday/tui/widget"
)

// Item is one row of a picker.
type Item struct {
	ID     string
	Title  string
	Note   string // a sentence after the title, muted; searched for whole words only
	Kind   string // a word in the left column; "" for none
	Hint   string // on the right: a key, a state
	Role   themes.Role
	Detail string // a paragraph shown beside the list
	Msg    tea.Msg
}

// Picker is a list to choose from.
type Picker struct {
	Title string
	Empty string                    // what a list without rows says
	Verb  string                    // what enter does
	Typed bool                      // letters search at once, as in the palette; otherwise after the filter key
	Stay  bool                      // choosing does not close it, and the toggle key chooses too
	Extra func(query string) []Item // more rows, made from what was typed; may be nil

	base   []Item        // as given
	items  []Item        // with what Extra added
	shown  []fuzzy.Match // in the order of the rows; MatchedIndexes are bytes of the title
	input  Input
	typing bool
	sel    int
	top    int
	page   int // rows of the list when last drawn
	first  int // its first row within the box when last drawn
}

// NewPicker shows the items.
func NewPicker(p Picker, items []Item) *Picker {
	p.input = NewInput("")
	p.typing = p.Typed
	p.page = 10
	p.base = items
	p.search()
	return &p
}

// SetItems replaces the rows and keeps the cursor on the one with the same ID.
func (p *Picker) SetItems(items []Item) {
	id := ""
	if it, ok := p.current(); ok {
		id = it.ID
	}
	p.base = items
	sel := p.sel
	p.search()
	p.sel = min(sel, max(len(p.shown)-1, 0))
	if i := slices.IndexFunc(p.shown, func(m fuzzy.Match) bool { return p.items[m.Index].ID == id }); i >= 0 {
		p.sel = i
	}
}

func (p *Picker) search() {
	p.sel, p.top = 0, 0
	p.items = p.base
	if p.input.Value() == "" {
		p.shown = p.shown[:0]
		for i := range p.items {
			p.shown = append(p.shown, fuzzy.Match{Index: i})
		}
		return
	}
	p.shown = fuzzy.FindFrom(p.input.Value(), titles(p.items))
	p.searchNotes()
	if p.Extra != nil {
		for _, it := range p.Extra(p.input.Value()) {
			p.shown = append(p.shown, fuzzy.Match{Index: len(p.items)})
			p.items = append(p.items[:len(p.items):len(p.items)], it)
		}
	}
}

// searchNotes adds the items whose note has the query in it, after those whose title matches.
func (p *Picker) searchNotes() {
	q := strings.ToLower(strings.TrimSpace(p.input.Value()))
	if len(q) < 2 {
		return
	}
	for i, it := range p.items {
		if strings.Contains(strings.ToLower(it.Note), q) && !slices.ContainsFunc(p.shown, func(m fuzzy.Match) bool { return m.Index == i }) {
			p.shown = append(p.shown, fuzzy.Match{Index: i})
		}
	}
}

type titles []Item

func (t titles) String(i int) string { return t[i].Title }
func (t titles) Len() int            { return len(t) }

func (p *Picker) current() (Item, bool) {
	if p.sel < 0 || p.sel >= len(p.shown) {
		return Item{}, false
	}
	return p.items[p.shown[p.sel].Index], true
}

// Scope implements Overlay.
func (p *Picker) Scope() keymap.Scope {
	if p.typing {
		return keymap.Prompt
	}
	return keymap.List
}

// Key implements Overlay.
func (p *Picker) Key(a keymap.Action, k tea.KeyPressMsg) Result {
	if p.typing {
		a = typedMove(a, k)
	}
	if by, moves := a.Rows(p.page, len(p.shown)); moves {
		p.move(by)
		return Result{}
	}
	switch a {
	case keymap.Filter:
		p.typing = true
	case keymap.Open:
		return p.choose()
	case keymap.Toggle:
		if p.Stay {
			return p.choose()
		}
	case keymap.Leave:
		return p.leave()
	default:
		if p.typing {
			p.input.Key(k)
			p.search()
		}
	}
	return Result{}
}

// typedMove gives the keys that move a cursor but type nothing their meaning while text is typed.
func typedMove(a keymap.Action, k tea.KeyPressMsg) keymap.Action {
	switch k.String() {
	case "up", "shift+tab", "ctrl+p":
		return keymap.Up
	case "down", "tab", "ctrl+n":
		return keymap.Down
	case "pgup":
		return keymap.PageUp
	case "pgdown":
		return keymap.PageDown
	}
	return a
}

func (p *Picker) leave() Result {
	if p.typing && !p.Typed {
		p.typing = false
		p.input.Set("")
		p.search()
		return Result{}
	}
	return Result{Close: true}
}

func (p *Picker) move(n int) { p.sel = min(max(p.sel+n, 0), max(len(p.shown)-1, 0)) }

func (p *Picker) choose() Result {
	it, ok := p.current()
	if !ok {
		return Result{}
	}
	return Result{Close: !p.Stay, Msg: it.Msg}
}

// Update implements Overlay.
func (p *Picker) Update(msg tea.Msg) Result {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		p.typing = true
		p.input.Paste(msg.Content)
		p.search()
	case Wheel:
		p.move(msg.Rows)
	case Click:
		row := msg.Y - p.first
		if row < 0 || row >= p.page || p.top+row >= len(p.shown) {
			return Result{}
		}
		if p.sel == p.top+row {
			return p.choose()
		}
		p.sel = p.top + row
	}
	return Result{}
}

// Box implements Overlay.
func (p *Picker) Box(l Look) Box {
	inner := min(max(l.Width*2/3, 56), 110, l.Width-6)
	height := min(max(len(p.items), 4), l.Height-9, 18)
	list, side := inner, 0
	detailed := slices.ContainsFunc(p.items, func(it Item) bool { return it.Detail != "" })
	below := 0
	switch {
	case detailed && inner >= 90:
		list = inner * 9 / 20
		side = inner - list - 3
		height = min(max(height, 8, p.needs(side)), l.Height-9)
	case detailed:
		below = min(max(p.needs(inner)+1, 4), l.Height-9-4)
		height = min(height, l.Height-9-below)
	}
	p.page = max(height, 1)
	rows, cursor := p.searchLine(l, inner)
	p.first = 1 + len(rows)
	p.scroll()
	var text []string
	if it, ok := p.current(); ok && detailed {
		text = widget.Wrap(it.Detail, max(side, inner*min(below, 1)))
	}
	for i := range p.page {
		row := p.row(l, p.top+i, list)
		if side > 0 {
			row += l.Pen.Theme.Paint(themes.Border, " "+l.Pen.Glyph(widget.Wall)+" ") + l.Pen.Row(side, seg(themes.Text, at(l, text, i, p.page)))
		}
		rows = append(rows, row)
	}
	if below > 0 {
		rows = append(rows, l.Pen.Row(inner, seg(themes.Border, repeat(l.Pen.Glyph(widget.Rule), inner))))
		for i := range below - 1 {
			rows = append(rows, l.Pen.Row(inner, seg(themes.Text, at(l, text, i, below-1))))
		}
	}
	box := framed(l, inner, Edge{Role: themes.BorderActive, Left: p.titleSegs()}, Edge{Role: themes.BorderActive, Left: p.hints(l)}, rows)
	if cursor != nil {
		cursor.X += 2
		cursor.Y++
	}
	box.Cursor = cursor
	return box
}

// needs is how many rows of so many cells the longest paragraph takes: the same for all, so that nothing moves with the cursor.
func (p *Picker) needs(width int) int {
	n := 0
	for i := range p.items {
		n = max(n, len(widget.Wrap(p.items[i].Detail, width)))
	}
	return n
}

func (p *Picker) titleSegs() []widget.Seg {
	return []widget.Seg{seg(themes.Title, p.Title), seg(themes.Muted, " "+widget.Count(uint64(len(p.shown))))}
}

func (p *Picker) hints(l Look) []widget.Seg {
	verb := hint(l, keymap.Open, p.Verb)
	if p.Stay {
		verb = hints(hint(l, keymap.Toggle, p.Verb), nil)
	}
	search := hint(l, keymap.Filter, "search")
	if p.typing {
		search = []widget.Seg{seg(themes.Muted, "type to search")}
	}
	return hints(verb, hint(l, keymap.Leave, "back"), search)
}

// searchLine is the line that is typed into, when there is one.
func (p *Picker) searchLine(l Look, inner int) ([]string, *tea.Cursor) {
	if !p.typing {
		return nil, nil
	}
	row, cur := p.input.Row(l.Pen, seg(themes.Accent, "> "), inner)
	return []string{row, l.Pen.Row(inner, seg(themes.Border, repeat(l.Pen.Glyph(widget.Rule), inner)))}, cur
}

func (p *Picker) scroll() {
	p.top = min(p.top, p.sel)
	p.top = max(p.top, p.sel-p.page+1)
	p.top = max(min(p.top, len(p.shown)-p.page), 0)
}

func (p *Picker) row(l Look, i, width int) string {
	if i >= len(p.shown) {
		text := p.Empty
		if p.input.Value() != "" {
			text = "nothing matches " + p.input.Value()
		}
		if lines := widget.Wrap(text, width-1); len(p.shown) == 0 && i < len(lines) {
			return l.Pen.Row(width, seg(themes.Muted, lines[i]))
		}
		return l.Pen.Blank(width)
	}
	m := p.shown[i]
	it := p.items[m.Index]
	mark := "  "
	if i == p.sel {
		mark = l.Pen.Glyph(widget.Closed) + " "
	}
	segs := []widget.Seg{seg(themes.Accent, mark)}
	if it.Kind != "" {
		segs = append(segs, seg(themes.Muted, l.Pen.Left(it.Kind, 11)+" "))
	}
	hintWidth := widget.Width(it.Hint)
	room := width - length(segs) - hintWidth - 2
	segs = append(segs, highlight(l.Pen.Fit(it.Title, room), m.MatchedIndexes)...)
	if rest := room - widget.Width(it.Title) - 2; it.Note != "" && rest > 8 {
		segs = append(segs, seg(themes.Muted, "  "+l.Pen.Fit(it.Note, rest)))
	}
	segs = append(segs, seg(themes.Text, repeat(" ", width-length(segs)-hintWidth)), seg(it.Role, it.Hint))
	return l.Pen.Line(i == p.sel, width, segs...)
}

// highlight marks the letters that were searched for; at are their first bytes.
func highlight(s string, at []int) []widget.Seg {
	var out []widget.Seg
	for i, r := range s {
		role := themes.Text
		if slices.Contains(at, i) {
			role = themes.Match
		}
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Text += string(r)
			continue
		}
		out = append(out, seg(role, string(r)))
	}
	return out
}

// at is line i of a text in a space of n lines; the last one says when there is more.
func at(l Look, text []string, i, n int) string {
	switch {
	case i >= len(text):
		return ""
	case i == n-1 && len(text) > n:
		return text[i] + " " + l.Pen.Glyph(widget.Ellipsis)
	}
	return text[i]
}
