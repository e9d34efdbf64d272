package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysOfAPreset(t *testing.T) {
	var plain, vim strings.Builder
	require.NoError(t, keysCmd{Preset: "default"}.Run(&plain))
	require.NoError(t, keysCmd{Preset: "vim"}.Run(&vim))
	require.Contains(t, plain.String(), "  l  ")
	require.Contains(t, vim.String(), "  L  ")
	require.ErrorContains(t, keysCmd{Preset: "nano"}.Run(&vim), `"nano" is no set of keys`)
}

// TestKeysOfTheConfiguration: what is printed is what a cockpit would have.
func TestKeysOfTheConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gameday.yaml")
	require.NoError(t, os.WriteFile(file, []byte("apiVersion: gameday/v1\nkind: Config\nkeys: {preset: vim, bind: {note: [f9], mouse: []}}\n"), 0o600))
	var own strings.Builder
	require.NoError(t, keysCmd{configFlag: configFlag{Config: file}}.Run(&own))
	require.Regexp(t, `(?m)^ +f9 +write a note onto the timeline`, own.String())
	require.Regexp(t, `(?m)^ +L +pick a load plan`, own.String())
	require.Regexp(t, `(?m)^ +\(none\) +let go of the mouse`, own.String())
	look, err := screenFlags{}.configured(configFlag{Config: file})
	require.NoError(t, err)
	require.Equal(t, "vim", look.Keys)
	require.Equal(t, []string{"f9"}, look.Bind["note"])
}
