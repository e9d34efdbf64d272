package load

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gameday/chaos/probe"
	"gameday/sources/signal"
	"gameday/sources/spec"
)

// Threshold is one condition the measured part of a run is judged by.
type Threshold struct {
	Stat       string        `yaml:"stat,required" doc:"rate, count, errors, success, mean, p50, p75, p90, p95, p99, p999, max or missed."`
	Step       string        `yaml:"step" doc:"Name of a step, or scenario/step. Default: all."`
	Expect     probe.Expect  `yaml:"expect,required" doc:"Such as < 200ms, > 99%, = 0, in 100..200."`
	MinSamples uint64        `yaml:"minSamples" doc:"Fewer requests than this are inconclusive. Default 1."`
	Abort      bool          `yaml:"abort" doc:"Ends the run as soon as it fails."`
	Delay      time.Duration `yaml:"delay" doc:"With abort: not judged before so much has been measured. Default 10s."`
}

// ThresholdResult is a threshold judged. Too few samples are CheckUnknown, never passed.
type ThresholdResult struct {
	Threshold
	Value   float64 // NaN without samples
	Samples uint64
	Check   signal.Check
	Why     string
	Aborted time.Duration // when it ended the run, since that began; 0 when it did not
}

func (c checker) threshold(path string, t *Threshold, p *Plan) {
	if t.Stat != "" && !slices.Contains(statNames, t.Stat) {
		c.doc.Reportf(path+".stat", "unknown statistic %s%s", spec.Quote(t.Stat), spec.DidYouMean(t.Stat, statNames))
	} else if err := t.Expect.Fits(t.Stat, UnitOf(t.Stat)); err != nil {
		c.doc.Reportf(path+".expect", "%v", err)
	}
	c.span(path+".delay", t.Delay)
	if !t.Abort {
		c.misplaced(path+".delay", "only counts with abort: true, which ends the run as soon as it fails")
	}
	if t.Step == "" {
		return
	}
	if t.Stat == "missed" {
		c.doc.Reportf(path+".step", "arrivals are missed by the whole run, not by a step")
	}
	var names []string
	p.eachStep(func(sc *Scenario, _ string, st *Step) {
		name := st.Name
		if st.Group != nil {
			name = st.Group.Name
		}
		if name != "" {
			names = append(names, name, sc.Name+"/"+name)
		}
	})
	if !slices.Contains(names, t.Step) {
		c.doc.Reportf(path+".step", "no step is called %s%s", spec.Quote(t.Step), spec.DidYouMean(t.Step, names))
	}
}

// UnitOf is what a statistic of Stats is counted in.
func UnitOf(stat string) probe.Unit {
	switch stat {
	case "rate":
		return probe.UnitRate
	case "count", "missed":
		return probe.UnitNone
	case "errors", "success":
		return probe.UnitShare
	}
	return probe.UnitSeconds
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
	out.Check = t.Expect.Judge(probe.Reading{Value: out.Value, Known: true})
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
