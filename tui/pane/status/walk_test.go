package status

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
)

func TestFromAFaultToTracesOfItsTime(t *testing.T) {
	f := tuitest.SampleFrame()
	ctx := context(t, f, 100, 20)
	p := Events()
	fault := f.Events[4]
	p.Update(ctx, pane.EventMsg{ID: fault.ID, At: fault.Start})
	walk, ok := p.Update(ctx, pane.ActionMsg{Action: keymap.Walk})().(pane.WalkMsg)
	require.True(t, ok)
	last := walk.Steps[len(walk.Steps)-1]
	require.Equal(t, pane.DuringMsg{Window: signal.Window{From: fault.Start, To: f.Window.To}, What: fault.Title}, last.Msg)
	require.Len(t, walk.Steps, 9, "eight examples, and all of them")
	first := walk.Steps[0]
	require.Contains(t, first.Title, "failed")
	var failed []time.Duration
	for _, tr := range f.Traces {
		if tr.Errors > 0 && tr.Start.Add(tr.Duration).After(fault.Start) {
			failed = append(failed, tr.Duration)
		}
	}
	require.NotEmpty(t, failed)
	slowest := failed[0]
	for _, d := range failed {
		slowest = max(slowest, d)
	}
	require.Contains(t, first.Title, slowest.String())
}

func TestTheCursorWaitsForItsEvent(t *testing.T) {
	f := tuitest.SampleFrame()
	fault := f.Events[4]
	before := *f
	before.Events = f.Events[:3]
	p := Events()
	p.Update(context(t, &before, 100, 20), pane.EventMsg{ID: fault.ID})
	p.View(context(t, &before, 100, 20))
	ctx := context(t, f, 100, 20)
	p.View(ctx)
	require.Equal(t, pane.MomentMsg{At: fault.Start}, p.Update(ctx, pane.ActionMsg{Action: keymap.Open})())
	later := *f // time was turned back to the fault: newer events are gone, and rows above it with them
	later.Events = f.Events[:5]
	ctx = context(t, &later, 100, 20)
	require.Equal(t, pane.MomentMsg{At: fault.Start}, p.Update(ctx, pane.ActionMsg{Action: keymap.Open})())
	p.Update(ctx, pane.ActionMsg{Action: keymap.Down})
	require.NotEqual(t, pane.MomentMsg{At: fault.Start}, p.Update(ctx, pane.ActionMsg{Action: keymap.Open})(), "the operator moves on")
}

func TestSilenceNamesTheAlertUnderTheCursor(t *testing.T) {
	f := tuitest.SampleFrame()
	labels := signal.Attrs{{Key: "alertname", Value: "PaymentSlow"}}
	f.Events = append(f.Events, signal.Event{ID: 20, Start: f.Now, Open: true, Kind: signal.EventAlert, Title: "PaymentSlow", Attrs: labels})
	ctx := context(t, f, 100, 10)
	require.Contains(t, Alerts().Keys(ctx), keymap.Silence)
	require.Equal(t, pane.SilenceMsg{Title: "PaymentSlow", Match: labels}, Alerts().Update(ctx, pane.ActionMsg{Action: keymap.Silence})())
	none := context(t, tuitest.Calm(), 100, 10)
	require.Equal(t, pane.SilenceMsg{}, Alerts().Update(none, pane.ActionMsg{Action: keymap.Silence})(), "silences can be listed without an alert")
	require.Nil(t, Events().Update(ctx, pane.ActionMsg{Action: keymap.Silence}))
}
