package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gameday/sources/signal"
	"gameday/sources/store"
)

// observer answers the probes of an experiment from what the session measured.
type observer struct{ s *Session }

// exemplarWindow is how far back a request is looked for that shows why a metric is what it is.
const exemplarWindow = 15 * time.Second

// PromQL evaluates an expression that must give at most one value. The exemplar is the latest one above the value's
// half: a request that was slow, not just any request.
func (o observer) PromQL(ctx context.Context, query string, at time.Time) (float64, bool, signal.TraceID, error) {
	db, err := o.s.metrics("")
	if err != nil {
		return 0, false, signal.TraceID{}, err
	}
	series, err := db.Instant(ctx, query, at)
	if err != nil {
		return 0, false, signal.TraceID{}, err
	}
	if len(series) > 1 {
		return 0, false, signal.TraceID{}, errors.New("the expression gives more than one value: aggregate it, for example with sum() or max()")
	}
	if len(series) == 0 || len(series[0].Samples) == 0 {
		return 0, false, signal.TraceID{}, nil
	}
	v := series[0].Samples[len(series[0].Samples)-1].V
	if math.IsNaN(v) || math.IsInf(v, 0) { // 0/0: nothing was counted
		return 0, false, signal.TraceID{}, nil
	}
	return v, true, o.exemplar(ctx, query, at, v), nil
}

func (o observer) exemplar(ctx context.Context, query string, at time.Time, v float64) signal.TraceID {
	db, err := o.s.metrics("")
	if err != nil {
		return signal.TraceID{}
	}
	all, err := db.Exemplars(ctx, query, signal.Window{From: at.Add(-exemplarWindow), To: at.Add(time.Second)})
	if err != nil {
		return signal.TraceID{} // the value stands without one
	}
	var best signal.Exemplar
	for _, e := range all {
		if e.TraceID.IsZero() {
			continue
		}
		slow, bestSlow := e.V >= v/2, best.V >= v/2
		if best.TraceID.IsZero() || slow && !bestSlow || slow == bestSlow && e.T.After(best.T) {
			best = e
		}
	}
	return best.TraceID
}

// LoadStat is a statistic of the load that runs; ok is false when none of our own does.
func (o observer) LoadStat(stat, step string, over time.Duration) (float64, bool, signal.TraceID) {
	o.s.mu.Lock()
	l := o.s.load
	o.s.mu.Unlock()
	if l == nil || l.run == nil {
		return 0, false, signal.TraceID{}
	}
	return l.run.Stat(stat, step, over)
}

// CountLogs counts the records of the last while that match a filter.
func (o observer) CountLogs(_ context.Context, filter string, over time.Duration) (int, signal.TraceID, error) {
	if _, err := store.ParseLogFilter(filter); err != nil {
		return 0, signal.TraceID{}, err
	}
	now := time.Now()
	n, example := o.s.store.CountLogs(signal.LogFilter{Text: filter}, signal.Window{From: now.Add(-over), To: now})
	return n, example, nil
}

// TraceStat is a statistic over the traces of the last while that match a filter.
func (o observer) TraceStat(_ context.Context, filter, stat string, over time.Duration) (float64, bool, signal.TraceID, error) {
	if _, err := store.ParseTraceFilter(filter); err != nil {
		return 0, false, signal.TraceID{}, err
	}
	now := time.Now()
	t := o.s.store.TraceStats(signal.TraceFilter{Text: filter}, signal.Window{From: now.Add(-over), To: now})
	switch stat {
	case "count": // none is a count too
		return float64(t.Count), true, t.Slowest, nil
	case "errors":
		return float64(t.Errors), true, t.Failed, nil
	}
	if t.Count == 0 {
		return 0, false, signal.TraceID{}, nil
	}
	switch stat {
	case "errorRate":
		return float64(t.Errors) / float64(t.Count), true, t.Failed, nil
	case "p50":
		return t.P50.Seconds(), true, t.Slowest, nil
	case "p95":
		return t.P95.Seconds(), true, t.Slowest, nil
	case "p99":
		return t.P99.Seconds(), true, t.Slowest, nil
	case "max":
		return t.Max.Seconds(), true, t.Slowest, nil
	}
	return 0, false, signal.TraceID{}, fmt.Errorf("there is no trace statistic %q: take count, errors, errorRate, p50, p95, p99 or max", stat)
}

// ProcessState is how the system's supervisor sees a process.
func (o observer) ProcessState(name string) (string, bool) {
	if sys := o.s.System(); sys != nil {
		for _, p := range sys.Processes() {
			if p.Name == name {
				return p.State, true
			}
		}
	}
	return "", false
}
