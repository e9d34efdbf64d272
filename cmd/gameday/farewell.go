package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"gameday/engine"
	"gameday/sources/signal"
)

// maxFarewell is how many lines a summary has at most; what more there is, is counted.
const maxFarewell = 8

// farewell tells on the normal screen what happened in a session, so that it is still there when the cockpit is gone.
func farewell(w io.Writer, s *engine.Session, began time.Time) {
	now := time.Now()
	f := s.Frame(signal.View{Window: signal.Window{From: began.Add(-time.Minute), To: now}})
	if f == nil {
		return
	}
	system := oneLine(f.System)
	if system == "" {
		system = "the system"
	}
	fmt.Fprintf(w, "gameday: %s on %s (%s)\n", now.Sub(began).Round(time.Second), system, s.Environment())
	for _, line := range append(summary(f.Events), inForce(f.Events, s.Faults())) {
		fmt.Fprintln(w, "  "+line)
	}
}

// inForce says what became of the faults: that nothing is left of them is worth a line too.
func inForce(events []signal.Event, states []signal.FaultState) string {
	injected, open, aborts := 0, 0, 0
	for _, e := range events {
		switch e.Kind {
		case signal.EventFault:
			injected++
			if e.Open {
				open++
			}
		case signal.EventAbort:
			aborts++
		}
	}
	active, kept, final := 0, 0, 0 // of a long session the first events may have been dropped, and of many faults the first states
	for _, f := range states {
		if f.Phase.Active() {
			active++
		}
		if f.Phase == signal.FaultIrreversible {
			final++
		}
		if f.Phase != signal.FaultPlanned {
			kept++
		}
	}
	injected, open = max(injected, kept), max(open, active)
	var text string
	switch {
	case injected == 0:
		text = "faults: none was injected, none is in force"
	case open > 0:
		text = fmt.Sprintf("faults: %d injected, %d not known to be undone: gameday faults", injected, open)
	case final > 0:
		text = fmt.Sprintf("faults: %d injected, %d with nothing to undo, none is in force", injected, final)
	default:
		text = fmt.Sprintf("faults: %d injected, all undone, none is in force", injected)
	}
	if aborts > 0 {
		text += "; aborted " + count(aborts, "time")
	}
	return text
}

// summary says in a few lines what a timeline holds.
func summary(events []signal.Event) []string {
	var lines []string
	red := 0
	firstRed := ""
	for _, e := range events {
		at := e.Start.Local().Format("15:04:05")
		switch e.Kind {
		case signal.EventExperiment:
			if !e.End.IsZero() && strings.Contains(e.Title, ": ") {
				lines = append(lines, at+"  experiment  "+oneLine(e.Title))
			}
		case signal.EventLoad:
			lines = append(lines, at+"  load        "+oneLine(e.Title))
		case signal.EventProbe:
			if e.Outcome == signal.Bad {
				if red++; firstRed == "" {
					firstRed = oneLine(e.Title) + " at " + at
				}
			}
		case signal.EventNote:
			lines = append(lines, at+"  note        "+oneLine(e.Title))
		}
	}
	if more := len(lines) - maxFarewell; more > 0 {
		lines = append(lines[:maxFarewell], fmt.Sprintf("and %d more", more))
	}
	if red > 0 {
		lines = append(lines, fmt.Sprintf("probes turned red %s, first %s", count(red, "time"), firstRed))
	}
	return lines
}

// count is a number of things in words: "1 fault", "2 faults".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if strings.HasSuffix(thing, "s") {
		return fmt.Sprintf("%d %ses", n, thing)
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
