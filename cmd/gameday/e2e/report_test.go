package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kept are the documents of the runs in a state directory.
func kept(t *testing.T, state string) []map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(state, "gameday", "runs", "*.json"))
	require.NoError(t, err)
	var out []map[string]any
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		var d map[string]any
		require.NoError(t, json.Unmarshal(data, &d))
		out = append(out, d)
	}
	return out
}

// A run is kept and reported whatever its verdict is, and the reports tell of the same run.
func TestRunIsKeptAndReported(t *testing.T) {
	state, dir := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "no-traffic.yaml")
	require.NoError(t, os.WriteFile(file, []byte(noTraffic), 0o600))
	args := []string{"run", file, "--demo"}
	for _, name := range []string{"r.html", "r.md", "r.json", "r.xml"} {
		args = append(args, "--report", filepath.Join(dir, name))
	}
	got := headlessIn(t, state, args...)
	require.Equal(t, 2, got.code, got.stdout+got.stderr)
	for name, want := range map[string]string{"r.html": "<h1>no-traffic</h1>", "r.md": "# ? no-traffic: inconclusive", "r.json": `"verdict": "inconclusive"`, "r.xml": `<error message="inconclusive`} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Contains(t, string(data), want)
	}
	docs := kept(t, state)
	require.Len(t, docs, 1)
	fault := docs[0]["faults"].([]any)[0].(map[string]any)
	require.Equal(t, "undone", fault["state"])
	require.NotEmpty(t, fault["undone"])
	require.NotEmpty(t, docs[0]["panels"])
	require.Greater(t, len(docs[0]["probes"].([]any)[0].(map[string]any)["readings"].([]any)), 2)

	list := headlessIn(t, state, "runs")
	require.Zero(t, list.code)
	require.Contains(t, list.stdout, "no-traffic")
	again := headlessIn(t, state, "report", "last", "--format", "html")
	page, err := os.ReadFile(filepath.Join(dir, "r.html"))
	require.NoError(t, err)
	require.Equal(t, string(page), again.stdout, "the kept run makes the same report")
}

// A run that a signal ended early is kept too, with its proof that all is undone.
func TestAbortedRunIsKept(t *testing.T) {
	state, dir := t.TempDir(), t.TempDir()
	report := filepath.Join(dir, "r.json")
	cmd := exec.Command(binary, "run", "testdata/experiments/payment-slow.yaml", "--demo", "--report", report)
	cmd.Env, cmd.Dir = environment(state), repository(t)
	require.NoError(t, cmd.Start())
	armed := func() bool {
		out, err := func() ([]byte, error) {
			c := exec.Command(binary, "faults")
			c.Env = environment(state)
			return c.Output()
		}()
		return err == nil && len(out) > 0 && string(out) != "no fault is in force\n"
	}
	require.Eventually(t, armed, 2*time.Minute, 500*time.Millisecond, "the fault is in force")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait() // the exit code says it
	require.Equal(t, 3, cmd.ProcessState.ExitCode())
	require.Empty(t, waitGone(state, 15*time.Second))
	docs := kept(t, state)
	require.Len(t, docs, 1)
	require.Equal(t, "aborted", docs[0]["summary"].(map[string]any)["verdict"])
	require.Equal(t, "undone", docs[0]["faults"].([]any)[0].(map[string]any)["state"])
	require.FileExists(t, report)
}
