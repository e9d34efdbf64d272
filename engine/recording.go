package engine

import (
	"math"
	"sync"
	"time"

	"gameday/chaos/experiment"
	"gameday/chaos/probe"
	"gameday/engine/report"
	"gameday/sources/signal"
)

// maxReadings is how many readings of one probe a report holds; a longer run is told in fewer.
const maxReadings = 4000

// recording takes down what of a run cannot be asked for afterwards: the readings, the phases, the switches as they stood.
// Its methods are safe for concurrent use.
type recording struct {
	plan     *Plan
	runner   *experiment.Runner // set before the run begins
	switches []signal.Switch

	mu       sync.Mutex
	readings map[string][]report.ProbeReading
	traces   map[string][]signal.TraceID // of bad readings, in their order
	thinned  bool
	phases   []report.Phase
	now      signal.Phase
}

func newRecording(plan *Plan, sys System) *recording {
	r := &recording{plan: plan, readings: map[string][]report.ProbeReading{}, traces: map[string][]signal.TraceID{}}
	if sys != nil {
		r.switches = sys.Switches()
	}
	return r
}

// reading takes down one measurement.
func (r *recording) reading(name string, m probe.Reading, c signal.Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := append(r.readings[name], report.ProbeReading{From: m.From, At: m.At, Value: report.Number(m.Value), Text: m.Text, Check: c.String(), TraceID: m.TraceID.String()})
	if len(list) > maxReadings {
		list, r.thinned = report.Thin(list), true
	}
	r.readings[name] = list
	if c == signal.CheckFailed && !m.TraceID.IsZero() {
		t := append(r.traces[name], m.TraceID)
		r.traces[name] = t[max(0, len(t)-20):]
	}
}

// phase notes when a phase began, which the runner tells on the timeline.
func (r *recording) phase(e signal.Event) {
	if e.Kind != signal.EventExperiment || r.runner == nil {
		return
	}
	p := r.runner.State().Phase
	r.mu.Lock()
	defer r.mu.Unlock()
	if p == r.now {
		return
	}
	r.now = p
	at := time.Now()
	if n := len(r.phases); n > 0 {
		r.phases[n-1].To = at
	}
	if p != signal.PhaseDone {
		r.phases = append(r.phases, report.Phase{Name: p.String(), From: at})
	}
}

// probes are the probes with everything that was read of them.
func (r *recording) probes(res experiment.Result) []report.Probe {
	r.mu.Lock()
	defer r.mu.Unlock()
	span := func(name string) (from, to time.Time) {
		for _, p := range r.phases {
			if p.Name == name {
				return p.From, p.To
			}
		}
		return from, to
	}
	out := make([]report.Probe, 0, len(res.State.Probes))
	for i, s := range res.State.Probes {
		p := report.Probe{Name: s.Name, Expect: s.Expect, TraceID: s.TraceID.String(), Err: s.Err, Readings: r.readings[s.Name],
			Lo: report.Number(math.NaN()), Hi: report.Number(math.NaN()), Mode: s.Mode}
		if s.Recovered {
			p.Recovery = new(report.SecondsOf(s.Recovery))
		}
		if all := r.plan.Experiment.SteadyState.Probes; i < len(all) {
			if lo, hi, ok := all[i].Expect.Bounds(); ok {
				p.Lo, p.Hi = report.Number(lo), report.Number(hi)
			}
			p.Unit = unitName(all[i].Expect.Unit())
		}
		from, to := span(signal.PhaseBefore.String())
		p.Before = p.Measure(from, to, false)
		_, to = span(signal.PhaseDuring.String())
		p.During = p.Measure(firstInjected(res.Faults), to, true)
		from, to = span(signal.PhaseAfter.String())
		p.After = p.Measure(from, to, false)
		p.Before.Check, p.During.Check, p.After.Check = s.Before.String(), s.During.String(), s.After.String()
		out = append(out, p)
	}
	return out
}

func firstInjected(faults []signal.FaultState) (first time.Time) {
	for _, f := range faults {
		if first.IsZero() || f.Injected.Before(first) {
			first = f.Injected
		}
	}
	return first
}

func unitName(u probe.Unit) string {
	switch u {
	case probe.UnitSeconds:
		return "s"
	case probe.UnitShare:
		return "share"
	case probe.UnitRate:
		return "/s"
	case probe.UnitBytes:
		return "bytes"
	case probe.UnitText:
		return "text"
	}
	return ""
}
