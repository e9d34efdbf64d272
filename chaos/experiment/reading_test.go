package experiment_test

import (
	"testing"
	"testing/synctest"

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
