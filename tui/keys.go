package tui

import (
	tea "charm.land/bubbletea/v2"

	"slices"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/layout"
	"gameday/tui/overlay"
	"gameday/tui/pane"
)

// key finds out what a key means here and now, and does it.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	name := k.String()
	if m.over != nil {
		a, _ := m.keys.Action(m.over.Scope(), name)
		switch a {
		case keymap.Abort:
			return m.abort()
		case keymap.Quit:
			return m.quit()
		}
		if _, hello := m.over.(*overlay.Welcome); !hello {
			return m.answer(m.over.Key(a, k))
		}
		m.over = nil // and the key does what it does
	}
	if m.paused || m.play != nil {
		if a, ok := m.keys.Action(keymap.Paused, name); ok {
			return m.act(a)
		}
	}
	if a, ok := m.keys.Action(keymap.PaneScope(m.active()), name); ok {
		return m.act(a)
	}
	return nil
}

// answer carries out what an overlay answered.
func (m *Model) answer(r overlay.Result) tea.Cmd {
	if r.Close {
		m.over = nil
	}
	if r.Msg == nil {
		return r.Cmd
	}
	return tea.Batch(r.Cmd, m.update(r.Msg))
}

// actMsg is an action chosen from the palette.
type actMsg struct{ action keymap.Action }

// act carries out an action, or hands it to the pane with the cursor.
func (m *Model) act(a keymap.Action) tea.Cmd {
	if m.past(a) || m.refuse(a) {
		return nil
	}
	for _, do := range []func(keymap.Action) (tea.Cmd, bool){m.actRun, m.actLoad, m.actTime, m.actScreen, m.actLayout, m.actMove} {
		if cmd, ok := do(a); ok {
			return cmd
		}
	}
	if why := m.whyNot(a); why != "" {
		m.say(themes.Muted, "%s: %s", m.short(a), why)
	}
	return m.tell(m.active(), pane.ActionMsg{Action: a})
}

// short is an action's name in the footer.
func (m *Model) short(a keymap.Action) string {
	b, _ := m.keys.Lookup(a)
	return b.Short
}

func (m *Model) actRun(a keymap.Action) (tea.Cmd, bool) {
	switch a {
	case keymap.Abort:
		return m.abort(), true
	case keymap.Quit:
		return m.quit(), true
	case keymap.Proceed:
		return m.proceed(), true
	case keymap.Experiments:
		m.pickExperiment()
	case keymap.LoadPlans:
		m.pickLoad()
	case keymap.Switches:
		m.pickSwitches()
	case keymap.Why:
		return m.explain(), true
	case keymap.Note:
		m.askNote()
	case keymap.Incidents:
		m.pickIncident()
	case keymap.Palette:
		m.openPalette()
	case keymap.Help:
		m.over = overlay.NewHelp("in the pane "+m.active(), keymap.PaneScope(m.active()), m.disabled())
	case keymap.Said:
		m.showSaid()
	case keymap.Filter:
		m.askFilter()
	default:
		return nil, false
	}
	return nil, true
}

func (m *Model) actTime(a keymap.Action) (tea.Cmd, bool) {
	switch a {
	case keymap.Pause:
		return m.pause(), true
	case keymap.EarlierStep:
		return m.travel(-m.length / 60), true
	case keymap.LaterStep:
		return m.travel(m.length / 60), true
	case keymap.EarlierLeap:
		return m.travel(-m.length / 4), true
	case keymap.LaterLeap:
		return m.travel(m.length / 4), true
	case keymap.Faster:
		return m.hurry(true), true
	case keymap.Slower:
		return m.hurry(false), true
	case keymap.WindowLess:
		return m.resize(false), true
	case keymap.WindowMore:
		return m.resize(true), true
	case keymap.FocusBack:
		return m.retrace(m.focus.back, "no focus before this one"), true
	case keymap.FocusFwd:
		return m.retrace(m.focus.forward, "no focus was left by going back"), true
	case keymap.Leave:
		return m.leave(), true
	}
	return nil, false
}

func (m *Model) actScreen(a keymap.Action) (tea.Cmd, bool) {
	w := m.here()
	switch a {
	case keymap.Zoom:
		w.zoomed = !w.zoomed
	case keymap.ServiceMap:
		return m.toMap(), true
	case keymap.NextTheme:
		m.nextTheme()
	case keymap.Mouse:
		m.noMouse = !m.noMouse
		if m.noMouse {
			m.say(themes.Text, "the terminal has the mouse: select text; %s takes it back", m.keys.Key(keymap.Mouse))
		} else if m.term.holds {
			m.say(themes.Warning, "the cockpit has the mouse; within screen %s now waits for the next key, %s gives it back",
				m.keys.Key(keymap.Leave), m.keys.Key(keymap.Mouse))
		} else {
			m.say(themes.Text, "the cockpit has the mouse")
		}
	default:
		for i, ws := range workspaceActions {
			if a == ws {
				m.goTo(i)
				return m.fetchSoon(), true
			}
		}
		return nil, false
	}
	return nil, true
}

var workspaceActions = [8]keymap.Action{keymap.Workspace1, keymap.Workspace2, keymap.Workspace3, keymap.Workspace4,
	keymap.Workspace5, keymap.Workspace6, keymap.Workspace7, keymap.Workspace8}

func (m *Model) actMove(a keymap.Action) (tea.Cmd, bool) {
	w := m.here()
	m.placement()
	dir := layout.ToLeft
	switch a {
	case keymap.NextPane:
		w.active = w.step(1, m.screen.pages)
		return nil, true
	case keymap.PrevPane:
		w.active = w.step(-1, m.screen.pages)
		return nil, true
	case keymap.PaneLeft:
	case keymap.PaneDown:
		dir = layout.Below
	case keymap.PaneUp:
		dir = layout.Above
	case keymap.PaneRight:
		dir = layout.ToRight
	default:
		return nil, false
	}
	if id, ok := m.placement().Neighbour(w.active, dir); ok {
		w.active = id
	} else if m.screen.pages != nil || w.zoomed { // there is no side by side: the next page
		step := 1
		if dir == layout.ToLeft || dir == layout.Above {
			step = -1
		}
		w.active = w.step(step, m.screen.pages)
	}
	return nil, true
}

// toMap goes to the service map, and from there to the traces.
func (m *Model) toMap() tea.Cmd {
	switch {
	case m.slots["map"] == nil:
		m.say(themes.Muted, "there is no service map here")
	case m.active() == "map":
		m.activate("traces")
	default:
		from := beforeMap{space: m.space, pane: m.active(), focus: m.focus.current}
		m.activate("map")
		m.beforeMap = from
	}
	return m.fetchSoon()
}

// beforeMap is where the operator stood when he called for the map; no pane when he came to it another way.
type beforeMap struct {
	space int
	pane  string
	focus signal.CorrelationID
}

// backFromMap reports whether one step back from here is to where the map was called for.
func (m *Model) backFromMap() bool {
	return m.active() == "map" && m.beforeMap.pane != "" && m.focus.current == m.beforeMap.focus
}

// leaveMap goes back to where the map was called for.
func (m *Model) leaveMap() tea.Cmd {
	m.space = m.beforeMap.space
	m.activate(m.beforeMap.pane)
	return m.fetchSoon()
}

func (m *Model) nextTheme() {
	i := slices.Index(m.themes, m.theme)
	m.chooseTheme(m.themes[(i+1)%len(m.themes)])
}

func (m *Model) chooseTheme(t *themes.Theme) {
	m.theme, m.chosen = t, true
	switch {
	case m.term.noColor:
		m.say(themes.Text, "theme %s, without colours: NO_COLOR is set", t.Name)
	case m.term.depth == themes.NoColours:
		m.say(themes.Text, "theme %s, without colours: this terminal has none", t.Name)
	case m.term.depth <= themes.Colours16:
		m.say(themes.Text, "theme %s, in the sixteen colours that this terminal has", t.Name)
	default:
		m.say(themes.Text, "theme %s", t.Name)
	}
}

// leave goes one step back: what the pane has open, its filter, the focus, the zoom.
func (m *Model) leave() tea.Cmd {
	id := m.active()
	s := m.slots[id]
	if s != nil && slices.Contains(s.pane.Keys(m.context(id)), keymap.Leave) {
		return m.tell(id, pane.ActionMsg{Action: keymap.Leave})
	}
	if f, ok := m.filterer(); ok && f.Filter() != "" {
		return tea.Batch(m.tell(id, pane.FilterMsg{}), m.fetchSoon())
	}
	switch {
	case m.backFromMap():
		return m.leaveMap()
	case m.focus.current != "":
		return m.unfocus()
	case m.here().zoomed:
		m.here().zoomed = false
	case m.status.text != "":
		m.status = message{}
	}
	return nil
}

func (m *Model) filterer() (pane.Filterer, bool) {
	s := m.slots[m.active()]
	if s == nil {
		return nil, false
	}
	f, ok := s.pane.(pane.Filterer)
	return f, ok
}
