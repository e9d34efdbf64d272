package tui

import (
	"errors"
	"fmt"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/tui/tuitest"
)

// explained presses the key and lets the answer come.
func explained(m *Model) {
	_, cmd := m.Update(keyPress("w"))
	m.Update(cmd())
}

func TestGoldenWhy(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 35}, {200, 50}} {
		for _, theme := range []string{"dark", "light", "mono"} {
			t.Run(fmt.Sprintf("%dx%d-%s", size[0], size[1], theme), func(t *testing.T) {
				m := still(t, Config{Theme: theme}, tuitest.SampleFrame(), size[0], size[1])
				explained(m)
				press(m, "down")
				requireExact(t, m, size[0], size[1])
				golden.RequireEqual(t, m.View().Content)
			})
		}
	}
}

// A candidate is one key away from a request that shows it, and the same key as before leads back to the answer.
func TestWhyLeadsToAnExampleAndBack(t *testing.T) {
	m := still(t, Config{}, tuitest.SampleFrame(), 120, 35)
	m.Update(keyPress("w"))
	require.Contains(t, ansi.Strip(m.View().Content), "comparing the requests")
	press(m, "esc")
	require.Nil(t, m.over)
	explained(m)
	press(m, "down", "enter")
	require.Nil(t, m.over)
	require.Equal(t, signal.CorrelationID(tuitest.SampleWhy().Rows[1].Example.String()), m.focus.current)
	require.Equal(t, "traces", m.active())
	press(m, "w")
	require.Contains(t, ansi.Strip(m.View().Content), "54 bad requests have it")
	press(m, "G", "enter")
	require.NotNil(t, m.over, "a series has no request")
	press(m, "esc", "esc", "space")
	explained(m)
	s := m.session.(*fakeSession)
	require.Equal(t, []string{"why true", "why false"}, s.calls)
}

func TestWhyWithoutAnAnswer(t *testing.T) {
	m := still(t, Config{}, tuitest.SampleFrame(), 80, 24)
	s := m.session.(*fakeSession)
	s.refuse = errors.New("the disk is on fire")
	_, cmd := m.Update(keyPress("w"))
	m.Update(cmd())
	require.Contains(t, ansi.Strip(m.View().Content), "the disk is on fire")
	press(m, "enter", "down", "G", "esc")
	require.Nil(t, m.over)
	for w := 60; w < 200; w += 13 {
		for h := 16; h < 60; h += 7 {
			m := still(t, Config{ASCII: w%2 == 0}, tuitest.SampleFrame(), w, h)
			explained(m)
			press(m, "G")
			requireExact(t, m, w, h)
		}
	}
}
