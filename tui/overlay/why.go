package overlay

import (
	"fmt"
	"math"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// Why shows what changed: candidates and the series that moved, the best first. Each candidate is one key away from a request
// that shows it.
type Why struct {
	open   func(signal.TraceID) tea.Msg
	began  time.Time
	answer *signal.Why // nil while it is looked for
	err    error
	list   widget.List
	page   int // rows of the list when last drawn
	first  int // its first row within the box when last drawn
}

// NewWhy is the box while the answer is looked for; open makes the wish to see a request.
func NewWhy(now time.Time, open func(signal.TraceID) tea.Msg) *Why {
	return &Why{open: open, began: now, page: 1}
}

// Tell hands over the answer, or why there is none.
func (w *Why) Tell(answer *signal.Why, err error) {
	w.answer, w.err, w.list = answer, err, widget.List{}
}

// Shows reports whether a request is the example of one of the rows.
func (w *Why) Shows(id signal.TraceID) bool {
	if w.answer == nil || id.IsZero() {
		return false
	}
	for i := range w.answer.Rows {
		if w.answer.Rows[i].Example == id {
			return true
		}
	}
	return false
}

// Scope implements Overlay.
func (w *Why) Scope() keymap.Scope { return keymap.List }

func (w *Why) lines() int {
	if w.answer == nil {
		return 0
	}
	return len(w.answer.Rows) + len(w.answer.Metrics)
}

// Key implements Overlay.
func (w *Why) Key(a keymap.Action, _ tea.KeyPressMsg) Result {
	n := w.lines()
	if by, moves := a.Rows(w.page, n); moves {
		w.list.Move(by, n)
		return Result{}
	}
	switch a {
	case keymap.Open:
		return w.choose()
	case keymap.Leave:
		return Result{Close: true}
	}
	return Result{}
}

func (w *Why) choose() Result {
	if r := w.row(); r != nil && !r.Example.IsZero() {
		return Result{Close: true, Msg: w.open(r.Example)}
	}
	return Result{}
}

// row is the candidate under the cursor, nil when there is none.
func (w *Why) row() *signal.WhyRow {
	if w.answer == nil || w.list.Cursor >= len(w.answer.Rows) {
		return nil
	}
	return &w.answer.Rows[w.list.Cursor]
}

// Update implements Overlay.
func (w *Why) Update(msg tea.Msg) Result {
	switch msg := msg.(type) {
	case Wheel:
		w.list.Move(msg.Rows, w.lines())
	case Click:
		i := w.list.Top + msg.Y - w.first
		if msg.Y < w.first || msg.Y >= w.first+w.page || i >= w.lines() {
			return Result{}
		}
		if i == w.list.Cursor {
			return w.choose()
		}
		w.list.Cursor = i
	}
	return Result{}
}

// Box implements Overlay.
func (w *Why) Box(l Look) Box {
	inner := min(l.Width-6, 150)
	var rows []string
	switch {
	case w.err != nil:
		rows = w.message(l, inner, themes.Failed, "could not find out: "+w.err.Error())
	case w.answer == nil:
		rows = w.message(l, inner, themes.Text, "comparing the requests, log lines and series since then with those before"+l.since(w.began))
	default:
		rows = w.result(l, inner)
	}
	bottom := Edge{Role: themes.BorderActive, Left: hints(hint(l, keymap.Open, "shows an example"), hint(l, keymap.Leave, "back"))}
	if w.answer != nil {
		bottom.Right = []widget.Seg{seg(themes.Muted, "in "+widget.Duration(w.answer.Took))}
	}
	return framed(l, inner, Edge{Role: themes.BorderActive, Left: []widget.Seg{seg(themes.Title, "why"), seg(themes.Muted, "  what the bad requests have that the others have not")}}, bottom, rows)
}

func (w *Why) message(l Look, inner int, role themes.Role, text string) []string {
	var rows []string
	for _, line := range widget.Wrap(text, inner) {
		rows = append(rows, l.Pen.Row(inner, seg(role, line)))
	}
	return rows
}

// result draws the answer: what was compared, the list, and more about the row under the cursor.
func (w *Why) result(l Look, inner int) []string {
	rows := w.compared(l, inner)
	n := w.lines()
	if n == 0 {
		return append(rows, w.message(l, inner, themes.Text, nothing(w.answer))...)
	}
	const below = 5
	w.page = max(min(n, l.Height-8-len(rows)-below), 3)
	w.list.Clamp(n, w.page)
	table := whyTable(inner - 3)
	head := append([]widget.Seg{seg(themes.Text, "  ")}, table.Header(l.Pen)...)
	rows = append(rows, l.Pen.Row(inner, head...))
	w.first = 1 + len(rows)
	for y := range w.page {
		i := w.list.Top + y
		mark := "  "
		if i == w.list.Cursor {
			mark = l.Pen.Glyph(widget.Cursor) + " "
		}
		segs := []widget.Seg{seg(themes.Accent, mark)}
		if i < len(w.answer.Rows) {
			segs = append(segs, table.Segs(l.Pen, whyCells(l, table, &w.answer.Rows[i])...)...)
		} else if i < n {
			segs = append(segs, metricSegs(l, inner-3, &w.answer.Metrics[i-len(w.answer.Rows)])...)
		}
		rows = append(rows, l.Pen.Line(i == w.list.Cursor, inner-1, segs...)+l.Pen.Row(1, l.Pen.ScrollMark(y, w.page, w.list.Top, n)))
	}
	rows = append(rows, l.Pen.Row(inner, seg(themes.Border, repeat(l.Pen.Glyph(widget.Rule), inner))))
	text := w.about()
	for i := range below - 1 {
		rows = append(rows, l.Pen.Row(inner, seg(themes.Text, at(l, widget.Wrap(text, inner), i, below-1))))
	}
	return rows
}

// compared says in two or three lines what was held against what.
func (w *Why) compared(l Look, inner int) []string {
	a := w.answer
	length := func(w signal.Window) string { return widget.Whole(w.Length().Round(time.Second)) }
	role, chance := themes.Text, ""
	switch {
	case a.Chance:
		chance = ": no more than by chance"
	case a.Bad > 0:
		role = themes.Failed
	}
	rows := []string{
		l.Pen.Row(inner, seg(themes.Text, a.Since+", "+length(a.Interest)+": "), seg(role, fmt.Sprintf("%d of %d requests bad, %d with a failure%s", a.Bad, a.Requests, a.Failed, chance))),
	}
	rows = append(rows, w.message(l, inner, themes.Muted,
		fmt.Sprintf("against %d requests in %s before; bad is failed, or slower than 99 of 100 of its kind were before", a.Before, length(a.Baseline)))...)
	if len(a.Active) > 0 {
		rows = append(rows, l.Pen.Row(inner, seg(themes.Muted, "timeline: "), seg(themes.Fault, l.Pen.Fit(strings.Join(a.Active, "; "), inner-10))))
	}
	return append(rows, l.Pen.Blank(inner))
}

func nothing(a *signal.Why) string {
	switch {
	case a.Requests == 0:
		return "No request is held of this time: traces come over OTLP, or from the sources of the configuration, and are kept for as long as there is room."
	case a.Bad == 0 && a.Underway > 0:
		return fmt.Sprintf("No request that has ended was bad, and no series moved. But %d more have no root yet: they are under way, hang, or lost it. What hangs is compared once it ends; ask again then.", a.Underway)
	case a.Bad == 0:
		return "No request was bad: none failed, and none took longer than is usual for its kind. No series moved."
	}
	return "The bad requests have nothing in common that the others have not; by chance alone some are slow."
}

func whyTable(width int) widget.Table {
	return widget.NewTable(width,
		widget.Column{Title: "", Width: 9},
		widget.Column{Title: "where", Width: min(max(width/4, 20), 34)},
		widget.Column{Title: "what", Min: 16},
		widget.Column{Title: "bad", Width: 5, Right: true},
		widget.Column{Title: "", Width: 6, Drop: 4},
		widget.Column{Title: "others", Width: 6, Right: true},
		widget.Column{Title: "lift", Width: 6, Right: true, Drop: 3},
		widget.Column{Title: "p", Width: 7, Right: true, Drop: 2},
	)
}

var whyRoles = map[signal.WhyKind]themes.Role{signal.WhyFails: themes.Failed, signal.WhySlow: themes.Warning, signal.WhyMissing: themes.Warning}

func whyCells(l Look, t widget.Table, r *signal.WhyRow) []widget.Seg {
	role, ok := whyRoles[r.Kind]
	if !ok {
		role = themes.Muted
	}
	where := r.Where()
	if l.Pen.ASCII {
		where = strings.ReplaceAll(where, "→", ">")
	}
	return []widget.Seg{
		seg(role, r.Kind.String()), seg(l.Pen.Service(origin(r)), where), seg(themes.Text, r.What),
		seg(role, share(r.Bad)), seg(role, l.Pen.Bar(r.Bad, t.ColumnWidth(4))),
		seg(themes.Muted, share(r.Good)),
		seg(themes.Text, lift(r)), seg(themes.Muted, chance(r.P)),
	}
}

// origin is the service that a row points at.
func origin(r *signal.WhyRow) string {
	if r.Peer != "" {
		return r.Peer
	}
	return r.Service
}

func metricSegs(l Look, width int, m *signal.WhyMetric) []widget.Seg {
	unit := ""
	if m.Rate {
		unit = "/s"
	}
	figures := fmt.Sprintf("%s to %s%s", widget.Number(m.Before), widget.Number(m.After), unit)
	room := max(width-10-18-9, 8) // the longest figures are "0.0012 to 99.9k/s"
	return []widget.Seg{seg(themes.Muted, l.Pen.Left("metric", 10)), seg(themes.Text, l.Pen.Left(bothEnds(l, m.Name, room), room)), seg(themes.Accent, l.Pen.Right(figures, 18)),
		seg(themes.Muted, " "+l.Pen.Right(chance(m.P), 7))}
}

// bothEnds cuts a series' name in its middle: what tells the series of one metric apart are the labels at its end.
func bothEnds(l Look, name string, width int) string {
	if widget.Width(name) <= width || width < 16 {
		return name
	}
	runes, tail := []rune(name), 0
	for n := 1; n < len(runes) && widget.Width(string(runes[len(runes)-n:])) <= width/2; n++ {
		tail = n
	}
	end := string(runes[len(runes)-tail:])
	return l.Pen.Fit(name, width-widget.Width(end)) + end
}

func share(v float64) string {
	switch {
	case v > 0 && v < 0.01:
		return "< 1%"
	case v > 0.99 && v < 1:
		return "> 99%"
	}
	return fmt.Sprintf("%.0f%%", v*100)
}

func lift(r *signal.WhyRow) string {
	switch {
	case math.IsInf(r.Lift, 1):
		return "only"
	case r.Lift >= 100:
		return fmt.Sprintf("%.0fx", r.Lift)
	}
	return fmt.Sprintf("%.1fx", r.Lift)
}

func chance(p float64) string {
	switch {
	case p < 1e-9:
		return "< 1e-9"
	case p < 0.001:
		return fmt.Sprintf("%.0e", p)
	}
	return fmt.Sprintf("%.3f", p)
}

// about says everything there is about the row under the cursor.
func (w *Why) about() string {
	r := w.row()
	if r == nil {
		m := w.answer.Metrics[w.list.Cursor-len(w.answer.Rows)]
		return fmt.Sprintf("%s lay at %s before and lies at %s since (medians); %.0f%% of the pairs of a value then and one now went up.", m.Name, widget.Number(m.Before), widget.Number(m.After), m.Greater*100)
	}
	others := fmt.Sprint(r.GoodCount, " others")
	if r.GoodCount == 1 {
		others = "1 other"
	}
	text := fmt.Sprintf("%s. %d bad requests have it, and %s; for example trace %s.", r.What, r.BadCount, others, r.Example.Short())
	if len(r.Also) > 0 {
		text += " In the same requests: " + strings.Join(r.Also, "; ") + "."
	}
	for _, n := range w.answer.Notes {
		text += " (" + n + ")"
	}
	return text
}
