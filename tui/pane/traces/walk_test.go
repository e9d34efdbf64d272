package traces

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
	"gameday/tui/widget/panetest"
)

func TestFromATraceToItsOrderAndItsFault(t *testing.T) {
	f := tuitest.SampleFrame()
	f.Focus = signal.CorrelationID(tuitest.SampleTrace.String())
	ctx := panetest.Context(t, f, 100, 20)
	p := New(nil)
	require.Contains(t, panetest.Text(p, ctx), "meanwhile payment +800ms Checkout survives a slow payment provider")
	require.Contains(t, p.Keys(ctx), keymap.Walk)
	walk, ok := panetest.Do(p, ctx, keymap.Walk).(pane.WalkMsg)
	require.True(t, ok)
	require.Len(t, walk.Steps, 3)
	require.Equal(t, pane.FocusMsg{ID: "ord-20931"}, walk.Steps[0].Msg)
	require.Equal(t, "carried 2 times", walk.Steps[0].Hint)
	require.Equal(t, "attribute order_id of the span checkout place order", walk.Steps[0].Why)
	require.Equal(t, pane.EventMsg{ID: f.Meanwhile[1].ID, At: f.Meanwhile[1].Start}, walk.Steps[2].Msg)
	require.Contains(t, walk.Steps[2].Why, "before this")
	for range 3 { // orders' span is the last but for lines
		panetest.Do(p, ctx, keymap.Bottom)
	}
	panetest.Check(t, p, panetest.Context(t, f, 40, 3), "low")
}

func TestFromAListedTraceToTheFaultOfItsTime(t *testing.T) {
	f := tuitest.SampleFrame()
	ctx := panetest.Context(t, f, 100, 20)
	walk, ok := panetest.Do(New(nil), ctx, keymap.Walk).(pane.WalkMsg)
	require.True(t, ok)
	require.Equal(t, pane.OpenTraceMsg{ID: f.Traces[0].ID}, walk.Steps[0].Msg)
	require.Equal(t, "payment +800ms", walk.Steps[1].Title)
	require.Len(t, walk.Steps, 2)
}
