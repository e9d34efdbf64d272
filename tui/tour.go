package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// Scene is one step of a tour: a caption, and what is pressed once it was read.
type Scene struct {
	// Caption is a sentence or two. {action} in it becomes the key that is bound to the action.
	Caption string
	// Wait is what must be on the screen before the keys are pressed; nil waits for nothing.
	Wait func(*signal.Frame) bool
	// AtMost is how long to wait for it: a minute by default. Then the tour is over, since its next caption would not be true.
	AtMost time.Duration
	// Read is how long the caption stands at least.
	Read time.Duration
	// Press are the keys that are pressed then, one after the other: actions, whose first key it is, or keys by name.
	Press []string
}

// The rhythm of a tour, and the rows of its captions.
const (
	betweenKeys = 1500 * time.Millisecond // a question that came up wants a moment of quiet
	patience    = time.Minute
	captionRows = 2
)

// tour is one that is being given.
type tour struct {
	scenes  []Scene
	at      int
	began   time.Time // of the scene; zero before the first
	ready   bool      // what it waits for is there
	pressed int
	next    time.Time // when the next key is pressed
}

// strip is how many rows the captions take.
func (m *Model) strip() int {
	if m.tour == nil {
		return 0
	}
	return captionRows
}

// guide goes on with the tour. It is called with every tick.
func (m *Model) guide() tea.Cmd {
	t := m.tour
	if t == nil || !m.seen {
		return nil
	}
	now := m.now()
	if t.began.IsZero() {
		t.began = now
	}
	s := &t.scenes[t.at]
	if !t.ready {
		switch {
		case s.Wait == nil || s.Wait(m.frame):
			t.ready, t.next = true, t.began.Add(s.Read)
		case now.Sub(t.began) > max(s.AtMost, patience):
			m.tour = nil
			m.say(themes.Warning, "the tour ends early: what it waited for did not come; the cockpit is yours")
			return nil
		}
	}
	if !t.ready || now.Before(t.next) {
		return nil
	}
	if t.pressed < len(s.Press) {
		t.pressed++
		t.next = now.Add(betweenKeys)
		return m.pressFor(s.Press[t.pressed-1])
	}
	if t.at++; t.at == len(t.scenes) {
		m.tour = nil
		m.say(themes.OK, "that was the tour: the cockpit is yours, %s shows every key", m.keys.Key(keymap.Help))
		return nil
	}
	t.began, t.ready, t.pressed = now, false, 0
	return nil
}

// pressFor presses a key, or that of an action, as the operator would. An action that is unbound is carried out all the same.
func (m *Model) pressFor(what string) tea.Cmd {
	if b, ok := m.keys.Lookup(keymap.Action(what)); ok {
		if len(b.Keys) == 0 {
			return m.act(b.Action)
		}
		what = b.Keys[0]
	}
	k, err := ParseKey(what)
	if err != nil {
		return nil // a binding that names no key: the scene's wait will end the tour
	}
	return m.key(k)
}

// takeOver ends the tour when the operator does something, and reports whether that was all that was meant: what undoes
// everything, and what leaves, act at once.
func (m *Model) takeOver(msg tea.Msg) bool {
	if m.tour == nil {
		return false
	}
	key, typed := msg.(tea.KeyPressMsg)
	if _, clicked := msg.(tea.MouseClickMsg); !typed && !clicked {
		return false
	}
	m.tour = nil
	m.say(themes.OK, "the tour is over: the cockpit is yours")
	if a, ok := m.keys.Action(keymap.Global, key.String()); typed && ok && (a == keymap.Abort || a == keymap.Quit) {
		return false
	}
	return true
}

// caption draws the strip of a tour between the panes and the timeline: it takes room of its own and covers nothing.
func (m *Model) caption() []string {
	if m.tour == nil {
		return nil
	}
	pen, t := m.pen(), m.tour
	text := t.scenes[t.at].Caption
	for _, b := range m.keys.All() {
		text = strings.ReplaceAll(text, "{"+string(b.Action)+"}", m.keys.Key(b.Action))
	}
	bar := m.either("▌", "|")
	lead := fmt.Sprintf(" %s %d/%d  ", bar, t.at+1, len(t.scenes))
	end := ""
	if m.width >= 110 {
		end = "  any key takes over "
	}
	first, rest := wrapAt(text, m.width-widget.Width(lead)-widget.Width(end))
	pad := strings.Repeat(" ", max(widget.Width(lead)-2, 0))
	return []string{
		pen.Row(m.width-widget.Width(end), sg(themes.Accent, lead), sg(themes.Title, first)) + m.theme.Paint(themes.Muted, end),
		pen.Row(m.width, sg(themes.Accent, " "+bar), sg(themes.Title, pad+pen.Fit(rest, max(m.width-len(pad)-2, 0)))),
	}
}

// wrapAt breaks a text at the last space that fits.
func wrapAt(text string, width int) (first, rest string) {
	if widget.Width(text) <= width {
		return text, ""
	}
	cut := 0
	for i, r := range text {
		if r == ' ' && widget.Width(text[:i]) <= width {
			cut = i
		}
	}
	if cut == 0 {
		return "", text
	}
	return text[:cut], text[cut+1:]
}
