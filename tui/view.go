package tui

import (
	"fmt"
	"image/color"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"gameday/themes"
	"gameday/tui/layout"
	"gameday/tui/overlay"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// drawnAs is everything a pane's drawing depends on: when it is the same, so are the rows.
type drawnAs struct {
	seq, gen uint64
	w, h     int
	active   bool
	theme    *themes.Theme
	right    string
}

// View implements tea.Model.
func (m *Model) View() tea.View {
	v := tea.View{AltScreen: true, WindowTitle: m.windowTitle()}
	if m.term.unknown {
		return v
	}
	if !m.noMouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.owned() {
		v.BackgroundColor, v.ForegroundColor = hexColor(m.theme.Background), hexColor(m.theme.Foreground)
	}
	if m.width <= 0 || m.height <= 0 {
		return v
	}
	if m.width < minWidth || m.height < minHeight {
		v.SetContent(plainer(strings.Join(m.tooSmall(), "\n"), m.term.symbols))
		return v
	}
	rows, cursor := m.rows()
	v.Cursor = cursor
	v.SetContent(plainer(strings.Join(rows, "\n"), m.term.symbols))
	return v
}

func (m *Model) windowTitle() string {
	if m.frame.System == "" {
		return "gameday"
	}
	return "gameday " + m.frame.System
}

// hexColor reads "#rrggbb"; the themes' test has read it before.
func hexColor(s string) color.Color {
	var c color.RGBA
	if _, err := fmt.Sscanf(s, "#%02x%02x%02x", &c.R, &c.G, &c.B); err != nil {
		return nil
	}
	c.A = 255
	return c
}

func (m *Model) tooSmall() []string {
	pen := m.pen()
	texts := []widget.Seg{
		sg(themes.Title, fmt.Sprintf("gameday needs %dx%d", minWidth, minHeight)),
		sg(themes.Text, fmt.Sprintf("this terminal is %dx%d: make it larger", m.width, m.height)),
		sg(themes.Muted, m.smallKeys()),
	}
	if n := activeFaults(m.frame); n > 0 {
		texts = append(texts, sg(themes.Fault, m.bolt()+" "+plural(n, "fault")+" in force"))
	}
	return pen.Message(m.width, m.height, texts...)
}

// rows draws the whole screen: exactly height rows of exactly width cells.
func (m *Model) rows() ([]string, *tea.Cursor) {
	rows := make([]string, 0, m.height)
	rows = append(rows, m.header())
	rows = append(rows, m.panes()...)
	rows = append(rows, m.caption()...)
	rows = append(rows, m.timeline()...)
	m.pointer.zones = m.pointer.zones[:0]
	rows = append(rows, m.statusLine(), m.footer(&m.pointer.zones))
	if m.over == nil {
		return rows, nil
	}
	return m.cover(rows)
}

// cover puts the overlay over the rows. What lies behind a box is dimmed; header, timeline, status and footer are not.
func (m *Model) cover(rows []string) ([]string, *tea.Cursor) {
	box := m.over.Box(overlay.Look{Pen: m.pen(), Keys: m.keys, Width: m.width, Height: m.height - m.strip(), Danger: m.danger(), Now: m.now()})
	area := m.area()
	x, y := (m.width-box.Width)/2, area.Y+max((area.H-len(box.Rows))/2, 0)
	if box.Bottom {
		x, y = 0, m.height-len(box.Rows)
	} else {
		for i := area.Y; i < area.Y+area.H; i++ {
			rows[i] = m.dim(rows[i])
		}
	}
	if _, ok := m.over.(*overlay.Welcome); ok {
		y = area.Y + max((area.H-len(box.Rows))*2/3, 0)
	}
	x, y = max(x, 0), max(y, 0)
	m.overAt = [2]int{x, y}
	m.pointer.box = layout.Rect{X: x, Y: y, W: box.Width, H: len(box.Rows)}
	for i, r := range box.Rows {
		if y+i < len(rows) {
			rows[y+i] = splice(rows[y+i], r, x, box.Width, m.width)
		}
	}
	if box.Cursor == nil {
		return rows, nil
	}
	c := *box.Cursor
	c.X, c.Y = c.X+x, c.Y+y
	return rows, &c
}

// dim takes the colours off a row, so that the box over it stands out.
func (m *Model) dim(row string) string { return m.theme.Paint(themes.Border, ansi.Strip(row)) }

// splice replaces w cells of a row from x on. A wide character that is cut in two becomes blanks.
func splice(row, over string, x, w, width int) string {
	left := ansi.Truncate(row, x, "")
	right := ansi.TruncateLeft(row, x+w, "")
	left += strings.Repeat(" ", max(x-ansi.StringWidth(left), 0))
	right = strings.Repeat(" ", max(width-x-w-ansi.StringWidth(right), 0)) + right
	return left + over + right
}

// panes draws the rectangles between header and timeline, row by row.
func (m *Model) panes() []string {
	area := m.area()
	p := m.placement()
	if len(p.Panes) == 0 {
		return m.pen().Message(area.W, area.H, sg(themes.Muted, "this workspace has no panes here"))
	}
	out := make([]string, area.H)
	starts := make([][]layout.Placed, area.H)
	for _, pl := range p.Panes { // in the order of the tree: left before right
		for y := pl.Y; y < pl.Y+pl.H; y++ {
			starts[y-area.Y] = append(starts[y-area.Y], pl)
		}
	}
	drawn := map[string][]string{}
	for _, pl := range p.Panes {
		drawn[pl.Pane] = m.draw(pl)
	}
	for y := range out {
		var b strings.Builder
		for _, pl := range starts[y] {
			b.WriteString(drawn[pl.Pane][y+area.Y-pl.Y])
		}
		out[y] = b.String()
	}
	return out
}

// draw is one pane with its border; unchanged panes are not drawn again.
func (m *Model) draw(pl layout.Placed) []string {
	s := m.slots[pl.Pane]
	right, rightText := m.corner(pl.Pane)
	key := drawnAs{m.seq, s.gen, pl.W, pl.H, pl.Pane == m.active(), m.theme, rightText}
	if s.rows != nil && s.key == key {
		return s.rows
	}
	pen, ctx := m.pen(), m.context(pl.Pane)
	role := themes.Border
	title := m.titleOf(s.pane, ctx)
	if key.active {
		role = themes.BorderActive
	}
	rows := make([]string, 0, pl.H)
	rows = append(rows, overlay.Top(pen, pl.W, overlay.Edge{Role: role, Left: title, Right: right}))
	wall := overlay.Wall(pen, role)
	content := s.pane.View(ctx)
	for i := range ctx.Height {
		row := ""
		if i < len(content) {
			row = content[i]
		}
		rows = append(rows, wall+exact(pen, row, ctx.Width)+wall)
	}
	if pl.H > 1 {
		rows = append(rows, overlay.Bottom(pen, pl.W, overlay.Edge{Role: role}))
	}
	s.key, s.rows = key, rows
	return rows
}

// exact makes sure of a row's width: one pane that miscounts must not shift its neighbours.
func exact(pen widget.Pen, row string, width int) string {
	w := ansi.StringWidth(row)
	switch {
	case w == width:
		return row
	case w > width:
		return ansi.Truncate(row, width, pen.Glyph(widget.Ellipsis))
	}
	return row + strings.Repeat(" ", width-w)
}

// titleOf splits a pane's title: its first word says what it is, the rest what of it is shown.
func (m *Model) titleOf(p pane.Pane, ctx pane.Context) []widget.Seg {
	name, rest, _ := strings.Cut(p.Title(ctx), " ")
	role := themes.Text
	var out []widget.Seg
	if ctx.Active {
		role = themes.BorderActive
		out = append(out, sg(role, m.pen().Glyph(widget.Closed)))
	}
	out = append(out, sg(role, name))
	if rest != "" {
		out = append(out, sg(themes.Muted, " "+rest))
	}
	return out
}

// corner is what stands on the right of a pane's upper border: zoom, or the other pages of a small screen.
func (m *Model) corner(id string) (segs []widget.Seg, text string) {
	if m.here().zoomed {
		segs = []widget.Seg{sg(themes.Accent, "zoomed")}
	} else if pages := m.screen.pages; len(pages) > 1 && m.screen.place.Panes[0].Pane == id {
		segs = m.tabs(pages)
		if r, ok := m.screen.place.Find(id); ok && widthOf(segs) > r.W/2 {
			segs = []widget.Seg{sg(themes.Accent, m.page(pages))}
		}
	}
	for _, s := range segs {
		text += s.Text
		if s.Role == themes.Accent {
			text += "!"
		}
	}
	return segs, text
}

func widthOf(segs []widget.Seg) int {
	n := 0
	for _, s := range segs {
		n += widget.Width(s.Text)
	}
	return n
}

// page says which page is shown, where their names have no room.
func (m *Model) page(pages [][]string) string {
	for i, p := range pages {
		if slices.Contains(p, m.active()) {
			return fmt.Sprintf("page %d of %d", i+1, len(pages))
		}
	}
	return fmt.Sprintf("%d pages", len(pages))
}

// tabs names the pages of a small screen, the one that is shown marked.
func (m *Model) tabs(pages [][]string) []widget.Seg {
	var out []widget.Seg
	shown := m.screen.place.Panes
	for i, page := range pages {
		if i > 0 {
			out = append(out, sg(themes.Border, " "+m.pen().Glyph(widget.Wall)+" "))
		}
		role := themes.Muted
		open, shut := "", ""
		if page[0] == shown[0].Pane {
			role, open, shut = themes.Accent, "[", "]"
		}
		out = append(out, sg(role, open+strings.Join(page, " ")+shut))
	}
	return out
}
