package tui

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/tuitest"
)

func touring(t *testing.T, scenes ...Scene) (*Model, *fakeSession, *clockwork) {
	t.Helper()
	c := newClockwork()
	s := newFake()
	s.frame = tuitest.Calm()
	m, _ := makeModel(s, Config{Now: c.now, Tour: scenes, Whole: true})
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	show(m, s.frame)
	return m, s, c
}

func TestTour(t *testing.T) {
	there := false
	m, _, c := touring(t,
		Scene{Caption: "First look, then press {experiments}.", Read: 5 * time.Second, Press: []string{string(keymap.Experiments), string(keymap.Leave)}},
		Scene{Caption: "Something has to happen.", Wait: func(*signal.Frame) bool { return there }, Read: time.Second, Press: []string{string(keymap.Zoom)}},
		Scene{Caption: "The end.", Read: time.Second})
	rows := func() string { requireExact(t, m, 80, 24); return ansi.Strip(m.View().Content) }
	c.tick(m, 0)
	require.Contains(t, rows(), "1/3  First look, then press e.")
	c.tick(m, 4*time.Second)
	require.Nil(t, m.over, "the caption is still being read")
	c.tick(m, 2*time.Second)
	require.NotNil(t, m.over, "the script pressed the key")
	require.Contains(t, rows(), "First look", "what is open covers no caption")
	c.tick(m, betweenKeys)
	require.Nil(t, m.over, "and the next")
	c.tick(m, betweenKeys)
	require.Contains(t, rows(), "2/3  Something has to happen.")
	c.tick(m, 30*time.Second)
	require.False(t, m.here().zoomed, "it has not happened yet")
	there = true
	c.tick(m, time.Second)
	require.True(t, m.here().zoomed)
	c.tick(m, betweenKeys)
	c.tick(m, 2*time.Second)
	c.tick(m, 2*time.Second)
	require.Contains(t, rows(), "that was the tour")
	require.NotContains(t, rows(), "3/3", "its strip is gone")
}

// TestTheTallestBoxCoversNoCaption: at 80x24 the answer to why lay over the caption's first row.
func TestTheTallestBoxCoversNoCaption(t *testing.T) {
	m := still(t, Config{}, tuitest.SampleFrame(), 80, 24)
	explained(m)
	m.tour = &tour{scenes: []Scene{{Caption: "Why is that so?", Read: time.Hour}}}
	requireExact(t, m, 80, 24)
	require.Contains(t, ansi.Strip(m.View().Content), "1/1  Why is that so?")
}

func TestOperatorTakesOver(t *testing.T) {
	scene := Scene{Caption: "Look.", Read: time.Hour}
	m, _, c := touring(t, scene)
	c.tick(m, 0)
	press(m, "e")
	require.Nil(t, m.tour)
	require.Nil(t, m.over, "the key that ends the tour does nothing else")
	require.Contains(t, ansi.Strip(m.statusLine()), "the cockpit is yours")
	press(m, "e")
	require.NotNil(t, m.over)

	m, s, c := touring(t, scene)
	c.tick(m, 0)
	_, cmd := m.Update(keyPress("ctrl+x"))
	cmd()
	require.Nil(t, m.tour)
	require.Contains(t, s.called(), "abort", "what undoes everything acts at once")
}

func TestTourGivesUp(t *testing.T) {
	m, _, c := touring(t, Scene{Caption: "Never.", Wait: func(*signal.Frame) bool { return false }})
	c.tick(m, 0)
	c.tick(m, 2*time.Minute)
	require.Nil(t, m.tour)
	require.Contains(t, ansi.Strip(m.statusLine()), "the tour ends early")
}

func TestWrapAt(t *testing.T) {
	for _, c := range []struct{ text, first, rest string }{
		{"one two", "one two", ""}, {"one two three four", "one two", "three four"}, {"onetwothreefour", "", "onetwothreefour"}, {"", "", ""},
	} {
		first, rest := wrapAt(c.text, 10)
		require.Equal(t, c.first, first)
		require.Equal(t, c.rest, rest)
	}
}
