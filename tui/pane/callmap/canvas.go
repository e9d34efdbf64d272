package callmap

import (
	"gameday/themes"
	"gameday/tui/widget"
)

// The directions in which a line leaves a cell.
const (
	north = 1 << iota
	east
	south
	west
)

// lines are the characters for sets of directions.
var lines = [16]string{
	north: "│", south: "│", north | south: "│", east: "─", west: "─", east | west: "─",
	north | east: "╰", north | west: "╯", south | east: "╭", south | west: "╮",
	north | south | east: "├", north | south | west: "┤", east | west | south: "┬", east | west | north: "┴", north | east | south | west: "┼",
}

// strong are those of lines that a fault acts on, where there are others for it.
var strong = map[string]string{"─": "━", "│": "┃"}

// dotted are those of calls of which no span is held.
var dotted = map[string]string{"─": "┄", "│": "┆"}

// cell is one cell of the map: a part of a line, or of a text.
type cell struct {
	dirs  uint8
	net   int
	look  map[string]string // characters that stand for others
	role  themes.Role
	text  string // of the cells from here on
	width int    // of the text; -1 where one goes on
}

// canvas is a part of the map that is drawn on; what lies outside is left out.
type canvas struct {
	x, y, w, h int // which part
	cells      []cell
}

func newCanvas(x, y, w, h int) *canvas {
	return &canvas{x: x, y: y, w: w, h: h, cells: make([]cell, w*h)}
}

func (c *canvas) at(x, y int) *cell {
	x, y = x-c.x, y-c.y
	if x < 0 || y < 0 || x >= c.w || y >= c.h {
		return nil
	}
	return &c.cells[y*c.w+x]
}

// pencil is how a line is drawn.
type pencil struct {
	net  int
	role themes.Role
	look map[string]string // nil: as they are
}

// line adds a part of a line. Where two different ones meet, the horizontal one passes over the other, so that only lines of one
// net ever join.
func (c *canvas) line(x, y int, dirs uint8, p pencil) {
	at := c.at(x, y)
	if at == nil || at.width != 0 {
		return
	}
	switch {
	case at.dirs == 0 || at.net == p.net:
		at.dirs |= dirs
	case dirs&(north|south) == 0:
		at.dirs = dirs
	default:
		return
	}
	at.net, at.role, at.look = p.net, p.role, p.look
}

// across draws from x to z, both included, and on beyond both ends.
func (c *canvas) across(x, z, y int, p pencil) {
	for ; x <= z; x++ {
		c.line(x, y, east|west, p)
	}
}

// down draws from y to z, without what leads on from there.
func (c *canvas) down(x, y, z int, p pencil) {
	for i := y; i <= z; i++ {
		var dirs uint8
		if i > y {
			dirs |= north
		}
		if i < z {
			dirs |= south
		}
		c.line(x, i, dirs, p)
	}
}

// write puts a text over whatever is there. It is exactly width cells wide, and is left out unless all of it lies inside.
func (c *canvas) write(pen widget.Pen, x, y, width int, role themes.Role, text string) {
	if width <= 0 || c.at(x, y) == nil || c.at(x+width-1, y) == nil {
		return
	}
	for i := range width {
		*c.at(x+i, y) = cell{width: -1, role: role}
	}
	*c.at(x, y) = cell{text: pen.Left(text, width), width: width, role: role}
}

// free reports whether nothing is drawn from x on.
func (c *canvas) free(x, y, width int) bool {
	for i := range width {
		if at := c.at(x+i, y); at == nil || at.dirs != 0 || at.width != 0 {
			return false
		}
	}
	return true
}

// row makes row y (of the part) of segments.
func (c *canvas) row(y int) []widget.Seg {
	var out []widget.Seg
	add := func(role themes.Role, text string) {
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Text += text
			return
		}
		out = append(out, widget.Seg{Role: role, Text: text})
	}
	for x := 0; x < c.w; {
		at := &c.cells[y*c.w+x]
		switch {
		case at.width > 0:
			add(at.role, at.text)
			x += at.width
			continue
		case at.dirs != 0:
			sign := lines[at.dirs]
			if s, ok := at.look[sign]; ok {
				sign = s
			}
			add(at.role, sign)
		default:
			add(themes.Text, " ")
		}
		x++
	}
	return out
}
