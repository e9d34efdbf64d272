package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load"
	"gameday/engine/load/baseline"
	"gameday/engine/load/histogram"
)

// made is a baseline in which every request took so long.
func madeBaseline(t *testing.T, plan string, took time.Duration) *baseline.Baseline {
	t.Helper()
	p, err := load.LoadPlan(plan)
	require.NoError(t, err)
	rec := baseline.NewRecorder("one")
	for i := range 20 {
		var h histogram.Histogram
		for n := range 50 {
			h.Record(took + time.Duration((n*7+i*3)%10)*took/100)
		}
		rec.Add(time.Duration(i)*time.Second, time.Duration(i+1)*time.Second, 0, []baseline.Block{{Done: 50, Latency: h.Sparse()}})
	}
	return rec.Baseline(baseline.Head{Name: "test", Started: time.Now(), Elapsed: 20 * time.Second, Plan: p.Fingerprint(&load.Options{}), Machine: baseline.Here()})
}

func TestLoadBaselines(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	url := target(t, func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) })
	const steady = "executor: {kind: constant-rate, rate: 50}\nscenarios: [{name: s, steps: [{name: one, path: /}]}]\n"
	plan := planFile(t, "duration: 9s\ntarget: ${gateway}\n"+steady)

	got := call("load", "run", plan, "--target", url, "--baseline")
	require.Equal(t, 2, got.code, "nothing to compare with is told before anything is sent")
	require.Contains(t, got.stderr, "no baseline of test has been saved yet")
	got = call("load", "baseline", "list")
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "no baseline has been kept yet")

	short := planFile(t, "duration: 2s\ntarget: ${gateway}\n"+steady)
	got = call("load", "run", short, "--target", url, "--baseline", "--save-baseline=first")
	require.Zero(t, got.code, got.stdout+got.stderr)
	require.Contains(t, got.stdout, "there was no baseline of this plan to compare with")
	require.Contains(t, got.stdout, "kept as baseline 2")
	got = call("load", "baseline", "list")
	require.Regexp(t, `(?m)^\d{8}T\d{6}\.\d{3}Z-test +first +test `, got.stdout)
	for _, name := range []string{"first", "latest"} {
		got = call("load", "baseline", "show", name)
		require.Zero(t, got.code, got.stderr)
		require.Regexp(t, `one +(9\d|100) `, got.stdout)
	}
	require.True(t, json.Valid([]byte(call("load", "baseline", "show", "first", "--json").stdout)))

	dir, err := baselineDir()
	require.NoError(t, err)
	fast, err := baseline.Save(dir, madeBaseline(t, plan, 2*time.Millisecond))
	require.NoError(t, err)
	slow, err := baseline.Save(dir, madeBaseline(t, plan, 3*time.Millisecond))
	require.NoError(t, err)
	got = call("load", "baseline", "diff", fast, baselineID(slow))
	require.Equal(t, 1, got.code, got.stderr)
	require.Contains(t, got.stdout, "total p50 worse")
	require.Zero(t, call("load", "baseline", "diff", slow, fast).code)
	require.Equal(t, 2, call("load", "baseline", "diff", "first", "nope").code)

	got = call("load", "run", plan, "--target", url, "--baseline="+fast, "--save-baseline")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	if strings.Contains(got.stdout, "baseline  inconclusive") {
		// Seconds of a machine that is busy with other things can differ too much to tell ten times slower from chance.
		require.Zero(t, got.code, got.stdout+got.stderr)
		require.Len(t, files, 4)
	} else {
		require.Equal(t, 1, got.code, got.stdout+got.stderr)
		require.Contains(t, got.stdout, "baseline  worse than the baseline of")
		require.Contains(t, got.stdout, "verdict: baseline failed")
		require.Contains(t, got.stdout, "was not kept as a baseline")
		require.Len(t, files, 3)
	}

	require.NoError(t, os.WriteFile(fast, []byte("{"), 0o600))
	require.Equal(t, 2, call("load", "run", plan, "--target", url, "--baseline="+fast).code)
}
