package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

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

// Files of other tools bring no load. One that is given becomes part of the experiment, and what claims nothing is judged by it.
func TestImportUnderALoad(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.yaml")
	got := call("import", foreignFiles+"mesh/schedule.yaml", "-o", out, "--load", "../../testdata/load/shop.yaml")
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stderr, "more than 95% of the load's requests succeed")
	got = call("check", out)
	require.Zero(t, got.code, got.stderr)
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	plan, err := filepath.Abs("../../testdata/load/shop.yaml")
	require.NoError(t, err)
	require.Contains(t, string(data), "load: {file: "+plan+"}")
	for what, args := range map[string][]string{
		"no such file":          {"import", foreignFiles + "mesh/schedule.yaml", "--load", "nowhere.yaml"},
		"unknown field":         {"import", foreignFiles + "mesh/schedule.yaml", "--load", "../../testdata/experiments/payment-slow.yaml"},
		"is for files of other": {"check", "../../testdata/experiments/payment-slow.yaml", "--load", "../../testdata/load/shop.yaml"},
	} {
		got := call(args...)
		require.Equal(t, 2, got.code, what)
		require.Contains(t, got.stderr, what)
		require.Empty(t, got.stdout, what)
	}
}

// A load plan that an experiment names in a file of its own is read before anything is started.
func TestALoadPlanThatIsMissing(t *testing.T) {
	file := write(t, t.TempDir(), "moved.yaml", fmt.Sprintf(burn, time.Second)+"load: {file: ../load/shop.yaml}\n")
	for _, args := range [][]string{{"check", file}, {"run", file, "--demo"}} {
		got := call(args...)
		require.Equal(t, 2, got.code, args)
		require.Contains(t, got.stderr, "load.file: read ")
		require.Contains(t, got.stderr, "no such file")
		require.Empty(t, got.stdout)
	}
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
