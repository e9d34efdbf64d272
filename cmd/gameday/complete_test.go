package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// asked are command lines, of which the last word is completed by a shell.
var asked = []struct {
	line      string
	want, not []string
}{
	{"gameday de", []string{"demo"}, []string{"load"}},
	{"gameday demo --the", []string{"--theme"}, []string{"--patterns"}},
	{"gameday demo --theme sol", []string{"solarized"}, []string{"dark"}},
	{"gameday demo --patterns ", []string{"on", "off"}, []string{"demo", "a-file"}},
	{"gameday demo --window ", nil, []string{"a-file"}},
	{"gameday demo --record a-f", []string{"a-file"}, nil},
	{"gameday load conv", []string{"convert"}, []string{"merged"}},
	{"gameday completion f", []string{"fish"}, []string{"bash"}},
	{"gameday replay a-f", []string{"a-file"}, nil},
	{"gameday load ", []string{"convert"}, []string{"a-file"}},
	{"gameday doctor ", nil, []string{"a-file"}},
}

// within makes a directory with a file, a gameday and its completion for a shell.
func within(t *testing.T, shell, name string) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(printed(t, "completion", shell)), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a-file"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gameday"), []byte("#!/bin/sh\n"), 0o700))
	return dir, []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8", "TERM=dumb"}
}

// fish itself is asked what it would complete.
func TestFishCompletes(t *testing.T) {
	fish, err := exec.LookPath("fish")
	if err != nil {
		t.Skip("fish is not installed")
	}
	dir, env := within(t, "fish", "gameday.fish")
	for _, c := range asked {
		cmd := exec.Command(fish, "--no-config", "-c", `source gameday.fish; complete -C $argv[1]`, c.line)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		var got []string
		for _, line := range strings.Split(string(out), "\n") {
			word, _, _ := strings.Cut(line, "\t")
			got = append(got, word)
		}
		for _, w := range c.want {
			require.Contains(t, got, w, c.line)
		}
		for _, w := range c.not {
			require.NotContains(t, got, w, c.line)
		}
	}
}

// zshSetup makes a tab write what completion offers into the file found, and a mark behind it.
const zshSetup = `fpath=($PWD $fpath)
autoload -Uz compinit
compinit -u -D
zstyle ':completion:*' insert-tab false
compadd() {
  local -a hits
  case " $* " in *" -O "*|*" -A "*|*" -D "*) builtin compadd "$@"; return ;; esac
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- $hits >>found
  builtin compadd "$@"
}
zle -C offer complete-word _main_complete
told() { zle offer; print -r -- "=====" >>found }
zle -N told
bindkey -e
bindkey '^I' told
: >found
`

// zshAsks runs an interactive zsh in a terminal of its own, and types each line with a tab behind it.
const zshAsks = `zmodload zsh/zpty
zpty -b z "zsh -f -i"
zpty -w z "source ./setup.zsh"
n=0
drain() { while zpty -r -t z l; do :; done; sleep 0.02 }
until [[ -e found ]]; do drain; done
for line in "$@"; do
  zpty -w -n z "$line"$'\t'
  (( n++ ))
  until (( $(grep -c '=====' found) >= n )); do drain; done
  zpty -w -n z $'\x05\x15'
done
zpty -d z
cat found
`

// zsh itself is asked what it would complete.
func TestZshCompletes(t *testing.T) {
	zsh, err := exec.LookPath("zsh")
	if err != nil {
		t.Skip("zsh is not installed")
	}
	dir, env := within(t, "zsh", "_gameday")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "setup.zsh"), []byte(zshSetup), 0o600))
	asked := append(slices.Clone(asked), asked[:1]...)
	asked[len(asked)-1].line, asked[len(asked)-1].want = "gameday triage --format=js", []string{"json"} // fish has the flag before it
	var lines []string
	for _, c := range asked {
		lines = append(lines, c.line)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, zsh, append([]string{"-f", "-c", zshAsks, "zsh"}, lines...)...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	offered := strings.Split(string(out), "=====\n")
	require.Len(t, offered, len(asked)+1, "%s", out)
	for i, c := range asked {
		got := strings.Fields(offered[i])
		for _, w := range c.want {
			require.Contains(t, got, w, c.line)
		}
		for _, w := range c.not {
			require.NotContains(t, got, w, c.line)
		}
	}
}

func TestManPage(t *testing.T) {
	page := printed(t, "man")
	for _, want := range []string{".TH GAMEDAY 1", `.SS "gameday load convert <source>"`, `\-\-theme`, ".B ctrl+x", ".SH EXIT STATUS", "NO_COLOR"} {
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
