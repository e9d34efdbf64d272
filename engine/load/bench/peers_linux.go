//go:build linux && (amd64 || arm64)

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// k6Script is what k6 is to do: one GET per iteration, with the check that every client makes.
func k6Script(l task, dir string) error {
	options := fmt.Sprintf("vus: %d, duration: '%ds'", l.connections, int(l.span.Seconds()))
	if l.rate > 0 {
		options = fmt.Sprintf("scenarios: {s: {executor: 'constant-arrival-rate', rate: %d, timeUnit: '1s', duration: '%ds', preAllocatedVUs: %d}}",
			l.rate, int(l.span.Seconds()), l.connections)
	}
	script := fmt.Sprintf(`import http from 'k6/http';
import { check } from 'k6';
export const options = { %s, summaryTrendStats: ['med', 'p(90)', 'p(99)', 'p(99.9)'] };
export default function () { check(http.get('%s/'), { ok: (r) => r.status === 200 }); }
`, options, l.target)
	return os.WriteFile(filepath.Join(dir, "script.js"), []byte(script), 0o600)
}

func k6Args(_ task, dir string) []string {
	return []string{"run", "--no-usage-report", "--quiet", "--summary-export", filepath.Join(dir, "summary.json"), filepath.Join(dir, "script.js")}
}

func readK6(_ []byte, dir string, l task) (o outcome, err error) {
	o.InTime = -1
	data, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	if err != nil {
		return o, err
	}
	var r struct {
		Metrics struct {
			Requests struct {
				Count uint64  `json:"count"`
				Rate  float64 `json:"rate"`
			} `json:"http_reqs"`
			Dropped struct {
				Count uint64 `json:"count"`
			} `json:"dropped_iterations"`
			Duration struct {
				P50  float64 `json:"med"`
				P90  float64 `json:"p(90)"`
				P99  float64 `json:"p(99)"`
				P999 float64 `json:"p(99.9)"`
			} `json:"http_req_duration"`
		} `json:"metrics"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return o, err
	}
	o.Done, o.Missed = r.Metrics.Requests.Count, r.Metrics.Dropped.Count
	o.Rate = float64(o.Done) / l.span.Seconds()
	for i, ms := range []float64{r.Metrics.Duration.P50, r.Metrics.Duration.P90, r.Metrics.Duration.P99, r.Metrics.Duration.P999} {
		o.Quantiles[i] = time.Duration(ms * float64(time.Millisecond))
	}
	return o, nil
}

func abArgs(l task, _ string) []string {
	if l.rate > 0 || l.connections > 1000 {
		return nil
	}
	return []string{"-k", "-q", "-n", "100000000", "-t", strconv.Itoa(int(l.span.Seconds())), "-c", strconv.Itoa(l.connections), l.target + "/"}
}

var (
	abDone = regexp.MustCompile(`Complete requests:\s+(\d+)`)
	abRate = regexp.MustCompile(`Requests per second:\s+([\d.]+)`)
	abPart = regexp.MustCompile(`(?m)^\s+(50|90|99)%\s+(\d+)$`)
)

func readAB(out []byte, _ string, _ task) (o outcome, err error) {
	o.InTime = -1
	if o.Done, err = number(abDone, out); err != nil {
		return o, err
	}
	if m := abRate.FindSubmatch(out); m != nil {
		o.Rate, _ = strconv.ParseFloat(string(m[1]), 64) // the pattern lets only numbers through
	}
	for _, m := range abPart.FindAllSubmatch(out, -1) {
		ms, err := strconv.Atoi(string(m[2]))
		if err != nil {
			return o, err
		}
		o.Quantiles[map[string]int{"50": 0, "90": 1, "99": 2}[string(m[1])]] = time.Duration(ms) * time.Millisecond
	}
	return o, nil
}

func fortioArgs(l task, dir string) []string {
	return []string{"load", "-quiet", "-c", strconv.Itoa(l.connections), "-qps", strconv.Itoa(l.rate), "-t", l.span.String(),
		"-p", "50,90,99,99.9", "-json", filepath.Join(dir, "result.json"), l.target + "/"}
}

func readFortio(_ []byte, dir string, _ task) (o outcome, err error) {
	o.InTime = -1
	data, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err != nil {
		return o, err
	}
	var r struct {
		ActualQPS         float64
		RetCodes          map[string]uint64
		DurationHistogram struct{ Percentiles []struct{ Value float64 } }
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return o, err
	}
	o.Rate = r.ActualQPS
	for code, n := range r.RetCodes {
		o.Done += n
		if code != "200" {
			o.Failed += n
		}
	}
	for i, p := range r.DurationHistogram.Percentiles {
		if i < len(o.Quantiles) {
			o.Quantiles[i] = time.Duration(p.Value * float64(time.Second))
		}
	}
	return o, nil
}
