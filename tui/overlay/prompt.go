package overlay

import (
	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// mostAbove is how many rows stand above the line that is typed, at most: the panes stay in sight.
const mostAbove = 4

// Prompt asks for one line of text in the last two lines of the screen, so that nothing is covered.
type Prompt struct {
	Label string
	Help  string                  // the grammar, in one line
	Check func(text string) error // nil: everything is fine; it runs on every key and must be quick
	Live  func(text string) tea.Msg
	Done  func(text string) tea.Msg // enter
	Undo  func() tea.Msg            // esc
	// Moved is told of the text and the cursor, in bytes, whenever either changed; it takes the place of Live. A prompt that has
	// it can be given words to complete with.
	Moved func(text string, cursor int) tea.Msg
	// Words tells such words itself, after every key; nil when nobody knows any.
	Words func(text string, cursor int) signal.Words

	words []string // that go on from what stands before the cursor
	typed string   // what they go on from
	from  int      // where in it the word begins that they take the place of
	says  string   // what the metric is that was typed
	at    int      // the word that the last completion wrote, -1 before
	place int      // the cursor when Moved was told last

	input Input
	err   error
	sent  string
}

// NewPrompt starts with a text.
func NewPrompt(p Prompt, text string) *Prompt {
	p.input = NewInput(text)
	p.sent, p.place, p.at = text, len(text), -1
	p.check()
	p.ask()
	return &p
}

// ask brings the words up to date, where they can be told at once.
func (p *Prompt) ask() {
	if p.Words != nil {
		w := p.Words(p.input.Value(), p.input.Bytes())
		p.typed, p.from, p.words, p.at = w.Typed, w.From, w.List, -1
	}
}

// Scope implements Overlay.
func (p *Prompt) Scope() keymap.Scope { return keymap.Prompt }

func (p *Prompt) check() {
	p.err = nil
	if p.Check != nil {
		p.err = p.Check(p.input.Value())
	}
}

// Key implements Overlay.
func (p *Prompt) Key(a keymap.Action, k tea.KeyPressMsg) Result {
	switch a {
	case keymap.Leave:
		r := Result{Close: true}
		if p.Undo != nil {
			r.Msg = p.Undo()
		}
		return r
	case keymap.Open:
		if p.err != nil {
			return Result{}
		}
		return Result{Close: true, Msg: p.Done(p.input.Value())}
	case keymap.Complete:
		return p.complete()
	}
	p.input.Key(k)
	return p.changed()
}

func (p *Prompt) changed() Result {
	p.check()
	text := p.input.Value()
	if p.Moved != nil {
		if at := p.input.Bytes(); text != p.sent || at != p.place {
			p.sent, p.place = text, at
			p.words, p.at, p.says = nil, -1, ""
			return Result{Msg: p.Moved(text, at)}
		}
		return Result{}
	}
	if at := p.input.Bytes(); text != p.sent || at != p.place {
		p.place = at
		p.ask()
	}
	return p.live()
}

// live tells of the text where it is new and can be understood.
func (p *Prompt) live() Result {
	text := p.input.Value()
	if p.Live == nil || p.err != nil || text == p.sent {
		return Result{}
	}
	p.sent = text
	return Result{Msg: p.Live(text)}
}

// Update implements Overlay.
func (p *Prompt) Update(msg tea.Msg) Result {
	if m, ok := msg.(tea.PasteMsg); ok {
		p.input.Paste(m.Content)
		return p.changed()
	}
	return Result{}
}

// Box implements Overlay.
func (p *Prompt) Box(l Look) Box {
	abort := []widget.Seg(nil)
	if k := l.Keys.Key(keymap.Abort); l.Danger && k != "" { // the footer that says so is covered
		abort = []widget.Seg{seg(themes.Fault, "  "+k+" ABORT ")}
	}
	row, cur := p.input.Row(l.Pen, seg(themes.Accent, " "+p.Label+" "), l.Width-length(abort))
	row += l.Pen.Row(length(abort), abort...)
	help := seg(themes.Muted, p.Help)
	if p.says != "" {
		help = seg(themes.Text, p.says)
	}
	ways := hints(hint(l, keymap.Open, "apply"), hint(l, keymap.Leave, "leave"))
	help.Text = " " + l.Pen.Fit(help.Text, max(l.Width-length(ways)-4, 0)) + "   "
	second := l.Pen.Row(l.Width, append([]widget.Seg{help}, ways...)...)
	var rows []string
	if p.Moved != nil || len(p.words) > 0 {
		rows = append(rows, p.wordRow(l))
	}
	if p.err != nil {
		text := l.Pen.Glyph(widget.Failed) + " " + p.err.Error()
		if widget.Width(text) < l.Width {
			second = l.Pen.Row(l.Width, seg(themes.Failed, " "+text))
		} else { // all of it, above; what is allowed stays below
			for _, line := range widget.Wrap(text, max(l.Width-2, 1)) {
				rows = append(rows, l.Pen.Row(l.Width, seg(themes.Failed, " "+line)))
			}
			rows = rows[:min(len(rows), mostAbove)]
		}
	}
	cur.Y += len(rows)
	rows = append(rows, row, second)
	return Box{Rows: rows, Width: l.Width, Cursor: cur, Bottom: true}
}

// SetWords offers words that go on from the text up to the cursor, and says what the metric is that stands there. Words that come
// too late, for a text that was changed meanwhile, are left.
func (p *Prompt) SetWords(w signal.Words) {
	text, at := p.input.Value(), p.input.Bytes()
	if p.at >= 0 || w.Typed != text[:at] || w.From < 0 || w.From > len(w.Typed) {
		return
	}
	p.typed, p.from, p.words, p.says = w.Typed, w.From, w.List, w.Says
}

// complete writes the next of the words into the text, over the one that the last completion wrote.
func (p *Prompt) complete() Result {
	if len(p.words) == 0 {
		return Result{}
	}
	text, at := p.input.Value(), p.input.Bytes()
	p.at = (p.at + 1) % len(p.words)
	head := p.typed[:p.from] + p.words[p.at]
	p.input.SetAt(head+text[at:], len(head))
	p.place = p.input.Bytes()
	p.check()
	if len(p.words) == 1 { // it is settled: what follows may be completed next
		p.words, p.at = nil, -1
		p.ask()
	}
	if p.Moved == nil {
		return p.live()
	}
	p.sent = p.input.Value()
	return Result{Msg: p.Moved(p.sent, p.place)}
}

// wordRow lists the words, the one that was written last marked.
func (p *Prompt) wordRow(l Look) string {
	segs := []widget.Seg{seg(themes.Muted, " ")}
	if len(p.words) > 0 {
		segs = append(segs, seg(themes.Key, l.Keys.Key(keymap.Complete)+" "))
	}
	first := max(p.at-2, 0)
	for i := first; i < len(p.words); i++ {
		role := themes.Text
		if i == p.at {
			role = themes.Accent
		}
		segs = append(segs, seg(role, " "+p.words[i]+" "))
	}
	return l.Pen.Row(l.Width, segs...)
}
