package tui

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/tui/tuitest"
)

// TestACockpitOpenedOnARequestGoesToItsTime: the window ended now, and said that no line carried the ID whose trace it showed.
func TestACockpitOpenedOnARequestGoesToItsTime(t *testing.T) {
	open := func() (*Model, *signal.Frame) {
		f := tuitest.SampleFrame()
		f.Lookup = nil
		m := still(t, Config{Focus: "ord-7", Window: time.Minute}, f, 120, 35)
		require.False(t, m.paused, "nothing is known yet")
		return m, f
	}
	told := func(m *Model, f *signal.Frame, l signal.Lookup) {
		next := *f
		l.ID, next.Lookup = "ord-7", &l
		show(m, &next)
	}
	m, f := open()
	now := m.now()
	ago := now.Add(-3 * time.Hour)
	told(m, f, signal.Lookup{Asking: true})
	require.False(t, m.paused)
	told(m, f, signal.Lookup{Found: 3, When: signal.Window{From: ago.Add(-100 * time.Second), To: ago}})
	require.True(t, m.paused)
	w := m.view().Window
	require.True(t, w.Contains(ago.Add(-100*time.Second)) && w.Contains(ago), "%v", w)
	require.Equal(t, 5*time.Minute, m.length, "all of it is seen, with what came before")
	require.Contains(t, m.status.text, "space is live")
	m.pause()
	told(m, f, signal.Lookup{Found: 4, When: signal.Window{From: ago, To: ago}})
	require.False(t, m.paused, "once")

	m, f = open()
	told(m, f, signal.Lookup{Found: 3, When: signal.Window{From: m.now().Add(-time.Second), To: m.now()}})
	require.False(t, m.paused, "it is in the window")

	m, f = open()
	told(m, f, signal.Lookup{})
	require.Contains(t, m.status.text, "nothing about ord-7 was found")
	require.False(t, m.paused)
}
