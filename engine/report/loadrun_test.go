package report_test

import (
	"encoding/json"
	"encoding/xml"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/report"
)

// sampleLoad is a minute of load with a stall in its middle, and texts that must not get through as they are.
func sampleLoad() *report.LoadRun {
	d := &report.LoadRun{Version: 1, Name: "checkout <mix>", Target: "http://127.0.0.1:8080", Program: "v1", Started: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Elapsed: 60, Verdict: "failed", Sent: 6004, Missed: 4,
		Total: report.LoadFigures{LoadStep: report.LoadStep{Name: "all", Done: 6000, Failed: 60, Rate: 100, P50: 0.021, P95: 0.412, P99: 0.9, Max: 1.5}, P90: 0.2, Mean: 0.06,
			Phases: map[string]report.Seconds{"connect": 0.0001, "write": 0.00004, "wait": 0.05, "read": 0.002}},
		Errors:     []report.ErrorCount{{Kind: "status 5xx", Count: 60}},
		Thresholds: []report.LoadThreshold{{"p95", "< 200ms", "412 ms", "failed", ""}, {"success", "> 90%", "99 %", "passed", ""}, {"count of cart", "> 1", "", "unknown", "0 requests are fewer than the 1 it needs"}},
		Notes:      []string{"generator saturated: 4 arrivals", "seen at http://user:hunter2@db.example/x"},
		Requests:   []report.LoadRequest{{At: time.Date(2026, 11, 22, 12, 0, 31, 0, time.UTC), Step: "checkout", Took: 1.5, Status: 503, Err: "status 5xx <script>", TraceID: strings.Repeat("4f", 16)}},
		Spectrum:   [][2]float64{{0, 0.004}, {0.5, 0.021}, {0.9, 0.2}, {0.99, 0.9}, {0.999, 1.4}, {1, 1.5}}}
	d.Steps = []report.LoadFigures{{LoadStep: report.LoadStep{Name: "checkout", Done: 6000, Failed: 60, Rate: 100}, Extras: map[string]float64{"lost": 3}}}
	for i := range 60 {
		s := report.LoadSecond{From: report.Seconds(i), To: report.Seconds(i + 1), Planned: 100, Done: 100, P50: 0.02, P90: 0.1, P95: 0.12, P99: 0.2, Max: 0.3,
			Heat: [][2]float64{{0.01, 20}, {math.Pow(10, -1.7), 70}, {0.1, 10}}}
		switch {
		case i >= 30 && i < 34:
			s.Failed, s.P95, s.P99, s.Heat = 15, 0.9, 1.4, [][2]float64{{0.1, 50}, {1, 50}}
		case i == 40:
			s.Done, s.P50, s.P90, s.P95, s.P99, s.Max, s.Heat = 0, report.Number(math.NaN()), report.Number(math.NaN()), report.Number(math.NaN()), report.Number(math.NaN()), report.Number(math.NaN()), nil
		}
		d.Seconds = append(d.Seconds, s)
	}
	return d
}

func TestGoldenLoad(t *testing.T) {
	for _, f := range []report.Format{report.HTML, report.Markdown, report.JUnit, report.CSV, report.JSON} {
		t.Run(string(f), func(t *testing.T) {
			out, err := report.RenderLoad(f, sampleLoad())
			require.NoError(t, err)
			require.NotContains(t, string(out), "hunter2")
			require.NotContains(t, string(out), "<script")
			name := filepath.Join("testdata", "load."+string(f))
			if *update {
				require.NoError(t, os.WriteFile(name, out, 0o644))
			}
			want, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Equal(t, string(want), string(out))
		})
	}
}

func TestLoadReportsAreWellFormed(t *testing.T) {
	page, err := report.RenderLoad(report.HTML, sampleLoad())
	require.NoError(t, err)
	require.NotContains(t, string(page), "src=")
	require.NotContains(t, string(page), "NaN")
	require.NotContains(t, string(page), "ZgotmplZ")
	require.Contains(t, string(page), strings.Repeat("4f", 16))
	for _, title := range []string{"latency heatmap", "percentile spectrum", "rate against plan", "thresholds not met"} {
		require.Contains(t, string(page), title)
	}
	junit, err := report.RenderLoad(report.JUnit, sampleLoad())
	require.NoError(t, err)
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	require.NoError(t, xml.Unmarshal(junit, &suites))
	require.Equal(t, []int{3, 1, 1}, []int{suites.Tests, suites.Failures, suites.Errors})
	data, err := report.RenderLoad(report.JSON, sampleLoad())
	require.NoError(t, err)
	var back report.LoadRun
	require.NoError(t, json.Unmarshal(data, &back))
	require.Len(t, back.Seconds, 60)
	empty, err := report.RenderLoad(report.HTML, &report.LoadRun{Name: "empty"})
	require.NoError(t, err)
	require.Contains(t, string(empty), "no thresholds")
	require.NotContains(t, string(empty), "NaN")
}

func TestLoadFormats(t *testing.T) {
	for name, want := range map[string]report.Format{"a.html": report.HTML, "a.MD": report.Markdown, "a.json": report.JSON, "a.xml": report.JUnit, "a.csv": report.CSV} {
		f, err := report.LoadFormatOf(name)
		require.NoError(t, err)
		require.Equal(t, want, f)
	}
	_, err := report.LoadFormatOf("a.pdf")
	require.ErrorContains(t, err, ".csv")
}
