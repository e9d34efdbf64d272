package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/report"
)

func keep(t *testing.T, dir, name string, started time.Time) *report.Document {
	t.Helper()
	d := document()
	d.Summary.Name, d.Summary.Started, d.Summary.ID = name, started, ""
	require.NoError(t, report.Keep(dir, d, started))
	return d
}

func TestKeepAndRead(t *testing.T) {
	dir := report.Dir(t.TempDir())
	d := keep(t, dir, "payment slow/../../x", began)
	require.Equal(t, "20260601T101500.250Z-payment-slow-x", d.Summary.ID)
	path := filepath.Join(dir, d.Summary.ID+".json")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	dirInfo, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), dirInfo.Mode().Perm())
	again, err := report.Find(dir, "last")
	require.NoError(t, err)
	require.Equal(t, render(t, report.JSON, d), render(t, report.JSON, again))
	second := keep(t, dir, "payment slow/../../x", began)
	require.Equal(t, "20260601T101500.250Z-payment-slow-x-2", second.Summary.ID, "a run never replaces another")
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	require.Empty(t, left, "no temporary file is left")
}

func TestKeepThatFailsLeavesNothing(t *testing.T) {
	state := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(state, "runs"), []byte("in the way"), 0o600))
	d := document()
	require.ErrorContains(t, report.Keep(report.Dir(state), d, began), "no directory for the runs")

	dir := t.TempDir()
	target := filepath.Join(dir, "r.html")
	require.NoError(t, os.Mkdir(target, 0o700)) // cannot be replaced by a file
	require.Error(t, report.WriteFile(target, report.HTML, d))
	all, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestWriteFileReplacesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.md")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	old, err := os.Open(path)
	require.NoError(t, err)
	defer old.Close()
	require.NoError(t, report.WriteFile(path, report.Markdown, document()))
	was := make([]byte, 10)
	n, _ := old.Read(was)
	require.Equal(t, "old", string(was[:n]), "who reads the old file is not disturbed")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, render(t, report.Markdown, document()), string(data))
	require.ErrorContains(t, report.WriteFile(filepath.Join(t.TempDir(), "none", "r.md"), report.Markdown, document()), "the report was not written")
	require.NoError(t, report.WriteFile("/dev/null", report.JSON, document()), "a device is written to, not replaced")
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	_, err := report.Find(dir, "last")
	require.ErrorContains(t, err, "no run has been kept yet")
	_, err = report.Find(filepath.Join(dir, "none"), "last")
	require.ErrorContains(t, err, "no run has been kept yet")
	keep(t, dir, "slow", began)
	keep(t, dir, "kill", began.Add(time.Hour))
	keep(t, dir, "slow", began.Add(24*time.Hour))
	for run, want := range map[string]string{
		"last": "20260602T101500.250Z-slow", "last~1": "20260601T111500.250Z-kill", "last~2": "20260601T101500.250Z-slow",
		"slow": "20260602T101500.250Z-slow", "kill": "20260601T111500.250Z-kill", "20260602": "20260602T101500.250Z-slow",
		"20260601T101500.250Z-slow":                          "20260601T101500.250Z-slow",
		filepath.Join(dir, "20260601T111500.250Z-kill.json"): "20260601T111500.250Z-kill",
	} {
		d, err := report.Find(dir, run)
		require.NoError(t, err, run)
		require.Equal(t, want, d.Summary.ID, run)
	}
	for run, want := range map[string]string{
		"last~3":         "last~3 is before the first run: 3 are kept",
		"20260601":       "2 runs begin with",
		"slwo":           "gameday runs lists them",
		"":               "no run is called",
		"./no/such.json": "cannot read ./no/such.json: no such file or directory",
		"last~99999999":  "no run is called",
		"../../etc/pass": "no run is called",
	} {
		_, err := report.Find(dir, run)
		require.ErrorContains(t, err, want, run)
	}
	_, err = report.Find(dir, "slo")
	require.ErrorContains(t, err, "slow", "it names the nearest")
}

func TestPruning(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.json"), []byte("mine"), 0o600))
	first := keep(t, dir, "old", began)
	for i := range report.KeepRuns + 4 {
		name := began.Add(time.Duration(i+1)*time.Minute).UTC().Format("20060102T150405.000Z") + "-x.json"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o600))
	}
	last := keep(t, dir, "new", began.Add(24*time.Hour))
	all, err := report.List(dir)
	require.NoError(t, err)
	require.Len(t, all, report.KeepRuns)
	require.Equal(t, last.Summary.ID, all[0].ID)
	require.NoFileExists(t, filepath.Join(dir, first.Summary.ID+".json"))
	require.FileExists(t, filepath.Join(dir, "notes.json"), "what is not ours stays")

	much := keep(t, dir, "later", began.Add(report.KeepFor+48*time.Hour))
	all, err = report.List(dir)
	require.NoError(t, err)
	require.Len(t, all, 1, "the others are too old")
	require.Equal(t, much.Summary.ID, all[0].ID)

	d := document()
	d.Summary.Started = began.AddDate(-3, 0, 0) // a clock that was wrong
	dir = t.TempDir()
	require.NoError(t, report.Keep(dir, d, began))
	require.FileExists(t, filepath.Join(dir, d.Summary.ID+".json"), "the newest stays however old it is")
}

func TestDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	good := keep(t, dir, "good", began)
	whole, err := os.ReadFile(filepath.Join(dir, good.Summary.ID+".json"))
	require.NoError(t, err)
	for i, c := range []struct{ text, want string }{
		{"", "is not a whole run of gameday: it ends too early"},
		{string(whole[:len(whole)/2]), "it ends too early"},
		{"not json", "is not a whole run of gameday"},
		{"[]", "is not a whole run of gameday"},
		{"{}", "is not a run of gameday: it has no version"},
		{`{"version": 0, "summary": {}}`, "it has no version"},
		{strings.Replace(string(whole), `"version": 1`, `"version": 7`, 1), "was written by a newer gameday (document version 7, this one reads up to 1)"},
		{strings.Replace(string(whole), `"exitCode": 1`, `"exitCode": "one"`, 1), "is not a whole run of gameday"},
	} {
		name := began.Add(time.Duration(i+1)*time.Hour).UTC().Format("20060102T150405.000Z") + "-bad.json"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(c.text), 0o600))
		_, err := report.Find(dir, "bad")
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, name)
	}
	all, err := report.List(dir)
	require.NoError(t, err)
	require.Len(t, all, 9)
	broken := 0
	for _, r := range all {
		require.NotEmpty(t, r.ID)
		if r.Err != nil {
			broken++
		}
	}
	require.Equal(t, 7, broken, "the half one has a whole summary")
	require.Equal(t, "good", all[8].Name)
	require.NoError(t, all[8].Err)
	_, err = report.Decode("x\x1b[31m", []byte("x"))
	require.NotContains(t, fmt.Sprint(err), "\x1b")
}
