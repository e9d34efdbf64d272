package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoadRunOfOtherToolsFiles(t *testing.T) {
	url := target(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) })
	got := call("load", "run", formats+"scripts.jmx", "--target", url)
	require.Equal(t, exitCannotRun, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stderr, "where first")
	require.Contains(t, got.stderr, "scripts are not run")
	require.Contains(t, got.stderr, "give --partial to run it without them")
	require.Empty(t, got.stdout, "nothing has run")

	got = call("load", "run", formats+"scripts.jmx", "--target", url, "--partial")
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stdout, "scripts\n", "called after the file")
	require.Contains(t, got.stdout, "that are not understood (--partial)")
	require.Contains(t, got.stdout, "without JSR223PreProcessor at Scripts/G/A/Script: scripts are not run")

	// A file that the plan names is found beside the plan.
	got = call("load", "run", formats+"journey.jmx", "--target", url)
	require.Contains(t, got.stdout, "Journey", got.stderr)
	require.Contains(t, got.stdout, "check failed", "this site lets nobody in")
}

func TestForeign(t *testing.T) {
	for source, want := range map[string]bool{
		formats + "shop-openapi.yaml": true, formats + "shop.har": true, formats + "shop.jmx": true, "curl http://h/": true,
		"../../testdata/load/shop.yaml": false, "nothere.yaml": false,
	} {
		require.Equal(t, want, foreign(source), source)
	}
	require.True(t, script("a/b.JS"))
	require.False(t, script("b.yaml"))
}

// k6Here is the k6 that was installed for the benchmarks, or any.
func k6Here(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../.cache/bin/k6")
	require.NoError(t, err)
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath("k6"); err != nil {
			t.Skip("no k6 in .cache/bin and none in PATH")
		}
	}
	return path
}

func TestLoadRunOfAScript(t *testing.T) {
	url := target(t, func(http.ResponseWriter, *http.Request) {})
	name := filepath.Join(t.TempDir(), "s.js")
	require.NoError(t, os.WriteFile(name, []byte(`import http from 'k6/http';
export const options = { vus: 1, iterations: 5, thresholds: { http_reqs: ['count==5'] } };
export default function () { http.get(__ENV.TARGET) }`), 0o600))
	got := call("load", "run", name, "--k6", "/nothere/k6")
	require.Equal(t, exitCannotRun, got.code)
	require.Contains(t, got.stderr, "k6 is not installed")
	got = call("load", "run", name, "--target", url)
	require.Contains(t, got.stderr, "--var NAME=VALUE")
	path := k6Here(t)
	out := filepath.Join(t.TempDir(), "out.json")
	got = call("load", "run", name, "--k6", path, "--var", "TARGET="+url, "--out", out)
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stdout, "✔ http_reqs count==5")
	require.Contains(t, got.stdout, "verdict: all thresholds met")
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Contains(t, string(data), `"count": 5`)
	require.True(t, strings.Contains(string(data), `"verdict": "passed"`), string(data))
}
