package overlay

import (
	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/themes"
	"gameday/tui/widget"
)

// Prompt asks for one line of text in the last two lines of the screen, so that nothing is covered.
type Prompt struct {
	Label string
	Help  string                  // the grammar, in one line
	Check func(text string) error // nil: everything is fine; it runs on every key and must be quick
	Live  func(text string) tea.Msg
	Done  func(text string) tea.Msg // enter
	Undo  func() tea.Msg            // esc

	input Input
	err   error
	sent  string
}

// NewPrompt starts with a text.
func NewPrompt(p Prompt, text string) *Prompt {
	p.input = NewInput(text)
	p.sent = text
	p.check()
	return &p
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
	}
	p.input.Key(k)
	return p.changed()
}

func (p *Prompt) changed() Result {
	p.check()
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
	second := l.Pen.Row(l.Width, append([]widget.Seg{seg(themes.Muted, " "+p.Help+"   ")},
		hints(hint(l, keymap.Open, "apply"), hint(l, keymap.Leave, "leave"))...)...)
	if p.err != nil {
		second = l.Pen.Row(l.Width, seg(themes.Failed, " "+l.Pen.Glyph(widget.Failed)+" "+p.err.Error()))
	}
	return Box{Rows: []string{row, second}, Width: l.Width, Cursor: cur, Bottom: true}
}
