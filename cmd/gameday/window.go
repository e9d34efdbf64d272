package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gameday/tui"
)

// demoWindow is how much of the past the demo shows at first: an experiment of it is over in a minute.
const demoWindow = 2 * time.Minute

// tellWindows ends the help of every command's --window with what it is when it is not given, which differs between them.
func tellWindows(k *kong.Kong) error {
	for _, cmd := range k.Model.Children {
		i := slices.IndexFunc(cmd.Flags, func(f *kong.Flag) bool { return f.Name == "window" })
		if i < 0 {
			continue
		}
		given := windowWhen(cmd.Name)
		if given == "" {
			return fmt.Errorf("gameday %s has a --window, and nothing says what it is when it is not given", cmd.Name)
		}
		cmd.Flags[i].Help += ": " + given + " when not given."
	}
	return nil
}

// windowWhen is the window of a command to which none is given, in words; "" for one that has no window.
func windowWhen(command string) string {
	short := func(d time.Duration) string { return strings.TrimSuffix(d.String(), "0s") }
	var lengths []string
	for _, d := range replayWindows {
		lengths = append(lengths, short(d))
	}
	last := len(lengths) - 1
	recorded := "the shortest of " + strings.Join(lengths[:last], ", ") + " and " + lengths[last] + " that has room for half of the recording"
	return map[string]string{
		"demo":     short(demoWindow),
		"watch":    short(tui.DefaultWindow),
		"triage":   short(tui.DefaultWindow),
		"serve":    short(demoWindow) + " with --demo, else " + short(tui.DefaultWindow),
		"replay":   recorded,
		"snapshot": recorded + ", " + short(snapshotWindow) + " of a live system,",
	}[command]
}
