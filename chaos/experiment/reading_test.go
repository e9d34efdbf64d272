package experiment_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/chaos/experiment"
	"gameday/chaos/probe"
	"gameday/sources/signal"
)

// A report is made of the readings: every one of them is told, with its judgement and its time.
func TestEveryReadingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.config(parse(t, slow))
		var told []probe.Reading
		failed := 0
		c.Reading = func(name string, r probe.Reading, check signal.Check) {
			if name != "p95" {
				return
			}
			told = append(told, r)
			if check == signal.CheckFailed {
				failed++
				require.Equal(t, badTrace, r.TraceID)
			}
		}
		res := experiment.Run(t.Context(), c)
		require.Len(t, told, len(res.State.Probes[0].History))
		require.Greater(t, failed, 5)
		for i := 1; i < len(told); i++ {
			require.True(t, told[i].At.After(told[i-1].At))
		}
	})
}

// While a bad reading is tolerated, the phase is neither passed nor failed: nobody sees "passed" beside a value that is bad.
func TestABadReadingThatIsToleratedIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, err := experiment.New(w.config(parse(t, with(slow, `expect: "< 200ms"}`, `expect: "< 200ms", tolerate: 6s}`))))
		require.NoError(t, err)
		over := make(chan experiment.Result, 1)
		go func() { over <- r.Run(t.Context()) }()
		seen := map[signal.Check]int{}
		for {
			select {
			case res := <-over:
				require.Equal(t, signal.CheckFailed, res.State.Probes[0].During)
				require.Positive(t, seen[signal.CheckPending], "the first bad readings are tolerated")
				require.Positive(t, seen[signal.CheckFailed])
				require.Zero(t, seen[signal.CheckPassed])
				return
			case <-time.After(100 * time.Millisecond):
			}
			if s := r.State(); s.Phase == signal.PhaseDuring && s.Probes[0].Now == signal.CheckFailed {
				seen[s.Probes[0].During]++
			}
		}
	})
}
