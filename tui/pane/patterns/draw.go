package patterns

import (
	"fmt"
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

func (p *Pane) draw(ctx pane.Context) []string {
	pen := ctx.Pen()
	if len(p.rows) == 0 {
		return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: "No log patterns in this window."},
			widget.Seg{Role: themes.Muted, Text: "Lines that one statement wrote are put together here, as soon as log lines come."})
	}
	width := ctx.Width - 1
	t := widget.NewTable(width-6, widget.Column{Title: "lines", Width: 6, Right: true}, widget.Column{Title: "in the window", Width: 16, Drop: 3},
		widget.Column{Title: "levels", Width: 11, Drop: 2}, widget.Column{Title: "service", Width: 12, Drop: 1}, widget.Column{Title: "pattern", Min: 26})
	at, height := p.locate(ctx), p.height(ctx)
	var rows []string
	if ctx.Height >= 4 {
		rows = append(rows, pen.Row(ctx.Width, append([]widget.Seg{{Role: themes.Muted, Text: "      "}}, t.Header(pen)...)...))
	}
	for i := p.list.Top; i < min(p.list.Top+height, len(p.rows)); i++ {
		row := p.row(pen, ctx, t, &p.rows[i], i == at, width)
		rows = append(rows, row+pen.Row(1, pen.ScrollMark(i-p.list.Top, height, p.list.Top, len(p.rows))))
	}
	if ctx.Height >= 8 {
		for len(rows) < ctx.Height-2 {
			rows = append(rows, pen.Blank(ctx.Width))
		}
		rows = append(rows, p.suchAs(pen, ctx, &p.rows[at])...)
	}
	return pen.Page(rows, ctx.Width, ctx.Height)
}

func (p *Pane) row(pen widget.Pen, ctx pane.Context, t widget.Table, x *signal.LogPattern, at bool, width int) string {
	cursor, fresh := " ", "    "
	if at {
		cursor = pen.Glyph(widget.Cursor)
	}
	if x.New {
		fresh = "NEW "
	}
	glyph, role := widget.LevelGlyph(worst(x))
	body := themes.Text
	if role == themes.Failed {
		body = role
	}
	segs := []widget.Seg{{Role: themes.Accent, Text: cursor}, {Role: themes.Fault, Text: fresh}, {Role: role, Text: pen.Glyph(glyph)}}
	segs = append(segs, t.Segs(pen, widget.Seg{Role: themes.Text, Text: widget.Count(x.Count)}, widget.Seg{Role: themes.Muted, Text: pen.Spark(widget.Squash(x.Spark, t.ColumnWidth(1)), max(t.ColumnWidth(1), 1))},
		widget.Seg{Role: role, Text: levels(x)}, widget.Seg{Role: pen.Service(x.Service), Text: x.Service}, widget.Seg{})...)
	segs = segs[:len(segs)-1] // the pattern is not padded
	return pen.Line(at && ctx.Active, width, masks(segs, x.Text, body)...)
}

// masks appends a pattern with its masks muted, so that what it says stands out.
func masks(segs []widget.Seg, text string, role themes.Role) []widget.Seg {
	for text != "" {
		i := strings.IndexByte(text, '<')
		z := -1
		if i >= 0 {
			z = strings.IndexByte(text[i:], '>')
		}
		if z < 0 {
			return append(segs, widget.Seg{Role: role, Text: text})
		}
		if i > 0 {
			segs = append(segs, widget.Seg{Role: role, Text: text[:i]})
		}
		segs = append(segs, widget.Seg{Role: themes.Muted, Text: text[i : i+z+1]})
		text = text[i+z+1:]
	}
	return segs
}

// levels is the mix of levels: the one level there is, or the shares of the two most frequent.
func levels(x *signal.LogPattern) string {
	first, second := -1, -1
	for r, n := range x.Levels {
		switch {
		case n == 0:
		case first < 0 || n > x.Levels[first]:
			first, second = r, first
		case second < 0 || n > x.Levels[second]:
			second = r
		}
	}
	name := func(r int) string { return signal.Severity(max(4*(r-1)+1, 0)).String() }
	switch {
	case first < 0:
		return ""
	case second < 0:
		return name(first)
	}
	share := func(r int) string {
		return fmt.Sprintf("%s %.0f%%", short(name(r)), 100*float64(x.Levels[r])/float64(x.Total))
	}
	return share(first) + " " + share(second)
}

// short is a level's first letter.
func short(name string) string { return name[:1] }

// suchAs is one line of the pattern under the cursor, below the list.
func (p *Pane) suchAs(pen widget.Pen, ctx pane.Context, x *signal.LogPattern) []string {
	rule := strings.Repeat(pen.Glyph(widget.Rule), ctx.Width)
	r := p.example(ctx, x)
	if r == nil {
		text := " looking for a line of this time"
		if s := ctx.Frame.Such; s != nil && s.Filter == x.Filter {
			text = " no line of it is held of this time"
		}
		return []string{pen.Row(ctx.Width, widget.Seg{Role: themes.Border, Text: rule}), pen.Row(ctx.Width, widget.Seg{Role: themes.Muted, Text: text})}
	}
	segs := []widget.Seg{{Role: themes.Muted, Text: " such as "}, {Role: themes.Muted, Text: r.Time.In(ctx.Frame.Now.Location()).Format("15:04:05.000") + " "}, {Role: themes.Text, Text: r.Body}}
	return []string{pen.Row(ctx.Width, widget.Seg{Role: themes.Border, Text: rule}), pen.Row(ctx.Width, segs...)}
}
