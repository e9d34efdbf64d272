package load

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gameday/sources/signal"
	"gameday/sources/spec"
)

// Threshold is one condition the measured part of a run is judged by.
type Threshold struct {
	Stat       string `yaml:"stat,required" doc:"rate, count, errors, success, mean, p50, p75, p90, p95, p99, p999, max or missed."`
	Step       string `yaml:"step" doc:"Name of a step, or scenario/step. Default: all."`
	Expect     Expect `yaml:"expect,required" doc:"Such as < 200ms, > 99%, = 0, in 100..200."`
	MinSamples uint64 `yaml:"minSamples" doc:"Fewer requests than this are inconclusive. Default 1."`
}

// Expect is a condition on a number: "< 200ms", ">= 99%", "= 0", "in 100..200". Durations become seconds, percentages
// shares.
type Expect struct {
	Text      string // as written
	op        string
	low, high float64
}

// UnmarshalScalar reads a condition.
func (e *Expect) UnmarshalScalar(text string) error {
	text = strings.TrimSpace(text)
	fault := fmt.Errorf("%s is not a condition; write it as < 200ms, > 99%%, = 0 or in 100..200", spec.Quote(text))
	e.Text = text
	if rest, ok := strings.CutPrefix(text, "in "); ok {
		low, high, found := strings.Cut(rest, "..")
		var ok1, ok2 bool
		e.op = "in"
		e.low, ok1 = number(low)
		e.high, ok2 = number(high)
		if !found || !ok1 || !ok2 || e.low > e.high {
			return fault
		}
		return nil
	}
	for _, op := range []string{"<=", ">=", "<", ">", "="} {
		if rest, ok := strings.CutPrefix(text, op); ok {
			e.op = op
			if e.low, ok = number(rest); !ok {
				return fault
			}
			return nil
		}
	}
	return fault
}

// JSONSchema says what UnmarshalScalar accepts.
func (*Expect) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^ *((<=?|>=?|=) *[0-9.].*|in .*\.\..*)$`}
}

// number reads 5, 5%, or 5ms.
func number(text string) (v float64, ok bool) {
	text = strings.TrimSpace(text)
	if share, percent := strings.CutSuffix(text, "%"); percent {
		v, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		return v / 100, err == nil && !math.IsNaN(v)
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v, !math.IsNaN(v)
	}
	d, err := time.ParseDuration(text)
	return d.Seconds(), err == nil
}

// Holds reports whether a number meets the condition.
func (e *Expect) Holds(v float64) bool {
	switch e.op {
	case "<":
		return v < e.low
	case "<=":
		return v <= e.low
	case ">":
		return v > e.low
	case ">=":
		return v >= e.low
	case "=":
		return v == e.low
	}
	return v >= e.low && v <= e.high
}

// ThresholdResult is a threshold judged. Too few samples are CheckUnknown, never passed.
type ThresholdResult struct {
	Threshold
	Value   float64 // NaN without samples
	Samples uint64
	Check   signal.Check
	Why     string
}

func (c checker) threshold(path string, t *Threshold, p *Plan) {
	if t.Stat != "" && !slices.Contains(statNames, t.Stat) {
		c.doc.Reportf(path+".stat", "unknown statistic %s%s", spec.Quote(t.Stat), spec.DidYouMean(t.Stat, statNames))
	}
	if t.Step == "" {
		return
	}
	if t.Stat == "missed" {
		c.doc.Reportf(path+".step", "arrivals are missed by the whole run, not by a step")
	}
	var names []string
	for _, sc := range p.Scenarios {
		for _, st := range append(append([]Step(nil), sc.Steps...), sc.Mix...) {
			names = append(names, st.Name, sc.Name+"/"+st.Name)
		}
	}
	if !slices.Contains(names, t.Step) {
		c.doc.Reportf(path+".step", "no step is called %s%s", spec.Quote(t.Step), spec.DidYouMean(t.Step, names))
	}
}

// judge judges a threshold by the measured part of the run.
func (t Threshold) judge(s *Summary, missed uint64, span time.Duration) ThresholdResult {
	out := ThresholdResult{Threshold: t, Value: math.NaN(), Samples: s.Done}
	need := max(t.MinSamples, 1)
	if s.Done < need {
		out.Check, out.Why = signal.CheckUnknown, fmt.Sprintf("%d requests are fewer than the %d it needs", s.Done, need)
		return out
	}
	out.Value = s.stat(t.Stat, missed, span)
	if out.Check = signal.CheckFailed; t.Expect.Holds(out.Value) {
		out.Check = signal.CheckPassed
	}
	return out
}

func (s *Summary) stat(name string, missed uint64, span time.Duration) float64 {
	switch name {
	case "rate":
		return s.Rate
	case "count":
		return float64(s.Done)
	case "errors":
		return float64(s.Failed) / float64(s.Done)
	case "success":
		return 1 - float64(s.Failed)/float64(s.Done)
	case "mean":
		return s.Response.Mean().Seconds()
	case "missed":
		return float64(missed)
	}
	return s.Response.Quantile(quantiles[name]).Seconds()
}
