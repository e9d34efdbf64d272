package tui

import (
	"maps"
	"slices"

	tea "charm.land/bubbletea/v2"

	"gameday/keymap"
	"gameday/themes"
	"gameday/tui/layout"
)

// The smallest pane, border included, that an operator can make; nudge is how far a key moves a line, as a share of its split.
const (
	leastWidth  = 24
	leastHeight = 5
	nudge       = 0.05
)

// arrangement is one way to lay out a workspace, and what the operator made of it.
type arrangement struct {
	name        string
	first, tree *layout.Node
	firstPages  []*layout.Node // for small screens: what is shown together, one above the other
	pages       []*layout.Node
	least       layout.Rect // the area from which all panes are shown together, whatever each needs
}

// Layout is what an operator made of a workspace.
type Layout struct {
	// Arrangement is the one that was on the screen last, by name; "" is the first.
	Arrangement string `json:"arrangement,omitempty"`
	// Sizes are the shares of the splits that have been moved, by arrangement; see layout.Node.Shares. A split of a page of a
	// small screen has "page " before its name.
	Sizes map[string]map[string]float64 `json:"sizes,omitempty"`
}

// Layouts are those of the workspaces that the operator changed, by name.
type Layouts map[string]Layout

const onPage = "page "

func (a *arrangement) reset() { a.tree, a.pages = a.first, slices.Clone(a.firstPages) }

// sizes lists the shares that differ from the first ones.
func (a *arrangement) sizes() map[string]float64 {
	out := map[string]float64{}
	add := func(prefix string, now, first *layout.Node) {
		was := first.Shares()
		for k, v := range now.Shares() {
			if was[k] != v {
				out[prefix+k] = v
			}
		}
	}
	add("", a.tree, a.first)
	for i := range a.pages {
		add(onPage, a.pages[i], a.firstPages[i])
	}
	return out
}

// restore takes sizes as they were kept.
func (a *arrangement) restore(sizes map[string]float64) {
	a.reset()
	a.tree = a.tree.WithShares(sizes)
	small := map[string]float64{}
	for k, v := range sizes {
		if len(k) > len(onPage) && k[:len(onPage)] == onPage {
			small[k[len(onPage):]] = v
		}
	}
	for i := range a.pages {
		a.pages[i] = a.pages[i].WithShares(small)
	}
}

// made is what there is to keep of a workspace; ok is false when it is as it came.
func (w *workspace) made() (l Layout, ok bool) {
	if w.at > 0 {
		l.Arrangement = w.ways[w.at].name
	}
	for i := range w.ways {
		if sizes := w.ways[i].sizes(); len(sizes) > 0 {
			if l.Sizes == nil {
				l.Sizes = map[string]map[string]float64{}
			}
			l.Sizes[w.ways[i].name] = sizes
		}
	}
	return l, l.Arrangement != "" || l.Sizes != nil
}

// take makes a workspace as it was kept. What is unknown here is left out.
func (w *workspace) take(l Layout) {
	for i := range w.ways {
		a := &w.ways[i]
		a.restore(l.Sizes[a.name])
		if a.name == l.Arrangement {
			w.at = i
		}
	}
	w.settle()
}

// settle makes sure that the cursor is on a pane that is there.
func (w *workspace) settle() {
	w.rev++
	if panes := w.tree().Panes(); len(panes) > 0 && !slices.Contains(panes, w.active) {
		w.active = panes[0]
	}
}

// cycle takes the workspace's next arrangement.
func (w *workspace) cycle() {
	w.at = (w.at + 1) % len(w.ways)
	w.zoomed = false
	w.settle()
}

// reset makes the workspace as it came.
func (w *workspace) reset() {
	for i := range w.ways {
		w.ways[i].reset()
	}
	w.at, w.zoomed = 0, false
	w.settle()
}

// actLayout does what changes the arrangement of the panes.
func (m *Model) actLayout(a keymap.Action) (tea.Cmd, bool) {
	w := m.here()
	switch a {
	case keymap.Grow:
		m.rearrange(func(p layout.Placement, n *layout.Node) *layout.Node { return p.Grown(n, w.active, nudge) })
	case keymap.Shrink:
		m.rearrange(func(p layout.Placement, n *layout.Node) *layout.Node { return p.Grown(n, w.active, -nudge) })
	case keymap.PushLeft:
		m.push(layout.ToLeft)
	case keymap.PushRight:
		m.push(layout.ToRight)
	case keymap.PushUp:
		m.push(layout.Above)
	case keymap.PushDown:
		m.push(layout.Below)
	case keymap.Even:
		w.reset()
		m.touched(m.space)
		m.say(themes.Text, "workspace %s is as it came", w.name)
		return m.fetchSoon(), true
	case keymap.Arrange:
		if len(w.ways) < 2 {
			m.say(themes.Muted, "workspace %s has one arrangement", w.name)
			return nil, true
		}
		w.cycle()
		m.touched(m.space)
		small := ""
		if m.placement(); m.screen.pages != nil {
			small = "; this terminal shows it in pages"
		}
		m.say(themes.Text, "arrangement %d of %d: %s%s; %s is the first", w.at+1, len(w.ways), w.ways[w.at].name, small, m.keys.Key(keymap.Even))
		return m.fetchSoon(), true // other panes want other things
	default:
		return nil, false
	}
	return nil, true
}

func (m *Model) push(dir layout.Direction) {
	w := m.here()
	m.rearrange(func(p layout.Placement, n *layout.Node) *layout.Node { return p.Pushed(n, w.active, dir, nudge) })
}

// rearrange changes the sizes on the screen, and says so when they cannot be changed further.
func (m *Model) rearrange(change func(layout.Placement, *layout.Node) *layout.Node) {
	place := m.placement()
	n := m.screen.tree
	switch {
	case m.here().zoomed:
		m.say(themes.Muted, "the pane is alone on the screen: %s brings the others back", m.keys.Key(keymap.Zoom))
		return
	case n == nil || len(place.Dividers) == 0:
		m.say(themes.Muted, "there is no pane beside this one: %s takes another arrangement", m.keys.Key(keymap.Arrange))
		return
	}
	next := change(place, n)
	if next == n {
		m.say(themes.Muted, "there is nothing more to move: no pane is smaller than %dx%d", leastWidth, leastHeight)
		return
	}
	m.put(next)
}

// put takes a tree for the one on the screen.
func (m *Model) put(n *layout.Node) {
	w := m.here()
	way := &w.ways[w.at]
	if m.screen.pages == nil {
		way.tree = n
	} else if i := slices.Index(way.pages, m.screen.tree); i >= 0 {
		way.pages[i] = n
	}
	w.rev++
	m.touched(m.space)
}

// Merge is the list with the changes of another: what is as it came is left out.
func (l Layouts) Merge(changes Layouts) Layouts {
	out := maps.Clone(l)
	if out == nil {
		out = Layouts{}
	}
	for name, c := range changes {
		out[name] = c
		if c.Arrangement == "" && len(c.Sizes) == 0 {
			delete(out, name)
		}
	}
	return out
}
