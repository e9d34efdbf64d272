package status

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/themes"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
	"gameday/tui/widget/panetest"
)

func context(t *testing.T, f *signal.Frame, w, h int) pane.Context {
	th, err := themes.ByName("dark")
	require.NoError(t, err)
	return pane.Context{Frame: f, Theme: th, Width: w, Height: h, Active: true}
}

func TestRowsAreExactAndEmptyIsExplained(t *testing.T) {
	for _, f := range []*signal.Frame{tuitest.SampleFrame(), {}} {
		for _, p := range All() {
			for _, size := range [][2]int{{38, 4}, {78, 20}, {198, 44}, {1, 1}} {
				rows := p.View(context(t, f, size[0], size[1]))
				require.Len(t, rows, size[1])
				for _, r := range rows {
					require.Equal(t, size[0], ansi.StringWidth(r), "%s %q", p.ID(), ansi.Strip(r))
				}
			}
		}
	}
	none := strings.Join(Events().View(context(t, &signal.Frame{}, 80, 5)), "\n")
	require.Contains(t, ansi.Strip(none), "Nothing has happened in this window")
}

func TestGolden(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
	frame := func() *signal.Frame {
		f := tuitest.SampleFrame()
		f.Events = append(f.Events, signal.Event{ID: 99, Kind: signal.EventAlert, Title: "HighLatency", Detail: "p95 of checkout 843 ms, more than 200 ms for two minutes",
			Start: f.Now.Add(-40 * time.Second), Open: true, Outcome: signal.Bad})
		return f
	}
	for i, p := range All() {
		t.Run(p.ID(), func(t *testing.T) { panetest.GoldenOf(t, frame, func(pane.Context) pane.Pane { return All()[i] }) })
	}
}

func TestALostSourceAndWhatWasDroppedAreSaid(t *testing.T) {
	f := tuitest.SampleFrame()
	f.Health[0].State, f.Health[0].Err = signal.SourceRetrying, "connection refused"
	screen := ansi.Strip(strings.Join(Sources().View(context(t, f, 120, 10)), "\n"))
	require.Contains(t, screen, "lost")
	require.Contains(t, screen, "dropped 32")
	require.Contains(t, screen, "connection refused")
}

func TestEnterOnAnEventGoesThere(t *testing.T) {
	f := tuitest.SampleFrame()
	ctx := context(t, f, 80, 20)
	p := Events()
	require.Equal(t, pane.MomentMsg{At: f.Events[6].Start}, p.Update(ctx, pane.ActionMsg{Action: keymap.Open})())
	p.Update(ctx, pane.ActionMsg{Action: keymap.Down})
	require.Equal(t, pane.OpenTraceMsg{ID: tuitest.SampleTrace}, p.Update(ctx, pane.ActionMsg{Action: keymap.Open})())
	p.Update(ctx, pane.ActionMsg{Action: keymap.Bottom})
	copied, ok := p.Update(ctx, pane.ActionMsg{Action: keymap.CopyRow})().(pane.CopyMsg)
	require.True(t, ok)
	require.Contains(t, copied.Text, "checkout mix")
	require.Contains(t, copied.Text, f.Events[0].Start.Local().Format(time.TimeOnly))
	p.Update(context(t, &signal.Frame{}, 80, 20), pane.ActionMsg{Action: keymap.Up}) // the rows went away
	require.Len(t, p.View(ctx), 20)
}

// TestAGradeSaysHowMuchOfItIsKnown: full marks for the one part that is known are not full marks.
func TestAGradeSaysHowMuchOfItIsKnown(t *testing.T) {
	card := &signal.Scorecard{Grade: "A", Points: 95, Parts: []signal.ScorePart{{Name: "promises", Weight: 40, Share: 0.95}, {Name: "safety", Weight: 60, Share: math.NaN()}}}
	ctx := context(t, &signal.Frame{Scorecard: card}, 80, 10)
	require.Equal(t, "scorecard A · 38 of the 40 points that are known", Scorecard().Title(ctx))
	card.Parts[1].Share = 0.95
	require.Equal(t, "scorecard A · 95 of 100", Scorecard().Title(ctx))
}

// TestNoIncidentCanBeOpenedInAReplay, so the pane does not say how.
func TestNoIncidentCanBeOpenedInAReplay(t *testing.T) {
	ctx := context(t, &signal.Frame{}, 90, 4)
	require.Contains(t, strings.Join(Incidents().View(ctx), ""), "Press i to open one")
	ctx.Replay = true
	require.Contains(t, strings.Join(Incidents().View(ctx), ""), "No incident was open.")
}

// TestValueAndRowAreCopied: y takes what the row is about, Y all of it.
func TestValueAndRowAreCopied(t *testing.T) {
	f := tuitest.SampleFrame()
	f.Events = append(f.Events, signal.Event{ID: 99, Kind: signal.EventAlert, Title: "HighLatency", Detail: "p95 0.8 s", Start: f.Now, Open: true, Outcome: signal.Bad})
	for _, c := range []struct {
		pane       pane.Pane
		value, row string
	}{
		{Processes(), f.Processes[0].Address, f.Processes[0].Name + " up pid="},
		{Host(), "78 %", "CPU 78 % degrading"},
		{SLOs(), "99.874 %", "availability: 99.9 % of requests are answered"},
		{Alerts(), "HighLatency", "HighLatency firing p95 0.8 s"},
		{Scorecard(), "15 of 40", "promises: 15 of 40, 2 objectives"},
		{Incidents(), "checkouts take a second", "SEV2 checkouts take a second acknowledged opened"},
		{Events(), "HighLatency", "alert HighLatency p95 0.8 s"},
		{Sources(), f.Health[0].Name, f.Health[0].Name + " live received"},
	} {
		ctx := context(t, f, 98, 20)
		require.Contains(t, c.pane.Keys(ctx), keymap.Copy)
		require.Contains(t, c.pane.Keys(ctx), keymap.CopyRow)
		copied := func(a keymap.Action) string {
			return c.pane.Update(ctx, pane.ActionMsg{Action: a})().(pane.CopyMsg).Text
		}
		require.Equal(t, c.value, copied(keymap.Copy), c.pane.ID())
		require.Contains(t, copied(keymap.CopyRow), c.row, c.pane.ID())
	}
}
