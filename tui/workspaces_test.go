package tui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/board"
	"gameday/tui/pane/callmap"
	"gameday/tui/pane/chaos"
	"gameday/tui/pane/experiment"
	"gameday/tui/pane/load"
	"gameday/tui/pane/logs"
	"gameday/tui/pane/metrics"
	"gameday/tui/pane/patterns"
	"gameday/tui/pane/status"
	"gameday/tui/pane/traces"
	"gameday/tui/tuitest"
	"gameday/tui/widget/sample"
)

// everything is one instant of the demo shop with something in every pane.
func everything() *signal.Frame {
	f, more := sample.Frame(), tuitest.SampleFrame()
	f.SLOs, f.Scorecard, f.Incidents, f.Host = more.SLOs, more.Scorecard, more.Incidents, more.Host
	f.Board = sample.BoardFrame("").Board
	slices.SortStableFunc(f.Events, func(a, b signal.Event) int { return a.Start.Compare(b.Start) }) // as a store has them
	return f
}

// whole is a cockpit with its own panes, as an operator sees it.
func whole(theme string, width, height int) *Model {
	good := func(string) error { return nil }
	panes := append([]pane.Pane{metrics.New(), board.New(), traces.New(good), callmap.New(), logs.New(good, func(string) []string { return nil }), patterns.New(),
		experiment.New(), load.New()}, append(chaos.All(), status.All()...)...)
	s := newFake()
	s.frame = everything()
	m := New(Config{Session: s, Panes: panes, Theme: theme, Whole: true, Now: func() time.Time { return s.frame.Now }})
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	show(m, s.frame)
	return m
}

// TestGoldenWorkspaces draws every workspace whole, in every arrangement, with what stands in its panes.
func TestGoldenWorkspaces(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 35}, {200, 50}} {
		for _, theme := range []string{"dark", "light", "mono"} {
			for i, name := range keymap.WorkspaceNames() {
				t.Run(fmt.Sprintf("%d-%s-%dx%d-%s", i+1, name, size[0], size[1], theme), func(t *testing.T) {
					m := whole(theme, size[0], size[1])
					press(m, fmt.Sprint(i+1))
					show(m, everything())
					requireExact(t, m, size[0], size[1])
					golden.RequireEqual(t, m.View().Content)
				})
			}
		}
	}
}

// TestGoldenArrangements draws the other arrangements of the workspaces, and the pages of a small terminal, as text.
func TestGoldenArrangements(t *testing.T) {
	for i, name := range keymap.WorkspaceNames() {
		for n := 1; n < len(workspaces()[i].ways); n++ {
			t.Run(fmt.Sprintf("%d-%s-%d", i+1, name, n+1), func(t *testing.T) {
				m := whole("dark", 200, 50)
				press(m, fmt.Sprint(i+1))
				for range n {
					press(m, "A")
				}
				m.status = message{}
				show(m, everything())
				requireExact(t, m, 200, 50)
				golden.RequireEqual(t, ansi.Strip(m.View().Content))
			})
		}
		t.Run(fmt.Sprintf("%d-%s-pages", i+1, name), func(t *testing.T) {
			m := whole("dark", 80, 24)
			press(m, fmt.Sprint(i+1))
			m.placement()
			var all string
			for range m.screen.pages {
				requireExact(t, m, 80, 24)
				all += ansi.Strip(m.View().Content) + "\n"
				page := fmt.Sprint(m.visible())
				for range 9 {
					if press(m, "tab"); fmt.Sprint(m.visible()) != page {
						break
					}
				}
			}
			if all == "" {
				t.Skip("one page, which TestGoldenWorkspaces draws")
			}
			golden.RequireEqual(t, all)
		})
	}
}

// TestEveryPaneStandsSomewhere: no pane is made that cannot be reached.
func TestEveryPaneStandsSomewhere(t *testing.T) {
	m := whole("dark", 200, 50)
	for _, id := range m.order {
		m.activate(id)
		require.Equal(t, id, m.active())
		require.Contains(t, m.visible(), id)
		requireExact(t, m, 200, 50)
	}
}
