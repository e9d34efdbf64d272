package keymap

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultsDoNotCollide(t *testing.T) {
	require.Empty(t, Default().Conflicts())
}

func TestNoDefaultIsAMultiplexersPrefix(t *testing.T) {
	for _, b := range Registry() {
		for _, prefix := range []string{"ctrl+a", "ctrl+b"} {
			require.NotContains(t, b.Keys, prefix, b.Action)
		}
	}
}

func TestEveryActionIsDescribedOnce(t *testing.T) {
	seen := map[Action]bool{}
	for _, b := range Registry() {
		require.False(t, seen[b.Action], b.Action)
		seen[b.Action] = true
		require.NotEmpty(t, b.Short, b.Action)
		require.NotEmpty(t, b.Long, b.Action)
		require.NotEmpty(t, b.Scopes, b.Action)
		require.NotEmpty(t, b.Keys, b.Action)
		require.Contains(t, Groups(), b.Group, b.Action)
		require.False(t, strings.HasSuffix(b.Long, "."), b.Action)
	}
}

func TestAbortWorksEverywhere(t *testing.T) {
	m := Default()
	for _, s := range []Scope{Global, Pane, PaneScope("logs"), Prompt, Dialog, List, HelpView} {
		a, ok := m.Action(s, "ctrl+x")
		require.True(t, ok, s)
		require.Equal(t, Abort, a, s)
	}
}

func TestActionLooksFromTheInsideOut(t *testing.T) {
	m := Default()
	for _, c := range []struct {
		scope Scope
		key   string
		want  Action
	}{
		{PaneScope("logs"), "v", Level},
		{PaneScope("traces"), "v", ""},
		{PaneScope("traces"), "o", Order},
		{PaneScope("metrics"), "e", Experiments},
		{PaneScope("metrics"), "enter", Open},
		{Global, "enter", ""},
		{Paused, "left", EarlierStep},
		{PaneScope("metrics"), "left", Left},
		{Prompt, "q", ""}, // typed, not obeyed
		{Prompt, "ctrl+c", Quit},
		{Prompt, "space", ""},
		{Dialog, "enter", Open},
		{Dialog, "q", ""},
		{List, "j", Down},
		{List, "e", ""},
		{Global, "ctrl+p", Palette},
	} {
		a, ok := m.Action(c.scope, c.key)
		require.Equal(t, c.want, a, "%s %s", c.scope, c.key)
		require.Equal(t, c.want != "", ok)
	}
}

func TestWithRemaps(t *testing.T) {
	m, err := Default().With(map[string][]string{"experiments": {"E"}, "note": {}})
	require.NoError(t, err)
	a, _ := m.Action(Global, "E")
	require.Equal(t, Experiments, a)
	_, ok := m.Action(Global, "e")
	require.False(t, ok)
	require.Equal(t, "", m.Key(Note))
	require.Equal(t, "e", Default().Key(Experiments), "the first map did not change")
}

func TestWithSaysEveryFaultAtOnce(t *testing.T) {
	_, err := Default().With(map[string][]string{
		"experimets": {"E"},
		"load":       {"e"},
		"note":       {"not a key"},
		"abort":      {"x"},
	})
	require.ErrorContains(t, err, "did you mean experiments")
	require.ErrorContains(t, err, `key "e" is bound to both experiments and load`)
	require.ErrorContains(t, err, `"not a key" is no key`)
	require.ErrorContains(t, err, "keys.bind.abort: needs a key that types no character")
}

func TestAPanesKeyMayNotCoverAVerb(t *testing.T) {
	_, err := Default().With(map[string][]string{"logs.level": {"e"}})
	require.ErrorContains(t, err, "bound to both")
}

func TestInListsWhatWorks(t *testing.T) {
	in := Default().In(PaneScope("logs"))
	has := func(a Action) bool { return slices.ContainsFunc(in, func(b Binding) bool { return b.Action == a }) }
	require.True(t, has(Level))
	require.True(t, has(Abort))
	require.False(t, has(Order))
	require.False(t, has(Toggle))
}

func TestPresets(t *testing.T) {
	for _, name := range Presets() {
		m, err := New(name, nil)
		require.NoError(t, err, name)
		require.Empty(t, m.Conflicts(), name)
		require.Empty(t, m.Shadowed(), name)
		require.Equal(t, "ctrl+x", m.Key(Abort), name)
		for _, b := range m.All() {
			require.NotEmpty(t, b.Keys, "%s leaves %s without a key", name, b.Action)
			for _, k := range b.Keys {
				require.NoError(t, checkKey(k), "%s %s", name, b.Action)
			}
		}
	}
	vim, err := New(PresetVim, nil)
	require.NoError(t, err)
	for key, want := range map[string]Action{"h": Left, "j": Down, "k": Up, "l": Right} {
		a, _ := vim.Action(PaneScope("logs"), key)
		require.Equal(t, want, a, key)
	}
	_, err = New("nano", nil)
	require.ErrorContains(t, err, "choose one of default, vim, emacs")
}

func TestAnOperatorsKeysLieOverThePreset(t *testing.T) {
	m, err := New(PresetVim, Bindings{"load": {"f5"}, "mouse": {}})
	require.NoError(t, err)
	require.Equal(t, "f5", m.Key(LoadPlans))
	require.Equal(t, "", m.Key(Mouse))
	_, err = New(PresetVim, Bindings{"note": {"l"}})
	require.ErrorContains(t, err, `key "l" is bound to both`)
}

func TestKeysThatAreNone(t *testing.T) {
	for _, k := range []string{"x", "G", "+", "ctrl++", "space", "f12", "ctrl+alt+x", "shift+tab", "ü", "alt+<"} {
		require.NoError(t, checkKey(k), k)
	}
	for _, k := range []string{"", " ", "C-x", "ctrl-x", "Ctrl+x", "ctrl+", "alt+ctrl+x", "ctrl+ctrl+x", "return", "gg", "\x1b", "\x7f", "f99"} {
		require.Error(t, checkKey(k), "%q", k)
	}
}

func TestAPromptCanAlwaysBeAnsweredAndLeft(t *testing.T) {
	_, err := Default().With(Bindings{"open": {"o"}, "leave": {"b"}, "traces.order": {}, "load.hold": {}})
	require.ErrorContains(t, err, "no prompt could be answered")
	require.ErrorContains(t, err, "no prompt could be left")
}

func TestShadowedByAMultiplexer(t *testing.T) {
	m, err := New("", Bindings{"note": {"ctrl+b"}})
	require.NoError(t, err, "who has moved the prefix may want it")
	require.Equal(t, []string{"ctrl+b is bound to note, but within tmux it is the prefix"}, m.Shadowed())
}
