package remote

import (
	"sort"
	"time"

	"gameday/engine/load"
)

// Identity says whose figures they are: the labels of every series.
type Identity struct {
	Plan  string
	Run   string // the same for all parts of a run, another for each run
	Shard string // "3/20"
}

// RunOf is the name of a run that began at an instant, for runs that were given none: parts that begin at one instant
// have one name without having talked to each other.
func RunOf(started time.Time) string { return started.UTC().Format("2006-01-02T15:04:05Z") }

// label is one label of a series.
type label struct{ name, value string }

// point is one sample of a series.
type point struct {
	name    string
	labels  []label // sorted by name
	value   float64
	counter bool    // it only grows
	hist    *native // instead of value
}

// The names of the series.
const (
	prefix         = "gameday_load_"
	nameResponse   = prefix + "response_seconds"     // native histogram: from when a request was due
	nameService    = prefix + "service_seconds"      // native histogram: from when it was begun
	nameMax        = prefix + "response_max_seconds" // exactly
	nameRequests   = prefix + "measured_requests_total"
	nameFailures   = prefix + "measured_errors_total"
	nameMissed     = prefix + "missed_total"
	nameSent       = prefix + "sent_total"
	nameRate       = prefix + "rate"
	nameTargetRate = prefix + "target_rate"
	nameInFlight   = prefix + "inflight"
	nameUsers      = prefix + "users"
	nameStarted    = prefix + "started_timestamp_seconds"
	nameReported   = prefix + "reported_timestamp_seconds"
	nameInterval   = prefix + "report_interval_seconds"
	nameElapsed    = prefix + "elapsed_seconds"
	namePlanned    = prefix + "planned_seconds" // 0: until it is stopped
	nameMeasured   = prefix + "measured_seconds"
	nameFinished   = prefix + "finished" // 1 when it has ended and these are its last figures
)

// points are the samples of a snapshot.
func points(id Identity, s *load.Snapshot, every time.Duration) (out []point) {
	common := []label{{"plan", id.Plan}, {"run", id.Run}, {"shard", id.Shard}}
	add := func(p point, more ...label) {
		p.labels = append(append(p.labels, common...), more...)
		sort.Slice(p.labels, func(i, j int) bool { return p.labels[i].name < p.labels[j].name })
		out = append(out, p)
	}
	finished := 0.0
	if s.Finished {
		finished = 1
		s.State.Rate, s.State.Target = 0, 0
	}
	for _, g := range []point{
		{name: nameMissed, value: float64(s.State.Missed), counter: true},
		{name: nameSent, value: float64(s.State.Sent), counter: true},
		{name: nameRate, value: s.State.Rate},
		{name: nameTargetRate, value: s.State.Target},
		{name: nameInFlight, value: float64(s.State.InFlight)},
		{name: nameUsers, value: float64(s.State.Users)},
		{name: nameStarted, value: seconds(s.State.Started)},
		{name: nameReported, value: seconds(s.At)},
		{name: nameInterval, value: every.Seconds()},
		{name: nameElapsed, value: s.State.Elapsed.Seconds()},
		{name: namePlanned, value: s.State.Total.Seconds()},
		{name: nameMeasured, value: s.Measured.Seconds()},
		{name: nameFinished, value: finished},
	} {
		add(g)
	}
	for i := range s.Steps {
		st := &s.Steps[i]
		of := []label{{"scenario", st.Scenario}, {"step", st.Name}}
		if st.Group {
			of = append(of, label{"group", "true"})
		}
		with := func(name, value string) []label { return append(append([]label(nil), of...), label{name, value}) }
		add(point{name: nameResponse, hist: newNative(st.Response)}, of...)
		add(point{name: nameService, hist: newNative(st.Service)}, of...)
		add(point{name: nameMax, value: st.Response.Max().Seconds()}, of...)
		for class, n := range st.Classes {
			add(point{name: nameRequests, value: float64(n), counter: true}, with("status", class)...)
		}
		for kind, n := range st.Kinds {
			add(point{name: nameFailures, value: float64(n), counter: true}, with("kind", kind.String())...)
		}
	}
	return out
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }
