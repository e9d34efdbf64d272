package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/overlay"
	"gameday/tui/widget"
)

type (
	planMsg    struct{ of choiceMsg }
	plannedMsg struct {
		of   choiceMsg
		box  *overlay.Confirm
		plan Plan
		err  error
	}
	choiceMsg struct {
		Choice
		load bool
	}
	startMsg   struct{ of choiceMsg }
	startedMsg struct {
		of  choiceMsg
		err error
	}
	abortedMsg struct {
		what Aborted
		took time.Duration
		err  error
	}
	proceededMsg struct{ err error }
	stopLoadMsg  struct{}
	stoppedMsg   struct{ err error }
	adjustedMsg  struct {
		said string
		err  error
	}
	switchMsg struct {
		name string
		on   bool
	}
	switchedMsg struct {
		switchMsg
		err error
	}
	noteMsg struct{ text string }
)

// done carries out what was decided in an overlay, and takes the answers of commands.
func (m *Model) done(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case planMsg:
		return m.plan(msg.of), true
	case plannedMsg:
		return m.planned(msg), true
	case startMsg:
		return m.start(msg.of), true
	case startedMsg:
		return m.started(msg), true
	case abortedMsg:
		return m.aborted(msg), true
	case incidentMsg:
		return m.incident(msg), true
	case incidentDoneMsg:
		return m.incidentDone(msg), true
	case silenceMsg:
		return m.silence(msg), true
	case silencesMsg:
		m.silences(msg)
		return nil, true
	case silencedMsg:
		m.report(msg.err, "silence", oneLine(msg.said))
		return m.fetchSoon(), true
	case proceededMsg:
		m.report(msg.err, "go on", "go-ahead given")
		return m.fetchSoon(), true
	case stopLoadMsg:
		s, ctx := m.session, m.ctx
		return func() tea.Msg { return stoppedMsg{s.StopLoad(ctx)} }, true
	case stoppedMsg:
		m.report(msg.err, "stop the load", "load stopped")
		return m.fetchSoon(), true
	case adjustedMsg:
		m.report(msg.err, "change the load", msg.said)
		return m.fetchSoon(), true
	case explainedMsg:
		msg.box.Tell(msg.answer, msg.err)
		return nil, true
	case switchMsg:
		return m.turn(msg), true
	case switchedMsg:
		delete(m.pending, msg.name)
		m.report(msg.err, "turn "+msg.name, msg.name+" is "+onOff(msg.on))
		m.refreshSwitches()
		return m.fetchSoon(), true
	case noteMsg:
		s := m.session
		m.say(themes.Text, "noted: %s", oneLine(msg.text))
		return func() tea.Msg { s.Note(msg.text); return nil }, true
	}
	return nil, false
}

// report says how something ended.
func (m *Model) report(err error, what, fine string) {
	if err != nil {
		m.say(themes.Failed, "could not %s: %s", what, oneLine(err.Error()))
		return
	}
	m.say(themes.OK, "%s", fine)
}

func (m *Model) plan(c choiceMsg) tea.Cmd {
	box := overlay.NewConfirm(c.Title)
	m.over = box
	s, ctx := m.session, m.ctx
	return func() tea.Msg {
		p, err := s.Plan(ctx, c.ID)
		return plannedMsg{c, box, p, err}
	}
}

func (m *Model) planned(msg plannedMsg) tea.Cmd {
	if m.over != overlay.Overlay(msg.box) {
		return nil // the operator went on
	}
	if msg.err != nil {
		msg.box.Fail(msg.err)
		return nil
	}
	return msg.box.Ask(question(msg.plan, msg.of))
}

func (m *Model) start(c choiceMsg) tea.Cmd {
	s, ctx := m.session, m.ctx
	m.say(themes.Fault, "starting: %s", c.Title)
	return func() tea.Msg {
		if c.load {
			return startedMsg{c, s.StartLoad(ctx, c.ID)}
		}
		return startedMsg{c, s.StartExperiment(ctx, c.ID)}
	}
}

func (m *Model) started(msg startedMsg) tea.Cmd {
	if msg.err != nil {
		m.say(themes.Failed, "could not start %s: %s", msg.of.Title, oneLine(msg.err.Error()))
		return nil
	}
	m.say(themes.Fault, "started: %s; %s undoes everything", msg.of.Title, m.keys.Key("abort"))
	if !msg.of.load {
		m.activate("experiment")
	}
	return m.fetchSoon()
}

// readFor is how long a question must have been there before it can be answered: a key that was meant for something else
// is no go-ahead.
const readFor = time.Second

// proceed gives the go-ahead that the experiment waits for.
func (m *Model) proceed() tea.Cmd {
	q := suspension(m.frame)
	switch {
	case q == nil:
		m.say(themes.Muted, "no experiment waits for a go-ahead")
		return nil
	case m.now().Sub(q.Since) < readFor:
		m.say(themes.Warning, "read first what it waits for: %s", oneLine(q.Message))
		return nil
	}
	s := m.session
	return func() tea.Msg { return proceededMsg{s.Proceed()} }
}

// suspension is what the experiment waits for, nil when it goes on.
func suspension(f *signal.Frame) *signal.Suspension {
	if f == nil || f.Experiment == nil || f.Experiment.Phase == signal.PhaseDone {
		return nil
	}
	return f.Experiment.Suspended
}

// abort undoes everything, at once and without a question. Whatever was open is closed, so that the answer is seen.
func (m *Model) abort() tea.Cmd {
	m.over = nil
	if m.past(keymap.Abort) || m.refuse(keymap.Abort) || m.aborting {
		return nil
	}
	m.aborting = true
	m.say(themes.Fault, "aborting: undoing every fault, stopping all load")
	who := "the operator"
	if m.shared != nil && m.shared.Name != "" { // the experiment that ends may be another's, and it is he who has to know
		who = oneLine(m.shared.Name)
	}
	return m.undoAll("aborted by " + who)
}

func (m *Model) undoAll(reason string) tea.Cmd {
	s, now := m.session, m.now
	ctx := context.WithoutCancel(m.ctx) // an undo is carried through also when the cockpit is on its way out
	return func() tea.Msg {
		began := now()
		what, err := s.Abort(ctx, reason)
		return abortedMsg{what, now().Sub(began), err}
	}
}

func (m *Model) aborted(msg abortedMsg) tea.Cmd {
	m.aborting = false
	if msg.err != nil {
		m.say(themes.Failed, "abort: %s", oneLine(msg.err.Error()))
		m.status.until = m.now().Add(10 * statusFor)
		if m.leaving {
			m.leaving = false
			m.status.text += "; " + string(m.keys.Key("quit")) + " again leaves anyway"
			m.err = msg.err
		}
		return m.fetchSoon()
	}
	if m.leaving {
		return tea.Quit
	}
	text := abortText(msg.what, msg.took)
	if k := m.keys.Key(keymap.LoadPlans); msg.what.Load && m.loads && k != "" {
		text += "; " + k + " brings load back"
	}
	m.say(themes.OK, "%s", text)
	return m.fetchSoon()
}

func abortText(a Aborted, took time.Duration) string {
	var parts []string
	if a.Faults > 0 {
		parts = append(parts, fmt.Sprintf("%s undone in %s", plural(a.Faults, "fault"), widget.Duration(took)))
	}
	if a.Load {
		parts = append(parts, "load stopped")
	}
	if a.Experiment {
		parts = append(parts, "experiment ended")
	}
	if len(parts) == 0 {
		return "aborted: no fault was in force and no load ran"
	}
	return "aborted: " + strings.Join(parts, "; ")
}

// quit leaves. Faults in force are undone first, on the screen; a second time leaves at once, and the session's own end
// undoes them.
func (m *Model) quit() tea.Cmd {
	m.over = nil
	if m.shared != nil {
		return m.part()
	}
	n := activeFaults(m.frame)
	if m.play != nil {
		n = 0 // what was in force then
	}
	if m.leaving || m.err != nil || n == 0 {
		m.err = nil
		return tea.Quit
	}
	m.leaving = true
	m.say(themes.Fault, "leaving: undoing %s first", plural(n, "fault"))
	if m.aborting {
		return nil
	}
	m.aborting = true
	return m.undoAll("the operator left")
}

func (m *Model) turn(msg switchMsg) tea.Cmd {
	if m.pending[msg.name] {
		return nil
	}
	m.pending[msg.name] = true
	m.refreshSwitches()
	s, ctx := m.session, m.ctx
	return func() tea.Msg { return switchedMsg{msg, s.Set(ctx, msg.name, msg.on)} }
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	if strings.HasSuffix(word, "s") {
		return fmt.Sprintf("%d %ses", n, word)
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func activeFaults(f *signal.Frame) int {
	n := 0
	for i := range f.Faults {
		if f.Faults[i].Phase.Active() {
			n++
		}
	}
	return n
}
