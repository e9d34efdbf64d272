package tui

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/tui/layout"
	"gameday/tui/tuitest"
)

func at(t *testing.T, m *Model, pane string) layout.Rect {
	t.Helper()
	r, ok := m.placement().Find(pane)
	require.True(t, ok, "%s is on the screen", pane)
	return r
}

func TestBordersMoveByKeys(t *testing.T) {
	m := still(t, Config{}, tuitest.SampleFrame(), 120, 35)
	before := at(t, m, "metrics")
	press(m, "ctrl+right", "ctrl+down")
	after := at(t, m, "metrics")
	require.Greater(t, after.W, before.W)
	require.Greater(t, after.H, before.H)
	press(m, "ctrl+left", "ctrl+up")
	require.Equal(t, before, at(t, m, "metrics"))
	press(m, "+")
	require.Greater(t, at(t, m, "metrics").W, before.W)
	press(m, "_")
	require.Equal(t, before, at(t, m, "metrics"))
	requireExact(t, m, 120, 35)
}

// TestNoPaneIsPushedOff holds each key down in each workspace and arrangement: the screen stays whole, no pane becomes
// smaller than it may be, and one key back moves the border.
func TestNoPaneIsPushedOff(t *testing.T) {
	for _, size := range [][2]int{{120, 35}, {200, 50}, {80, 24}} {
		m := still(t, Config{}, tuitest.SampleFrame(), size[0], size[1])
		for space := range m.spaces {
			press(m, fmt.Sprint(space+1))
			for range m.here().ways {
				for _, keys := range [][2]string{{"ctrl+left", "ctrl+right"}, {"ctrl+up", "ctrl+down"}, {"-", "+"}} {
					before := fmt.Sprint(m.placement().Panes)
					for range 30 {
						press(m, keys[0])
					}
					require.True(t, m.placement().Fits(leastWidth, leastHeight))
					requireExact(t, m, size[0], size[1])
					if at := fmt.Sprint(m.placement().Panes); at != before {
						press(m, keys[1])
						require.NotEqual(t, at, fmt.Sprint(m.placement().Panes), "%s after many of %s", keys[1], keys[0])
					}
				}
				press(m, "A")
			}
		}
	}
}

func TestWhatCannotBeMovedIsSaid(t *testing.T) {
	m := still(t, Config{}, tuitest.SampleFrame(), 120, 35)
	press(m, "z", "+")
	require.Contains(t, ansi.Strip(m.statusLine()), "alone on the screen")
	press(m, "z", "4", "+")
	require.Contains(t, ansi.Strip(m.statusLine()), "no pane beside this one")
	press(m, "1")
	for range 30 {
		press(m, "ctrl+left")
	}
	require.Contains(t, ansi.Strip(m.statusLine()), "nothing more to move")
}

func TestArrangementsCycleAndComeBack(t *testing.T) {
	m := still(t, Config{}, tuitest.SampleFrame(), 200, 50)
	first := m.placement().Panes
	seen := map[string]bool{fmt.Sprint(first): true}
	for range len(m.here().ways) - 1 {
		press(m, "A")
		requireExact(t, m, 200, 50)
		require.Contains(t, m.visible(), m.active())
		seen[fmt.Sprint(m.placement().Panes)] = true
	}
	require.Len(t, seen, len(m.here().ways), "they differ")
	press(m, "A")
	require.Equal(t, first, m.placement().Panes)
	press(m, "+", "A", "ctrl+down", "=")
	require.Equal(t, first, m.placement().Panes)

	press(m, "7", "A", "A")
	require.Equal(t, []string{"processes", "host", "sources"}, m.visible())
	m.activate("slos")
	require.Contains(t, m.visible(), "slos", "another arrangement has it")
	require.Equal(t, "slos", m.active())
}

func TestEachWorkspaceHasSomethingInEachArrangement(t *testing.T) {
	for i, w := range workspaces() {
		names := map[string]bool{}
		for _, a := range w.ways {
			require.NotEmpty(t, a.name, i)
			require.False(t, names[a.name], "%s has two arrangements %q", w.name, a.name)
			names[a.name] = true
		}
		require.Greater(t, len(w.ways), 1, w.name)
	}
}

func TestBordersMoveByTheMouse(t *testing.T) {
	for _, size := range [][2]int{{120, 35}, {80, 24}} {
		m := still(t, Config{}, tuitest.SampleFrame(), size[0], size[1])
		for space := range m.spaces {
			press(m, fmt.Sprint(space+1))
			for i := range m.placement().Dividers {
				d := m.placement().Dividers[i]
				if d.Min == d.Max {
					continue
				}
				to := d.Min
				if to == d.At {
					to = d.Max
				}
				x, y, dx, dy := d.Area.X+1, d.At, d.Area.X+1, to
				if d.Across {
					x, y, dx, dy = d.At, d.Area.Y+1, to, d.Area.Y+1
				}
				hit, ok := m.placement().DividerAt(x, y)
				require.True(t, ok)
				if hit.Path != d.Path {
					continue // another line crosses there
				}
				m.Update(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
				m.Update(tea.MouseMotionMsg{X: dx, Y: dy, Button: tea.MouseLeft})
				m.Update(tea.MouseReleaseMsg{X: dx, Y: dy, Button: tea.MouseLeft})
				var now layout.Divider
				for _, o := range m.placement().Dividers {
					if o.Path == d.Path {
						now = o
					}
				}
				require.Equal(t, to, now.At, "%v workspace %d split %q", size, space+1, d.Path)
				requireExact(t, m, size[0], size[1])
			}
		}
	}
}

// kept is a cockpit that remembers, with a clock.
type keptModel struct {
	*Model
	now  time.Time
	list Layouts
	n    int
	err  error
}

func remembers(t *testing.T, made Layouts) *keptModel {
	k := &keptModel{now: tuitest.Now}
	s := newFake()
	m, _ := makeModel(s, Config{Layouts: made, Whole: true, Now: func() time.Time { return k.now }, Keep: func(l Layouts) error {
		k.n++
		k.list = k.list.Merge(l)
		return k.err
	}})
	k.Model = m
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 35})
	show(m, s.frame)
	return k
}

// pass lets time pass, and does what the screen asks for.
func (k *keptModel) pass(d time.Duration) {
	k.now = k.now.Add(d)
	if cmd := k.remember(); cmd != nil {
		k.Update(cmd())
	}
}

func TestLayoutsAreKeptAMomentAfterTheLastChange(t *testing.T) {
	k := remembers(t, nil)
	k.pass(time.Hour)
	require.Zero(t, k.n, "nothing was changed")
	press(k.Model, "ctrl+right")
	k.pass(keepAfter / 2)
	press(k.Model, "ctrl+right", "5", "A")
	k.pass(keepAfter / 2)
	require.Zero(t, k.n, "still at it")
	k.pass(keepAfter)
	require.Equal(t, 1, k.n)
	require.Equal(t, Layouts{"cockpit": {Sizes: map[string]map[string]float64{"four": {"metrics|traces": 0.6}}}, "logs": {Arrangement: "beside patterns"}}, k.list)
	k.keepLast()
	require.Equal(t, 1, k.n, "there was nothing left")
	press(k.Model, "=")
	k.keepLast()
	require.Equal(t, 2, k.n)
	require.NotContains(t, k.list, "logs", "it is as it came")

	data, err := json.Marshal(k.list)
	require.NoError(t, err)
	var back Layouts
	require.NoError(t, json.Unmarshal(data, &back))
	again := remembers(t, back)
	require.Equal(t, 72, at(t, again.Model, "metrics").W)
	press(again.Model, "=")
	require.Equal(t, 60, at(t, again.Model, "metrics").W)
}

func TestKeepingThatFailsIsToldOfOnce(t *testing.T) {
	k := remembers(t, nil)
	k.err = errors.New("the disk is full")
	press(k.Model, "+")
	k.pass(2 * keepAfter)
	require.Contains(t, ansi.Strip(k.statusLine()), "the disk is full")
	k.status = message{}
	press(k.Model, "+")
	k.pass(2 * keepAfter)
	require.Equal(t, 2, k.n)
	require.NotContains(t, ansi.Strip(k.statusLine()), "the disk is full")
	k.err = nil
	press(k.Model, "5", "A")
	k.pass(2 * keepAfter)
	require.Equal(t, 3, k.n)
	require.Contains(t, k.list, "cockpit", "what failed before is kept with the next change")
	require.Contains(t, k.list, "logs")
	k.err = errors.New("the disk is full again")
	press(k.Model, "=")
	k.pass(2 * keepAfter)
	require.Contains(t, ansi.Strip(k.statusLine()), "the disk is full again")
	k.err = nil
	k.keepLast()
	require.Equal(t, 5, k.n, "what failed last is tried at the end")
	require.NotContains(t, k.list, "logs", "it is as it came")
}

// TestTheLastArrangementIsWhatIsKept ends the cockpit while something older is being kept, and before it has begun to be.
func TestTheLastArrangementIsWhatIsKept(t *testing.T) {
	for _, begun := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var file Layouts
			writes := 0
			m, _ := makeModel(newFake(), Config{Whole: true, Now: time.Now, Keep: func(l Layouts) error {
				first := writes == 0
				writes++
				if first {
					time.Sleep(time.Minute) // a slow disk
					if begun {
						file = file.Merge(l)
						return errors.New("the disk is slow, and then it is full")
					}
				}
				file = file.Merge(l)
				return nil
			}})
			m.Update(tea.WindowSizeMsg{Width: 200, Height: 50})
			press(m, "ctrl+right")
			time.Sleep(2 * keepAfter)
			cmd := m.remember()
			require.NotNil(t, cmd)
			done := make(chan struct{})
			if begun {
				go func() { cmd(); close(done) }()
				synctest.Wait()
			}
			press(m, "ctrl+right", "5", "A")
			want, _ := m.spaces[0].made()
			m.keepLast()
			if !begun {
				go func() { cmd(); close(done) }()
			}
			<-done
			require.Equal(t, want, file["cockpit"])
			require.NotEmpty(t, want.Sizes)
			require.Contains(t, file, "logs")
			require.Equal(t, map[bool]int{true: 2, false: 1}[begun], writes)
		})
	}
}

// FuzzLayouts takes any list for what was kept: the screen is whole, and every pane has room.
func FuzzLayouts(f *testing.F) {
	f.Add(`{"cockpit":{"arrangement":"logs below","sizes":{"four":{"metrics|traces":0.9,"page metrics/experiment":0.1}}}}`)
	f.Add(`{"cockpit":{"arrangement":"nowhere","sizes":{"four":{"metrics|traces":-1e308,"metrics/logs":1e308,"x":0}}},"x":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var made Layouts
		if json.Unmarshal([]byte(text), &made) != nil {
			t.Skip()
		}
		m := still(t, Config{Layouts: made}, tuitest.SampleFrame(), 120, 35)
		for _, size := range [][2]int{{120, 35}, {200, 50}, {80, 24}} {
			m.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			requireExact(t, m, size[0], size[1])
			require.True(t, m.placement().Fits(leastWidth, leastHeight))
		}
	})
}
