package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"

	"gameday/engine/settings"
	"gameday/keymap"
	"gameday/tui"
)

// terminalFindings say what the cockpit will look like here, and why.
func terminalFindings() []finding {
	fd := int(os.Stdout.Fd())
	screen := finding{"screen", false, "standard output is no terminal: the cockpit needs one, gameday run does not"}
	if term.IsTerminal(fd) {
		w, h, err := term.GetSize(fd)
		screen = finding{"screen", err == nil && tui.Fits(w, h), fmt.Sprintf("%d columns, %d rows", w, h)}
		switch {
		case err != nil:
			screen.Says = err.Error()
		case !screen.OK:
			screen.Says += ": the cockpit needs 60 by 16"
		case w < 100:
			screen.Says += ": a page of one or two panes at a time, tab goes to the next"
		}
	}
	return append([]finding{screen}, looks(os.Getenv, os.Environ())...)
}

// keysFinding says which keys the cockpit has here.
func keysFinding(set *settings.Settings) finding {
	keys, err := keymap.New(set.Keys.Preset, set.Keys.Bind)
	if err != nil { // a configuration with such keys is not read at all
		return finding{"keys", false, err.Error()}
	}
	says := "the set " + orElse(set.Keys.Preset, keymap.PresetDefault)
	if n := len(set.Keys.Bind); n > 0 {
		says += fmt.Sprintf(", %s bound otherwise", count(n, "action"))
	}
	if taken := keys.Shadowed(); len(taken) > 0 {
		return finding{"keys", false, says + "; " + strings.Join(taken, "; ")}
	}
	return finding{"keys", true, says + "; gameday keys lists them"}
}

// looks goes by the environment alone.
func looks(getenv func(string) string, environ []string) []finding {
	name := orElse(getenv("TERM"), "not set")
	colours := finding{"colours", true, ""}
	switch p := colorprofile.Env(environ); {
	case tui.Colourless(getenv) != "":
		colours.Says = "off, because " + tui.Colourless(getenv) + ": glyphs, words and weight carry the meaning"
	case getenv("TERM") == "" || getenv("TERM") == "dumb":
		colours = finding{"colours", false, "TERM is " + name + ": the cockpit cannot be drawn; set it to what your terminal is"}
	case p == colorprofile.TrueColor:
		colours.Says = "16 million"
	case p == colorprofile.ANSI256:
		colours.Says = "256 (TERM=" + name + "): themes use the nearest that can be read; COLORTERM=truecolor says that there are more"
	default:
		colours.Says = "16 (TERM=" + name + "): themes are chosen by role from the terminal's own palette"
	}
	symbols, why := tui.SymbolsFor(getenv)
	letters := finding{"symbols", symbols != tui.ASCII, symbols.String() + ": " + why}
	if symbols != tui.Braille {
		letters.Says += "; --symbols=braille draws charts finer where the terminal can"
	}
	clip := finding{"clipboard", true, "copies go to your terminal by OSC 52, which some have to be told to take"}
	switch {
	case getenv("TMUX") != "" || strings.HasPrefix(getenv("TERM"), "tmux"):
		clip.Says = "copies go through tmux: it must have set-clipboard on, or allow-passthrough on"
	case getenv("STY") != "" || strings.HasPrefix(getenv("TERM"), "screen"):
		clip.Says = "copies go through screen to the terminal behind it"
	}
	mouse := finding{"mouse", true, "clicks and the wheel work in the cockpit; its key " + keymap.Default().Key(keymap.Mouse) + " gives the mouse back to the terminal"}
	if tui.HoldsEsc(getenv) {
		mouse.Says = "left to the terminal: screen holds the key esc back while a program takes the mouse; " + keymap.Default().Key(keymap.Mouse) + " takes it all the same"
	}
	return []finding{colours, letters, clip, mouse}
}
