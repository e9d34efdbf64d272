package experiment

import (
	"time"

	"gameday/chaos/probe"
	"gameday/sources/signal"
)

// guard is an abort condition. It is guarded by the runner's mu.
type guard struct {
	name  string
	probe *probe.Probe // a measurement of its own; nil when it watches a rung
	rung  *rung        // the rung it watches; nil when it measures
	when  probe.Expect // zero: it fires when the rung's own expectation is not met
	hold  time.Duration
	since time.Time // of the run of readings that fire
	fired bool
	at    time.Time // when it fired
}

// observe reports whether the condition fires with this reading.
func (g *guard) observe(r probe.Reading) bool {
	var fires bool
	switch {
	case !r.Known: // no data says neither yes nor no
		return false
	case g.when.IsZero():
		fires = g.rung.now == signal.CheckFailed
	default:
		fires = g.when.Judge(r) == signal.CheckPassed
	}
	if !fires {
		g.since = time.Time{}
		return false
	}
	if g.since.IsZero() {
		g.since = r.At
	}
	if g.fired || r.At.Sub(g.since) < g.hold {
		return false
	}
	g.fired, g.at = true, r.At
	return true
}

// reason is the sentence for the verdict.
func (g *guard) reason(r probe.Reading) string {
	s := "abort condition " + g.name + ": "
	if g.when.IsZero() {
		s += r.Text + ", expected " + g.rung.expect.String()
	} else {
		s += r.Text + ", it fires when " + g.when.String()
	}
	if g.hold > 0 {
		s += " for " + g.hold.String()
	}
	return s
}
