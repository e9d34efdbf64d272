package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
)

// wish carries out what a pane, or the palette, wished for.
func (m *Model) wish(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case actMsg:
		return m.act(msg.action), true
	case pane.FocusMsg:
		return m.focusOn(msg.ID), true
	case pane.OpenTraceMsg:
		return m.openTrace(msg), true
	case pane.WalkMsg:
		return m.walk(msg), true
	case pane.EventMsg:
		return m.toEvent(msg), true
	case pane.DuringMsg:
		return m.during(msg), true
	case pane.SilenceMsg:
		return m.pickSilence(msg), true
	case pane.StatusMsg:
		m.say(msg.Role, "%s", oneLine(msg.Text))
		return nil, true
	case pane.CopyMsg:
		return m.copyText(msg.Text), true
	case pane.MomentMsg:
		return m.moment(msg.At), true
	case pane.FilterPaneMsg:
		m.activate(msg.Pane)
		return tea.Batch(m.tell(msg.Pane, pane.FilterMsg{Text: msg.Text}), m.fetchSoon()), true
	case pane.PromptMsg:
		m.askFor(msg)
		return nil, true
	case pane.PickMsg:
		m.letPick(msg)
		return nil, true
	case toPaneMsg:
		return tea.Batch(m.tell(msg.pane, msg.msg), m.fetchSoon()), true
	case filteredMsg:
		return tea.Batch(m.tell(msg.pane, pane.FilterMsg{Text: msg.text}), m.fetchSoon()), true
	case serviceMsg:
		return m.narrowTo(msg.name), true
	case showPaneMsg:
		m.activate(msg.id)
		return m.fetchSoon(), true
	case themeMsg:
		for _, t := range m.themes {
			if t.Name == msg.name {
				m.chooseTheme(t)
			}
		}
		return nil, true
	}
	return nil, false
}

type (
	// toPaneMsg is an answer on its way to the pane that asked.
	toPaneMsg struct {
		pane string
		msg  tea.Msg
	}
	filteredMsg struct{ pane, text string }
	serviceMsg  struct{ name string }
	showPaneMsg struct{ id string }
	themeMsg    struct{ name string }
)

func (m *Model) focusOn(id signal.CorrelationID) tea.Cmd {
	if id == "" {
		return m.unfocus()
	}
	m.focus.set(id, m.place())
	m.say(themes.Focus, "focus on %s: %s leaves it, %s walks back", id.Short(), m.keys.Key("leave"), m.keys.Key("focus.back"))
	return m.fetchSoon()
}

// tellLookup says once when sources did not answer about the focus: what is missing must not look like what is not there.
func (m *Model) tellLookup() tea.Cmd {
	l := m.frame.Lookup
	if l == nil || !l.Asking {
		m.asking = nil
	} else if m.asking == nil || m.asking.ID != l.ID {
		m.asking, m.askedAt = l, m.now()
	}
	if l == nil || l == m.lookup || l.Asking || l.ID != m.focus.current {
		return nil
	}
	m.lookup = l
	there := m.arrive(l)
	switch {
	case len(l.Silent) == 1:
		m.say(themes.Warning, "did not answer about %s: %s", l.ID.Short(), oneLine(l.Silent[0]))
	case len(l.Silent) > 1:
		m.say(themes.Warning, "%d sources did not answer about %s: %s; …", len(l.Silent), l.ID.Short(), oneLine(l.Silent[0]))
	}
	return there
}

// arrive goes, once, to the time of what the cockpit was opened on: a request is asked about minutes or days after it failed, and its
// log lines, the charts and the timeline of that time are what is wanted, not an empty window that ends now.
func (m *Model) arrive(l *signal.Lookup) tea.Cmd {
	if !m.opening {
		return nil
	}
	m.opening = false
	if l.Found == 0 && len(l.Silent) == 0 {
		m.say(themes.Warning, "nothing about %s was found: every source answered, and none knows it", l.ID.Short())
	}
	if l.Found == 0 || m.paused || m.play != nil || !l.When.From.Before(m.window().From) {
		return nil
	}
	for _, length := range lengths {
		if m.length < length && m.length < 2*l.When.Length() {
			m.length = length
		}
	}
	m.most = 0
	there := m.moment(l.When.To)
	m.say(themes.Text, "standing still at %s, when this happened; %s is live", l.When.To.Local().Format("2006-01-02 15:04:05"), m.keys.Key(keymap.Pause))
	return there
}

// unfocus leaves the focus, and goes back to the pane that the trace on the screen was opened from.
func (m *Model) unfocus() tea.Cmd {
	m.focus.set("", m.place())
	if m.from != "" && m.active() == "traces" {
		m.activate(m.from)
	}
	m.from = ""
	return m.fetchSoon()
}

// openTrace narrows the cockpit to a trace and shows its waterfall.
func (m *Model) openTrace(msg pane.OpenTraceMsg) tea.Cmd {
	if msg.ID.IsZero() {
		return nil
	}
	was := m.place()
	if m.active() != "traces" {
		m.from = m.active()
	}
	m.focus.set(signal.CorrelationID(msg.ID.String()), was)
	m.activate("traces")
	return tea.Batch(m.tell("traces", msg), m.fetchSoon())
}

// narrowTo filters logs and traces by a service.
func (m *Model) narrowTo(service string) tea.Cmd {
	f := pane.FilterMsg{Text: "service=" + quoted(service)}
	m.say(themes.Text, "logs and traces of %s: %s in each takes the filter away", service, m.keys.Key("leave"))
	m.activate("traces")
	return tea.Batch(m.tell("logs", f), m.tell("traces", f), m.fetchSoon())
}

func quoted(s string) string {
	if strings.ContainsAny(s, " \t\"") {
		return `"` + strings.ReplaceAll(s, `"`, "") + `"`
	}
	return s
}

// oneLine makes a text fit for the status line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
