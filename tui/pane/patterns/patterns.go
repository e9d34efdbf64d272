// Package patterns is the pane of log patterns: which statements write how much, and which of them never spoke before the
// fault.
package patterns

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// calmEvery is the shortest time between two changes of the list.
const calmEvery = time.Second

// Pane lists log patterns. Make it with New; it is not safe for concurrent use.
type Pane struct {
	list widget.List
	at   uint64 // ID of the pattern under the cursor; 0 is the first
	calm widget.Calm
	rows []signal.LogPattern
	from time.Time
	such string // the filter of the pattern under the cursor, when the example that came with it is of another time
	memo widget.Memo[key]
	rev  int
}

type key struct {
	ctx pane.Context
	rev int
}

// New makes the pane.
func New() *Pane { return &Pane{} }

// ID implements pane.Pane.
func (p *Pane) ID() string { return "patterns" }

// Title implements pane.Pane.
func (p *Pane) Title(ctx pane.Context) string {
	p.take(ctx)
	fresh := 0
	for i := range p.rows {
		if p.rows[i].New {
			fresh++
		}
	}
	t := fmt.Sprintf("patterns %d", len(p.rows))
	if !p.from.IsZero() && ctx.Frame != nil {
		t += fmt.Sprintf(", %d new since %s", fresh, p.from.In(ctx.Frame.Now.Location()).Format("15:04:05"))
	}
	if ctx.Frame != nil && ctx.Frame.Focus != "" {
		t += ", of all requests"
	}
	return t
}

// Want implements pane.Pane.
func (p *Pane) Want(v *signal.View) { v.Patterns = true }

// WantShown implements pane.Shown: a line is looked for while it can be seen.
func (p *Pane) WantShown(v *signal.View) { v.Such = p.such }

// example is a line of the pattern within the window; nil while none is known. Patterns come with one of their newest lines:
// where that is later than what is looked at, one of the window is asked for with the next frame.
func (p *Pane) example(ctx pane.Context, x *signal.LogPattern) *signal.Record {
	p.such = ""
	w := ctx.Frame.Window
	if w.Length() <= 0 || !x.Example.Time.Before(w.From) && !x.Example.Time.After(w.To) {
		return &x.Example
	}
	p.such = x.Filter
	if s := ctx.Frame.Such; s != nil && s.Filter == x.Filter && s.Found {
		return &s.Record
	}
	return nil
}

// Keys implements pane.Pane.
func (p *Pane) Keys(ctx pane.Context) []keymap.Action {
	if p.take(ctx); len(p.rows) == 0 {
		return nil
	}
	x := &p.rows[p.locate(ctx)]
	keys := []keymap.Action{keymap.Open}
	if r := p.example(ctx, x); r != nil && !r.TraceID.IsZero() {
		keys = append(keys, keymap.FocusIt)
	}
	return append(keys, keymap.NextError, keymap.PrevError, keymap.Copy, keymap.CopyRow)
}

// take takes the frame's patterns, at most once a second while live.
func (p *Pane) take(ctx pane.Context) {
	if ctx.Frame != nil && (p.calm.Take(ctx.Frame, calmEvery) || len(p.rows) == 0) {
		p.rows, p.from = ctx.Frame.Patterns, ctx.Frame.PatternsSince
	}
}

// locate puts the cursor on its pattern, and returns its index.
func (p *Pane) locate(ctx pane.Context) int {
	for i := range p.rows {
		if p.rows[i].ID == p.at {
			p.list.Cursor = i
			break
		}
	}
	if p.at == 0 {
		p.list.Cursor = 0
	}
	p.list.Clamp(len(p.rows), p.height(ctx))
	return p.list.Cursor
}

// height is how many rows the list has: the head and the example take theirs where there is room.
func (p *Pane) height(ctx pane.Context) int {
	switch {
	case ctx.Height >= 8:
		return ctx.Height - 3
	case ctx.Height >= 4:
		return ctx.Height - 1
	}
	return ctx.Height
}

// Update implements pane.Pane.
func (p *Pane) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	p.take(ctx)
	p.rev++
	if len(p.rows) == 0 {
		return nil
	}
	switch m := msg.(type) {
	case pane.ActionMsg:
		return p.act(ctx, m.Action)
	case pane.WheelMsg:
		p.goTo(p.locate(ctx) + m.Rows)
	case pane.ClickMsg:
		p.locate(ctx)
		i := p.list.Top + m.Y
		if ctx.Height >= 4 {
			i-- // the head
		}
		if i < 0 || i >= len(p.rows) || i-p.list.Top >= p.height(ctx) {
			return nil
		}
		p.goTo(i)
		if m.Double {
			return p.open(&p.rows[i])
		}
	}
	return nil
}

func (p *Pane) goTo(i int) { p.at = p.rows[min(max(i, 0), len(p.rows)-1)].ID }

func (p *Pane) act(ctx pane.Context, a keymap.Action) tea.Cmd {
	i := p.locate(ctx)
	x := &p.rows[i]
	if by, moves := a.Rows(max(p.height(ctx)-1, 1), len(p.rows)); moves {
		p.goTo(i + by)
		return nil
	}
	switch a {
	case keymap.NextError:
		return p.nextError(i, 1)
	case keymap.PrevError:
		return p.nextError(i, -1)
	case keymap.Open:
		return p.open(x)
	case keymap.FocusIt:
		r := p.example(ctx, x)
		if r == nil || r.TraceID.IsZero() {
			return pane.Wish(pane.StatusMsg{Text: "the example of this pattern belongs to no trace", Role: themes.Warning})
		}
		return pane.Wish(pane.FocusMsg{ID: signal.CorrelationID(r.TraceID.String())})
	case keymap.Copy:
		return pane.Wish(pane.CopyMsg{Text: x.Filter})
	case keymap.CopyRow:
		return pane.Wish(pane.CopyMsg{Text: fmt.Sprintf("%d %s %s", x.Count, x.Service, x.Text)})
	}
	return nil
}

// open filters the logs by the pattern.
func (p *Pane) open(x *signal.LogPattern) tea.Cmd {
	return pane.Wish(pane.FilterPaneMsg{Pane: "logs", Text: x.Filter})
}

func (p *Pane) nextError(i, by int) tea.Cmd {
	for i += by; i >= 0 && i < len(p.rows); i += by {
		if worst(&p.rows[i]) >= signal.SeverityError {
			p.goTo(i)
			return nil
		}
	}
	return pane.Wish(pane.StatusMsg{Text: "no other pattern with errors that way", Role: themes.Muted})
}

// worst is the highest level that a pattern's lines have.
func worst(x *signal.LogPattern) signal.Severity {
	for r := signal.LevelRanks - 1; r > 0; r-- {
		if x.Levels[r] > 0 {
			return signal.Severity(4*(r-1) + 1)
		}
	}
	return signal.SeverityUnset
}

// View implements pane.Pane.
func (p *Pane) View(ctx pane.Context) []string {
	p.take(ctx)
	return p.memo.Rows(key{ctx, p.rev}, func() []string { return p.draw(ctx) })
}

var _ interface {
	pane.Pane
	pane.Shown
} = (*Pane)(nil)
