package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/engine/settings"
	"gameday/sources/all"
)

func TestWhatInitWritesIsReadAndNeverOverwrites(t *testing.T) {
	var every []found
	for _, k := range all.Kinds() {
		if k.Usual != "" {
			every = append(every, found{k, "it answers"})
		}
	}
	for _, answered := range [][]found{nil, every} {
		set, err := settings.Parse("gameday.yaml", []byte(configuration(answered)))
		require.NoError(t, err)
		require.Len(t, set.Sources, len(answered))
	}
	// what is marked out is well-formed too, once the marks are taken away
	for _, k := range all.Kinds() {
		text := configuration(nil)
		at := strings.Index(text, "  # - name: "+k.Name+" ")
		require.GreaterOrEqual(t, at, 0)
		block := strings.Join(strings.SplitN(text[at:], "\n", 4)[:3], "\n")
		text = text[:at] + strings.ReplaceAll(block, "  # ", "  ") + text[at+len(block):]
		if k.Usual != "" {
			set, err := settings.Parse("gameday.yaml", []byte(text))
			require.NoError(t, err, k.Name)
			require.Len(t, set.Sources, 1, k.Name)
		}
	}
	file := filepath.Join(t.TempDir(), "conf", "gameday.yaml")
	var out bytes.Buffer
	require.Equal(t, exitHeld, start([]string{"init", file}, &out, &out), out.String())
	require.Equal(t, exitHeld, start([]string{"check", file}, &out, &out), out.String())
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	require.Equal(t, exitCannotRun, start([]string{"init", file}, &out, &out))
	require.Contains(t, out.String(), "--force")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "mine", string(data))
}

// TestCredentialsInPlainTextAreWarnedOf by check, without a word of the secret.
func TestCredentialsInPlainTextAreWarnedOf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gameday.yaml")
	t.Setenv("PROM_TOKEN", "hunter2-and-more")
	require.NoError(t, os.WriteFile(file, []byte(`apiVersion: gameday/v1
kind: Config
sources:
  - {name: far, kind: prometheus, address: "http://prom.example:9090", auth: {bearer: "${env:PROM_TOKEN}"}}
  - {name: near, kind: prometheus, address: "http://localhost:9090", auth: {bearer: "${env:PROM_TOKEN}"}}
`), 0o600))
	var out bytes.Buffer
	require.NoError(t, checkCmd{Files: []string{file}}.Run(&out))
	require.Contains(t, out.String(), "warning: source far: its credentials go to prom.example:9090 in plain text")
	require.NotContains(t, out.String(), "source near")
	require.NotContains(t, out.String(), "hunter2")
}
