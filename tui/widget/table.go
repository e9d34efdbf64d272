package widget

import "gameday/themes"

// Column is one column of a table.
type Column struct {
	Title string
	Width int  // cells; 0 is flexible: what is left is shared among the flexible columns
	Min   int  // of a flexible column, before others are dropped; at least 1
	Right bool // numbers: aligned to the right
	Drop  int  // the columns with the highest go first when space is short; 0 is never dropped
}

// Table lays columns out in a width; one blank stands between two columns. Make it once a width and draw rows with it.
type Table struct {
	cols   []Column
	widths []int // 0: dropped
}

// NewTable decides which columns fit into width cells and how wide each is.
func NewTable(width int, cols ...Column) Table {
	t := Table{cols: cols, widths: make([]int, len(cols))}
	dropped := make([]bool, len(cols))
	for {
		need, flex, n, worst := 0, 0, 0, -1
		for i, c := range cols {
			if dropped[i] {
				continue
			}
			n++
			if c.Width > 0 {
				need += c.Width
			} else {
				need += max(c.Min, 1)
				flex++
			}
			if c.Drop > 0 && (worst < 0 || c.Drop > cols[worst].Drop) {
				worst = i
			}
		}
		need += max(n-1, 0)
		if need > width && worst >= 0 {
			dropped[worst] = true
			continue
		}
		t.share(dropped, width-need, flex)
		return t
	}
}

func (t *Table) share(dropped []bool, left, flex int) {
	for i, c := range t.cols {
		switch {
		case dropped[i]:
			t.widths[i] = 0
		case c.Width > 0:
			t.widths[i] = c.Width
		default:
			extra := 0
			if left > 0 && flex > 0 {
				extra = left / flex
				left -= extra
				flex--
			}
			t.widths[i] = max(c.Min, 1) + extra
		}
	}
}

// ColumnWidth is the width of column i, 0 when it was dropped.
func (t Table) ColumnWidth(i int) int { return t.widths[i] }

// Segs aligns one cell per column; cells of dropped columns are left out.
func (t Table) Segs(p Pen, cells ...Seg) []Seg {
	out := make([]Seg, 0, 2*len(cells))
	for i, c := range cells {
		w := t.widths[i]
		if w == 0 {
			continue
		}
		if len(out) > 0 {
			out = append(out, Seg{themes.Text, " "})
		}
		if t.cols[i].Right {
			c.Text = p.Right(c.Text, w)
		} else {
			c.Text = p.Left(c.Text, w)
		}
		out = append(out, c)
	}
	return out
}

// Header is the row of column titles.
func (t Table) Header(p Pen) []Seg {
	cells := make([]Seg, len(t.cols))
	for i, c := range t.cols {
		cells[i] = Seg{themes.Muted, c.Title}
	}
	return t.Segs(p, cells...)
}

// List is a cursor in a list longer than the screen.
type List struct {
	Cursor int // selected row
	Top    int // first row on screen
}

// Clamp puts cursor and top back into a list of n rows of which height are on screen.
func (l *List) Clamp(n, height int) {
	height = max(height, 1)
	l.Cursor = clampInt(l.Cursor, 0, max(n-1, 0))
	l.Top = clampInt(l.Top, l.Cursor-height+1, l.Cursor)
	l.Top = clampInt(l.Top, 0, max(n-height, 0))
}

// Move moves the cursor by so many rows within n.
func (l *List) Move(by, n int) { l.Cursor = clampInt(l.Cursor+by, 0, max(n-1, 0)) }

// ScrollMark is the cell at the right edge of row (0 is the first on screen): a thumb where the screen stands in the
// list, a wall elsewhere, a blank when all of it is on screen.
func (p Pen) ScrollMark(row, height, top, n int) Seg {
	if n <= height || height < 1 {
		return Seg{themes.Muted, " "}
	}
	size := max(1, height*height/n)
	at := 0
	if n > height {
		at = (height - size) * top / (n - height)
	}
	if row >= at && row < at+size {
		return Seg{themes.Accent, p.Glyph(Thumb)}
	}
	return Seg{themes.Border, p.Glyph(Wall)}
}
