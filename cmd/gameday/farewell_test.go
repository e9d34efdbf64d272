package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestSummary(t *testing.T) {
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.Local)
	require.Empty(t, summary(nil), "a quiet session needs no list")
	events := []signal.Event{
		{Kind: signal.EventExperiment, Title: "before", Start: at},
		{Kind: signal.EventFault, Title: "payment +800ms", Start: at},
		{Kind: signal.EventFault, Title: "replica", Start: at, Open: true},
		{Kind: signal.EventProbe, Title: "p95", Start: at.Add(time.Minute), Outcome: signal.Bad},
		{Kind: signal.EventProbe, Title: "p95", Start: at.Add(2 * time.Minute), Outcome: signal.Good},
		{Kind: signal.EventAbort, Start: at},
		{Kind: signal.EventExperiment, Title: "slow payment: broken", Start: at, End: at.Add(time.Minute)},
	}
	lines := summary(events)
	require.Equal(t, []string{
		"12:00:00  experiment  slow payment: broken",
		"probes turned red 1 time, first p95 at 12:01:00",
	}, lines)
	require.Equal(t, "faults: 2 injected, 1 not known to be undone: gameday faults; aborted 1 time", inForce(events, nil))
	events[2].Open = false
	require.Equal(t, "faults: 2 injected, all undone, none is in force; aborted 1 time", inForce(events, nil))
	require.Equal(t, "faults: 2 injected, 1 with nothing to undo, none is in force", inForce(nil, []signal.FaultState{{Phase: signal.FaultIrreversible}, {Phase: signal.FaultUndone}}))
	require.Equal(t, "faults: none was injected, none is in force", inForce(nil, []signal.FaultState{{Phase: signal.FaultPlanned}}))
	require.Equal(t, "faults: 2 injected, 1 not known to be undone: gameday faults",
		inForce(nil, []signal.FaultState{{Phase: signal.FaultUndone}, {Phase: signal.FaultNeedsHuman}}), "what the timeline has forgotten")
	many := summary([]signal.Event{
		{Kind: signal.EventNote}, {Kind: signal.EventNote}, {Kind: signal.EventNote}, {Kind: signal.EventNote}, {Kind: signal.EventNote},
		{Kind: signal.EventNote}, {Kind: signal.EventNote}, {Kind: signal.EventNote}, {Kind: signal.EventNote}, {Kind: signal.EventNote},
	})
	require.Len(t, many, maxFarewell+1)
	require.Equal(t, "and 2 more", many[maxFarewell])
	require.False(t, strings.Contains(strings.Join(lines, ""), "before"))
}
