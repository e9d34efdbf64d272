// Package cmd holds no code: only the test that the imports of the house run one way.
package cmd

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layer gives each top-level folder its height: an import may only go to a lower one, or stay within its own folder.
// keymap, themes and the vocabularies are leaves. chaos and sources stand side by side and never see each other.
var layer = map[string]int{"cmd": 5, "tui": 4, "engine": 3, "chaos": 2, "sources": 2, "keymap": 0, "themes": 0, "testdata": 0}

// leaves are the vocabularies that both sides of the house speak.
var leaves = map[string]bool{"gameday/sources/signal": true, "gameday/sources/spec": true, "gameday/sources/reference": true}

type listed struct {
	ImportPath  string
	Standard    bool
	Imports     []string
	TestImports []string
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Imports,TestImports"}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %s", exit.Stderr)
	}
	require.NoError(t, err)
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

func folder(path string) string {
	return strings.Split(strings.TrimPrefix(path, "gameday/"), "/")[0]
}

// forbidden says why from may not import to, or "".
func forbidden(from, to string, drivers map[string]bool) string {
	if !strings.HasPrefix(to, "gameday/") || from == to {
		return ""
	}
	a, b := folder(from), folder(to)
	switch {
	case layer[a] == 0 && a != b:
		return "it imports nothing of ours"
	case leaves[to]:
		return ""
	case strings.HasPrefix(from, "gameday/tui/pane/") && strings.HasPrefix(to, "gameday/sources/"):
		return "panes speak package signal only"
	case from == "gameday/tui/pane" && a != b && layer[b] != 0:
		return "panes speak package signal only"
	case drivers[from] && (to == "gameday/sources/store" || to == "gameday/sources"):
		return "drivers emit; they know neither the store nor their supervisor"
	case a == "cmd" && strings.HasPrefix(to, "gameday/cmd/shop") && !strings.HasPrefix(from, "gameday/cmd/"):
		return "the shop is a program of its own"
	case a == b:
		return ""
	case a == "tui" && b == "sources" || a == "tui" && b == "chaos":
		return "the screen reads frames and asks the engine"
	case layer[a] > layer[b]:
		return ""
	}
	return "an arrow that runs back or sideways"
}

// drivers are the packages that implement a back-end: the two that the session runs by itself, and all that a
// configuration can name.
func drivers(all []listed) map[string]bool {
	out := map[string]bool{"gameday/sources/scrape": true, "gameday/sources/otlp": true}
	for _, p := range all {
		if p.ImportPath == "gameday/sources/all" {
			for _, to := range p.Imports {
				out[to] = strings.HasPrefix(to, "gameday/sources/") && to != "gameday/sources/driver"
			}
		}
	}
	return out
}

func TestImportsRunOneWay(t *testing.T) {
	all := list(t, "gameday/...")
	drivers := drivers(all)
	for _, p := range all {
		for _, to := range p.Imports {
			if why := forbidden(p.ImportPath, to, drivers); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, to, why)
			}
		}
		if p.ImportPath == "gameday/sources/signal" {
			for _, to := range p.Imports {
				require.NotContains(t, to, ".", "package signal imports the standard library only")
			}
		}
		for _, bad := range []string{"util", "utils", "common", "helpers", "types"} {
			require.NotEqual(t, bad, p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:], "a package name has to say what is inside")
		}
	}
}

// Panes are pure: what they draw comes from the frame they are handed, so they have no way to the disk or the network.
func TestPanesDoNoIO(t *testing.T) {
	for _, p := range list(t, "gameday/tui/pane/...", "gameday/tui/widget/...") {
		for _, to := range p.Imports {
			if to == "net" || to == "os" || strings.HasPrefix(to, "net/") || strings.HasPrefix(to, "os/") {
				t.Errorf("%s imports %s", p.ImportPath, to)
			}
		}
	}
}

func TestForbiddenKnowsItsRules(t *testing.T) {
	for _, c := range []struct {
		from, to string
		bad      bool
	}{
		{"gameday/cmd/gameday", "gameday/engine", false},
		{"gameday/tui", "gameday/engine", false},
		{"gameday/engine", "gameday/chaos", false},
		{"gameday/chaos", "gameday/sources/signal", false},
		{"gameday/chaos/experiment", "gameday/sources/spec", false},
		{"gameday/engine", "gameday/tui", true},
		{"gameday/chaos", "gameday/engine/load", true},
		{"gameday/chaos", "gameday/sources/store", true},
		{"gameday/sources/store", "gameday/chaos", true},
		{"gameday/sources/otlp", "gameday/sources/store", true},
		{"gameday/tui/pane/logs", "gameday/sources/store", true},
		{"gameday/keymap", "gameday/sources/signal", true},
		{"gameday/themes", "gameday/tui", true},
		{"gameday/engine", "gameday/cmd/shop/fleet", true},
	} {
		require.Equal(t, c.bad, forbidden(c.from, c.to, drivers(nil)) != "", "%s → %s", c.from, c.to)
	}
}
