package tui

import (
	"slices"

	"gameday/keymap"
	"gameday/themes"
	"gameday/tui/layout"
)

// The smallest pane, border included, that a split tree may make; below that panes are stacked on pages.
const (
	paneWidth  = 50
	paneHeight = 9
)

// workspace is one arrangement of panes out of several. It remembers what the operator made of it.
type workspace struct {
	name   string
	ways   []arrangement
	at     int // the one that is shown
	rev    int // counts changes
	active string
	zoomed bool
}

// tree is the arrangement's, nil when there are no panes.
func (w *workspace) tree() *layout.Node {
	if len(w.ways) == 0 {
		return nil
	}
	return w.ways[w.at].tree
}

func workspaces() [8]workspace {
	leaf, cols, rows := layout.Leaf, layout.Columns, layout.Rows
	ways := [8][]arrangement{
		{
			{name: "four", first: cols(0.5, rows(0.5, leaf("metrics"), leaf("logs")), rows(0.5, leaf("traces"), leaf("experiment"))),
				firstPages: []*layout.Node{layout.Stack("metrics", "experiment"), layout.Stack("traces", "logs")}},
			{name: "logs below", first: rows(0.6, cols(0.5, leaf("metrics"), rows(0.5, leaf("traces"), leaf("experiment"))), leaf("logs"))},
			{name: "traces wide", first: rows(0.4, cols(0.5, leaf("metrics"), leaf("experiment")), cols(0.6, leaf("traces"), leaf("logs")))},
		},
		{
			{name: "alone", first: leaf("load")},
			{name: "over metrics", first: rows(0.6, leaf("load"), leaf("metrics"))},
			{name: "beside traces and logs", first: cols(0.55, leaf("load"), rows(0.5, leaf("traces"), leaf("logs")))},
		},
		{
			{name: "all", first: cols(0.5, rows(0.6, leaf("experiment"), leaf("faults")), rows(0.4, leaf("catalog"), rows(0.5, leaf("runs"), leaf("definitions"))))},
			{name: "run", first: cols(0.6, leaf("experiment"), rows(0.5, leaf("faults"), leaf("runs")))},
			{name: "prepare", first: cols(0.5, leaf("catalog"), leaf("definitions"))},
		},
		{
			{name: "over the map", first: rows(0.45, leaf("traces"), leaf("map")), firstPages: []*layout.Node{leaf("traces"), leaf("map")},
				least: layout.Rect{W: 100, H: 40}}, // half a waterfall is no use
			{name: "alone", first: leaf("traces")},
			{name: "over logs", first: rows(0.6, leaf("traces"), leaf("logs"))},
			{name: "map alone", first: leaf("map")},
		},
		{
			{name: "over patterns", first: rows(0.62, leaf("logs"), leaf("patterns"))},
			{name: "beside patterns", first: cols(0.62, leaf("logs"), leaf("patterns"))},
			{name: "alone", first: leaf("logs")},
		},
		{
			{name: "alone", first: leaf("dashboard")},
			{name: "over traces and logs", first: rows(0.6, leaf("dashboard"), cols(0.5, leaf("traces"), leaf("logs")))},
		},
		{
			{name: "all", first: cols(0.55,
				rows(0.4, leaf("slos"), rows(0.5, leaf("alerts"), leaf("scorecard"))),
				rows(0.34, leaf("processes"), rows(0.5, leaf("host"), leaf("sources"))))},
			{name: "promises", first: cols(0.55, leaf("slos"), rows(0.5, leaf("alerts"), leaf("scorecard")))},
			{name: "machine", first: rows(0.5, leaf("processes"), cols(0.5, leaf("host"), leaf("sources")))},
		},
		{
			{name: "over events", first: rows(0.55, leaf("incidents"), leaf("events"))},
			{name: "at work", first: cols(0.5, rows(0.5, leaf("incidents"), leaf("events")), rows(0.4, leaf("alerts"), leaf("logs")))},
		},
	}
	var out [8]workspace
	for i, name := range keymap.WorkspaceNames() {
		out[i] = workspace{name: name, ways: ways[i]}
	}
	return out
}

// keep drops the panes that are not there, and arrangements that are nothing without them.
func (w *workspace) keep(slots map[string]*slot) {
	has := func(id string) bool { return slots[id] != nil }
	var ways []arrangement
	for _, a := range w.ways {
		if a.first = a.first.Only(has); a.first == nil {
			continue
		}
		var pages []*layout.Node
		for _, p := range a.firstPages {
			if p = p.Only(has); p != nil {
				pages = append(pages, p)
			}
		}
		if a.firstPages == nil {
			for pair := range slices.Chunk(a.first.Panes(), 2) {
				pages = append(pages, layout.Stack(pair...))
			}
		}
		a.firstPages = pages
		a.reset()
		ways = append(ways, a)
	}
	w.ways = ways
	w.settle()
}

// place says where the workspace's panes go, as the parts of which tree, and on which page of how many the active one is.
func (w *workspace) place(area layout.Rect) (p layout.Placement, tree *layout.Node, pages [][]string) {
	if w.tree() == nil {
		return layout.Placement{Area: area}, nil, nil
	}
	way := &w.ways[w.at]
	if w.zoomed {
		return layout.Place(layout.Leaf(w.active), area), nil, nil
	}
	if layout.Place(way.first, area).Fits(paneWidth, paneHeight) && area.W >= way.least.W && area.H >= way.least.H {
		return layout.PlaceAtLeast(way.tree, area, leastWidth, leastHeight), way.tree, nil
	}
	single := area.H < 2*paneHeight
	for _, n := range way.pages {
		if panes := n.Panes(); !single {
			pages = append(pages, panes)
		} else {
			for _, id := range panes {
				pages = append(pages, []string{id})
			}
		}
	}
	tree = layout.Leaf(w.active)
	for _, n := range way.pages {
		if !single && slices.Contains(n.Panes(), w.active) {
			tree = n
		}
	}
	return layout.PlaceAtLeast(tree, area, leastWidth, leastHeight), tree, pages
}

// step is the pane n places after the active one.
func (w *workspace) step(n int, pages [][]string) string {
	panes := w.tree().Panes()
	if pages != nil {
		panes = slices.Concat(pages...)
	}
	if len(panes) == 0 {
		return ""
	}
	i := max(slices.Index(panes, w.active), 0)
	return panes[(i+n+len(panes))%len(panes)]
}

func (m *Model) here() *workspace { return &m.spaces[m.space] }

func (m *Model) active() string { return m.here().active }

// geometry remembers where everything was put, for drawing and for the mouse.
type geometry struct {
	width, height, space int
	strip                int // rows of captions
	rev                  int // of the workspace
	zoomed               bool
	active               string
	place                layout.Placement
	tree                 *layout.Node // that was placed; nil when a pane is zoomed
	pages                [][]string
}

// lines is how many rows the timeline has.
func (m *Model) lines() int {
	if m.height >= 40 {
		return 2
	}
	return 1
}

// area is where the panes go: below the header, above timeline, status and footer.
func (m *Model) area() layout.Rect {
	return layout.Rect{X: 0, Y: 1, W: m.width, H: max(m.height-3-m.lines()-m.strip(), 0)}
}

func (m *Model) placement() layout.Placement {
	w := m.here()
	g := &m.screen
	if g.width != m.width || g.height != m.height || g.space != m.space || g.rev != w.rev || g.zoomed != w.zoomed || g.strip != m.strip() || g.active != w.active {
		place, tree, pages := w.place(m.area())
		*g = geometry{m.width, m.height, m.space, m.strip(), w.rev, w.zoomed, w.active, place, tree, pages}
	}
	return g.place
}

// visible lists the panes on the screen.
func (m *Model) visible() []string {
	var out []string
	for _, p := range m.placement().Panes {
		out = append(out, p.Pane)
	}
	return out
}

// activate moves the cursor to a pane; it changes the arrangement or the workspace when the pane is not in this one.
func (m *Model) activate(id string) {
	if m.slots[id] == nil {
		return
	}
	shows := func(w *workspace) bool { return slices.Contains(w.tree().Panes(), id) }
	if !shows(m.here()) {
		if i := slices.IndexFunc(m.spaces[:], func(w workspace) bool { return shows(&w) }); i >= 0 {
			m.space = i
		} else if !m.arrangeFor(id) {
			return
		}
	}
	m.here().active, m.beforeMap = id, beforeMap{}
}

// arrangeFor takes the first arrangement that has the pane, in this workspace or another.
func (m *Model) arrangeFor(id string) bool {
	for n := range m.spaces {
		i := (m.space + n) % len(m.spaces)
		w := &m.spaces[i]
		for k := range w.ways {
			if slices.Contains(w.ways[k].tree.Panes(), id) {
				w.at, m.space = k, i
				w.settle()
				return true
			}
		}
	}
	return false
}

// goTo shows a workspace.
func (m *Model) goTo(i int) {
	if m.spaces[i].tree() == nil {
		m.say(themes.Text, "workspace %s has no panes here", m.spaces[i].name)
		return
	}
	m.space, m.beforeMap = i, beforeMap{}
}
