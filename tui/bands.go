package tui

import (
	"slices"
	"strings"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

func bandKind(k signal.EventKind) bool { return k == signal.EventFault || k == signal.EventLoad }

// drawEvents draws what lasts onto the first tape and what happened at an instant onto the second, which may be the same:
// bands first, so that marks stand on them; then names, those of faults before all others, around the signs of what failed.
func (m *Model) drawEvents(first, second *tape, events []signal.Event, w signal.Window) {
	for _, kind := range []signal.EventKind{signal.EventLoad, signal.EventFault} {
		for _, e := range events {
			if e.Kind == kind {
				m.drawBand(first, e, w)
			}
		}
	}
	marks := func(draw func(e signal.Event), wanted func(rank int) bool) {
		for _, e := range events {
			if !bandKind(e.Kind) && wanted(importance(e)) {
				draw(e)
			}
		}
	}
	grave := func(rank int) bool { return rank <= 2 }
	marks(func(e signal.Event) {
		if x := second.x(instant(e)); x >= 0 && x < len(second.kept) {
			second.kept[x] = true
		}
	}, grave)
	m.nameFaults(first, events, w)
	clear(second.kept)
	marks(func(e signal.Event) { m.drawMark(second, e) }, grave)
	marks(func(e signal.Event) { m.drawMark(second, e) }, func(rank int) bool { return !grave(rank) })
	m.nameLoads(first, events, w)
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

// on reports of a tape's cells whether nothing but a band of this role has been drawn there.
func (t *tape) on(role themes.Role) func(x int) bool {
	return func(x int) bool { return t.roles[x] == role }
}

// label is a name between blanks, as it stands in a band.
func label(name string) []string { return append(append([]string{" "}, letters(name)...), " ") }

// nameFaults names the faults: first those in force, then the others, the last first.
func (m *Model) nameFaults(t *tape, events []signal.Event, w signal.Window) {
	var faults []signal.Event
	for _, e := range events {
		if e.Kind == signal.EventFault {
			faults = append(faults, e)
		}
	}
	slices.SortStableFunc(faults, func(a, b signal.Event) int {
		switch {
		case a.Open == b.Open:
			return b.Start.Compare(a.Start)
		case a.Open:
			return -1
		}
		return 1
	})
	for _, e := range faults {
		m.nameFault(t, e, w)
	}
}

// nameFault writes a fault's name into its band. Where the band is too short, or what turned red within it leaves too little room,
// it stands beside it, but never in the band of another fault, where it would name that; and where neither has room for all of it,
// it loses its last words in the band, and then letters.
func (m *Model) nameFault(t *tape, e signal.Event, w signal.Window) {
	a, z := t.span(e, w)
	if z < 0 || a >= len(t.cells) {
		return
	}
	a, z = max(a, 0), min(z, len(t.cells)-1)
	name := m.pen().Fit(short(e), 28)
	labels := m.wordwise(name)
	whole := labels[:1]
	_ = t.nameWithin(a, z, whole) || t.nameBeside(a, z, whole) || t.nameWithin(a, z, labels) ||
		t.nameWithin(a, z, m.letterwise(name)) || t.nameBeside(a, z, labels) // else it stands in the list of events alone
}

// nameBeside writes the first of some labels that there is room for beside the band of a fault, and reports whether there was.
func (t *tape) nameBeside(a, z int, labels [][]string) bool {
	for _, text := range labels {
		for _, x := range []int{z + 1, a - len(text)} {
			if t.clear(x, len(text), func(x int) bool { return t.roles[x] != themes.Fault }) {
				t.put(x, text, themes.Fault)
				return true
			}
		}
	}
	return false
}

// nameWithin writes the first of some labels that there is room for into the band of a fault, and reports whether there was.
func (t *tape) nameWithin(a, z int, labels [][]string) bool {
	for _, text := range labels {
		if x := t.room(a+1, z-1, len(text), t.on(themes.Fault)); x >= 0 {
			t.put(x, text, themes.Fault)
			return true
		}
	}
	return false
}

// wordwise is a name as a label, then what is left of it without its last words.
func (m *Model) wordwise(name string) [][]string {
	out := [][]string{label(name)}
	words := strings.Fields(name)
	for n := len(words) - 1; n > 0; n-- {
		out = append(out, label(strings.Join(words[:n], " ")+m.pen().Glyph(widget.Ellipsis)))
	}
	return out
}

// letterwise are the beginnings of a name as labels, the longest first, none so short that it says nothing.
func (m *Model) letterwise(name string) [][]string {
	var out [][]string
	for n := widget.Width(name); n >= 5; n-- {
		out = append(out, label(m.pen().Fit(name, n)))
	}
	return out
}

// nameLoads writes the names of loads into their bands, where no fault is. One that goes on under the same name, such as after
// it was stopped and started again, is named once.
func (m *Model) nameLoads(t *tape, events []signal.Event, w signal.Window) {
	var loads []signal.Event
	for _, e := range events {
		if e.Kind == signal.EventLoad {
			loads = append(loads, e)
		}
	}
	slices.SortStableFunc(loads, func(a, b signal.Event) int { return a.Start.Compare(b.Start) })
	before, named := "", false
	for _, e := range loads {
		a, z := t.span(e, w)
		name := m.pen().Fit(short(e), 28)
		if name == before && named {
			continue
		}
		before, named = name, false
		text := label(name)
		if x := t.room(max(a, 0)+1, min(z, len(t.cells)-1)-1, len(text), t.on(themes.Load)); x >= 0 {
			t.put(x, text, themes.Load)
			named = true
		}
	}
}
