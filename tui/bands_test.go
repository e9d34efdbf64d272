package tui

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
	"gameday/tui/tuitest"
)

// tapeOf is the timeline's row of bands without its ends, for events that are told by seconds before now.
func tapeOf(m *Model) string {
	row, _, _ := strings.Cut(timelineText(m), "\n")
	_, row, _ = strings.Cut(row, "ago ")
	row, _, _ = strings.Cut(row, "▏")
	return strings.TrimLeft(row, " ")
}

func lasting(kind signal.EventKind, title string, from, to int) signal.Event {
	e := signal.Event{Kind: kind, Title: title, Start: tuitest.Now.Add(-time.Duration(from) * time.Second)}
	if e.End = tuitest.Now.Add(-time.Duration(to) * time.Second); to == 0 {
		e.End, e.Open = time.Time{}, true
	}
	return e
}

// TestFaultsAreNamedWhole, in their bands or beside them, whatever else wants the room: the probe that turned red within them, another fault, and a
// load that was started twice, which is named once and never over a fault.
func TestFaultsAreNamedWhole(t *testing.T) {
	f := tuitest.SampleFrame()
	f.Window.From = f.Window.To.Add(-2 * time.Minute)
	red := func(ago int) signal.Event {
		return signal.Event{Kind: signal.EventProbe, Outcome: signal.Bad, Title: "p95", Start: tuitest.Now.Add(-time.Duration(ago) * time.Second)}
	}
	f.Events = []signal.Event{
		lasting(signal.EventLoad, "Steady load, 38 requests a second", 119, 65),
		lasting(signal.EventFault, "payment +800ms", 98, 70), red(90),
		lasting(signal.EventLoad, "Steady load, 38 requests a second", 60, 0),
		lasting(signal.EventFault, "catalog hangs", 45, 15), red(32),
	}
	for width, want := range map[int]string{
		80:  "━━━━━━━━━━━p95 ✘▓ paymen… ▓━━──━━━━━━━━▓▓p95 ✘▓ cata… ▓━━━━━━━━",
		120: "─━━ payment +800ms ▓▓▓▓▓▓✘p95▓▓▓▓▓▓▓▓▓▓▓▓▓▓━━━━━─ catalog hangs ▓▓▓▓▓▓▓▓▓▓▓✘p95▓▓▓▓▓▓▓▓▓▓▓━━━━━━━━━━━━━",
		160: "─━ Steady load ━━━━━━━━━━━▓▓▓▓▓p95 ✘▓ payment +800ms ▓▓▓▓▓▓▓━━━━━━─────━━━━━━━━━━━━━━━━━━▓▓▓▓▓▓▓▓▓▓▓p95 ✘▓ catalog hangs ▓▓▓▓━━━━━━━━━━━━━━━━━━",
	} {
		require.Equal(t, want, tapeOf(still(t, Config{}, f, width, 24)))
	}
}

// TestAShortFaultIsNamedBesideItsBand and not in that of another.
func TestAShortFaultIsNamedBesideItsBand(t *testing.T) {
	f := tuitest.SampleFrame()
	f.Window.From = f.Window.To.Add(-2 * time.Minute)
	f.Events = []signal.Event{lasting(signal.EventFault, "payment +800ms", 60, 58), lasting(signal.EventFault, "catalog hangs", 55, 20)}
	row := tapeOf(still(t, Config{}, f, 120, 24))
	require.Contains(t, row, "─ payment +800ms ▓")
	require.Contains(t, row, "▓ catalog hangs ▓")

	f.Events = []signal.Event{lasting(signal.EventFault, "payment +800ms", 2, 0)}
	require.Contains(t, tapeOf(still(t, Config{}, f, 120, 24)), "─ payment +800ms ▓")
}

// TestLoadsOfOtherNamesAreNamed, also when one comes back after another.
func TestLoadsOfOtherNamesAreNamed(t *testing.T) {
	f := tuitest.SampleFrame()
	f.Events = []signal.Event{
		lasting(signal.EventLoad, "Steady", 290, 210), lasting(signal.EventLoad, "Black Friday", 200, 110), lasting(signal.EventLoad, "Steady", 100, 60), lasting(signal.EventLoad, "Steady", 58, 0),
	}
	row := tapeOf(still(t, Config{}, f, 160, 24))
	require.Equal(t, 2, strings.Count(row, " Steady "), row)
	require.Equal(t, 1, strings.Count(row, " Black Friday "), row)
}

// TestTheTimelineMovesAllAtOnce: while the window moves, what stands on the tape keeps its distances, or names would jump
// from gap to gap.
func TestTheTimelineMovesAllAtOnce(t *testing.T) {
	f := tuitest.SampleFrame()
	f.Events = []signal.Event{lasting(signal.EventLoad, "Steady", 200, 20), lasting(signal.EventFault, "payment +800ms", 150, 90),
		{Kind: signal.EventProbe, Outcome: signal.Bad, Title: "p95", Start: tuitest.Now.Add(-113 * time.Second)}}
	from := f.Window.From
	was, moves := "", 0
	for ms := 0; ms < 15_000; ms += 100 {
		f.Window.From = from.Add(time.Duration(ms) * time.Millisecond)
		f.Window.To = f.Window.From.Add(5 * time.Minute)
		row := strings.Trim(tapeOf(still(t, Config{}, f, 120, 24)), "─")
		if was != "" {
			require.Equal(t, was, row, "after %d ms", ms)
		}
		was, moves = row, moves+1
	}
	require.Contains(t, was, "✘p95")
	require.Equal(t, 150, moves)
}

// TestBothEndsOfTheTimelineTellTheTimeAlike while it stands still, at every width, with seconds where they can be told apart.
func TestBothEndsOfTheTimelineTellTheTimeAlike(t *testing.T) {
	for _, width := range []int{60, 79, 80, 120} {
		for length, layout := range map[time.Duration]string{time.Minute: "15:04:05", 15 * time.Minute: "15:04:05", 30 * time.Minute: "15:04", 6 * time.Hour: "15:04"} {
			f := tuitest.SampleFrame()
			f.Window.From = f.Window.To.Add(-length)
			m := still(t, Config{Window: length}, f, width, 24)
			press(m, "space")
			row := timelineText(m)
			require.True(t, strings.HasPrefix(row, " "+f.Window.From.Local().Format(layout)+" "), "%d %s: %q", width, length, row)
			require.True(t, strings.HasSuffix(row, "▏"+f.Window.To.Local().Format(layout)+" ") || strings.HasSuffix(row, "▏"+f.Window.To.Local().Format(layout)), "%d %s: %q", width, length, row)
		}
	}
}
