package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const foreignFiles = "../../testdata/experiments/formats/"

func TestImport(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.yaml")
	got := call("import", foreignFiles+"mesh/schedule.yaml", "-o", out, "--probe", "http://127.0.0.1:1/health")
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stderr, "NetworkChaos loss")
	got = call("check", out)
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "experiment is well-formed")
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Contains(t, string(data), `http: "http://127.0.0.1:1/health"`)
	got = call("import", foreignFiles+"mesh/schedule.yaml", "-o", out)
	require.Equal(t, 2, got.code)
	require.Contains(t, got.stderr, "exists already")
}

// What needs a cluster is shown and refused, in all three commands, until less will do.
func TestImportThatNeedsAnEngine(t *testing.T) {
	for _, command := range []string{"import", "check", "run"} {
		got := call(command, foreignFiles+"litmus/experiments.yaml")
		require.Equal(t, 2, got.code, command)
		require.Contains(t, got.stdout+got.stderr, "needs kubernetes  node-drain of shop", command)
		require.Contains(t, got.stderr, "2 steps need kubernetes, which gameday does not drive", command)
		require.Contains(t, got.stderr, "--partial", command)
	}
	require.Zero(t, call("check", "--partial", foreignFiles+"litmus/experiments.yaml").code)
	got := call("import", "--partial", "--strict", foreignFiles+"litmus/experiments.yaml")
	require.Equal(t, 2, got.code)
	require.Contains(t, got.stderr, "--strict")
	require.Equal(t, 2, call("import", "../../testdata/experiments/payment-slow.yaml").code, "it is gameday's own")
}
