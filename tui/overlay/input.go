package overlay

import (
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"gameday/themes"
	"gameday/tui/widget"
)

// maxInput is the longest text that can be typed or pasted.
const maxInput = 2000

// Input is one line of text being typed. Editing is bubbles' textinput; the drawing is ours, so that a long text is
// marked where it goes on.
type Input struct{ m textinput.Model }

// NewInput starts with a text, the cursor behind it.
func NewInput(text string) Input {
	m := textinput.New()
	m.Prompt = ""
	m.CharLimit = maxInput
	m.KeyMap.Paste.SetEnabled(false) // pasting is the terminal's business: reading the clipboard here would be I/O
	m.SetVirtualCursor(false)
	m.Focus() // the command it returns only blinks a cursor that is not drawn
	m.SetValue(text)
	m.CursorEnd()
	return Input{m}
}

// Value is the text.
func (i *Input) Value() string { return i.m.Value() }

// Set replaces the text.
func (i *Input) Set(s string) {
	i.m.SetValue(s)
	i.m.CursorEnd()
}

// Bytes is the cursor's place in bytes of the text.
func (i *Input) Bytes() int {
	value := []rune(i.m.Value())
	return len(string(value[:min(i.m.Position(), len(value))]))
}

// SetAt replaces the text and puts the cursor at a byte of it.
func (i *Input) SetAt(s string, at int) {
	i.m.SetValue(s)
	i.m.SetCursor(len([]rune(s[:min(at, len(s))])))
}

// Key edits.
func (i *Input) Key(k tea.KeyPressMsg) { i.m, _ = i.m.Update(k) }

// Paste inserts text from the terminal; control characters become blanks.
func (i *Input) Paste(s string) { i.m, _ = i.m.Update(tea.PasteMsg{Content: s}) }

// Draw shows the part of the text around the cursor in at most width cells, and the cursor's cell.
func (i *Input) Draw(p widget.Pen, width int) (text string, cursor int) {
	value := []rune(i.m.Value())
	pos := min(i.m.Position(), len(value))
	from := 0
	for widget.Width(string(value[from:pos])) > width-3 && from < pos {
		from++
	}
	before := string(value[from:pos])
	if from > 0 {
		before = p.Glyph(widget.Ellipsis) + before
	}
	cursor = widget.Width(before)
	return before + p.Fit(string(value[pos:]), max(width-cursor, 0)), cursor
}

// Row draws a label and the text in exactly width cells, and says where the terminal's cursor goes.
func (i *Input) Row(p widget.Pen, label widget.Seg, width int) (string, *tea.Cursor) {
	lw := min(widget.Width(label.Text), width/2)
	label.Text = p.Left(label.Text, lw)
	text, at := i.Draw(p, width-lw)
	c := tea.NewCursor(lw+at, 0)
	c.Shape = tea.CursorBar
	return p.Row(width, label, widget.Seg{Role: themes.Text, Text: text}), c
}
