package tui

import (
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
)

// asker is a pane that asks, and keeps what it is told.
type asker struct {
	pane.Pane
	told []any
}

func (a *asker) ID() string                                 { return "dashboard" }
func (a *asker) Want(*signal.View)                          {}
func (a *asker) WantShown(v *signal.View)                   { v.Board.Wanted = true }
func (a *asker) Title(pane.Context) string                  { return "asker" }
func (a *asker) View(ctx pane.Context) []string             { return make([]string, ctx.Height) }
func (a *asker) Update(_ pane.Context, msg tea.Msg) tea.Cmd { a.told = append(a.told, msg); return nil }

func (a *asker) last(t *testing.T) any {
	t.Helper()
	require.NotEmpty(t, a.told)
	return a.told[len(a.told)-1]
}

func withAsker(t *testing.T) (*Model, *asker) {
	t.Helper()
	m := still(t, Config{}, tuitest.SampleFrame(), 120, 35)
	a := &asker{Pane: m.slots[m.order[0]].pane}
	m.slots["dashboard"] = &slot{pane: a}
	m.order = append(m.order, "dashboard")
	m.spaces = workspaces()
	for i := range m.spaces {
		m.spaces[i].keep(m.slots)
	}
	return m, a
}

func TestAPaneWantsWhatCostsOnlyWhileItIsShown(t *testing.T) {
	m, _ := withAsker(t)
	require.False(t, m.view().Board.Wanted)
	m.goTo(5)
	require.True(t, m.view().Board.Wanted)
}

func TestAPromptIsCompletedByTheFramesWords(t *testing.T) {
	m, a := withAsker(t)
	m.update(pane.PromptMsg{Pane: "dashboard", ID: "q", Label: "PromQL", Words: true})
	press(m, "s", "u", "(", "h")
	require.Equal(t, pane.TypedMsg{ID: "q", Text: "su(h", Cursor: 4}, a.last(t))
	offer := func(typed string, from int, words ...string) {
		f := *m.frame
		f.Board = &signal.Board{Words: signal.Words{Typed: typed, From: from, List: words}}
		show(m, &f)
	}
	offer("su(", 3, "late")
	press(m, "tab")
	require.Equal(t, "su(h", a.last(t).(pane.TypedMsg).Text, "words for another text are left")
	offer("su(h", 3, "http_a", "http_b")
	press(m, "tab")
	require.Equal(t, pane.TypedMsg{ID: "q", Text: "su(http_a", Cursor: 9}, a.last(t))
	press(m, "tab")
	require.Equal(t, "su(http_b", a.last(t).(pane.TypedMsg).Text, "the next word takes its place")
	press(m, ")", "enter")
	require.Equal(t, pane.TypedMsg{ID: "q", Text: "su(http_b)", Done: true}, a.last(t))
	require.Nil(t, m.over)
	m.update(pane.PromptMsg{Pane: "dashboard", ID: "q", Label: "PromQL", Text: "up", Words: true})
	press(m, "x", "esc")
	require.Equal(t, pane.TypedMsg{ID: "q", Text: "up", Undone: true}, a.last(t))
}

func TestAListIsPickedFromAndGetsNewRows(t *testing.T) {
	m, a := withAsker(t)
	m.update(pane.PickMsg{Pane: "dashboard", ID: "v", Title: "service", Stay: true, Items: []pane.PickItem{{ID: "a", Title: "a"}, {ID: "b", Title: "b"}}})
	press(m, "down", "space")
	require.Equal(t, pane.PickedMsg{ID: "v", Item: "b"}, a.last(t))
	m.update(pane.PickMsg{Pane: "dashboard", ID: "v", Refresh: true, Items: []pane.PickItem{{ID: "a", Title: "a"}, {ID: "b", Title: "b", Hint: "chosen"}}})
	require.Contains(t, m.View().Content, "chosen")
	press(m, "esc")
	m.update(pane.PickMsg{Pane: "dashboard", ID: "v", Refresh: true, Items: []pane.PickItem{{ID: "z"}}})
	require.Nil(t, m.over, "a list that was closed does not come back")
}
