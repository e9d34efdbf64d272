package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/sources/prometheus/promtest"
)

func TestSilences(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gameday.yaml")
	write := func(sources string) {
		require.NoError(t, os.WriteFile(file, []byte("apiVersion: gameday/v1\nkind: Config\nsources: ["+sources+"]\n"), 0o600))
	}
	silence := func(args ...string) (code int, stdout, stderr string) {
		var out, errs bytes.Buffer
		code = start(append([]string{"silence"}, append(args, "--config", file)...), &out, &errs)
		return code, out.String(), errs.String()
	}
	write("")
	code, _, stderr := silence("list")
	require.Equal(t, exitCannotRun, code)
	require.Contains(t, stderr, "add one of kind alertmanager to gameday.yaml")
	write("{kind: alertmanager, name: a}, {kind: alertmanager, name: b}")
	_, _, stderr = silence("list")
	require.Contains(t, stderr, "name one with --source: a, b")
	_, _, stderr = silence("list", "--source", "c")
	require.Contains(t, stderr, `no source "c" that can silence`)
	_, _, stderr = silence("add", "payment", "--reason", "x")
	require.Contains(t, stderr, `"payment" is no label`)

	write("{kind: alertmanager, address: " + promtest.Alertmanager(t, "route: {receiver: r}\nreceivers: [{name: r}]\n") + "}")
	code, id, stderr := silence("add", "service=payment", "--for", "10m", "--by", "ada", "--reason", "a game day")
	require.Equal(t, exitHeld, code, stderr)
	id = strings.TrimSpace(id)
	code, list, stderr := silence("list")
	require.Equal(t, exitHeld, code, stderr)
	require.Contains(t, list, id+`  {service="payment"}  until `)
	require.Contains(t, list, "ada: a game day")
	code, _, stderr = silence("expire", id)
	require.Equal(t, exitHeld, code, stderr)
	_, list, _ = silence("list")
	require.Empty(t, list)
	code, _, _ = silence("expire", id+"0")
	require.Equal(t, exitCannotRun, code)
}
