// Package board is the pane of dashboards: panels drawn by their kind, variables that can be changed, and a prompt for PromQL
// whose answer is a chart at once. It draws what the frame has, and wishes for the panels that are on the screen.
package board

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// Pane shows one dashboard. Make it with New; it is not safe for concurrent use.
type Pane struct {
	name     string              // of the dashboard; "" is the first
	chosen   map[string][]string // by the dashboard's name and the variable's, see chosenKey
	query    string              // asked at once
	typed    string              // what stands in the prompt for it
	filter   string
	selected int  // the panel under the cursor, by its ID; queryID is the query's
	large    bool // that panel alone
	series   int  // the cursor in a large panel's legend
	hidden   map[string]bool
	logs     map[string]bool    // panels whose axis was turned, by name
	good     *signal.BoardPanel // the query's panel when it was answered last; nil before
	picked   pick
	charts   map[int]*widget.Chart
	places   []place
	top      int // the first row of the dashboard on the screen
	from, to int // the panels that the last drawing had on the screen
	memo     widget.Memo[key]
	rev      int
}

type key struct {
	ctx pane.Context
	rev int
}

// pick is the exemplar under the cursor.
type pick struct {
	on bool
	id signal.TraceID
	t  int64
}

// place is where a panel was drawn.
type place struct{ id, x, y, w, h int }

const (
	queryID   = -1
	firstLook = 12 // panels asked for before anything was drawn
)

// New makes the pane.
func New() *Pane {
	return &Pane{chosen: map[string][]string{}, hidden: map[string]bool{}, logs: map[string]bool{}, charts: map[int]*widget.Chart{}, to: firstLook}
}

// ID implements pane.Pane.
func (p *Pane) ID() string { return "dashboard" }

// Title implements pane.Pane.
func (p *Pane) Title(ctx pane.Context) string {
	b := boardOf(ctx)
	if b == nil || b.Title == "" {
		return "dashboards"
	}
	t := "dashboard " + b.Title
	shown := p.panels(ctx)
	if p.filter != "" {
		t += fmt.Sprintf(" /%s %d of %d", p.filter, len(shown), len(b.Panels))
	} else if at := p.index(shown); p.large && at >= 0 {
		t += fmt.Sprintf(" %d of %d", at+1, len(shown))
	}
	return t
}

func boardOf(ctx pane.Context) *signal.Board {
	if ctx.Frame == nil {
		return nil
	}
	return ctx.Frame.Board
}

// Want implements pane.Pane: what is off the screen wants nothing; see WantShown.
func (p *Pane) Want(*signal.View) {}

// WantShown implements pane.Shown.
func (p *Pane) WantShown(v *signal.View) {
	v.Board = signal.BoardView{Wanted: true, Name: p.name, Chosen: signal.Choices(p.chosenNow()), From: p.from, To: p.to, Query: p.query, Typed: p.typed}
}

// chosenNow are the chosen values of the dashboard on the screen, nil when there are none.
func (p *Pane) chosenNow() map[string][]string {
	var out map[string][]string
	for k, v := range p.chosen {
		if name, variable, _ := strings.Cut(k, "\x00"); name == p.name {
			if out == nil {
				out = map[string][]string{}
			}
			out[variable] = v
		}
	}
	return out
}

func (p *Pane) choose(variable string, values []string) {
	p.chosen = maps.Clone(p.chosen) // a view may still hold the slices, never the map
	p.chosen[p.name+"\x00"+variable] = values
	p.picked = pick{}
}

// Filter implements pane.Filterer.
func (p *Pane) Filter() string { return p.filter }

// FilterHelp implements pane.Filterer.
func (p *Pane) FilterHelp() string {
	return "words that the panel's name, row or query contains, -word for those it must not"
}

// CheckFilter implements pane.Filterer: any words will do.
func (p *Pane) CheckFilter(string) error { return nil }

// panels are those that the filter admits, the query's first.
func (p *Pane) panels(ctx pane.Context) []*signal.BoardPanel {
	b := boardOf(ctx)
	if b == nil {
		return nil
	}
	var out []*signal.BoardPanel
	if b.Query != nil && p.query != "" {
		out = append(out, p.preview(b.Query))
	}
	row := ""
	for i := range b.Panels {
		panel := &b.Panels[i]
		if panel.NewRow {
			row = panel.Row
		}
		if admits(p.filter, row+" "+panel.Title+" "+panel.Query) {
			out = append(out, panel)
		}
	}
	return out
}

// preview is the query's panel. While it is typed and is none for the moment, as after an opening bracket, the last picture stays, with
// what is still wrong: a chart that comes and goes with every key cannot be looked at.
func (p *Pane) preview(q *signal.BoardPanel) *signal.BoardPanel {
	if len(q.Series) > 0 && q.Err == "" {
		p.good = q
	}
	if p.typed == "" || p.good == nil || len(q.Series) > 0 || !q.Failed {
		return q
	}
	last, reason := *p.good, q.Err
	if i := strings.LastIndex(reason, `": `); i >= 0 { // behind the query, which stands in the prompt
		reason = reason[i+3:]
	}
	last.Query, last.Err = q.Query, "as it was before: "+reason
	return &last
}

func admits(filter, text string) bool {
	text = strings.ToLower(text)
	for _, w := range strings.Fields(strings.ToLower(filter)) {
		not, cut := strings.CutPrefix(w, "-")
		if cut && not != "" && strings.Contains(text, not) || !cut && !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// index is where the panel under the cursor is; 0 when it is gone, -1 when there are none.
func (p *Pane) index(panels []*signal.BoardPanel) int {
	for i := range panels {
		if panels[i].ID == p.selected {
			return i
		}
	}
	if len(panels) == 0 {
		return -1
	}
	return 0
}

func (p *Pane) current(ctx pane.Context) *signal.BoardPanel {
	panels := p.panels(ctx)
	if i := p.index(panels); i >= 0 {
		return panels[i]
	}
	return nil
}

// Keys implements pane.Pane.
func (p *Pane) Keys(ctx pane.Context) []keymap.Action {
	var keys []keymap.Action
	b, cur := boardOf(ctx), p.current(ctx)
	if p.large || p.picked.on {
		keys = append(keys, p.closeKeys(cur)...)
	}
	keys = append(keys, keymap.Ask)
	if b != nil && len(b.Vars) > 0 {
		keys = append(keys, keymap.Variables)
	}
	if b != nil && len(b.All) > 1 {
		keys = append(keys, keymap.Dashboards)
	}
	if cur == nil {
		return append(keys, keymap.Filter)
	}
	keys = append(keys, keymap.Open)
	if p.charted(cur) && !p.large {
		keys = append(keys, keymap.LogAxis)
		if len(p.exemplarsOf(cur)) > 0 {
			keys = append(keys, keymap.Exemplars)
		}
	}
	if p.query != "" && !slices.Contains(keys, keymap.Leave) {
		keys = append(keys, keymap.Leave)
	}
	return append(keys, keymap.Down, keymap.Up, keymap.Filter, keymap.Copy, keymap.CopyRow)
}

// closeKeys are those that work in a panel that is open, or on an exemplar: what one has gone there for stands first in the footer.
func (p *Pane) closeKeys(cur *signal.BoardPanel) (keys []keymap.Action) {
	if p.picked.on {
		keys = append(keys, keymap.Open, keymap.FocusIt, keymap.Leave, keymap.Left, keymap.Right)
	} else {
		keys = append(keys, keymap.Leave)
	}
	if !p.large || cur == nil || !p.charted(cur) {
		return keys
	}
	if len(cur.Series) > 1 {
		keys = append(keys, keymap.OneSeries, keymap.OnlySeries)
	}
	keys = append(keys, keymap.LogAxis)
	if len(p.exemplarsOf(cur)) > 0 {
		keys = append(keys, keymap.Exemplars)
	}
	return keys
}

// View implements pane.Pane.
func (p *Pane) View(ctx pane.Context) []string {
	return p.memo.Rows(key{ctx, p.rev}, func() []string { return p.draw(ctx) })
}

func (p *Pane) draw(ctx pane.Context) []string {
	pen := widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}
	p.places = p.places[:0]
	b := boardOf(ctx)
	if b == nil {
		return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Muted, Text: "The dashboard is being evaluated."})
	}
	panels := p.panels(ctx)
	if len(panels) == 0 {
		return p.nothing(pen, ctx, b)
	}
	var rows []string
	if line, ok := p.variableLine(pen, ctx, b); ok && ctx.Height > 6 {
		rows = append(rows, line)
	}
	height := ctx.Height - len(rows)
	if p.large {
		cur := panels[p.index(panels)]
		p.from, p.to = max(cur.ID, 0), cur.ID+1
		return pen.Page(append(rows, p.alone(pen, ctx, cur, len(rows), height)...), ctx.Width, ctx.Height)
	}
	return pen.Page(append(rows, p.grid(pen, ctx, panels, len(rows), height)...), ctx.Width, ctx.Height)
}

func (p *Pane) nothing(pen widget.Pen, ctx pane.Context, b *signal.Board) []string {
	say := func(first, second string) []string {
		return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: first}, widget.Seg{Role: themes.Muted, Text: second})
	}
	switch {
	case p.filter != "":
		return say(fmt.Sprintf("No panel matches %q.", p.filter), "Change the filter, or leave it, and the panels come back.")
	case len(b.All) == 0:
		return say("No dashboard is configured.", "Name files below dashboards: in gameday.yaml, gameday's own or Grafana's JSON; or ask PromQL here at once.")
	}
	return say("This dashboard has no panels.", "Pick another one.")
}

// variableLine is the line of variables with what is chosen.
func (p *Pane) variableLine(pen widget.Pen, ctx pane.Context, b *signal.Board) (string, bool) {
	var segs []widget.Seg
	for i := range b.Vars {
		v := &b.Vars[i]
		if v.Hidden {
			continue
		}
		segs = append(segs, widget.Seg{Role: themes.Muted, Text: "  " + v.Label + " "})
		switch {
		case v.Err != "" && len(v.Options) == 0:
			segs = append(segs, widget.Seg{Role: themes.Failed, Text: pen.Glyph(widget.Failed) + " " + pen.Fit(v.Err, 60)})
		default:
			segs = append(segs, widget.Seg{Role: themes.Accent, Text: pen.Fit(chosenText(v), 40)})
		}
	}
	return pen.Row(ctx.Width, segs...), len(segs) > 0
}

// chosenText is what is chosen, in words.
func chosenText(v *signal.BoardVar) string {
	if len(v.Chosen) == 0 {
		return "none"
	}
	var out []string
	for _, c := range v.Chosen {
		text := c
		if c == all {
			text = "All"
		}
		for _, o := range v.Options {
			if o.Value == c {
				text = o.Text
			}
		}
		if text == "" {
			text = "empty"
		}
		out = append(out, text)
	}
	return strings.Join(out, " + ")
}

// all is the value that stands for every one; see signal.BoardVar.
const all = "$__all"

var _ interface {
	pane.Pane
	pane.Filterer
	pane.Shown
} = (*Pane)(nil)
