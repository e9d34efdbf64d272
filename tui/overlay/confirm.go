package overlay

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/themes"
	"gameday/tui/widget"
)

// Quiet is how long no key must have been pressed before a question takes yes for an answer: keys typed ahead, and a
// key that is held down, start nothing.
const Quiet = 250 * time.Millisecond

// Fact is one row of a question: a label, and a text that is wrapped beside it.
type Fact struct {
	Label string
	Role  themes.Role
	Text  string
}

// Question is everything that is to be known before something harmful.
type Question struct {
	Title      string
	Production string // the environment's name when it is production, else ""
	Facts      []Fact
	Typed      string // the word that must be typed before yes is taken; "" for none
	Refused    string // why it cannot be started at all; "" when it can
	Yes        string // what yes does, a verb
	// Own is a system that gameday started itself, to be broken: the answer it begins on is yes. Everywhere else it is back.
	Own bool
	Msg tea.Msg
}

// Confirm asks a question. Until it knows what to ask it says so, and takes no yes. The answer it begins on is back, but for
// gameday's own demo; it takes a second key, or the typed word, to get to yes.
type Confirm struct {
	began time.Time // when it was drawn first
	what  string
	q     *Question
	err   error
	armed bool
	yes   bool // the cursor stands on yes; it begins on back, for enter is the key of somebody who did not read
	gen   int
	input Input
	top   int
	page  int
	lines int
	at    [2]int // row and column of the answers when last drawn, within the box
}

// NewConfirm opens while the plan is still being made; Ask or Fail follow.
func NewConfirm(what string) *Confirm { return &Confirm{what: what, input: NewInput("")} }

// armMsg ends a quiet time.
type armMsg struct {
	of  *Confirm
	gen int
}

// Ask shows the question, and starts the quiet time.
func (c *Confirm) Ask(q Question) tea.Cmd {
	c.q, c.yes = &q, q.Own
	return c.rearm()
}

// Fail shows why there is nothing to ask.
func (c *Confirm) Fail(err error) { c.err = err }

func (c *Confirm) rearm() tea.Cmd {
	c.armed = false
	c.gen++
	m := armMsg{c, c.gen}
	return tea.Tick(Quiet, func(time.Time) tea.Msg { return m })
}

// Armed reports whether yes would be taken now.
func (c *Confirm) Armed() bool {
	return c.armed && c.onYes()
}

// onYes reports whether enter means yes, once it is quiet.
func (c *Confirm) onYes() bool {
	switch {
	case c.q == nil || c.q.Refused != "":
		return false
	case c.q.Typed != "":
		return c.input.Value() == c.q.Typed
	}
	return c.yes
}

// buttons reports whether there are two answers to choose from by a cursor.
func (c *Confirm) buttons() bool { return c.q != nil && c.q.Refused == "" && c.q.Typed == "" }

// Scope implements Overlay.
func (c *Confirm) Scope() keymap.Scope { return keymap.Dialog }

// Key implements Overlay.
func (c *Confirm) Key(a keymap.Action, k tea.KeyPressMsg) Result {
	switch {
	case a == keymap.Leave:
		return Result{Close: true}
	case c.q == nil:
		return Result{}
	case a == keymap.Open:
		if c.armed && !k.IsRepeat {
			return c.give()
		}
		return Result{Cmd: c.rearm()}
	}
	switch k.String() {
	case "up":
		c.scroll(-1)
	case "down":
		c.scroll(1)
	case "pgup":
		c.scroll(-c.page)
	case "pgdown":
		c.scroll(c.page)
	case "tab", "shift+tab", "left", "right":
		if c.buttons() {
			c.yes = k.String() == "right" || (k.String() == "tab" || k.String() == "shift+tab") && !c.yes
			return Result{Cmd: c.rearm()}
		}
		fallthrough
	default:
		if c.q.Typed != "" {
			c.input.Key(k)
		}
		return Result{Cmd: c.rearm()}
	}
	return Result{}
}

// give gives the answer that the cursor stands on.
func (c *Confirm) give() Result {
	switch {
	case c.Armed():
		return Result{Close: true, Msg: c.q.Msg}
	case c.buttons():
		return Result{Close: true}
	}
	return Result{Cmd: c.rearm()} // the word is not there yet
}

// click is a click within the box: on back it leaves, on yes it goes there first and answers only from there.
func (c *Confirm) click(x, y int) Result {
	x -= c.at[1]
	if !c.buttons() || y != c.at[0] || x < 0 {
		return Result{}
	}
	switch back := len(noLabel) + 4; {
	case x < back:
		return Result{Close: true}
	case x >= back+2 && x < back+2+len(c.q.Yes)+4:
		if c.Armed() {
			return c.give()
		}
		c.yes = true
		return Result{Cmd: c.rearm()}
	}
	return Result{}
}

func (c *Confirm) scroll(n int) { c.top = max(min(c.top+n, c.lines-c.page), 0) }

// Update implements Overlay.
func (c *Confirm) Update(msg tea.Msg) Result {
	switch msg := msg.(type) {
	case armMsg:
		if msg.of == c && msg.gen == c.gen {
			c.armed = true
		}
	case Wheel:
		c.scroll(msg.Rows)
	case Click:
		return c.click(msg.X, msg.Y)
	}
	return Result{} // pasted text is not typed text: a name that guards production is not taken from the clipboard
}

// Box implements Overlay.
func (c *Confirm) Box(l Look) Box {
	inner := min(92, l.Width-6)
	edge := Edge{Role: themes.Fault, Left: []widget.Seg{seg(themes.Title, c.what)}}
	if c.q == nil {
		return c.waiting(l, inner, edge)
	}
	if c.q.Production != "" {
		edge.Right = []widget.Seg{seg(themes.Production, " "+l.Pen.Glyph(widget.Warn)+" PRODUCTION ")}
	}
	edge.Left = []widget.Seg{seg(themes.Title, c.q.Title)}
	tail := c.answer(l, inner)
	room := l.Height - 8 - len(tail)
	rows := c.facts(l, inner, true)
	if len(rows) > room {
		rows = c.facts(l, inner, false) // better to see all of it at once than spaced out
	}
	c.lines = len(rows)
	c.page = max(min(len(rows), room), 1)
	c.top = max(min(c.top, c.lines-c.page), 0)
	bottom := Edge{Role: themes.Fault, Left: c.hints(l)}
	if c.lines > c.page {
		bottom.Right = []widget.Seg{seg(themes.Warning, "up/down: "+widget.Count(uint64(c.lines-c.page))+" more rows")}
	}
	c.at = [2]int{1 + c.page + 1, 2}
	box := framed(l, inner, edge, bottom, append(rows[c.top:c.top+c.page:c.top+c.page], tail...))
	if c.q.Typed != "" && c.q.Refused == "" {
		_, cur := c.input.Row(l.Pen, c.label(), inner)
		cur.X += 2
		cur.Y = 1 + c.page + 1
		box.Cursor = cur
	}
	return box
}

func (c *Confirm) waiting(l Look, inner int, edge Edge) Box {
	if c.began.IsZero() {
		c.began = l.Now
	}
	text := seg(themes.Muted, "working out what would be hit"+l.since(c.began)+l.Pen.Glyph(widget.Ellipsis))
	if c.err != nil {
		text = seg(themes.Failed, l.Pen.Glyph(widget.Failed)+" "+c.err.Error())
	}
	var rows []string
	for _, line := range widget.Wrap(text.Text, inner) {
		rows = append(rows, l.Pen.Row(inner, seg(text.Role, line)))
	}
	return framed(l, inner, edge, Edge{Role: themes.Fault, Left: hint(l, keymap.Leave, "back")}, rows)
}

func (c *Confirm) facts(l Look, inner int, spaced bool) []string {
	const label = 12
	var rows []string
	for _, f := range c.q.Facts {
		if f.Label == "" && f.Text == "" {
			if !spaced {
				continue
			}
			rows = append(rows, l.Pen.Blank(inner))
			continue
		}
		for i, line := range widget.Wrap(f.Text, inner-label) {
			head := ""
			if i == 0 {
				head = f.Label
			}
			rows = append(rows, l.Pen.Row(inner, seg(themes.Muted, l.Pen.Left(head, label)), seg(f.Role, line)))
		}
	}
	return rows
}

func (c *Confirm) label() widget.Seg {
	return seg(themes.Warning, "type "+c.q.Typed+" to go on: ")
}

// answer is what stands below the facts: why not, or the word that must be typed.
func (c *Confirm) answer(l Look, inner int) []string {
	switch {
	case c.q.Refused != "":
		rows := []string{l.Pen.Blank(inner)}
		for _, line := range widget.Wrap(l.Pen.Glyph(widget.Failed)+" "+c.q.Refused, inner) {
			rows = append(rows, l.Pen.Row(inner, seg(themes.Failed, line)))
		}
		return rows
	case c.q.Typed != "":
		row, _ := c.input.Row(l.Pen, c.label(), inner)
		return []string{l.Pen.Blank(inner), row}
	}
	no, yes := button(noLabel, !c.yes, themes.Selected), button(c.q.Yes, c.yes, themes.Production)
	return []string{l.Pen.Blank(inner), l.Pen.Row(inner, no, seg(themes.Text, "  "), yes)}
}

// noLabel is the answer that changes nothing.
const noLabel = "back"

// button is an answer; brackets mark the one under the cursor where there are no colours.
func button(label string, on bool, role themes.Role) widget.Seg {
	if on {
		return seg(role, "[ "+label+" ]")
	}
	return seg(themes.Muted, "  "+label+"  ")
}

func (c *Confirm) hints(l Look) []widget.Seg {
	back := hint(l, keymap.Leave, noLabel)
	enter := l.Keys.Key(keymap.Open)
	switch {
	case c.q.Refused != "":
		return back
	case c.Armed():
		return hints([]widget.Seg{seg(themes.Key, enter), seg(themes.Fault, " "+c.q.Yes)}, back)
	case c.onYes():
		return hints([]widget.Seg{seg(themes.Muted, l.Pen.Glyph(widget.Ellipsis)+" a moment of quiet")}, back)
	case c.buttons():
		return hints([]widget.Seg{seg(themes.Key, "tab"), seg(themes.Muted, " to "+c.q.Yes)}, back)
	}
	return back
}
