package engine

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/sources/signal"
)

// The recording of the slow payment shows, at the instant looked at and however it was reached, the fault on the call that it acts
// on, that call as the worst, and beside a healthy request the same call as what took the time.
func TestAReplayHasTheMapAndTheComparison(t *testing.T) {
	r, err := OpenReplay(t.Context(), filepath.Join("..", "testdata", "recordings", "payment-slow.gameday"), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	at := func(d time.Duration) signal.View {
		to := r.Span().From.Add(d)
		return signal.View{Window: signal.Window{From: to.Add(-time.Minute), To: to}, Map: true, Traces: signal.TraceFilter{Order: signal.TracesSlowest}}
	}
	late := r.Frame(at(50 * time.Second))
	require.NotNil(t, late.Map)
	worst := late.Map.Calls[late.Map.Worst]
	require.Equal(t, [2]string{"checkout", "payment"}, [2]string{worst.From, worst.To})
	require.Greater(t, worst.P95, 700*time.Millisecond)
	on := func(m *signal.ServiceMap) (active []string) {
		for _, f := range m.Faults {
			if f.Active {
				active = append(active, f.From+">"+f.To)
			}
		}
		return active
	}
	require.Equal(t, []string{"checkout>payment"}, on(late.Map))
	early := r.Frame(at(30 * time.Second))
	require.Empty(t, on(early.Map), "it was not in force yet")
	again := r.Frame(at(50 * time.Second))
	require.Equal(t, late.Map.Calls, again.Map.Calls)
	require.Equal(t, late.Map.Faults, again.Map.Faults)

	v := at(50 * time.Second)
	v.Compare = signal.CompareAsk{B: worst.Examples[0].Trace, Typical: true}
	c := r.Frame(v).Compare
	require.Empty(t, c.Err)
	require.Contains(t, c.How, "healthy requests of the baseline")
	top := c.Rows[c.Top[0]]
	require.Equal(t, "checkout", top.B.Span.Service)
	require.Contains(t, top.B.Span.Name, "Payment/Charge")
	require.True(t, top.A != nil && top.Self > 600*time.Millisecond)
	require.True(t, slices.ContainsFunc(late.Traces, func(s signal.TraceSummary) bool { return s.ID == c.B.ID }))
	require.Nil(t, r.Frame(at(40*time.Second)).Compare, "nobody asked")
}
