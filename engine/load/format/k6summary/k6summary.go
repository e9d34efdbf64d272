// Package k6summary reads the summary that k6 writes at the end of a run, in all its shapes, into the one summary: what
// handleSummary is given, what --summary-export wrote before 2.0, and the versioned form of --new-machine-readable-summary.
package k6summary

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"gameday/engine/load/format/digest"
	"gameday/sources/signal"
)

const maxGroupDepth = 32

// document is all shapes in one.
type document struct {
	Metrics   json.RawMessage `json:"metrics"`
	RootGroup *group          `json:"root_group"`
	State     struct {
		TestRunDurationMs float64 `json:"testRunDurationMs"`
	} `json:"state"`
	Version string `json:"version"`
	Config  struct {
		Duration float64 `json:"duration"` // seconds
		Script   string  `json:"script"`
	} `json:"config"`
	Metadata struct {
		GeneratedAt time.Time `json:"generatedAt"`
		K6Version   string    `json:"k6Version"`
	} `json:"metadata"`
	Results *struct {
		Metrics []metric `json:"metrics"`
		Checks  *struct {
			Results []check `json:"results"`
		} `json:"checks"`
	} `json:"results"`
}

type metric struct {
	Name       string                     `json:"name"`
	Type       string                     `json:"type"`
	Values     map[string]float64         `json:"values"`
	Thresholds map[string]json.RawMessage `json:"-"`
}

type check struct {
	Name          string
	Passes, Fails uint64
}

// group holds checks, as a list or by name.
type group struct {
	Checks json.RawMessage `json:"checks"`
	Groups json.RawMessage `json:"groups"`
}

// Read reads a summary.
func Read(data []byte) (*digest.Report, error) {
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("not a k6 summary: %w", err)
	}
	var metrics map[string]metric
	var checks []check
	var err error
	shape := "handleSummary"
	switch {
	case doc.Results != nil:
		shape = "machine-readable " + digest.Clean(doc.Version)
		metrics = map[string]metric{}
		for _, m := range doc.Results.Metrics {
			metrics[m.Name] = m
		}
		if doc.Results.Checks != nil {
			checks = doc.Results.Checks.Results
		}
	case len(doc.Metrics) > 0:
		var export bool
		if metrics, export, err = older(doc.Metrics); err != nil {
			return nil, err
		}
		if export {
			shape = "--summary-export"
		}
		checks = doc.RootGroup.all(0)
	default:
		return nil, errors.New("not a k6 summary: it has no metrics")
	}
	return report(&doc, metrics, checks, shape)
}

// older reads the two shapes with metrics by name. In that of --summary-export the values stand in the metric itself, and
// a threshold is true when it was crossed.
func older(data []byte) (out map[string]metric, export bool, err error) {
	var raw map[string]map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, false, fmt.Errorf("not a k6 summary: its metrics: %w", err)
	}
	out = map[string]metric{}
	for name, fields := range raw {
		m := metric{Name: name, Values: map[string]float64{}}
		if t, ok := fields["thresholds"]; ok {
			if err := json.Unmarshal(t, &m.Thresholds); err != nil {
				m.Thresholds = nil // a shape that is not known judges nothing
			}
		}
		values, nested := fields["values"]
		if nested {
			if err := json.Unmarshal(values, &m.Values); err != nil {
				return nil, false, fmt.Errorf("not a k6 summary: the values of %s: %w", digest.Clean(name), err)
			}
		} else {
			export = true
			for key, value := range fields {
				var v float64
				if json.Unmarshal(value, &v) == nil { // the others are no numbers
					m.Values[key] = v
				}
			}
		}
		out[name] = m
	}
	return out, export, nil
}

// all are the checks of a group and of those in it.
func (g *group) all(depth int) (out []check) {
	if g == nil || depth > maxGroupDepth {
		return nil
	}
	var list []check
	if json.Unmarshal(g.Checks, &list) != nil {
		var named map[string]check
		if json.Unmarshal(g.Checks, &named) == nil {
			for _, c := range named {
				list = append(list, c)
			}
		}
	}
	out = append(out, list...)
	var groups []*group
	if json.Unmarshal(g.Groups, &groups) != nil {
		var named map[string]*group
		if json.Unmarshal(g.Groups, &named) == nil {
			for _, one := range named {
				groups = append(groups, one)
			}
		}
	}
	for _, one := range groups {
		out = append(out, one.all(depth+1)...)
	}
	return out
}

func report(doc *document, metrics map[string]metric, checks []check, shape string) (*digest.Report, error) {
	reqs, ok := metrics["http_reqs"]
	if !ok {
		return nil, errors.New("the summary has no http_reqs: the script made no HTTP request")
	}
	out := &digest.Report{Source: strings.TrimSpace("k6 "+digest.Clean(doc.Metadata.K6Version)) + " summary (" + shape + ")"}
	out.Title = digest.Clean(doc.Config.Script)
	out.Elapsed = max(digest.Milliseconds(doc.State.TestRunDurationMs), digest.Milliseconds(doc.Config.Duration*1000), 0)
	out.Total = latencies("total", metrics["http_req_duration"])
	out.Total.Count, out.Total.Rate = whole(reqs.Values["count"]), reqs.Values["rate"]
	if s := out.Elapsed.Seconds(); out.Total.Rate == 0 && s > 0 {
		out.Total.Rate = float64(out.Total.Count) / s
	} else if s == 0 && out.Total.Rate > 0 {
		out.Elapsed = time.Duration(min(float64(out.Total.Count)/out.Total.Rate, 1e9) * float64(time.Second))
	}
	out.Total.Failed = failed(metrics["http_req_failed"], out.Total.Count)
	if out.Total.Failed > 0 {
		out.Errors = append(out.Errors, signal.ErrorCount{Kind: "request failed", Count: out.Total.Failed})
	}
	out.Missed = whole(metrics["dropped_iterations"].Values["count"])
	steps(out, metrics)
	for _, c := range checks {
		if c.Fails > 0 {
			out.Errors = append(out.Errors, signal.ErrorCount{Kind: "check: " + digest.Clean(c.Name), Count: c.Fails})
		}
	}
	digest.SortErrors(out.Errors)
	thresholds(out, metrics)
	if shape[0] == 'm' {
		out.Notes = append(out.Notes, "this form of the summary does not hold k6's thresholds; k6's exit code does (99: not met)")
	}
	if out.Total.P99 == digest.Unknown {
		out.Notes = append(out.Notes, "p99 is not in the summary: run k6 with --summary-trend-stats=avg,min,med,max,p(90),p(95),p(99)")
	}
	out.Notes = append(out.Notes, "latencies are as k6 measured them: from the instant a request was sent, so a target that stalls looks better than it is")
	return out, nil
}

func whole(v float64) uint64 {
	if !(v > 0) || v > 1e18 {
		return 0
	}
	return uint64(v + 0.5)
}

// failed is how many requests failed; "passes" counts those for which "failed" was true.
func failed(m metric, count uint64) uint64 {
	for _, key := range []string{"matches", "passes"} {
		if v, ok := m.Values[key]; ok {
			return min(whole(v), count)
		}
	}
	for _, key := range []string{"rate", "value"} {
		if v, ok := m.Values[key]; ok {
			return min(whole(v*float64(count)), count)
		}
	}
	return 0
}

func latencies(name string, m metric) digest.Line {
	get := func(key string) time.Duration {
		if v, ok := m.Values[key]; ok {
			return digest.Milliseconds(v)
		}
		return digest.Unknown
	}
	return digest.Line{Name: digest.Clean(name), Mean: get("avg"), P50: get("med"), P90: get("p(90)"), P95: get("p(95)"), P99: get("p(99)"), Max: get("max")}
}

// steps are the parts of http_req_duration that the script set thresholds on.
func steps(out *digest.Report, metrics map[string]metric) {
	for name, m := range metrics {
		tags, ok := strings.CutPrefix(name, "http_req_duration{")
		if tags = strings.TrimSuffix(tags, "}"); !ok || strings.HasPrefix(tags, "expected_response:") {
			continue
		}
		l := latencies(tags, m)
		l.Count = whole(max(m.Values["count"], metrics["http_reqs{"+tags+"}"].Values["count"]))
		l.Failed = failed(metrics["http_req_failed{"+tags+"}"], l.Count)
		if s := out.Elapsed.Seconds(); s > 0 {
			l.Rate = float64(l.Count) / s
		}
		out.Steps = append(out.Steps, l)
	}
	sort.Slice(out.Steps, func(i, j int) bool { return out.Steps[i].Name < out.Steps[j].Name })
}

// thresholds takes k6's own verdicts over.
func thresholds(out *digest.Report, metrics map[string]metric) {
	for name, m := range metrics {
		for expr, raw := range m.Thresholds {
			t := digest.Threshold{Name: digest.Clean(name), Expect: digest.Clean(expr), Check: signal.CheckUnknown}
			var crossed bool
			var judged struct{ OK *bool }
			switch {
			case json.Unmarshal(raw, &crossed) == nil:
				t.Check = verdict(!crossed)
			case json.Unmarshal(raw, &judged) == nil && judged.OK != nil:
				t.Check = verdict(*judged.OK)
			default:
				t.Why = "its verdict is not readable"
			}
			out.Thresholds = append(out.Thresholds, t)
		}
	}
	sort.Slice(out.Thresholds, func(i, j int) bool {
		a, b := out.Thresholds[i], out.Thresholds[j]
		return a.Name+a.Expect < b.Name+b.Expect
	})
}

func verdict(ok bool) signal.Check {
	if ok {
		return signal.CheckPassed
	}
	return signal.CheckFailed
}
