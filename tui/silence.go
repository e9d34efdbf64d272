package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

type (
	// silenceMsg is what is to be done; a silence without a reason is asked for one first.
	silenceMsg struct{ act SilenceAct }
	// silencesMsg is what the systems answered about the silences in force.
	silencesMsg struct {
		box  *silenceBox
		list []Silence
		err  error
	}
	silencedMsg struct {
		said string
		err  error
	}
)

// quietFor are the lengths that are offered: a step of work, an hour, a shift, a day.
var quietFor = [...]time.Duration{15 * time.Minute, time.Hour, 8 * time.Hour, 24 * time.Hour}

// silenceBox is the picker of silences, to be told from the others when the answer comes.
type silenceBox struct {
	*overlay.Picker
	offers []overlay.Item
}

// pickSilence offers to keep an alert quiet, alone or with all of its name, and lists the silences in force.
func (m *Model) pickSilence(msg pane.SilenceMsg) tea.Cmd {
	var offers []overlay.Item
	offer := func(match signal.Attrs, what string) {
		for _, d := range quietFor {
			form := "15:04"
			if d > 12*time.Hour {
				form = "Mon 15:04"
			}
			offers = append(offers, overlay.Item{ID: fmt.Sprint(what, d), Title: fmt.Sprintf("silence %s for %s", what, lengthText(d)), Role: themes.Muted,
				Hint: "until " + m.clock().Add(d).Local().Format(form), Detail: m.quietened(match), Msg: silenceMsg{SilenceAct{Match: match, For: d}}})
		}
	}
	if len(msg.Match) > 0 {
		offer(msg.Match, "this alert")
	}
	if name := msg.Match.Get("alertname"); name != "" && len(msg.Match) > 1 {
		offer(signal.Attrs{{Key: "alertname", Value: name}}, "every "+oneLine(name))
	}
	title := "silences"
	if msg.Title != "" {
		title = "silence " + oneLine(msg.Title)
	}
	wait := overlay.Item{ID: "wait", Title: "asking which silences are in force", Role: themes.Muted, Hint: m.pen().Glyph(widget.Ellipsis)}
	box := &silenceBox{offers: offers}
	box.Picker = overlay.NewPicker(overlay.Picker{Title: title, Verb: "do it", Empty: "no silence is in force, and the cursor stands on no alert with labels"}, append(offers, wait))
	m.over = box
	s, ctx := m.session, m.ctx
	return func() tea.Msg {
		list, err := s.Silences(ctx)
		return silencesMsg{box, list, err}
	}
}

// quietened says what a silence would keep quiet: its labels, and which alerts of the screen have them.
func (m *Model) quietened(match signal.Attrs) string {
	n, names := 0, []string{}
	for i := range m.frame.Events {
		e := &m.frame.Events[i]
		if e.Kind != signal.EventAlert || !e.Open || !hasAll(e.Attrs, match) {
			continue
		}
		if n++; n <= 3 {
			names = append(names, oneLine(e.Title))
		}
	}
	text := fmt.Sprintf("Keeps quiet what has %s, now and until it ends: ", oneLine(match.String()))
	switch {
	case n == 0:
		return text + "no alert that goes on now. You are asked for the reason."
	case n > len(names):
		names = append(names, fmt.Sprintf("%d more", n-len(names)))
	}
	return text + strings.Join(names, ", ") + ". You are asked for the reason."
}

func hasAll(labels, match signal.Attrs) bool {
	for _, a := range match {
		if labels.Get(a.Key) != a.Value {
			return false
		}
	}
	return true
}

// silences puts what is in force under what is offered.
func (m *Model) silences(msg silencesMsg) {
	if m.over != overlay.Overlay(msg.box) {
		return // the operator went on
	}
	items := append([]overlay.Item(nil), msg.box.offers...)
	for _, s := range msg.list {
		title := "end the silence " + oneLine(s.Match)
		items = append(items, overlay.Item{ID: s.Source + "/" + s.ID, Title: title, Hint: "until " + s.Until.Local().Format("15:04"), Role: themes.Warning,
			Detail: oneLine(fmt.Sprintf("%s: %s (at %s, until %s)", s.By, s.Reason, s.Source, s.Until.Local().Format(time.DateTime))),
			Msg:    silenceMsg{SilenceAct{Expire: s.ID, Source: s.Source}}})
	}
	if msg.err != nil {
		items = append(items, overlay.Item{ID: "error", Title: "silences in force are not known", Role: themes.Failed, Hint: m.pen().Glyph(widget.Failed), Detail: oneLine(msg.err.Error())})
	}
	msg.box.SetItems(items)
}

// silence asks for the reason, or carries it out.
func (m *Model) silence(msg silenceMsg) tea.Cmd {
	act := msg.act
	if act.Expire == "" && act.Reason == "" {
		m.over = overlay.NewPrompt(overlay.Prompt{Label: "reason", Help: fmt.Sprintf("%s is quiet for %s; the reason stands beside it for everybody", oneLine(act.Match.String()), lengthText(act.For)),
			Done: func(text string) tea.Msg {
				if act.Reason = strings.TrimSpace(text); act.Reason == "" {
					return nil
				}
				return silenceMsg{act}
			}}, "")
		return nil
	}
	s, ctx := m.session, m.ctx
	m.say(themes.Text, "asking for it")
	return func() tea.Msg {
		said, err := s.Silence(ctx, act)
		return silencedMsg{said, err}
	}
}
