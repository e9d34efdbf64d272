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

// workspace is one arrangement of panes. It remembers what the operator made of it.
type workspace struct {
	name   string
	first  *layout.Node // as it came
	tree   *layout.Node
	pages  [][]string // for small screens: what is shown together, one above the other
	active string
	zoomed bool
}

func workspaces() [8]workspace {
	quad := layout.Columns(0.5,
		layout.Rows(0.5, layout.Leaf("metrics"), layout.Leaf("logs")),
		layout.Rows(0.5, layout.Leaf("traces"), layout.Leaf("experiment")))
	trees := [8]*layout.Node{
		quad,
		layout.Leaf("load"),
		layout.Columns(0.5, layout.Rows(0.6, layout.Leaf("experiment"), layout.Leaf("faults")),
			layout.Rows(0.4, layout.Leaf("catalog"), layout.Rows(0.5, layout.Leaf("runs"), layout.Leaf("definitions")))),
		layout.Leaf("traces"),
		layout.Rows(0.62, layout.Leaf("logs"), layout.Leaf("patterns")),
		layout.Leaf("dashboard"),
		layout.Columns(0.55,
			layout.Rows(0.4, layout.Leaf("slos"), layout.Rows(0.5, layout.Leaf("alerts"), layout.Leaf("scorecard"))),
			layout.Rows(0.34, layout.Leaf("processes"), layout.Rows(0.5, layout.Leaf("host"), layout.Leaf("sources")))),
		layout.Rows(0.55, layout.Leaf("incidents"), layout.Leaf("events")),
	}
	var out [8]workspace
	for i, name := range keymap.WorkspaceNames() {
		out[i] = workspace{name: name, first: trees[i]}
	}
	out[0].pages = [][]string{{"metrics", "experiment"}, {"traces", "logs"}}
	return out
}

// keep drops the panes that are not there.
func (w *workspace) keep(slots map[string]*slot) {
	has := func(id string) bool { return slots[id] != nil }
	w.first = w.first.Only(has)
	w.tree = w.first
	panes := w.tree.Panes()
	var pages [][]string
	for _, p := range w.pages {
		if p = slices.DeleteFunc(slices.Clone(p), func(id string) bool { return !has(id) }); len(p) > 0 {
			pages = append(pages, p)
		}
	}
	if w.pages == nil {
		for pair := range slices.Chunk(panes, 2) {
			pages = append(pages, pair)
		}
	}
	w.pages = pages
	if len(panes) > 0 {
		w.active = panes[0]
	}
}

// place says where the workspace's panes go, and on which page of how many the active one is.
func (w *workspace) place(area layout.Rect) (p layout.Placement, pages [][]string) {
	if w.tree == nil {
		return layout.Placement{Area: area}, nil
	}
	if w.zoomed {
		return layout.Stack([]string{w.active}, area), nil
	}
	if p := layout.Place(w.tree, area); p.Fits(paneWidth, paneHeight) {
		return p, nil
	}
	pages = w.pages
	if area.H < 2*paneHeight {
		pages = nil
		for _, page := range w.pages {
			for _, id := range page {
				pages = append(pages, []string{id})
			}
		}
	}
	for _, page := range pages {
		if slices.Contains(page, w.active) {
			return layout.Stack(page, area), pages
		}
	}
	return layout.Stack([]string{w.active}, area), pages
}

// step is the pane n places after the active one.
func (w *workspace) step(n int, pages [][]string) string {
	panes := w.tree.Panes()
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
	tree                 *layout.Node
	zoomed               bool
	active               string
	place                layout.Placement
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
	if g.width != m.width || g.height != m.height || g.space != m.space || g.tree != w.tree || g.zoomed != w.zoomed || g.strip != m.strip() || g.active != w.active {
		place, pages := w.place(m.area())
		*g = geometry{m.width, m.height, m.space, m.strip(), w.tree, w.zoomed, w.active, place, pages}
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

// activate moves the cursor to a pane; it changes the workspace when the pane is not in this one.
func (m *Model) activate(id string) {
	if m.slots[id] == nil {
		return
	}
	if !slices.Contains(m.here().tree.Panes(), id) {
		for i := range m.spaces {
			if slices.Contains(m.spaces[i].tree.Panes(), id) {
				m.space = i
				break
			}
		}
	}
	if slices.Contains(m.here().tree.Panes(), id) {
		m.here().active = id
	}
}

// goTo shows a workspace.
func (m *Model) goTo(i int) {
	if m.spaces[i].tree == nil {
		m.say(themes.Text, "workspace %s has no panes here", m.spaces[i].name)
		return
	}
	m.space = i
}
