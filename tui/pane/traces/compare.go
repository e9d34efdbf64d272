package traces

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// comparing is two traces side by side, as they are looked at.
type comparing struct {
	ask     signal.CompareAsk // the zero value: none are
	rows    widget.List
	steps   bool // the greatest differences first, instead of the tree
	all     bool // everything about the step under the cursor
	placed  bool // the cursor was put on what differs most
	order   []int
	ordered *signal.Comparison
	by      bool // what order was made for
	first   int  // the row of the screen in which the steps begin, and how many there are
	shown   int
}

// WantShown implements pane.Shown: two traces are compared only while they are looked at.
func (p *Pane) WantShown(v *signal.View) { v.Compare = p.cmp.ask }

// subject is the trace that is looked at: the opened one, or the one under the cursor.
func (p *Pane) subject(ctx pane.Context) (signal.TraceID, bool) {
	if !p.open.IsZero() {
		return p.open, true
	}
	list := p.shown(ctx)
	if len(list) == 0 {
		return signal.TraceID{}, false
	}
	p.cursor(list)
	return list[min(p.list.Cursor, len(list)-1)].ID, true
}

// actCompare marks a trace, or puts two side by side; ok is false when the action is none of these.
func (p *Pane) actCompare(ctx pane.Context, a keymap.Action) (cmd tea.Cmd, ok bool) {
	if a != keymap.MarkTrace && a != keymap.Compare && a != keymap.Typical {
		return nil, false
	}
	id, any := p.subject(ctx)
	if !any {
		return nil, true
	}
	switch {
	case a == keymap.MarkTrace && p.marked == id:
		p.marked = signal.TraceID{}
	case a == keymap.MarkTrace:
		p.marked = id
		return pane.Wish(pane.StatusMsg{Text: "trace " + id.Short() + " is marked: go to another one and compare it with this", Role: themes.Text}), true
	case a == keymap.Typical:
		p.cmp = comparing{ask: signal.CompareAsk{B: id, Typical: true}}
	case !p.marked.IsZero() && p.marked != id:
		p.cmp = comparing{ask: signal.CompareAsk{A: p.marked, B: id}}
	}
	return nil, true
}

// markKeys are the keys by which traces are compared, as far as they do something.
func (p *Pane) markKeys(ctx pane.Context) []keymap.Action {
	id, any := p.subject(ctx)
	if !any {
		return nil
	}
	keys := []keymap.Action{keymap.Typical, keymap.MarkTrace}
	if !p.marked.IsZero() && p.marked != id {
		keys = append([]keymap.Action{keymap.Compare}, keys...)
	}
	return keys
}

// compared is the comparison that was asked for, nil while there is none.
func (p *Pane) compared(ctx pane.Context) *signal.Comparison {
	if ctx.Frame == nil || ctx.Frame.Compare == nil || ctx.Frame.Compare.Ask != p.cmp.ask {
		return nil
	}
	return ctx.Frame.Compare
}

// order are the rows as they are shown.
func (c *comparing) sorted(x *signal.Comparison) []int {
	if c.ordered == x && c.by == c.steps && c.order != nil {
		return c.order
	}
	c.ordered, c.by, c.order = x, c.steps, make([]int, len(x.Rows))
	for i := range c.order {
		c.order[i] = i
	}
	if c.steps {
		slices.SortStableFunc(c.order, func(i, k int) int { return cmp.Compare(x.Rows[k].Self.Abs(), x.Rows[i].Self.Abs()) })
	}
	if !c.placed && len(x.Top) > 0 {
		c.placed = true
		c.rows.Cursor = slices.Index(c.order, x.Top[0])
	}
	return c.order
}

// actCompared acts on two traces that are side by side.
func (p *Pane) actCompared(ctx pane.Context, a keymap.Action) tea.Cmd {
	if a == keymap.Leave {
		p.cmp = comparing{}
		return nil
	}
	x := p.compared(ctx)
	if x == nil || len(x.Rows) == 0 {
		return nil
	}
	c := &p.cmp
	order := c.sorted(x)
	c.rows.Cursor = min(max(c.rows.Cursor, 0), len(order)-1)
	row := &x.Rows[order[c.rows.Cursor]]
	if by, moves := a.Rows(max(ctx.Height-8, 1), len(order)); moves {
		c.rows.Move(by, len(order))
		return nil
	}
	switch a {
	case keymap.NextError:
		return c.nextDifference(x, 1)
	case keymap.PrevError:
		return c.nextDifference(x, -1)
	case keymap.Order:
		at := order[c.rows.Cursor]
		c.steps = !c.steps
		c.rows.Cursor = slices.Index(c.sorted(x), at)
	case keymap.Open:
		c.all = !c.all
	case keymap.FocusIt:
		return pane.Wish(pane.OpenTraceMsg{ID: row.Any().Span.TraceID})
	case keymap.Copy:
		return pane.Wish(pane.CopyMsg{Text: row.Any().Span.SpanID.String()})
	case keymap.CopyRow:
		return pane.Wish(pane.CopyMsg{Text: copiedRow(row)})
	}
	return nil
}

// nextDifference goes to the next step that is in one of the traces only, or failed in one only.
func (c *comparing) nextDifference(x *signal.Comparison, by int) tea.Cmd {
	order := c.sorted(x)
	for i := c.rows.Cursor + by; i >= 0 && i < len(order); i += by {
		if r := &x.Rows[order[i]]; r.A == nil || r.B == nil || r.A.Span.Failed != r.B.Span.Failed {
			c.rows.Cursor = i
			return nil
		}
	}
	return pane.Wish(pane.StatusMsg{Text: "no other step that way failed in one of them only, or is in one only", Role: themes.Muted})
}

// compareTitle is the pane's title while two traces are side by side.
func (p *Pane) compareTitle(ctx pane.Context) string {
	x := p.compared(ctx)
	if x == nil || x.Err != "" {
		return "compared " + p.cmp.ask.B.Short()
	}
	t := fmt.Sprintf("compared %s with %s: %d steps in both", x.B.ID.Short(), x.A.ID.Short(), x.Both)
	if x.OnlyA > 0 {
		t += fmt.Sprintf(", - %d only in A", x.OnlyA)
	}
	if x.OnlyB > 0 {
		t += fmt.Sprintf(", + %d only in B", x.OnlyB)
	}
	if x.Left > 0 {
		t += fmt.Sprintf(", %d spans left out", x.Left)
	}
	return t
}

// clickCompared puts the cursor on a row; twice shows everything about it.
func (p *Pane) clickCompared(ctx pane.Context, m pane.ClickMsg) tea.Cmd {
	x := p.compared(ctx)
	if x == nil || x.Err != "" {
		return nil
	}
	i := p.cmp.rows.Top + m.Y - p.cmp.first
	if m.Y < p.cmp.first || i >= len(x.Rows) || m.Y >= p.cmp.first+p.cmp.shown {
		return nil
	}
	p.cmp.rows.Cursor = i
	if m.Double {
		return p.actCompared(ctx, keymap.Open)
	}
	return nil
}

func copiedRow(r *signal.CompareRow) string {
	side := func(s *signal.CompareSide) string {
		if s == nil {
			return "none"
		}
		return fmt.Sprintf("%s failed=%t self=%s span_id=%s", s.Span.Duration, s.Span.Failed, s.Self, s.Span.SpanID)
	}
	return fmt.Sprintf("service=%s name=%q a=(%s) b=(%s) difference=%s self=%s", r.Any().Span.Service, r.Any().Span.Name, side(r.A), side(r.B), r.Took(), r.Self)
}

// attrDiff is one attribute that two spans do not share.
type attrDiff struct {
	key, a, b string
	inA, inB  bool
}

// attrDiffs are the attributes in which two spans differ, those of A first in its order, and how many are the same. The status, its
// message and the kind count as attributes.
func attrDiffs(r *signal.CompareRow) (out []attrDiff, same int) {
	list := func(s *signal.CompareSide) signal.Attrs {
		if s == nil {
			return nil
		}
		status := "ok"
		if s.Span.Failed {
			status = "failed"
		}
		attrs := signal.Attrs{{Key: "status", Value: status}}
		if s.Span.Message != "" {
			attrs = append(attrs, signal.Attr{Key: "message", Value: s.Span.Message})
		}
		return append(attrs, s.Span.Attrs...)
	}
	a, b := list(r.A), list(r.B)
	at := map[string]int{}
	for _, x := range a {
		if _, twice := at[x.Key]; !twice {
			at[x.Key] = len(out)
			out = append(out, attrDiff{key: x.Key, a: x.Value, inA: true})
		}
	}
	for _, x := range b {
		i, known := at[x.Key]
		if !known {
			i = len(out)
			at[x.Key] = i
			out = append(out, attrDiff{key: x.Key})
		}
		if !out[i].inB {
			out[i].b, out[i].inB = x.Value, true
		}
	}
	n := len(out)
	out = slices.DeleteFunc(out, func(d attrDiff) bool { return d.inA == d.inB && d.a == d.b })
	return out, n - len(out)
}

// signed is a difference with its sign.
func signed(d time.Duration) string {
	switch {
	case d > 0:
		return "+" + duration(d)
	case d == 0:
		return "0"
	}
	return duration(d)
}
