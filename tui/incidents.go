package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/widget"
)

type (
	// incidentMsg is what is to be done; when it needs a text, the operator is asked for it first.
	incidentMsg struct {
		act IncidentAct
		ask string // the prompt's label; "" for none
	}
	incidentDoneMsg struct {
		said string
		err  error
	}
)

// severities are what the levels mean, the worst first.
var severities = [...]string{"users cannot do what they came for", "users are hindered", "some users notice", "nobody outside notices yet"}

// pickIncident lists what can be done about the incidents that are not resolved, and the opening of another.
func (m *Model) pickIncident() {
	var items []overlay.Item
	for i := range m.frame.Incidents {
		if inc := &m.frame.Incidents[i]; inc.Resolved.IsZero() {
			items = append(items, m.incidentItems(inc)...)
		}
	}
	var trace signal.TraceID
	if id, ok := m.focus.current.TraceID(); ok {
		trace = id
	}
	for i, what := range severities {
		items = append(items, overlay.Item{ID: fmt.Sprint("open", i+1), Title: fmt.Sprintf("open a SEV%d incident", i+1), Hint: what, Role: themes.Muted,
			Detail: "Asks for a title in a few words. The request that the cockpit is narrowed to is kept with it. Nothing is done to the system.",
			Msg:    incidentMsg{IncidentAct{Do: "open", Severity: i + 1, Trace: trace}, fmt.Sprintf("SEV%d incident", i+1)}})
	}
	m.over = overlay.NewPicker(overlay.Picker{Title: "incidents", Verb: "do it"}, items)
}

func (m *Model) incidentItems(inc *signal.Incident) []overlay.Item {
	name := fmt.Sprintf("SEV%d %s", inc.Severity, oneLine(inc.Title))
	item := func(do, title, hint, ask string) overlay.Item {
		return overlay.Item{ID: do + inc.ID, Title: title, Hint: hint, Role: themes.Muted, Detail: name, Msg: incidentMsg{IncidentAct{Do: do, ID: inc.ID}, ask}}
	}
	var out []overlay.Item
	if inc.Acknowledged.IsZero() {
		out = append(out, item("acknowledge", "acknowledge: "+name, "somebody takes it", ""))
	}
	out = append(out, item("update", "tell about: "+name, "how it stands", "update"))
	out = append(out, item("escalate", "pass on: "+name, inc.LevelName+" is told now", ""))
	for s := 1; s <= len(severities); s++ {
		if s != inc.Severity {
			it := item("severity", fmt.Sprintf("make it SEV%d: %s", s, oneLine(inc.Title)), severities[s-1], "")
			it.ID += fmt.Sprint(s)
			it.Msg = incidentMsg{IncidentAct{Do: "severity", ID: inc.ID, Severity: s}, ""}
			out = append(out, it)
		}
	}
	return append(out, item("resolve", "resolve: "+name, "it is over", "how it ended"))
}

// incident asks for the text that an act needs, or carries it out.
func (m *Model) incident(msg incidentMsg) tea.Cmd {
	if msg.ask != "" {
		help := "one line, for the timeline and the post-mortem"
		if msg.act.Do == "open" {
			help = "what users see, in a few words"
		}
		m.over = overlay.NewPrompt(overlay.Prompt{Label: msg.ask, Help: help, Done: func(text string) tea.Msg {
			act := msg.act
			if act.Text = strings.TrimSpace(text); act.Text == "" {
				return nil
			}
			return incidentMsg{act, ""}
		}}, "")
		return nil
	}
	s, ctx, act := m.session, m.ctx, msg.act
	return func() tea.Msg {
		said, err := s.Incident(ctx, act)
		return incidentDoneMsg{said, err}
	}
}

func (m *Model) incidentDone(msg incidentDoneMsg) tea.Cmd {
	if msg.err != nil {
		m.say(themes.Failed, "%s", oneLine(msg.err.Error()))
	} else {
		m.say(themes.OK, "%s", oneLine(msg.said))
	}
	return m.fetchSoon()
}

// openIncident is the worst incident that nobody has resolved, for the header; nil when there is none.
func openIncident(f *signal.Frame) *signal.Incident {
	var worst *signal.Incident
	for i := range f.Incidents {
		inc := &f.Incidents[i]
		if inc.Resolved.IsZero() && (worst == nil || inc.Severity < worst.Severity) {
			worst = inc
		}
	}
	return worst
}

// incidentMark is what the header says of it; on a narrow screen the severity alone, in the role of its status.
func incidentMark(pen widget.Pen, inc *signal.Incident, wide bool) string {
	if !wide {
		return fmt.Sprintf("%s SEV%d", pen.Glyph(widget.Alarm), inc.Severity)
	}
	return fmt.Sprintf("%s SEV%d %s", pen.Glyph(widget.Alarm), inc.Severity, inc.Status())
}
