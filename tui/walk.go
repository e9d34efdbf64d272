package tui

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/pane"
)

// place is where the operator stood: what the cockpit was narrowed to, the pane, and the time.
type place struct {
	id       signal.CorrelationID
	pane     string
	moved    bool // the step that left it changed the time: going back there turns that back too
	paused   bool
	at       time.Time
	lead     time.Duration
	length   time.Duration
	returnTo string // where leaving the focus goes
}

func (m *Model) place() place {
	return place{id: m.focus.current, pane: m.active(), paused: m.paused, at: m.at, lead: m.lead, length: m.length, returnTo: m.from}
}

// walk takes the only step, or lets the operator pick one of several.
func (m *Model) walk(msg pane.WalkMsg) tea.Cmd {
	if len(msg.Steps) == 1 {
		return m.update(msg.Steps[0].Msg)
	}
	var items []overlay.Item
	for i, s := range msg.Steps {
		items = append(items, overlay.Item{ID: fmt.Sprint(i), Kind: s.Kind, Title: oneLine(s.Title), Hint: oneLine(s.Hint), Role: s.Role, Detail: oneLine(s.Why), Msg: s.Msg})
	}
	m.over = overlay.NewPicker(overlay.Picker{Title: "walk on from " + oneLine(msg.From), Verb: "go there"}, items)
	return nil
}

// toEvent stands still at an entry of the timeline, with the cursor of the list of events on it.
func (m *Model) toEvent(msg pane.EventMsg) tea.Cmd {
	m.focus.leave(m.place(), true)
	m.activate("events")
	m.say(themes.Text, "%s walks on from it, %s back", m.keys.Key("walk"), m.keys.Key("focus.back"))
	return tea.Batch(m.tell("events", msg), m.moment(msg.At))
}

// during shows the traces of a stretch of time.
func (m *Model) during(msg pane.DuringMsg) tea.Cmd {
	m.focus.leave(m.place(), true)
	m.focus.current, m.from = "", ""
	m.activate("traces")
	to := msg.Window.To
	if m.play != nil {
		m.play.hold(m.now())
		m.play.seek(m.now(), to)
		to = m.play.at
	}
	for _, l := range lengths {
		m.length, m.most = l, 0
		if l >= msg.Window.Length() {
			break
		}
	}
	m.paused, m.at, m.lead = true, to, 0
	m.say(themes.Text, "traces while %s: %s back", oneLine(msg.What), m.keys.Key("focus.back"))
	return m.fetchSoon()
}

// retrace goes back to a place, or forward to one that was left by going back.
func (m *Model) retrace(step func(place) (place, bool), none string) tea.Cmd {
	p, ok := step(m.place())
	if !ok {
		m.say(themes.Muted, "%s", none)
		return nil
	}
	m.from = p.returnTo
	if p.pane != "" {
		m.activate(p.pane)
	}
	if p.moved && m.play == nil {
		m.paused, m.at, m.lead, m.length = p.paused, p.at, p.lead, p.length
	}
	return m.fetchSoon()
}

// focusHistory is the focus now, the places before it, and those that were left by going back.
type focusHistory struct {
	past, future []place
	current      signal.CorrelationID
}

const maxHistory = 50

// set narrows to another ID, and remembers the place that is left.
func (h *focusHistory) set(id signal.CorrelationID, from place) {
	if id == h.current {
		return
	}
	h.leave(from, false)
	h.current = id
}

// leave remembers a place that is left for another; moved says that the time changes too.
func (h *focusHistory) leave(from place, moved bool) {
	from.moved = moved
	h.past = append(h.past, from)
	if len(h.past) > maxHistory {
		h.past = h.past[1:]
	}
	h.future = nil
}

// back and forward give the place to go to, and report whether there is one.
func (h *focusHistory) back(from place) (place, bool) { return h.step(&h.past, from, &h.future) }

func (h *focusHistory) forward(from place) (place, bool) { return h.step(&h.future, from, &h.past) }

func (h *focusHistory) step(way *[]place, from place, other *[]place) (place, bool) {
	n := len(*way)
	if n == 0 {
		return place{}, false
	}
	to := (*way)[n-1]
	from.moved = to.moved
	*way, *other = (*way)[:n-1], append(*other, from)
	h.current = to.id
	return to, true
}
