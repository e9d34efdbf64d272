package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/pattern"
	"gameday/sources/signal"
	"gameday/sources/store"
)

func TestWhenTheTroubleBegan(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	run := func(s int) *signal.ExperimentState { return &signal.ExperimentState{Started: at(s)} }
	armed := func(s int) signal.FaultState { return signal.FaultState{Injected: at(s), Phase: signal.FaultArmed} }
	undone := func(s int) signal.FaultState { return signal.FaultState{Injected: at(s), Phase: signal.FaultUndone} }
	for name, c := range map[string]struct {
		f    signal.Frame
		want time.Time
	}{
		"nothing":           {},
		"planned":           {f: signal.Frame{Faults: []signal.FaultState{{}}}},
		"a run":             {f: signal.Frame{Experiment: run(10)}, want: at(10)},
		"its first fault":   {f: signal.Frame{Experiment: run(10), Faults: []signal.FaultState{undone(30), undone(20), undone(5)}}, want: at(20)},
		"what is in force":  {f: signal.Frame{Experiment: run(10), Faults: []signal.FaultState{armed(40), armed(50), undone(20)}}, want: at(40)},
		"by hand, and over": {f: signal.Frame{Faults: []signal.FaultState{undone(3), undone(7)}}, want: at(7)},
	} {
		require.True(t, c.want.Equal(troubleBegan(&c.f, at(100))), name)
	}
	later := signal.Frame{Experiment: run(10), Faults: []signal.FaultState{armed(40), undone(20)}}
	require.True(t, at(20).Equal(troubleBegan(&later, at(30))), "what began after the instant that is looked at had not begun")
	require.True(t, at(10).Equal(troubleBegan(&later, at(15))))
	require.True(t, troubleBegan(&later, at(5)).IsZero())
}

// BenchmarkFrameWithPatterns makes frames with patterns while 1,000,000 records are held.
func BenchmarkFrameWithPatterns(b *testing.B) {
	st, err := store.New(store.Config{})
	require.NoError(b, err)
	p := newPatterns(pattern.Config{}, patternsEvery)
	now := time.Now()
	batch := make([]signal.Record, 0, 500)
	for i := range 1_000_000 {
		batch = append(batch, signal.Record{Time: now.Add(time.Duration(i-1_000_000) * 250 * time.Microsecond), Service: fmt.Sprintf("s%d", i%20), Severity: signal.SeverityInfo,
			Body: fmt.Sprintf("%c%c step %d took %dms", 'a'+i/20%20, 'a'+i/400%5, i, i%700)})
		if len(batch) == cap(batch) {
			st.Add(signal.Batch{Logs: batch})
			p.add(batch)
			batch = batch[:0]
		}
	}
	require.EqualValues(b, 1_000_000, st.Stats().Logs.Held)
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("patterns=%t", with), func(b *testing.B) {
			for b.Loop() {
				p.made = time.Time{} // as if the last picture were old: the dearest frame
				v := signal.View{Window: signal.Window{From: now.Add(-5 * time.Minute), To: now}, Live: true, Patterns: with}
				f := st.Frame(v)
				p.fill(f, v)
				if with {
					require.NotEmpty(b, f.Patterns)
				}
			}
		})
	}
}
