package widget

import (
	"math"
	"strings"

	"gameday/themes"
)

// Seg is a stretch of text in one role. The text holds no escape sequences.
type Seg struct {
	Role themes.Role
	Text string
}

// Pen draws rows in one theme, for one kind of terminal.
type Pen struct {
	Theme *themes.Theme
	ASCII bool     // the terminal has no braille, no box drawing and no symbols
	Names *Colours // of services; nil colours them by their names alone
}

// Row joins the segments into a row of exactly width cells; what does not fit is cut and marked with an ellipsis.
func (p Pen) Row(width int, segs ...Seg) string { return p.row(width, false, themes.Text, segs) }

// RowOn is Row on the background of role bg, which goes across the whole row.
func (p Pen) RowOn(bg themes.Role, width int, segs ...Seg) string {
	return p.row(width, true, bg, segs)
}

// Line is Row, on the background of the selected row when selected.
func (p Pen) Line(selected bool, width int, segs ...Seg) string {
	return p.row(width, selected, themes.Selected, segs)
}

// Blank is an empty row.
func (p Pen) Blank(width int) string { return p.Row(width) }

func (p Pen) row(width int, on bool, bg themes.Role, segs []Seg) string {
	if width <= 0 {
		return ""
	}
	total, content := 0, 0
	for _, s := range segs {
		if t := strings.TrimRight(s.Text, " "); t != "" {
			content = total + widthTo(t, width)
		}
		if total += widthTo(s.Text, width); total > width && content > width {
			break
		}
	}
	budget := width
	if content > width {
		budget = width - 1 // for the ellipsis
	}
	out := painter{theme: p.Theme, on: on, bg: bg}
	out.b.Grow(width + 16*len(segs) + 32)
	used, role := 0, themes.Text
	for _, s := range segs {
		if used >= budget {
			break
		}
		text, w := take(s.Text, budget-used)
		out.add(s.Role, text)
		used += w
		role = s.Role
		if used < budget && w < widthTo(s.Text, budget) { // a wide character did not fit: do not go on with the next segment
			break
		}
	}
	if content > width {
		out.pad(budget - used)
		out.add(role, p.Glyph(Ellipsis))
		used = width
	}
	out.pad(width - used)
	return out.done()
}

// painter collects neighbouring text of one role, so that a row carries as few escape sequences as possible.
type painter struct {
	theme *themes.Theme
	on    bool
	bg    themes.Role
	b     strings.Builder
	run   string // not yet painted
	role  themes.Role
}

func (o *painter) add(r themes.Role, text string) {
	if st := o.theme.Styles[r]; st.Underline || st.Strike { // alignment is not part of the word
		word := strings.TrimSpace(text)
		if word == "" {
			r = themes.Text
		} else if len(word) < len(text) {
			at := strings.Index(text, word)
			o.put(themes.Text, text[:at])
			o.put(r, word)
			o.put(themes.Text, text[at+len(word):])
			return
		}
	}
	o.put(r, text)
}

func (o *painter) put(r themes.Role, text string) {
	if text == "" {
		return
	}
	switch {
	case o.run == "":
	case o.role == r || o.still(o.role) && blank(text):
		o.run += text
		return
	case o.still(r) && blank(o.run):
		o.run, o.role = o.run+text, r
		return
	}
	o.flush()
	o.run, o.role = text, r
}

// still reports whether a blank looks the same in this role as in any other: then it need not have a sequence of its own,
// and half the bytes of a table are saved.
func (o *painter) still(r themes.Role) bool {
	st := o.theme.Styles[r]
	return !st.Underline && !st.Strike && !st.Reverse && (o.on || st.BG == o.theme.Styles[themes.Text].BG)
}

func blank(s string) bool { return strings.Trim(s, " ") == "" }

func (o *painter) pad(n int) {
	if n <= 0 {
		return
	}
	o.flush()
	switch {
	case o.on:
		o.b.WriteString(o.theme.PaintOn(o.bg, o.bg, spaces(n)))
	case o.theme.Styles[themes.Text].BG != "":
		o.b.WriteString(o.theme.Paint(themes.Text, spaces(n)))
	default:
		o.b.WriteString(spaces(n))
	}
}

func (o *painter) flush() {
	if o.run == "" {
		return
	}
	if o.on {
		o.b.WriteString(o.theme.PaintOn(o.role, o.bg, o.run))
	} else {
		o.b.WriteString(o.theme.Paint(o.role, o.run))
	}
	o.run = ""
}

func (o *painter) done() string {
	o.flush()
	return o.b.String()
}

// Fit cuts s to at most width cells, with an ellipsis when something was cut.
func (p Pen) Fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if widthTo(s, width) <= width {
		text, _ := take(s, width)
		return text
	}
	text, _ := take(s, width-1)
	return text + p.Glyph(Ellipsis)
}

// Name is a name in at most width cells. One that ends in a number, as those of replicas do, is cut in its middle: such names begin
// alike.
func (p Pen) Name(s string, width int) string {
	w := Width(s)
	if w <= width || width < 5 || s[len(s)-1] < '0' || s[len(s)-1] > '9' {
		return p.Fit(s, width)
	}
	head, _ := take(s, (width-1)/2)
	tail := s
	for w > width-1-Width(head) {
		_, cells, size := next(tail)
		tail, w = tail[size:], w-cells
	}
	tail, _ = take(tail, width)
	return head + p.Glyph(Ellipsis) + tail
}

// Left is s in exactly width cells, aligned to the left.
func (p Pen) Left(s string, width int) string {
	s = p.Fit(s, width)
	return s + spaces(width-Width(s))
}

// Right is s in exactly width cells, aligned to the right.
func (p Pen) Right(s string, width int) string {
	s = p.Fit(s, width)
	return spaces(width-Width(s)) + s
}

// Page makes rows exactly height rows: blank ones are added, surplus ones cut.
func (p Pen) Page(rows []string, width, height int) []string {
	if len(rows) > height {
		return rows[:height]
	}
	for len(rows) < height {
		rows = append(rows, p.Blank(width))
	}
	return rows
}

// Message fills an area with an explanation, word-wrapped and a little off the corner: what an empty pane shows.
func (p Pen) Message(width, height int, paragraphs ...Seg) []string {
	var rows []string
	indent := ""
	if width > 24 {
		indent = "  "
	}
	if height > 6 {
		rows = append(rows, p.Blank(width))
	}
	for _, para := range paragraphs {
		for _, line := range Wrap(para.Text, width-2*len(indent)) {
			rows = append(rows, p.Row(width, Seg{themes.Text, indent}, Seg{para.Role, line}))
		}
	}
	return p.Page(rows, width, height)
}

// Wrap breaks s at blanks into lines of at most width cells; a longer word is broken where it must be.
func Wrap(s string, width int) []string {
	if width < 1 {
		width = 1
	}
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(s) {
		word, w := take(word, math.MaxInt)
		if used > 0 && used+1+w <= width {
			line, used = line+" "+word, used+1+w
			continue
		}
		if used > 0 {
			lines = append(lines, line)
		}
		for w > width {
			part, cells := take(word, width)
			if cells == 0 { // a wide character in a column of one cell
				part, word = "·", ""
				break
			}
			lines = append(lines, part)
			word = rest(word, width)
			w -= cells
		}
		line, used = word, w
	}
	return append(lines, line)
}

// rest is what take leaves of s.
func rest(s string, width int) string {
	used := 0
	for len(s) > 0 {
		_, cells, size := next(s)
		if used+cells > width {
			break
		}
		used += cells
		s = s[size:]
	}
	return s
}
