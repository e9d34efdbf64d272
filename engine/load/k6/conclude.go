package k6

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sort"

	"gameday/engine/load/format"
	"gameday/engine/load/format/digest"
	"gameday/engine/load/format/k6summary"
	"gameday/sources/signal"
)

// k6's exit codes that say something about the test rather than that it could not run.
const (
	exitThresholds  = 99
	exitInterrupted = 105
)

// conclude reads the summary; without one, the figures that were seen last are the report.
func (r *Run) conclude(ended error) {
	code := 0
	var exit *exec.ExitError
	if errors.As(ended, &exit) {
		code = exit.ExitCode()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	data, err := format.ReadFile(r.summaryFile(), format.MaxBytes)
	if err == nil {
		r.report, err = k6summary.Read(data)
	}
	if rm := os.RemoveAll(r.folder); rm != nil {
		err = errors.Join(err, fmt.Errorf("remove k6's summary: %w", rm))
	}
	if r.report == nil && r.total != nil {
		r.report = r.lastSeen()
		err = nil
	}
	switch {
	case r.report == nil && code != 0:
		r.err = fmt.Errorf("k6 ended with code %d before it measured anything: see what it printed", code)
		return
	case r.report == nil:
		r.err = fmt.Errorf("k6 left no summary: %w", errors.Join(err, ended))
		return
	}
	r.report.Title, r.report.Started = digest.Clean(r.name), r.started
	if len(r.report.Thresholds) == 0 {
		for _, t := range r.standing() {
			r.report.Thresholds = append(r.report.Thresholds, digest.Threshold{Name: t.Name, Expect: t.Expect, Check: t.Check})
		}
	}
	switch {
	case code == exitThresholds && r.report.Check() != signal.CheckFailed:
		r.report.Thresholds = append(r.report.Thresholds, digest.Threshold{Name: "k6", Expect: "all thresholds", Check: signal.CheckFailed, Why: "k6 says so by its exit code"})
	case code == exitInterrupted:
		r.report.Notes = append(r.report.Notes, "k6 was interrupted")
	case code < 0:
		r.report.Notes = append(r.report.Notes, "k6 was killed: the figures are those of its last whole second")
	case code != 0 && code != exitThresholds:
		r.report.Notes = append(r.report.Notes, fmt.Sprintf("k6 ended with code %d", code))
	}
}

// lastSeen is the report made of the figures that k6 streamed last. r.mu is held.
func (r *Run) lastSeen() *digest.Report {
	at := state(r.name, r.started, r.period, r.total, nil)
	d := r.total["http_req_duration"]
	line := digest.Line{Name: "total", Count: at.Done, Failed: at.Failed, Rate: r.total["http_reqs"]["rate"],
		Mean: digest.Milliseconds(d["avg"]), P50: digest.Milliseconds(d["med"]), P90: digest.Milliseconds(d["p(90)"]),
		P95: digest.Milliseconds(d["p(95)"]), P99: digest.Milliseconds(d["p(99)"]), Max: digest.Milliseconds(d["max"])}
	return &digest.Report{Source: "k6's events", Elapsed: r.total.time().Sub(r.started), Missed: at.Missed, Total: line,
		Notes: []string{"k6 left no summary: the figures are those it streamed last"}}
}

// standing are k6's thresholds as they stand. r.mu is held.
func (r *Run) standing() (out []signal.LoadThreshold) {
	for metric, expressions := range r.live.said() {
		for _, expr := range expressions {
			check := signal.CheckPassed
			for _, failed := range r.failed[metric] {
				if failed == expr {
					check = signal.CheckFailed
				}
			}
			if r.total == nil {
				check = signal.CheckPending
			}
			out = append(out, signal.LoadThreshold{Name: digest.Clean(metric), Expect: digest.Clean(expr), Check: check})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name+out[i].Expect < out[j].Name+out[j].Expect })
	return out
}
