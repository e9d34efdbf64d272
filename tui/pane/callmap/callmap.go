// Package callmap is the pane of the service map: who calls whom, with rate, failures and durations of every call, and faults
// on the calls and services that they act on. Where there is room it is a graph, layered by how many calls away from the outside
// a service is; else it is a table of the same calls.
package callmap

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/layout"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// calmEvery is the shortest time between two changes of the figures.
const calmEvery = time.Second

// spot is what the cursor stands on: a call, or a service when call is false.
type spot struct {
	call     bool
	from, to string // to is the service
}

// spotOf is the call's.
func spotOf(c *signal.MapCall) spot { return spot{true, c.From, c.To} }

// Pane draws the map. Make it with New; it is not safe for concurrent use.
type Pane struct {
	m      *signal.ServiceMap
	calm   widget.Calm
	filter string
	plan   *plan
	laid   laid // what the plan was made for
	at     spot
	placed bool // the cursor was put somewhere
	table  bool // a table also where there is room for a graph
	order  order
	list   widget.List          // of the table
	left   int                  // the first layer on the screen
	top    int                  // the first row on the screen
	areas  map[spot]layout.Rect // where everything was drawn last, for the mouse

	open bool // the calls under the cursor are shown one by one
	rows widget.List

	memo widget.Memo[key]
	rev  int
}

// laid is a map and what of it is shown.
type laid struct {
	m      *signal.ServiceMap
	filter string
}

// key is all that a drawing depends on.
type key struct {
	theme         *themes.Theme
	width, height int
	active, ascii bool
	m             *signal.ServiceMap
	faults        string
	none          string
	rev           int
}

// New makes the pane.
func New() *Pane { return &Pane{} }

// ID implements pane.Pane.
func (p *Pane) ID() string { return "map" }

// Title implements pane.Pane.
func (p *Pane) Title(ctx pane.Context) string {
	p.take(ctx)
	t := "map"
	if p.filter != "" {
		t += " /" + p.filter
	}
	if p.m == nil {
		return t
	}
	if p.open {
		return t + " " + p.name(ctx, p.at)
	}
	told := 0
	for i := range p.m.Services {
		if p.m.Services[i].Kind != signal.MapOutside {
			told++
		}
	}
	t += fmt.Sprintf(" %d services", told)
	if p.m.More > 0 {
		t += fmt.Sprintf(" and %d more that are called less", p.m.More)
	}
	t += fmt.Sprintf(", %s requests", widget.Count(uint64(p.m.Requests)))
	if p.m.Left > 0 {
		t += fmt.Sprintf(", %s older spans not counted", widget.Count(uint64(p.m.Left)))
	}
	return t
}

// Want implements pane.Pane.
func (p *Pane) Want(*signal.View) {}

// WantShown implements pane.Shown: counting costs something.
func (p *Pane) WantShown(v *signal.View) { v.Map = true }

// Filter implements pane.Filterer.
func (p *Pane) Filter() string { return p.filter }

// FilterHelp implements pane.Filterer.
func (p *Pane) FilterHelp() string { return "words in the name of the caller or of whom it calls" }

// CheckFilter implements pane.Filterer.
func (p *Pane) CheckFilter(string) error { return nil }

// shown reports whether the filter admits a call: each of its words is in one of the two names.
func (p *Pane) shown(c *signal.MapCall) bool {
	for _, w := range strings.Fields(strings.ToLower(p.filter)) {
		if !strings.Contains(strings.ToLower(c.From), w) && !strings.Contains(strings.ToLower(c.To), w) {
			return false
		}
	}
	return true
}

// take takes the frame's map, at most once a second while live; faults are always those of the frame.
func (p *Pane) take(ctx pane.Context) {
	if ctx.Frame == nil || ctx.Frame.Map == nil {
		return
	}
	if p.calm.Take(ctx.Frame, calmEvery) || p.m == nil {
		p.m = ctx.Frame.Map
	}
	if p.plan != nil && p.laid == (laid{p.m, p.filter}) {
		return
	}
	p.laid = laid{p.m, p.filter}
	if sig := signature(p.m, p.shown); p.plan == nil || p.plan.sig != sig {
		p.plan = lay(p.m, p.shown, p.filter == "", sig)
	}
	p.settle()
}

// settle keeps the cursor on something that is there: at first on the call that is worst.
func (p *Pane) settle() {
	if p.placed && p.find(p.at) {
		return
	}
	p.placed, p.open = false, false
	pick := -1
	for i := range p.m.Calls {
		if p.shown(&p.m.Calls[i]) && (pick < 0 || i == p.m.Worst) {
			pick = i
		}
	}
	switch {
	case pick >= 0:
		p.at, p.placed = spotOf(&p.m.Calls[pick]), true
	case len(p.plan.vertices) > 0:
		p.at, p.placed = spot{to: p.plan.vertices[0].name}, true
	default:
		p.at = spot{}
	}
}

// find reports whether a spot is on the map.
func (p *Pane) find(s spot) bool {
	if s.call {
		i := p.call(s)
		return i >= 0 && p.shown(&p.m.Calls[i])
	}
	_, ok := p.plan.byName[s.to]
	return ok
}

// call is the index of the call under a spot, -1 for none.
func (p *Pane) call(s spot) int {
	for i := range p.m.Calls {
		if c := &p.m.Calls[i]; s.call && c.From == s.from && c.To == s.to {
			return i
		}
	}
	return -1
}

// faults are those of the frame that stand on a spot.
func faults(ctx pane.Context, s spot) (out []signal.MapFault) {
	if ctx.Frame == nil || ctx.Frame.Map == nil {
		return nil
	}
	for _, f := range ctx.Frame.Map.Faults {
		if f.Call == s.call && f.To == s.to && (!s.call || f.From == s.from) && (f.To != "" || s.call) {
			out = append(out, f)
		}
	}
	return out
}

// serviceName is a service as it is written.
func serviceName(name string) string {
	if name == signal.Outside {
		return "outside"
	}
	return name
}

// name is what a spot is called.
func (p *Pane) name(ctx pane.Context, s spot) string {
	if !s.call {
		return serviceName(s.to)
	}
	return serviceName(s.from) + arrow(ctx) + serviceName(s.to)
}

func arrow(ctx pane.Context) string {
	return " " + widget.Pen{ASCII: ctx.ASCII}.Glyph(widget.Arrow) + " "
}

// Keys implements pane.Pane.
func (p *Pane) Keys(ctx pane.Context) []keymap.Action {
	p.take(ctx)
	if p.m == nil || !p.placed {
		return nil
	}
	if p.open {
		return []keymap.Action{keymap.Open, keymap.Leave, keymap.FocusIt, keymap.Walk, keymap.Copy, keymap.CopyRow}
	}
	keys := []keymap.Action{keymap.Open, keymap.FocusIt, keymap.Walk, keymap.NextError, keymap.PrevError}
	if p.asTable(ctx) {
		keys = append(keys, keymap.Order)
	} else {
		keys = append(keys, keymap.Left, keymap.Right)
	}
	if p.roomy(ctx) {
		keys = append(keys, keymap.Face)
	}
	return append(keys, keymap.Filter, keymap.Copy, keymap.CopyRow)
}

// View implements pane.Pane.
func (p *Pane) View(ctx pane.Context) []string {
	p.take(ctx)
	k := key{theme: ctx.Theme, width: ctx.Width, height: ctx.Height, active: ctx.Active, ascii: ctx.ASCII, m: p.m, rev: p.rev}
	if ctx.Frame != nil && ctx.Frame.Map != nil {
		var b strings.Builder
		for _, f := range ctx.Frame.Map.Faults {
			fmt.Fprintf(&b, "%d %t %s %s\n", f.ID, f.Active, f.From, f.To)
		}
		k.faults = b.String()
	}
	k.none = p.nothing(ctx)
	return p.memo.Rows(k, func() []string { return p.draw(ctx) })
}

// nothing says why there is no map; "" when there is one.
func (p *Pane) nothing(ctx pane.Context) string {
	switch {
	case ctx.Frame == nil || p.m == nil:
		return "Counting who calls whom."
	case len(p.plan.vertices) == 0 && p.filter != "":
		return fmt.Sprintf("No call matches \"%s\".", p.filter)
	case len(p.plan.vertices) == 0:
		return "No spans in this window."
	}
	return ""
}

func (p *Pane) draw(ctx pane.Context) []string {
	pen := ctx.Pen()
	if none := p.nothing(ctx); none != "" {
		hint := "The map is made of spans: it fills as soon as services send some over OTLP, or a source of traces tells of them."
		if p.filter != "" {
			hint = "Press / to change the filter, esc to drop it."
		}
		return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: none}, widget.Seg{Role: themes.Muted, Text: hint})
	}
	p.areas = nil
	below := p.below(pen, ctx)
	height := ctx.Height - len(below)
	var rows []string
	switch {
	case p.open:
		rows = p.drawCalls(pen, ctx, height)
	case p.asTable(ctx):
		rows = p.drawTable(pen, ctx, height)
	default:
		rows = p.drawGraph(pen, ctx, height)
	}
	rows = pen.Page(rows, ctx.Width, height)
	return pen.Page(append(rows, below...), ctx.Width, ctx.Height)
}

// roomy reports whether there is room for a graph.
func (p *Pane) roomy(ctx pane.Context) bool { return ctx.Width >= 90 && ctx.Height >= 14 }

func (p *Pane) asTable(ctx pane.Context) bool { return p.table || !p.roomy(ctx) }

// Update implements pane.Pane.
func (p *Pane) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	p.take(ctx)
	if _, frame := msg.(pane.FrameMsg); frame {
		return nil // what a new frame changes is in the key
	}
	p.rev++
	if m, ok := msg.(pane.FilterMsg); ok {
		p.filter, p.open = m.Text, false
		p.take(ctx)
		return nil
	}
	if p.m == nil || !p.placed {
		return nil
	}
	switch m := msg.(type) {
	case pane.ActionMsg:
		return p.act(ctx, m.Action)
	case pane.WheelMsg:
		p.wheel(ctx, m.Rows)
	case pane.ClickMsg:
		return p.click(ctx, m)
	}
	return nil
}

var _ interface {
	pane.Pane
	pane.Shown
	pane.Filterer
} = (*Pane)(nil)
