package tui

import (
	"maps"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/themes"
)

// keepAfter is how long an operator must have left the sizes alone until they are kept.
const keepAfter = time.Second

// keeper keeps the operator's layouts, one change after the other: what was made last is what stays, also when the cockpit ends while
// something is being kept. What could not be kept is tried again with what comes next. It is safe for concurrent use.
type keeper struct {
	keep func(Layouts) error

	turn chan struct{} // has room for who is keeping something
	mu   sync.Mutex
	open Layouts // what is still to be kept
}

func newKeeper(keep func(Layouts) error) *keeper {
	return &keeper{keep: keep, turn: make(chan struct{}, 1)}
}

// add says what has been changed.
func (k *keeper) add(changed Layouts) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open == nil {
		k.open = Layouts{}
	}
	maps.Copy(k.open, changed)
}

// save keeps all that has been added until its turn comes; whoever comes later finds nothing left of it.
func (k *keeper) save() error {
	k.turn <- struct{}{}
	defer func() { <-k.turn }()
	k.mu.Lock()
	list := k.open
	k.open = nil
	k.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	err := k.keep(list)
	if err != nil {
		k.mu.Lock()
		maps.Copy(list, k.open) // what has been changed meanwhile is newer
		k.open = list
		k.mu.Unlock()
	}
	return err
}

// touched remembers that a workspace was changed, to keep it when the operator has left it alone for a moment.
func (m *Model) touched(space int) {
	if m.keeper == nil {
		return
	}
	m.changed[space] = true
	m.keepAt = m.now().Add(keepAfter)
}

// keptMsg says how keeping went.
type keptMsg struct{ err error }

// remember keeps what was changed, beside the screen and never twice at a time.
func (m *Model) remember() tea.Cmd {
	if m.keepAt.IsZero() || m.keeping || m.now().Before(m.keepAt) {
		return nil
	}
	k := m.keeper
	k.add(m.leftovers())
	m.keeping = true
	return func() tea.Msg { return keptMsg{k.save()} }
}

// leftovers are the workspaces that are still to be kept. One that is as it came has an empty layout.
func (m *Model) leftovers() Layouts {
	m.keepAt = time.Time{}
	out := Layouts{}
	for i := range m.spaces {
		if m.changed[i] {
			out[m.spaces[i].name], _ = m.spaces[i].made()
		}
	}
	m.changed = [8]bool{}
	return out
}

// kept takes how keeping went. That it fails is told once, until it succeeds again; it is tried again with the next change, and when the
// cockpit ends.
func (m *Model) kept(msg keptMsg) {
	m.keeping = false
	if msg.err != nil && !m.keepFailed {
		m.say(themes.Warning, "the layout is not remembered yet, the next change tries again: %s", oneLine(msg.err.Error()))
	}
	m.keepFailed = msg.err != nil
}

// keepLast keeps what is left when the cockpit has ended, after what is being kept.
func (m *Model) keepLast() {
	if m.keeper == nil {
		return
	}
	m.keeper.add(m.leftovers())
	_ = m.keeper.save() // there is no screen left to say it on; whoever keeps has a log
}
