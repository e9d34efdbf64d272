package keymap

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// The names of the presets.
const (
	PresetDefault = "default"
	PresetVim     = "vim"
	PresetEmacs   = "emacs"
)

// Presets names the sets of keys that are built in, the registry's own first.
func Presets() []string { return []string{PresetDefault, PresetVim, PresetEmacs} }

// Bindings are the keys of some actions, by the action's name. An empty list unbinds.
type Bindings map[string][]string

// preset is what a set of keys has different from the registry's own. Abort keeps its key in every one of them: whoever
// comes to the keyboard in a bad moment must not have to ask which it is.
func preset(name string) (Bindings, error) {
	switch name {
	case "", PresetDefault:
		return nil, nil
	case PresetVim:
		return Bindings{
			string(Right):     {"l", "right", "shift+right"},
			string(LoadPlans): {"L"},
			string(Level):     {"v"},
			string(PageUp):    {"ctrl+u", "pgup"},
			string(PageDown):  {"ctrl+d", "ctrl+f", "pgdown"},
			string(FocusBack): {"ctrl+o", "alt+left"},
		}, nil
	case PresetEmacs:
		return Bindings{
			string(Up):       {"ctrl+p", "up", "k"},
			string(Down):     {"ctrl+n", "down", "j"},
			string(Right):    {"ctrl+f", "right", "shift+right"},
			string(PageUp):   {"alt+v", "pgup"},
			string(PageDown): {"ctrl+v", "pgdown"},
			string(Top):      {"alt+<", "home"},
			string(Bottom):   {"alt+>", "end"},
			string(Filter):   {"ctrl+s", "/"},
			string(Leave):    {"ctrl+g", "esc"},
			string(Palette):  {"alt+x", ":"},
			string(Copy):     {"alt+w", "y"},
			string(NextPane): {"alt+o", "tab"},
		}, nil
	}
	return nil, fmt.Errorf("keys.preset: %q is no set of keys, choose one of %s", name, strings.Join(Presets(), ", "))
}

// New makes the map of a preset ("" is the default one) with an operator's own keys over it. It fails like With: every
// fault at once, among them each key that two actions would answer.
func New(presetName string, bind Bindings) (*Map, error) {
	all, err := over(presetName, bind)
	if err != nil {
		return nil, err
	}
	return Default().With(all)
}

func over(presetName string, bind Bindings) (Bindings, error) {
	all, err := preset(presetName)
	if err != nil {
		return nil, err
	}
	all = maps.Clone(all)
	if all == nil {
		all = Bindings{}
	}
	maps.Copy(all, bind)
	return all, nil
}

// Faults is all that is wrong with an operator's own keys over a preset, for whoever knows where they are written. A preset that
// does not exist is not among them.
func Faults(presetName string, bind Bindings) []Fault {
	all, err := over(presetName, bind)
	if err != nil {
		return nil
	}
	_, faults := Default().with(all)
	return faults
}

// named are the keys that have a name of more than one letter.
var named = []string{"space", "enter", "esc", "tab", "backspace", "delete", "insert", "home", "end", "pgup", "pgdown",
	"up", "down", "left", "right", "begin", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12",
	"f13", "f14", "f15", "f16", "f17", "f18", "f19", "f20"}

// modifiers may come before a key, in this order.
var modifiers = []string{"ctrl", "alt", "shift", "meta", "hyper", "super"}

// errNoKey is what is wrong with something that is no key.
var errNoKey = errors.New("write it like ctrl+x, alt+left, space, f5, G")

// checkKey says what is wrong with a key's name.
func checkKey(key string) error {
	rest, last := key, -1
	for {
		word, after, more := strings.Cut(rest, "+")
		i := slices.Index(modifiers, word)
		if !more || i < 0 {
			break
		}
		if i <= last {
			return fmt.Errorf("%q is no key: modifiers come once, in the order %s", key, strings.Join(modifiers, ", "))
		}
		rest, last = after, i
	}
	if slices.Contains(named, rest) {
		return nil
	}
	r, size := utf8.DecodeRuneInString(rest)
	if size == 0 || size < len(rest) || r == utf8.RuneError || r <= ' ' || r == 0x7f {
		return fmt.Errorf("%q is no key: %w", key, errNoKey)
	}
	return nil
}

// prefixes are the keys by which tmux and screen take the next key for themselves.
var prefixes = map[string]string{"ctrl+b": "tmux", "ctrl+a": "screen"}

// Shadowed lists the keys that a multiplexer at its default settings never lets through, each with a sentence. It is no
// fault: who has moved the prefix may want the key.
func (m *Map) Shadowed() []string {
	var out []string
	for _, b := range m.bindings {
		for _, k := range b.Keys {
			if who, ok := prefixes[k]; ok {
				out = append(out, fmt.Sprintf("%s is bound to %s, but within %s it is the prefix", k, b.Action, who))
			}
		}
	}
	return out
}
