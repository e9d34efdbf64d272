package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/widget"
)

// Shared says how a cockpit behaves whose session is not the operator's own: leaving ends the view and nothing else, and who
// may only look has no harmful keys. That the keys are off is a courtesy; the Session must refuse as well.
type Shared struct {
	Name    string        // whose cockpit it is, as in signal.Person
	Refused string        // why nothing may be started or undone: "you are a viewer"; "" for an operator
	Grace   time.Duration // after the last operator left until running faults are undone
	// Attach is called once before the first picture with a function that sends a message to the cockpit: a Notice, a Remark, or a
	// tea.WindowSizeMsg where the terminal is not this process's own. The function may be called from any goroutine until the
	// cockpit has ended; it waits while the cockpit has no time, and does nothing afterwards. nil: nobody wants it.
	Attach func(send func(tea.Msg))
}

// Notice is a sentence for the status line that must be seen, told by whoever runs the cockpit.
type Notice string

// Remark is a sentence for the status line that anything newer may cover.
type Remark string

// forbidden says why the person at this cockpit may not do something, "" when he may.
func (m *Model) forbidden(a keymap.Action) string {
	if m.shared == nil || m.shared.Refused == "" {
		return ""
	}
	switch a {
	case keymap.Experiments, keymap.LoadPlans, keymap.Switches, keymap.RaiseLoad, keymap.LowerLoad, keymap.HoldLoad,
		keymap.ResumeLoad, keymap.StopLoad, keymap.Incidents, keymap.Silence:
		return m.shared.Refused
	}
	if b, ok := m.keys.Lookup(a); ok && b.Danger { // abort, go on, and whatever comes to be dangerous
		return m.shared.Refused
	}
	return ""
}

// refuse says why an action is not for this person, and reports whether it is not.
func (m *Model) refuse(a keymap.Action) bool {
	why := m.forbidden(a)
	if why == "" {
		return false
	}
	b, _ := m.keys.Lookup(a)
	m.say(themes.Warning, "%s: %s", b.Short, why)
	return true
}

// part leaves a shared session. The last operator is told once what becomes of the faults.
func (m *Model) part() tea.Cmd {
	n := activeFaults(m.frame)
	if n == 0 || m.parted || m.shared.Refused != "" || m.otherOperator() {
		return tea.Quit
	}
	m.parted = true
	m.say(themes.Fault, "%s in force and no other operator is here: undone %s after you leave; %s again leaves, %s undoes everything now",
		plural(n, "fault"), widget.Duration(m.shared.Grace), m.keys.Key(keymap.Quit), m.keys.Key(keymap.Abort))
	return nil
}

// otherOperator reports whether an operator has another view open, be it the same person's.
func (m *Model) otherOperator() bool {
	views := 0
	for _, p := range m.frame.People {
		if p.Operator {
			views += p.Views
		}
	}
	return views > 1
}

// maxNames is how many people the header names.
const maxNames = 3

// people is who looks at the session; nobody is named where it is not shared.
func (m *Model) people() []item {
	all := m.frame.People
	if m.shared == nil || len(all) == 0 {
		return nil
	}
	number := []widget.Seg{sg(themes.Accent, "@"), sg(themes.Header, fmt.Sprintf("%d here", len(all)))}
	if len(all) > maxNames {
		return []item{piece(6, number...)}
	}
	var segs []widget.Seg
	for i, p := range all {
		if i > 0 {
			segs = append(segs, sg(themes.Header, " "))
		}
		dot, role := m.either("◆", "@"), themes.Accent
		if !p.Operator {
			dot, role = m.either("◇", "."), themes.Muted
		}
		name := themes.Muted
		if p.Name == m.shared.Name {
			name = themes.Header
		}
		segs = append(segs, sg(role, dot), sg(name, m.pen().Fit(oneLine(p.Name), 12)))
	}
	return []item{{segs: segs, brief: number, rank: 6}}
}

// tellArrivals says who came to a shared session and who left it since the frame before. A warning that stands there is not covered: the
// header has the names, and the timeline has both.
func (m *Model) tellArrivals(before, now []signal.Person) {
	if m.shared == nil || !m.seen || m.status.text != "" && m.status.role != themes.Text {
		return
	}
	has := func(all []signal.Person, name string) bool {
		return slices.ContainsFunc(all, func(p signal.Person) bool { return p.Name == name })
	}
	var said []string
	for _, p := range now {
		switch {
		case p.Name == m.shared.Name || has(before, p.Name):
		case p.Operator:
			said = append(said, oneLine(p.Name)+" is here now, an operator")
		default:
			said = append(said, oneLine(p.Name)+" is here now, a viewer")
		}
	}
	for _, p := range before {
		if p.Name != m.shared.Name && !has(now, p.Name) {
			said = append(said, oneLine(p.Name)+" has left")
		}
	}
	if len(said) > 0 {
		m.say(themes.Text, "%s", strings.Join(said, "; "))
	}
}

// startedBy names who started something, where several people share the session.
func startedBy(name string) string {
	if name == "" {
		return ""
	}
	return ", started by " + oneLine(name)
}

// smallKeys is what a terminal that is too small says about keys.
func (m *Model) smallKeys() string {
	quit := m.keys.Key(keymap.Quit) + " leaves"
	if m.forbidden(keymap.Abort) != "" {
		return quit
	}
	return m.keys.Key(keymap.Abort) + " still undoes everything, " + quit
}

// Greeting says who is at a shared session and what goes on there, for somebody who comes.
func Greeting(f *signal.Frame, me string) string {
	text := "you are alone here"
	others := ""
	for _, p := range f.People {
		if p.Name == me && p.Views <= 1 {
			continue
		}
		if others != "" {
			others += ", "
		}
		others += p.Name
		if !p.Operator {
			others += " (viewer)"
		}
	}
	if others != "" {
		text = "here: " + others
	}
	if e := f.Experiment; e != nil && e.Phase != signal.PhaseDone && e.Phase != signal.PhaseIdle {
		text += fmt.Sprintf("; %s runs%s", oneLine(e.Title), startedBy(e.By))
	} else if n := activeFaults(f); n > 0 {
		text += "; " + plural(n, "fault") + " in force"
	}
	return text
}
