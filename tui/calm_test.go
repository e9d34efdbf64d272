package tui

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/tuitest"
)

// timelineText is the timeline's rows without styles.
func timelineText(m *Model) string { return ansi.Strip(strings.Join(m.timeline(), "\n")) }

// TestTimelineNeverGluesTitles: between two of them there is a blank, and what an experiment passes through is left out.
func TestTimelineNeverGluesTitles(t *testing.T) {
	f := tuitest.SampleFrame()
	at := func(ago int) time.Time { return tuitest.Now.Add(-time.Duration(ago) * time.Second) }
	f.Events = []signal.Event{
		{Start: at(290), Kind: signal.EventProcess, Outcome: signal.Good, Title: "SHOP-UP"},
		{Start: at(280), Open: true, Kind: signal.EventLoad, Title: "STEADY, 38 requests a second"},
		{Start: at(120), End: at(40), Kind: signal.EventExperiment, Outcome: signal.Bad, Title: "payment answers 800 ms late: DID-NOT-HOLD"},
		{Start: at(118), Kind: signal.EventExperiment, Title: "before"},
		{Start: at(110), Kind: signal.EventExperiment, Title: "during"},
		{Start: at(109), End: at(60), Kind: signal.EventFault, Title: "PAYMENT+800"},
		{Start: at(100), Kind: signal.EventProbe, Outcome: signal.Bad, Title: "P95"},
		{Start: at(58), Kind: signal.EventProbe, Outcome: signal.Good, Title: "P95"},
		{Start: at(57), Kind: signal.EventExperiment, Title: "after"},
	}
	for _, size := range [][2]int{{80, 24}, {120, 35}, {200, 50}} {
		m := still(t, Config{}, f, size[0], size[1])
		text := timelineText(m)
		require.Contains(t, text, "✘P95", "%d", size[0])
		for _, phase := range []string{"before", "during", "after", "38 requests"} {
			require.NotContains(t, text, phase)
		}
		for _, word := range []string{"SHOP-UP", "STEADY", "DID-NOT-HOLD", "PAYMENT+800", "P95"} {
			for rest := text; ; {
				_, after, found := strings.Cut(rest, word)
				if !found {
					break
				}
				next, _ := strings.CutPrefix(after, " ")
				r := []rune(next + " ")[0]
				require.False(t, after == next && strings.ContainsRune("✔✘◆▲▸✎ABCDEFGHIJKLMNOPQRSTUVWXYZ", r), "%q touches what follows in\n%s", word, text)
				rest = after
			}
		}
	}
	wide := timelineText(still(t, Config{}, f, 200, 50))
	require.Contains(t, wide, "✘DID-NOT-HOLD")
	require.Contains(t, wide, " PAYMENT+800 ")
}

// TestAlertsStandOnTheTimeline with a sign of their own and their name, one that is over with another.
func TestAlertsStandOnTheTimeline(t *testing.T) {
	f := tuitest.SampleFrame()
	f.Events = []signal.Event{
		{Start: tuitest.Now.Add(-200 * time.Second), End: tuitest.Now.Add(-150 * time.Second), Kind: signal.EventAlert, Outcome: signal.Good, Title: "DiskFull"},
		{Start: tuitest.Now.Add(-100 * time.Second), Open: true, Kind: signal.EventAlert, Outcome: signal.Bad, Title: "HighLatency"},
	}
	text := timelineText(still(t, Config{}, f, 120, 35))
	require.Contains(t, text, "⚐DiskFull")
	require.Contains(t, text, "⚑HighLatency")
	text = timelineText(still(t, Config{ASCII: true}, f, 120, 35))
	require.Contains(t, text, "!HighLatency")
}

// TestAbortIsOfferedOnce, also when the pane with the cursor offers it.
func TestAbortIsOfferedOnce(t *testing.T) {
	s := newFake()
	m, panes := makeModel(s, Config{Now: func() time.Time { return tuitest.Now }})
	panes["metrics"].keys = []keymap.Action{keymap.Open, keymap.Abort}
	m.Update(tea.WindowSizeMsg{Width: 200, Height: 50})
	show(m, tuitest.SampleFrame())
	require.Equal(t, 1, strings.Count(ansi.Strip(m.footer(nil)), "ABORT"))
}

// TestTheWindowGrowsUntilItIsChosen: the first minute is not drawn as the last fifth of an empty chart.
func TestTheWindowGrowsUntilItIsChosen(t *testing.T) {
	now := tuitest.Now
	m, _ := makeModel(newFake(), Config{Now: func() time.Time { return now }})
	require.Equal(t, time.Minute, m.window().Length())
	for _, c := range []struct{ age, want time.Duration }{
		{59 * time.Second, time.Minute}, {61 * time.Second, 2 * time.Minute}, {119 * time.Second, 2 * time.Minute},
		{121 * time.Second, 5 * time.Minute}, {time.Hour, 5 * time.Minute},
	} {
		now = tuitest.Now.Add(c.age)
		m.Update(tickMsg{})
		require.Equal(t, c.want, m.window().Length(), "after %s", c.age)
	}

	now = tuitest.Now
	m, _ = makeModel(newFake(), Config{Now: func() time.Time { return now }})
	m.resize(true)
	m.resize(false)
	now = now.Add(time.Hour)
	m.Update(tickMsg{})
	require.Equal(t, time.Minute, m.window().Length(), "the operator chose it")

	m, _ = makeModel(newFake(), Config{Whole: true, Window: time.Hour})
	require.Equal(t, time.Hour, m.window().Length())
}
