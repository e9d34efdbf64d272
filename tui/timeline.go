package tui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// tape is one row of the timeline while it is drawn: a glyph and a role for each cell.
type tape struct {
	cells []string
	roles []themes.Role
	taken []bool // by a mark or its label: nothing else goes there
	words []bool // by a label: nothing else touches it
	from  time.Time
	len   time.Duration
}

func (m *Model) newTape(width int, w signal.Window) *tape {
	t := &tape{cells: make([]string, width), roles: make([]themes.Role, width), taken: make([]bool, width), words: make([]bool, width),
		from: w.From, len: max(w.Length(), 1)}
	rule := m.pen().Glyph(widget.Rule)
	for i := range t.cells {
		t.cells[i], t.roles[i] = rule, themes.Border
	}
	return t
}

// x is the cell of an instant; it may lie outside.
func (t *tape) x(at time.Time) int {
	return int(float64(at.Sub(t.from)) / float64(t.len) * float64(len(t.cells)-1))
}

// write puts a text of one-cell characters at a cell, when every cell is free and no other text would touch it.
func (t *tape) write(x int, text []string, role themes.Role) bool {
	if x < 0 || x+len(text) > len(t.cells) || len(text) == 0 {
		return false
	}
	for i := range text {
		if t.taken[x+i] {
			return false
		}
	}
	long := len(text) > 1
	for _, beside := range []int{x - 1, x + len(text)} {
		if beside >= 0 && beside < len(t.cells) && (t.words[beside] || long && t.taken[beside]) {
			return false
		}
	}
	for i, c := range text {
		t.cells[x+i], t.roles[x+i], t.taken[x+i], t.words[x+i] = c, role, true, long
	}
	return true
}

func (t *tape) row(pen widget.Pen, lead []widget.Seg, width int) string {
	segs := lead
	for i := 0; i < len(t.cells); {
		j := i
		for j < len(t.cells) && t.roles[j] == t.roles[i] {
			j++
		}
		segs = append(segs, sg(t.roles[i], strings.Join(t.cells[i:j], "")))
		i = j
	}
	return pen.Row(width, segs...)
}

// letters splits a text into characters of one cell each; wider ones become a dot.
func letters(s string) []string {
	var out []string
	for _, r := range s {
		c := string(r)
		if widget.Width(c) != 1 {
			c = "·"
		}
		out = append(out, c)
	}
	return out
}

// timeline draws what happened in the window, on one row or two.
func (m *Model) timeline() []string {
	w := m.frame.Window
	if w.Length() <= 0 {
		w = m.window()
	}
	lead, end := 11, 6
	if m.width < 80 {
		lead = 1
	}
	width := m.width - lead - end
	first := m.newTape(width, w)
	second := first
	if m.lines() == 2 {
		second = m.newTape(width, w)
	}
	events := m.marks()
	m.drawEvents(first, second, events, w)
	m.drawCursor(first)
	if second != first {
		m.drawCursor(second)
	}
	pen := m.pen()
	from, tail := m.ends(w)
	if lead == 1 {
		from = ""
	}
	rows := []string{first.row(pen, []widget.Seg{sg(themes.Muted, pen.Left(" "+from, lead))}, m.width-end) + tail}
	if second != first {
		rows = append(rows, second.row(pen, []widget.Seg{sg(themes.Muted, pen.Left(" timeline", lead))}, m.width-end)+pen.Blank(end))
	}
	return rows
}

// ends are the labels on both ends of the timeline.
func (m *Model) ends(w signal.Window) (from, tail string) {
	pen := m.pen()
	mark := "▏"
	if m.ascii {
		mark = "|"
	}
	if m.paused || m.play != nil {
		return w.From.Local().Format("15:04:05"), pen.Row(6, sg(themes.Warning, mark+w.To.Local().Format("15:04")))
	}
	// a clock would send a second's worth of digits to a terminal on which nothing else happens
	return lengthText(w.Length().Round(time.Second)) + " ago", pen.Row(6, sg(themes.OK, mark+"now"))
}

func bandKind(k signal.EventKind) bool { return k == signal.EventFault || k == signal.EventLoad }

// marks lists the events, the most important first, so that they get the room.
func (m *Model) marks() []signal.Event {
	out := slices.Clone(m.frame.Events)
	out = slices.DeleteFunc(out, stage)
	slices.SortStableFunc(out, func(a, b signal.Event) int { return cmp.Compare(importance(a), importance(b)) })
	if len(out) > 400 {
		out = out[:400]
	}
	return out
}

// stage reports whether the event is an experiment's going from one phase to the next: the ladder says that, and the list
// of events; on the timeline it would push out what matters.
func stage(e signal.Event) bool {
	if e.Kind != signal.EventExperiment {
		return false
	}
	for p := signal.PhaseIdle; p <= signal.PhaseDone; p++ {
		if e.Title == p.String() {
			return true
		}
	}
	return false
}

func importance(e signal.Event) int {
	switch e.Kind {
	case signal.EventAbort:
		return 0
	case signal.EventFault:
		return 1
	case signal.EventProbe, signal.EventAlert:
		if e.Outcome == signal.Bad {
			return 2
		}
		return 5
	case signal.EventExperiment, signal.EventIncident:
		return 3
	case signal.EventNote:
		return 4
	case signal.EventLoad:
		return 7
	case signal.EventProcess, signal.EventSource, signal.EventPerson:
		if e.Outcome == signal.Bad {
			return 4
		}
		return 8
	}
	return 6
}

// short is what of an event's title stands on the timeline: the verdict of an experiment, of others what comes before
// the first comma.
func short(e signal.Event) string {
	text := oneLine(e.Title)
	if e.Kind == signal.EventExperiment {
		if _, word, ok := cutLast(text, ": "); ok && !e.End.IsZero() {
			return word
		}
		return ""
	}
	if (e.Kind == signal.EventProcess || e.Kind == signal.EventPerson) && e.Outcome == signal.Good {
		return "" // it is up again: the sign says that
	}
	text, _, _ = strings.Cut(text, ", ")
	return text
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// drawEvents draws what lasts onto the first tape and what happened at an instant onto the second, which may be the same:
// bands first, so that marks stand on them, and the names that matter least last.
func (m *Model) drawEvents(first, second *tape, events []signal.Event, w signal.Window) {
	for _, kind := range []signal.EventKind{signal.EventLoad, signal.EventFault} {
		for _, e := range events {
			if e.Kind == kind {
				m.drawBand(first, e, w)
			}
		}
	}
	for _, e := range events {
		if !bandKind(e.Kind) && importance(e) <= 2 {
			m.drawMark(second, e)
		}
	}
	for _, e := range events {
		if e.Kind == signal.EventFault {
			m.nameBand(first, e, w, themes.Fault)
		}
	}
	for _, e := range events {
		if !bandKind(e.Kind) && importance(e) > 2 {
			m.drawMark(second, e)
		}
	}
	for _, e := range events {
		if e.Kind == signal.EventLoad {
			m.nameBand(first, e, w, themes.Load)
		}
	}
}

// span is the first and last cell of something that lasts; they may lie outside.
func (t *tape) span(e signal.Event, w signal.Window) (a, z int) {
	end := e.End
	if end.IsZero() {
		end = e.Start
		if e.Open {
			end = w.To
		}
	}
	return t.x(e.Start), t.x(end)
}

func (m *Model) drawBand(t *tape, e signal.Event, w signal.Window) {
	a, z := t.span(e, w)
	glyph, role := m.pen().Glyph(widget.BarMedium), themes.Fault
	if e.Kind == signal.EventLoad {
		glyph, role = m.either("━", "="), themes.Load
	}
	for i := max(a, 0); i <= min(z, len(t.cells)-1); i++ {
		t.cells[i], t.roles[i] = glyph, role
	}
}

// nameBand writes the name of something that lasts: into it, or beside it where it is too short.
func (m *Model) nameBand(t *tape, e signal.Event, w signal.Window, role themes.Role) {
	a, z := t.span(e, w)
	if z < 0 || a >= len(t.cells) {
		return
	}
	a, z = max(a, 0), min(z, len(t.cells)-1)
	label := letters(m.pen().Fit(short(e), 28))
	label = append(append([]string{" "}, label...), " ")
	n := len(label)
	for x := a + 1; x+n <= z; x += 2 {
		if t.write(x, label, role) {
			return
		}
	}
	if e.Kind != signal.EventFault {
		return
	}
	if !t.write(z+1, label, role) {
		t.write(a-n, label, role)
	}
}

// drawMark draws an instant: its glyph, and its name where there is room.
func (m *Model) drawMark(t *tape, e signal.Event) {
	at := e.Start
	if e.Kind == signal.EventExperiment && !e.End.IsZero() {
		at = e.End // the verdict fell there
	}
	x := t.x(at)
	if x < 0 || x >= len(t.cells) {
		return
	}
	glyph, role := m.markOf(e)
	name := letters(m.pen().Fit(short(e), 24))
	if e.Kind == signal.EventAbort {
		name = letters("abort")
	}
	if t.write(x, append([]string{glyph}, name...), role) {
		return
	}
	if len(name) > 0 && t.write(x-len(name)-1, append(append(name, " "), glyph), role) {
		return
	}
	t.write(x, []string{glyph}, role)
}

func (m *Model) markOf(e signal.Event) (string, themes.Role) {
	pen := m.pen()
	role := themes.Muted
	switch e.Outcome {
	case signal.Good:
		role = themes.OK
	case signal.Warning:
		role = themes.Warning
	case signal.Bad:
		role = themes.Failed
	}
	switch e.Kind {
	case signal.EventAbort:
		return pen.Glyph(widget.Aborted), themes.Failed
	case signal.EventNote:
		return m.either("✎", "*"), themes.Accent
	case signal.EventLoad:
		return pen.Glyph(widget.Closed), themes.Load
	case signal.EventExperiment:
		if e.End.IsZero() {
			return m.either("◆", "%"), role
		}
	case signal.EventSwitch:
		return m.either("⇄", "~"), themes.Accent
	case signal.EventAlert:
		if e.Outcome == signal.Good { // over
			return m.either("⚐", "o"), role
		}
		return m.either("⚑", "!"), role
	case signal.EventPerson:
		return "@", role
	case signal.EventIncident:
		return pen.Glyph(widget.Alarm), role
	case signal.EventProcess, signal.EventSource:
		if e.Outcome == signal.Bad {
			return pen.Glyph(widget.DownTri), role
		}
		return pen.Glyph(widget.UpTri), role
	}
	switch e.Outcome {
	case signal.Good:
		return pen.Glyph(widget.Passed), role
	case signal.Bad:
		return pen.Glyph(widget.Failed), role
	case signal.Warning:
		return pen.Glyph(widget.Unknown), role
	}
	return pen.Glyph(widget.Pending), role
}

// drawCursor marks the instant the operator stands at while paused.
func (m *Model) drawCursor(t *tape) {
	if !m.paused || m.lead <= 0 {
		return
	}
	if x := t.x(m.at); x >= 0 && x < len(t.cells) {
		t.cells[x], t.roles[x] = m.pen().Glyph(widget.Wall), themes.Warning
	}
}

func (m *Model) either(symbol, ascii string) string {
	if m.ascii {
		return ascii
	}
	return symbol
}

// momentAt is the instant under a cell of the timeline.
func (m *Model) momentAt(x int) (time.Time, bool) {
	lead, end := 11, 6
	if m.width < 80 {
		lead = 1
	}
	width := m.width - lead - end
	w := m.frame.Window
	if x < lead || x >= lead+width || w.Length() <= 0 {
		return time.Time{}, false
	}
	return w.From.Add(time.Duration(float64(w.Length()) * float64(x-lead) / float64(max(width-1, 1)))), true
}

// title shortens a name for a sentence.
func title(s string) string { return strings.TrimSpace(oneLine(s)) }
