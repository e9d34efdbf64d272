// Package picture draws a screen of the cockpit as SVG, for documents and slides.
package picture

import (
	"fmt"
	"html"
	"image/color"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// A cell in SVG units, and the room around the screen.
const (
	cellWidth  = 8.4
	cellHeight = 17.0
	margin     = 12.0
	baseline   = 13.0
)

// The ground where a theme leaves it to the terminal.
const (
	DarkBackground  = "#16181d"
	DarkForeground  = "#d8dee9"
	LightBackground = "#ffffff"
	LightForeground = "#24292f"
)

// base16 are the sixteen colours of a terminal that has no theme of its own.
var base16 = [16]string{"#1c1c1c", "#cc5555", "#77b377", "#c9a554", "#6a9fb5", "#aa759f", "#75b5aa", "#d0d0d0",
	"#606060", "#e57373", "#9bd19b", "#e5c07b", "#8fc1e3", "#c792ea", "#9be3d7", "#ffffff"}

// SVG draws a styled screen of that many cells. The colours, "#rrggbb", are those of text and ground that have none.
func SVG(screen string, width, height int, foreground, background string) string {
	buf := uv.NewScreenBuffer(width, height)
	uv.NewStyledString(screen).Draw(buf, buf.Bounds())
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="'DejaVu Sans Mono','Menlo','Consolas',monospace" font-size="14" xml:space="preserve">`+"\n",
		float64(width)*cellWidth+2*margin, float64(height)*cellHeight+2*margin)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", background)
	for y := range height {
		for x := 0; x < width; {
			from := x
			first := cell(buf, x, y)
			shape := drawn(first.Content)
			var content []string
			for x < width {
				c := cell(buf, x, y)
				if !c.Style.Equal(&first.Style) || drawn(c.Content) != shape {
					break
				}
				content = append(content, c.Content)
				x += max(c.Width, 1)
			}
			run(&b, from, y, x-from, first.Style, content, foreground, background)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func cell(buf uv.ScreenBuffer, x, y int) uv.Cell {
	c := buf.CellAt(x, y)
	if c == nil || c.Content == "" {
		return uv.Cell{Content: " ", Width: 1}
	}
	return *c
}

// run draws cells of one style that stand side by side, all of them text or all of them shapes.
func run(b *strings.Builder, x, y, width int, s uv.Style, content []string, foreground, background string) {
	left, top := margin+float64(x)*cellWidth, margin+float64(y)*cellHeight
	front, back := hex(s.Fg, foreground), hex(s.Bg, background)
	if s.Attrs&uv.AttrReverse != 0 {
		front, back = back, front
	}
	if back != background {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, left, top, float64(width)*cellWidth, cellHeight, back)
	}
	if drawn(content[0]) {
		shapes(b, x, y, content, s, front)
		return
	}
	text := strings.Join(content, "")
	if strings.TrimSpace(text) == "" {
		return
	}
	style := ""
	if s.Attrs&uv.AttrBold != 0 {
		style += ` font-weight="bold"`
	}
	if s.Attrs&uv.AttrItalic != 0 {
		style += ` font-style="italic"`
	}
	if s.Attrs&uv.AttrFaint != 0 {
		style += ` opacity="0.6"`
	}
	switch {
	case s.Underline != 0:
		style += ` text-decoration="underline"`
	case s.Attrs&uv.AttrStrikethrough != 0:
		style += ` text-decoration="line-through"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
		left, top+baseline, float64(width)*cellWidth, front, style, html.EscapeString(text))
}

// hex is a colour as SVG has it; the terminal's own for none.
func hex(c color.Color, own string) string {
	if c == nil {
		return own
	}
	if basic, ok := c.(ansi.BasicColor); ok {
		return base16[basic%16]
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
