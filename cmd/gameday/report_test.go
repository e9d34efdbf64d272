package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	reports "gameday/engine/report"
)

// kept puts one run into a state directory and makes it the one of the test.
func kept(t *testing.T, name string) *reports.Document {
	t.Helper()
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	detect := reports.Seconds(1.5)
	d := &reports.Document{Summary: reports.Summary{Name: name, Title: "a slow payment", System: "shop", Environment: "demo", Verdict: "did not hold", ExitCode: 1,
		Started: time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC), Ended: time.Date(2026, 6, 1, 10, 1, 0, 0, time.UTC), Detected: &detect}}
	require.NoError(t, reports.Keep(reports.Dir(filepath.Join(state, "gameday")), d, d.Summary.Started))
	return d
}

func gameday(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = start(args, &out, &err)
	return code, out.String(), err.String()
}

func TestRunsAndReport(t *testing.T) {
	d := kept(t, "slow")
	code, out, _ := gameday("runs")
	require.Zero(t, code)
	require.Contains(t, out, d.Summary.ID)
	require.Contains(t, out, "did not hold")
	require.Contains(t, out, "1.5s")

	code, out, _ = gameday("report", "last")
	require.Zero(t, code)
	require.Contains(t, out, "# ✘ a slow payment: did not hold")
	_, out, _ = gameday("report", "slow", "--format=junit")
	require.Contains(t, out, "<testsuites")
	file := filepath.Join(t.TempDir(), "r.html")
	code, out, _ = gameday("report", "20260601", "-o", file)
	require.Zero(t, code)
	require.Empty(t, out)
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(page), "<!DOCTYPE html>")

	code, out, _ = gameday("diff", "last", "slow")
	require.Zero(t, code)
	require.Contains(t, out, "nothing that was set differs")

	for _, c := range []struct {
		args []string
		want string
	}{{[]string{"report", "lost"}, "no run is called"}, {[]string{"diff", "last~1"}, "last~1 is before the first run"}, {[]string{"report", "last", "-o", "x.pdf"}, "no known format"},
		{[]string{"report", "last", "-o", filepath.Join(file, "x.md")}, "the report was not written"}} {
		code, _, stderr := gameday(c.args...)
		require.Equal(t, exitCannotRun, code)
		require.Contains(t, stderr, c.want)
	}
}

func TestRunsWithoutAny(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	code, out, _ := gameday("runs")
	require.Zero(t, code)
	require.Contains(t, out, "no run has been kept yet")
}

func TestDamagedRunIsNamedAndTheOthersListed(t *testing.T) {
	d := kept(t, "slow")
	dir := reports.Dir(filepath.Join(os.Getenv("XDG_STATE_HOME"), "gameday"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "20260602T100000.000Z-bad.json"), []byte("{"), 0o600))
	code, out, stderr := gameday("runs")
	require.Equal(t, exitCannotRun, code)
	require.Contains(t, out, d.Summary.ID)
	require.Contains(t, stderr, "20260602T100000.000Z-bad.json is not a whole run of gameday: it ends too early")
}

// What cannot be written is told before anything is started.
func TestReportsAreCheckedFirst(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	code, _, stderr := gameday("run", "../../testdata/experiments/payment-slow.yaml", "--demo", "--report", "r.pdf", "--report", "none/r.md")
	require.Equal(t, exitCannotRun, code)
	require.Contains(t, stderr, "the report r.pdf has no known format")
	require.Contains(t, stderr, "there is no directory none")
	dir := filepath.Join(t.TempDir(), "r.html")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.ErrorContains(t, checkReports([]string{dir}), "that is a directory")
}

// A report that could not be written is exit code 2, unless the verdict is worse.
func TestExitCodeOfALostReport(t *testing.T) {
	lost := errors.New("disk full")
	require.NoError(t, withReports(nil, nil))
	for _, c := range []struct {
		verdict error
		want    int
	}{{nil, 2}, {exitError{code: exitBroken}, 2}, {exitError{code: exitAborted}, 3}, {exitError{exitRollbackFailed, errors.New("run this")}, 4}} {
		err := withReports(c.verdict, lost)
		var stderr bytes.Buffer
		require.Equal(t, c.want, report(err, &stderr))
		require.Contains(t, stderr.String(), "disk full")
		if c.want == 4 {
			require.Contains(t, stderr.String(), "run this")
		}
		require.Equal(t, c.verdict, withReports(c.verdict, nil))
	}
}
