package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

func (m *Model) pickExperiment() {
	m.over = overlay.NewPicker(overlay.Picker{Title: "experiments", Verb: "read what it will hit",
		Empty: "no experiments: name files with some under experiments in gameday.yaml, or start with --experiment FILE; gameday demo has five to try"},
		choices(m.session.Experiments(), "", false))
}

func (m *Model) pickLoad() {
	items := choices(m.session.LoadPlans(), "", true)
	if l := m.frame.Load; l != nil && l.Running {
		stop := overlay.Item{ID: "stop", Title: "stop the load that runs", Hint: l.Name, Role: themes.Load, Msg: stopLoadMsg{},
			Detail: "Ends the load and leaves faults and experiments alone."}
		items = append([]overlay.Item{stop}, items...)
	}
	m.over = overlay.NewPicker(overlay.Picker{Title: "load plans", Verb: "read what it will do", Empty: "no load plans: name files with some under load in gameday.yaml, or start with --load FILE"}, items)
}

func choices(cs []Choice, kind string, load bool) []overlay.Item {
	var out []overlay.Item
	for _, c := range cs {
		out = append(out, overlay.Item{ID: c.ID, Title: oneLine(c.Title), Kind: kind, Detail: c.Detail, Msg: planMsg{choiceMsg{c, load}}})
	}
	return out
}

// switches is the picker of resilience patterns, to be told from the other pickers when a frame comes.
type switches struct{ *overlay.Picker }

func (m *Model) pickSwitches() {
	p := overlay.NewPicker(overlay.Picker{Title: "resilience patterns", Verb: "on or off", Stay: true,
		Empty: "this system has no switches"}, m.switchItems())
	m.over = switches{p}
}

func (m *Model) refreshSwitches() {
	if s, ok := m.over.(switches); ok {
		s.SetItems(m.switchItems())
	}
}

// switchItems lists the switches, the one for all of them first.
func (m *Model) switchItems() []overlay.Item {
	var out []overlay.Item
	pen := m.pen()
	for _, s := range m.frame.Switches {
		it := overlay.Item{ID: s.Name, Title: s.Name, Detail: s.Help, Msg: switchMsg{s.Name, !s.On}}
		switch {
		case m.pending[s.Name]:
			it.Hint, it.Role = pen.Glyph(widget.Ellipsis), themes.Muted
		case s.On:
			it.Hint, it.Role = pen.Glyph(widget.Passed)+" on ", themes.OK
		default:
			it.Hint, it.Role = pen.Glyph(widget.Pending)+" off", themes.Warning
		}
		if s.Name == "patterns" {
			it.Title = "all patterns"
			out = append([]overlay.Item{it}, out...)
			continue
		}
		out = append(out, it)
	}
	return out
}

func (m *Model) askNote() {
	m.over = overlay.NewPrompt(overlay.Prompt{Label: "note", Help: "one line onto the timeline",
		Done: func(text string) tea.Msg {
			if strings.TrimSpace(text) == "" {
				return nil
			}
			return noteMsg{text}
		}}, "")
}

func (m *Model) askFilter() {
	f, ok := m.filterer()
	id := m.active()
	if !ok {
		m.say(themes.Muted, "the pane %s has nothing to filter", id)
		return
	}
	before := f.Filter()
	send := func(text string) tea.Msg { return filteredMsg{id, text} }
	p := overlay.Prompt{Label: "filter " + id, Help: f.FilterHelp(), Check: f.CheckFilter,
		Live: send, Done: send, Undo: func() tea.Msg { return send(before) }}
	if c, ok := f.(pane.Completer); ok {
		p.Words = c.Completion(m.context(id))
	}
	m.over = overlay.NewPrompt(p, before)
}

func (m *Model) openPalette() {
	var items []overlay.Item
	for _, b := range m.keys.All() {
		if b.Palette {
			role, note := themes.Key, b.Long
			if why := m.whyNot(b.Action); why != "" {
				role, note = themes.Muted, "not now: "+why
			}
			items = append(items, overlay.Item{ID: "do:" + string(b.Action), Kind: "command", Title: b.Short, Note: note, Hint: m.keys.Key(b.Action), Role: role, Msg: actMsg{b.Action}})
		}
	}
	items = append(items, choices(m.session.Experiments(), "experiment", false)...)
	items = append(items, choices(m.session.LoadPlans(), "load", true)...)
	for i := range items {
		items[i].Detail = ""
	}
	for _, id := range m.order {
		items = append(items, overlay.Item{ID: "pane:" + id, Kind: "pane", Title: id, Msg: showPaneMsg{id}})
	}
	for _, s := range services(m.frame) {
		items = append(items, overlay.Item{ID: "service:" + s, Kind: "service", Title: s, Hint: "logs and traces", Role: themes.Muted, Msg: serviceMsg{s}})
	}
	for i, t := range m.frame.Traces {
		if i == 40 {
			break
		}
		items = append(items, traceItem(t))
	}
	for _, t := range m.themes {
		items = append(items, overlay.Item{ID: "theme:" + t.Name, Kind: "theme", Title: t.Name, Msg: themeMsg{t.Name}})
	}
	m.over = overlay.NewPicker(overlay.Picker{Title: "palette", Verb: "go", Typed: true, Extra: byID}, items)
}

func traceItem(t signal.TraceSummary) overlay.Item {
	role := themes.Muted
	hint := widget.Duration(t.Duration)
	if t.Errors > 0 {
		role, hint = themes.Failed, plural(t.Errors, "error")+"  "+hint
	}
	return overlay.Item{ID: "trace:" + t.ID.String(), Kind: "trace", Title: t.Service + " " + t.Name + "  " + t.ID.Short(), Hint: hint, Role: role,
		Msg: pane.OpenTraceMsg{ID: t.ID}}
}

// byID offers to focus what was typed or pasted: any text may be a correlation ID, and 32 hex digits are a trace.
func byID(query string) []overlay.Item {
	query = strings.TrimSpace(query)
	if len(query) < 6 || strings.ContainsAny(query, " \t") {
		return nil
	}
	if id, ok := signal.ParseTraceID(query); ok {
		return []overlay.Item{{ID: "open", Kind: "trace", Title: "open " + query, Msg: pane.OpenTraceMsg{ID: id}}}
	}
	return []overlay.Item{{ID: "focus", Kind: "focus", Title: "focus on " + query, Msg: pane.FocusMsg{ID: signal.CorrelationID(query)}}}
}

// services names every service the frame knows of.
func services(f *signal.Frame) []string {
	var out []string
	add := func(s string) {
		if s != "" && !slices.Contains(out, s) && len(out) < 100 {
			out = append(out, s)
		}
	}
	for _, p := range f.Processes {
		add(p.Name)
	}
	for _, t := range f.Traces {
		add(t.Service)
	}
	for i := range f.Logs {
		add(f.Logs[i].Service)
	}
	return out
}

// question writes a plan down for the operator.
func question(p Plan, c choiceMsg) overlay.Question {
	q := overlay.Question{Title: p.Title, Typed: p.Typed, Refused: p.Refused, Yes: "START", Msg: startMsg{c}, Own: p.Environment == "demo"}
	if q.Title == "" {
		q.Title = c.Title
	}
	fact := func(label string, role themes.Role, text string) {
		if text != "" {
			q.Facts = append(q.Facts, overlay.Fact{Label: label, Role: role, Text: text})
		}
	}
	env := themes.Text
	if p.Production {
		env, q.Production = themes.Production, p.Environment
	}
	fact("environment", env, p.Environment)
	fact("hypothesis", themes.Text, p.Hypothesis)
	for i, s := range p.Probes {
		fact(first(i, "probes"), themes.Text, s)
	}
	fact("load", themes.Load, p.Load)
	for _, f := range p.Faults {
		faultFacts(&q, f)
	}
	q.Facts = append(q.Facts, overlay.Fact{})
	if p.Duration > 0 {
		fact("takes", themes.Text, widget.Whole(p.Duration))
	}
	for i, s := range p.AbortWhen {
		fact(first(i, "stops early"), themes.Text, s)
	}
	return q
}

func faultFacts(q *overlay.Question, f PlannedFault) {
	add := func(label string, role themes.Role, text string) {
		q.Facts = append(q.Facts, overlay.Fact{Label: label, Role: role, Text: text})
	}
	add("", themes.Text, "")
	when := "at " + widget.Clock(f.At)
	if f.For > 0 {
		when += " for " + widget.Whole(f.For)
	}
	add("fault", themes.Fault, fmt.Sprintf("%s, %s, %s", f.Title, f.Kind, when))
	hit := strings.Join(f.Targets, ", ")
	if f.Share != "" {
		hit += " (" + f.Share + ")"
	}
	add("will hit", themes.Title, hit)
	for i, s := range f.Actions {
		add(first(i, "does"), themes.Text, s)
	}
	if f.Irreversible {
		add("undo", themes.Warning, "nothing to undo: "+f.Undo)
		return
	}
	add("undo", themes.OK, f.Undo)
}

// first shows a label beside the first of several rows.
func first(i int, label string) string {
	if i == 0 {
		return label
	}
	return ""
}
