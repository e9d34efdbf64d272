package k6summary

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/load/format/digest"
	"gameday/sources/signal"
)

const fixtures = "../../../../testdata/load/formats/"

func TestShapes(t *testing.T) {
	for _, tc := range []struct {
		file    string
		check   signal.Check
		p99     time.Duration
		elapsed time.Duration
		steps   int
	}{
		{"k6-handle-summary.json", signal.CheckFailed, 900 * time.Millisecond, 60012500 * time.Microsecond, 1},
		{"k6-summary-export.json", signal.CheckFailed, digest.Unknown, 50 * time.Second, 0},
		{"k6-machine-readable.json", signal.CheckPending, digest.Unknown, time.Minute, 0},
	} {
		data, err := os.ReadFile(fixtures + tc.file)
		require.NoError(t, err)
		rep, err := Read(data)
		require.NoError(t, err, tc.file)
		require.Equal(t, uint64(1000), rep.Total.Count, tc.file)
		require.Equal(t, uint64(20), rep.Total.Failed, tc.file)
		require.Equal(t, 150*time.Millisecond, rep.Total.P50, tc.file)
		require.Equal(t, 450*time.Millisecond, rep.Total.P95, tc.file)
		require.Equal(t, tc.p99, rep.Total.P99, tc.file)
		require.Equal(t, tc.elapsed, rep.Elapsed, tc.file)
		require.Len(t, rep.Steps, tc.steps, tc.file)
		require.Equal(t, tc.check, rep.Check(), tc.file)
		require.Equal(t, "check: status is 200", rep.Errors[0].Kind, tc.file)
		if tc.check != signal.CheckPending {
			require.Equal(t, signal.CheckPassed, rep.Thresholds[0].Check, "p(95)<500 held in %s", tc.file)
			require.Equal(t, signal.CheckFailed, rep.Thresholds[1].Check, tc.file)
		}
	}
}

func TestBadSummaries(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "not a k6 summary",
		"{}":                            "no metrics",
		`{"metrics":[]}`:                "its metrics",
		`{"metrics":{"iterations":{}}}`: "no http_reqs",
		`{"results":{"metrics":[]}}`:    "no http_reqs",
	} {
		_, err := Read([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzSummary(f *testing.F) {
	for _, name := range []string{"k6-handle-summary.json", "k6-summary-export.json", "k6-machine-readable.json"} {
		data, err := os.ReadFile(fixtures + name)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if rep, err := Read(data); err == nil {
			require.LessOrEqual(t, rep.Total.Failed, rep.Total.Count)
		}
	})
}
