// Package overlay holds what comes up over the cockpit and goes away again: help, palette, pickers, the question before
// something harmful, and the prompts in the last lines.
//
// An overlay answers a key at once, by a Result, never by a message that comes later: keys that were typed ahead find
// the overlay in the state that the key before left it in.
package overlay

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/themes"
	"gameday/tui/widget"
)

// Look is all that an overlay may look at while it draws.
type Look struct {
	Pen           widget.Pen
	Keys          *keymap.Map
	Width, Height int  // of the screen
	Danger        bool // something is in force that could be aborted
	Now           time.Time
}

// since says how long somebody has waited, once it is worth saying.
func (l Look) since(began time.Time) string {
	if d := l.Now.Sub(began); !began.IsZero() && d >= time.Second {
		return ", " + widget.Whole(d.Truncate(time.Second))
	}
	return ""
}

// Result is the answer to a key.
type Result struct {
	Close bool
	Msg   tea.Msg // for the root model, at once
	Cmd   tea.Cmd
}

// Box is a drawn overlay: rows of exactly Width cells.
type Box struct {
	Rows   []string
	Width  int
	Cursor *tea.Cursor // where text is typed, relative to the box; nil for none
	Bottom bool        // goes into the last lines of the screen instead of the middle
}

// Overlay is one of them.
type Overlay interface {
	// Scope is where its keys are looked up now.
	Scope() keymap.Scope
	// Key takes a key and the action it stands for in Scope, "" when for none.
	Key(a keymap.Action, k tea.KeyPressMsg) Result
	// Update takes everything else: pasted text, a click inside the box, its own timers.
	Update(msg tea.Msg) Result
	// Box draws it.
	Box(l Look) Box
}

// Click is a click inside the box, counted from its top left corner.
type Click struct{ X, Y int }

// Wheel is the mouse wheel over the box: rows to move, negative upwards.
type Wheel struct{ Rows int }

// Edge describes a border line: what stands in it on the left and on the right.
type Edge struct {
	Role        themes.Role
	Left, Right []widget.Seg
}

// Top draws the upper border: ╭ title ───── right ╮. The right part goes first when there is too little room.
func Top(p widget.Pen, width int, e Edge) string {
	return border(p, width, e, corner(p, 0), corner(p, 1))
}

// Bottom draws the lower border.
func Bottom(p widget.Pen, width int, e Edge) string {
	return border(p, width, e, corner(p, 2), corner(p, 3))
}

// Wall is the border at the side.
func Wall(p widget.Pen, role themes.Role) string {
	return p.Theme.Paint(role, p.Glyph(widget.Wall))
}

func corner(p widget.Pen, i int) string {
	if p.ASCII {
		return "+"
	}
	return [...]string{"╭", "╮", "╰", "╯"}[i]
}

func border(p widget.Pen, width int, e Edge, left, right string) string {
	if width < 2 {
		return p.Blank(max(width, 0))
	}
	room := width - 2
	segs := []widget.Seg{{Role: e.Role, Text: left}}
	l, r := length(e.Left), length(e.Right)
	if l > 0 && r > 0 && l+r+5 > room {
		e.Right, r = nil, 0
	}
	used := 0
	if l > 0 && room > 3 {
		segs = append(segs, widget.Seg{Role: e.Role, Text: " "})
		segs = append(segs, fit(p, e.Left, room-2)...)
		segs = append(segs, widget.Seg{Role: e.Role, Text: " "})
		used = min(l, room-2) + 2
	}
	tail := 0
	if r > 0 && used+r+3 <= room {
		tail = r + 3
	}
	segs = append(segs, widget.Seg{Role: e.Role, Text: repeat(p.Glyph(widget.Rule), room-used-tail)})
	if tail > 0 {
		segs = append(segs, widget.Seg{Role: e.Role, Text: " "})
		segs = append(segs, e.Right...)
		segs = append(segs, widget.Seg{Role: e.Role, Text: " " + p.Glyph(widget.Rule)})
	}
	segs = append(segs, widget.Seg{Role: e.Role, Text: right})
	return p.Row(width, segs...)
}

func length(segs []widget.Seg) int {
	n := 0
	for _, s := range segs {
		n += widget.Width(s.Text)
	}
	return n
}

// fit cuts a list of segments to a width, with an ellipsis.
func fit(p widget.Pen, segs []widget.Seg, width int) []widget.Seg {
	var out []widget.Seg
	for i, s := range segs {
		w := widget.Width(s.Text)
		if w > width || (w == width && i < len(segs)-1) {
			return append(out, widget.Seg{Role: s.Role, Text: p.Left(s.Text+" ", width)})
		}
		out = append(out, s)
		width -= w
	}
	return out
}

func repeat(s string, n int) string {
	b := make([]byte, 0, len(s)*max(n, 0))
	for range n {
		b = append(b, s...)
	}
	return string(b)
}

// framed puts rows, each of exactly inner cells, into a border with a blank column on both sides.
func framed(l Look, inner int, top, bottom Edge, rows []string) Box {
	w := inner + 4
	out := make([]string, 0, len(rows)+2)
	out = append(out, Top(l.Pen, w, top))
	wall := Wall(l.Pen, top.Role)
	for _, r := range rows {
		out = append(out, wall+" "+r+" "+wall)
	}
	return Box{Rows: append(out, Bottom(l.Pen, w, bottom)), Width: w}
}

// hint is "key does" for the lower border of a box; nothing when the action has no key.
func hint(l Look, a keymap.Action, does string) []widget.Seg {
	k := l.Keys.Key(a)
	if k == "" {
		return nil
	}
	return []widget.Seg{{Role: themes.Key, Text: k}, {Role: themes.Muted, Text: " " + does}}
}

// hints joins hints with room between them.
func hints(parts ...[]widget.Seg) []widget.Seg {
	var out []widget.Seg
	for _, p := range parts {
		if len(p) == 0 {
			continue
		}
		if len(out) > 0 {
			out = append(out, widget.Seg{Role: themes.Muted, Text: "   "})
		}
		out = append(out, p...)
	}
	return out
}

func seg(r themes.Role, s string) widget.Seg { return widget.Seg{Role: r, Text: s} }
