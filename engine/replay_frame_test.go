package engine

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/engine/record"
	"gameday/sources/signal"
)

// Whatever a frame shows is in a recording, and gets from there into the frame of a replay. What a new field of Frame shows
// becomes a part of record.State, or is made anew by a replay, or is said here not to belong into one.
func TestWhateverAFrameShowsIsRecorded(t *testing.T) {
	elsewhere := map[string]string{
		"System": "meta", "Environment": "meta", "Window": "the view", "Now": "the view", "Focus": "the view",
		"Headline": "samples", "Metrics": "samples", "Board": "samples, with dashboards from the settings", "Events": "events", "Meanwhile": "events", "Fields": "meta",
		"Logs": "records", "LogsTotal": "records", "LogsNear": "records", "LogsPartial": "records", "LogsErr": "records", "LogsWords": "records", "LogPage": "records", "More": "spans",
		"Around": "records", "Such": "records", "Patterns": "records", "PatternsSince": "events",
		"Catalog": "what the machine that recorded could do; nothing can be started in a replay", "Runs": "kept by that machine, not of this session",
		"Report": "as the runs", "Definitions": "files of that machine; a replay lists no experiments",
		"Map": "spans", "Compare": "spans", "Traces": "spans", "TracesTotal": "spans", "TracesPartial": "spans", "TracesErr": "spans", "Detail": "spans",
		"Lookup": "what the live sources were asked about another view's focus; a replay asks nobody",
		"People": "who looked at the session, not at its recording; comings and goings are events",
	}
	st := record.State{
		Experiment: &signal.ExperimentState{Name: "x"}, Load: &signal.LoadState{Name: "l", Started: time.Now()}, Faults: []signal.FaultState{{ID: "f"}},
		Health: []signal.SourceHealth{{Name: "otlp"}}, Processes: []signal.Process{{Name: "cart"}}, Switches: []signal.Switch{{Name: "patterns"}},
		Store: signal.StoreStats{MetricSeries: 3}, SLOs: []signal.SLO{{Name: "fast"}}, Scorecard: &signal.Scorecard{Grade: "B"}, Host: []signal.Resource{{Name: "CPU"}},
		Incidents: []signal.Incident{{ID: "INC-1"}},
	}
	path := filepath.Join(t.TempDir(), "r.gameday")
	rec, err := record.Create(path, record.Config{Meta: record.Meta{System: "shop", Started: time.Now()}, State: func() record.State { return st }})
	require.NoError(t, err)
	rec.Batch(signal.Batch{Logs: []signal.Record{{Time: time.Now(), Body: "up"}}})
	require.NoError(t, rec.Close())
	r, err := OpenReplay(t.Context(), path, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	span := r.Span()
	replayed := reflect.ValueOf(*r.Frame(signal.View{Window: span}))
	require.NoError(t, r.Err())

	state := reflect.ValueOf(st)
	for i := range replayed.NumField() {
		name := replayed.Type().Field(i).Name
		if elsewhere[name] != "" {
			continue
		}
		kept := state.FieldByName(name)
		require.True(t, kept.IsValid(), "Frame.%s is not in record.State: a replay would not show it", name)
		require.False(t, kept.IsZero(), "the test leaves State.%s empty", name)
		require.False(t, replayed.Field(i).IsZero(), "Frame.%s is recorded, and a replay does not show it", name)
	}
}
