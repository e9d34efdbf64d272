package widget

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/NimbleMarkets/ntcharts/canvas"
	"github.com/charmbracelet/lipgloss"

	"gameday/themes"
	_ "gameday/tui/widget/quiet" // before the charting library's own init
)

// carriers hold a role in the only field of a canvas cell that can carry one: its foreground. They are never rendered,
// the theme's own painting takes their place when the cells are read back. The second set marks shaded cells.
var carriers, shaded = carry(false), carry(true)

func carry(shade bool) (s [themes.NumRoles]lipgloss.Style) {
	for r := range s {
		s[r] = lipgloss.NewStyle().Foreground(lipgloss.ANSIColor(uint(r)))
		if shade {
			s[r] = s[r].Background(lipgloss.ANSIColor(1))
		}
	}
	return s
}

// roleOf reads a carrier back.
func roleOf(s lipgloss.Style) (role themes.Role, shade bool) {
	role = themes.Text
	if c, ok := s.GetForeground().(lipgloss.ANSIColor); ok && c < lipgloss.ANSIColor(themes.NumRoles) {
		role = themes.Role(c)
	}
	_, shade = s.GetBackground().(lipgloss.ANSIColor)
	return role, shade
}

// Shade is the escape sequence for a background in which the role is faintly mixed with the theme's own; "" when the
// theme has no colours, and the caller has to draw a pattern instead.
func (p Pen) Shade(r themes.Role) string {
	var fg, bg [3]int
	if p.Theme.Mono || p.ASCII || !rgb(p.Theme.Styles[r].FG, &fg) || !rgb(p.Theme.Background, &bg) {
		return ""
	}
	mix := func(i int) int { return (fg[i]*26 + bg[i]*74) / 100 } // a grey or pale tone too where there are only 256 colours
	return fmt.Sprintf("\x1b[48;2;%d;%d;%dm", mix(0), mix(1), mix(2))
}

func rgb(hex string, out *[3]int) bool {
	if len(hex) != 7 || hex[0] != '#' {
		return false
	}
	n, err := strconv.ParseUint(hex[1:], 16, 32)
	out[0], out[1], out[2] = int(n>>16), int(n>>8&0xff), int(n&0xff)
	return err == nil
}

// plot is a canvas of the charting library that is drawn on by role and read back as rows.
type plot struct {
	cv   canvas.Model
	w, h int
}

// reset makes the plot w×h and empty.
func (p *plot) reset(w, h int) {
	if p.w == w && p.h == h {
		p.cv.Fill(canvas.Cell{})
		return
	}
	p.cv, p.w, p.h = canvas.New(w, h), w, h
}

// put writes one-cell characters from (x, y) on; what lies outside or is wider than a cell is left out or becomes a dot.
func (p *plot) put(x, y int, role themes.Role, text string) {
	for text != "" {
		draw, cells, size := next(text)
		text = text[size:]
		r := '·'
		if cells == 1 {
			r = []rune(draw)[0]
		}
		p.cv.SetCell(canvas.Point{X: x, Y: y}, canvas.NewCellWithStyle(r, carriers[role]))
		x++
	}
}

// free reports whether nothing has been drawn at (x, y).
func (p *plot) free(x, y int) bool { return p.cv.Cell(canvas.Point{X: x, Y: y}).Rune == 0 }

// shade puts what is at (x, y) onto the shaded background.
func (p *plot) shade(x, y int) {
	at := canvas.Point{X: x, Y: y}
	c := p.cv.Cell(at)
	if c.Rune == 0 {
		c.Rune = ' '
	}
	role, _ := roleOf(c.Style)
	c.Style = shaded[role]
	p.cv.SetCell(at, c)
}

// rows reads the canvas back, one styled string a row: runs of one role are painted at once. (The library's own View
// renders every cell by itself, which is more than ten times slower.)
func (p *plot) rows(pen Pen, shade string) []string {
	out := make([]string, p.h)
	run := make([]rune, 0, p.w)
	for y := range out {
		var b strings.Builder
		role, on := themes.Text, false
		run = run[:0]
		flush := func() {
			if len(run) == 0 {
				return
			}
			if on {
				b.WriteString(shade)
			}
			b.WriteString(pen.Theme.Paint(role, string(run)))
			if on {
				b.WriteString("\x1b[m")
			}
			run = run[:0]
		}
		for x := range p.w {
			c := p.cv.Cell(canvas.Point{X: x, Y: y})
			r, cr, con := ' ', themes.Text, false
			if c.Rune != 0 {
				r = c.Rune
				cr, con = roleOf(c.Style)
			}
			if cr != role || con != on {
				flush()
				role, on = cr, con
			}
			run = append(run, r)
		}
		flush()
		out[y] = b.String()
	}
	return out
}
