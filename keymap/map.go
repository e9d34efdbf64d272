package keymap

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Map is a registry with the keys that are bound now. It does not change once made.
type Map struct {
	bindings []Binding
	byAction map[Action]int
	byKey    map[Scope]map[string]Action
}

// Default is the map of the registry's own keys.
func Default() *Map {
	return build(Registry())
}

func build(bindings []Binding) *Map {
	m := &Map{bindings: bindings, byAction: map[Action]int{}, byKey: map[Scope]map[string]Action{}}
	for i, b := range bindings {
		m.byAction[b.Action] = i
		for _, sc := range scopesOf(b) {
			if m.byKey[sc] == nil {
				m.byKey[sc] = map[string]Action{}
			}
			for _, k := range b.Keys {
				if types(k) && isText(sc) {
					continue
				}
				if _, taken := m.byKey[sc][k]; !taken {
					m.byKey[sc][k] = b.Action
				}
			}
		}
	}
	return m
}

// scopesOf adds to a binding's scopes those that an action which works everywhere has as well.
func scopesOf(b Binding) []Scope {
	if !b.Everywhere {
		return b.Scopes
	}
	out := slices.Clone(b.Scopes)
	for _, sc := range []Scope{Prompt, Dialog, List, HelpView} {
		if !slices.Contains(out, sc) {
			out = append(out, sc)
		}
	}
	return out
}

// isText reports whether characters are typed in that scope, or must not act there by accident.
func isText(s Scope) bool { return s == Prompt || s == Dialog }

// types reports whether the key types a character.
func types(key string) bool { return key == "space" || utf8.RuneCountInString(key) == 1 }

// parents is the way a key takes when a scope does not know it.
func parents(s Scope) []Scope {
	switch {
	case strings.HasPrefix(string(s), "pane:"):
		return []Scope{s, Pane, Global}
	case s == Paused:
		return []Scope{Paused}
	case s == Pane:
		return []Scope{Pane, Global}
	}
	return []Scope{s}
}

// Action is what a key does in a scope and those around it; ok is false when it does nothing. Keys are named as
// Bubble Tea names them: "ctrl+x", "alt+left", "space", "G".
func (m *Map) Action(s Scope, key string) (a Action, ok bool) {
	for _, sc := range parents(s) {
		if a, ok := m.byKey[sc][key]; ok {
			return a, true
		}
	}
	return "", false
}

// Lookup is what the registry says of an action.
func (m *Map) Lookup(a Action) (Binding, bool) {
	i, ok := m.byAction[a]
	if !ok {
		return Binding{}, false
	}
	return m.bindings[i], true
}

// Key is the key to show for an action, its first; "" when it is unbound.
func (m *Map) Key(a Action) string {
	b, ok := m.Lookup(a)
	if !ok || len(b.Keys) == 0 {
		return ""
	}
	return b.Keys[0]
}

// All lists every binding in the registry's order. The slice must not be changed.
func (m *Map) All() []Binding { return m.bindings }

// In lists the bindings that act in a scope or one around it, in the registry's order.
func (m *Map) In(s Scope) []Binding {
	var out []Binding
	for _, b := range m.bindings {
		for _, sc := range append(parents(s), Paused) {
			if slices.Contains(b.Scopes, sc) {
				out = append(out, b)
				break
			}
		}
	}
	return out
}

// Conflict is one key that two actions want in the same place.
type Conflict struct {
	Scope  Scope
	Key    string
	First  Action
	Second Action
}

// String says the conflict in a sentence.
func (c Conflict) String() string {
	return fmt.Sprintf("key %q is bound to both %s and %s (scope %s): give one of them another key", c.Key, c.First, c.Second, c.Scope)
}

// Conflicts lists keys that two actions want in one scope, or in one and a scope around it: a pane's own key never covers
// a verb of the whole cockpit.
func (m *Map) Conflicts() []Conflict {
	var out []Conflict
	for i, a := range m.bindings {
		for _, b := range m.bindings[i+1:] {
			for _, k := range a.Keys {
				if !slices.Contains(b.Keys, k) {
					continue
				}
				if sc, clash := meet(a, b, k); clash {
					out = append(out, Conflict{sc, k, a.Action, b.Action})
				}
			}
		}
	}
	return out
}

// meet reports the scope in which two bindings would both answer the key.
func meet(a, b Binding, key string) (Scope, bool) {
	for _, sa := range scopesOf(a) {
		for _, sb := range scopesOf(b) {
			if types(key) && (isText(sa) || isText(sb)) {
				continue
			}
			if slices.Contains(parents(sa), sb) {
				return sa, true
			}
			if slices.Contains(parents(sb), sa) {
				return sb, true
			}
		}
	}
	return "", false
}

// Fault is something wrong with what an operator bound.
type Fault struct {
	Action string // whose binding it is, as it was written
	Says   string // what is wrong, and what to do
}

// Error is the fault as a sentence that names the place in gameday.yaml.
func (f Fault) Error() string { return "keys.bind." + f.Action + ": " + f.Says }

// With returns a map with other keys: action name → keys; an empty list unbinds. It fails, naming every Fault at once,
// for unknown actions (with the nearest known one), for keys that are no keys, for conflicts, and for leaving Abort
// without a key that works while something is being typed.
func (m *Map) With(overrides Bindings) (*Map, error) {
	out, faults := m.with(overrides)
	if len(faults) > 0 {
		errs := make([]error, len(faults))
		for i, f := range faults {
			errs[i] = f
		}
		return nil, errors.Join(errs...)
	}
	return out, nil
}

func (m *Map) with(overrides Bindings) (*Map, []Fault) {
	var faults []Fault
	next := slices.Clone(m.bindings)
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		i, ok := m.byAction[Action(name)]
		if !ok {
			faults = append(faults, Fault{name, unknown(name, m.bindings)})
			continue
		}
		for _, k := range overrides[name] {
			if err := checkKey(k); err != nil {
				faults = append(faults, Fault{name, err.Error()})
			}
		}
		next[i].Keys = slices.Clone(overrides[name])
	}
	out := build(next)
	for _, c := range out.Conflicts() {
		who := c.First
		if _, bound := overrides[string(c.Second)]; bound {
			who = c.Second
		}
		faults = append(faults, Fault{string(who), c.String()})
	}
	for _, must := range []struct {
		a    Action
		says string
	}{
		{Open, "needs a key that types no character, such as enter: no prompt could be answered"},
		{Leave, "needs a key that types no character, such as esc: no prompt could be left"},
		{Abort, "needs a key that types no character, such as ctrl+x, so that it works in dialogs too"},
	} {
		if !slices.ContainsFunc(next[m.byAction[must.a]].Keys, func(k string) bool { return !types(k) }) {
			faults = append(faults, Fault{string(must.a), must.says})
		}
	}
	return out, faults
}

func unknown(name string, known []Binding) string {
	best, dist := "", len(name)/2+2
	for _, b := range known {
		if d := distance(name, string(b.Action)); d < dist {
			best, dist = string(b.Action), d
		}
	}
	if best == "" {
		return "there is no such action; gameday keys lists them"
	}
	return "there is no such action, did you mean " + best
}

// distance is the number of letters to change, add or drop.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := before
			if a[i-1] != b[j-1] {
				cost++
			}
			before = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
