package logs

import (
	"fmt"
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// rowKey is what a line's row depends on besides the filter, which empties the cache.
type rowKey struct {
	seq   uint64
	theme *themes.Theme
	width int
	mark  uint8 // 0 none, 1 cursor, 2 cursor in the active pane
	ascii bool
	near  bool
	first bool // the line that the others stand around
}

// maxRows bounds the cache of rows: a few screens.
const maxRows = 512

func (p *Pane) draw(ctx pane.Context) []string {
	pen := ctx.Pen()
	if p.open != nil {
		return p.drawDetail(pen, ctx)
	}
	lines := p.locate(ctx, ctx.Height)
	if len(lines) == 0 {
		return p.empty(pen, ctx)
	}
	rows := make([]string, 0, ctx.Height)
	last := min(p.list.Top+ctx.Height, len(lines))
	top, of := p.where(ctx, lines)
	for i := p.list.Top; i < last; i++ {
		row := p.row(pen, ctx, &lines[i], i == p.list.Cursor)
		rows = append(rows, row+pen.Row(1, pen.ScrollMark(len(rows), ctx.Height, top, of)))
	}
	return pen.Page(rows, ctx.Width, ctx.Height)
}

func (p *Pane) empty(pen widget.Pen, ctx pane.Context) []string {
	what, hint := "No log lines yet.", "They appear as soon as a service exports logs over OTLP"+ctx.Receiver()+", or a source tells of some. Load makes services talk: press l to start some."
	switch {
	case p.filter != "":
		what, hint = "No line in this window matches: "+p.filter, "Press / to change the filter, esc to drop it."
	case levels[p.level] != signal.SeverityUnset:
		what, hint = fmt.Sprintf("No line of level %s or above in this window.", levels[p.level]), "Press v to show other levels."
	case ctx.Frame != nil && ctx.Frame.Focus != "":
		what, hint = fmt.Sprintf("No line carries %s in this window.", ctx.Frame.Focus.Short()), "Press esc to leave the focus, ] for a longer window."
	}
	return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: what}, widget.Seg{Role: themes.Muted, Text: hint})
}

func (p *Pane) row(pen widget.Pen, ctx pane.Context, r *signal.Record, at bool) string {
	mark := uint8(0)
	if at {
		mark = 1
		if ctx.Active {
			mark = 2
		}
	}
	k := rowKey{r.Seq, ctx.Theme, ctx.Width, mark, ctx.ASCII, r.Near, p.anchor != nil && p.anchor.Seq == r.Seq}
	if r.Seq != 0 {
		if row, ok := p.rows[k]; ok {
			return row
		}
		if len(p.rows) >= maxRows {
			clear(p.rows)
		}
	}
	row := p.build(pen, ctx, r, mark)
	if r.Seq != 0 {
		p.rows[k] = row
	}
	return row
}

func (p *Pane) build(pen widget.Pen, ctx pane.Context, r *signal.Record, mark uint8) string {
	width := ctx.Width - 1
	clock := "15:04:05.000"
	service := 12
	switch {
	case width < 50:
		clock, service = "05.000", 8
	case width < 80:
		clock, service = "15:04:05", 10
	}
	glyph, role := widget.LevelGlyph(r.Severity)
	cursor := " "
	if mark > 0 {
		cursor = pen.Glyph(widget.Cursor)
	}
	segs := []widget.Seg{
		{Role: themes.Accent, Text: cursor},
		{Role: themes.Muted, Text: r.Time.In(ctx.Frame.Now.Location()).Format(clock) + " "},
		{Role: role, Text: pen.Glyph(glyph) + " " + pen.Left(r.Severity.String(), 5) + " "},
		{Role: pen.Service(r.Service), Text: pen.Left(pen.Name(r.Service, service), service) + " "},
	}
	body := themes.Text
	if role == themes.Failed || role == themes.Muted {
		body = role
	}
	if r.Near { // it may belong to the focus, or not
		segs = append(segs, widget.Seg{Role: themes.Muted, Text: pen.Glyph(widget.Near) + "near "})
		body = themes.Muted
	}
	if p.anchor != nil && p.anchor.Seq == r.Seq {
		segs = append(segs, widget.Seg{Role: themes.Focus, Text: pen.Glyph(widget.FocusMark) + " "})
	}
	segs = highlight(segs, r.Body, p.marked, body)
	segs = p.attrs(pen, segs, r, width)
	return pen.Line(mark == 2, width, segs...)
}

// attrs appends the attributes, as far as there is room for them: they are cut, the body comes first.
func (p *Pane) attrs(pen widget.Pen, segs []widget.Seg, r *signal.Record, width int) []widget.Seg {
	used := 0
	for _, s := range segs {
		used += widget.Width(s.Text)
	}
	for i, a := range r.Attrs {
		text := "  " + a.Key + "=" + a.Value
		w := widget.Width(text)
		more := 0
		if i+1 < len(r.Attrs) {
			more = 2 // for the mark
		}
		if used+w+more > width { // the detail has it
			if used+2 <= width {
				segs = append(segs, widget.Seg{Role: themes.Muted, Text: " " + pen.Glyph(widget.Ellipsis)})
			}
			break
		}
		used += w
		segs = highlight(segs, text, p.marked, themes.Muted)
	}
	return segs
}

// highlight appends text in role, with what the filter's words match in the role of a match.
func highlight(segs []widget.Seg, text string, words []string, role themes.Role) []widget.Seg {
	for text != "" {
		at, n := -1, 0
		for _, w := range words {
			if i := indexFold(text, w); i >= 0 && (at < 0 || i < at || i == at && len(w) > n) {
				at, n = i, len(w)
			}
		}
		if at < 0 || n == 0 {
			break
		}
		if at > 0 {
			segs = append(segs, widget.Seg{Role: role, Text: text[:at]})
		}
		segs = append(segs, widget.Seg{Role: themes.Match, Text: text[at : at+n]})
		text = text[at+n:]
	}
	if text != "" {
		segs = append(segs, widget.Seg{Role: role, Text: text})
	}
	return segs
}

// indexFold finds word in s, taking ASCII letters of either case as the same; the index is in bytes of s.
func indexFold(s, word string) int {
	if word == "" {
		return -1
	}
	for i := 0; i+len(word) <= len(s); i++ {
		if lower(s[i]) != lower(word[0]) {
			continue
		}
		if strings.EqualFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
