// Package load is the pane of the load run: what was planned and what came of it, second by second, where the time of a
// request goes, how the thresholds stand, and the requests that lead to traces.
package load

import (
	"fmt"
	"time"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// every is the shortest time between two drawings while live: the engine that is being watched shares the machine.
const every = 250 * time.Millisecond

// face is what the pane shows first; what does not fit on one is found on another.
type face uint8

const (
	overview face = iota
	latency       // where the time goes
	rows          // thresholds, steps and requests alone
	numFaces
)

var faceNames = [numFaces]string{"overview", "latency", "rows"}

// Pane shows the load that runs or ran last. Make it with New; it is not safe for concurrent use.
type Pane struct {
	widget.Place[ref] // in the list
	face              face
	charts            map[string]*widget.Chart
	places            []place // where the last drawing put the charts
	list              area    // and the list

	calm widget.Calm
	kept *signal.Frame // the frame that is on the screen
	memo widget.Memo[key]
	rev  int
}

type key struct {
	ctx pane.Context
	rev int
}

// area is a rectangle of the pane.
type area struct{ x, y, w, h int }

func (a area) has(x, y int) bool { return x >= a.x && x < a.x+a.w && y >= a.y && y < a.y+a.h }

// place is where a chart was drawn.
type place struct {
	area
	title string
}

// New makes the pane.
func New() *Pane { return &Pane{charts: make(map[string]*widget.Chart)} }

// ID implements pane.Pane.
func (p *Pane) ID() string { return "load" }

// Title implements pane.Pane.
func (p *Pane) Title(ctx pane.Context) string {
	l := loadOf(ctx)
	if l == nil {
		return "load"
	}
	t := "load " + l.Name
	failed, unknown := 0, 0
	for i := range l.Thresholds {
		switch l.Thresholds[i].Check {
		case signal.CheckFailed:
			failed++
		case signal.CheckUnknown:
			unknown++
		}
	}
	switch {
	case failed > 0:
		t += fmt.Sprintf(", %d of %d thresholds failed", failed, len(l.Thresholds))
	case unknown > 0:
		t += fmt.Sprintf(", %d of %d thresholds inconclusive", unknown, len(l.Thresholds))
	}
	return t + fmt.Sprintf(" (%s, %d of %d)", faceNames[p.face], p.face+1, numFaces)
}

func loadOf(ctx pane.Context) *signal.LoadState {
	if ctx.Frame == nil {
		return nil
	}
	return ctx.Frame.Load
}

// Want implements pane.Pane: the load is in every frame.
func (p *Pane) Want(*signal.View) {}

// Keys implements pane.Pane.
func (p *Pane) Keys(ctx pane.Context) []keymap.Action {
	l := loadOf(ctx)
	if l == nil {
		return []keymap.Action{keymap.LoadPlans}
	}
	keys := []keymap.Action{keymap.Open}
	if l.Running {
		if l.Adjustable {
			keys = append(keys, keymap.RaiseLoad, keymap.LowerLoad)
			if l.Paused {
				keys = append(keys, keymap.ResumeLoad)
			} else {
				keys = append(keys, keymap.HoldLoad)
			}
		}
		keys = append(keys, keymap.StopLoad)
	}
	return append(keys, keymap.Face, keymap.NextError, keymap.LoadPlans, keymap.Copy, keymap.CopyRow)
}

// View implements pane.Pane.
func (p *Pane) View(ctx pane.Context) []string {
	switch {
	case ctx.Frame == nil:
		p.kept = nil
	case p.calm.Take(ctx.Frame, every), p.kept == nil:
		p.kept = ctx.Frame
	}
	ctx.Frame = p.kept
	return p.memo.Rows(key{ctx, p.rev}, func() []string { return p.draw(ctx) })
}

func (p *Pane) draw(ctx pane.Context) []string {
	pen := widget.Pen{Theme: ctx.Theme, ASCII: ctx.ASCII}
	p.places, p.list = p.places[:0], area{}
	l := loadOf(ctx)
	if l == nil {
		return pen.Message(ctx.Width, ctx.Height, widget.Seg{Role: themes.Text, Text: "No load has run yet."},
			widget.Seg{Role: themes.Muted, Text: "Press l to pick a plan: its rate, its latencies and the requests behind them appear here."})
	}
	out := head(pen, l, ctx.Width)
	if len(out) >= ctx.Height {
		return pen.Page(out, ctx.Width, ctx.Height)
	}
	cols, lines, h := p.grid(ctx.Width, ctx.Height-len(out))
	tiles := p.tiles(ctx)
	for line := range lines {
		out = append(out, p.line(pen, ctx, tiles[min(line*cols, len(tiles)):min((line+1)*cols, len(tiles))], cols, len(out), h)...)
	}
	return pen.Page(append(out, p.below(pen, ctx, len(out))...), ctx.Width, ctx.Height)
}

// grid is how many tiles fit side by side and below each other above the list, and how high each is.
func (p *Pane) grid(width, height int) (cols, lines, h int) {
	if p.face == rows || width < 40 {
		return 1, 0, 0
	}
	cols = 1
	switch {
	case width >= 150:
		cols = 3
	case width >= 70:
		cols = 2
	}
	least, list := 7, 7 // rows of a tile, and of the list
	if p.face == latency {
		least, list = 8, 4
	}
	most := 2
	if p.face == latency && cols == 3 {
		cols = 2
	}
	for lines = most; lines > 0; lines-- {
		if h = (height - list) / lines; h >= least {
			break
		}
	}
	if lines == 0 {
		return cols, 0, 0
	}
	if p.face == overview { // the list has its share of a high screen
		h = min(h, max(least, (height*6/10)/lines))
	}
	return cols, lines, min(h, 20)
}

// line draws tiles side by side.
func (p *Pane) line(pen widget.Pen, ctx pane.Context, tiles []tile, cols, y, h int) []string {
	const gap = 2
	out := make([]string, h)
	x := 0
	for i := range cols {
		w := (ctx.Width - gap*(cols-1)) / cols
		if i < (ctx.Width-gap*(cols-1))%cols {
			w++
		}
		part := pen.Page(nil, w, h)
		if i < len(tiles) {
			p.places = append(p.places, place{area{x, y, w, h}, tiles[i].title})
			part = tiles[i].draw(pen, w, h)
		}
		for r := range out {
			if i > 0 {
				out[r] += pen.Blank(gap)
			}
			out[r] += part[r]
		}
		x += w + gap
	}
	return out
}

// below is what stands under the charts from row y on: on a wide screen facts beside the list, else the list alone.
func (p *Pane) below(pen widget.Pen, ctx pane.Context, y int) []string {
	height := ctx.Height - y
	if height < 1 {
		return nil
	}
	if ctx.Width < wide {
		return p.rows(pen, ctx, area{0, y, ctx.Width, height})
	}
	const gap = 2
	left := (ctx.Width - gap) / 2
	facts := pen.Page(facts(pen, ctx, left, height), left, height)
	right := p.rows(pen, ctx, area{left + gap, y, ctx.Width - left - gap, height})
	for i := range facts {
		facts[i] += pen.Blank(gap) + right[i]
	}
	return facts
}

// wide is from where on the list has something beside it.
const wide = 110

var _ pane.Pane = (*Pane)(nil)
