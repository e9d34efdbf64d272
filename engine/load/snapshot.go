package load

import (
	"time"

	"gameday/engine/load/histogram"
	"gameday/engine/load/protocol"
	"gameday/sources/signal"
)

// Snapshot is a run so far, in figures that only grow: later ones replace earlier ones, and those of several parts of a
// plan can be added up. Everything in Steps is about the requests that were due after the warm-up, as in a Result.
type Snapshot struct {
	At       time.Time
	State    signal.LoadState // gauges of this instant
	Warmup   time.Duration
	Measured time.Duration // the part after the warm-up, up to now
	Finished bool
	Steps    []StepSnapshot
}

// StepSnapshot is one step's part of a snapshot.
type StepSnapshot struct {
	Scenario, Name    string
	Group             bool // steps measured as one: not part of the total
	Done, Failed      uint64
	Classes           map[string]uint64        // by "2xx" and so on, "none" without a status; those that occurred
	Kinds             map[protocol.Kind]uint64 // failures; those that occurred
	Response, Service *histogram.Histogram     // the caller's own
}

// Snapshot adds up what was measured so far. For each step it holds the locks that requests are recorded under for some
// tens of microseconds in all, so it is for every few seconds, not for every frame.
func (r *Run) Snapshot() Snapshot {
	out := Snapshot{At: time.Now(), State: r.State(), Warmup: r.warmup}
	select {
	case <-r.done:
		out.Finished, out.Measured = true, r.result.Measured
	default:
		out.Measured = max(r.now()-r.warmup, 0)
		if r.total > 0 {
			out.Measured = min(out.Measured, r.total-r.warmup)
		}
	}
	for i, st := range r.plan.steps {
		var m measured
		r.rec.total(i, &m)
		one := StepSnapshot{
			Scenario: st.scenario, Name: st.name, Group: st.group, Done: m.done, Failed: m.failed,
			Classes: map[string]uint64{}, Kinds: map[protocol.Kind]uint64{}, Response: &m.response, Service: &m.service,
		}
		for class, n := range m.classes {
			if n > 0 {
				one.Classes[classNames[class]] = n
			}
		}
		for k, n := range m.kinds {
			if kind := protocol.Kind(k); n > 0 && kind.Failed() {
				one.Kinds[kind] = n
			}
		}
		out.Steps = append(out.Steps, one)
	}
	return out
}
