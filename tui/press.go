package tui

import (
	"fmt"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// namedKeys are the keys that have a name and type nothing.
var namedKeys = map[string]rune{"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown,
	"left": tea.KeyLeft, "right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
	"backspace": tea.KeyBackspace, "delete": tea.KeyDelete}

// ParseKey is the press of a key that is named as the key map names it: "e", "G", "space", "enter", "ctrl+x", "alt+left".
func ParseKey(name string) (tea.KeyPressMsg, error) {
	var k tea.KeyPressMsg
	rest := name
	for _, mod := range []struct {
		name string
		mod  tea.KeyMod
	}{{"ctrl+", tea.ModCtrl}, {"alt+", tea.ModAlt}, {"shift+", tea.ModShift}} {
		if after, ok := strings.CutPrefix(rest, mod.name); ok && after != "" {
			rest = after
			k.Mod |= mod.mod
		}
	}
	if code, ok := namedKeys[rest]; ok {
		k.Code = code
		return k, nil
	}
	if rest == "space" {
		k.Code, k.Text = tea.KeySpace, " "
		return k, nil
	}
	r, n := utf8.DecodeRuneInString(rest)
	if n != len(rest) || r == utf8.RuneError {
		return k, fmt.Errorf("%q is no key: write it like e, G, space, enter, ctrl+x, alt+left", name)
	}
	k.Code = r
	if k.Mod == 0 {
		k.Text = rest
	}
	return k, nil
}
