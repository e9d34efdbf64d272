// Package metrics is the pane of charts: one per panel of the frame, with faults drawn as bands across time and
// exemplars that lead to the request behind a number.
package metrics

import (
	"fmt"
	"sort"
	"strings"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// Pane draws a grid of charts. Make it with New; it is not safe for concurrent use.
type Pane struct {
	filter   string
	selected string // title of the panel under the cursor
	large    bool   // that panel alone
	picked   pick
	charts   map[string]*widget.Chart
	places   []place // where the last drawing put what
	memo     widget.Memo[key]
	rev      int
}

type key struct {
	ctx pane.Context
	rev int
}

// pick is the exemplar under the cursor: by what it is, since its place in the list changes with every frame.
type pick struct {
	on bool
	id signal.TraceID
	t  int64
}

// place is the area of one chart on the screen.
type place struct {
	title      string
	x, y, w, h int
}

// New makes the pane.
func New() *Pane { return &Pane{charts: make(map[string]*widget.Chart)} }

// ID implements pane.Pane.
func (p *Pane) ID() string { return "metrics" }

// Title implements pane.Pane.
func (p *Pane) Title(ctx pane.Context) string {
	shown, all := p.panels(ctx), panelsOf(ctx)
	t := "metrics"
	switch {
	case p.filter != "":
		t += fmt.Sprintf(" /%s %d of %d", p.filter, len(shown), len(all))
	case p.large:
		t += fmt.Sprintf(" %d of %d", p.index(shown)+1, len(shown))
	case len(shown) > p.screen(ctx, len(shown)):
		n := p.screen(ctx, len(shown))
		first := p.index(shown) / n * n
		if n == 1 {
			return t + fmt.Sprintf(" %d of %d", first+1, len(shown))
		}
		t += fmt.Sprintf(" %d-%d of %d", first+1, min(first+n, len(shown)), len(shown))
	}
	return t
}

// Want implements pane.Pane: charts need nothing but the window.
func (p *Pane) Want(*signal.View) {}

// Filter implements pane.Filterer.
func (p *Pane) Filter() string { return p.filter }

// FilterHelp implements pane.Filterer.
func (p *Pane) FilterHelp() string {
	return "words in the chart's name or query, -word for not"
}

// CheckFilter implements pane.Filterer: any words will do.
func (p *Pane) CheckFilter(string) error { return nil }

// Keys implements pane.Pane.
func (p *Pane) Keys(ctx pane.Context) []keymap.Action {
	panels := p.panels(ctx)
	if len(panels) == 0 {
		return []keymap.Action{keymap.Filter}
	}
	keys := []keymap.Action{keymap.Open}
	if len(exemplars(panels[p.index(panels)])) > 0 {
		if p.picked.on {
			keys = append(keys, keymap.FocusIt, keymap.Left, keymap.Right, keymap.Exemplars, keymap.Copy)
		} else {
			keys = append(keys, keymap.Exemplars)
		}
	}
	if p.large || p.picked.on {
		keys = append(keys, keymap.Leave)
	}
	if len(panels) > 1 {
		keys = append(keys, keymap.Down, keymap.Up)
	}
	return append(keys, keymap.Filter, keymap.CopyRow)
}

func panelsOf(ctx pane.Context) []signal.Panel {
	if ctx.Frame == nil {
		return nil
	}
	return ctx.Frame.Metrics
}

// panels are those that the filter admits.
func (p *Pane) panels(ctx pane.Context) []signal.Panel {
	all := panelsOf(ctx)
	words := strings.Fields(strings.ToLower(p.filter))
	if len(words) == 0 {
		return all
	}
	var out []signal.Panel
	for _, panel := range all {
		text := strings.ToLower(panel.Title + " " + panel.Query)
		ok := true
		for _, w := range words {
			if not, cut := strings.CutPrefix(w, "-"); cut && not != "" {
				ok = ok && !strings.Contains(text, not)
			} else {
				ok = ok && strings.Contains(text, w)
			}
		}
		if ok {
			out = append(out, panel)
		}
	}
	return out
}

// index is where the selected panel is, 0 when it is gone.
func (p *Pane) index(panels []signal.Panel) int {
	for i := range panels {
		if panels[i].Title == p.selected {
			return i
		}
	}
	return 0
}

// exemplars are all of a panel's, by time.
func exemplars(panel signal.Panel) []signal.Exemplar {
	var out []signal.Exemplar
	for _, s := range panel.Series {
		out = append(out, s.Exemplars...)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].T.Before(out[j].T) })
	return out
}

// pickedIn is the index of the picked exemplar, -1 when there is none or it has left the window.
func (p *Pane) pickedIn(list []signal.Exemplar) int {
	if !p.picked.on {
		return -1
	}
	for i, e := range list {
		if e.TraceID == p.picked.id && e.T.UnixNano() == p.picked.t {
			return i
		}
	}
	return -1
}

func (p *Pane) pick(e signal.Exemplar) {
	p.picked = pick{on: true, id: e.TraceID, t: e.T.UnixNano()}
}

// View implements pane.Pane.
func (p *Pane) View(ctx pane.Context) []string {
	return p.memo.Rows(key{ctx, p.rev}, func() []string { return p.draw(ctx) })
}

func (p *Pane) draw(ctx pane.Context) []string {
	pen := widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}
	p.places = p.places[:0]
	panels := p.panels(ctx)
	if len(panels) == 0 {
		if p.filter != "" {
			return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: "No chart matches \"" + p.filter + "\"."},
				widget.Seg{Role: themes.Muted, Text: "Press / to change the filter, esc to drop it."})
		}
		return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: "No metrics yet."},
			widget.Seg{Role: themes.Muted, Text: "Charts appear with the first scrape of a service. If this stays, look at the sources in the header: one of them may be down."})
	}
	at := p.index(panels)
	if p.large {
		return p.chart(pen, ctx, panels[at], true, 0, 0, ctx.Width, ctx.Height)
	}
	n := p.screen(ctx, len(panels))
	first := at / n * n
	page := panels[first:min(first+n, len(panels))]
	cols, _ := grid(ctx.Width, ctx.Height, len(panels))
	lines := (len(page) + cols - 1) / cols
	rows := make([]string, 0, ctx.Height)
	for line := range lines {
		h := share(ctx.Height, lines, line)
		rows = append(rows, p.line(pen, ctx, page[line*cols:min((line+1)*cols, len(page))], cols, len(rows), h, at-first-line*cols)...)
	}
	return pen.Page(rows, ctx.Width, ctx.Height)
}

// line draws charts side by side; selected is the index of the one under the cursor, if it is among them.
func (p *Pane) line(pen widget.Pen, ctx pane.Context, panels []signal.Panel, cols, y, h, selected int) []string {
	const gap = 2
	rows := make([]string, h)
	x := 0
	for i := range cols {
		w := share(ctx.Width-gap*(cols-1), cols, i)
		var part []string
		if i < len(panels) {
			part = p.chart(pen, ctx, panels[i], i == selected, x, y, w, h)
		} else {
			part = pen.Page(nil, w, h)
		}
		for r := range rows {
			if i > 0 {
				rows[r] += pen.Blank(gap)
			}
			rows[r] += part[r]
		}
		x += w + gap
	}
	return rows
}

func (p *Pane) chart(pen widget.Pen, ctx pane.Context, panel signal.Panel, selected bool, x, y, w, h int) []string {
	c := p.charts[panel.Title]
	if c == nil {
		if len(p.charts) > 64 { // panels that came and went
			clear(p.charts)
		}
		c = &widget.Chart{}
		p.charts[panel.Title] = c
	}
	p.places = append(p.places, place{panel.Title, x, y, w, h})
	d := widget.ChartData{Panel: panel, Window: ctx.Frame.Window, Bands: Bands(ctx.Frame), Exemplars: exemplars(panel), Picked: -1,
		Selected: selected && ctx.Active}
	if note := panel.Note(ctx.Frame.Now.Location()); note != "" {
		d.Note, d.Panel.Err = note, ""
	}
	if f := ctx.Frame; f.Focus != "" && f.Detail != nil && string(f.Focus) == f.Detail.ID.String() {
		d.Mark = f.Detail.Start
	}
	if selected {
		if i := p.pickedIn(d.Exemplars); i >= 0 {
			e := d.Exemplars[i]
			d.Picked, d.Mark = i, e.T
			d.Note = fmt.Sprintf("%s %s  %s  enter: trace %s", pen.Glyph(widget.ExemplarPicked),
				e.T.In(ctx.Frame.Now.Location()).Format("15:04:05"), widget.Value(e.V, panel.Unit), e.TraceID.Short())
		}
	}
	return c.Rows(pen, d, w, h)
}

// Bands are the frame's faults as charts show them, by start.
func Bands(f *signal.Frame) []widget.Band {
	var out []widget.Band
	for _, e := range f.Events {
		if e.Kind != signal.EventFault || (e.End.IsZero() && !e.Open) {
			continue
		}
		b := widget.Band{From: e.Start, To: e.End, Label: e.Title}
		if e.Open {
			b.To = f.Window.To
		}
		if b.To.Before(f.Window.From) || b.From.After(f.Window.To) {
			continue
		}
		out = append(out, b)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].From.Before(out[j].From) })
	return out
}

// grid is how many charts fit side by side and below each other.
func grid(width, height, n int) (cols, lines int) {
	cols = max(1, min((width+2)/44, 4))
	lines = max(1, height/7)
	if height >= 18 {
		lines = height / 9
	}
	for cols > 1 && lines*(cols-1) >= n { // fewer, wider charts when they all fit anyway
		cols--
	}
	return cols, max(1, min(lines, (n+cols-1)/cols))
}

// screen is how many charts one screen holds.
func (p *Pane) screen(ctx pane.Context, n int) int {
	cols, lines := grid(ctx.Width, ctx.Height, n)
	return cols * lines
}

// share is the size of part i when total is dealt out to n parts.
func share(total, n, i int) int {
	size := total / n
	if i < total%n {
		size++
	}
	return size
}

var _ interface {
	pane.Pane
	pane.Filterer
} = (*Pane)(nil)
