package metrics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/pane/metrics"
	"gameday/tui/widget/panetest"
	"gameday/tui/widget/sample"
)

func TestGolden(t *testing.T) {
	panetest.Golden(t, func(ctx pane.Context) pane.Pane {
		p := metrics.New()
		panetest.Do(p, ctx, keymap.Exemplars)
		return p
	})
}

func TestExemplarsLeadToTraces(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 98, 21)
	p := metrics.New()
	list := f.Metrics[0].Series[0].Exemplars // newest first in the sample
	require.Nil(t, panetest.Do(p, ctx, keymap.Right))
	require.Equal(t, pane.OpenTraceMsg{ID: list[0].TraceID}, panetest.Do(p, ctx, keymap.Open), "the first step picks the newest")
	panetest.Do(p, ctx, keymap.Left)
	require.Equal(t, pane.FocusMsg{ID: signal.CorrelationID(list[1].TraceID.String())}, panetest.Do(p, ctx, keymap.FocusIt))
	require.Contains(t, panetest.Text(p, ctx), "trace "+list[1].TraceID.Short())
	require.Contains(t, p.Keys(ctx), keymap.Leave)
	panetest.Do(p, ctx, keymap.Leave)
	require.NotContains(t, panetest.Text(p, ctx), "trace "+list[1].TraceID.Short())
	require.IsType(t, pane.StatusMsg{}, panetest.Do(p, ctx, keymap.FocusIt))
}

func TestExemplarsActionGoesFromSlowestDown(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 98, 21)
	p := metrics.New()
	byID := map[signal.TraceID]float64{}
	for _, e := range f.Metrics[0].Series[0].Exemplars {
		byID[e.TraceID] = e.V
	}
	last, seen := 1e9, map[signal.TraceID]bool{}
	for range byID {
		require.Nil(t, panetest.Do(p, ctx, keymap.Exemplars))
		id := panetest.Do(p, ctx, keymap.Open).(pane.OpenTraceMsg).ID
		require.False(t, seen[id])
		require.LessOrEqual(t, byID[id], last)
		last, seen[id] = byID[id], true
	}
	panetest.Do(p, ctx, keymap.Exemplars)
	require.True(t, seen[panetest.Do(p, ctx, keymap.Open).(pane.OpenTraceMsg).ID], "from the smallest it starts over")
}

// TestThePickStaysWithItsExemplar although every frame brings a new list.
func TestThePickStaysWithItsExemplar(t *testing.T) {
	f := sample.Frame()
	ctx := panetest.Context(t, f, 98, 21)
	p := metrics.New()
	panetest.Do(p, ctx, keymap.Right)
	want := panetest.Do(p, ctx, keymap.Open)
	next := sample.Frame()
	s := &next.Metrics[0].Series[0]
	s.Exemplars = append([]signal.Exemplar{{T: sample.Now, V: 0.4, TraceID: sample.TraceID(9)}}, s.Exemplars...)
	ctx.Frame = next
	require.Equal(t, want, panetest.Do(p, ctx, keymap.Open))
	s.Exemplars = nil // it has left the window
	require.NotPanics(t, func() { p.View(ctx) })
	require.IsType(t, pane.StatusMsg{}, panetest.Do(p, ctx, keymap.Right))
}

func TestEnlargeFilterAndMove(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 98, 21)
	p := metrics.New()
	require.Equal(t, "metrics 1-4 of 6", p.Title(ctx))
	panetest.Do(p, ctx, keymap.Down)
	panetest.Do(p, ctx, keymap.Open)
	text := panetest.Text(p, ctx)
	require.Contains(t, text, "requests")
	require.NotContains(t, text, "latency p95")
	require.Equal(t, "metrics 2 of 6", p.Title(ctx))
	panetest.Do(p, ctx, keymap.Leave)
	require.Contains(t, panetest.Text(p, ctx), "latency p95")
	panetest.Do(p, ctx, keymap.Bottom)
	require.Contains(t, panetest.Text(p, ctx), "queue depth")
	p.Update(ctx, pane.FilterMsg{Text: "E -queue -lat -mem -req"})
	text = panetest.Text(p, ctx)
	require.Contains(t, text, "errors")
	require.NotContains(t, text, "queue")
	p.Update(ctx, pane.FilterMsg{Text: "nonsense"})
	require.Contains(t, panetest.Text(p, ctx), `No chart matches "nonsense"`)
}

func TestFaultsAreBands(t *testing.T) {
	f := sample.Frame()
	bands := metrics.Bands(f)
	require.Len(t, bands, 2, "probe events are not faults")
	require.Equal(t, f.Window.To, bands[1].To, "one that goes on reaches to the end")
}

// TestClicksFindWhatIsDrawn: wherever the mouse clicks, the pane goes on; twice on an exemplar opens its trace.
func TestClicksFindWhatIsDrawn(t *testing.T) {
	ctx := panetest.Context(t, sample.Frame(), 98, 21)
	p := metrics.New()
	opened := 0
	p.View(ctx)
	for y := range 11 { // the first chart
		for x := range ctx.Width / 2 {
			cmd := p.Update(ctx, pane.ClickMsg{X: x, Y: y, Double: true})
			if cmd != nil {
				if _, ok := cmd().(pane.OpenTraceMsg); ok {
					opened++
				}
			}
			panetest.Do(p, ctx, keymap.Leave)
			panetest.Do(p, ctx, keymap.Leave)
			p.View(ctx)
		}
	}
	require.Greater(t, opened, 4)
}
