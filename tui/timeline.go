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

// timeline draws what happened in the window, on one row or two.
func (m *Model) timeline() []string {
	w := m.frame.Window
	if w.Length() <= 0 {
		w = m.window()
	}
	lead, end := m.margins(w)
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
	from, tail := m.ends(w, end)
	rows := []string{first.row(pen, []widget.Seg{sg(themes.Muted, pen.Left(" "+from, lead))}, m.width-end) + tail}
	if second != first {
		rows = append(rows, second.row(pen, []widget.Seg{sg(themes.Muted, pen.Left(" timeline", lead))}, m.width-end)+pen.Blank(end))
	}
	return rows
}

// margins are the cells on the left and on the right of the timeline that say which time it is of.
func (m *Model) margins(w signal.Window) (lead, end int) {
	lead, end = 11, 6
	if m.width < 80 {
		lead = 10
	}
	if m.still() {
		end = 2 + len(endLayout(w))
	}
	return lead, end
}

// still reports whether the timeline's ends are instants: those of a live one are how long ago it begins, and now.
func (m *Model) still() bool { return m.paused || m.play != nil }

// endLayout is how both ends of a timeline tell the time: with seconds while a cell is a few of them.
func endLayout(w signal.Window) string {
	if w.Length() > 15*time.Minute {
		return "15:04"
	}
	return time.TimeOnly
}

// ends are the labels on both ends of the timeline; the right one has end cells.
func (m *Model) ends(w signal.Window, end int) (from, tail string) {
	pen := m.pen()
	mark := m.either("▏", "|")
	if m.still() {
		layout := endLayout(w)
		return w.From.Local().Format(layout), pen.Row(end, sg(themes.Warning, mark+w.To.Local().Format(layout)))
	}
	// a clock would send a second's worth of digits to a terminal on which nothing else happens
	return lengthText(w.Length().Round(time.Second)) + " ago", pen.Row(end, sg(themes.OK, mark+"now"))
}

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

// instant is where the mark of an event stands: an experiment's where its verdict fell.
func instant(e signal.Event) time.Time {
	if e.Kind == signal.EventExperiment && !e.End.IsZero() {
		return e.End
	}
	return e.Start
}

// drawMark draws an instant: its glyph, and its name where there is room.
func (m *Model) drawMark(t *tape, e signal.Event) {
	x := t.x(instant(e))
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
	w := m.frame.Window
	lead, end := m.margins(w)
	width := m.width - lead - end
	if x < lead || x >= lead+width || w.Length() <= 0 {
		return time.Time{}, false
	}
	return w.From.Add(time.Duration(float64(w.Length()) * float64(x-lead) / float64(max(width-1, 1)))), true
}

// title shortens a name for a sentence.
func title(s string) string { return strings.TrimSpace(oneLine(s)) }
