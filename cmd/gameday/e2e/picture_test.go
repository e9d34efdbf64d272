package e2e

import (
	"fmt"
	"html"
	"os"
	"strings"

	"github.com/hinshun/vt10x"
)

// The cell of the drawn screen, in SVG units.
const (
	cellWidth  = 8.4
	cellHeight = 17.0
)

// base16 are the sixteen colours of a terminal that has no theme of its own.
var base16 = [16]uint32{0x1c1c1c, 0xcc5555, 0x77b377, 0xc9a554, 0x6a9fb5, 0xaa759f, 0x75b5aa, 0xd0d0d0,
	0x606060, 0xe57373, 0x9bd19b, 0xe5c07b, 0x8fc1e3, 0xc792ea, 0x9be3d7, 0xffffff}

// rgb turns a colour of the screen into six hex digits. The emulator keeps true colours as their number and palette
// colours as their index, so that nearly black true colours cannot be told from the palette: themes avoid them.
func rgb(c vt10x.Color, fallback uint32) uint32 {
	switch {
	case c >= 1<<24:
		return fallback
	case c < 16:
		return base16[c]
	case c < 232:
		n := uint32(c) - 16
		level := func(v uint32) uint32 {
			if v == 0 {
				return 0
			}
			return 55 + 40*v
		}
		return level(n/36)<<16 | level(n/6%6)<<8 | level(n%6)
	case c < 256:
		g := 8 + 10*(uint32(c)-232)
		return g<<16 | g<<8 | g
	}
	return uint32(c)
}

// picture draws what is on the screen now as an SVG.
func (term *terminal) picture(path string, fg, bg uint32) error {
	term.mu.Lock()
	defer term.mu.Unlock()
	cols, rows := term.vt.Size()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="'DejaVu Sans Mono','Menlo','Consolas',monospace" font-size="14" xml:space="preserve">`+"\n",
		float64(cols)*cellWidth+24, float64(rows)*cellHeight+24)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="#%06x"/>`+"\n", bg)
	for y := range rows {
		for x := 0; x < cols; {
			from, first := x, term.vt.Cell(x, y)
			var text strings.Builder
			for ; x < cols; x++ {
				c := term.vt.Cell(x, y)
				if c.FG != first.FG || c.BG != first.BG || c.Mode != first.Mode {
					break
				}
				if c.Char == 0 {
					c.Char = ' '
				}
				text.WriteRune(c.Char)
			}
			drawRun(&b, from, y, x-from, first, text.String(), fg, bg)
		}
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

func drawRun(b *strings.Builder, x, y, width int, g vt10x.Glyph, text string, fg, bg uint32) {
	const bold, italic, underline = 1 << 2, 1 << 4, 1 << 1
	left, top := 12+float64(x)*cellWidth, 12+float64(y)*cellHeight
	front, back := rgb(g.FG, fg), rgb(g.BG, bg)
	if g.FG == vt10x.DefaultBG {
		front = bg
	}
	if g.BG == vt10x.DefaultFG {
		back = fg
	}
	if back != bg {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#%06x"/>`, left, top, float64(width)*cellWidth, cellHeight, back)
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	style := ""
	if g.Mode&bold != 0 {
		style += ` font-weight="bold"`
	}
	if g.Mode&italic != 0 {
		style += ` font-style="italic"`
	}
	if g.Mode&underline != 0 {
		style += ` text-decoration="underline"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs" fill="#%06x"%s>%s</text>`+"\n",
		left, top+13, float64(width)*cellWidth, front, style, html.EscapeString(text))
}
