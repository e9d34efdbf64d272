package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/why"
	"gameday/sources/signal"
)

// What was in force is named for as long as it says something about what is compared or shown, however long ago it began.
func TestFaultsAreNamedWhereverTheyLie(t *testing.T) {
	start := time.Date(2026, 11, 30, 12, 0, 0, 0, time.Local)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	q := why.Question{Baseline: signal.Window{From: at(400), To: at(430)}, Interest: signal.Window{From: at(430), To: at(460)}}
	faults := []signal.FaultState{
		{ID: "1", Title: "old", Phase: signal.FaultUndone, Injected: at(10), Undone: at(60)},
		{ID: "2", Title: "earlier", Phase: signal.FaultUndone, Injected: at(390), Undone: at(410)},
		{ID: "3", Title: "long", Phase: signal.FaultArmed, Injected: at(100)},
		{ID: "4", Title: "stuck", Phase: signal.FaultNeedsHuman, Injected: at(440)},
		{ID: "5", Title: "planned", Phase: signal.FaultPlanned},
		{ID: "6", Title: "later", Phase: signal.FaultArmed, Injected: at(470)},
	}
	events := []signal.Event{
		{Kind: signal.EventFault, Title: "long", Start: at(101), Open: true}, // known already
		{Kind: signal.EventFault, Title: "somebody else's", Start: at(420), End: at(440)},
		{Kind: signal.EventFault, Title: "long", Start: at(405), End: at(408)}, // another of that name
		{Kind: signal.EventSwitch, Title: "patterns off", Start: at(425)},
		{Kind: signal.EventNote, Title: "a note", Start: at(440)},
	}
	require.Equal(t, []string{
		"fault earlier 12:06:30 to 12:06:50, in the baseline",
		"fault long since 12:01:40",
		"fault stuck since 12:07:20, " + signal.FaultNeedsHuman.String(),
		"fault somebody else's 12:07:00 to 12:07:20",
		"fault long 12:06:45 to 12:06:48, in the baseline",
		"switch patterns off at 12:07:05",
	}, active(faults, events, q, namedIn(q, time.Time{})))
	shown := active(faults, events, q, namedIn(q, at(0)))
	require.Contains(t, shown, "fault old 12:00:10 to 12:01:00, before both windows")
	require.NotContains(t, shown, "fault later since 12:07:50")
}
