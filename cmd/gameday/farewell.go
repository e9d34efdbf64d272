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
	for _, line := range summary(f.Events) {
		fmt.Fprintln(w, "  "+line)
	}
}

// summary says in a few lines what a timeline holds.
func summary(events []signal.Event) []string {
	var lines []string
	faults, open, red, aborts := 0, 0, 0, 0
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
		case signal.EventFault:
			faults++
			if e.Open {
				open++
			}
		case signal.EventProbe:
			if e.Outcome == signal.Bad {
				if red++; firstRed == "" {
					firstRed = oneLine(e.Title) + " at " + at
				}
			}
		case signal.EventNote:
			lines = append(lines, at+"  note        "+oneLine(e.Title))
		case signal.EventAbort:
			aborts++
		}
	}
	if more := len(lines) - maxFarewell; more > 0 {
		lines = append(lines[:maxFarewell], fmt.Sprintf("and %d more", more))
	}
	if faults > 0 {
		text := count(faults, "fault") + " injected, all undone"
		if open > 0 {
			text = fmt.Sprintf("%s injected, %d not known to be undone: gameday faults", count(faults, "fault"), open)
		}
		if aborts > 0 {
			text += "; aborted " + count(aborts, "time")
		}
		lines = append(lines, text)
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
