package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"gameday/tui/layout"
	"gameday/tui/overlay"
	"gameday/tui/pane"
)

// doubleClick is how close two clicks on one cell are to count as one gesture.
const doubleClick = 400 * time.Millisecond

// pointer is what the mouse needs to remember.
type pointer struct {
	zones []zone      // of the footer, as drawn
	box   layout.Rect // of the overlay, as drawn
	drag  *layout.Divider
	last  [2]int
	when  time.Time
}

func (m *Model) mouse(msg tea.MouseMsg) tea.Cmd {
	e := msg.Mouse()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		return m.wheel(e)
	case tea.MouseClickMsg:
		if e.Button == tea.MouseLeft {
			return m.click(e.X, e.Y)
		}
	case tea.MouseMotionMsg:
		if d := m.pointer.drag; d != nil {
			m.drag(*d, e.X, e.Y)
		}
	case tea.MouseReleaseMsg:
		m.pointer.drag = nil
	}
	return nil
}

// drag moves a line to the mouse. What else has changed the screen meanwhile, such as the terminal's size, ends it.
func (m *Model) drag(d layout.Divider, x, y int) {
	for _, now := range m.placement().Dividers {
		if now.Path == d.Path && now.Across == d.Across && m.screen.tree != nil {
			if next := m.screen.tree.WithRatio(d.Path, now.Ratio(x, y)); next != m.screen.tree {
				m.put(next)
			}
			return
		}
	}
	m.pointer.drag = nil
}

func (m *Model) wheel(e tea.Mouse) tea.Cmd {
	rows := 3
	switch e.Button {
	case tea.MouseWheelUp:
		rows = -3
	case tea.MouseWheelDown:
	default:
		return nil
	}
	if m.over != nil {
		return m.answer(m.over.Update(overlay.Wheel{Rows: rows / 3}))
	}
	if pl, ok := m.placement().At(e.X, e.Y); ok {
		return m.tell(pl.Pane, pane.WheelMsg{Rows: rows})
	}
	return nil
}

func (m *Model) click(x, y int) tea.Cmd {
	double := m.pointer.last == [2]int{x, y} && m.now().Sub(m.pointer.when) < doubleClick
	m.pointer.last, m.pointer.when = [2]int{x, y}, m.now()
	if double {
		m.pointer.when = time.Time{} // a third click starts anew
	}
	if m.over != nil {
		if _, hello := m.over.(*overlay.Welcome); hello {
			m.over = nil
			return nil
		}
		if b := m.pointer.box; b.Contains(x, y) {
			return m.answer(m.over.Update(overlay.Click{X: x - b.X, Y: y - b.Y}))
		}
		return nil
	}
	if m.width < minWidth || m.height < minHeight {
		return nil
	}
	switch {
	case y == m.height-1:
		for _, z := range m.pointer.zones {
			if x >= z.x && x < z.x+z.w {
				return m.act(z.action)
			}
		}
		return nil
	case y >= m.height-2-m.lines() && y < m.height-2:
		if at, ok := m.momentAt(x); ok {
			return m.moment(at)
		}
		return nil
	}
	if !m.here().zoomed {
		if d, ok := m.placement().DividerAt(x, y); ok {
			m.pointer.drag = &d
			return nil
		}
	}
	pl, ok := m.placement().At(x, y)
	if !ok {
		return nil
	}
	m.here().active = pl.Pane
	in := pane.ClickMsg{X: x - pl.X - 1, Y: y - pl.Y - 1, Double: double}
	if in.X < 0 || in.Y < 0 || in.X >= pl.W-2 || in.Y >= pl.H-2 {
		return nil
	}
	return m.tell(pl.Pane, in)
}
