package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs strings.Builder
	require.Equal(t, exitHeld, start(args, &out, &errs), errs.String())
	return out.String()
}

// bash itself is asked what it would complete.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	file := filepath.Join(t.TempDir(), "gameday.bash")
	require.NoError(t, os.WriteFile(file, []byte(printed(t, "completion", "bash")), 0o600))
	for _, c := range []struct {
		line      string // the last word is what is being completed
		want, not []string
	}{
		{"gameday ", []string{"demo", "load", "completion", "--help"}, []string{"keeper"}},
		{"gameday de", []string{"demo"}, []string{"load"}},
		{"gameday demo --the", []string{"--theme"}, []string{"--patterns"}},
		{"gameday demo --theme sol", []string{"solarized"}, []string{"dark"}},
		{"gameday demo --theme = sol", []string{"solarized"}, []string{"dark"}},
		{"gameday demo --patterns ", []string{"on", "off"}, []string{"demo"}},
		{"gameday load conv", []string{"convert"}, []string{"--help"}},
		{"gameday completion f", []string{"fish"}, []string{"bash"}},
	} {
		words := strings.Split(c.line, " ")
		script := `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _gameday; printf '%s\n' "${COMPREPLY[@]}"`
		out, err := exec.Command(bash, append([]string{"--norc", "-c", script, "bash", file}, words...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		got := strings.Fields(string(out))
		for _, w := range c.want {
			require.Contains(t, got, w, c.line)
		}
		for _, w := range c.not {
			require.NotContains(t, got, w, c.line)
		}
	}
}

// zsh and fish are asked whether they understand the script, where they are installed.
func TestZshAndFishUnderstand(t *testing.T) {
	for _, shell := range []string{"zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			script := printed(t, "completion", shell)
			require.Contains(t, script, "solarized")
			require.Contains(t, script, "'load convert'")
			require.NotContains(t, script, "keeper")
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("%s is not installed", shell)
			}
			file := filepath.Join(t.TempDir(), "script")
			require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
			out, err := exec.Command(path, "-n", file).CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}

func TestManPage(t *testing.T) {
	page := printed(t, "man")
	for _, want := range []string{".TH GAMEDAY 1", `.SS "gameday load convert"`, `\-\-theme`, ".B ctrl+x", ".SH EXIT STATUS", "NO_COLOR"} {
		require.Contains(t, page, want)
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed: the page was not formatted")
	}
	cmd := exec.Command(groff, "-man", "-Tascii", "-ww", "-z")
	cmd.Stdin = strings.NewReader(page)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(out), "groff has nothing to warn of")
}
