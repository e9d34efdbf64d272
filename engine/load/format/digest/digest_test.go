package digest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

func TestBuilderIsBounded(t *testing.T) {
	var b Builder
	for i := range 3 * maxSteps {
		b.Add(fmt.Sprint("step", i), time.UnixMilli(int64(1000+i)), time.Millisecond, fmt.Sprint("kind", i))
	}
	rep := b.Report()
	require.LessOrEqual(t, len(rep.Steps), maxSteps+1)
	require.LessOrEqual(t, len(rep.Errors), maxKinds+1)
	sum := uint64(0)
	for _, s := range rep.Steps {
		sum += s.Count
	}
	require.Equal(t, rep.Total.Count, sum, "what is over counts under other")
	require.Equal(t, 3*maxSteps*time.Millisecond, rep.Elapsed)
}

func TestWrittenForPeopleAndHarmless(t *testing.T) {
	var b Builder
	for range 999 {
		b.Add("Search", time.UnixMilli(1), 20*time.Millisecond, "")
	}
	b.Add("evil\x1b[2J", time.UnixMilli(2), 3*time.Second, "boom\r\x1b]0;x\a")
	rep := b.Report()
	rep.Title, rep.Missed = "t\x1b", 5
	rep.Notes = []string{"n\nm"}
	rep.Thresholds = []Threshold{{Name: "p95", Expect: "< 50ms", Value: "20 ms", Check: signal.CheckPassed}, {Name: "p99", Expect: "< 1ms", Check: signal.CheckUnknown, Why: "too few"}}
	var out bytes.Buffer
	require.NoError(t, rep.Write(&out))
	text := out.String()
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "\r")
	require.Regexp(t, `Search +999 +\S+ +0 +20\.0 ms`, text)
	require.Contains(t, text, "missed  5 arrivals")
	require.Contains(t, text, "✔ p95 < 50ms: 20 ms")
	require.Contains(t, text, "? p99 < 1ms (too few)")
	require.Contains(t, text, "verdict: inconclusive")
	require.Less(t, bytes.Count(out.Bytes(), []byte("\n")), 20, "read in ten seconds")
}

func TestCheckOfAll(t *testing.T) {
	rep := func(checks ...signal.Check) *Report {
		r := &Report{}
		for _, c := range checks {
			r.Thresholds = append(r.Thresholds, Threshold{Check: c})
		}
		return r
	}
	require.Equal(t, signal.CheckPending, rep().Check())
	require.Equal(t, signal.CheckPassed, rep(signal.CheckPassed).Check())
	require.Equal(t, signal.CheckUnknown, rep(signal.CheckUnknown, signal.CheckPassed).Check())
	require.Equal(t, signal.CheckFailed, rep(signal.CheckUnknown, signal.CheckFailed, signal.CheckPassed).Check())
}

func TestFindingsAreToldAndJudged(t *testing.T) {
	written := func(r *Report) string {
		var out bytes.Buffer
		require.NoError(t, r.Write(&out))
		return out.String()
	}
	met := Threshold{Name: "p95", Expect: "< 50ms", Check: signal.CheckPassed}
	r := &Report{Findings: []Finding{{Name: "stress", Lines: []string{"broke at 840/s\x1b[2J", "but it was the last window"}}}}
	text := written(r)
	require.Equal(t, signal.CheckPending, r.Check(), "it only tells")
	require.Contains(t, text, "\nstress  broke at 840/s")
	require.Contains(t, text, "\n        but it was the last window\n")
	require.Contains(t, text, "verdict: none, there are no thresholds\n")
	require.NotContains(t, text, "\x1b")

	r.Thresholds = []Threshold{met}
	r.Findings = append(r.Findings, Finding{Name: "baseline", Check: signal.CheckFailed, Lines: []string{"worse"}})
	require.Equal(t, signal.CheckFailed, r.Check())
	require.Contains(t, written(r), "verdict: baseline failed\n")
	r.Thresholds = append(r.Thresholds, Threshold{Check: signal.CheckFailed})
	require.Contains(t, written(r), "verdict: thresholds not met, baseline failed\n")

	r = &Report{Thresholds: []Threshold{met}, Findings: []Finding{{Name: "baseline", Open: true}, {Name: "spike", Check: signal.CheckPassed}}}
	require.Equal(t, signal.CheckPassed, r.Check())
	require.Contains(t, written(r), "verdict: all thresholds met, spike passed; baseline inconclusive\n")
	r.Findings[1].Check = signal.CheckUnknown
	require.Contains(t, written(r), "verdict: inconclusive\n")
}

func TestCauses(t *testing.T) {
	for text, want := range map[string]string{
		"Non HTTP response code: java.net.UnknownHostException":                   "name not found",
		"Non HTTP response code: javax.net.ssl.SSLHandshakeException":             "tls failed",
		"Non HTTP response code: java.net.ConnectException x: Connection refused": "connection refused",
		"Non HTTP response code: org.apache.http.NoHttpResponseException":         "closed early",
		"status.find.is(200), but actually found 404":                             "status 4xx",
		"status.find.is(404), but actually found 200":                             "status.find.is(404), but actually found 200",
		"": "check failed",
	} {
		require.Equal(t, want, Cause(text), text)
	}
}
