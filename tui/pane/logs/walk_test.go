package logs

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gameday/keymap"
	"gameday/sources/signal"
	"gameday/tui/pane"
	"gameday/tui/tuitest"
	"gameday/tui/widget/panetest"
)

func TestALineIsWalkedOnFromAndSaysWhy(t *testing.T) {
	f := tuitest.SampleFrame()
	last := &f.Logs[len(f.Logs)-1]
	last.Attrs = signal.Attrs{{Key: "Order_ID", Value: "ord-1"}, {Key: "request_id", Value: "req-1"}, {Key: "joined_by", Value: "request_id in the text"}, {Key: "zone", Value: "eu"}}
	ctx := panetest.Context(t, f, 100, 20)
	p := New(nil, nil)
	require.Contains(t, p.Keys(ctx), keymap.Walk)
	walk, ok := panetest.Do(p, ctx, keymap.Walk).(pane.WalkMsg)
	require.True(t, ok)
	require.Len(t, walk.Steps, 4)
	require.Equal(t, pane.OpenTraceMsg{ID: last.TraceID}, walk.Steps[0].Msg)
	require.Equal(t, "attribute Order_ID of the line", walk.Steps[1].Why)
	require.Equal(t, pane.FocusMsg{ID: "ord-1"}, walk.Steps[1].Msg)
	require.Equal(t, "read out of the line: request_id in the text", walk.Steps[2].Why)
	require.Equal(t, "payment +800ms", walk.Steps[3].Title)
}

func TestALineWithOnlyAConfiguredFieldIsFocused(t *testing.T) {
	f := tuitest.SampleFrame()
	last := &f.Logs[len(f.Logs)-1]
	last.TraceID, last.Attrs = signal.TraceID{}, signal.Attrs{{Key: "order_id", Value: "ord-1"}}
	ctx := panetest.Context(t, f, 100, 20)
	require.Equal(t, pane.FocusMsg{ID: "ord-1"}, panetest.Do(New(nil, nil), ctx, keymap.FocusIt))
	last.Attrs = nil
	f.Events = nil
	p := New(nil, nil)
	require.NotContains(t, p.Keys(ctx), keymap.Walk)
	said, ok := panetest.Do(p, ctx, keymap.Walk).(pane.StatusMsg)
	require.True(t, ok)
	require.Contains(t, said.Text, "order_id, request_id", "what was looked for is said")
}
