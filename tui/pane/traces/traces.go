// Package traces is the pane of traces: a list of the recent, the slowest or the failed ones, and the waterfall of the
// one that is looked at, with its log lines at their instant.
package traces

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// order is what the list shows.
type order uint8

const (
	recent order = iota
	slowest
	failed
	numOrders
)

func (o order) String() string { return [...]string{"recent", "slowest", "failed"}[o] }

// Pane shows traces. Make it with New; it is not safe for concurrent use.
type Pane struct {
	check  func(string) error
	order  order
	filter string
	list   widget.List
	at     signal.TraceID // the trace under the cursor; zero follows the top of the list

	// The list as of the last frame that was taken. While the cursor is off the top row it stays as it is.
	calm  widget.Calm
	kept  []signal.TraceSummary
	total int
	of    signal.CorrelationID // the focus it was made for

	open    signal.TraceID // the trace whose waterfall is shown; zero is the list
	seen    signal.CorrelationID
	fall    *tree
	fallKey fallKey
	items   []item
	rows    widget.List
	folds   folding
	moved   bool // the operator has moved the cursor in the waterfall

	marked signal.TraceID // what others are compared with; zero: none
	cmp    comparing

	more rest // of the list

	memo widget.Memo[key]
	rev  int
}

type key struct {
	ctx pane.Context
	rev int
}

// fallKey says when the tree of a trace must be built anew: spans and lines are only ever added.
type fallKey struct {
	id          signal.TraceID
	spans, logs int
	total       time.Duration
}

// New makes the pane. check is the grammar of the trace filter: it says what is wrong with a filter, nil when nothing.
// A nil check admits any text.
func New(check func(string) error) *Pane {
	if check == nil {
		check = func(string) error { return nil }
	}
	return &Pane{check: check}
}

// ID implements pane.Pane.
func (p *Pane) ID() string { return "traces" }

// Title implements pane.Pane.
func (p *Pane) Title(ctx pane.Context) string {
	p.sync(ctx)
	if !p.cmp.ask.B.IsZero() {
		return p.compareTitle(ctx)
	}
	if !p.open.IsZero() {
		t := "trace " + p.open.Short()
		if tr := p.detail(ctx); tr != nil {
			t += fmt.Sprintf(" %s, %d spans, %d lines", duration(tr.Duration), len(tr.Spans), len(tr.Logs))
			if tr.Errors > 0 {
				t += fmt.Sprintf(", %d failed", tr.Errors)
			}
			if !tr.Rooted {
				t += ", root not here"
			}
		}
		return t
	}
	t := "traces " + p.order.String()
	if !p.marked.IsZero() {
		t += ", marked " + p.marked.Short()
	}
	if p.held(ctx) {
		t += ", held: esc to follow"
	}
	if p.filter != "" {
		t += " /" + p.filter
	}
	if list := p.shown(ctx); p.total > 0 {
		t += fmt.Sprintf(" %d of %s", len(list), widget.Count(uint64(p.total)))
	}
	return t
}

// Want implements pane.Pane.
func (p *Pane) Want(v *signal.View) {
	v.Traces.Text = p.filter
	v.Traces.Order = signal.TracesRecent
	v.Traces.Failed = p.order == failed
	v.More = p.more.ask
	if p.order == slowest {
		v.Traces.Order = signal.TracesSlowest
	}
	if id, ok := v.Focus.TraceID(); ok {
		v.Trace = id
	} else if !p.open.IsZero() {
		v.Trace = p.open
	}
}

// Filter implements pane.Filterer.
func (p *Pane) Filter() string { return p.filter }

// FilterHelp implements pane.Filterer.
func (p *Pane) FilterHelp() string {
	return "words in service or operation · service=checkout · status=error · duration>200ms"
}

// CheckFilter implements pane.Filterer.
func (p *Pane) CheckFilter(text string) error { return p.check(text) }

// Keys implements pane.Pane.
func (p *Pane) Keys(ctx pane.Context) []keymap.Action {
	p.sync(ctx)
	if !p.cmp.ask.B.IsZero() {
		if x := p.compared(ctx); x == nil || x.Err != "" {
			return []keymap.Action{keymap.Leave}
		}
		return []keymap.Action{keymap.Open, keymap.Leave, keymap.FocusIt, keymap.Order, keymap.NextError, keymap.PrevError, keymap.Copy, keymap.CopyRow}
	}
	if !p.open.IsZero() {
		keys := []keymap.Action{keymap.Leave}
		if p.detail(ctx) != nil {
			keys = append([]keymap.Action{keymap.Open, keymap.Leave}, p.markKeys(ctx)...) // the footer offers the first six
			keys = append(keys, keymap.Walk, keymap.Left, keymap.Right, keymap.NextError, keymap.Top, keymap.Copy, keymap.CopyRow)
		}
		return keys
	}
	keys := []keymap.Action{}
	if len(p.shown(ctx)) > 0 {
		keys = append(keys, keymap.Open, keymap.FocusIt, keymap.Walk)
	}
	keys = append(keys, p.markKeys(ctx)...)
	if p.held(ctx) {
		keys = append(keys, keymap.Leave)
	}
	return append(keys, keymap.Order, keymap.Filter, keymap.NextError, keymap.Copy, keymap.CopyRow)
}

// sync follows the cockpit's focus: a focus on a trace opens it, leaving the focus closes it.
func (p *Pane) sync(ctx pane.Context) {
	if ctx.Frame == nil || ctx.Frame.Focus == p.seen {
		return
	}
	p.seen, p.cmp = ctx.Frame.Focus, comparing{}
	if id, ok := p.seen.TraceID(); ok {
		p.show(id)
	} else {
		p.show(signal.TraceID{})
	}
	p.rev++
}

// show opens a trace's waterfall, or the list for the zero ID.
func (p *Pane) show(id signal.TraceID) {
	if id == p.open {
		return
	}
	p.open, p.fall, p.items, p.fallKey, p.moved = id, nil, nil, fallKey{}, false
	p.rows = widget.List{}
	p.folds = folding{collapsed: map[signal.SpanID]bool{}, expanded: map[signal.SpanID]bool{}, lines: map[uint64]bool{}, width: p.folds.width}
}

// detail is the opened trace when the frame holds it.
func (p *Pane) detail(ctx pane.Context) *signal.Trace {
	if ctx.Frame == nil || ctx.Frame.Detail == nil || ctx.Frame.Detail.ID != p.open || len(ctx.Frame.Detail.Spans)+len(ctx.Frame.Detail.Logs) == 0 {
		return nil
	}
	return ctx.Frame.Detail
}

// tree is the opened trace made ready, built anew only when spans or lines were added or the pane has another width.
func (p *Pane) tree(ctx pane.Context, tr *signal.Trace) *tree {
	p.fit(ctx)
	k := fallKey{tr.ID, len(tr.Spans), len(tr.Logs), tr.Duration}
	if p.fall == nil || p.fallKey != k {
		p.fall, p.fallKey, p.items = newTree(tr), k, nil
	}
	if p.items == nil {
		p.items = p.fall.items(&p.folds)
	}
	return p.fall
}

// land puts the cursor on the span that says most, in the middle of the screen, until the operator moves it.
func (p *Pane) land(t *tree, height int) {
	if p.moved {
		return
	}
	for i, it := range p.items {
		if it.kind == spanItem && it.index == t.tells {
			p.rows.Cursor, p.rows.Top = i, max(i-height/2, 0)
			return
		}
	}
}

// View implements pane.Pane.
func (p *Pane) View(ctx pane.Context) []string {
	p.sync(ctx)
	return p.memo.Rows(key{ctx, p.rev}, func() []string {
		if !p.cmp.ask.B.IsZero() {
			return p.drawCompared(ctx)
		}
		if !p.open.IsZero() {
			return p.drawFall(ctx)
		}
		return p.drawList(ctx)
	})
}

// Update implements pane.Pane.
func (p *Pane) Update(ctx pane.Context, msg tea.Msg) tea.Cmd {
	p.sync(ctx)
	p.rev++
	switch m := msg.(type) {
	case pane.FrameMsg:
		if ctx.Frame != nil {
			p.more.adopt(ctx.Frame.More)
		}
	case pane.FilterMsg:
		p.filter, p.cmp = m.Text, comparing{}
		p.follow()
	case pane.OpenTraceMsg:
		p.cmp = comparing{}
		p.show(m.ID)
	case pane.ClickMsg:
		return p.click(ctx, m)
	case pane.WheelMsg:
		p.wheel(ctx, m.Rows)
	case pane.ActionMsg:
		if !p.cmp.ask.B.IsZero() {
			return p.actCompared(ctx, m.Action)
		}
		if cmd, ok := p.actCompare(ctx, m.Action); ok {
			return cmd
		}
		if p.open.IsZero() {
			return p.actList(ctx, m.Action)
		}
		return p.actFall(ctx, m.Action)
	}
	return nil
}

func (p *Pane) click(ctx pane.Context, m pane.ClickMsg) tea.Cmd {
	if !p.cmp.ask.B.IsZero() {
		return p.clickCompared(ctx, m)
	}
	header := 1
	if !p.open.IsZero() {
		header = p.headRows(ctx)
	}
	list := &p.list
	if !p.open.IsZero() {
		list = &p.rows
	}
	if m.Y < header {
		return nil
	}
	at := list.Top + m.Y - header
	if p.open.IsZero() {
		if at >= len(p.shown(ctx)) {
			return nil
		}
		p.moveTo(ctx, at)
		if m.Double {
			return p.actList(ctx, keymap.Open)
		}
		return nil
	}
	if at >= len(p.items) {
		return nil
	}
	list.Cursor, p.moved = at, true
	if m.Double {
		return p.actFall(ctx, keymap.Open)
	}
	return nil
}

func (p *Pane) wheel(ctx pane.Context, rows int) {
	if !p.cmp.ask.B.IsZero() {
		if x := p.compared(ctx); x != nil {
			p.cmp.rows.Move(rows, len(x.Rows))
		}
		return
	}
	if p.open.IsZero() {
		p.cursor(p.shown(ctx))
		p.moveTo(ctx, p.list.Cursor+rows)
		return
	}
	p.moved = true
	p.rows.Move(rows, len(p.items))
}

func duration(d time.Duration) string { return widget.Duration(d) }

var _ interface {
	pane.Pane
	pane.Shown
	pane.Filterer
} = (*Pane)(nil)
