package board

import (
	"fmt"
	"slices"
	"sort"

	tea "charm.land/bubbletea/v2"

	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/widget"
)

// exemplars are all of a panel's, by time.
func exemplars(b *signal.BoardPanel) []signal.Exemplar {
	if b.Kind != signal.BoardSeries {
		return nil
	}
	var out []signal.Exemplar
	for _, s := range b.Series {
		out = append(out, s.Exemplars...)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].T.Before(out[j].T) })
	return out
}

// pickedIn is the index of the picked exemplar, -1 when there is none or it has left the window.
func (p *Pane) pickedIn(list []signal.Exemplar) int {
	for i, e := range list {
		if p.picked.on && e.TraceID == p.picked.id && e.T.UnixNano() == p.picked.t {
			return i
		}
	}
	return -1
}

// step goes to the next exemplar in time; the first step picks the newest.
func (p *Pane) step(b *signal.BoardPanel, list []signal.Exemplar, at, by int) tea.Cmd {
	if len(list) == 0 {
		return noExemplars(b)
	}
	if at < 0 {
		at = len(list) - 1
	} else {
		at = min(max(at+by, 0), len(list)-1)
	}
	return p.pickOne(b, list[at])
}

func (p *Pane) pickOne(b *signal.BoardPanel, e signal.Exemplar) tea.Cmd {
	p.selected, p.picked = b.ID, pick{on: true, id: e.TraceID, t: e.T.UnixNano()}
	return nil
}

// largest picks the exemplar with the largest value, then the next largest, and so on around.
func (p *Pane) largest(b *signal.BoardPanel, list []signal.Exemplar, at int) tea.Cmd {
	if len(list) == 0 {
		return noExemplars(b)
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return list[order[i]].V > list[order[j]].V })
	next := 0
	if at >= 0 {
		next = (slices.Index(order, at) + 1) % len(order)
	}
	return p.pickOne(b, list[order[next]])
}

func noExemplars(b *signal.BoardPanel) tea.Cmd {
	return pane.Wish(pane.StatusMsg{Text: fmt.Sprintf("%s has no exemplars in this window", b.Title), Role: themes.Muted})
}

func copied(b *signal.BoardPanel, list []signal.Exemplar, at int, row bool) string {
	switch {
	case at >= 0 && row:
		e := list[at]
		return fmt.Sprintf("%s %s %s trace_id=%s", b.Title, e.T.Format("2006-01-02T15:04:05.000Z07:00"), widget.Value(e.V, b.Unit), e.TraceID)
	case at >= 0:
		return list[at].TraceID.String()
	case !row:
		return b.Query
	}
	text := b.Title
	for i, s := range b.Series {
		text += fmt.Sprintf("  %s %s", s.Name, valueOf(b, valueAt(b, i)))
	}
	return text
}
