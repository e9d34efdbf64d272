package tui

import (
	"math"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// tape is one row of the timeline while it is drawn: a glyph and a role for each cell.
//
// Its cells are stretches of time that stay the same while the window moves: what stands on the tape moves all at once, and a
// label never changes its distance from a mark by one cell, which would make it jump from one gap to another.
type tape struct {
	cells []string
	roles []themes.Role
	taken []bool // by a mark or its label: nothing else goes there
	words []bool // by a label: nothing else touches it
	kept  []bool // for a mark that is drawn later, and must not be covered by a name
	from  time.Time
	cell  float64 // its length in nanoseconds
	into  float64 // how far into the first cell the window begins, in nanoseconds
}

func (m *Model) newTape(width int, w signal.Window) *tape {
	width = max(width, 1)
	t := &tape{cells: make([]string, width), roles: make([]themes.Role, width), taken: make([]bool, width), words: make([]bool, width),
		kept: make([]bool, width), from: w.From}
	cell := max(w.Length()/time.Duration(max(width-1, 1)), 1)
	t.cell = float64(cell)
	t.into = float64(w.From.UnixNano() % int64(cell))
	rule := m.pen().Glyph(widget.Rule)
	for i := range t.cells {
		t.cells[i], t.roles[i] = rule, themes.Border
	}
	return t
}

// x is the cell of an instant; it may lie outside.
func (t *tape) x(at time.Time) int {
	return int(math.Floor((float64(at.Sub(t.from)) + t.into) / t.cell))
}

// span is the first and last cell of something that lasts; they may lie outside.
func (t *tape) span(e signal.Event, w signal.Window) (a, z int) {
	end := e.End
	if end.IsZero() {
		end = e.Start
		if e.Open {
			end = w.To
		}
	}
	return t.x(e.Start), t.x(end)
}

// clear reports whether a text of n cells can stand at x: on cells that are free and satisfy on, with no other text beside it.
func (t *tape) clear(x, n int, on func(x int) bool) bool {
	if x < 0 || x+n > len(t.cells) || n == 0 {
		return false
	}
	for i := x; i < x+n; i++ {
		if t.taken[i] || t.kept[i] || !on(i) {
			return false
		}
	}
	for _, beside := range []int{x - 1, x + n} {
		if beside >= 0 && beside < len(t.cells) && (t.words[beside] || n > 1 && (t.taken[beside] || t.kept[beside])) {
			return false
		}
	}
	return true
}

// write puts a text of one-cell characters at a cell, when every cell is free and no other text would touch it.
func (t *tape) write(x int, text []string, role themes.Role) bool {
	if !t.clear(x, len(text), anywhere) {
		return false
	}
	t.put(x, text, role)
	return true
}

// put writes a text where there is room for it.
func (t *tape) put(x int, text []string, role themes.Role) {
	for i, c := range text {
		t.cells[x+i], t.roles[x+i], t.taken[x+i], t.words[x+i] = c, role, true, len(text) > 1
	}
}

func anywhere(int) bool { return true }

// room is the first cell from which a text of n cells can stand between two cells; -1 when there is none.
func (t *tape) room(from, to, n int, on func(x int) bool) int {
	for x := max(from, 0); x+n-1 <= to; x++ {
		if t.clear(x, n, on) {
			return x
		}
	}
	return -1
}

func (t *tape) row(pen widget.Pen, lead []widget.Seg, width int) string {
	segs := lead
	for i := 0; i < len(t.cells); {
		j := i
		for j < len(t.cells) && t.roles[j] == t.roles[i] {
			j++
		}
		segs = append(segs, sg(t.roles[i], strings.Join(t.cells[i:j], "")))
		i = j
	}
	return pen.Row(width, segs...)
}

// letters splits a text into characters of one cell each; wider ones become a dot.
func letters(s string) []string {
	var out []string
	for _, r := range s {
		c := string(r)
		if widget.Width(c) != 1 {
			c = "·"
		}
		out = append(out, c)
	}
	return out
}
