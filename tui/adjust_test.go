package tui

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/tui/pane"
)

// inLoad drives a cockpit with the load workspace open.
func inLoad(t *testing.T, s *fakeSession, f func(b *bench)) {
	drive(t, s, Config{Panes: []pane.Pane{&fakePane{id: "load"}}}, func(b *bench) {
		b.press("2")
		require.Equal(t, "load", b.m.active())
		f(b)
	})
}

func TestTheLoadIsChangedByKeys(t *testing.T) {
	s := newFake()
	s.frame.Load.Adjustable = true
	inLoad(t, s, func(b *bench) {
		b.press("u")
		b.wait(20 * time.Millisecond)
		require.Equal(t, "adjust {Factor:1.1 Resume:false}", s.called())
		require.Contains(t, b.screen(), "the rate from 120/s to 132/s")
		b.press("d", "o")
		b.wait(20 * time.Millisecond)
		require.Contains(t, s.called(), "adjust {Factor:0.90909")
		require.Contains(t, s.called(), "adjust {Factor:0 Resume:false}")
		b.press("r")
		require.Contains(t, b.screen(), "the load is not held")
		s.frame.Load.Paused = true
		b.press("o")
		require.Contains(t, b.screen(), "held already: r lets it go on")
		b.press("r")
		b.wait(20 * time.Millisecond)
		require.Contains(t, s.called(), "adjust {Factor:0 Resume:true}")
		b.press("s")
		b.wait(20 * time.Millisecond)
		require.Contains(t, s.called(), "; stop load")
	})
}

func TestWhyTheLoadCannotBeChanged(t *testing.T) {
	s := newFake()
	inLoad(t, s, func(b *bench) {
		b.press("u")
		require.Contains(t, b.screen(), "follows its own course")
		s.frame.Load.Adjustable = true
		s.refuse = errors.New("the load has ended")
		b.press("d")
		b.wait(20 * time.Millisecond)
		require.Contains(t, b.screen(), "could not change the load: the load has ended")
		s.frame.Load.Running = false
		b.press("u")
		require.Contains(t, b.screen(), "no load runs: l picks a plan")
		b.press("s")
		require.Contains(t, b.screen(), "no load runs")
		require.NotContains(t, s.called(), "stop load")
	})
}
