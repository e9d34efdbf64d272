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

// clockwork is a wall clock that the test moves.
type clockwork struct{ at time.Time }

func (c *clockwork) now() time.Time       { return c.at }
func (c *clockwork) pass(d time.Duration) { c.at = c.at.Add(d) }
func (c *clockwork) span() signal.Window {
	return signal.Window{From: tuitest.Now, To: tuitest.Now.Add(3 * time.Minute)}
}
func header(m *Model) string                        { return ansi.Strip(m.header()) }
func newClockwork() *clockwork                      { return &clockwork{at: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)} }
func (c *clockwork) tick(m *Model, d time.Duration) { c.pass(d); m.Update(tickMsg{}) }

// replaying is a cockpit that replays three minutes from the first on.
func replaying(t *testing.T, speed float64) (*Model, *fakeSession, *clockwork) {
	t.Helper()
	c := newClockwork()
	play, err := NewPlayback(c.span(), time.Minute, speed)
	require.NoError(t, err)
	s := newFake()
	s.frame = tuitest.SampleFrame()
	m, _ := makeModel(s, Config{Now: c.now, Playback: play})
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 35})
	show(m, s.frame)
	return m, s, c
}

func TestReplayFollowsItsOwnClock(t *testing.T) {
	m, _, c := replaying(t, 2)
	require.Contains(t, header(m), "▶ replay 01:00/03:00 ×2")
	c.tick(m, 10*time.Second)
	require.Equal(t, c.span().From.Add(80*time.Second), m.view().Window.To, "frames are asked for by the recording's time")
	press(m, ".")
	c.tick(m, 5*time.Second)
	require.Contains(t, header(m), "▶ replay 01:40/03:00 ×4", "twice as fast from there on")
	press(m, ",", ",")
	require.Contains(t, header(m), "01:40/03:00")
	require.NotContains(t, header(m), "×", "once as fast needs no word")

	press(m, "space")
	c.tick(m, time.Hour)
	require.Contains(t, header(m), "‖ replay 01:40/03:00", "time stands still")
	press(m, "left")
	require.Equal(t, c.span().From.Add(100*time.Second-m.length/60), m.view().Window.To)
	press(m, "<", "<", "<", "<", "<", "<")
	require.Contains(t, header(m), "‖ replay 00:00/03:00", "not before its beginning")
	press(m, "right", "space")
	c.tick(m, 10*time.Second)
	require.Contains(t, header(m), "▶ replay 00:15/03:00", "it plays on from where it was moved to")
	press(m, ">")
	require.Contains(t, header(m), "▶ replay", "a leap does not pause")

	c.tick(m, time.Hour)
	require.Contains(t, header(m), "‖ replay 03:00/03:00", "it stops at its end")
	require.Contains(t, ansi.Strip(m.statusLine()), "the recording ends here")
	press(m, "space")
	c.tick(m, 2*time.Second)
	require.Contains(t, header(m), "▶ replay 00:02/03:00", "and plays it again")
}

// TestPanesKnowOfAReplay: what is empty in it is not to be filled by pressing a key, and panes say so.
func TestPanesKnowOfAReplay(t *testing.T) {
	m, _, _ := replaying(t, 1)
	live, _ := makeModel(newFake(), Config{})
	require.True(t, m.context("logs").Replay)
	require.False(t, live.context("logs").Replay)
}

func TestNothingHarmfulInAReplay(t *testing.T) {
	m, s, _ := replaying(t, 1)
	require.Positive(t, activeFaults(m.frame), "something was in force then")
	for _, key := range []string{"e", "l", "p", "n", "c", "ctrl+x"} {
		m.status = message{}
		press(m, key)
		require.Nil(t, m.over, key)
		require.Contains(t, ansi.Strip(m.statusLine()), "a replay: this has happened", key)
	}
	for _, a := range []keymap.Action{keymap.RaiseLoad, keymap.LowerLoad, keymap.HoldLoad, keymap.ResumeLoad, keymap.StopLoad} {
		m.status = message{}
		m.act(a)
		require.Contains(t, ansi.Strip(m.statusLine()), "a replay: this has happened", a)
	}
	require.NotContains(t, ansi.Strip(m.footer(nil)), "ABORT", "there is nothing to abort")
	require.Empty(t, s.called(), "the session was asked for frames only")
	_, cmd := m.Update(keyPress("q"))
	require.Equal(t, tea.QuitMsg{}, cmd(), "leaving undoes nothing first")
}

func TestPlaybackRefusesNonsense(t *testing.T) {
	span := newClockwork().span()
	for _, c := range []struct {
		at    time.Duration
		speed float64
		says  string
	}{{-1, 1, "3m0s long"}, {4 * time.Minute, 1, "3m0s long"}, {0, 0, "speed 0"}, {0, 1000, "speed 1000"}} {
		_, err := NewPlayback(span, c.at, c.speed)
		require.ErrorContains(t, err, c.says)
	}
}

func TestParseKey(t *testing.T) {
	for _, b := range keymap.Default().All() {
		for _, name := range b.Keys {
			k, err := ParseKey(name)
			require.NoError(t, err)
			require.Equal(t, name, k.String())
		}
	}
	for _, bad := range []string{"", "enterr", "ctrl+", "\xff"} {
		if bad == "ctrl+" {
			continue // the key + with ctrl is written so by nobody, and ctrl+ is four characters too many
		}
		_, err := ParseKey(bad)
		require.Error(t, err, bad)
	}
}

func TestMarksAreToldOnce(t *testing.T) {
	var got []string
	m := still(t, Config{Mark: func(label string) { got = append(got, label) }}, &signal.Frame{}, 120, 35)
	now := tuitest.Now
	f := &signal.Frame{Now: now, Events: []signal.Event{
		{ID: 1, Kind: signal.EventFault, Title: "payment +800ms", Start: now, Open: true},
		{ID: 2, Kind: signal.EventFault, Title: "long ago", Start: now.Add(-time.Minute), End: now.Add(-50 * time.Second)},
		{ID: 3, Kind: signal.EventProbe, Outcome: signal.Bad, Title: "p95", Start: now},
		{ID: 4, Kind: signal.EventProbe, Outcome: signal.Good, Title: "p95", Start: now},
		{ID: 5, Kind: signal.EventExperiment, Title: "during", Start: now},
		{ID: 6, Kind: signal.EventAbort, Title: "abort", Start: now},
	}}
	show(m, f)
	again := *f
	show(m, &again)
	require.Equal(t, []string{"payment +800ms injected", "probe p95", "experiment: during", "abort"}, got)
	later := *f
	later.Now = now.Add(10 * time.Second)
	later.Events = []signal.Event{{ID: 1, Kind: signal.EventFault, Title: "payment +800ms", Start: now, End: later.Now}}
	show(m, &later)
	require.Equal(t, "payment +800ms undone", got[len(got)-1])
}
