package chaos

import (
	"html"
	"regexp"
	"strings"

	"gameday/themes"
	"gameday/tui/widget"
)

// report lays out a kept run's report, which is the Markdown that gameday itself writes: headings, a quotation, paragraphs, tables, and
// text between fences. Nothing else is understood; it is shown as it is. One line is made of each of them, and copied as it was
// written.
func report(p widget.Pen, source []string) []line {
	var out []line
	for i := 0; i < len(source); {
		n, l := block(p, source[i:])
		l.text = strings.Join(source[i:i+n], "\n")
		out = append(out, l)
		i += n
	}
	return out
}

// block is what begins with the first line, and of how many it consists.
func block(p widget.Pen, source []string) (n int, l line) {
	s := source[0]
	switch fence := fenced(s); {
	case fence != "":
		n = 1
		for n < len(source) && source[n] != fence {
			n++
		}
		return min(n+1, len(source)), line{lay: verbatim(source[1:min(n, len(source))])}
	case strings.HasPrefix(s, "|"):
		for n < len(source) && strings.HasPrefix(source[n], "|") {
			n++
		}
		return n, line{lay: table(p, source[:n])}
	case strings.HasPrefix(s, "# "), strings.HasPrefix(s, "## "):
		return 1, line{lay: paragraph(" ", themes.Title, inline(p, strings.TrimLeft(s, "# ")))}
	case strings.HasPrefix(s, "<details>"):
		s = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(s, "<details>"), "<summary>"), "</summary>")
		return 1, line{lay: paragraph(" ", themes.Title, inline(p, s))}
	case s == "</details>":
		return 1, line{lay: func(int) [][]widget.Seg { return nil }}
	case strings.HasPrefix(s, "> "):
		return 1, line{lay: paragraph(" "+p.Glyph(widget.Wall)+" ", themes.Muted, inline(p, s[2:]))}
	}
	return 1, line{lay: paragraph(" ", themes.Text, inline(p, s))}
}

// fenced is the fence that ends what this line begins; "" when it begins nothing.
func fenced(s string) string {
	rest := strings.TrimLeft(s, "`")
	if n := len(s) - len(rest); n >= 3 {
		return s[:n]
	}
	return ""
}

// tooFew is how many cells a column of a table has at least.
const tooFew = 3

var escaped = regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])|<!-- -->|`|\\*\\*")

// inline is the text of a line: without what only means something to a reader of Markdown, and with the screen's own signs.
func inline(p widget.Pen, s string) string {
	s = escaped.ReplaceAllStringFunc(s, func(m string) string {
		if m[0] == '\\' {
			return m[1:]
		}
		return ""
	})
	return strings.NewReplacer("✔", p.Glyph(widget.Passed), "✘", p.Glyph(widget.Failed), "·", p.Glyph(widget.Dot)).Replace(html.UnescapeString(s))
}

// paragraph wraps a text; before stands before every row of it.
func paragraph(before string, role themes.Role, text string) func(width int) [][]widget.Seg {
	return func(width int) [][]widget.Seg {
		if text == "" {
			return [][]widget.Seg{nil}
		}
		var out [][]widget.Seg
		for _, w := range widget.Wrap(text, max(width-widget.Width(before), 8)) {
			out = append(out, []widget.Seg{seg(themes.Border, before), seg(role, w)})
		}
		return out
	}
}

// verbatim is what stands between fences: rows that are too long go on below, further to the right.
func verbatim(source []string) func(width int) [][]widget.Seg {
	return func(width int) [][]widget.Seg {
		var out [][]widget.Seg
		for _, s := range source {
			indent := s[:len(s)-len(strings.TrimLeft(s, " "))]
			role := themes.Text
			if strings.HasPrefix(s[len(indent):], "#") {
				role = themes.Muted
			}
			if widget.Width(s) <= width-1 {
				out = append(out, []widget.Seg{seg(role, " "+s)})
				continue
			}
			for i, w := range widget.Wrap(s[len(indent):], max(width-1-len(indent)-4, 8)) {
				if i > 0 {
					w = "    " + w
				}
				out = append(out, []widget.Seg{seg(role, " "+indent+w)})
			}
		}
		return out
	}
}

// table is drawn with columns as wide as their cells; when there is no room for that the widest give way, and their cells are wrapped.
func table(p widget.Pen, source []string) func(width int) [][]widget.Seg {
	var cells [][]string
	var right []bool
	for i, s := range source {
		row := split(s)
		if i == 1 {
			for _, c := range row {
				right = append(right, strings.HasSuffix(c, ":"))
			}
			continue
		}
		for j := range row {
			row[j] = strings.TrimSpace(inline(p, row[j]))
		}
		cells = append(cells, row)
	}
	headed := len(cells) > 0 && strings.Join(cells[0], "") != ""
	if !headed && len(cells) > 0 {
		cells = cells[1:]
	}
	return func(width int) [][]widget.Seg {
		widths := columns(cells, width-1)
		var out [][]widget.Seg
		for i, row := range cells {
			out = append(out, tableRow(p, row, widths, right, headed && i == 0)...)
		}
		return out
	}
}

// split takes a row apart at the bars that are not escaped.
func split(s string) []string {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "|"), "|")
	var out []string
	from := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '|':
			out = append(out, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}

// columns is how wide each is.
func columns(cells [][]string, width int) []int {
	var out []int
	for _, row := range cells {
		for j, c := range row {
			if j == len(out) {
				out = append(out, 0)
			}
			out[j] = max(out[j], widget.Width(c))
		}
	}
	for {
		sum, widest := 2*max(len(out)-1, 0), 0
		for j, w := range out {
			sum += w
			if w > out[widest] {
				widest = j
			}
		}
		if sum <= width || out[widest] <= tooFew {
			return out
		}
		out[widest]--
	}
}

func tableRow(p widget.Pen, row []string, widths []int, right []bool, header bool) [][]widget.Seg {
	wrapped := make([][]string, len(row))
	height := 1
	for j, c := range row {
		wrapped[j] = widget.Wrap(c, max(widths[j], 1))
		height = max(height, len(wrapped[j]))
	}
	out := make([][]widget.Seg, height)
	for y := range out {
		out[y] = []widget.Seg{seg(themes.Text, " ")}
		for j := range row {
			text := ""
			if y < len(wrapped[j]) {
				text = wrapped[j][y]
			}
			if j < len(right) && right[j] {
				text = p.Right(text, widths[j])
			} else {
				text = p.Left(text, widths[j])
			}
			out[y] = append(out[y], seg(cellRole(p, row, j, header), text), seg(themes.Text, "  "))
		}
	}
	return out
}

// cellRole is by what a cell begins with; the first of two columns names the second.
func cellRole(p widget.Pen, row []string, j int, header bool) themes.Role {
	switch c := row[j]; {
	case header || j == 0 && len(row) == 2:
		return themes.Muted
	case strings.HasPrefix(c, p.Glyph(widget.Passed)+" "):
		return themes.OK
	case strings.HasPrefix(c, p.Glyph(widget.Failed)+" "):
		return themes.Failed
	}
	return themes.Text
}
